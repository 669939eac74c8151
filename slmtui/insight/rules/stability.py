"""Rules about a training whose steps are too large: it diverges, its train loss rises, a batch loss shoots up."""

from __future__ import annotations

from slmtui.insight.rules.advice import Advice, gently
from slmtui.insight.rules.rates import LITTLE_LEARNED, LONG_PATH, TRAIN_ENDED, capped, share_left, unigram, usual_rate
from slmtui.insight.rules.rule import ANYWHERE, END, EVALUATION_AND_END, STEP, Diagnosis, Evidence, Live, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.events import DIVERGED, judged_name
from slmtui.training.uniform import has_exploded

TRAIN_NOISE, LEAST_TRAIN_NOISE = 0.05, 0.1  # what a train loss that should only ever fall wavers by: a share, and nats

DO_AS_SAID = Advice("{advice}")
LOWER_RATE = Advice("train again with training.learning_rate = {lower:.0e}")
START_GENTLY = Advice("train again with training.learning_rate = {lower:.0e}{gently}")


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
    return _at_its_best_untrained(trace) if trace.parent is None else None


def worse_than_parent(trace: RunTrace) -> Evidence | None:
    """The same of a model that another training had made."""
    return _at_its_best_untrained(trace) if trace.parent is not None else None


def _at_its_best_untrained(trace: RunTrace) -> Evidence | None:
    best, evaluations = trace.best, trace.evaluations
    if not trace.has_run_its_course or best is None or best.step > 0 or trace.has_learned or evaluations[-1].step == 0:
        return None
    last = evaluations[-1]
    name = judged_name(best)
    values = {
        "best": best.judged_loss, "val": last.judged_loss, "train": last.train_loss, "step": last.step,
        "parent": trace.parent, "lower": trace.rate / 10, "name": "val" if name == "network" else f"{name} val",
    }  # fmt: skip
    return Evidence(values=values, number=best.judged_loss, step=0)


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


RULES = (
    Rule(
        code="diverged", when=ANYWHERE, applies=not_finite, weight=1.0,
        live=Live(message="the loss is not a number at step {step:,}", advice=DO_AS_SAID),
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="the loss is not a number at step {step:,}; the learning rate went up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="diverged", when=EVALUATION_AND_END, applies=exploded, weight=1.0,
        live=Live(
            message="train is {train:.2f}, above the {uniform:.2f} of a model that knows nothing",
            advice=DO_AS_SAID,
        ),
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="train is {train:.2f}, and a model that knows nothing has {uniform:.2f}; the learning rate went "
            "up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="diverged", when=END, applies=ended_diverged, weight=1.0,
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="at step {step:,} {cause}; the learning rate went up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="never_improved", when=END, applies=never_improved, weight=0.99,
        diagnosis=Diagnosis(
            title="no step made it better",
            evidence="no evaluation was better than the one before the first step: {name} was {best:.2f} then and "
            "{val:.2f} at step {step:,}, with train at {train:.2f}",
            remedy=Advice(
                "do not use this model: best.pt was never trained; train again with what the other findings say, or "
                "with a learning rate of a tenth"
            ),
        ),
    ),
    Rule(
        code="worse_than_parent", when=END, applies=worse_than_parent, weight=0.99,
        diagnosis=Diagnosis(
            title="worse than the model that it started from",
            evidence="no evaluation was better than the one before the first step: {name} was {best:.2f} then, as "
            "{parent} left it, and {val:.2f} at step {step:,}, with train at {train:.2f}",
            remedy=Advice(
                "best.pt holds the weights of {parent}: use them, or train again with training.learning_rate = "
                "{lower:.0e}"
            ),
        ),
    ),
    Rule(
        code="rate_too_high", when=EVALUATION_AND_END, applies=train_rises, weight=0.9,
        live=Live(
            message="train has risen to {train:.2f}; it was {best:.2f} at step {at:,}: the steps are too large",
            advice=DO_AS_SAID,
        ),
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence="train rose from {best:.2f} at step {at:,} to {train:.2f}",
            remedy=LOWER_RATE,
        ),
    ),
    Rule(
        code="rate_too_high", when=STEP, applies=spikes, weight=0.9, over=is_calm,
        live=Live(message="the batch loss has shot up to {loss:.2f}; it was about {usual:.2f}", advice=DO_AS_SAID),
    ),
    Rule(
        code="rate_too_high", when=END, applies=has_spiked, weight=0.9,
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence="the batch loss shot up at step {at:,}",
            remedy=LOWER_RATE,
        ),
    ),
    Rule(
        code="rate_too_high", when=END, applies=long_path, weight=0.9, confidence="medium",
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence=TRAIN_ENDED + ", after {steps:,} steps at up to {rate:.0e}",
            remedy=LOWER_RATE,
        ),
    ),
)  # fmt: skip
