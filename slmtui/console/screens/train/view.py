"""What Train shows of a run: charts, numbers and lines, as pure functions of its history."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.text import Text

from slmtui.console.charts.metrics import METRICS, metric_chart
from slmtui.console.charts.run_charts import X, gap_chart, loss_chart
from slmtui.console.charts.spec import ChartSpec
from slmtui.output import visible
from slmtui.runs.history import RunHistory
from slmtui.runs.lines import rates_line
from slmtui.runs.summary import RunSummary
from slmtui.training.events import Evaluation, FinalTest, Sample, Warned, judged_name, mixtures
from slmtui.training.gap import in_words
from slmtui.words import duration, number

SMOOTHING = 0.9  # weight of the past
BAR_END = "╸"
X_AXES: tuple[X, ...] = ("steps", "tokens", "time")
LOSS = "loss"
SHORTEST_BAR = 8
SHOWN = (LOSS, *(name for name in METRICS if name != "train loss"))  # the loss chart has that one


@dataclass(frozen=True)
class TrainView:
    """How a person wants the charts."""

    x: X = "steps"
    log_y: bool = False
    smoothing: bool = False
    recent: bool = False
    metric: str = LOSS  # one of SHOWN

    def next_metric(self) -> TrainView:
        return replace(self, metric=SHOWN[(SHOWN.index(self.metric) + 1) % len(SHOWN)])

    def next_x(self) -> TrainView:
        return replace(self, x=X_AXES[(X_AXES.index(self.x) + 1) % len(X_AXES)])


def charts(history: RunHistory, view: TrainView, *, gap_ticks: bool) -> tuple[ChartSpec, ChartSpec]:
    """The loss chart, or that of another metric, and the gap chart of this view."""
    weight = SMOOTHING if view.smoothing else 0.0
    if view.metric == LOSS:
        bars = history.bars
        upper = loss_chart(history, x=view.x, recent=view.recent, log_y=view.log_y, smoothing=weight, bars=bars)
    else:
        upper = metric_chart(history, view.metric, x=view.x, recent=view.recent, log_y=view.log_y, smoothing=weight)
    return upper, gap_chart(history, x=view.x, recent=view.recent, x_ticks=gap_ticks)


def progress_line(history: RunHistory, summary: RunSummary, width: int, machine: str = "") -> Text:
    """`step 620/1,000 ━━━━╸──── 62 %   38.2 it/s   9,780 tok/s   12 s gone, 10 s to go   412 MB`"""
    progress = history.progress
    planned = max(summary.max_iters, 1)
    share = min(1.0, summary.step / planned)
    parts = []
    if (speed := progress.steps_per_second) and width >= 60:
        parts.append(f"{speed:,.1f} it/s")
        if history.started is not None and width >= 100:
            parts.append(f"{speed * history.started.tokens_per_step:,.0f} tok/s")
    gone, to_go = duration(history.elapsed), progress.seconds_to_go
    if history.finished is not None:
        parts.append(f"{duration(history.finished.seconds)} in all")
        parts += [test_words(history.test)] if history.test is not None else []
    elif summary.step >= planned:  # what is measured now takes as long as it takes
        parts.append(f"{gone} gone")
    elif to_go is not None:
        parts.append(f"{gone} gone, {duration(to_go)} to go" if width >= 100 else f"{duration(to_go)} to go")
    if machine:
        parts.append(machine)
    head = f" {'step ' if width >= 100 else ''}{summary.step:,}/{planned:,} "
    tail = _tail(share, parts)
    while parts and len(head) + SHORTEST_BAR + len(tail) + 2 > width:  # none is shown in part
        parts.pop()
        tail = _tail(share, parts)
    room = max(SHORTEST_BAR, min(48, width - len(head) - len(tail) - 2))
    filled = share * room
    bar = Text("━" * int(filled), style="bold")
    if int(filled) < room:
        bar.append(BAR_END if filled - int(filled) >= 0.5 else "─")
        bar.append("─" * (room - int(filled) - 1), style="dim")
    return Text(head) + bar + Text(tail)


def _tail(share: float, parts: Sequence[str]) -> str:
    return f" {share:4.0%}".replace("%", " %") + "   " + "   ".join(parts)


def test_words(test: FinalTest) -> str:
    """What the best model has on the test side, in short: the loss of what predicts with it."""
    losses = {name: (loss, bits) for name, loss, bits in mixtures(test)}
    name = judged_name(test)
    loss, bits = losses.get(name, (test.test_loss, test.bits_per_byte))
    return f"test {f'{name} ' if name in losses else ''}{loss:.3f}, {number(bits, '.2f')} b/byte"


def evaluation_cells(
    evaluation: Evaluation, *, best: bool, verdict_style: str, kind: MixtureKind = ""
) -> tuple[Text, ...]:
    """A row of the evaluation table, with the numbers of the mixtures that there are; the best of all is marked ◆."""
    cells = (
        Text(("◆ " if best else "  ") + f"{evaluation.step:,}", justify="right"),
        Text(f"{evaluation.train_loss:.3f}", justify="right"),
        Text(f"{evaluation.val_loss:.3f}", justify="right"),
        Text(f"{evaluation.gap:+.2f}".replace("-", "−"), justify="right"),
        Text("  " + (evaluation.verdict or "–"), style=verdict_style),
    )
    bits = Text(f"{evaluation.bits_per_byte:.2f}", justify="right")
    static, adaptive = (
        (Text(number(loss, ".3f"), justify="right"), Text(number(per_byte, ".2f"), justify="right"))
        for loss, per_byte in (
            (evaluation.mixed_loss, evaluation.mixed_bits_per_byte),
            (evaluation.adaptive_loss, evaluation.adaptive_bits_per_byte),
        )
    )
    if kind == "adaptive":  # the network's bits per byte would not fit 80 columns, too
        return (*cells, *static, *adaptive)
    return (*cells, bits, *static) if kind else (*cells, bits)


MixtureKind = Literal["", "mixed", "adaptive"]


def mixture_kind(history: RunHistory) -> MixtureKind:
    """What the run mixes into its network's predictions: nothing, an n-gram model, or counts that learn on."""
    model = {} if history.started is None else history.started.phase["model"]
    return "adaptive" if model.get("context_mixing") else "mixed" if model.get("ngram_mix", 0.0) > 0 else ""


