"""Charts as rows of text: whole, aligned, honest, in any set of characters."""

from __future__ import annotations

import math
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from slmtui.console.charts.cells import CellRow, Drawing
from slmtui.console.charts.raster import draw_line
from slmtui.console.charts.rendering import draw_chart
from slmtui.console.charts.run_charts import AVERAGED, gap_chart, loss_chart, verdict_bands
from slmtui.console.charts.spec import ChartSpec, Mark, ReferenceLine, Series, read_values
from slmtui.console.text.glyphs import Glyphs
from slmtui.data.baseline import Bar
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import to_json
from slmtui.training.gap import verdict

EVERY_SET: list[Glyphs] = ["braille", "block", "ascii"]


def text(rows: list[CellRow]) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in rows]


def rows_of(
    spec: ChartSpec, width: int, height: int, glyphs: Glyphs = "braille", *, colour: bool = True,
    cursor: float | None = None,
) -> list[CellRow]:  # fmt: skip
    return draw_chart(spec, width, height, glyphs, colour=colour, cursor=cursor).rows


def roles(rows: list[CellRow]) -> set[str]:
    return {role for row in rows for _, role in row if role}


@pytest.mark.parametrize("name", ["模型-001", "e\u0301tude 🚀", "ｗｉｄｅ"])
@pytest.mark.parametrize("width", [*range(30, 60)])
def test_a_name_of_wide_letters_leaves_each_row_as_wide_as_the_chart(name: str, width: int) -> None:
    spec = losses()
    spec = replace(spec, series=[replace(spec.series[0], name=name), *spec.series[1:]])
    for cursor in (None, 300.0):
        rows = text(rows_of(spec, width, 12, cursor=cursor))
        assert {cell_len(row) for row in rows} == {width}
    assert width < 50 or any(unicodedata.normalize("NFC", name) in row for row in rows)


def test_half_of_a_wide_letter_is_a_blank() -> None:
    drawing = Drawing(4, 2)
    drawing.put(0, -1, "模型模", "label")
    drawing.put(1, 1, "模型", "label")
    assert text(drawing.rows()) == [" 型 ", " 模 "]


def losses(n: int = 500) -> ChartSpec:
    xs = np.arange(1.0, n + 1)
    train = 0.5 + 10 * np.exp(-xs / 100)
    at = np.arange(0.0, n + 1, 50)
    val = 0.8 + 10 * np.exp(-at / 100)
    return ChartSpec(
        title="loss (nats per token)",
        series=[Series("train", xs, train, "train"), Series("val", at, val, "val", bold=True)],
        x_limits=(0, 1000),
        levels=[ReferenceLine("7-gram 0.44", 0.44)],
        marks=[Mark("best", float(at[-1]), float(val[-1]))],
    )


@pytest.mark.parametrize("glyphs", EVERY_SET)
@pytest.mark.parametrize("log_y", [False, True])
def test_a_chart_fills_its_place_exactly(glyphs: Glyphs, log_y: bool) -> None:
    for width, height in [(120, 30), (80, 12), (40, 8), (20, 3), (19, 10), (50, 2), (1, 1), (0, 0)]:
        rows = rows_of(replace(losses(), log_y=log_y), width, height, glyphs)
        assert [len(line) for line in text(rows)] == [width] * height


def test_names_axes_and_roles() -> None:
    rows = rows_of(losses(), 90, 16)
    lines = text(rows)
    assert lines[0].endswith("─ train  ━ val  ◆ best  ┈ 7-gram 0.44 ")
    assert "◆" in "".join(lines[1:])
    assert lines[-2].rstrip("┬─").endswith(" steps ")
    assert lines[-1].split() == ["0", "200", "400", "600", "800", "1,000"]
    assert roles(rows) == {"train", "val", "best", "baseline", "axis", "label"}
    assert roles(rows_of(losses(), 90, 16, colour=False)) == set()


def test_numbers_stand_under_their_ticks() -> None:
    *_, axis, numbers = text(rows_of(losses(), 90, 16))
    for label in ("200", "400", "600", "800"):
        assert axis[numbers.index(label) + 1] == "┬"


@pytest.mark.parametrize("spec", [losses(), replace(losses(), log_y=True, bands=verdict_bands(), signed=True)])
def test_ascii_is_ascii(spec: ChartSpec) -> None:
    for cursor in (None, 250.0):
        assert "".join(text(rows_of(spec, 100, 20, "ascii", cursor=cursor))).isascii()


def test_blocks_are_those_of_the_linux_console() -> None:
    """Code page 437, which its built-in font covers, with two of the signs below 32 that Python's codec leaves out."""
    spec = replace(losses(), bands=verdict_bands(), signed=True)
    drawn = "".join(text(rows_of(spec, 100, 20, "block", cursor=250.0)))
    drawn.replace("•", "").replace("♦", "").encode("cp437", errors="strict")


