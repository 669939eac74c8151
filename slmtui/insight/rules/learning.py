"""Rules about whether a training learned enough, and why not.

Each is a function that gives a finding, or None if all is well.
"""

from __future__ import annotations

import numpy as np

from slmtui.insight.rules import live
from slmtui.insight.rules.finding import CHINCHILLA, MUENNIGHOFF, Finding
from slmtui.insight.rules.run_trace import RunTrace

STILL_FALLING = 0.05  # of val, over the last fifth of the steps
# Adam moves a weight by about the learning rate per step, so the sum of the rates is how far weights can have come.
# The published phases have 0.3 to 0.6; trials on the bundled corpus 0.2 to 0.6 where all was well.
SHORT_PATH, USUAL_PATH, LONG_PATH = 0.1, 0.5, 3.0
LOW_RATE = 5e-4  # with a short path, the rate is to blame below it, the number of steps above
LOWEST_RATE, HIGHEST_RATE = 3e-4, 3e-3  # to advise
LITTLE_LEARNED = 0.6  # of the loss that token frequencies alone give; the train loss is still above it
UNDERFITTED = 0.7  # the same, where neither the rate nor the steps are to blame
LEARNED_GAP = 1.0  # nats; with such a gap the training text is being learned by heart, and more of that is no remedy
SMALL_BODY = 0.5  # parameters per training token


def diverged(trace: RunTrace) -> Finding | None:
    last = trace.evaluations[-1] if trace.evaluations else None
    if trace.broken_at is not None:
        step, evidence = trace.broken_at, f"the loss is not a number at step {trace.broken_at:,}"
    elif last is not None and last.train_loss > trace.uniform_loss + live.EXPLODED:
        step = last.step
        evidence = f"train is {last.train_loss:.2f}, and a model that knows nothing has {trace.uniform_loss:.2f}"
    elif trace.finished is not None and trace.finished.reason == "diverged":
        step, evidence = trace.finished.step, f"the loss shot up before step {trace.finished.step:,}"
    else:
        return None
    return Finding(
        code="diverged",
        title="training diverged",
        evidence=f"{evidence}; the learning rate went up to {trace.rate:.1e}",
        remedy=f"train again with training.learning_rate = {min(trace.rate / 10, HIGHEST_RATE):.0e} and a warm-up",
        confidence="high",
        weight=1.0,
        step=step,
        number=trace.rate,
    )


def unstable(trace: RunTrace) -> Finding | None:
    """The train loss rises, or a batch loss shot up: neither is overfitting, both are steps that are too large."""
    if trace.broken_at is not None or trace.best_train is None:
        return None
    now, best = trace.evaluations[-1], trace.best_train
    if live.train_rises(trace):
        step, evidence = (
            best.step,
            f"train rose from {best.train_loss:.2f} at step {best.step:,} to {now.train_loss:.2f}",
        )
    elif trace.first_spike is not None:
        step, evidence = trace.first_spike, f"the batch loss shot up at step {trace.first_spike:,}"
    else:
        return None
    return _rate_too_high(trace, evidence, step=step)


def little_learned(trace: RunTrace) -> Finding | None:
    """After the end, a train loss not far below what token frequencies give: the likeliest reason why.

    Without facts, what frequencies give is taken to be half of ln n_vocab.
    """
    if not trace.is_over or len(trace.evaluations) < 2 or trace.broken_at is not None:
        return None
    last = trace.evaluations[-1]
    share = _share_left(trace)
    if share < LITTLE_LEARNED or live.train_rises(trace):
        return None
    seen = f"train ended at {last.train_loss:.2f}, token frequencies alone give {_unigram(trace):.2f}"
    if trace.path < SHORT_PATH and trace.since_best and last.gap >= LEARNED_GAP:
        return None  # val rises and train falls: what it does learn is the training text
    if trace.path < SHORT_PATH:
        return _rate_too_low(trace, seen) if trace.rate < LOW_RATE else _too_few_steps(trace, seen)
    if trace.path > LONG_PATH:
        return _rate_too_high(trace, f"{seen}, after {last.step:,} steps at up to {trace.rate:.0e}")
    if share < UNDERFITTED or fall_at_the_end(trace) >= STILL_FALLING / 2:  # then it was stopped too early
        return None
    return _underfitted(trace, seen)


def _unigram(trace: RunTrace) -> float:
    return trace.facts.unigram if trace.facts is not None else 0.5 * trace.uniform_loss


def _share_left(trace: RunTrace) -> float:
    """The last train loss, as a share of what token frequencies alone give."""
    return trace.evaluations[-1].train_loss / _unigram(trace)


