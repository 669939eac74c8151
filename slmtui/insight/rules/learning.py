"""Rules about whether a training learned enough, and why not."""

from __future__ import annotations

import numpy as np

from slmtui.insight.rules.advice import LARGER_MODEL, LESS_DECAY, LESS_DROPOUT, Advice, guarded
from slmtui.insight.rules.limits import FULL_VALUE, LARGE_GAP
from slmtui.insight.rules.rates import (
    LITTLE_LEARNED,
    LONG_PATH,
    LOW_RATE,
    SHORT_PATH,
    TRAIN_ENDED,
    fall,
    share_left,
    unigram,
    usual_rate,
)
from slmtui.insight.rules.rule import END, Diagnosis, Evidence, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.size import noise
from slmtui.insight.rules.sources import ADAM, CHINCHILLA, MUENNIGHOFF
from slmtui.insight.rules.stability import train_rises
from slmtui.training import gap

STILL_FALLING = 0.05  # of val, over the last fifth of the steps
UNDERFITTED = 0.7  # of the loss that token frequencies alone give, where neither the rate nor the steps are to blame
SMALL_BODY = 0.5  # parameters per training token


def rate_too_low(trace: RunTrace) -> Evidence | None:
    if not _fell_short(trace) or trace.rate >= LOW_RATE:
        return None
    values = _seen(trace) | {"rate": trace.rate, "path": trace.path, "usual": usual_rate(trace)}
    return Evidence(values=values, number=trace.rate, confidence="high" if trace.path < SHORT_PATH / 3 else "medium")


def too_few_steps(trace: RunTrace) -> Evidence | None:
    if not _fell_short(trace) or trace.rate < LOW_RATE:
        return None
    steps = trace.evaluations[-1].step
    values = _seen(trace) | {"steps": steps, "epochs": trace.epochs_at(steps), "more": 10 * steps}
    values["guarded"] = guarded(trace)
    return Evidence(values=values, number=steps)


def too_small(trace: RunTrace) -> Evidence | None:
    ratio = trace.body_per_token
    if not _is_underfitted(trace) or ratio >= SMALL_BODY:
        return None
    return Evidence(
        values=_seen(trace) | {"ratio": ratio},
        number=ratio,
        confidence="high" if ratio < SMALL_BODY / 5 else "medium",
    )


def underfitting(trace: RunTrace) -> Evidence | None:
    if not _is_underfitted(trace) or trace.body_per_token < SMALL_BODY or trace.evaluations[-1].gap >= LARGE_GAP:
        return None
    last, best = trace.evaluations[-1], trace.best
    improving = best is not None and best.step == last.step
    first = f"more steps first (training.max_iters = {2 * last.step}); then " if improving else ""
    return Evidence(values=_seen(trace) | {"first": first}, number=last.train_loss)


def stopped_too_early(trace: RunTrace) -> Evidence | None:
    """Val fell by a twentieth in the last fifth of the steps; by less where the train loss has a long way to go."""
    if not trace.has_run_its_course or trace.broken_at is not None or not trace.has_learned or trace.is_low_enough:
        return None
    if too_few_steps(trace) is not None:
        return None  # which says how many, and more
    share, last = fall_at_the_end(trace), trace.evaluations[-1]
    if share < STILL_FALLING and not (share >= STILL_FALLING / 2 and share_left(trace) >= UNDERFITTED):
        return None
    return Evidence(
        values={"fall": share, "val": last.val_loss, "more": 2 * last.step, "guarded": guarded(trace)},
        step=last.step,
        number=share,
        confidence="high" if share >= STILL_FALLING else "medium",
    )


def too_few_epochs(trace: RunTrace) -> Evidence | None:
    """Not of a child, whose parent may have seen the text."""
    best, evaluations = trace.best, trace.evaluations
    if trace.parent is not None:
        return None
    if not trace.has_run_its_course or best is None or best.step < evaluations[-1].step or not trace.has_learned:
        return None
    if too_few_steps(trace) is not None:
        return None  # which says how many steps there should be
    epochs = trace.epochs_at(best.step)
    return Evidence(values={"epochs": epochs}, number=epochs) if epochs < 1 else None