@pytest.mark.parametrize("glyphs", EVERY_SET)
def test_train_and_val_differ_without_colour(glyphs: Glyphs) -> None:
    flat = np.full(100, 2.0)
    xs = np.arange(100.0)
    drawn = []
    for bold in (False, True):
        spec = ChartSpec("", [Series("a", xs, flat, "train", bold=bold)], (0, 99), y_limits=(0, 4))
        drawn.append("".join(text(rows_of(spec, 60, 12, glyphs, colour=False))))
    assert drawn[0] != drawn[1]


def canvas(spec: ChartSpec, width: int = 84, height: int = 22) -> list[str]:
    chart = draw_chart(spec, width, height)
    return [line[chart.left :] for line in text(chart.rows)][: height - 2]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9_999), st.booleans())
def test_a_spike_of_one_step_is_seen(at: int, up: bool) -> None:
    ys = np.full(10_000, 5.0)
    ys[at] = 10.0 if up else 0.0
    rows = canvas(ChartSpec("", [Series("train", np.arange(1e4), ys, "train")], (0, 9_999), y_limits=(0, 10)))
    assert (rows[0] if up else rows[-1]).strip()


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    ys = np.full(10_000, 5.0)
    ys[3000:7000] = np.nan
    ys[8000:] = np.inf
    rows = canvas(ChartSpec("", [Series("train", np.arange(1e4), ys, "train")], (0, 9_999)))
    columns = {column for row in rows for column, char in enumerate(row) if char != " "}
    width = len(rows[0])
    assert columns == {c for c in range(width) if c <= 0.3 * width or 0.7 * width - 1 <= c < 0.8 * width}


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(
    "ys", [[], [math.nan] * 3, [math.inf, 1.0, 2.0], [0.0, -1.0, 2.0], [3.0], [1e300, 1e-300, 1.0], [7.0, 7.0, 7.0]]
)
def test_odd_data_are_drawn_or_left_out(ys: list[float], log_y: bool) -> None:
    spec = ChartSpec("", [Series("a", np.arange(float(len(ys))), np.array(ys), "train")], (0, 2), log_y=log_y)
    assert len(rows_of(spec, 60, 12)) == 12


def test_a_line_far_outside_takes_no_time() -> None:
    start = time.process_time()
    draw_line(((0.0, 1.0), (0.0, 1e12)), (0.0, 1.0), (0.0, 1.0), 80, 20, "braille", False)
    assert time.process_time() - start < 1.0


def test_lines_add_up_where_they_cross() -> None:
    xs = np.linspace(0, 100, 50)
    up, down = Series("a", xs, xs, "train"), Series("b", xs, 100 - xs, "val")
    both = canvas(ChartSpec("", [up, down], (0, 100)))
    for one in (up, down):
        for row_both, row_one in zip(both[2:], canvas(ChartSpec("", [one], (0, 100)))[2:], strict=True):
            for here, there in zip(row_both, row_one, strict=True):
                if there != " ":
                    assert (ord(here) & ord(there)) == ord(there)


def test_few_rows_change_when_a_point_comes() -> None:
    before, after = (text(rows_of(losses(n), 100, 24)) for n in (500, 510))
    assert 0 < sum(a != b for a, b in zip(before, after, strict=True)) <= 5


def test_the_legend_covers_no_line_if_it_can() -> None:
    xs = np.linspace(0, 100, 50)
    rising = ChartSpec("", [Series("train", xs, xs, "train"), Series("val", xs, xs, "val")], (0, 100))
    assert "─ train" in text(rows_of(rising, 80, 12))[0][:60]


def test_names_stand_between_lines_and_nowhere_if_they_would_cover_much() -> None:
    xs = np.linspace(0, 100, 201)
    apart = [Series(f"line {n}", xs, np.where(xs < 95, n, 1.5), "val") for n in (0, 3)]
    spec = ChartSpec("", apart, (0, 100))
    assert [row for row, line in enumerate(text(rows_of(spec, 40, 9))) if "line 0" in line and "line 3" in line] == [1]
    everywhere = replace(spec, series=[*apart, Series("line 1", xs, 3 * (xs % 2), "train")])
    assert "line" not in "".join(text(rows_of(everywhere, 40, 9)))
    assert "line 1 0.000" in "".join(text(rows_of(everywhere, 40, 9, cursor=50.0))), "what a person reads is shown"


def test_a_narrow_chart_names_its_lines_too() -> None:
    xs, names = np.linspace(0, 100, 50), ("train", "val", "static val", "adaptive val", "counting, adaptive mixer")
    spec = ChartSpec("", [Series(name, xs, xs + i, "val") for i, name in enumerate(names)], (0, 100))
    shown = "\n".join(text(rows_of(spec, 38, 24)))
    assert [name for name in names if name not in shown] == []
    assert "train" not in "\n".join(text(rows_of(spec, 38, 6))), "five names would cover it"


