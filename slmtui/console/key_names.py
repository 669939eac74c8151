"""What keys are called in sentences: as usual, or as keys.toml has changed them.

    f"{key('runs.stop', 's')} stops it"

Each sentence says which action it means, by its id (keymap.py), and the usual key of that.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.keys import format_key

_changed: dict[str, str] = {}


def use_keymap(keymap: Mapping[str, str]) -> None:
    """From the id of an action to its keys, with commas: those that a person has changed."""
    _changed.clear()
    _changed.update(keymap)


def key(action: str, usual: str) -> str:
    """The key of an action as it is to be shown."""
    changed = _changed.get(action)
    return usual if changed is None else format_key(changed.partition(",")[0])