def fall_at_the_end(trace: RunTrace) -> float:
    """By what share val fell in the last fifth of the steps; 0 if the last evaluation is not the best."""
    evaluations, best = trace.evaluations, trace.best
    if len(evaluations) < 3 or best is None or best.step < evaluations[-1].step:
        return 0.0
    steps, losses = zip(*((one.step, one.val_loss) for one in evaluations), strict=True)
    return fall(float(np.interp(0.8 * best.step, steps, losses)), best.val_loss)


def _learned_little(trace: RunTrace) -> bool:
    """After the end, a train loss not far below what token frequencies give, although there is more in the text."""
    if (
        noise(trace) is not None
        or not trace.has_run_its_course
        or len(trace.evaluations) < 2
        or trace.broken_at is not None
    ):
        return False
    return share_left(trace) >= LITTLE_LEARNED and train_rises(trace) is None


def _fell_short(trace: RunTrace) -> bool:
    """Little was learned, and weights cannot have come far. Not so where what was learned is the training text.

    Nor of a child: how far its parent had come, its log does not say.
    """
    if trace.parent is not None or not _learned_little(trace) or trace.path >= SHORT_PATH:
        return False
    return not (trace.since_best and trace.evaluations[-1].gap >= LARGE_GAP)


def _is_underfitted(trace: RunTrace) -> bool:
    """Little was learned, neither rate nor steps are to blame, and it was not stopped too early.

    Not so where val is as low as counting gets it: that there is more in the text, nothing shows.
    """
    best, ngram = trace.best, trace.data.baseline
    if best is not None and ngram is not None and not gap.above_baseline(best.val_loss, ngram):
        return False
    if not _learned_little(trace) or not SHORT_PATH <= trace.path <= LONG_PATH:
        return False
    return share_left(trace) >= UNDERFITTED and fall_at_the_end(trace) < STILL_FALLING / 2


def _seen(trace: RunTrace) -> dict[str, object]:
    return {"train": trace.evaluations[-1].train_loss, "unigram": unigram(trace)}


RULES = (
    Rule(
        code="rate_too_low", when=END, applies=rate_too_low, weight=0.9, source=ADAM,
        diagnosis=Diagnosis(
            title="learning rate too low",
            evidence=TRAIN_ENDED + "; at {rate:.0e} a weight moves by {path:.2g} at most in all these steps",
            remedy=Advice("train again with training.learning_rate = {usual:.0e}"),
        ),
    ),
    Rule(
        code="too_few_steps", when=END, applies=too_few_steps, weight=0.9, source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="too few steps",
            evidence=TRAIN_ENDED + ", after {steps:,} steps and {epochs:.1f} epochs",
            remedy=Advice("train anew, for {more:,} steps{guarded} (training.max_iters = {more})"),
        ),
    ),
    Rule(
        code="too_small", when=END, applies=too_small, weight=0.9, source=CHINCHILLA,
        diagnosis=Diagnosis(
            title="model far too small for the corpus",
            evidence=TRAIN_ENDED + "; it has {ratio:.2g} parameters, embeddings left out, for each training token",
            remedy=Advice("make the model wider and deeper (model.n_embd, model.n_layer)"),
        ),
    ),
    Rule(
        code="underfitting", when=END, applies=underfitting, weight=0.8, confidence="medium",
        diagnosis=Diagnosis(
            title="under-fitting",
            evidence=TRAIN_ENDED,
            remedy=Advice("{first}{options}", (LARGER_MODEL, LESS_DROPOUT, LESS_DECAY)),
        ),
    ),
    Rule(
        code="stopped_too_early", when=END, applies=stopped_too_early, weight=0.7,
        diagnosis=Diagnosis(
            title="stopped too early",
            evidence="val was still falling: by {fall:.0%} in the last fifth of the steps, to {val:.2f}",
            remedy=Advice("train anew, for {more:,} steps or more{guarded} (training.max_iters)"),
        ),
    ),
    Rule(
        code="too_few_epochs", when=END, applies=too_few_epochs, weight=0.45, source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="part of the text was never seen",
            evidence="val was best when it was last evaluated, after {epochs:.2f} epochs",
            remedy=Advice(
                f"train for up to {FULL_VALUE} epochs; repeated text is nearly as good as new up to there"
            ),
        ),
    ),
)  # fmt: skip
