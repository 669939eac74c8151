"""Control of a run through a file: whoever watches appends a line, the trainer reads it between two steps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import get_args

from slmtui.training.control import Command, CommandKind

PAUSED_SLEEP = 0.05  # seconds between two looks while paused


def send(path: Path, command: Command) -> None:
    """Ask the process that trains this run for something."""
    line = json.dumps({"command": command.kind, "value": command.value, "time": time.time()}) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


class ControlFile:
    """The trainer's end. What was in the file when training began was for an earlier process, and is skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()
        self.position = path.stat().st_size

    def poll(self) -> list[Command]:
        try:
            if self.path.stat().st_size <= self.position:
                return []
            with self.path.open("rb") as file:
                file.seek(self.position)
                lines = file.read().splitlines(keepends=True)
        except OSError:  # the folder is being deleted under us: nothing can be asked any more
            return []
        whole = [line for line in lines if line.endswith(b"\n")]
        self.position += sum(map(len, whole))
        return [command for line in whole if (command := _command(line)) is not None]

    def wait(self) -> list[Command]:
        time.sleep(PAUSED_SLEEP)
        return self.poll()


def _command(line: bytes) -> Command | None:
    """The command of a line; None for one that says nothing this version can do."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("command") not in get_args(CommandKind):
        return None
    value = record.get("value")
    return Command(record["command"], float(value) if isinstance(value, int | float) else None)
