"""The figures of a study's report: cells with their intervals, curves with bands over seeds, and the law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from slmtui.insight.report.figures import BEST, INK, RUNS, legend_name, svg
from slmtui.insight.report.words import clipped
from slmtui.studies.laws import Law, law_lines
from slmtui.studies.results import CellResult

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

MOST_CELLS = 30  # in one figure: the best
MOST_CURVES = 6
LONGEST_LABEL = 40


def cells_figure(order: Sequence[CellResult]) -> str:
    """Mean and interval of each cell, the best on top; a dot is a seed."""
    cells = order[:MOST_CELLS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, cell in enumerate(cells):
            estimate, colour = cell.estimate, BEST if place == 0 else RUNS[0]
            assert estimate is not None
            if estimate.low is not None and estimate.high is not None:
                axes.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=1.2)
            losses = [trial.bits_per_byte for trial in cell.measured if trial.bits_per_byte is not None]
            axes.plot(losses, [place] * len(losses), "o", color=colour, markersize=3, alpha=0.6)
            axes.plot([estimate.mean], [place], "|", color=INK, markersize=11)
        axes.set_yticks(range(len(cells)), [clipped(legend_name(cell.cell.label), LONGEST_LABEL) for cell in cells])
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_xlabel("bits per byte on the validation side")

    return svg(draw, (6.4, 1.1 + 0.24 * len(cells)), "the cells of the study, with intervals")


def curves_figure(order: Sequence[CellResult]) -> str:
    """Loss over steps for the best cell, the worst, and some between: mean, lowest and highest of the seeds."""
    places = np.unique(np.linspace(0, len(order) - 1, min(MOST_CURVES, len(order))).round().astype(int))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, place in enumerate(places):
            cell = order[int(place)]
            steps, losses = cell.curves
            colour, label = RUNS[number], clipped(legend_name(cell.cell.label), LONGEST_LABEL)
            axes.fill_between(steps, [min(each) for each in losses], [max(each) for each in losses],
                              color=colour, alpha=0.2, linewidth=0)  # fmt: skip
            axes.plot(steps, [float(np.mean(each)) for each in losses], color=colour, label=label)
        axes.set_yscale("log")  # what overfits may rise to several times the best
        _plain_ticks(axes.yaxis, "g")
        axes.set_ylabel("bits per byte")
        axes.set_xlabel("steps")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)

    return svg(draw, (6.4, 3.6), "validation losses of some cells while training")


def law_figure(law: Law) -> str:
    """Loss over training tokens on log axes: a line for each number of parameters, up to twice what was measured."""
    lines = law_lines(law)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, line in enumerate(lines):
            colour = RUNS[number % len(RUNS)]
            axes.plot([p.tokens for p in line.points], [p.mean for p in line.points], "o", color=colour, markersize=4,
                      label=f"{line.parameters:,} parameters")  # fmt: skip
            x, loss = line.tokens, [each.loss for each in line.predicted]
            axes.plot(x[: line.inside], loss[: line.inside], color=colour)
            axes.plot(x[line.inside - 1 :], loss[line.inside - 1 :], color=colour, linestyle=(0, (3, 2)))
            low, high = [each.low for each in line.predicted], [each.high for each in line.predicted]
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _plain_ticks(axes.xaxis, ",.0f")
        _plain_ticks(axes.yaxis, "g")
        axes.set_xlabel("training tokens; dashed: beyond what was measured")
        axes.set_ylabel("bits per byte")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)

    return svg(draw, (6.4, 3.8), "the law of loss over training tokens")


def _plain_ticks(axis: Axis, form: str) -> None:
    """On a log axis, numbers as they are written, not as powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{form}}"))
    axis.set_minor_formatter(NullFormatter())
