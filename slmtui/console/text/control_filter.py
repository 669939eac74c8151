"""The last net under the screen: no control character reaches the terminal, whatever a widget was given to show.

Text from models, files and logs is made visible where it comes in (`slmtui.output.visible`). Textual itself passes
escape sequences on to the terminal, which would obey them; where one was forgotten, it is dropped here.
"""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ControlCharFilter(LineFilter):
    """Drops control characters, which take no room, so that the line stays as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            Segment(_OBEYED.sub("", segment.text), segment.style) if _OBEYED.search(segment.text) else segment
            for segment in segments
        ]
