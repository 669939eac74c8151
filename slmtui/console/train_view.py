"""What Train shows of a run: charts, numbers and lines, as pure functions of its history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from rich.text import Text

from slmtui.console.chart_spec import Band, ChartSpec, Level, Mark, Series
from slmtui.console.series import Numbers, smooth
from slmtui.output import duration, visible
from slmtui.runs.history import RunHistory
from slmtui.training.events import Evaluation, Sample, Warned
from slmtui.training.gap import SCALE, WORST

X = Literal["steps", "tokens", "time"]
SMOOTHING = 0.9  # weight of the past
RECENT = 0.25  # share of the planned steps that the recent window shows
BAR_ENDS = "╸"


@dataclass(frozen=True)
class View:
    """How a person wants the charts."""

    x: X = "steps"
    log_y: bool = False
    smoothing: bool = False
    recent: bool = False

    def next_x(self) -> View:
        order: tuple[X, ...] = ("steps", "tokens", "time")
        return replace(self, x=order[(order.index(self.x) + 1) % len(order)])


def loss_chart(history: RunHistory, view: View) -> ChartSpec:
    """Training loss of every logged step, validation loss of every evaluation, the best, the baseline."""
    steps, losses = history.steps, history.losses
    xs = _xs(history, view, steps)
    evaluations = np.array([e.step for e in history.evaluations], dtype=np.float64)
    val = np.array([e.val_loss for e in history.evaluations])
    series = [Series("train", xs, losses, "train")]
    if view.smoothing and len(losses):
        series = [Series("", xs, losses, "train-raw"), Series("train", xs, smooth(losses, SMOOTHING), "train")]
    val_xs = _xs(history, view, evaluations)
    series.append(Series("val", val_xs, val, "val", bold=True))
    summary = history.summary
    marks = []
    if summary.best_step is not None and summary.best_val_loss is not None:
        best_x = _xs(history, view, np.array([summary.best_step], dtype=np.float64))
        marks = [Mark("best", float(best_x[0]), summary.best_val_loss)]
    return ChartSpec(
        title="loss, nats per token" + (" · log scale" if view.log_y else ""),
        series=series,
        x_limits=_limits(history, view),
        x_label="tokens" if view.x == "tokens" else "steps",
        levels=[Level(*level) for level in baselines(history)],
        marks=marks,
        log_y=view.log_y,
        clock=view.x == "time",
    )


def baselines(history: RunHistory) -> list[tuple[str, float]]:
    """The n-gram model's loss on the same split, if the run knows it: [("7-gram 0.44", 0.44)]."""
    facts: dict[str, Any] = history.started.data if history.started is not None else {}
    loss, order = facts.get("baseline"), facts.get("baseline_order")
    return [(f"{order}-gram {loss:.2f}", loss)] if isinstance(loss, float) and order else []


def gap_chart(history: RunHistory, view: View, *, x_ticks: bool) -> ChartSpec:
    """The gap of every evaluation, over the bands of the house scale."""
    evaluations = np.array([e.step for e in history.evaluations], dtype=np.float64)
    gaps = np.array([e.gap for e in history.evaluations])
    low = 0.0
    bands = []
    for limit, word in SCALE:
        bands.append(Band(word, low, limit))
        low = limit
    bands.append(Band(WORST, low, float("inf")))
    return ChartSpec(
        title="gap = val − train",
        series=[Series("gap", _xs(history, view, evaluations), gaps, "val", bold=True)],
        x_limits=_limits(history, view),
        x_label="tokens" if view.x == "tokens" else "steps",
        y_limits=(-0.1, 0.6),
        bands=bands,
        signed=True,
        clock=view.x == "time",
        x_ticks=x_ticks,
    )


def _xs(history: RunHistory, view: View, steps: Numbers) -> Numbers:
    """The places of steps on the x axis of this view."""
    if view.x == "steps" or history.started is None:
        return steps
    if view.x == "tokens":
        phase = history.started.phase
        return steps * float(phase["training"]["batch_size"] * phase["model"]["block_size"])
    if not len(history.steps):
        return np.zeros_like(steps)
    known, seconds = (np.concatenate([[0.0], column]) for column in (history.steps, history.seconds))
    return np.asarray(np.interp(steps, known, seconds), dtype=np.float64)


