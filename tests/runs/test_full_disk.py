"""A disk that refuses, at every write there is, and memory that runs out: never a broken checkpoint, never a traceback.

Refused in three ways: each system call made to fail in turn, files that may not grow beyond so many bytes (which cuts
writes short in their middle, inside of torch.save, too), and a small file system where one can be mounted.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from slmtui.cli import main
from slmtui.config.phase import Phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.model.gpt import GPT
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run, all_runs
from slmtui.session import begin, resume
from slmtui.training import events
from slmtui.training.events import Event
from tests.conftest import MakePhase

SHORT = (
    "training.max_iters=2", "evaluation.interval=2", "model.n_layer=1", "model.n_embd=8", "model.dropout=0.1",
    "sampling.prompts=[]",
)  # fmt: skip
CALLS = ("open", "write", "fsync", "ftruncate", "replace", "mkdir")


def story(run: Run) -> list[Event]:
    return [event for event in run.events() if not isinstance(event, events.Resumed)]


def train_until_refused(phase: Phase, checkpoints: Path) -> str | None:
    """Train; the message if it could not be done to the end."""
    try:
        session = begin(phase, checkpoints)
        for _ in session.events:
            pass
    except (TrainingFailed, UserError) as error:
        return str(error)
    return None


def check_what_is_left(checkpoints: Path, whole: list[Event]) -> None:
    """Whatever is there can be read, and a run goes on to the end that it would have had."""
    for run in all_runs(checkpoints):
        for path in (run.last_file, run.best_file):
            if path.exists():
                load_checkpoint(path)
        assert not run.is_alive()
        before = list(run.events()) if run.log_file.exists() else []
        if before and isinstance(before[-1], events.RunFinished) and before[-1].reason == "completed":
            continue
        for _ in resume(run).events:
            pass
        assert story(run) == whole
        assert load_checkpoint(run.last_file).step == 2
        assert not list(run.folder.glob(".*.draft"))


@pytest.fixture
def whole(make_phase: MakePhase, tmp_path: Path) -> list[Event]:
    """What an undisturbed training says."""
    session = begin(make_phase(*SHORT), tmp_path / "whole")
    return list(session.events)


@contextmanager
def refusing_after(
    calls: int, code: int, below: Path, monkeypatch: pytest.MonkeyPatch, *, only: bool = False
) -> Iterator[Callable[[], bool]]:
    """Let so many changes below a folder succeed, and every one after them fail, or the next one `only`.

    Yields whether any was refused.
    """
    left, refused = calls, False

    def refuse(*arguments: Any) -> None:
        nonlocal left, refused
        left -= 1
        if left == -1 or (left < 0 and not only):
            refused = True
            raise OSError(code, os.strerror(code))

    def guarded(name: str, honest: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *arguments: Any, **settings: Any) -> Any:
            path = str(Path(f"/proc/self/fd/{target}").readlink()) if isinstance(target, int) else str(target)
            reading = name == "open" and not arguments[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if path.startswith(str(below)) and not reading:
                refuse()
            return honest(target, *arguments, **settings)

        return call

    def saving(honest: Callable[..., None]) -> Callable[..., None]:
        def save(*arguments: Any) -> None:
            refuse()
            honest(*arguments)

        return save

    with monkeypatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, guarded(name, getattr(os, name)))
        patched.setattr(torch, "save", saving(torch.save))
        yield lambda: refused


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO], ids=lambda c: errno.errorcode[c])
def test_every_call_may_fail(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[Event], code: int
) -> None:
    phase = make_phase(*SHORT)
    # Every single call for a full disk; for the other codes, which take the same ways, some of them.
    for calls in range(0, 1000, 1 if code == errno.ENOSPC else 7):
        checkpoints = tmp_path / f"after-{calls}"
        with refusing_after(calls, code, checkpoints, monkeypatch) as refused:
            message = train_until_refused(phase, checkpoints)
        if not refused():
            break
        assert message is None or os.strerror(code) in message
        check_what_is_left(checkpoints, whole)
    assert calls > 20


def test_a_single_call_may_fail(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[Event]
) -> None:
    """One call fails and all later ones succeed, such as the fsync of a folder into which a file was moved."""
    phase = make_phase(*SHORT)
    for calls in range(1000):
        checkpoints = tmp_path / f"but-{calls}"
        with refusing_after(calls, errno.EIO, checkpoints, monkeypatch, only=True) as refused:
            message = train_until_refused(phase, checkpoints)
        if not refused():
            break
        assert message is None or os.strerror(errno.EIO) in message
        check_what_is_left(checkpoints, whole)
    assert calls > 20


def test_a_single_call_may_fail_while_a_run_is_resumed(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[Event]
) -> None:
    session = begin(make_phase(*SHORT), tmp_path / "begun")
    for event in session.events:
        if isinstance(event, events.Checkpoint) and event.kind == "last":
            break
    session.events.close()  # type: ignore[attr-defined]
    for calls in range(0, 1000, 3):
        checkpoints = tmp_path / f"but-{calls}"
        shutil.copytree(tmp_path / "begun", checkpoints)
        refusing = refusing_after(calls, errno.EIO, checkpoints, monkeypatch, only=True)
        with refusing as refused, suppress(TrainingFailed, UserError):
            for _ in resume(Run(checkpoints / session.run.name)).events:
                pass
        if not refused():
            break
        check_what_is_left(checkpoints, whole)
    assert calls > 10


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_cannot_grow(make_phase: MakePhase, tmp_path: Path, whole: list[Event]) -> None:
    phase = make_phase(*SHORT)
    messages = set()
    for size in (0, 10, 700, 1500, 1703, 2000, 2345, 2600, 3500, 5000, 10_000, 25_000, 30_000, 40_000, 60_000):
        with files_of_at_most(size):
            messages.add(message := train_until_refused(phase, tmp_path / f"at-most-{size}"))
        assert message is None or "File too large" in message
        check_what_is_left(tmp_path / f"at-most-{size}", whole)
    assert len(messages) > 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many KiB, where that is allowed."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / f"disk-{size}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full(
    make_phase: MakePhase, small_disk: Callable[[int], Path], whole: list[Event], tmp_path: Path
) -> None:
    phase = make_phase(*SHORT)
    outcomes = set()
    for size in (4, 8, 12, 16, 20, 40, 60, 80, 100, 140, 200):
        disk = small_disk(size)
        outcomes.add(message := train_until_refused(phase, disk / "checkpoints"))
        assert message is None or "No space left" in message
        if (disk / "checkpoints").exists():  # room is made: taken elsewhere, it goes on
            shutil.copytree(disk / "checkpoints", tmp_path / f"roomy-{size}")
            check_what_is_left(tmp_path / f"roomy-{size}", whole)
    assert None in outcomes
    assert len(outcomes) > 2


def test_a_failed_write_is_status_3_and_stands_in_the_log(
    make_phase: MakePhase,
    tmp_path: Path,
    tiny_toml: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)
    save = torch.save

    def full(record: dict[str, Any], file: Any) -> None:
        if record["step"] > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(record, file)

    monkeypatch.setattr(torch, "save", full)
    assert main(["--headless", "tiny.toml"]) == 3
    err = capsys.readouterr().err
    assert "last.pt: could not be saved (No space left on device); what was saved before is intact" in err
    run = Run(tmp_path / "checkpoints" / "tiny-001")
    *_, warning, finished = run.events()
    assert isinstance(warning, events.Warned)
    assert "No space left" in warning.message
    assert isinstance(finished, events.RunFinished)
    assert run.state(finished) == "failed"
    assert {e.step for e in run.events() if isinstance(e, events.Checkpoint)} == {0, 4}
    assert load_checkpoint(run.last_file).step == 4
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["--headless", "--resume", "latest"]) == 0


def cpu_refusal() -> RuntimeError:
    """torch's own words, whatever they are in this version."""
    try:
        torch.empty(1 << 50)
    except RuntimeError as error:
        return error
    raise AssertionError("a petabyte was there")


