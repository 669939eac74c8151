"""What a study's chart and grid say of cells that went wrong: results whose numbers are known, without a screen."""

from __future__ import annotations

from dataclasses import replace

from slmtui.console.charts.rendering import draw_chart
from slmtui.console.screens.studies.charts import curves_chart
from slmtui.console.screens.studies.words import cell_number
from slmtui.studies.results import CellResult
from tests.studies.made_up import study_results

SEEDS = [{"bits": 2.0, "evaluations": [8.0, 4.0, 2.0]}] * 2
WILD = [{"bits": 300.0, "evaluations": [8.0, 300.0, 200.0]}] * 2


def test_a_cell_that_diverged_leaves_the_others_to_be_seen() -> None:
    results = study_results([({"model.n_embd": 32}, SEEDS), ({"model.n_embd": 64}, WILD)])
    spec = curves_chart(results, results.cells[0])
    assert spec is not None
    assert [series.name for series in spec.series if series.name] == ["32 (best)", "64"]
    rows = draw_chart(spec, 60, 16).rows
    best = next(series.role for series in spec.series if series.name == "32 (best)")
    high = [at for at, row in enumerate(rows) if any(role == best and _is_curve(piece) for piece, role in row)]
    assert max(high) - min(high) >= 3, "its curve falls by more than a line or two"


def test_a_cell_of_which_nothing_is_left_is_said_to_have_failed() -> None:
    results = study_results([({"model.n_embd": 32}, SEEDS)])
    (cell,) = results.cells
    assert cell_number(cell) == "2.000"
    failed = CellResult(cell.cell, tuple(replace(trial, status="failed") for trial in cell.trials))
    assert cell_number(failed) == "failed"


def _is_curve(text: str) -> bool:
    return any("\u2800" < character <= "\u28ff" for character in text)
