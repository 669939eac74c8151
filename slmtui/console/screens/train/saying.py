"""What Train says of keys: what to do about a run, and how to ask its trainer."""

from __future__ import annotations

from slmtui.console.key_names import key
from slmtui.output import visible
from slmtui.runs.history import RunHistory
from slmtui.runs.run import ALIVE, State
from slmtui.training.control import CommandKind


def next_step(state: State) -> str:
    """` · c talks to it, r compares it`: what to do about a run in such a state; "" where that is known."""
    talk = f"{key('everywhere.switch-mode-complete', 'c')} talks to it"
    resume = f"{key('runs.resume', 's')} on Runs resumes it"
    steps: dict[State, str] = {
        "done": f"{talk}, {key('everywhere.switch-mode-runs', 'r')} compares it",
        "stopped": f"{talk}, {resume}",
        "failed": f"{key('train.warnings', 'w')} says why",
        "crashed": f"its process is gone; {resume}",
        "stalled": "silent for ten minutes",
        "paused": f"{key('train.pause', 'space')} resumes it, {talk}",
    }
    return f" · {steps[state]}" if state in steps else ""


def steering() -> dict[CommandKind, str]:
    """The key of each thing that a trainer is asked for."""
    pause = key("train.pause", "space")
    return {
        "pause": pause, "resume": pause, "stop": key("train.stop", "s"), "evaluate": key("train.ask-evaluate", "e"),
        "sample": key("train.ask-sample", "g"), "checkpoint": key("train.ask-checkpoint", "k"),
    }  # fmt: skip


def empty(phase: str, why: str = "Nothing is being trained, and no run is watched.") -> str:
    """phase: what the key trains that starts one, here and below."""
    keys = {
        key("train.start", "enter"): f"train {phase}",
        key("everywhere.switch-mode-phases", "p"): "choose another phase, or change one",
        key("everywhere.switch-mode-data", "d"): "look at the data first",
        key("everywhere.switch-mode-runs", "r"): "watch an earlier run",
    }
    lines = "\n".join(f"  {name:<7} {what}" for name, what in keys.items())
    return f"{why}\n\n{lines}"


def unreadable(phase: str, why: str) -> str:
    """Of the run that is watched. why: what is wrong with its log, and where."""
    return empty(phase, f"This run's log cannot be read:\n{visible(why)}")


def no_sample(history: RunHistory | None) -> str:
    """Why there is none to be seen, and what would be right."""
    if history is not None and not history.has_prompts:
        talk = key("everywhere.switch-mode-complete", "c")
        return f"no samples: this phase names no prompts ([sampling] prompts); {talk} completes your own"
    if history is not None and history.finished is not None:
        return f"no sample was drawn; {key('everywhere.switch-mode-complete', 'c')} completes your own prompts"
    return f"no sample yet: {key('train.ask-sample', 'g')} draws one"


def no_run(phase: str) -> str:
    start, runs = key("train.start", "enter"), key("everywhere.switch-mode-runs", "r")
    return f"no run is shown here yet: {start} trains {phase}, {runs} lists earlier runs"


def table_is_there(rows: int) -> str:
    """Why the table of evaluations cannot be given more room. rows: from which on it can."""
    return f"the evaluations are beside the chart already; from {rows} rows on they can have the room below them, too"


def no_curve() -> str:
    return "no step of this run is in its log yet, so there is no curve to see in another way"


def unsaved(phase: str) -> str:
    """Why a phase is not trained from here."""
    phases, start = key("everywhere.switch-mode-phases", "p"), key("phases.start", "s")
    return f"{phase} has unsaved changes: {start} on Phases ({phases}) asks what to do with them"


def nobody_trains(state: State | None, name: str, phase: str) -> str:
    """Why nothing can be asked of a run."""
    start = f"{key('train.start', 'enter')} trains {phase}"
    if state is None:
        return f"nothing is being trained: {start}"
    resume = f"{key('runs.resume', 's')} on Runs resumes it"
    on = f"{key('runs.continue', '+')} on Runs trains it on, {start}"
    return f"{name} is {state}, and nobody trains it: {resume if state in ('stopped', 'crashed') else on}"


def steps_are_done(doing: str) -> str:
    """Why nothing can be asked of a run any more that is about to end."""
    talk = key("everywhere.switch-mode-complete", "c")
    return f"its last step is made, and it ends by itself after {doing}; {talk} talks to its model"


def busy(going_on: str) -> str:
    phases, start = key("everywhere.switch-mode-phases", "p"), key("phases.start", "s")
    return f"{going_on or 'a run is trained already'}: {start} on Phases ({phases}) puts another one into the queue"


def no_prompt_offered(state: State | None, phase: str) -> str:
    talk = key("everywhere.switch-mode-complete", "c")
    if state in ALIVE:
        return f"prompts are offered once this run is over; {talk} talks to its model now"
    return f"no prompt is offered under this key; {talk} takes your own words" if state else no_run(phase)


def warnings_key() -> str:
    return f"{key('train.warnings', 'w')} warnings"


def sample_key() -> str:
    return f"{key('train.sample', 'o')} sample"
