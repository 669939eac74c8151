"""The console on a run with counts that learn on: static and adaptive in tables, lines and charts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import DataTable

from slmtui.console.charts.run_charts import loss_chart
from slmtui.console.screens.runs.columns import COLUMNS, cells, fitting
from slmtui.console.screens.runs.curves import overlay
from slmtui.console.screens.train.view import numbers_line
from slmtui.runs.history import RunHistory
from slmtui.runs.index import RunIndex
from slmtui.runs.run import Run
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.insight.test_adaptive_runs import ADAPTIVE, FACTS, PHASE, adaptive_events
from tests.insight.test_mixed_runs import MIXED
from tests.written_runs import BITS, done_run, write_run


def adaptive_run(checkpoints: Path) -> Run:
    return write_run(checkpoints, "both-001", PHASE, adaptive_events())


def test_the_chart_of_losses_has_both_curves_and_the_best_of_what_decides(tmp_path: Path) -> None:
    history = RunHistory(adaptive_run(tmp_path))
    history.refresh()
    spec = loss_chart(history)
    curves = {series.name: series.ys.tolist() for series in spec.series}
    assert (curves["static"], curves["adaptive"]) == (list(MIXED), list(ADAPTIVE))
    assert [(mark.x, mark.y) for mark in spec.marks] == [(200.0, 3.0)]


def test_the_chart_has_a_bar_for_static_and_one_for_adaptive_where_a_run_has_both(tmp_path: Path) -> None:
    history = RunHistory(adaptive_run(tmp_path))
    history.refresh()
    levels = loss_chart(history, bars=history.bars).levels
    assert [(level.name, round(level.value, 9)) for level in levels] == [
        ("4-gram 3.90", 3.9),
        ("counting, adaptive 3.20", 3.2),
    ]
    static = RunHistory(done_run(tmp_path, "plain-001", **FACTS))
    static.refresh()
    assert [bar.short for bar in static.bars] == ["4-gram"]


def test_the_line_of_numbers_fits_80_columns_up_to_what_decides(tmp_path: Path) -> None:
    history = RunHistory(adaptive_run(tmp_path))
    history.refresh()
    line = numbers_line(history, history.summary)
    expected = f" train 1.000  val 4.400  static 3.600  adaptive 3.100 (decides), {3.1 * BITS:.2f} b/byte"
    assert line.startswith(expected)
    assert len(expected) <= 80
    assert "best 3.000 at 200" in line


def test_the_table_of_runs_has_columns_of_both(tmp_path: Path) -> None:
    done_run(tmp_path, "plain-001", ((6.6, 6.6), (3.0, 4.1)))
    (plain,) = RunIndex(tmp_path).look()
    assert not {"adaptive", "decides"} & {COLUMNS[at].key for at in fitting([cells(plain)], 300).columns}
    adaptive_run(tmp_path)
    runs = RunIndex(tmp_path).look()
    layout = fitting([cells(run) for run in runs], 300)
    shown = {COLUMNS[at].key: cells(runs[0])[at][0] for at in layout.columns}
    assert (shown["val"], shown["mixed"], shown["adaptive"]) == ("4.2000", "3.7000", "3.0000")
    assert (shown["adaptive-bpb"], shown["decides"], shown["counting"]) == (f"{3 * BITS:.2f}", "adaptive", "−0.20")
    narrow = {COLUMNS[at].key for at in fitting([cells(run) for run in runs], 76).columns}
    assert {"bpb", "decides"} <= narrow
    assert shown["bpb"] == f"{3 * BITS:.2f}"
    judged = replace(runs[0].summary, gate="failed", test_judged_bits_per_byte=2.5)
    rows = [cells(replace(runs[0], summary=judged)), cells(runs[1])]
    narrow = {COLUMNS[at].key for at in fitting(rows, 76).columns}
    assert {"bpb", "decides", "gate", "test"} <= narrow
    seen = dict(zip((column.key for column in COLUMNS), (cell[0] for cell in rows[0]), strict=True))
    assert (seen["gate"], seen["test"]) == ("failed", "2.50")
    spec = overlay(runs, {"both-001": "run-1", "plain-001": "run-2"}, "both-001")
    names = ["both-001 · adaptive", "network", "static", "plain-001 · network"]
    assert [series.name for series in spec.series] == names
    assert spec.series[0].ys.tolist() == list(ADAPTIVE)
    assert [(mark.x, mark.y) for mark in spec.marks] == [(200, 3.0)]


@pytest.mark.parametrize("size", [WIDE, (80, 24)])
async def test_the_evaluations_on_train_have_both(
    make_console: MakeConsole, until: Until, size: tuple[int, int]
) -> None:
    app = make_console("train")
    run = adaptive_run(app.checkpoints)
    async with app.run_test(size=size) as pilot:
        app.watch_run(run)
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)
        if size != WIDE:
            await pilot.press("t")
        table: DataTable[object] = app.screen.query_one(DataTable)
        assert [str(column.label) for column in table.columns.values()][5:] == [
            "static",
            "b/byte",
            "adaptive",
            "b/byte",
        ]
        row = [str(cell) for cell in table.get_row_at(2)]
        assert row[0] == "◆ 200"
        assert row[5:] == ["3.700", f"{3.7 * BITS:.2f}", "3.000", f"{3 * BITS:.2f}"]
        await until(pilot, lambda: 0 < table.virtual_size.width <= table.size.width)
        assert app.screen.query_one("#evaluations").border_title == "evaluations · adaptive decides"
