"""Reading a phase's data for the Data screen: what is to be shown, the thread that finds it out, what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.worker import get_current_worker

from slmtui.console.base import ConsoleScreen
from slmtui.console.screens.data.overview import DataOverview, OverviewCache, find_out
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.project import default_phase_file, project_phases

LOOK = 4  # beats between two looks at the phase file
OFTEN = 0.1  # seconds between two words of progress
PATIENCE = 0.4  # seconds that what is shown may be of the corpus before
READING = """\
What is found out stands here as it comes.

o   look at something else instead"""
NO_PROJECT = """\
Nothing to show yet: this folder has no phases/.

i   set up a project here: phases, and a small corpus to try them on
o   look at a folder or a text file of your own"""
WAYS_OUT = """\
o   show another phase's data, or a folder or file
p   mend the phase"""


class Cancelled(Exception):
    """Nobody wants to know any more."""


class DataReader:
    """Knows what a screen is to show and has it read in a worker of that screen, whose thread hears of it."""

    def __init__(
        self,
        screen: ConsoleScreen,
        *,
        show_words: Callable[[str], None],
        show_trouble: Callable[[str], None],
        show_overview: Callable[[DataOverview, bool], None],
    ) -> None:
        """show_words: takes one line on what is shown or being done. show_trouble: why there is nothing to see, empty
        if there is something. show_overview: what is known so far, and whether it is of another corpus than before."""
        self._screen = screen
        self._show_words, self._show_trouble, self._show_overview = show_words, show_trouble, show_overview
        self.found: DataOverview | None = None
        self.origin: Path | None = None  # what is shown or being read
        self._source: Path | None = None  # a folder or file that a person typed in; it goes before the phase
        self._phase_seen: Path | None = None
        self._state: tuple[int, int] | None = None
        self._known = OverviewCache()
        self._job = 0
        self._began = 0.0  # when it was
        self._beats = 0

    def open(self, path: Path) -> None:
        """Show the data of a phase file, which then is the project's current phase, or a source without one."""
        if path.suffix == ".toml":
            self._screen.host.phase_file, self._source = path, None
        else:
            self._source = path
        self._phase_seen = self._screen.host.phase_file
        self._read(path)

    def again(self) -> None:
        """Read it again, whatever is known."""
        if self.found is not None:
            self._known.forget(self.found)
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
            self._show_trouble(NO_PROJECT)
            self._show_words("")
        elif path != self.origin or _state(path) != self._state:
            self._read(path)

    def _default(self) -> Path | None:
        try:
            self._screen.host.phase_file = default_phase_file()
        except UserError:
            self._screen.host.phase_file = next(iter(project_phases()), None)
        return self._screen.host.phase_file

    def _read(self, path: Path) -> None:
        self._job += 1
        self._began = time.monotonic()
        self.origin, self._state = path, _state(path)
        find_out = partial(self._find_out, path, self._job)
        self._screen.run_worker(find_out, thread=True, exclusive=True, group="data", exit_on_error=False)

    def _find_out(self, path: Path, job: int) -> None:
        """In a thread; what comes of it is told in the screen's."""
        worker, said, tell = get_current_worker(), 0.0, self._screen.call_later

        def say(words: str) -> None:
            nonlocal said
            if worker.is_cancelled:
                raise Cancelled
            if not words.startswith("counting ") or time.monotonic() - said > OFTEN:
                said = time.monotonic()
                tell(self._hear, job, words)

        try:
            for overview in find_out(path, self._known, say):
                tell(self._show, job, overview)
        except Cancelled:
            pass
        except UserError as error:
            tell(self._fail, job, str(error))
        except OSError as error:
            tell(self._fail, job, f"{path}: cannot be read ({error})")
        except Exception as error:
            tell(self._fault, job, error)

    def _hear(self, job: int, words: str) -> None:
        if job != self._job:
            return
        self._show_words(f"{visible(str(self.origin))} · {visible(words)}")
        if time.monotonic() - self._began > PATIENCE and (self.found is None or self.found.origin != self.origin):
            self._show_trouble(f"{visible(words).capitalize()}\n\n{READING}")  # not the numbers of another corpus

    def _show(self, job: int, overview: DataOverview) -> None:
        if job != self._job:
            return
        new = self.found is None or self.found.counted is not overview.counted
        self.found = overview
        self._show_overview(overview, new)
        if overview.complete:
            self._show_words(_where(overview))

    def _fault(self, job: int, error: Exception) -> None:
        """Something that nobody has foreseen must not leave the promise of numbers on the screen."""
        host = self._screen.host
        host.write_log(error)
        what = f"{type(error).__name__}: {error}"
        self._fail(job, f"{what}\n\nThis is a bug in slmtui; the details are in {host.log_path} (ctrl+l shows it).")

    def _fail(self, job: int, words: str) -> None:
        if job == self._job:
            self.found = None
            self._show_words(visible(str(self.origin)))
            self._show_trouble(f"{visible(words)}\n\n{WAYS_OUT}")


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