def _usual_rate(trace: RunTrace) -> float:
    """The rate that would have led weights as far as they usually go in as many steps."""
    if trace.path == 0.0:  # not a step was logged
        return LOWEST_RATE
    return min(max(trace.rate * USUAL_PATH / trace.path, LOWEST_RATE), HIGHEST_RATE)


def _rate_too_high(trace: RunTrace, evidence: str, step: int | None = None) -> Finding:
    return Finding(
        code="rate_too_high",
        title="learning rate too high",
        evidence=evidence,
        remedy=f"train again with training.learning_rate = {min(trace.rate / 3, _usual_rate(trace)):.0e}",
        confidence="high" if step is not None else "medium",
        weight=0.9,
        step=step,
        number=trace.rate,
    )


def _rate_too_low(trace: RunTrace, evidence: str) -> Finding:
    return Finding(
        code="rate_too_low",
        title="learning rate too low",
        evidence=f"{evidence}; at {trace.rate:.0e} a weight moves by {trace.path:.2g} at most in all these steps",
        remedy=f"train again with training.learning_rate = {_usual_rate(trace):.0e}",
        confidence="high" if trace.path < SHORT_PATH / 3 else "medium",
        weight=0.9,
        number=trace.rate,
        source="house rule: Adam moves a weight by about the learning rate per step (Kingma & Ba 2015)",
    )


def _too_few_steps(trace: RunTrace, evidence: str) -> Finding:
    steps = trace.evaluations[-1].step
    return Finding(
        code="too_few_steps",
        title="too few steps",
        evidence=f"{evidence}, after {steps:,} steps and {trace.epochs_at(steps):.1f} epochs",
        remedy=f"train anew, for {10 * steps:,} steps with early stopping (training.max_iters = {10 * steps})",
        confidence="high",
        weight=0.9,
        number=steps,
        source=MUENNIGHOFF,
    )


def _underfitted(trace: RunTrace, evidence: str) -> Finding | None:
    ratio = trace.body_per_token
    if ratio < SMALL_BODY:
        return Finding(
            code="too_small",
            title="model far too small for the corpus",
            evidence=f"{evidence}; it has {ratio:.2g} parameters, embeddings left out, for each training token",
            remedy="make the model wider and deeper (model.n_embd, model.n_layer)",
            confidence="high" if ratio < SMALL_BODY / 5 else "medium",
            weight=0.9,
            number=ratio,
            source=CHINCHILLA,
        )
    if trace.evaluations[-1].gap >= LEARNED_GAP:
        return None
    return Finding(
        code="underfitting",
        title="under-fitting",
        evidence=evidence,
        remedy="less dropout and weight decay, a larger model, or more steps",
        confidence="medium",
        weight=0.8,
        number=trace.evaluations[-1].train_loss,
    )


def stopped_too_early(trace: RunTrace) -> Finding | None:
    """Val fell by a twentieth in the last fifth of the steps; by less where the train loss has a long way to go."""
    if not trace.is_over or trace.broken_at is not None or not trace.has_learned:
        return None
    fall, last = fall_at_the_end(trace), trace.evaluations[-1]
    if fall < STILL_FALLING and not (fall >= STILL_FALLING / 2 and _share_left(trace) >= UNDERFITTED):
        return None
    return Finding(
        code="stopped_too_early",
        title="stopped too early",
        evidence=f"val was still falling: by {fall:.0%} in the last fifth of the steps, to {last.val_loss:.2f}",
        remedy=f"train anew, for {2 * last.step:,} steps or more with early stopping (training.max_iters)",
        confidence="high" if fall >= STILL_FALLING else "medium",
        weight=0.7,
        step=last.step,
        number=fall,
    )


def fall_at_the_end(trace: RunTrace) -> float:
    """By what share val fell in the last fifth of the steps; 0 if the last evaluation is not the best."""
    evaluations, best = trace.evaluations, trace.best
    if len(evaluations) < 3 or best is None or best.step < evaluations[-1].step:
        return 0.0
    steps, losses = zip(*((one.step, one.val_loss) for one in evaluations), strict=True)
    return 1 - best.val_loss / float(np.interp(0.8 * best.step, steps, losses))


def too_few_epochs(trace: RunTrace) -> Finding | None:
    best, evaluations = trace.best, trace.evaluations
    if not trace.is_over or best is None or best.step < evaluations[-1].step or not trace.has_learned:
        return None
    epochs = trace.epochs_at(best.step)
    if epochs >= 1:
        return None
    return Finding(
        code="too_few_epochs",
        title="part of the text was never seen",
        evidence=f"{best.step:,} steps are {epochs:.2f} epochs, and val was best at the end",
        remedy="train for up to 4 epochs; repeated text is nearly as good as new up to there",
        confidence="high",
        weight=0.45,
        number=epochs,
        source=MUENNIGHOFF,
    )
