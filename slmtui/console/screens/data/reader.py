"""Reading a phase's data for the Data screen: what is to be shown, the thread that finds it out, what comes of it."""

from __future__ import annotations

import time
from pathlib import Path

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from slmtui.console.base import ConsoleScreen
from slmtui.console.screens.data.findings import DataOverview, OverviewCache, find_out
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.project import default_phase_file

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


class DataReader(ConsoleScreen):
    """Knows what is to be shown and has it read; subclasses show it."""

    class Heard(Message):
        """What is being done."""

        def __init__(self, job: int, words: str) -> None:
            super().__init__()
            self.job, self.words = job, words

    class Found(Message):
        def __init__(self, job: int, findings: DataOverview) -> None:
            super().__init__()
            self.job, self.findings = job, findings

    class Failed(Message):
        def __init__(self, job: int, words: str) -> None:
            super().__init__()
            self.job, self.words = job, words

    def __init__(self) -> None:
        super().__init__()
        self.found: DataOverview | None = None
        self.origin: Path | None = None  # what is shown or being read
        self.source: Path | None = None  # a folder or file that a person typed in; it goes before the phase
        self._phase_seen: Path | None = None
        self._state: tuple[int, int] | None = None
        self._known = OverviewCache()
        self._job = 0
        self._began = 0.0  # when it was
        self._beats = 0

    def show_words(self, words: str) -> None:
        raise NotImplementedError

    def show_trouble(self, words: str) -> None:
        raise NotImplementedError

    def show_findings(self, found: DataOverview, *, new: bool) -> None:
        raise NotImplementedError

    def open(self, path: Path) -> None:
        """Show the data of a phase file, which then is the project's current phase, or a source without one."""
        if path.suffix == ".toml":
            self.host.phase_file, self.source = path, None
        else:
            self.source = path
        self._phase_seen = self.host.phase_file
        self._read(path)

    def action_again(self) -> None:
        """Read it again, whatever is known."""
        self._state, self.origin = None, None
        self._look()

    def on_screen_resume(self) -> None:
        self._beats = 0

    def pulse(self) -> None:
        if self._beats % LOOK == 0:
            self._look()
        self._beats += 1

    def _look(self) -> None:
        """Is another phase to be shown by now, or has the file changed?"""
        if self.host.phase_file != self._phase_seen:  # chosen on another screen
            self.source = None
        path = self.source or self.host.phase_file or self._default()
        self._phase_seen = self.host.phase_file
        if path is None:
            self.origin = None
            self.show_trouble(NO_PROJECT)
            self.show_words("")
        elif path != self.origin or _state(path) != self._state:
            self._read(path)

    def _default(self) -> Path | None:
        try:
            self.host.phase_file = default_phase_file()
        except UserError:
            self.host.phase_file = next(iter(sorted(Path("phases").glob("*.toml"))), None)
        return self.host.phase_file

    def _read(self, path: Path) -> None:
        self._job += 1
        self._began = time.monotonic()
        self.origin, self._state = path, _state(path)
        self._find_out(path, self._job)

    @work(thread=True, exclusive=True, group="data", exit_on_error=False)
    def _find_out(self, path: Path, job: int) -> None:
        worker, said = get_current_worker(), 0.0

        def say(words: str) -> None:
            nonlocal said
            if worker.is_cancelled:
                raise Cancelled
            if not words.startswith("counting ") or time.monotonic() - said > OFTEN:
                said = time.monotonic()
                self.post_message(self.Heard(job, words))

        try:
            for findings in find_out(path, self._known, say):
                self.post_message(self.Found(job, findings))
        except Cancelled:
            pass
        except UserError as error:
            self.post_message(self.Failed(job, str(error)))

    @on(Heard)
    def _heard(self, event: Heard) -> None:
        if event.job != self._job:
            return
        self.show_words(f"{visible(str(self.origin))} · {visible(event.words)}")
        if time.monotonic() - self._began > PATIENCE and (self.found is None or self.found.origin != self.origin):
            self.show_trouble(f"{visible(event.words).capitalize()}\n\n{READING}")  # not the numbers of another corpus

    @on(Found)
    def _show(self, event: Found) -> None:
        if event.job != self._job:
            return
        new = self.found is None or self.found.counted is not event.findings.counted
        self.found = event.findings
        self.show_findings(self.found, new=new)
        if self.found.complete:
            self.show_words(self._where(self.found))

    @on(Failed)
    def _fail(self, event: Failed) -> None:
        if event.job == self._job:
            self.found = None
            self.show_words(visible(str(self.origin)))
            self.show_trouble(f"{visible(event.words)}\n\n{WAYS_OUT}")

    def _where(self, found: DataOverview) -> str:
        """One line on what is shown."""
        data = found.phase.data
        size = "the whole corpus" if data.dataset_size is None else f"{data.dataset_size:,} GPT-2 tokens"
        of = f"{data.train_fraction:.0%} trains" if data.split == "contiguous" else "whole files validate"
        return f"{visible(str(found.origin))} · {size} · {of}"


def _state(path: Path) -> tuple[int, int] | None:
    """When a phase file was changed. Sources are read again only when asked to: that may take long."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if path.suffix == ".toml" else None
