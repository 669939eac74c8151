"""Conditions on a training whose steps are too large: it diverges, its train loss rises, a batch loss shoots up."""

from __future__ import annotations

from slmtui.insight.rules.advice import gently
from slmtui.insight.rules.rates import LONG_PATH, capped, share_left, unigram, usual_rate
from slmtui.insight.rules.rule import Evidence
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.events import DIVERGED
from slmtui.training.uniform import has_exploded

TRAIN_NOISE, LEAST_TRAIN_NOISE = 0.05, 0.1  # what a train loss that should only ever fall wavers by: a share, and nats
LITTLE_LEARNED = 0.6  # of the loss that token frequencies alone give; the train loss is still above it


def not_finite(trace: RunTrace) -> Evidence | None:
    """A loss is not a number."""
    return None if trace.broken_at is None else _diverged(trace, trace.broken_at)


def exploded(trace: RunTrace) -> Evidence | None:
    """The train loss is far above what a model that knows nothing has."""
    last = trace.evaluations[-1] if trace.evaluations else None
    if trace.broken_at is not None or last is None or not has_exploded(last.train_loss, trace.n_vocab):
        return None
    return _diverged(trace, last.step, train=last.train_loss, uniform=trace.uniform_loss)


def ended_diverged(trace: RunTrace) -> Evidence | None:
    """The trainer ended it for that."""
    end = trace.finished
    if end is None or end.reason != "diverged":
        return None
    return _diverged(trace, end.step, cause=DIVERGED[end.cause])


def _diverged(trace: RunTrace, step: int, **values: object) -> Evidence:
    rates = {"rate": trace.rate, "lower": capped(trace.rate / 10), "advice": lower_rate(trace), "step": step}
    rates["gently"] = gently(trace)
    return Evidence(values=rates | values, number=trace.rate, step=step)


def never_improved(trace: RunTrace) -> Evidence | None:
    """After the end: no evaluation was better than the one before the first step."""
    best, evaluations = trace.best, trace.evaluations
    if not trace.has_run_its_course or best is None or best.step > 0 or trace.has_learned or evaluations[-1].step == 0:
        return None
    last = evaluations[-1]
    values = {"best": best.val_loss, "val": last.val_loss, "train": last.train_loss, "step": last.step}
    return Evidence(values=values, number=best.val_loss, step=0)


def train_rises(trace: RunTrace) -> Evidence | None:
    """The last two evaluations have a train loss above the best one: overfitting does not do that, large steps do."""
    best = trace.best_train
    if trace.broken_at is not None or best is None:
        return None
    limit = best.train_loss + max(LEAST_TRAIN_NOISE, TRAIN_NOISE * best.train_loss)
    if not all(one.train_loss > limit for one in trace.evaluations[-2:]):
        return None
    values = {"best": best.train_loss, "at": best.step, "train": trace.evaluations[-1].train_loss}
    return Evidence(values=values | _lower(trace), number=trace.rate, step=best.step, state=best.step)


def spikes(trace: RunTrace) -> Evidence | None:
    """The batch loss is shooting up at this step."""
    if not trace.is_spiking or trace.broken_at is not None:
        return None
    usual = sorted(trace.step_losses)[len(trace.step_losses) // 2]
    values = {"loss": trace.step_losses[-1], "usual": usual, "at": trace.last_step}
    return Evidence(values=values | _lower(trace), number=trace.rate, step=trace.last_step)


def is_calm(trace: RunTrace) -> bool:
    return not trace.is_spiking


def has_spiked(trace: RunTrace) -> Evidence | None:
    """The batch loss shot up at some step."""
    if trace.broken_at is not None or trace.best_train is None or trace.first_spike is None:
        return None
    return Evidence(values={"at": trace.first_spike} | _lower(trace), number=trace.rate, step=trace.first_spike)


def long_path(trace: RunTrace) -> Evidence | None:
    """Little was learned although weights have come far."""
    if not trace.has_run_its_course or len(trace.evaluations) < 2 or trace.broken_at is not None:
        return None
    if share_left(trace) < LITTLE_LEARNED or train_rises(trace) is not None or trace.path <= LONG_PATH:
        return None
    last = trace.evaluations[-1]
    values = {"train": last.train_loss, "unigram": unigram(trace), "steps": last.step, "rate": trace.rate}
    return Evidence(values=values | _lower(trace), number=trace.rate)


def lower_rate(trace: RunTrace) -> str:
    """A third is half a step on a logarithmic scale of rates."""
    if trace.learning_rate is None:
        return "lower training.learning_rate"
    return f"lower the learning rate: {trace.learning_rate / 3:.0e} instead of {trace.learning_rate:.0e}"


def _lower(trace: RunTrace) -> dict[str, object]:
    return {"lower": min(trace.rate / 3, usual_rate(trace)), "advice": lower_rate(trace)}
