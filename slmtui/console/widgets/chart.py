"""A chart on the screen: drawn only when there is something new to see, and then only the rows that changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from slmtui.console import charts
from slmtui.console.chart_spec import ChartSpec, Reading, read_values
from slmtui.console.drawing import Row
from slmtui.console.palette import DARK, LIGHT, Palette, Role
from slmtui.console.raster import Glyphs

JUMP = 10  # columns that the cursor moves with shift
STRONG: frozenset[Role] = frozenset({"val", "best", "cursor"})  # bold, which tells them apart without colour too


class Chart(Widget, can_focus=True):
    """`set_spec` shows a chart. With the focus, a cursor reads its values; they stand in the legend, and in `Read`.

    Colours: a theme's variables named like the roles of palette.py; where it has none, those of the dark or the light
    palette.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Read values", key_display="←→"),
        Binding("right,l", "move(1)", "Read values", show=False),
        Binding("shift+left,H", f"move(-{JUMP})", "Read values, faster", show=False),
        Binding("shift+right,L", f"move({JUMP})", "Read values, faster", show=False),
        Binding("home", "move(-1_000_000)", "First value", show=False),
        Binding("end", "move(1_000_000)", "Last value", show=False),
        Binding("escape", "leave", "Cursor off", show=False),
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
        glyphs: Glyphs = "braille",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.spec = spec
        self.glyphs = glyphs
        self.cursor: float | None = None  # an x
        self._drawn: charts.Chart | None = None
        self._strips: list[Strip] = []
        self._stale = True  # the spec has changed since it was drawn

    def set_spec(self, spec: ChartSpec) -> None:
        """Show this from now on. The same object again costs nothing; nor does any while the chart cannot be seen."""
        if spec is self.spec:
            return
        self.spec = spec
        self.border_title = spec.title
        self._stale = True
        self._draw()

    def set_glyphs(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self._redraw()

    def on_mount(self) -> None:
        if self.spec is not None:
            self.border_title = self.spec.title
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

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
        self._drawn = charts.draw_chart(self.spec, width, height, self.glyphs, cursor=self.cursor)
        palette = palette_of(self.app)
        strips = [self._strip(row, palette) for row in self._drawn.rows]
        old, self._strips = self._strips, strips
        if len(old) != len(strips) or (old and old[0].cell_length != width):
            self.refresh()
            return
        changed = [Region(0, y, width, 1) for y, (a, b) in enumerate(zip(old, strips, strict=True)) if a != b]
        if changed:
            self.refresh(*changed)

    def _can_be_seen(self, width: int, height: int) -> bool:
        return self.is_attached and self.display and self.screen.is_active and width > 0 and height > 0

    def _strip(self, row: Row, palette: Palette) -> Strip:
        base = self.rich_style
        return Strip([Segment(text, base + style_of(role, palette)) for text, role in row], sum(len(t) for t, _ in row))

    def render_line(self, y: int) -> Strip:
        self._draw()  # what came while the chart could not be seen
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def action_move(self, columns: int) -> None:
        """Move the cursor; the first time it appears on the last value."""
        if self.spec is None or self._drawn is None or self._drawn.x is None:
            return
        x = self._drawn.x
        points = [series.xs for series in self.spec.series if series.name and len(series.xs)]
        if not points:
            return
        first = max(x.low, min(float(xs[0]) for xs in points))
        last = min(x.high, max(float(xs[-1]) for xs in points))
        if self.cursor is None:
            self.read_at(last)
            return
        column = x.place(self.cursor, self._drawn.columns) + columns
        at = self._drawn.x_at(max(0, min(column, self._drawn.columns - 1)))
        self.read_at(min(max(first, at if at is not None else first), last))

    def action_leave(self) -> None:
        self.read_at(None)

    def on_blur(self) -> None:
        self.read_at(None)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._drawn is not None and offset.x >= self._drawn.left:
            self.read_at(self._drawn.x_at(offset.x - self._drawn.left))

    def read_at(self, x: float | None) -> None:
        """Put the cursor on the nearest point of the line with most points; None takes it away."""
        if x is not None and self.spec is not None:
            longest = max((s for s in self.spec.series if s.name and len(s.xs)), key=lambda s: len(s.xs), default=None)
            readings = read_values(self.spec, x)
            x = next((reading.x for reading in readings if longest and reading.name == longest.name), x)
        if x == self.cursor:
            return
        self.cursor = x
        values = read_values(self.spec, x) if self.spec is not None and x is not None else []
        self.post_message(self.Read(self, x, values))
        self._redraw()


def palette_of(app: App[object]) -> Palette:
    """The colours of the app's theme for the roles of charts."""
    theme = app.current_theme
    base: Mapping[Role, str] = DARK if theme.dark else LIGHT
    return {role: theme.variables.get(role, colour) for role, colour in base.items()}


def style_of(role: Role, palette: Palette) -> Style:
    return Style(color=palette[role], bold=role in STRONG) if role else Style.null()
