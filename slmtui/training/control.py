"""What a person may ask of a training between two steps, and what the training says of itself meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

CommandKind = Literal["pause", "resume", "stop", "interrupt", "checkpoint", "evaluate", "sample", "learning_rate"]


# What is done once the last step is made, when nothing that is asked for is looked at any more.
COMPLETES_LINES, MEASURES_BEST = "completing lines of the validation text", "measuring the best model"
LAST_LOOKS = (COMPLETES_LINES, MEASURES_BEST)


@dataclass(frozen=True)
class Command:
    kind: CommandKind
    value: float | None = None  # learning_rate: the factor to multiply the schedule by from now on


class Tell(Protocol):
    """Says what takes a while, such as "evaluating", and how far it is, "3 of 12 windows"; "" for steps again."""

    def __call__(self, what: str, how_far: str = "", /) -> None: ...


class BrokenOff(Exception):
    """What was being done is left undone, because the training is to end now."""


def nobody(what: str, how_far: str = "", /) -> None:
    """Tell nobody what takes a while."""


class Control(Protocol):
    def poll(self) -> list[Command]:
        """The next command that has arrived, or several, oldest first; never blocks."""

    def wait(self) -> list[Command]:
        """The same while paused: may sleep briefly if there are none."""

    def tell(self, what: str, how_far: str = "", /) -> None:
        """See Tell."""

    def ends_now(self) -> bool:
        """Whether an end is asked for that does not wait, such as by a batch system that soon kills; `poll` has it."""


class NoControl:
    """For a training that nobody controls: no commands, and a pause ends at once."""

    def poll(self) -> list[Command]:
        return []

    def wait(self) -> list[Command]:
        return [Command("resume")]

    def tell(self, what: str, how_far: str = "", /) -> None:
        """Nobody listens."""

    def ends_now(self) -> bool:
        return False


def nobody_hurries() -> bool:
    """For a training that nobody controls."""
    return False
