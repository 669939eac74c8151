"""The command line settles how torch's threads wait before the OpenMP runtime is there; what was settled stays."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.openmp import SPINS
from tests.patience import PATIENCE

BEGIN = "from slmtui.cli import main; main(['runs']); "
IMPORT_TORCH = "import torch"
LOAD_RUNTIME = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"  # what importing torch comes to, in a tenth of the time


def openmp_runtime() -> str:
    """Where torch keeps the OpenMP runtime that it loads."""
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    (library,) = Path(torch.origin).with_name("lib").glob("libgomp*")
    return str(library)


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is what torch comes with on Linux")
@pytest.mark.parametrize(
    ("before", "load", "after"),
    [
        ({}, IMPORT_TORCH, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}),
        ({"GOMP_SPINCOUNT": "77"}, LOAD_RUNTIME, {"GOMP_SPINCOUNT": "77"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, LOAD_RUNTIME, {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "30000000000"}),
    ],
)
def test_how_threads_wait(tmp_path: Path, before: dict[str, str], load: str, after: dict[str, str]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + load, openmp_runtime()], cwd=tmp_path, capture_output=True,
        text=True, check=True, timeout=PATIENCE, env=environment | before | {"OMP_DISPLAY_ENV": "verbose"},
    )  # fmt: skip
    settings = dict(line.strip().split(" = ", 1) for line in done.stderr.splitlines() if " = " in line)
    assert {key: settings[key].strip("'") for key in after} == after
