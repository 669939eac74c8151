"""What the console remembers from one start to the next: theme, last screen, layout."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_state_path


class UIState:
    """A small JSON file in the person's state folder. Losing it costs nothing, so no error of it is passed on."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_state_path("slmtui") / "console.json"
        self._values: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            read = json.loads(self.path.read_text(encoding="utf-8"))
            self._values = read if isinstance(read, dict) else {}

    def text(self, key: str, default: str) -> str:
        value = self._values.get(key)
        return value if isinstance(value, str) else default

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key)
        return value if isinstance(value, bool) else default

    def remember(self, key: str, value: str | bool) -> None:
        if self._values.get(key) == value:
            return
        self._values[key] = value
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self._values, indent=1), encoding="utf-8")
