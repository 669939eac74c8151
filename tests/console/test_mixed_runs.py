"""The console on a run that predicts with a mixture: both numbers in tables, lines and charts; none of it elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import DataTable, Static

from slmtui.console.charts.run_charts import loss_chart
from slmtui.console.screens.runs.columns import COLUMNS, cells, fitting, sort_runs
from slmtui.console.screens.runs.curves import overlay
from slmtui.console.screens.train.view import evaluation_cells, mixture_kind, numbers_line
from slmtui.runs.history import RunHistory
from slmtui.runs.index import RunIndex
from slmtui.runs.run import Run
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.written_runs import BITS, done_run, evaluations, finished, make_phase, started, write_run

MIXED = (4.8, 4.0, 3.7, 3.6)


def mixed_run(checkpoints: Path) -> Run:
    phase = make_phase("both", model={"ngram_mix": 0.4})
    happened = [
        started(phase, baseline=3.9, baseline_order=4),
        *evaluations([(6.6, 6.6), (3.0, 4.5), (2.0, 4.2), (1.0, 4.4)], mixed=MIXED),
    ]
    return write_run(checkpoints, "both-001", phase, [*happened, finished(happened)])


def test_the_chart_of_losses_has_a_curve_of_the_mixture_and_its_best(tmp_path: Path) -> None:
    history = RunHistory(mixed_run(tmp_path))
    history.refresh()
    spec = loss_chart(history)
    (mixed,) = [series for series in spec.series if series.name == "mixed"]
    assert mixed.ys.tolist() == list(MIXED)
    assert [(mark.x, mark.y) for mark in spec.marks] == [(300.0, 3.6)]
    plain = RunHistory(done_run(tmp_path, "plain-001"))
    plain.refresh()
    assert [series.name for series in loss_chart(plain).series] == ["train", "val"]


def test_the_line_of_numbers_has_both(tmp_path: Path) -> None:
    history = RunHistory(mixed_run(tmp_path))
    history.refresh()
    line = numbers_line(history, history.summary)
    assert f"val 4.400  gap +3.40 severe  {4.4 * BITS:.2f} b/byte  mixed 3.600  {3.6 * BITS:.2f} b/byte" in line


def test_a_run_that_diverged_keeps_its_columns_and_shows_no_number_of_the_network_there(tmp_path: Path) -> None:
    history = RunHistory(mixed_run(tmp_path))
    history.refresh()
    diverged = replace(history.evaluations[-1], mixed_loss=None, mixed_bits_per_byte=None)
    history.evaluations.append(diverged)
    assert mixture_kind(history) == "mixed"
    row = evaluation_cells(diverged, best=False, verdict_style="", kind="mixed")
    assert [cell.plain for cell in row[-2:]] == ["–", "–"]


def test_the_table_of_runs_has_columns_of_the_mixture_only_where_there_is_one(tmp_path: Path) -> None:
    done_run(tmp_path, "plain-001", ((6.6, 6.6), (3.0, 4.1)))
    (plain,) = RunIndex(tmp_path).look()
    assert not {"mixed", "mixed-bpb"} & {COLUMNS[at].key for at in fitting([cells(plain)], 200).columns}
    mixed_run(tmp_path)
    runs = RunIndex(tmp_path).look()
    layout = fitting([cells(run) for run in runs], 200)
    shown = {COLUMNS[at].key: cells(runs[0])[at][0] for at in layout.columns}
    assert (shown["val"], shown["mixed"], shown["counting"]) == ("4.4000", "3.6000", "−0.30")
    assert (shown["bpb"], shown["decides"]) == (f"{3.6 * BITS:.2f}", "mixed")
    assert (shown["network-bpb"], shown["mixed-bpb"]) == (f"{4.4 * BITS:.2f}", f"{3.6 * BITS:.2f}")
    labels = [COLUMNS[at].label for at in layout.columns]
    assert len(set(labels)) == len(labels)
    assert [run.name for run in sort_runs(runs, "bpb")] == ["both-001", "plain-001"]
    spec = overlay(runs, {"both-001": "run-1", "plain-001": "run-2"}, "both-001")
    assert [series.name for series in spec.series] == ["both-001 · mixed", "network", "plain-001 · network"]
    assert spec.series[0].ys.tolist() == list(MIXED)
    other = overlay(runs, {"both-001": "run-1", "plain-001": "run-2"}, "plain-001")
    assert other.series[0].ys.tolist() == list(MIXED), "also where another run has the cursor"
    assert [(mark.x, mark.y) for mark in spec.marks] == [(300, 3.6)]
    assert {"bpb", "decides"} <= {COLUMNS[at].key for at in fitting([cells(run) for run in runs], 76).columns}


@pytest.mark.parametrize("first", ["both-001", "plain-001"])
async def test_the_evaluations_on_train_have_both(make_console: MakeConsole, until: Until, first: str) -> None:
    app = make_console("train")
    runs = {"both-001": mixed_run(app.checkpoints), "plain-001": done_run(app.checkpoints, "plain-001")}
    rows = {"both-001": 4, "plain-001": 3}
    names = [first, *(name for name in runs if name != first)]
    async with app.run_test(size=WIDE) as pilot:
        for name in names:
            app.watch_run(runs[name])

            def is_shown(name: str = name) -> bool:
                title = app.screen.query_one("#phase-title", Static)
                return name in str(title.render()) and app.screen.query_one(DataTable).row_count == rows[name]

            await until(pilot, is_shown)
            table: DataTable[object] = app.screen.query_one(DataTable)
            labels = [str(column.label) for column in table.columns.values()]
            row = [str(cell) for cell in table.get_row_at(table.row_count - 1)]
            if name == "both-001":
                assert labels[-2:] == ["mixed val", "mixed b/byte"]
                assert row == ["◆ 300", "1.000", "4.400", "+3.40", "  severe", f"{4.4 * BITS:.2f}", "3.600",
                               f"{3.6 * BITS:.2f}"]  # fmt: skip
            else:
                assert len(labels) == len(row) == 6
