"""The command line settles how torch's threads wait before the OpenMP runtime is there; what was settled stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.openmp import SPINS

BEGIN = "from slmtui.cli import main; main(['runs']); import torch"


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is what torch comes with on Linux")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}),
        ({"GOMP_SPINCOUNT": "77"}, {"GOMP_SPINCOUNT": "77"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "30000000000"}),
    ],
)
def test_how_threads_wait(tmp_path: Path, before: dict[str, str], after: dict[str, str]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
        env=environment | before | {"OMP_DISPLAY_ENV": "verbose"},
    )  # fmt: skip
    settings = dict(line.strip().split(" = ", 1) for line in done.stderr.splitlines() if " = " in line)
    assert {key: settings[key].strip("'") for key in after} == after
