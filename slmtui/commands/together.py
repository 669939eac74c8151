"""`--nproc N`: torchrun's own engine starts N processes on this machine, which train together (training/ranks.py)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from slmtui.output import STATUS_FILE, ExitStatus, say, silence

# Of torch: seconds after which it kills processes that are to end. Ours save after their step, however long it is; a
# second signal does not wait for that.
TIMEOUT, LONG = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "3600"


def train_together(n: int, arguments: Sequence[str]) -> ExitStatus:
    """Run `slmtui` with these arguments in n processes; the status is that of the first."""
    import psutil
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault(TIMEOUT, LONG)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=n,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGINT,SIGQUIT",
    )
    logging.disable(logging.ERROR)  # torch's own words for what is told below
    with TemporaryDirectory(prefix="slmtui-") as folder, _other_signals():
        kept = Path(folder, "status")
        os.environ[STATUS_FILE] = str(kept)
        try:
            # -P: the current folder is somebody's corpus, and no file of it may pass for a module of Python's.
            elastic_launch(config, sys.executable)("-P", "-m", "slmtui", *arguments)
        except SignalException:
            for child in psutil.Process().children():  # left where one did not want to wait
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            if not kept.exists():
                say("the first process was killed before it could save; --resume goes on from the last checkpoint")
            return _status(kept, ExitStatus.INTERRUPTED)
        except ChildFailedError as error:
            status = _status(kept, ExitStatus.FAILED)
            if status == ExitStatus.FAILED:
                rank, failure = error.get_first_failure()
                how = f"by {failure.signal_name()}" if failure.exitcode < 0 else f"with status {failure.exitcode}"
                say(f"process {rank} of {n} was ended {how}; what was saved is intact: --resume goes on from there")
            return status
        return _status(kept, ExitStatus.DONE)


@contextmanager
def _other_signals() -> Iterator[None]:
    """Those that end no training, as in a training of one process: SIGUSR1 reaches each, SIGHUP silences a terminal."""
    import psutil

    def pass_on(*_: object) -> None:
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGUSR1)

    before = {signal.SIGUSR1: signal.signal(signal.SIGUSR1, pass_on)}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has seen to it already
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hang_up(*_: object) -> None:
    """The terminal is gone: there is nobody to tell any more."""
    silence(*(stream for stream in (0, 1, 2) if os.isatty(stream)))


def keep_status(status: int) -> int:
    """What a process of several ends with: the first leaves its status for whoever started them."""
    if (kept := os.environ.get(STATUS_FILE)) is None or "RANK" not in os.environ:
        return status
    if os.environ["RANK"] == "0":
        Path(kept).write_text(str(status), encoding="ascii")
    return 0


def _status(kept: Path, otherwise: ExitStatus) -> ExitStatus:
    try:
        return ExitStatus(int(kept.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return otherwise
