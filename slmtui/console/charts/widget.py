"""A chart on the screen: drawn only when there is something new to see, and then only the rows that changed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from slmtui.console.charts import rendering
from slmtui.console.charts.cells import CellRow
from slmtui.console.charts.palette import Palette, Role, chart_palette
from slmtui.console.charts.series import Numbers
from slmtui.console.charts.spec import ChartSpec, Range, Reading, read_values
from slmtui.console.charts.zoom import LEAST, Zoom, brought_into, panned, zoomed
from slmtui.console.key_names import key
from slmtui.console.text.glyphs import Glyphs

JUMP = 10  # columns that the cursor moves with shift
FACTOR = 2.0  # of one press of a key that zooms
DRAGGED = 2  # columns or rows from which a drag selects a range of that axis
STRONG: frozenset[Role] = frozenset({"val", "best", "cursor"})  # bold, which tells them apart without colour too


class Chart(Widget, can_focus=True):
    """`set_spec` shows a chart. With the focus, a cursor reads its values; they stand in the legend, and in `Read`.

    Keys zoom and pan, and so does a drag over a range; what is in view stays while the chart grows, and all of it
    follows. Charts that were linked share their cursor and their range of x. The colours are those of the theme (see
    palette.py).
    """

    ALLOW_SELECT = False  # of its text: a drag zooms

    BINDING_GROUP_TITLE = "Chart"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "read values", show=False, tooltip="read values"),
        Binding("right,l", "move(1)", "read values", show=False),
        Binding("shift+left,H", f"move(-{JUMP})", "read values, faster", show=False),
        Binding("shift+right,L", f"move({JUMP})", "read values, faster", show=False),
        Binding("home", "move(-1_000_000)", "first value", show=False),
        Binding("end", "move(1_000_000)", "last value", show=False),
        Binding("up", "zoom(1)", "zoom in", show=False, tooltip="zoom in on x"),
        Binding("down", "zoom(-1)", "zoom out", show=False, tooltip="zoom out of x"),
        Binding("pageup", "pan(-1)", "what lies before that", show=False),
        Binding("pagedown", "pan(1)", "what lies after that", show=False),
        Binding("shift+up,K", "zoom_y(1)", "zoom in on y", show=False),
        Binding("shift+down,J", "zoom_y(-1)", "zoom out of y", show=False),
        Binding("ctrl+up,shift+pageup", "pan_y(1)", "higher values", show=False),
        Binding("ctrl+down,shift+pagedown", "pan_y(-1)", "lower values", show=False),
        Binding("0,backspace", "show_all", "all", show=False, tooltip="all of the chart, as it grows"),
        Binding("E", "export", "export", show=False, tooltip="what is seen of this chart as SVG, PNG or CSV"),
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

    class ExportWanted(Message):
        """What is seen is to become a file: the part of the chart in view, with the limits as they are drawn."""

        def __init__(self, seen: ChartSpec) -> None:
            super().__init__()
            self.seen = seen

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
        self.zoom = Zoom()
        self._linked: tuple[Chart, ...] = ()
        self._frame_said = ""  # in its frame without the focus
        self._pressed: Offset | None = None  # where the mouse was pressed
        self._dragged: Offset | None = None  # where it was drawn to from there
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
            self.zoom = replace(self.zoom, x=None)
        if old is not None and (old.title, old.signed) != (spec.title, spec.signed):
            self.zoom = replace(self.zoom, y=None)
        self._redraw()

    def link(self, other: Chart) -> None:
        """Share the cursor and the range of x with another chart, where that has the same x."""
        self._linked, other._linked = (*self._linked, other), (*other._linked, self)

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
        spec = self.zoom.of(self.spec)
        self._drawn = rendering.draw_chart(spec, width, height, self.glyphs, cursor=self.cursor)
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
        pieces = [Segment(text, base + style_of(role, palette)) for text, role in row]
        return Strip(pieces, sum(piece.cell_length for piece in pieces))

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)
        if self._pressed is None or self._dragged is None or self._drawn is None:
            return strip
        (left, right), (top, bottom) = self._selected(self._pressed, self._dragged)
        if not top <= y <= bottom:
            return strip
        before, chosen, after = strip.divide([left, right + 1, strip.cell_length])
        return Strip.join([before, chosen.apply_style(Style(reverse=True)), after])

    # The cursor

    def action_move(self, columns: int) -> None:
        """Move the cursor, by one point at least; the first time it appears on the last point in view."""
        stops = self._stops()
        if stops.size == 0 or self._drawn is None or self._drawn.x is None or self.spec is None:
            return
        if self.cursor is None:
            low, high = self.zoom.of(self.spec).x_limits
            seen = stops[(stops >= low) & (stops <= high)]
            self._read_and_show(float(seen[-1] if seen.size else stops[-1]))
            return
        here = int(np.argmin(np.abs(stops - self.cursor)))
        x, drawn = self._drawn.x, np.append(stops, self.cursor)
        if self._drawn.log_x:
            drawn = np.log10(drawn)
        there = int(np.argmin(np.abs(drawn[:-1] - drawn[-1] - columns * (x.high - x.low) / self._drawn.columns)))
        if there == here:
            there = min(max(0, here + (1 if columns > 0 else -1)), stops.size - 1)
        self._read_and_show(float(stops[there]))

    def _read_and_show(self, x: float) -> None:
        """Read at x; what is in view is moved along."""
        if self.zoom.x is not None and self.spec is not None:
            self._set_x(brought_into(self.zoom.x, x, log=self.spec.log_x))
        self.read_at(x)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape takes the cursor away, and without one leads out of the chart where a screen has that."""
        return self.cursor is not None if action == "leave" else super().check_action(action, parameters)

    def action_leave(self) -> None:
        self.read_at(None)

    def on_focus(self) -> None:
        """Its keys stand in its frame, and not in the bottom line, whose keys would move."""
        self._frame_said = self._frame.border_subtitle or ""
        self._frame.border_subtitle = f"{self._frame_said}  {_hint()}".strip()

    def on_blur(self) -> None:
        if str(self._frame.border_subtitle).endswith(_hint()):
            self._frame.border_subtitle = self._frame_said
        self._pressed = self._dragged = None
        self.read_at(None)

    @property
    def _frame(self) -> Widget:
        """The panel around the chart, unless that is the chart itself."""
        around = [node for node in self.ancestors_with_self if isinstance(node, Widget) and node.has_class("panel")]
        return around[0] if around else self

    def read_at(self, x: float | None) -> None:
        """Put the cursor on the point nearest to x, here and in the linked charts; None takes it away."""
        stops = self._stops()
        if x is not None:
            x = float(stops[np.argmin(np.abs(stops - x))]) if stops.size else None
        for chart in (self, *self._like_this()):
            chart._put_cursor(x)

    def _put_cursor(self, x: float | None) -> None:
        if x == self.cursor:
            return
        self.cursor = x
        values = read_values(self.spec, x) if self.spec is not None and x is not None else []
        self.post_message(self.Read(self, x, values))
        self._redraw()

    def _like_this(self) -> list[Chart]:
        """The linked charts that have the same x."""
        mine = self.spec
        return [c for c in self._linked if mine is not None and c.spec is not None and c.spec.x_label == mine.x_label]

    # What is in view

    def action_zoom(self, direction: int) -> None:
        """Twice as near, or as far, around the cursor; without one, around what there is to see."""
        if self.spec is None or self._drawn is None or self._drawn.x is None:
            return
        spec = self.zoom.of(self.spec)
        low, high = spec.x_limits
        middle, stops = self.cursor, self._stops()
        if middle is None or not low <= middle <= high:
            seen = stops[(stops >= low) & (stops <= high)]
            middle = float(seen[[0, -1]].mean()) if seen.size else low
        factor = FACTOR**-direction
        self._set_x(zoomed((low, high), self.spec.x_limits, factor, middle, log=spec.log_x, least=LEAST))

    def action_pan(self, direction: int) -> None:
        """Half of what is in view further."""
        if self.zoom.x is not None and self.spec is not None:
            self._set_x(panned(self.zoom.x, self.spec.x_limits, direction / 2, log=self.spec.log_x))

    def action_zoom_y(self, direction: int) -> None:
        """Around the values at the cursor; without one, around the middle."""
        if (whole := self._whole_y()) is None or self.spec is None:
            return
        now = self.zoom.y or whole
        read = [one.y for one in read_values(self.spec, self.cursor)] if self.cursor is not None else []
        inside = [y for y in read if now[0] <= y <= now[1]]
        log = self.spec.log_y
        middle = inside[-1] if inside else math.sqrt(now[0] * now[1]) if log else (now[0] + now[1]) / 2
        self._set_y(zoomed(now, whole, FACTOR**-direction, middle, log=log))

    def action_pan_y(self, direction: int) -> None:
        if self.zoom.y is not None and (whole := self._whole_y()) is not None and self.spec is not None:
            self._set_y(panned(self.zoom.y, whole, direction / 2, log=self.spec.log_y))

    def action_show_all(self) -> None:
        self.show_all()

    def show_all(self) -> None:
        """Leave the range that was chosen, here and in the linked charts."""
        self._set_x(None)
        for chart in (self, *self._linked):
            chart._set_y(None)

    def _set_x(self, x: Range | None) -> None:
        for chart in (self, *self._like_this()):
            if x != chart.zoom.x:
                chart.zoom = replace(chart.zoom, x=x)
                chart._redraw()

    def _set_y(self, y: Range | None) -> None:
        if y != self.zoom.y:
            self.zoom = replace(self.zoom, y=y)
            self._redraw()

    def _whole_y(self) -> Range | None:
        """What y goes over where nobody has chosen a range; None where nothing is drawn."""
        if self.spec is None:
            return None
        free = replace(self.zoom, y=None).of(self.spec)
        drawn = rendering.draw_chart(free, *self.size, self.glyphs)
        return drawn.limits()[1] if drawn.y is not None else None

    def action_export(self) -> None:
        if self.spec is None or self._drawn is None or self._drawn.y is None:
            why = "; it says why" if self.spec is not None and self.spec.instead else " yet"
            self.notify(f"there is nothing on this chart to export{why}", severity="warning")
            return
        seen = self.zoom.of(self.spec)
        if not seen.bands or seen.y_range is not None:
            seen = replace(seen, y_range=self._drawn.limits()[1])
        self.post_message(self.ExportWanted(seen))

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = None
        if event.button == 1 and self._drawn is not None and self._drawn.x is not None:
            self._pressed = event.get_content_offset_capture(self)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._pressed is not None:
            self._dragged = event.get_content_offset_capture(self)
            self.refresh()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._pressed is None:
            return
        self.release_mouse()
        pressed, self._pressed = self._pressed, None
        released = event.get_content_offset_capture(self)
        wide, high = abs(released.x - pressed.x) >= DRAGGED, abs(released.y - pressed.y) >= DRAGGED
        if self._drawn is not None and self._drawn.x is not None and (wide or high):
            x, y = self._drawn.part(*self._selected(pressed, released))
            if wide and x[0] < x[1]:
                self._set_x(x)
            if high and y[0] < y[1]:
                self._set_y(y)
        elif self._drawn is not None:
            self.read_at(self._drawn.x_at(pressed.x))
        self._dragged = None
        self.refresh()

    def _selected(self, one: Offset, other: Offset) -> tuple[tuple[int, int], tuple[int, int]]:
        """The columns and the rows between two places, as far as they are on the canvas; all of an axis along which
        they are as good as the same."""
        assert self._drawn is not None
        left, right = sorted((one.x, other.x)) if abs(one.x - other.x) >= DRAGGED else (0, self.size.width)
        top, bottom = sorted((one.y, other.y)) if abs(one.y - other.y) >= DRAGGED else (0, self.size.height)
        first, last = self._drawn.left, self._drawn.left + self._drawn.columns - 1
        rows = self._drawn.canvas_rows - 1
        return (min(max(first, left), last), min(max(first, right), last)), (min(max(0, top), rows), min(bottom, rows))

    def _stops(self) -> Numbers:
        """Where the cursor may stand: on the points of the named line that has most of them."""
        named = [series for series in self.spec.series if series.name] if self.spec is not None else []
        if self.spec is None or not named:
            return np.empty(0)
        longest = max(named, key=lambda series: len(series.xs))
        low, high = self.spec.x_limits
        return longest.xs[(longest.xs >= low) & (longest.xs <= high) & np.isfinite(longest.ys)]


def style_of(role: Role, palette: Palette) -> Style:
    return Style(color=Color.parse(palette[role]).rich_color, bold=role in STRONG) if role else Style.null()


def _hint() -> str:
    """What the keys of a chart that has the focus do, as far as its frame has room."""
    whole, export = key("charts.show-all", "0"), key("charts.export", "E")
    return f"← → read  ↑ ↓ zoom  pgup pgdn pan  {whole} all  {export} export"
