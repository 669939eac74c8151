"""Where a phase was read, so that what turns out to be wrong with it only later is said with its file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slmtui.config.positions import KeyPath, Spot, spots

if TYPE_CHECKING:
    from slmtui.config.overrides import Override


@dataclass(frozen=True)
class Origin:
    """Any two are equal: where a phase was read says nothing of what it is."""

    file: str = field(default="", compare=False)  # as messages call it; "" for a phase that was not read
    text: str = field(default="", compare=False)
    overrides: tuple[Override, ...] = field(default=(), compare=False)

    def places(self) -> dict[KeyPath, Spot | Override]:
        """Where each key got its value: in the text, which must be valid TOML, or by an override."""
        places: dict[KeyPath, Spot | Override] = dict(spots(self.text))
        for override in self.overrides:
            places = {path: spot for path, spot in places.items() if path[: len(override.path)] != override.path}
            places[override.path] = override
            places.setdefault(override.path[:1], override)  # a section missing from the file
        return places
