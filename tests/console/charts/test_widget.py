"""The chart on the screen: it paints what changed, sleeps while it cannot be seen, and reads values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen
from textual.theme import Theme

from slmtui.console.charts import rendering
from slmtui.console.charts.spec import ChartSpec, Mark, Series
from slmtui.console.charts.widget import Chart
from tests.console.screen_text import rows_of
from tests.patience import until


def losses(n: int, **changes: object) -> ChartSpec:
    xs = np.arange(1.0, n + 1)
    at = np.arange(0.0, n, 50)
    series = [
        Series("train", xs, 0.5 + 10 * np.exp(-xs / 100), "train"),
        Series("val", at, 1 + 10 * np.exp(-at / 100), "val", bold=True),
    ]
    fields: dict[str, object] = {"title": "loss", "series": series, "x_limits": (0, 1000), **changes}
    return ChartSpec(**fields)  # type: ignore[arg-type]


class ChartApp(App[None]):
    CSS = "Chart { border: round $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Chart.Read] = []

    def compose(self) -> ComposeResult:
        yield Chart(losses(500))

    def on_chart_read(self, message: Chart.Read) -> None:
        self.read.append(message)

    @property
    def chart(self) -> Chart:
        return self.query_one(Chart)


@contextmanager
def painted(chart: Chart, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Region | None]]:
    """What the chart asks to be painted anew: regions, or None for all of it."""
    asked: list[Region | None] = []
    with monkeypatch.context() as patch:
        patch.setattr(chart, "refresh", lambda *regions, **_: asked.extend(regions or [None]))
        yield asked


def shown(chart: Chart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def test_it_shows_the_chart_at_its_size() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        rows = rendering.draw_chart(losses(500), 98, 22).rows
        assert shown(app.chart) == ["".join(piece for piece, _ in row) for row in rows]
        assert app.chart.border_title == "loss"


async def test_only_rows_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        before = shown(app.chart)
        with painted(app.chart, monkeypatch) as asked:
            app.chart.set_spec(losses(510))
        after = shown(app.chart)
        changed = [y for y in range(22) if before[y] != after[y]]
        assert 0 < len(changed) < 6
        assert asked == [Region(0, y, 98, 1) for y in changed]


async def test_nothing_is_painted_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        spec = losses(500)
        app.chart.set_spec(spec)
        with painted(app.chart, monkeypatch) as asked, monkeypatch.context() as patch:
            app.chart.set_spec(losses(500))  # says the same
            patch.setattr(rendering, "draw_chart", lambda *_, **__: pytest.fail("drawn again"))
            app.chart.set_spec(app.chart.spec or spec)  # is the same
        assert asked == []


async def test_a_hidden_chart_is_not_drawn_until_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.display = False
        await pilot.pause()
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "draw_chart", lambda *_, **__: pytest.fail("drawn while hidden"))
            app.chart.set_spec(losses(900))
        app.chart.display = True
        rows = rendering.draw_chart(losses(900), 98, 22).rows
        await until(pilot, lambda: shown(app.chart) == ["".join(piece for piece, _ in row) for row in rows])


async def test_a_chart_on_a_covered_screen_is_drawn_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = app.chart
        await app.push_screen(Screen())
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "draw_chart", lambda *_, **__: pytest.fail("drawn while covered"))
            chart.set_spec(losses(900))
        app.pop_screen()
        await pilot.pause()
        rows = rendering.draw_chart(losses(900), 98, 22).rows
        on_screen = [strip.text[1:99] for strip in rows_of(app)[1:23]]
        assert on_screen == ["".join(piece for piece, _ in row) for row in rows]


async def test_resizing_down_to_nothing_and_back() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        for size in [(60, 15), (20, 4), (3, 3), (1, 1), (140, 50), (100, 24)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert shown(app.chart)[0].endswith("─ train  ━ val ")


async def test_the_cursor_reads_values() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.focus()
        await pilot.press("left")  # appears on the last point
        await pilot.pause()
        assert app.read[-1].x == 500.0
        assert [(r.name, r.x) for r in app.read[-1].values] == [("train", 500.0), ("val", 450.0)]
        assert app.read[-1].values[0].y == pytest.approx(0.5 + 10 * np.exp(-5))
        assert "500 steps  ─ train 0.567  ━ val 1.111" in shown(app.chart)[0]
        await pilot.press("left")
        one = app.read[-1].x
        await pilot.press("shift+left")
        ten = app.read[-1].x
        assert one is not None
        assert ten is not None
        assert 8 <= 500 - one <= 14  # 1,000 steps on 92 columns
        assert 100 <= one - ten <= 118
        await pilot.press("home", "left")
        assert app.read[-1].x == 1.0
        await pilot.press("end", "right")
        assert app.read[-1].x == 500.0
        await pilot.press("escape")
        await pilot.pause()
        assert app.read[-1].x is None
        assert app.read[-1].values == []
        assert shown(app.chart)[0].endswith("─ train  ━ val ")


async def test_every_press_moves_the_cursor_where_points_are_few() -> None:
    """It stands on points of the line with most of them; from there it must still get away."""
    app = ChartApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.chart.set_spec(losses(8, x_limits=(0, 8)))
        app.chart.focus()
        await pilot.press("end", *["left"] * 7)
        await pilot.press(*["right"] * 7)
        await pilot.pause()
        places = [message.x for message in app.read]
        assert places == [8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8]


async def test_the_cursor_follows_a_click_and_leaves_with_the_x_it_was_on() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.click(Chart, offset=(30, 10))
        await pilot.pause()
        assert app.read[-1].x is not None
        app.chart.set_spec(losses(500, x_label="tokens"))
        await pilot.pause()
        assert app.read[-1].x is None


async def test_a_chart_without_points_has_no_cursor() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.set_spec(losses(0))
        app.chart.focus()
        await pilot.press("left", "right", "home")
        assert app.read == []


def in_view(chart: Chart) -> tuple[float, float]:
    assert chart._drawn is not None
    assert chart._drawn.x is not None
    return chart._drawn.x.low, chart._drawn.x.high


def values_in_view(chart: Chart) -> tuple[float, float]:
    assert chart._drawn is not None
    assert chart._drawn.y is not None
    return chart._drawn.y.low, chart._drawn.y.high


async def test_keys_zoom_and_pan_and_lead_back_to_all() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = app.chart
        chart.focus()
        await pilot.press("up")
        assert in_view(chart) == (0.5, 500.5)  # around the middle of what there is
        await pilot.press("up", "pagedown")
        assert in_view(chart) == (250.5, 500.5)
        await pilot.press("pagedown", "pagedown")
        assert in_view(chart) == (500.5, 750.5)
        await pilot.press("pageup", "pageup", "pageup")
        assert in_view(chart) == (125.5, 375.5)
        await pilot.press("down", "down")
        assert in_view(chart) == (0.0, 1000.0)
        await pilot.press("up", *["left"] * 3, "up", "up")  # around the cursor
        assert chart.cursor is not None
        low, high = in_view(chart)
        assert high - low == 125.0
        assert low < chart.cursor < high
        await pilot.press("home")  # the cursor takes what is in view along
        assert in_view(chart) == (1.0, 126.0)
        await pilot.press("0")
        assert in_view(chart) == (0.0, 1000.0)


async def test_keys_choose_a_range_of_y() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = app.chart
        chart.focus()
        assert values_in_view(chart) == (0.0, 11.0)
        await pilot.press("shift+up")
        assert values_in_view(chart) == (2.75, 8.25)
        await pilot.press("ctrl+down")
        assert values_in_view(chart) == (0.0, 5.5)
        await pilot.press("K", "ctrl+up", "J")
        assert values_in_view(chart) == (1.375, 6.875)
        chart.set_spec(losses(520))
        assert values_in_view(chart) == (1.375, 6.875)
        chart.set_spec(losses(520, title="gradient norm"))
        assert values_in_view(chart) == (0.0, 11.0)
        await pilot.press("shift+up", "up", "backspace")
        assert values_in_view(chart) == (0.0, 11.0)
        assert in_view(chart) == (0.0, 1000.0)


async def test_what_is_in_view_stays_while_the_chart_grows_and_all_of_it_follows() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = app.chart
        chart.focus()
        chart.set_spec(losses(500, x_limits=(0, 500)))
        await pilot.press("up", "up")
        part = in_view(chart)
        chart.set_spec(losses(2000, x_limits=(0, 2000)))
        assert in_view(chart) == part
        await pilot.press("0")
        assert in_view(chart) == (0.0, 2000.0)
        chart.set_spec(losses(3000, x_limits=(0, 3000)))
        assert in_view(chart) == (0.0, 3000.0)
        await pilot.press("up")
        chart.set_spec(losses(3000, x_limits=(0, 9000), x_label="tokens"))
        assert in_view(chart) == (0.0, 9000.0)


async def test_a_drag_selects_a_range_and_a_click_does_not() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        chart = app.chart
        left, columns = chart._drawn.left, chart._drawn.columns  # type: ignore[union-attr]
        at = [chart._drawn.x_at(column) for column in (left + 20, left + 60)]  # type: ignore[union-attr]
        await pilot.mouse_down(Chart, offset=(left + 21, 5))
        await pilot.hover(Chart, offset=(left + 61, 6))
        marked = [s for s in chart.render_line(3) if s.style and s.style.reverse]
        assert sum(len(segment.text) for segment in marked) == 41
        await pilot.mouse_up(Chart, offset=(left + 61, 6))
        assert in_view(chart) == pytest.approx(at)
        assert columns > 60
        assert chart.cursor is None
        assert not any(s.style and s.style.reverse for y in range(22) for s in chart.render_line(y))
        assert chart.zoom.y is None

        before = values_in_view(chart)
        await pilot.mouse_down(Chart, offset=(left + 31, 4))
        await pilot.hover(Chart, offset=(left + 51, 12))
        await pilot.mouse_up(Chart, offset=(left + 51, 12))
        low, high = values_in_view(chart)
        assert before[0] < low < high < before[1]
        assert in_view(chart)[0] > at[0]  # type: ignore[operator]

        await pilot.press("0")
        await pilot.click(Chart, offset=(left + 31, 10))
        await pilot.pause()
        assert chart.cursor is not None
        assert in_view(chart) == (0.0, 1000.0)


class TwoCharts(App[None]):
    def compose(self) -> ComposeResult:
        one, other = Chart(losses(500), id="one"), Chart(losses(500, title="gap", signed=True), id="other")
        one.link(other)
        yield one
        yield other


async def test_linked_charts_share_their_cursor_and_their_range_of_x() -> None:
    app = TwoCharts()
    async with app.run_test(size=(100, 30)) as pilot:
        one, other = app.query(Chart)
        other.focus()
        await pilot.press("left", "up", "shift+up")
        assert (one.cursor, other.cursor) == (500.0, 500.0)
        assert "500 steps  ─ train 0.567  ━ val 1.111" in "".join(shown(one))
        assert "500 steps  ─ train +0.57  ━ val +1.11" in "".join(shown(other))
        assert in_view(one) == in_view(other) == (250.0, 750.0)
        assert one.zoom.y is None
        assert other.zoom.y is not None
        one.set_spec(losses(500, x_label="tokens"))  # what is drawn along something else stays as it is
        await pilot.press("left")
        assert one.cursor is None
        assert other.cursor is not None
        assert in_view(one) == (0.0, 1000.0)
        assert in_view(other) == (250.0, 750.0)


async def test_its_keys_stand_in_its_frame_while_it_has_the_focus() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.screen.set_focus(None)
        await pilot.pause()
        app.chart.border_subtitle = "views"
        app.chart.focus()
        await pilot.pause()
        assert "zoom" in str(app.chart.border_subtitle)
        app.screen.set_focus(None)
        await pilot.pause()
        assert str(app.chart.border_subtitle) == "views"


def colours(chart: Chart) -> set[str]:
    strips = [chart.render_line(y) for y in range(chart.size.height)]
    return {s.style.color.get_truecolor().hex for strip in strips for s in strip if s.style and s.style.color}


async def test_colours_come_from_the_theme() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.set_spec(losses(500, marks=[Mark("best", 450.0, 1.1)]))
        theme = Theme("mine", primary="#101010", variables={"train": "#abcdef", "val": "#fedcba", "quiet": "#777777"})
        app.register_theme(theme)
        app.theme = "mine"
        await pilot.pause()
        assert {"#abcdef", "#fedcba", "#777777"} <= colours(app.chart)
        app.theme = "textual-light"
        await pilot.pause()
        assert "#abcdef" not in colours(app.chart)


@pytest.mark.parametrize("theme", ["nord", "ansi-dark", "ansi-light"])
async def test_any_theme_will_do(theme: str) -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.theme = theme
        await pilot.pause()
        assert "train" in shown(app.chart)[0]


async def test_without_colour_val_is_bold_and_thick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=(100, 24)):
        bold = {s.text.strip() for y in range(22) for s in app.chart.render_line(y) if s.style and s.style.bold}
        assert "━" in bold
        assert "─" not in bold
