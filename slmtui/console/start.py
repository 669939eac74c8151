"""Start the console, and see to what is left to do when it ends: detach, finish without a terminal, sum up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from slmtui.config.phase import Phase
from slmtui.console.app import Console
from slmtui.console.terminal import guarded_terminal, let_go, signals
from slmtui.console.text.glyphs import Glyphs, chosen_glyphs
from slmtui.detach import HOW_TO_STOP, resume_detached
from slmtui.notices import POP_TITLE, PUSH_TITLE, title_sequence
from slmtui.output import ExitStatus, say
from slmtui.runs.log_reader import last_event
from slmtui.runs.run import Run, create_run
from slmtui.runs.summary import summarise
from slmtui.settings import Settings, keys_file
from slmtui.training import events
from slmtui.training.gap import in_words
from slmtui.words import number

LOG_NAME = "console.log"


def run_console(
    phases: Sequence[Phase],
    checkpoints: Path,
    *,
    mouse: bool = True,
    glyphs: Glyphs | None = None,
    settings: Settings | None = None,
) -> ExitStatus:
    """Show the console until it is left; returns the exit status."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # every frame of it would travel
    with guarded_terminal(checkpoints / LOG_NAME) as terminal:
        settings = settings or Settings()
        letters = glyphs or chosen_glyphs(settings.glyphs, os.environ)
        app = Console(
            checkpoints, log=checkpoints / LOG_NAME, phases=phases, glyphs=letters, settings=settings, keys=keys_file()
        )
        trainer = app.trainer

        def leave(result: str) -> None:
            # Before the loop runs there is nothing to leave, after it nothing any more; `signals` asks again.
            if (loop := app._loop) is not None:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(app.exit, result)

        def terminate() -> None:
            trainer.leave()
            leave("terminate")

        with signals(terminal, hang_up=lambda: leave("hang up"), terminate=terminate):
            titled = settings.window_title and title_sequence("") != ""
            terminal.write(PUSH_TITLE if titled else "")
            result = app.run(mouse=mouse)
            terminal.write(POP_TITLE if titled else "")
            if terminal.lost:
                let_go(terminal)
                if trainer.ident is None:  # gone before the first frame, with phases to train
                    for phase in phases:
                        trainer.put(phase)
                    trainer.start()
            waiting = trainer.hand_over() if result == "detach" else []
            if result == "hang up":
                trainer.finish()  # the terminal is gone; the training goes on to its end
            else:
                trainer.leave("stop" if result == "stop" else "interrupt")
            while trainer.is_alive():
                trainer.join(0.5)  # in slices, so that signals are seen to
    for failure in trainer.failures:
        say(f"{failure.name}: {failure.message}")
    last = trainer.last_run
    goes_on = last if result == "detach" and last is not None and _was_interrupted(last) else None
    for run in dict.fromkeys([*app.finished, *trainer.finished, *([last] if last is not None else [])]):
        if run != goes_on:  # of what goes on it is said who trains it
            say(_sum_up(run))
    if result == "detach":
        _detach(goes_on, waiting, checkpoints, settings.on_finish)
    if app.return_code:  # what Textual could not survive
        say(f"the console ended with an error, which is a bug in slmtui; the details are in {checkpoints / LOG_NAME}")
    if trainer.failures or app.return_code:
        return ExitStatus.FAILED
    return ExitStatus.INTERRUPTED if result == "terminate" else ExitStatus.DONE


def _detach(goes_on: Run | None, waiting: Sequence[Phase | Run], checkpoints: Path, on_finish: str) -> None:
    """Go on without a screen: with what was being trained, and then with what was still to come."""
    runs = [job if isinstance(job, Run) else create_run(checkpoints, job) for job in waiting]
    if goes_on is not None:
        runs.insert(0, goes_on)
    if runs:
        process = resume_detached(runs, checkpoints, on_finish)
        names = ", then ".join(run.name for run in runs)
        say(f"{names}: trained by process {process}, without a screen; watch it with: {runs[0].command('watch')}")
        say(f"{HOW_TO_STOP}: kill {process}")


def _was_interrupted(run: Run) -> bool:
    end = last_event(run.log_file)
    return isinstance(end, events.RunFinished) and end.reason == "interrupted"


def _sum_up(run: Run) -> str:
    summary, state = summarise(run)
    mixed, adaptive = (number(loss, ".4f") for loss in (summary.best_mixed_loss, summary.best_adaptive_loss))
    if summary.best_adaptive_loss is not None:
        mixed = f", static {mixed}, adaptive {adaptive}, {summary.judged} decides"
    else:
        mixed = "" if summary.best_mixed_loss is None else f", mixed val loss {mixed}"
    best = (
        f", best val loss {summary.best_val_loss:.4f} at step {summary.best_step:,}, "
        f"gap {in_words(summary.gap, summary.verdict or '')}{mixed}"
        if summary.best_val_loss is not None and summary.gap is not None
        else ""
    )
    return f"{run.name}: {state} at step {summary.step:,}/{summary.max_iters:,}{best} ({run.folder})"
