"""A console over a project in a temporary folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from slmtui.console.app import Console
from slmtui.console.desktop import DISPLAYS
from slmtui.console.screens.complete.screen import HISTORY
from slmtui.console.ui_state import UIState
from slmtui.console.workers.trainer_thread import TrainerThread
from slmtui.runs.run import Run
from slmtui.session import begin
from tests import patience
from tests.conftest import MakePhase
from tests.console.tiny_runs import tiny_phase, train_tiny, write_corpus


def share_parsed_stylesheets() -> None:
    """Textual keeps what it has parsed for each app; here all apps with the same theme have it in common."""
    parsed: dict[frozenset[tuple[str, str]], LRUCache[Any, Any]] = {}
    initialise, set_variables = Stylesheet.__init__, Stylesheet.set_variables

    def share(stylesheet: Stylesheet) -> None:
        theme = frozenset(stylesheet._variables.items())
        stylesheet._parse_cache = parsed.setdefault(theme, LRUCache(1 << 12))

    def initialised(self: Stylesheet, *, variables: dict[str, str] | None = None) -> None:
        initialise(self, variables=variables)
        share(self)

    def with_variables(self: Stylesheet, variables: dict[str, str]) -> None:
        self._parse_cache = LRUCache(1)  # what the others have is not to be emptied
        set_variables(self, variables)
        share(self)

    Stylesheet.__init__ = initialised  # type: ignore[method-assign]
    Stylesheet.set_variables = with_variables  # type: ignore[method-assign]


share_parsed_stylesheets()
WIDE, NARROW = (120, 40), (80, 24)
MakeConsole = Callable[..., Console]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_trainer_stays() -> Iterator[None]:
    """A trainer ends with its test: it would train beside the next one, and pytest would wait for it at its end."""
    yield
    trainers = [thread for thread in threading.enumerate() if isinstance(thread, TrainerThread)]
    for trainer in trainers:
        trainer.leave()
    for trainer in trainers:
        trainer.join(60)
        assert not trainer.is_alive()


@pytest.fixture(autouse=True)
def no_browser_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the desktop of who runs the tests."""
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_TTY", "/dev/null")


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one tiny phase, as the current folder."""
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "tiny.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_console(project: Path) -> MakeConsole:
    def make(screen: str = "data", **options: object) -> Console:
        memory = UIState(project / "memory.json")
        memory.remember("screen", screen)
        return Console(Path("checkpoints"), log=project / "console.log", ui_state=memory, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def finished_run(project: Path, make_phase: MakePhase) -> Run:
    session = begin(make_phase("sampling.when=evaluation"), Path("checkpoints"))
    for _ in session.events:
        pass
    return session.run


@pytest.fixture
def until() -> Until:
    return patience.until


@pytest.fixture
def keys_do_not_wait_for_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each key, Textual's pilot waits until the process is idle, for a second at most: until its thread is."""
    monkeypatch.setattr("textual._wait.process_time", time.thread_time)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a corpus and two runs of 4 steps, the second with another seed."""
    folder = tmp_path_factory.mktemp("project")
    corpus = write_corpus(folder / "corpus")
    train_tiny(folder / "checkpoints", tiny_phase(corpus))
    train_tiny(folder / "checkpoints", tiny_phase(corpus, seed=2))
    return folder


@pytest.fixture
def checkpoints(trained: Path) -> Path:
    """The runs' folder, without what a test typed before."""
    (trained / "checkpoints" / HISTORY).unlink(missing_ok=True)
    return trained / "checkpoints"
