"""The commands that a person may give to a training between two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

CommandKind = Literal["pause", "resume", "stop", "interrupt", "checkpoint", "evaluate", "sample", "learning_rate"]


@dataclass(frozen=True)
class Command:
    kind: CommandKind
    value: float | None = None  # learning_rate: the factor to multiply the schedule by from now on


class Control(Protocol):
    def poll(self) -> list[Command]:
        """The commands that have arrived since the last call, oldest first; never blocks."""

    def wait(self) -> list[Command]:
        """The same while paused: may sleep briefly if there are none."""


class NoControl:
    """For a training that nobody controls: no commands, and a pause ends at once."""

    def poll(self) -> list[Command]:
        return []

    def wait(self) -> list[Command]:
        return [Command("resume")]
