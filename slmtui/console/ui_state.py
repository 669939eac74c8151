"""What the console remembers from one start to the next: theme, last screen, layout."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

OF_A_PROJECT = ("screen", "phase")  # what is remembered for each project by itself; all else is the person's
MOST_PROJECTS = 100  # the ones used last


class UIState:
    """A small JSON file in the person's state folder. Losing it costs nothing, so no error of it is passed on.

    A project is the folder in which the console was started.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_state_path("slmtui") / "console.json"
        self._project = str(Path.cwd())
        self._values = self._read()

    def text(self, key: str, default: str) -> str:
        value = self._part(self._values, key).get(key)
        return value if isinstance(value, str) else default

    def flag(self, key: str, default: bool) -> bool:
        value = self._part(self._values, key).get(key)
        return value if isinstance(value, bool) else default

    def remember(self, key: str, value: str | bool) -> None:
        if self._part(self._values, key).get(key) == value:
            return
        self._put(self._values, key, value)
        now = self._read()  # what another console has remembered meanwhile is kept
        self._put(now, key, value)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(now, indent=1), encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            read = json.loads(self.path.read_text(encoding="utf-8"))
            return read if isinstance(read, dict) else {}
        return {}

    def _part(self, values: dict[str, Any], key: str) -> dict[str, Any]:
        """Where a key stands: among the person's, or the project's."""
        if key not in OF_A_PROJECT:
            return values
        projects = values.get("projects")
        here = projects.get(self._project) if isinstance(projects, dict) else None
        return here if isinstance(here, dict) else {}

    def _put(self, values: dict[str, Any], key: str, value: str | bool) -> None:
        if key not in OF_A_PROJECT:
            values[key] = value
            return
        here = self._part(values, key) | {key: value}
        projects = values.get("projects")
        known = projects if isinstance(projects, dict) else {}
        others = {name: kept for name, kept in known.items() if name != self._project}
        values["projects"] = dict(list(others.items())[1 - MOST_PROJECTS :]) | {self._project: here}
