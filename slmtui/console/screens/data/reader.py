"""Reading a phase's data for the Data screen: what is to be shown, and the thread that posts what it finds out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textual.message import Message
from textual.worker import get_current_worker

from slmtui.console.base import ConsoleScreen
from slmtui.console.key_names import key
from slmtui.console.workers.overview import DataOverview, OverviewCache, find_out
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.project import default_phase_file, project_phases
from slmtui.words import capitalized

LOOK = 4  # beats between two looks at the phase file
OFTEN = 0.1  # seconds between two words of progress
PATIENCE = 0.4  # seconds that what is shown may be of the corpus before


def _reading() -> str:
    return f"What is found out stands here as it comes.\n\n{_source()}   look at something else instead"


def _no_project() -> str:
    return (
        "Nothing to show yet: this folder has no phases/.\n\n"
        f"{key('data.begin', 'b')}   begin: choose a text, and have a phase suggested for it\n"
        f"{_source()}   only look at a folder or a text file of your own"
    )


def nothing_to_see() -> str:
    """Why a key has nothing to show."""
    return f"there is no text to see here yet: {_source()} opens one, {key('data.begin', 'b')} begins with one of yours"


def _ways_out() -> str:
    phases = key("everywhere.switch-mode-phases", "p")
    return f"{_source()}   show another phase's data, or a folder or file\n{phases}   mend the phase"


def _source() -> str:
    return key("data.source", "o")


class Cancelled(Exception):
    """Nobody wants to know any more."""


class DataReader:
    """Knows what a screen is to show and has it read in a worker of that screen, to which the messages go.

    A message of another job than the reader's is of what is not wanted any more.
    """

    @dataclass
    class Heard(Message):
        """What is being done."""

        job: int
        words: str  # one line
        instead: str  # of the numbers of another corpus, which have stood there for long enough; else empty

    @dataclass
    class Found(Message):
        """What is known so far."""

        job: int
        words: str  # one line on it, where it is all there is to know; else empty
        overview: DataOverview

    @dataclass
    class Failed(Message):
        """There is nothing to see."""

        job: int
        words: str  # one line on what was looked at
        trouble: str  # why, and what to do about it

    def __init__(self, screen: ConsoleScreen) -> None:
        self._screen = screen
        self.job = 0  # of the latest reading
        self.origin: Path | None = None  # what is shown or being read
        self._source: Path | None = None  # a folder or file that a person typed in; it goes before the phase
        self._phase_seen: Path | None = None
        self._state: tuple[int, int] | None = None
        self._known = OverviewCache()
        self._beats = 0

    def open(self, path: Path) -> None:
        """Show the data of a phase file, which then is the project's current phase, or a source without one."""
        if path.suffix == ".toml":
            self._screen.host.phase_file, self._source = path, None
        else:
            self._source = path
        self._phase_seen = self._screen.host.phase_file
        self._read(path)

    def again(self, shown: DataOverview | None) -> None:
        """Read it again, whatever is known; `shown` is what a reading has found before."""
        if shown is not None:
            self._known.forget(shown)
        self._state, self.origin = None, None
        self._look()

    def look_soon(self) -> None:
        """Look at the next beat whether another phase is to be shown, or the file has changed."""
        self._beats = 0

    def beat(self) -> None:
        """Called with each pulse of the screen."""
        if self._beats % LOOK == 0:
            self._look()
        self._beats += 1

    def _look(self) -> None:
        """Is another phase to be shown by now, or has the file changed?"""
        if self._screen.host.phase_file != self._phase_seen:  # chosen on another screen
            self._source = None
        path = self._source or self._screen.host.phase_file or self._default()
        self._phase_seen = self._screen.host.phase_file
        if path is None:
            self.origin = None
            self.job += 1
            self._screen.post_message(self.Failed(self.job, "", _no_project()))
        elif path != self.origin or _state(path) != self._state:
            self._read(path)

    def _default(self) -> Path | None:
        try:
            self._screen.host.phase_file = default_phase_file()
        except UserError:
            self._screen.host.phase_file = next(iter(project_phases()), None)
        return self._screen.host.phase_file

    def _read(self, path: Path) -> None:
        self.job += 1
        self.origin, self._state = path, _state(path)
        find_out = partial(self._find_out, path, self.job)
        self._screen.run_worker(find_out, thread=True, exclusive=True, group="data", exit_on_error=False)

    def _find_out(self, path: Path, job: int) -> None:
        """In a thread."""
        worker, began, said, post = get_current_worker(), time.monotonic(), 0.0, self._screen.post_message
        doing = ""  # the first of the last words
        name = visible(str(path))

        def say(words: str) -> None:
            nonlocal said, doing
            if worker.is_cancelled:
                raise Cancelled
            what = words.partition(" ")[0]
            if what != doing or time.monotonic() - said > OFTEN:
                said, doing = time.monotonic(), what
                instead = f"{capitalized(visible(words))}\n\n{_reading()}" if said - began > PATIENCE else ""
                post(self.Heard(job, f"{name} · {visible(words)}", instead))

        def fail(why: str) -> None:
            post(self.Failed(job, name, f"{visible(why)}\n\n{_ways_out()}"))

        try:
            for overview in find_out(path, self._known, say):
                post(self.Found(job, _where(overview) if overview.complete else "", overview))
        except Cancelled:
            pass
        except UserError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{path}: cannot be read ({error})")
        except Exception as error:  # that nobody has foreseen must not leave the promise of numbers on the screen
            host = self._screen.host
            host.write_log(error)
            log = key("everywhere.log", "ctrl+l")
            bug = f"This is a bug in slmtui; the details are in {host.log_path} ({log} shows it)."
            fail(f"{type(error).__name__}: {error}\n\n{bug}")


def _where(found: DataOverview) -> str:
    """One line on what is shown."""
    data = found.phase.data
    size = "the whole corpus" if data.dataset_size is None else f"{data.dataset_size:,} GPT-2 tokens"
    of = ""
    if (dataset := found.dataset) is not None:
        share = dataset.train.n_bytes / max(1, sum(side.n_bytes for side in dataset.sides))
        of = f" · {share:.0%} trains"
    return f"{visible(str(found.origin))} · {size}{of}"


def _state(path: Path) -> tuple[int, int] | None:
    """When a phase file was changed. Sources are read again only when asked to: that may take long."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if path.suffix == ".toml" else None