def test_the_cursor_reads_in_the_legend() -> None:
    lines = text(rows_of(losses(), 90, 16, cursor=250.0))
    assert "250 steps  ─ train 1.321  ━ val 1.621" in lines[0]
    column = {line.index("│", 6) for line in lines[2:9] if "│" in line[6:]}
    assert len(column) == 1
    assert [(r.name, r.x) for r in read_values(losses(), 251.0)] == [("train", 251.0), ("val", 250.0)]


@given(st.floats(-20, 20))
def test_the_bands_are_those_of_the_scale(gap: float) -> None:
    assert [band.word for band in verdict_bands() if band.low < gap < band.high] in ([verdict(gap)], [])


def a_run(folder: Path, steps: int) -> RunHistory:
    folder.mkdir()
    phase = {"phase": {"name": "tiny"}, "training": {"max_iters": 1000}, "evaluation": {"interval": 100}}
    data = DataRecord(train_tokens=90, val_tokens=10, n_vocab=5, val_text="ab")
    happened: list[events.Event] = [
        events.RunStarted(step=0, time=0.0, phase=phase, parameters={"total": 7}, data=data, machine={}, versions={})
    ]
    for n in range(steps + 1):
        if n % 100 == 0:
            val = 3.0 + abs(n - 300) / 100
            happened.append(
                events.Evaluation(
                    step=n,
                    time=n / 10,
                    train_loss=3.0,
                    val_loss=val,
                    gap=val - 3.0,
                    verdict=verdict(val - 3.0),
                    bits_per_byte=1.0,
                    best=n <= 300,
                )
            )
        loss = 3.0 + (n % 2)
        happened.append(
            events.Step(
                step=n + 1, time=(n + 1) / 10, loss=loss, learning_rate=1e-3, grad_norm=1.0, tokens=64 * (n + 1)
            )
        )
    (folder / "events.jsonl").write_text("".join(to_json(event) + "\n" for event in happened))
    history = RunHistory(Run(folder))
    history.refresh()
    return history


def test_charts_of_a_run(tmp_path: Path) -> None:
    history = a_run(tmp_path / "tiny-001", 600)
    loss = loss_chart(history, bars=[Bar("a 7-gram model", "7-gram", "", 0.44, 0.2)])
    assert loss.x_limits == (0, 1000)
    assert [series.name for series in loss.series] == ["train", "val"]
    assert loss.series[1].xs.tolist() == [0, 100, 200, 300, 400, 500, 600]
    assert loss.marks == [Mark("best", 300.0, 3.0)]
    assert loss.levels == [ReferenceLine("7-gram 0.44", 0.44)]
    assert loss_chart(history, x="tokens").x_limits == (0, 64_000)
    assert loss_chart(history, x="tokens").series[1].xs.tolist() == [0, 6400, 12_800, 19_200, 25_600, 32_000, 38_400]
    assert loss_chart(history, x="time").x_limits == (0, 100)
    assert loss_chart(history, recent=True).x_limits == pytest.approx((540.9, 601))
    gap = gap_chart(history)
    assert gap.series[0].ys.tolist() == [3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0]
    assert "moderate" in "".join(text(rows_of(gap, 90, 16)))


def test_smoothing_leaves_the_raw_line_visible(tmp_path: Path) -> None:
    raw, smooth, _ = loss_chart(a_run(tmp_path / "tiny-001", 900), smoothing=0.95).series
    assert (raw.name, raw.role, smooth.name, smooth.role) == ("", "train-raw", "train, smoothed", "train")
    assert set(raw.ys.tolist()) == {3.0, 4.0}
    assert smooth.ys.size <= AVERAGED
    assert np.ptp(smooth.ys[100:]) < 0.2


def test_a_run_that_has_just_begun_has_charts(tmp_path: Path) -> None:
    history = RunHistory(Run(tmp_path))
    for spec in (loss_chart(history, smoothing=0.5, recent=True), loss_chart(history, x="time"), gap_chart(history)):
        assert len(rows_of(spec, 80, 20)) == 20


@pytest.mark.soak
def test_a_million_steps_redraw_in_30_milliseconds() -> None:
    """As the console does it: the training loss has grown, the rest is as it was."""
    xs = np.arange(1_000_001.0)
    train = 0.5 + 10 * np.exp(-xs / 1e5) + np.random.default_rng(0).normal(size=xs.size) * 0.1
    at = xs[::1000]
    val = Series("val", at, 0.8 + 10 * np.exp(-at / 1e5), "val", bold=True)
    seconds = []
    for n in range(999_990, 1_000_000):
        spec = ChartSpec("", [Series("train", xs[:n], train[:n], "train"), val], (0, 1_000_000))
        start = time.process_time()
        rows_of(spec, 120, 30)
        seconds.append(time.process_time() - start)
    assert sorted(seconds)[len(seconds) // 2] < 0.030
