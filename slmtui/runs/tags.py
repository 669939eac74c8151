"""Names and notes that a person gives to runs, and which are archived: `tags.jsonl`, beside them, which only grows.

    {"time": 1764264000.0, "run": "tiny-002", "tag": "good"}    from now on, good names this run
    {"time": 1764264060.0, "run": null, "tag": "good"}          and now no run
    {"time": 1764264120.0, "run": "tiny-002", "note": "…"}      what is to be known of it; empty: nothing any more
    {"time": 1764264180.0, "run": "tiny-002", "archived": true} lists leave it out unless asked for; false: no longer

A tag moves, and the lines say where it was. A line that says nothing of this is skipped, and reported.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.files import open_regular, open_to_read

TAGS_FILE = "tags.jsonl"
MOST_BYTES = 1 << 24  # of the file: some 200,000 lines
MOST_IN_NOTE = 1000  # characters
BASELINE = "baseline"  # the tag of the run that all others are compared with
WORDS = ("latest", "best")  # that name a run by what it is
ARCHIVED = "archived"  # is said of runs, and names none
_TAG = re.compile(r"\w[\w.+-]{0,63}")
_LIKE_A_RUN = re.compile(r".+-\d{3,}|.+\.pt|.+\.toml")


@dataclass(frozen=True)
class Tags:
    """What the file says, in the end. tags: the run that each names; notes: of each run; faults: of lines skipped.

    named: all runs that were ever spoken of.
    """

    tags: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()

    def of(self, run: str) -> tuple[str, ...]:
        """The tags of a run, by name."""
        return tuple(sorted(tag for tag, tagged in self.tags.items() if tagged == run))

    def note(self, run: str) -> str:
        return self.notes.get(run, "")


def read_tags(checkpoints: Path) -> Tags:
    """The tags of the runs in a folder; what cannot be read is among the faults."""
    path = checkpoints / TAGS_FILE
    try:
        with open_to_read(path, follow=False) as file:
            text = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Tags()
    except OSError as error:
        return Tags(faults=(f"{path}: cannot be read ({error.strerror}), so no run has tags",))
    if len(text) > MOST_BYTES:
        return Tags(faults=(f"{path}: larger than {MOST_BYTES >> 20} MB, so it is not read and no run has tags",))
    tags, notes, faults, named, archived = dict[str, str](), dict[str, str](), list[str](), set[str](), set[str]()
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        match _record(line):
            case {"tag": str(tag), "run": str(run)} if _TAG.fullmatch(tag):
                tags[tag] = run
                named.add(run)
            case {"tag": str(tag), "run": None}:
                tags.pop(tag, None)
            case {"note": str(note), "run": str(run)}:
                notes[run] = note
                named.add(run)
            case {"archived": bool(is_so), "run": str(run)}:
                (archived.add if is_so else archived.discard)(run)
                named.add(run)
            case _:
                faults.append(f"{path}:{number}: neither a tag nor a note of a run; the line is skipped")
    kept = {run: note for run, note in notes.items() if note}
    return Tags(tags, kept, frozenset(archived), tuple(faults), frozenset(named))


def _record(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def refuse_name(tag: str, runs: list[str]) -> None:
    """UserError for a tag that could be taken for something else that names a run."""
    shown = printable(tag, limit=100) or '""'
    if tag in WORDS:
        raise UserError(f"{shown}: names a run already ({' and '.join(WORDS)} do); choose another tag")
    if tag.casefold() == ARCHIVED:
        raise UserError(f"{shown}: no tag, since a tag names one run; slmtui tag RUN --archive archives any number")
    if tag in runs or _LIKE_A_RUN.fullmatch(tag):
        raise UserError(f"{shown}: looks like the name of a run or a file; choose another tag, such as good")
    if not _TAG.fullmatch(tag):
        raise UserError(
            f"{shown}: no tag; a tag has up to 64 letters, digits, and . _ + - in between, such as good or v1.2"
        )


def set_tags(checkpoints: Path, changes: Mapping[str, str | None]) -> None:
    """Have each tag name its run from now on, or none; UserError if it cannot be written down."""
    for tag, run in changes.items():
        _append(checkpoints, {"run": run, "tag": tag})


def set_note(checkpoints: Path, run: str, note: str) -> None:
    """Note a line about a run, in the place of what was noted before; "" removes it. UserError as above."""
    if wrong := wrong_note(note):
        raise UserError(wrong)
    _append(checkpoints, {"run": run, "note": " ".join(note.split())})


def set_archived(checkpoints: Path, runs: Iterable[str], archived: bool) -> None:
    """Have lists leave these runs out unless they are asked for, or no longer; UserError as above."""
    for run in runs:
        _append(checkpoints, {"run": run, "archived": archived})


def wrong_note(note: str) -> str:
    """Why a note cannot be kept; "" if it can."""
    n = len(note)
    return "" if n <= MOST_IN_NOTE else f"a note has up to {MOST_IN_NOTE:,} characters, and this one {n:,}"


def _append(checkpoints: Path, record: Mapping[str, str | bool | None]) -> None:
    """A line, all of it or nothing, whoever else writes one; after one that a crash has torn, on a line of its own."""
    path = checkpoints / TAGS_FILE
    line = json.dumps({"time": time.time(), **record}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, follow=False)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            try:
                while line:
                    line = line[os.write(descriptor, line) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}), so nothing was changed") from None
