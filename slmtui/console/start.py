"""Start the console, and see to what is left to do when it ends: detach, finish without a terminal, sum up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from slmtui.console.app import Console
from slmtui.console.terminal import guarded_terminal, signals
from slmtui.output import ExitStatus, say
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.training.phase import Phase

LOG_NAME = "console.log"


def run_console(phases: Sequence[Phase], checkpoints: Path, *, mouse: bool = True) -> ExitStatus:
    """Show the console until it is left; returns the exit status."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # every frame of it would travel
    with guarded_terminal(checkpoints / LOG_NAME) as terminal:
        app = Console(checkpoints, log=checkpoints / LOG_NAME, phases=phases)

        def leave(result: str) -> None:
            if (loop := app._loop) is not None:
                loop.call_soon_threadsafe(app.exit, result)

        def terminate() -> None:
            app.trainer.leave()
            leave("terminate")

        with signals(terminal, hang_up=lambda: leave("hang up"), terminate=terminate):
            result = app.run(mouse=mouse)
            ran = app.trainer.run_now
            if result == "hang up":
                app.trainer.finish()  # the terminal is gone; the training goes on to its end
            else:
                app.trainer.leave()
            while app.trainer.is_alive():
                app.trainer.join(0.5)  # in slices, so that signals are seen to
    for run in dict.fromkeys([*app.finished, *app.trainer.finished, *([ran] if ran is not None else [])]):
        say(_sum_up(run))
    if result == "detach" and ran is not None:
        detach(["--resume", ran.name], checkpoints)
        say(f"{ran.name} goes on without a screen; watch it with: slmtui")
    return ExitStatus.INTERRUPTED if result == "terminate" else ExitStatus.DONE


def detach(arguments: Sequence[str], checkpoints: Path) -> int:
    """Start a headless slmtui that no terminal belongs to; returns its process id."""
    command = [sys.executable, "-m", "slmtui", "--headless", *arguments, "--checkpoints", str(checkpoints)]
    with (checkpoints / "detached.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return process.pid


def _sum_up(run: Run) -> str:
    summary = summarise(run)
    best = (
        f", best val loss {summary.best_val_loss:.4f} at step {summary.best_step:,}, gap {summary.gap:+.2f} "
        f"{summary.verdict}"
        if summary.best_val_loss is not None and summary.gap is not None
        else ""
    )
    return f"{run.name}: {summary.state} at step {summary.step:,}/{summary.max_iters:,}{best} ({run.folder})"