@pytest.mark.parametrize(
    "refusal",
    [cpu_refusal(), MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")],
    ids=lambda e: type(e).__name__,
)
def test_out_of_memory_is_status_3_with_a_proposal(
    tmp_path: Path,
    tiny_toml: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refusal: Exception,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)
    honest, left = GPT.loss, 30

    def loss(self: GPT, *arguments: Any, **settings: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise refusal
        return honest(self, *arguments, **settings)

    monkeypatch.setattr(GPT, "loss", loss)
    assert main(["--headless", "tiny.toml", "--set", "training.max_iters=500"]) == 3
    err = capsys.readouterr().err
    assert "out of memory" in err
    assert "--set training.accumulate=2" in err
    assert "Traceback" not in err
    run = Run(tmp_path / "checkpoints" / "tiny-001")
    assert load_checkpoint(run.last_file).step % 4 == 0
    monkeypatch.setattr(GPT, "loss", honest)
    session = resume(run)
    next(session.events)


def test_a_model_too_large_to_begin_with_is_status_3(
    tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)

    def refuse(*_: Any, **__: Any) -> None:
        raise cpu_refusal()

    monkeypatch.setattr(torch.nn.Linear, "__init__", refuse)
    assert main(["--headless", "tiny.toml"]) == 3
    assert "out of memory (tried to allocate" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()
