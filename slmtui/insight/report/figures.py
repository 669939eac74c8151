"""Curves as SVG that is the same to the byte for the same numbers, of reports and of charts in the console; or as PNG.

No date, no random ids, no settings of the person's own matplotlib get in; text stays text. Ink is "currentColor", so
that a figure takes on the colour of the page it stands in.
"""

from __future__ import annotations

import io
import math
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slmtui.insight.report.run_facts import RunFacts
from slmtui.output import visible
from slmtui.training.gap import SCALE, WORST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN, VAL, MIXED, ADAPTIVE, BEST, BASELINE = "#3f86e0", "#e0801f", "#d8507c", "#a860cc", "#2f9e54", "#8a909c"
RUNS = ("#3f86e0", "#e0801f", "#2f9e54", "#a860cc", "#b59410", "#d8507c", "#1f9aa5", "#8a6d3b")
INK, FAINT = "#010203", "#040506"  # stand for currentColor until the figure is written
PNG_DPI = 200
_MATPLOTLIB = threading.Lock()  # its settings are in its module
MOST_POINTS = 600  # of the batch losses
STYLE: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "slmtui", "text.parse_math": False, "font.size": 10.0,
    "font.family": "DejaVu Sans", "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "legend.frameon": False, "lines.linewidth": 1.6, "path.simplify": False,
}  # fmt: skip

Curve = tuple[str, Sequence[float], Sequence[float]]  # name, steps, losses


def run_figure(facts: RunFacts) -> str:
    """Train and validation loss with the best and the baseline, and below them the gap over the house scale."""

    def draw(figure: Figure) -> None:
        losses, gaps = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
        steps, batch_losses = thinned(facts.history.steps, facts.history.losses, MOST_POINTS)
        losses.plot(steps, batch_losses, color=TRAIN, alpha=0.3, linewidth=0.7, label="batches")
        at = [e.step for e in facts.evaluations]
        mark = "o" if len(at) == 1 else ""
        losses.plot(at, [e.train_loss for e in facts.evaluations], color=TRAIN, marker=mark, label="train")
        losses.plot(at, [e.val_loss for e in facts.evaluations], color=VAL, linewidth=2.2, marker=mark, label="val")
        if facts.is_mixed:
            mixed = [math.nan if e.mixed_loss is None else e.mixed_loss for e in facts.evaluations]
            adaptive = [math.nan if e.adaptive_loss is None else e.adaptive_loss for e in facts.evaluations]
            learns_on = not all(map(math.isnan, adaptive))
            name = "static" if learns_on else "mixed"
            losses.plot(at, mixed, color=MIXED, linewidth=2.2, marker=mark, label=name)
            if learns_on:
                losses.plot(at, adaptive, color=ADAPTIVE, linewidth=2.2, marker=mark, label="adaptive")
        if facts.best is not None:
            label = f"best {facts.best.judged_loss:.2f}"
            losses.plot([facts.best.step], [facts.best.judged_loss], "D", color=BEST, label=label)
        for bar, dashes in zip(facts.history.bars, ((4, 3), (1, 2)), strict=False):
            label = f"{bar.short} {bar.loss:.2f}"
            losses.axhline(bar.loss, color=BASELINE, linestyle=(0, dashes), linewidth=1.2, label=label)
        losses.set_ylabel("loss (nats per token)")
        legend(losses)
        gaps.plot(at, [e.gap for e in facts.evaluations], color=VAL, marker=mark)
        reach = max([SCALE[0][0], *(abs(e.gap) for e in facts.evaluations if math.isfinite(e.gap))])
        lowest = min([0.0, *(e.gap for e in facts.evaluations if math.isfinite(e.gap))])
        gaps.axhline(0.0, color=INK, linewidth=0.5)
        for limit, word in (*SCALE, (math.inf, WORST)):
            for line in (limit, -limit):
                if lowest <= line <= reach:
                    gaps.axhline(line, color=FAINT, linewidth=0.5, alpha=0.35)
            inside = limit <= reach
            place = ((1.0, limit), ("axes fraction", "data")) if inside else ((1.0, 1.0), "axes fraction")
            gaps.annotate(word, place[0], xycoords=place[1], ha="right", va="top", fontsize=8)
            if not inside:
                break
        gaps.set_ylabel("gap")
        _steps(gaps, facts.step if facts.is_over else facts.max_iters)

    return svg(draw, (6.4, 4.6), f"losses and gap of {facts.name}")


def overlay_figure(curves: Sequence[Curve], unit: str) -> str:
    """Validation losses of several runs."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, steps, losses) in enumerate(curves):
            style = "-" if number < len(RUNS) else "--"
            mark = "o" if len(steps) == 1 else ""
            axes.plot(steps, losses, style, marker=mark, color=RUNS[number % len(RUNS)], label=legend_name(name))
        axes.set_ylabel(f"validation loss ({unit})")
        legend(axes)
        _steps(axes, max(steps[-1] for _, steps, _ in curves))

    return svg(draw, (6.4, 3.4), "validation losses of the runs")


def thinned(steps: Iterable[float], losses: Iterable[float], most: int) -> tuple[list[int], list[float]]:
    """At most about `most` of the points; each stretch keeps its lowest and its highest."""
    points = [(int(step), float(loss)) for step, loss in zip(steps, losses, strict=True)]
    stretch = max(1, -(-2 * len(points) // most))
    kept: list[tuple[int, float]] = []
    for start in range(0, len(points), stretch):
        part = [point for point in points[start : start + stretch] if math.isfinite(point[1])]
        if part:
            kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
    return [step for step, _ in kept], [loss for _, loss in kept]


def legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="upper right", fontsize=9, ncols=2)


def _steps(axes: Axes, last: float) -> None:
    from matplotlib.ticker import StrMethodFormatter

    axes.set_xlim(0, max(1, last))
    axes.set_xlabel("steps")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def legend_name(name: str) -> str:
    """matplotlib leaves names that begin with "_" out of a legend."""
    name = visible(name)
    return f" {name}" if name.startswith("_") else name


Draw = Callable[["Figure"], object]


@contextmanager
def _drawn(draw: Draw, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure of so many inches, to be written while the settings hold."""
    import matplotlib
    from matplotlib.figure import Figure

    with _MATPLOTLIB, matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font has not: the reader's font may
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        yield figure


def png(draw: Draw, size: tuple[float, float]) -> bytes:
    """The figure as a picture, on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    with _drawn(draw, size) as figure:
        figure.set_dpi(PNG_DPI)
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return out.getvalue()


def svg(draw: Draw, size: tuple[float, float], description: str) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with _drawn(draw, size) as figure:
        figure.patch.set_alpha(0.0)
        for axes in figure.axes:
            axes.patch.set_alpha(0.0)
        out = io.StringIO()
        # None leaves a line out; Creator would name the version of matplotlib
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(out, metadata=nothing)  # type: ignore[no-untyped-call]
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor").replace(FAINT, "currentColor").rstrip()
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"|(?<=<svg) height="[\d.]+pt"', "", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{_attribute(description)}"', 1)


def standalone(svg: str) -> str:
    """The figure as a file of its own, which takes its ink from the reader's screen."""
    style = "<style>svg { color: #23262d } @media (prefers-color-scheme: dark) { svg { color: #c8cdd8 } }</style>"
    end = svg.index(">") + 1
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:end]}\n {style}{svg[end:]}\n'


def _attribute(text: str) -> str:
    from html import escape

    return escape(visible(text))
