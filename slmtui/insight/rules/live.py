"""What is worth a warning in the course of a run, and how it is said: conditions, and one function for each code.

Every message names the numbers that it rests on; the advice says what a person could do now. The limits are house
rules, tried on the published phases.
"""

from __future__ import annotations

from slmtui.insight.rules.gap_class import LIMITS, GapClass
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.training.events import Evaluation, Step, Warned

RISING = 3  # evaluations above the best before it is said that val rises
WASTED = 6  # evaluations after the best, and half of all steps, before it is said that they were for nothing
LEAST_CLASS = 2  # moderate; a smaller gap is nothing to speak of
FLAT = 5  # evaluations that progress is looked for in
PROGRESS = 0.01  # of a loss: less is none
EXPLODED = 1.0  # nats above what a model that knows nothing has
NOISE, LEAST_NOISE = 0.005, 0.01  # what evaluations waver by: a share of the loss, and nats
TRAIN_NOISE, LEAST_TRAIN_NOISE = 0.05, 0.1  # the same for a train loss that should only ever fall


def val_rises(trace: RunTrace) -> bool:
    """The last three evaluations are above the best, and it is not only just over (a tenth of the way to it)."""
    best = trace.best
    if best is None or trace.since_best < RISING:
        return False
    limit = best.val_loss + max(LEAST_NOISE, NOISE * best.val_loss)
    latest = trace.evaluations[-RISING:]
    return latest[-1].step - best.step >= best.step / 10 and all(one.val_loss > limit for one in latest)


def train_rises(trace: RunTrace) -> bool:
    """The last two evaluations have a train loss above the best one: overfitting does not do that, large steps do."""
    if trace.best_train is None:
        return False
    best = trace.best_train.train_loss
    limit = best + max(LEAST_TRAIN_NOISE, TRAIN_NOISE * best)
    return all(one.train_loss > limit for one in trace.evaluations[-2:])


def is_wasted(trace: RunTrace) -> bool:
    """Half of the steps so far came after the best."""
    best = trace.best
    return best is not None and trace.since_best >= WASTED and trace.evaluations[-1].step >= 2 * best.step


def progress(trace: RunTrace) -> float:
    """By what share the lowest train or val loss, whichever did better, fell in the last five evaluations.

    One, all there is, while there are not enough of them to tell.
    """
    earlier, latest = trace.evaluations[:-FLAT], trace.evaluations[-FLAT:]
    if not earlier:
        return 1.0
    return max(
        1 - min(one.train_loss for one in latest) / min(one.train_loss for one in earlier),
        1 - min(one.val_loss for one in latest) / min(one.val_loss for one in earlier),
    )


def gap(trace: RunTrace, event: Evaluation, now: GapClass) -> Warned:
    """Past the best, where early stopping is about to end the run, a large gap is a note."""
    if event.gap < 0:
        return Warned(
            step=event.step,
            code="gap",
            level="warning",
            message=f"val is {-event.gap:.2f} below train: the validation text is easier, or has been seen",
            advice='look for leakage in Data; split = "by-file" holds whole files back',
        )
    mild = now.current == LEAST_CLASS
    is_seen_to = trace.phase["early_stopping"]["patience"] > 0 and trace.since_best > 0
    below, above = LIMITS[now.current - 1], LIMITS[now.current] if now.current < len(LIMITS) else None
    span = f"{below:g} to {above:g}" if above is not None else f"above {below:g}"
    return Warned(
        step=event.step,
        code="gap",
        level="note" if is_seen_to else ("note", "warning", "serious")[now.current - LEAST_CLASS],
        message=f"the gap is {now.word}, {event.gap:.2f} ({span}): "
        + ("training text is known better than new text" if mild else "the training text is being memorised"),
        advice="fine as long as val falls"
        if mild
        else "early stopping ends the run; best.pt has the best"
        if is_seen_to
        else "more text, a smaller model, or more dropout",
    )


def rising(trace: RunTrace) -> Warned:
    best, latest = _best(trace), [one.val_loss for one in trace.evaluations[-RISING:]]
    does = "has risen" if sorted(latest) == latest else "has been above its best"
    losses = ", ".join(f"{loss:.4f}" for loss in latest)
    will_stop = trace.phase["early_stopping"]["patience"] > 0
    advice = "early stopping ends the run if it stays so; best.pt has it" if will_stop else "stop here, best.pt has it"
    return Warned(
        step=trace.evaluations[-1].step,
        code="val_rising",
        message=f"val {does} for {RISING} evaluations ({losses}); the best was {best.val_loss:.4f} at step "
        f"{best.step:,}",
        advice=advice,
        level="note" if will_stop else "warning",
    )


def wasted(trace: RunTrace) -> Warned:
    best, now = _best(trace), trace.evaluations[-1].step
    return Warned(
        step=now,
        code="wasted",
        message=f"{now - best.step:,} of {now:,} steps came after the best, step {best.step:,}",
        advice="stop here; next time set early_stopping.patience",
    )


def plateau(trace: RunTrace) -> Warned:
    now = trace.evaluations[-1]
    return Warned(
        step=now.step,
        code="plateau",
        level="note",
        message=f"neither loss has moved for {FLAT} evaluations (train {now.train_loss:.2f}, val {now.val_loss:.2f})",
        advice="stop here, lower the learning rate, or make the model larger",
    )


def unstable(trace: RunTrace) -> Warned:
    assert trace.best_train is not None
    now, best = trace.evaluations[-1], trace.best_train
    return Warned(
        step=now.step,
        code="unstable",
        message=f"train has risen to {now.train_loss:.2f}; it was {best.train_loss:.2f} at step {best.step:,}: the "
        "steps are too large",
        advice=lower_rate(trace),
    )


def spike(trace: RunTrace, step: Step) -> Warned:
    usual = sorted(trace.step_losses)[len(trace.step_losses) // 2]
    return Warned(
        step=step.step,
        code="spike",
        level="serious",
        message=f"the batch loss has shot up to {step.loss:.2f}; it was about {usual:.2f}",
        advice=lower_rate(trace),
    )


def exploded(trace: RunTrace, event: Evaluation) -> Warned:
    return Warned(
        step=event.step,
        code="diverging",
        level="serious",
        message=f"train is {event.train_loss:.2f}, above the {trace.uniform_loss:.2f} of a model that knows nothing",
        advice=lower_rate(trace),
    )


def not_a_number(trace: RunTrace) -> Warned:
    return Warned(
        step=trace.broken_at or 0,
        code="diverged",
        level="serious",
        message=f"the loss is not a number at step {trace.broken_at or 0:,}",
        advice=lower_rate(trace),
    )


def lower_rate(trace: RunTrace) -> str:
    """A third is half a step on a logarithmic scale of rates."""
    if trace.learning_rate is None:
        return "lower training.learning_rate"
    return f"lower the learning rate: {trace.learning_rate / 3:.0e} instead of {trace.learning_rate:.0e}"


def _best(trace: RunTrace) -> Evaluation:
    assert trace.best is not None
    return trace.best
