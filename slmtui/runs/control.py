"""What a run is asked for: whoever watches appends a line to a file, which the trainer reads between two steps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from slmtui.errors import UserError
from slmtui.files import open_regular, open_to_read
from slmtui.training.control import Command, CommandKind

PAUSED_SLEEP = 0.05  # seconds between two looks while paused
MOST_AT_ONCE = 1 << 16  # bytes read at a look; a command has about 70
LARGEST_FACTOR = 1000.0  # that a learning rate may be multiplied or divided by at once


def send(path: Path, command: Command) -> None:
    """Ask the process that trains this run for something; UserError if it cannot be written down."""
    line = json.dumps({"command": command.kind, "value": command.value, "time": time.time()}) + "\n"
    try:
        descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, follow=False)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}), so the request was not sent") from None


Wish = Callable[[], CommandKind | None]  # what the trainer's own process asks for, which comes before the file


def nothing() -> None:
    return None


class ControlFile:
    """The trainer's end. What was in the file when training began was for an earlier process, and is skipped."""

    def __init__(self, path: Path, wish: Wish = nothing) -> None:
        """OSError if the file cannot be made."""
        self.path, self.wish = path, wish
        descriptor = open_regular(path, os.O_RDONLY | os.O_CREAT, follow=False)
        self.position = os.fstat(descriptor).st_size
        os.close(descriptor)

    def poll(self) -> list[Command]:
        return self._wished() or self._read()

    def wait(self) -> list[Command]:
        if wished := self._wished():
            return wished
        time.sleep(PAUSED_SLEEP)
        return self.poll()

    def _wished(self) -> list[Command]:
        kind = self.wish()
        return [] if kind is None else [Command(kind)]

    def _read(self) -> list[Command]:
        try:
            size = self.path.stat().st_size
            self.position = min(self.position, size)  # it was emptied
            if size == self.position:
                return []
            with open_to_read(self.path, follow=False) as file:
                file.seek(self.position)
                text = file.read(MOST_AT_ONCE)
        except OSError:  # the folder is being deleted under us: nothing can be asked any more
            return []
        end = text.rfind(b"\n") + 1
        if end == 0 and len(text) == MOST_AT_ONCE:
            end = len(text)  # nobody's command: passed over, in pieces
        self.position += end
        return [command for line in text[:end].splitlines() if (command := _command(line)) is not None]


def _command(line: bytes) -> Command | None:
    """The command of a line; None for one that says nothing this version can do."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("command") not in get_args(CommandKind):
        return None
    if record["command"] != "learning_rate":
        return Command(record["command"])
    factor = record.get("value")
    if isinstance(factor, int | float) and 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:  # which NaN is not
        return Command("learning_rate", float(factor))
    return None
