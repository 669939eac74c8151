"""What numba compiles, it keeps beside the source: a run of several processes has it compiled once, in one of its own.

In a fresh checkout each of them, and each slmtui that a test starts, would otherwise spend 12 s or more on the same.
It happens while they collect the tests; then they wait for it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KERNELS = (  # a source, and functions of it that are compiled last
    ("slmtui/data/context_mixing/kernels.py", ("read", "distribution")),
    ("slmtui/model/copy_kernels.py", ("copying", "copying_backward")),
)
LOCK = pytest.StashKey[str]()  # the file that is locked while it compiles


def is_kept() -> bool:
    """Whether the newest source is older than what was made of it; looks at files alone, and imports no numba."""
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    for name, functions in KERNELS:
        source = ROOT / name
        kept = source.parent / "__pycache__"
        for function in functions:
            indices = kept.glob(f"{source.stem}.{function}-*.{version}*.nbi")
            if all(index.stat().st_mtime < source.stat().st_mtime for index in indices):
                return False
    return True


def pytest_configure(config: pytest.Config) -> None:
    """In the process that has others run the tests: compile what is not kept, in a process that holds the lock."""
    if hasattr(config, "workerinput"):
        config.stash[LOCK] = config.workerinput["compiling"]
        return
    config.stash[LOCK] = ""
    if not getattr(config.option, "numprocesses", None) or config.option.collectonly or is_kept():
        return
    with tempfile.NamedTemporaryFile(prefix="slmtui-compiling-", delete=False) as file:
        config.stash[LOCK] = file.name
        fcntl.flock(file, fcntl.LOCK_EX)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        compiler = subprocess.Popen(  # the lock is its own once ours is closed, and ends with it
            [sys.executable, "-m", "tests.compiled"], pass_fds=[file.fileno()], cwd=ROOT, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def end() -> None:
        compiler.terminate()
        compiler.wait()
        Path(file.name).unlink()

    config.add_cleanup(end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["compiling"] = node.config.stash[LOCK]  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def compiled_once(pytestconfig: pytest.Config) -> None:
    """Wait until it is done, however it ended."""
    if path := pytestconfig.stash[LOCK]:
        with Path(path).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)


def main() -> None:
    """Train and complete with all that is compiled."""
    from slmtui.cli import main as slmtui
    from tests.conftest import TINY, write_corpus

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("tiny.toml").write_text(TINY.format(source=write_corpus(Path("corpus"))))
        mixing = ["--set", "model.context_mixing=true", "--set", "model.copy_head=true"]
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
        assert slmtui(["--headless", "tiny.toml", *mixing]) == 0
        assert slmtui(["complete", "latest", "def ", "--tokens", "3"]) == 0


if __name__ == "__main__":
    main()
