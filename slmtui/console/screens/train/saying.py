"""What Train says of keys: what to do about a run, and how to ask its trainer."""

from __future__ import annotations

from slmtui.console.key_names import key
from slmtui.runs.run import State
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


def empty() -> str:
    keys = {
        key("train.start", "enter"): "train the project's default phase",
        key("everywhere.switch-mode-phases", "p"): "choose another phase, or change one",
        key("everywhere.switch-mode-data", "d"): "look at the data first",
        key("everywhere.switch-mode-runs", "r"): "watch an earlier run",
    }
    lines = "\n".join(f"  {name:<7} {what}" for name, what in keys.items())
    return f"Nothing is being trained, and no run is watched.\n\n{lines}"


def no_sample() -> str:
    return f"no sample yet: {key('train.ask-sample', 'g')} draws one"


def warnings_key() -> str:
    return f"{key('train.warnings', 'w')} warnings"


def sample_key() -> str:
    return f"{key('train.sample', 'o')} sample"
