"""What ctrl+p finds beside the keys of the screen that is seen: those of all other screens, phases, runs and themes."""

from __future__ import annotations

import importlib
import pkgutil
from asyncio import to_thread
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from textual.binding import Binding
from textual.command import Hit, Hits, Provider
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from slmtui.console.base import MODES
from slmtui.output import visible
from slmtui.project import project_phases
from slmtui.runs.run import Run, newest_runs
from slmtui.words import capitalized

MOST_RUNS = 500  # the newest


@dataclass(frozen=True)
class Key:
    """A key of a screen, or of a widget on one."""

    mode: str
    owner: type[Widget]
    binding: Binding


def keys_of(mode: str) -> list[Key]:
    """The keys that a screen and its widgets have, each action once."""
    name = f"slmtui.console.screens.{mode}"
    package = importlib.import_module(name)
    found: dict[str, Key] = {}
    for info in pkgutil.iter_modules(package.__path__, f"{name}."):
        module = importlib.import_module(info.name)
        for owner in vars(module).values():
            if not (isinstance(owner, type) and issubclass(owner, Widget)) or issubclass(owner, ModalScreen):
                continue
            if owner.__module__ != module.__name__:
                continue
            for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ())):
                if binding.description and (binding.show or binding.tooltip):
                    found.setdefault(binding.action, Key(mode, owner, binding))
    return list(found.values())


class Elsewhere(Provider):
    """Found by typing; without a word only the keys of the screen that is seen are listed, which Textual sees to."""

    async def startup(self) -> None:
        self._all: list[tuple[str, str, Callable[[], Any]]] = await to_thread(lambda: list(self._find()))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, about, command in self._all:
            if (score := matcher.match(title)) > 0:
                # Textual would take the brackets in a name for markup.
                shown = Content(title)
                for offset in matcher.fuzzy_search.match(query, title)[1]:
                    shown = shown.stylize(matcher.match_style, offset, offset + 1)
                yield Hit(score, shown, command, text=title, help=about.replace("[", r"\["))

    def _find(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app: Any = self.app
        for mode in MODES:
            if mode == app.current_mode:
                continue
            for key in keys_of(mode):
                shown = self._shown(key)
                title = f"{mode.capitalize()}: {key.binding.description}  ·  {shown}"
                yield title, capitalized(key.binding.tooltip), partial(app.go_and_do, mode, key.owner, key.binding)
        for path in project_phases():
            yield f"Phase {visible(path.stem)}", visible(str(path)), partial(self._show_phase, app, path)
        for run in newest_runs(app.checkpoints)[:MOST_RUNS]:
            yield f"Run {visible(run.name)}", "watch it on Train", partial(self._show_run, app, run)
        for theme in app.available_themes:
            if theme.startswith("slmtui"):
                yield f"Theme {theme.removeprefix('slmtui-')}", "the colours", partial(setattr, app, "theme", theme)

    def _shown(self, key: Key) -> str:
        """The key, or the one in its place."""
        app: Any = self.app
        if changed := app.changed_key(key.mode, key.binding):
            return str(app.get_key_display(Binding(changed, "")))
        return str(key.binding.key_display or app.get_key_display(key.binding))

    @staticmethod
    def _show_phase(app: Any, path: Path) -> None:
        app.phase_file = path
        app.switch_mode("phases")

    @staticmethod
    def _show_run(app: Any, run: Run) -> None:
        app.watch_run(run)
