"""What a run is asked for, and what it does: whoever watches appends lines to a file, which the trainer reads between
two steps, one command at a time; beside it the trainer keeps a small file that says how far it has read, and what it
does besides its steps.

    control.jsonl    {"command": "pause", "value": null, "time": 1764264000.0}
                     {"command": "pause", "value": null, "time": 1764264001.0, "take_back": true}
    now.json         {"read": 142, "doing": "evaluating", "how_far": "24 of 96 windows", "paused": false}
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from slmtui.errors import UserError
from slmtui.files import open_regular, open_to_read
from slmtui.training.control import Command, CommandKind

PAUSED_SLEEP = 0.05  # seconds between two looks while paused
MOST_AT_ONCE = 1 << 16  # bytes read at a look; a command has about 70
LARGEST_FACTOR = 1000.0  # that a learning rate may be multiplied or divided by at once
NOW_SIZE = 512  # bytes of now.json: always the same, so that each write replaces all of it
MOST_TOLD = 100  # characters of each part of it
TOLD_EVERY = 0.1  # seconds between two notes on how far one thing has come
OPPOSITE: dict[CommandKind, CommandKind] = {"pause": "resume", "resume": "pause"}


def send(path: Path, command: Command, *, take_back: bool = False) -> None:
    """Ask the process that trains this run for something; UserError if it cannot be written down.

    take_back: the last command of this kind is not wanted any more. If it was a pause and has begun, that ends.
    """
    record: dict[str, Any] = {"command": command.kind, "value": command.value, "time": time.time()}
    line = json.dumps(record | ({"take_back": True} if take_back else {})) + "\n"
    try:
        descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, follow=False)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}), so the request was not sent") from None


@dataclass(frozen=True)
class Now:
    """What a run's trainer says of itself. read: bytes of the control file that it has begun to carry out."""

    read: int
    doing: str = ""  # besides its steps
    how_far: str = ""
    paused: bool = False
    asked: tuple[Command, ...] = ()  # and not begun yet

    def waits_for(self, kind: CommandKind) -> bool:
        return any(command.kind == kind for command in self.asked)


def now(path: Path) -> Now | None:
    """What the trainer of the run with this control file does, and what it is asked for; None if it does not say.

    Of a run that nobody trains any more, it is what was so at the end.
    """
    try:
        with open_to_read(_beside(path), follow=False) as file:
            said = json.loads(file.read(NOW_SIZE))
        read, doing, how_far, paused = (said[key] for key in ("read", "doing", "how_far", "paused"))
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    if not (isinstance(read, int) and read >= 0 and isinstance(doing, str) and isinstance(how_far, str)):
        return None
    asked = _effective(_lines_from(path, read)[0])
    return Now(read, doing, how_far, paused is True, tuple(command for command, _ in asked))


def say(path: Path, told: Now) -> None:
    """Have whoever watches the run with this control file see what its trainer does. What cannot be written is no
    reason to stop."""
    said = {"read": told.read, "doing": told.doing, "how_far": told.how_far, "paused": told.paused}
    text = json.dumps(said, ensure_ascii=False).encode().ljust(NOW_SIZE - 1) + b"\n"
    with suppress(OSError):
        descriptor = open_regular(_beside(path), os.O_WRONLY | os.O_CREAT, follow=False)
        try:
            os.pwrite(descriptor, text, 0)
        finally:
            os.close(descriptor)


def make_control_file(path: Path) -> int:
    """Make sure that it is there, and forget what an earlier trainer said; returns its size. OSError if it fails."""
    descriptor = open_regular(path, os.O_RDONLY | os.O_CREAT, follow=False)
    size = os.fstat(descriptor).st_size
    os.close(descriptor)
    with suppress(OSError):
        _beside(path).unlink(missing_ok=True)
    return size


Wish = Callable[[], CommandKind | None]  # what the trainer's own process asks for, which comes before the file


def nothing() -> None:
    return None