def _limits(history: RunHistory, view: View) -> tuple[float, float]:
    """From the start to the planned end, so that the picture stands still; or the recent part of it."""
    planned = float(max(history.summary.max_iters, history.summary.step, 1))
    step = float(history.summary.step)
    ends = np.array([0.0, planned])
    if view.recent:
        high = max(step, RECENT * planned)
        ends = np.array([max(0.0, high - RECENT * planned), high])
    if view.x == "time":
        speed = history.progress.steps_per_second
        to_go = history.progress.seconds_to_go or 0.0
        gone = float(history.seconds[-1]) if len(history.seconds) else 0.0
        if not view.recent:
            return 0.0, max(gone + to_go, 1.0)
        return max(0.0, gone - (RECENT * planned / speed if speed else gone)), max(gone, 1.0)
    low, high = _xs(history, view, ends)
    return float(low), max(float(high), float(low) + 1.0)


def progress_line(history: RunHistory, width: int, machine: str = "") -> Text:
    """`step 620/1,000 ━━━━╸──── 62 %   38.2 it/s   9,780 tok/s   12 s gone, 10 s to go   412 MB`"""
    summary, progress = history.summary, history.progress
    planned = max(summary.max_iters, 1)
    share = min(1.0, summary.step / planned)
    parts = []
    if speed := progress.steps_per_second:
        parts.append(f"{speed:,.1f} it/s")
        if history.started is not None and width >= 100:
            phase = history.started.phase
            parts.append(f"{speed * phase['training']['batch_size'] * phase['model']['block_size']:,.0f} tok/s")
    gone = float(history.seconds[-1]) if len(history.seconds) else 0.0
    if history.finished is not None:
        parts.append(f"{duration(history.finished.seconds)} in all")
    elif (to_go := progress.seconds_to_go) is not None:
        parts.append(f"{duration(gone)} gone, {duration(to_go)} to go" if width >= 100 else f"{duration(to_go)} to go")
    if machine:
        parts.append(machine)
    head = f" {'step ' if width >= 100 else ''}{summary.step:,}/{planned:,} "
    tail = f" {share:4.0%}".replace("%", " %") + "   " + "   ".join(parts)
    room = max(8, min(48, width - len(head) - len(tail) - 2))
    filled = share * room
    bar = Text("━" * int(filled), style="bold")
    if int(filled) < room:
        bar.append(BAR_ENDS if filled - int(filled) >= 0.5 else "─")
        bar.append("─" * (room - int(filled) - 1), style="dim")
    return Text(head) + bar + Text(tail)


def evaluation_cells(evaluation: Evaluation, *, best: bool, verdict_style: str) -> tuple[Text, ...]:
    """A row of the evaluation table; the best of all is marked with ◆."""
    return (
        Text(("◆ " if best else "  ") + f"{evaluation.step:,}", justify="right"),
        Text(f"{evaluation.train_loss:.3f}", justify="right"),
        Text(f"{evaluation.val_loss:.3f}", justify="right"),
        Text(f"{evaluation.gap:+.2f}".replace("-", "−"), justify="right"),
        Text("  " + evaluation.verdict, style=verdict_style),
        Text(f"{evaluation.bits_per_byte:.2f}", justify="right"),
    )


def numbers_line(history: RunHistory) -> str:
    """The newest evaluation in one line, for narrow terminals."""
    if not history.evaluations:
        return " no evaluation yet"
    last = history.evaluations[-1]
    best = "best now" if last.best else f"best {history.summary.best_val_loss:.3f} at {history.summary.best_step:,}"
    gap = f"{last.gap:+.2f}".replace("-", "−")
    return (
        f" train {last.train_loss:.3f}  val {last.val_loss:.3f}  gap {gap} {last.verdict}"
        f"  {last.bits_per_byte:.2f} b/byte  {best}"
    )


def warning_text(warnings: list[Warned], styles: dict[str, str]) -> Text:
    """All warnings, the newest first: when, what, and what to do."""
    text = Text()
    for warning in reversed(warnings):
        when = "before the start" if warning.step == 0 else f"step {warning.step:,}"
        sign = "· " if warning.level == "note" else "! "
        text.append(sign + when, style=styles.get(warning.level, ""))
        text.append(f"  {warning.code.replace('_', ' ')}\n", style="dim")
        text.append(f"  {visible(warning.message)}\n")
        if warning.advice:
            text.append(f"  → {visible(warning.advice)}\n", style="dim")
    return text


def sample_title(sample: Sample) -> str:
    title = f"sample at step {sample.step:,} · {visible(sample.prompt)!r}"
    if sample.judgement:
        title += f" · {sample.judgement['label']}"
    return title


def sample_note(sample: Sample) -> str:
    """What was copied, if anything worth saying."""
    copied = (sample.judgement or {}).get("copied_tokens") or 0
    source = (sample.judgement or {}).get("copied_from") or ""
    return f"copied {copied} tokens" + (f" from {source}" if source else "") if copied else ""
