"""Rules about a training that went on past its best, or to no avail.

Each is a function that gives a finding, or None if all is well.
"""

from __future__ import annotations

from statistics import median

from slmtui.insight.rules import live
from slmtui.insight.rules.finding import KNESER_NEY, MUENNIGHOFF, Finding
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training import gap

LEAST_RISE, RISE = 0.05, 0.02  # nats, and a share of the best: by how much val must have risen after its best
MANY_EPOCHS = 16
DO_NOT_USE = "do not use this model yet: more text, a smaller vocabulary, or what the other findings say"


def overfitting(trace: RunTrace) -> Finding | None:
    """Val rose after its best while train fell on. A run that stopped early because of it did as it should."""
    best = trace.best
    if best is None or not trace.has_learned or trace.is_guarded or trace.since_best < 2:
        return None
    after = [one for one in trace.evaluations if one.step > best.step]
    rise = median(one.val_loss for one in after[-3:]) - best.val_loss
    if rise < max(LEAST_RISE, RISE * best.val_loss) or after[-1].train_loss >= best.train_loss:
        return None
    return Finding(
        code="overfitting",
        title="overfitting",
        evidence=f"val was {best.val_loss:.4f} at step {best.step:,} and has risen by {rise:.2f} since, while train "
        f"fell from {best.train_loss:.2f} to {after[-1].train_loss:.2f}",
        remedy=f"use best.pt, which has step {best.step:,}; next time set early_stopping.patience, or use more text, a "
        "smaller model, dropout or weight decay",
        confidence="high" if trace.since_best >= 3 else "medium",
        weight=0.65 + 0.27 * min(1.0, rise),
        step=best.step,
        number=rise,
    )


def plateau(trace: RunTrace) -> Finding | None:
    """Neither loss moves although the rate has not fallen and nothing is memorised."""
    if trace.broken_at is not None or trace.rate_has_fallen or not trace.has_learned:
        return None
    now = trace.evaluations[-1]
    if abs(now.gap) >= 1.0 or live.progress(trace) >= live.PROGRESS:
        return None
    since = trace.evaluations[-live.FLAT].step
    return Finding(
        code="plateau",
        title="plateau",
        evidence=f"from step {since:,} to {now.step:,} neither loss fell by 1 % (train {now.train_loss:.2f}, val "
        f"{now.val_loss:.2f})",
        remedy="stop sooner, or make the model larger"
        if trace.phase["training"]["schedule"] == "cosine"
        else 'let the rate fall (training.schedule = "cosine"), or make the model larger',
        confidence="medium",
        weight=0.5,
        step=since,
        number=now.val_loss,
    )


def wasted(trace: RunTrace) -> Finding | None:
    best = trace.best
    if best is None or trace.is_guarded or not trace.has_learned or not live.is_wasted(trace):
        return None
    now = trace.evaluations[-1].step
    return Finding(
        code="wasted",
        title="time wasted after the best",
        evidence=f"{now - best.step:,} of {now:,} steps came after the best, step {best.step:,}",
        remedy="set early_stopping.patience = 4",
        confidence="high",
        weight=0.45,
        step=best.step,
        number=1 - best.step / now,
    )


def too_many_epochs(trace: RunTrace) -> Finding | None:
    """Far more epochs than help, and the losses agree: the best is that many epochs ago."""
    best = trace.best
    if best is None or trace.is_guarded or not trace.has_learned:
        return None
    epochs, at_best = trace.epochs_at(trace.evaluations[-1].step), trace.epochs_at(best.step)
    worse = live.val_rises(trace) or live.is_wasted(trace)
    if epochs - at_best < MANY_EPOCHS or not worse:
        return None
    return Finding(
        code="too_many_epochs",
        title="far too many epochs",
        evidence=f"the text was seen {epochs:.0f} times; val was best after {at_best:.0f}",
        remedy=f"train for {best.step:,} steps, or on more text",
        confidence="medium",
        weight=0.3,
        step=best.step,
        number=epochs,
        source=MUENNIGHOFF,
    )


def above_baseline(trace: RunTrace) -> Finding | None:
    """The network alone is judged; a mixture that is below the n-gram model's loss changes what to do about it."""
    best, baseline = trace.best, trace.facts.baseline if trace.facts is not None else None
    if not trace.is_over or best is None or baseline is None or not gap.above_baseline(best.val_loss, baseline):
        return None
    network, mixed, ngram = "the best val loss", "", f"a {baseline.name} model has {baseline.loss:.2f}"
    remedy = DO_NOT_USE
    if best.mixed_loss is not None:
        network, mixed = "the val loss of the network alone", f", and the two mixed have {best.mixed_loss:.2f}"
        if best.mixed_loss < baseline.loss:
            remedy = "use it mixed only, as it is; for a better network, more text or a smaller vocabulary"
    return Finding(
        code="above_baseline",
        title="counting does better" if best.mixed_loss is None else "counting does better than the network alone",
        evidence=f"{network} is {best.val_loss:.2f}; on the same tokens, {ngram}{mixed}",
        remedy=remedy,
        confidence="high",
        weight=0.4,
        number=best.val_loss - baseline.loss,
        source=KNESER_NEY,
    )