class Wishes:
    """What the own process asks for, and nothing else."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self._kept: CommandKind | None = None  # asked for, and not passed on yet

    def poll(self) -> list[Command]:
        self.ends_now()
        kind, self._kept = self._kept, None
        return [] if kind is None else [Command(kind)]

    def ends_now(self) -> bool:
        """Whether the process is to end. What else it asks for waits for `poll`."""
        if self._kept != "interrupt":
            self._kept = self.wish() or self._kept
        return self._kept == "interrupt"

    def wait(self) -> list[Command]:
        time.sleep(PAUSED_SLEEP)
        return self.poll()

    def tell(self, what: str, how_far: str = "", /) -> None:
        """Nobody listens."""


class ControlFile:
    """The trainer's end. What was in the file when training began was for an earlier process, and is skipped."""

    def __init__(self, path: Path, wish: Wish = nothing) -> None:
        """OSError if the file cannot be made."""
        self.path, self._wishes = path, Wishes(wish)
        self.position = make_control_file(path)
        self._now = Now(self.position)
        self._told_at = 0.0
        self._say(self._now)

    def poll(self) -> list[Command]:
        return self._wishes.poll() or self._read(paused=False)

    def wait(self) -> list[Command]:
        if wished := self._wishes.poll():
            return wished
        if found := self._read(paused=True):
            return found
        time.sleep(PAUSED_SLEEP)
        return self._wishes.poll() or self._read(paused=True)

    def tell(self, what: str, how_far: str = "", /) -> None:
        """Whoever watches sees it in now.json."""
        what, how_far = what[:MOST_TOLD], how_far[:MOST_TOLD]
        soon = what == self._now.doing and time.monotonic() - self._told_at < TOLD_EVERY
        if not soon and (what, how_far) != (self._now.doing, self._now.how_far):
            self._told_at = time.monotonic()
            self._say(Now(self.position, what, how_far, self._now.paused))

    def ends_now(self) -> bool:
        return self._wishes.ends_now()

    def _say(self, told: Now) -> None:
        self._now = told
        say(self.path, told)

    def _read(self, *, paused: bool) -> list[Command]:
        """The next command that nobody has taken back; what it comes after is passed over."""
        try:
            size = self.path.stat().st_size
        except OSError:  # the folder is being deleted under us: nothing can be asked any more
            return []
        self.position = min(self.position, size)  # it was emptied
        found: list[Command] = []
        if size != self.position:
            lines, passed = _lines_from(self.path, self.position)
            if effective := _effective(lines):
                command, end = effective[0]
                found, passed = [command], end
            self.position += passed
        if (self.position, paused) != (self._now.read, self._now.paused):
            self._say(Now(self.position, self._now.doing, self._now.how_far, paused))
        return found


def _beside(control_file: Path) -> Path:
    return control_file.with_name("now.json")


def _lines_from(path: Path, position: int) -> tuple[list[tuple[bytes, int]], int]:
    """The whole lines from a position on, each with where it ends after it, and how much there is to pass over."""
    try:
        with open_to_read(path, follow=False) as file:
            file.seek(position)
            text = file.read(MOST_AT_ONCE)
    except OSError:
        return [], 0
    end = text.rfind(b"\n") + 1
    if end == 0 and len(text) == MOST_AT_ONCE:
        end = len(text)  # nobody's command: passed over, in pieces
    lines, at = [], 0
    for line in text[:end].splitlines(keepends=True):
        at += len(line)
        lines.append((line, at))
    return lines, end


def _effective(lines: list[tuple[bytes, int]]) -> list[tuple[Command, int]]:
    """The commands of lines that are still wanted, each with where its line ends."""
    wanted: list[tuple[Command, int]] = []
    for line, end in lines:
        if (found := _command(line)) is None:
            continue
        command, take_back = found
        if not take_back:
            wanted.append((command, end))
            continue
        same = [place for place, (other, _) in enumerate(wanted) if other.kind == command.kind]
        if same:
            del wanted[same[-1]]
        elif command.kind in OPPOSITE:  # it has begun
            wanted.append((Command(OPPOSITE[command.kind]), end))
    return wanted


def _command(line: bytes) -> tuple[Command, bool] | None:
    """The command of a line, and whether it is taken back; None for one that says nothing this version can do."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("command") not in get_args(CommandKind):
        return None
    take_back = record.get("take_back") is True
    if record["command"] != "learning_rate":
        return Command(record["command"]), take_back
    factor = record.get("value")
    if isinstance(factor, int | float) and 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:  # which NaN is not
        return Command("learning_rate", float(factor)), take_back
    return None
