"""What stands on the screen now, as text."""

from __future__ import annotations

from textual.geometry import Region
from textual.screen import Screen


def text_seen(screen: Screen[object], region: Region) -> str:
    """The text in a part of the screen, row by row."""
    rows = screen._compositor.render_strips()[region.y : region.bottom]
    return "\n".join(row.crop(region.x, region.right).text for row in rows)
