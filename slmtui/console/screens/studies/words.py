"""What Studies says of a study, a cell and a trial. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmtui.config.limits import LARGEST_SEED
from slmtui.console.key_names import key
from slmtui.words import duration, plural

if TYPE_CHECKING:
    from slmtui.studies.results import CellResult, StudyResults, TrialResult

NO_FOLDER = """\
There is no studies/ in this folder.

A study trains one phase with several seeds and settings, and says what the differences are worth.
Make studies/, and in it a file such as width.toml:

[study]
name = "width"
phase = "phases/quick.toml"

[grid]
model.n_embd = [32, 64]

It is listed here as soon as it is saved. `slmtui init` in a new folder brings three along."""
NO_FILES = NO_FOLDER.replace("There is no studies/ in this folder.", "There is no study in studies/ yet.").replace(
    "Make studies/, and in it a file", "Put a file there"
)
MOST_SEEDS_MORE = 100


def state_words(results: StudyResults, *, starting: bool) -> str:
    """`2 running, 1 failed, about 14 min to go`."""
    running = [trial for trial in results.trials if trial.status == "running"]
    paused = sum(is_paused(trial) for trial in running)
    counts = {"running": len(running) - paused, "paused": paused}
    counts |= {"stopped": results.count("stopped"), "failed": results.count("failed")}
    words = [f"{count} {status}" for status, count in counts.items() if count]
    if starting and not running:
        words.insert(0, "starting")
    if len(running) > paused and (left := to_go(results)) is not None:
        words.append(f"about {duration(left)} to go")
    if not words:
        words = ["done"] if results.count("done") == len(results.trials) else ["not begun"]
        if words == ["not begun"] and results.count("done"):
            words = [f"{len(results.trials) - results.count('done')} to train"]
    return ", ".join(words)


def is_paused(trial: TrialResult) -> bool:
    return trial.status == "running" and trial.summary is not None and trial.summary.paused


def seconds_a_trial(results: StudyResults) -> float | None:
    """What a trial took on average; None before one is done."""
    taken = [trial.summary.seconds for trial in results.trials if trial.status == "done" and trial.summary is not None]
    return sum(taken) / len(taken) if taken else None


def to_go(results: StudyResults) -> float | None:
    """Seconds until all trials are done, with as many at a time as train now; None where that cannot be said."""
    each, running = seconds_a_trial(results), results.count("running")
    if each is None or not running:
        return None
    left = 0.0
    for trial in results.trials:
        if trial.status in ("queued", "running", "stopped"):
            left += 1 - (progress(trial) or 0.0)
    return each * left / running


def progress(trial: TrialResult) -> float | None:
    """The share of its steps that a trial has done; None before it has begun."""
    if trial.summary is None or not trial.summary.max_iters:
        return None
    return min(1.0, trial.summary.step / trial.summary.max_iters)


def cell_number(cell: CellResult) -> str:
    """What stands in the grid: the mean, or how far its trials are."""
    if cell.estimate is not None:
        return f"{cell.estimate.mean:.3f}"
    if all(trial.status == "failed" for trial in cell.trials):
        return "failed"
    begun = [progress(trial) or 0.0 for trial in cell.trials]
    return f"{sum(begun) / len(begun):.0%}" if any(begun) else "–"


def cell_mark(cell: CellResult) -> str:
    """One character: whether its trials are done (a blank), running (▸), failed (!), or still to be trained (…)."""
    status = {trial.status for trial in cell.trials}
    if "running" in status:
        return "▸"
    return "!" if "failed" in status else " " if status == {"done"} else "…" if len(cell.measured) else " "


def cell_words(cell: CellResult) -> str:
    """`n_embd 32: 2.312 bits per byte, 2.290 to 2.334 · spread 0.012 · seed 1 2.30, seed 2 running 120 of 400`."""
    from slmtui.studies.tables import interval_words  # scipy, which has been imported once there is a result

    words = [cell.cell.label]
    if (estimate := cell.estimate) is not None:
        words[0] += f": {estimate.mean:.3f} bits per byte, {interval_words(estimate)}"
        if estimate.spread is not None:
            words.append(f"spread {estimate.spread:.3f}")
    return " · ".join([*words, ", ".join(f"seed {trial.trial.seed} {trial_words(trial)}" for trial in cell.trials)])


def trial_words(trial: TrialResult) -> str:
    summary = trial.summary
    if trial.status == "done" and trial.bits_per_byte is not None:
        return f"{trial.bits_per_byte:.3f}"
    if trial.status == "queued":
        return "not begun"
    if summary is None or trial.status == "done":
        return trial.status
    status: str = "paused" if is_paused(trial) else trial.status
    if trial.status == "failed" and summary.reason is not None:
        status = summary.reason
    return f"{status} {summary.step:,} of {summary.max_iters:,}" if summary.max_iters else status


def to_open(cell: CellResult) -> TrialResult | None:
    """The trial that enter opens: one that is running, else the best that is done, else one that has begun."""
    begun = [trial for trial in cell.trials if trial.run is not None]
    for status in ("running", "done", "failed", "stopped"):
        found = [trial for trial in begun if trial.status == status]
        if found:
            return min(found, key=lambda trial: float("inf") if trial.bits_per_byte is None else trial.bits_per_byte)
    return None


def more_seeds(seeds: Sequence[int], n: int) -> list[int]:
    """So many seeds that a study does not have yet: those after its largest, as far as there are any."""
    start = max(seeds, default=0) + 1
    free = (seed for seed in (*range(start, min(start + n, LARGEST_SEED + 1)), *range(n + len(seeds) + 1)))
    found: list[int] = []
    for seed in free:
        if seed not in seeds and seed not in found:
            found.append(seed)
        if len(found) == n:
            break
    return found


def price_words(trials: int, work: float, each: float | None, at_once: int) -> str:
    """What it means to train so many: `30 trials, about 12 min 20 s (2 at a time)`.

    work: trials' worth of it, less than `trials` where some have begun. each: seconds of one; None if not known.
    """
    at_once = min(at_once, trials)
    if each is None:
        return f"{plural(trials, 'trial')} ({at_once} at a time); how long they take cannot be said before one is done"
    return f"{plural(trials, 'trial')}, about {duration(each * work / at_once)} ({at_once} at a time)"


def wrong_seeds(answer: str) -> str:
    good = answer.isascii() and answer.isdigit() and 0 < int(answer[:6]) <= MOST_SEEDS_MORE and len(answer) < 6
    return "" if good else f"a whole number from 1 to {MOST_SEEDS_MORE}"


def why_not_yet(name: str, action: str, *, at_work: bool) -> str:
    """Why a study is neither started once more nor stopped before it is started; "" for what can be done."""
    if action == "start" and at_work:
        return f"{name} is being trained already; {key('studies.stop', 's')} saves and stops its trials"
    if action == "stop" and not at_work:
        return f"no trial of {name} is running; {key('studies.start', 's')} trains what is missing"
    return ""


def no_study() -> str:
    return "there is no study yet: the screen says how a file for one begins"
