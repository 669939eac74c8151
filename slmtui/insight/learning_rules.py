"""Rules about whether a training learned enough, and why not.

Each is a function that gives a finding, or None if all is well.
"""

from __future__ import annotations

import numpy as np

from slmtui.insight import messages
from slmtui.insight.course import Course
from slmtui.insight.finding import CHINCHILLA, MUENNIGHOFF, Finding

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


def diverged(course: Course) -> Finding | None:
    last = course.evaluations[-1] if course.evaluations else None
    if course.broken_at is not None:
        step, evidence = course.broken_at, f"the loss is not a number at step {course.broken_at:,}"
    elif last is not None and last.train_loss > course.uniform_loss + messages.EXPLODED:
        step = last.step
        evidence = f"train is {last.train_loss:.2f}, and a model that knows nothing has {course.uniform_loss:.2f}"
    elif course.finished is not None and course.finished.reason == "diverged":
        step, evidence = course.finished.step, f"the loss shot up before step {course.finished.step:,}"
    else:
        return None
    return Finding(
        code="diverged",
        title="training diverged",
        evidence=f"{evidence}; the learning rate went up to {course.rate:.1e}",
        remedy=f"train again with training.learning_rate = {min(course.rate / 10, HIGHEST_RATE):.0e} and a warm-up",
        confidence="high",
        weight=1.0,
        step=step,
        number=course.rate,
    )


def unstable(course: Course) -> Finding | None:
    """The train loss rises, or a batch loss shot up: neither is overfitting, both are steps that are too large."""
    if course.broken_at is not None or course.best_train is None:
        return None
    now, best = course.evaluations[-1], course.best_train
    if messages.train_rises(course):
        step, evidence = (
            best.step,
            f"train rose from {best.train_loss:.2f} at step {best.step:,} to {now.train_loss:.2f}",
        )
    elif course.first_spike is not None:
        step, evidence = course.first_spike, f"the batch loss shot up at step {course.first_spike:,}"
    else:
        return None
    return _rate_too_high(course, evidence, step=step)


def little_learned(course: Course) -> Finding | None:
    """After the end, a train loss not far below what token frequencies give: the likeliest reason why.

    Without facts, what frequencies give is taken to be half of ln n_vocab.
    """
    if not course.is_over or len(course.evaluations) < 2 or course.broken_at is not None:
        return None
    last = course.evaluations[-1]
    share = _share_left(course)
    if share < LITTLE_LEARNED or messages.train_rises(course):
        return None
    seen = f"train ended at {last.train_loss:.2f}, token frequencies alone give {_unigram(course):.2f}"
    if course.path < SHORT_PATH and course.since_best and last.gap >= LEARNED_GAP:
        return None  # val rises and train falls: what it does learn is the training text
    if course.path < SHORT_PATH:
        return _rate_too_low(course, seen) if course.rate < LOW_RATE else _too_few_steps(course, seen)
    if course.path > LONG_PATH:
        return _rate_too_high(course, f"{seen}, after {last.step:,} steps at up to {course.rate:.0e}")
    if share < UNDERFITTED or fall_at_the_end(course) >= STILL_FALLING / 2:  # then it was stopped too early
        return None
    return _underfitted(course, seen)


def _unigram(course: Course) -> float:
    return course.facts.unigram if course.facts is not None else 0.5 * course.uniform_loss


def _share_left(course: Course) -> float:
    """The last train loss, as a share of what token frequencies alone give."""
    return course.evaluations[-1].train_loss / _unigram(course)


def _usual_rate(course: Course) -> float:
    """The rate that would have led weights as far as they usually go in as many steps."""
    if course.path == 0.0:  # not a step was logged
        return LOWEST_RATE
    return min(max(course.rate * USUAL_PATH / course.path, LOWEST_RATE), HIGHEST_RATE)


def _rate_too_high(course: Course, evidence: str, step: int | None = None) -> Finding:
    return Finding(
        code="rate_too_high",
        title="learning rate too high",
        evidence=evidence,
        remedy=f"train again with training.learning_rate = {min(course.rate / 3, _usual_rate(course)):.0e}",
        confidence="high" if step is not None else "medium",
        weight=0.9,
        step=step,
        number=course.rate,
    )


def _rate_too_low(course: Course, evidence: str) -> Finding:
    return Finding(
        code="rate_too_low",
        title="learning rate too low",
        evidence=f"{evidence}; at {course.rate:.0e} a weight moves by {course.path:.2g} at most in all these steps",
        remedy=f"train again with training.learning_rate = {_usual_rate(course):.0e}",
        confidence="high" if course.path < SHORT_PATH / 3 else "medium",
        weight=0.9,
        number=course.rate,
        source="house rule: Adam moves a weight by about the learning rate per step (Kingma & Ba 2015)",
    )


def _too_few_steps(course: Course, evidence: str) -> Finding:
    steps = course.evaluations[-1].step
    return Finding(
        code="too_few_steps",
        title="too few steps",
        evidence=f"{evidence}, after {steps:,} steps and {course.epochs_at(steps):.1f} epochs",
        remedy=f"train anew, for {10 * steps:,} steps with early stopping (training.max_iters = {10 * steps})",
        confidence="high",
        weight=0.9,
        number=steps,
        source=MUENNIGHOFF,
    )


def _underfitted(course: Course, evidence: str) -> Finding | None:
    ratio = course.body_per_token
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
    if course.evaluations[-1].gap >= LEARNED_GAP:
        return None
    return Finding(
        code="underfitting",
        title="under-fitting",
        evidence=evidence,
        remedy="less dropout and weight decay, a larger model, or more steps",
        confidence="medium",
        weight=0.8,
        number=course.evaluations[-1].train_loss,
    )


def stopped_too_early(course: Course) -> Finding | None:
    """Val fell by a twentieth in the last fifth of the steps; by less where the train loss has a long way to go."""
    if not course.is_over or course.broken_at is not None or not course.has_learned:
        return None
    fall, last = fall_at_the_end(course), course.evaluations[-1]
    if fall < STILL_FALLING and not (fall >= STILL_FALLING / 2 and _share_left(course) >= UNDERFITTED):
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


def fall_at_the_end(course: Course) -> float:
    """By what share val fell in the last fifth of the steps; 0 if the last evaluation is not the best."""
    evaluations, best = course.evaluations, course.best
    if len(evaluations) < 3 or best is None or best.step < evaluations[-1].step:
        return 0.0
    steps, losses = zip(*((one.step, one.val_loss) for one in evaluations), strict=True)
    return 1 - best.val_loss / float(np.interp(0.8 * best.step, steps, losses))


def too_few_epochs(course: Course) -> Finding | None:
    best, evaluations = course.best, course.evaluations
    if not course.is_over or best is None or best.step < evaluations[-1].step or not course.has_learned:
        return None
    epochs = course.epochs_at(best.step)
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
