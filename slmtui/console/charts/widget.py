"""A chart on the screen: drawn only when there is something new to see, and then only the rows that changed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from slmtui.console.charts import rendering
from slmtui.console.charts.cells import CellRow
from slmtui.console.charts.palette import Palette, Role, chart_palette
from slmtui.console.charts.series import Numbers
from slmtui.console.charts.spec import ChartSpec, Reading, read_values
from slmtui.console.text.glyphs import Glyphs

JUMP = 10  # columns that the cursor moves with shift
STRONG: frozenset[Role] = frozenset({"val", "best", "cursor"})  # bold, which tells them apart without colour too


class Chart(Widget, can_focus=True):
    """`set_spec` shows a chart. With the focus, a cursor reads its values; they stand in the legend, and in `Read`.

    The colours are those of the theme (see palette.py).
    """

    BINDING_GROUP_TITLE = "Chart"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "read values", show=False, tooltip="read values"),
        Binding("right,l", "move(1)", "read values", show=False),
        Binding("shift+left,H", f"move(-{JUMP})", "read values, faster", show=False),
        Binding("shift+right,L", f"move({JUMP})", "read values, faster", show=False),
        Binding("home", "move(-1_000_000)", "first value", show=False),
        Binding("end", "move(1_000_000)", "last value", show=False),
        Binding("escape", "leave", "cursor off", show=False),
    ]
    DEFAULT_CSS = "Chart { height: 1fr; width: 1fr; }"

    class Read(Message):
        """The cursor stands on x; values are the nearest points of the named lines. Cursor off: x is None."""

        def __init__(self, chart: Chart, x: float | None, values: list[Reading]) -> None:
            super().__init__()
            self.chart = chart
            self.x = x
            self.values = values

        @property
        def control(self) -> Chart:
            return self.chart

    def __init__(
        self,
        spec: ChartSpec | None = None,
        *,
        glyphs: Glyphs | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.spec = spec
        self._glyphs = glyphs
        self.cursor: float | None = None  # an x
        self._drawn: rendering.RenderedChart | None = None
        self._strips: list[Strip] = []
        self._stale = True  # the spec has changed since it was drawn

    def set_spec(self, spec: ChartSpec) -> None:
        """Show this from now on. The same object again costs nothing; nor does any while the chart cannot be seen."""
        if spec is self.spec:
            return
        old, self.spec = self.spec, spec
        if old is None or old.title != spec.title:
            self.border_title = spec.title  # repaints the whole chart
        if old is not None and old.x_label != spec.x_label:
            self.read_at(None)
        self._redraw()

    @property
    def glyphs(self) -> Glyphs:
        """As it was told, else as the app's terminal can show."""
        usual: Glyphs = getattr(self.app, "glyphs", "braille")
        return self._glyphs or usual

    def on_mount(self) -> None:
        if self.spec is not None:
            self.border_title = self.spec.title
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)
        self.watch(self.screen, "stack_updates", self._draw, init=False)  # the screen is on top again

    def on_resize(self) -> None:
        self._redraw()

    def on_show(self) -> None:
        self._draw()

    def _theme_changed(self, _: object) -> None:
        self._redraw()

    def _redraw(self) -> None:
        self._stale = True
        self._draw()

    def _draw(self) -> None:
        """Bring the strips up to date, and have the rows that changed painted."""
        width, height = self.size
        if not self._stale or self.spec is None or not self._can_be_seen(width, height):
            return
        self._stale = False
        self._drawn = rendering.draw_chart(self.spec, width, height, self.glyphs, cursor=self.cursor)
        palette = chart_palette(self.app.theme_variables)
        strips = [self._strip(row, palette) for row in self._drawn.rows]
        old, self._strips = self._strips, strips
        if len(old) != len(strips) or (old and old[0].cell_length != width):
            self.refresh()
            return
        changed = [Region(0, y, width, 1) for y, (a, b) in enumerate(zip(old, strips, strict=True)) if a != b]
        if changed:
            self.refresh(*changed)

    def _can_be_seen(self, width: int, height: int) -> bool:
        return width > 0 and height > 0 and self.is_on_screen and self.screen.is_active

    def _strip(self, row: CellRow, palette: Palette) -> Strip:
        base = self.rich_style
        return Strip([Segment(text, base + style_of(role, palette)) for text, role in row], sum(len(t) for t, _ in row))

    def render_line(self, y: int) -> Strip:
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def action_move(self, columns: int) -> None:
        """Move the cursor, by one point at least; the first time it appears on the last point."""
        stops = self._stops()
        if stops.size == 0 or self._drawn is None or self._drawn.x is None:
            return
        if self.cursor is None:
            self.read_at(float(stops[-1]))
            return
        here = int(np.argmin(np.abs(stops - self.cursor)))
        x, drawn = self._drawn.x, np.append(stops, self.cursor)
        if self._drawn.log_x:
            drawn = np.log10(drawn)
        there = int(np.argmin(np.abs(drawn[:-1] - drawn[-1] - columns * (x.high - x.low) / self._drawn.columns)))
        if there == here:
            there = min(max(0, here + (1 if columns > 0 else -1)), stops.size - 1)
        self.read_at(float(stops[there]))

    def action_leave(self) -> None:
        self.read_at(None)

    def on_focus(self) -> None:
        self.border_subtitle = "← → read values"  # here, and not in the bottom line, whose keys would move

    def on_blur(self) -> None:
        self.border_subtitle = ""
        self.read_at(None)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._drawn is not None:
            self.read_at(self._drawn.x_at(offset.x))

    def read_at(self, x: float | None) -> None:
        """Put the cursor on the point nearest to x; None takes it away."""
        stops = self._stops()
        if x is not None:
            x = float(stops[np.argmin(np.abs(stops - x))]) if stops.size else None
        if x == self.cursor:
            return
        self.cursor = x
        values = read_values(self.spec, x) if self.spec is not None and x is not None else []
        self.post_message(self.Read(self, x, values))
        self._redraw()

    def _stops(self) -> Numbers:
        """Where the cursor may stand: on the points that can be seen of the named line that has most of them."""
        named = [series for series in self.spec.series if series.name] if self.spec is not None else []
        if self.spec is None or not named:
            return np.empty(0)
        longest = max(named, key=lambda series: len(series.xs))
        low, high = self.spec.x_limits
        return longest.xs[(longest.xs >= low) & (longest.xs <= high) & np.isfinite(longest.ys)]


def style_of(role: Role, palette: Palette) -> Style:
    return Style(color=Color.parse(palette[role]).rich_color, bold=role in STRONG) if role else Style.null()
