"""The charts of a study: curves with the range of their seeds, and its law. Pure; needs numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slmtui.console.charts.palette import RUN_ROLES, Role
from slmtui.console.charts.spec import ChartSpec, Mark, Series
from slmtui.console.screens.studies.grid import grid_of
from slmtui.console.text.columns import cut
from slmtui.studies.laws import LawLine
from slmtui.studies.results import CellResult, StudyResults

MOST_CURVES = 4
LEGEND_NAME = 24  # columns
BEYOND: Role = "baseline"  # what a law says beyond what was measured


def curves_chart(results: StudyResults, current: CellResult) -> ChartSpec | None:
    """The cell under the cursor, the best, the worst and one between: the mean of the seeds, and for the first two the
    lowest and the highest of them. None before there is an evaluation."""
    ranked = sorted((cell for cell in results.cells if cell.estimate is not None), key=_mean)
    others = [ranked[place] for place in sorted({0, len(ranked) // 2, len(ranked) - 1})] if ranked else []
    grid = grid_of([cell.cell for cell in results.cells])
    chosen = [current, *(cell for cell in others if cell is not current)][:MOST_CURVES]
    series, last = list[Series](), 1.0
    for cell, role in zip(chosen, RUN_ROLES, strict=False):
        steps, losses = cell.curves
        if not steps:
            continue
        xs = np.array(steps, dtype=np.float64)
        last = max(last, float(xs[-1]))
        if cell is current or cell is results.best:
            edges = [[min(each) for each in losses], [max(each) for each in losses]]
            series += [Series("", xs, np.array(edge, dtype=np.float64), role) for edge in edges]
        name = f"{cut(grid.name(results.cells.index(cell)), LEGEND_NAME)}{' (best)' if cell is results.best else ''}"
        series.append(Series(name, xs, np.array([np.mean(each) for each in losses]), role, bold=cell is current))
    if not series:
        return None
    planned = max((t.summary.max_iters for cell in chosen for t in cell.trials if t.summary is not None), default=0)
    running = any(trial.status == "running" for cell in chosen for trial in cell.trials)
    end = max(last, float(planned) if running else 0.0)
    title = "validation loss (bits per byte)"
    name = results.study.name
    return ChartSpec(title=title, series=series, x_limits=(0.0, end), log_y=True, about=name)  # one may have diverged


def law_chart(lines: Sequence[LawLine], current: CellResult, name: str) -> ChartSpec:
    """Loss over training tokens, both on log axes: a line for each number of parameters, the cells as marks, and the
    interval of the line that the cell under the cursor is on. name: of the study."""
    series, marks = list[Series](), list[Mark]()
    sizes = {trial.summary.parameters for trial in current.measured if trial.summary is not None}
    for line, role in zip(lines, RUN_ROLES, strict=False):
        xs = np.array(line.tokens, dtype=np.float64)
        ys = np.array([each.loss for each in line.predicted], dtype=np.float64)
        if sizes & {point.parameters for point in line.points}:
            edges = [[each.low for each in line.predicted], [each.high for each in line.predicted]]
            series += [Series("", xs, np.array(edge, dtype=np.float64), role) for edge in edges]
        inside = line.inside
        series.append(Series(f"{line.parameters:,} parameters", xs[:inside], ys[:inside], role, bold=True))
        series.append(Series("", xs[max(0, inside - 1) :], ys[max(0, inside - 1) :], BEYOND))
        marks += [Mark("", float(point.tokens), point.mean, role) for point in line.points]
    least, most = min(float(line.tokens[0]) for line in lines), max(float(line.tokens[-1]) for line in lines)
    measured = [point.mean for line in lines for point in line.points]
    return ChartSpec(
        title="the law (bits per byte)", series=series, x_limits=(least, most), x_label="training tokens", log_x=True,
        log_y=True, marks=marks, y_limits=(min(measured), max(measured)), about=name,
    )  # fmt: skip


def _mean(cell: CellResult) -> float:
    return cell.estimate.mean if cell.estimate is not None else float("inf")