def numbers_line(history: RunHistory, summary: RunSummary) -> str:
    """The newest evaluation in one line, for narrow terminals."""
    if not history.evaluations:
        return " no evaluation yet"
    last = history.evaluations[-1]
    best = "best now" if last.best else f"best {summary.judged_loss:.3f} at {summary.best_step:,}"
    gap = in_words(last.gap, last.verdict).replace("-", "−")
    if last.adaptive_loss is not None:  # the bits of what decides alone, for want of room
        named = (("val", last.val_loss), *((name, loss) for name, loss, _ in mixtures(last)))
        judged = "val" if last.judged == "network" else last.judged
        losses = "".join(f"  {name} {loss:.3f}{' (decides)' if name == judged else ''}" for name, loss in named)
        bits = number(last.judged_bits_per_byte, ".2f")
        return f" train {last.train_loss:.3f}{losses}, {bits} b/byte  {best}  gap {gap}"
    mixed = "".join(f"  {name} {loss:.3f}  {number(bits, '.2f')} b/byte" for name, loss, bits in mixtures(last))
    return (
        f" train {last.train_loss:.3f}  val {last.val_loss:.3f}  gap {gap}"
        f"  {last.bits_per_byte:.2f} b/byte{mixed}  {best}"
    )


def line_with_key(text: str, key: str, width: int) -> Text:
    """One line, cut where it would reach into the key that shows the rest, at its right end."""
    room = width - len(key) - 3 if key else width
    line = Text(text, no_wrap=True)
    line.truncate(room, overflow="ellipsis", pad=bool(key))
    return line.append(f"  {key}", style="dim") if key else line


def warning_text(warnings: list[Warned], styles: dict[str, str], width: int) -> Text:
    """All warnings, the newest first: when, what, and what to do; their lines hang below one another."""
    text = Text()
    for warning in reversed(warnings):
        when = "before the start" if warning.step == 0 else f"step {warning.step:,}"
        when = "at the end" if warning.of_the_run else when
        sign = "· " if warning.level == "note" else "! "
        text.append(sign + when, style=styles.get(warning.level, ""))
        text.append(f"  {warning.code.replace('_', ' ')}\n", style=styles.get("note", ""))
        text.append(_hanging(visible(warning.message), "  ", width))
        if warning.advice:
            text.append(_hanging(visible(warning.advice), "  → ", width))
    return text


def _hanging(words: str, lead: str, width: int) -> str:
    """Wrapped to a width, after `lead` and below it; as it is where the width is not known yet."""
    if width <= len(lead):
        return f"{lead}{words}\n"
    return textwrap.fill(words, width, initial_indent=lead, subsequent_indent=" " * len(lead)) + "\n"


def sample_title(sample: Sample) -> str:
    title = f"sample at step {sample.step:,} · {visible(sample.prompt)!r}"
    if sample.judgement:
        title += f" · {sample.judgement['label']}"
    return title


def rates_note(history: RunHistory, sample: Sample) -> str:
    """What many samples of the same step are worth, if they were drawn."""
    found = next((rates for rates in reversed(history.rates) if rates.step == sample.step), None)
    return visible(rates_line(found)) if found is not None else ""


def sample_note(sample: Sample) -> str:
    """What was copied, if anything worth saying."""
    copied = (sample.judgement or {}).get("copied_tokens") or 0
    source = (sample.judgement or {}).get("copied_from") or ""
    return f"copied {copied} tokens" + (f" from {source}" if source else "") if copied else ""
