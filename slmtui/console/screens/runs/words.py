"""What the Runs screen says about a run, and what may be done with it: pure functions of a listed run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from slmtui.console.key_names import key
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.runs.tags import refuse_name
from slmtui.training.control import CommandKind
from slmtui.training.data_record import same_vocabulary
from slmtui.training.events import DIVERGED
from slmtui.words import capitalized, duration, number

STATE_COLOURS = {
    "running": "$train", "paused": "$warning", "stalled": "$warning", "done": "$foreground", "stopped": "$quiet",
    "crashed": "$error", "failed": "$error", "damaged": "$error",
}  # fmt: skip


def sentence(run: RunListing, now: float | None = None) -> str:
    """What has become of a run, and what to do next."""
    summary, how_far = run.summary, _how_far(run)
    watch, pause = capitalized(key("runs.select-cursor", "enter")), key("runs.pause", "P")
    stop, talk = key("runs.stop", "s"), key("runs.complete", "C")
    match run.state:
        case "running":
            return f"Training: {how_far}. {watch} watches it; {pause} pauses it, {stop} stops and saves it."
        case "paused":
            return f"Paused at {how_far}. {pause} resumes it, {talk} talks to it, {stop} stops and saves it."
        case "stalled":
            silence = duration((time.time() if now is None else now) - run.heard)
            return f"Silent for {silence} at {how_far}, but its process is alive. {stop} asks it to stop and save."
        case "done":
            early = "stopped early at" if summary.reason == "early stopping" else "done:"
            return f"{capitalized(early)} {how_far}. {summary.sentence} {_best(run)}"
        case "stopped":
            return f"{capitalized(summary.reason or 'stopped')} at {how_far}. {_resume(run)}"
        case "crashed":
            return f"Its process is gone at {how_far}. {_resume(run)}"
        case "failed" if summary.reason == "diverged":
            why = f"Training diverged: at {how_far} {DIVERGED[summary.cause]}."
            return f"{why} {_best(run)} Train it anew at a lower learning rate."
        case "failed":
            return f"Failed at {how_far}. {_best(run)} {_resume(run)}"
        case _:
            return f"{run.problem}. What is shown ends there."


def told_of(run: RunListing) -> str:
    """What it came from, and what a person noted; "" for neither."""
    parent = f" It began as {run.summary.parent}." if run.summary.parent else ""
    teacher = f" It learned from {run.summary.teacher}." if run.summary.teacher else ""
    return parent + teacher + (f" Note: {run.note}" if run.note else "")


def wrong_tags(typed: str, runs: Sequence[str]) -> str:
    """Why what is typed is not a list of tags, as a sentence; "" if it is. runs: the names of all."""
    try:
        for tag in typed.split():
            refuse_name(tag, list(runs))
    except UserError as error:
        return visible(str(error))
    return ""


def why_not_resumed(run: RunListing) -> str | None:
    """Why this run is not resumed; None if it can be."""
    if run.alive:
        return f"{run.name} is alive ({run.state}); there is nothing to resume"
    return run.run.why_not_resumed(run.last)


def why_not_deleted(run: RunListing) -> str | None:
    """Why a run must stay; None if it may be deleted."""
    if run.alive:
        return f"{run.name} is alive ({run.state}); stop it first ({key('runs.stop', 's')})"
    return None


def _how_far(run: RunListing) -> str:
    summary = run.summary
    return f"step {summary.step:,} of {summary.max_iters:,}" if summary.max_iters else "the start"


def _best(run: RunListing) -> str:
    if run.summary.best_step is None:
        return "It was never evaluated."
    keys = f"{key('runs.complete', 'C')} talks to it, {key('runs.report', 'o')} writes a report"
    return f"best.pt holds step {run.summary.best_step:,}: {keys}.{_judged(run)}"


def _judged(run: RunListing) -> str:
    """What its samples are worth, whether it passed its gate, and what the diagnosis names first."""
    summary, said = run.summary, ""
    if summary.samples and summary.parse_rate is not None:
        said += f" Of {summary.samples:,} samples {round(summary.parse_rate * summary.samples):,} parse."
    if summary.samples and summary.copied_share is not None:
        said += f" Copied: {summary.copied_share:.0%} of the tokens.".replace("%", " %")
    if (test := summary.test_judged_bits_per_byte) is not None:
        low, high = summary.test_low, summary.test_high
        known = "" if low is None or high is None else f" ({number(low, '.2f')} to {number(high, '.2f')})"
        said += f" Test: {number(test, '.2f')}{known} bits per byte."
    if summary.gate is not None:
        said += f" Its gate {summary.gate}."
    return f"{said} Diagnosis: {summary.finding}." if summary.finding else said


def _resume(run: RunListing) -> str:
    if run.saved_step is None:
        return f"It was never saved: {key('runs.resume', 's')} begins it again, {key('runs.delete', 'x')} deletes it."
    return f"{key('runs.resume', 's')} resumes from step {run.saved_step:,}."


NATS, BITS = "nats per token", "bits per byte"


def unit_of(runs: Sequence[RunListing]) -> str:
    """Nats per token say the same only under one vocabulary; bits per byte under any."""
    return NATS if same_vocabulary(run.data for run in runs if run.data is not None) else BITS


def comparable(runs: Sequence[RunListing]) -> str:
    """A sentence on whether the losses of these runs may be compared; empty where there is nothing to say."""
    if len({run.summary.val_text for run in runs}) > 1:
        return "Not comparable: different validation text."
    return "In bits per byte, since their vocabularies differ." if unit_of(runs) == BITS else ""


def steering() -> dict[CommandKind, str]:
    """The key of each thing that a run's trainer is asked for."""
    pause = key("runs.pause", "P")
    return {"pause": pause, "resume": pause, "stop": key("runs.stop", "s")}


def none_like_that() -> str:
    return f"no run is like that; {key('runs.unfilter', 'esc')} clears the filter"


def all_archived(runs: int) -> str:
    """Why no run is listed where no filter is in force."""
    words = f"all {runs} runs are" if runs > 1 else "the only run is"
    return f"{words} archived; {key('runs.filter', '/')} archived lists {'them' if runs > 1 else 'it'}"


def no_runs() -> str:
    phases, start = key("everywhere.switch-mode-phases", "p"), key("phases.start", "s")
    return f"there are no runs yet: {phases} shows the phases, and {start} there trains one"


def of_one_run() -> str:
    its_runs, means = key("runs.open-group", "enter"), key("runs.means", "m")
    return f"that is done to a run, and these are means: {its_runs} lists the runs of one, {means} goes on to all runs"


def no_group(none: str) -> str:
    """none: why no run is listed; "" if some are, none of which is in a group."""
    return none or "none of these runs belongs to a study"


def why_not_done(action: str, run: RunListing | None, none: str) -> str:
    """Why nothing can be done with the run under the cursor, None for no run; "" if it can. none: why there is none."""
    if run is None:
        return none
    if action == "resume":
        return why_not_resumed(run) or ""
    return f"{run.name} is not alive ({run.state})" if action in ("pause", "stop") and not run.alive else ""
