"""Rules about a training that goes on past its best, learns by heart, or goes on to no avail."""

from __future__ import annotations

from statistics import median

from slmtui.insight.rules import size
from slmtui.insight.rules.advice import (
    COSINE,
    FEWER_STEPS,
    LARGER_MODEL,
    LESS_PATIENCE,
    MORE_DECAY,
    MORE_DROPOUT,
    MORE_TEXT,
    OTHER_SPLIT,
    PATIENCE,
    SMALLER_MODEL,
    TRAIN_ON_MORE_TEXT,
    TRAIN_TO_THE_BEST,
    Advice,
    Option,
    will_be_stopped,
)
from slmtui.insight.rules.limits import LARGE_GAP, LAST_VALUE
from slmtui.insight.rules.rates import fall
from slmtui.insight.rules.rule import END, EVALUATION, EVALUATION_AND_END, Diagnosis, Evidence, Live, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.sources import MUENNIGHOFF
from slmtui.training.gap import LIMITS, WORDS, WORST, is_clear_rise

RISING = 3  # evaluations above the best before it is said that val rises
WASTED = 6  # evaluations after the best, and half of all steps, before it is said that they were for nothing
FLAT = 5  # evaluations that progress is looked for in
PROGRESS = 0.01  # of a loss: less is none
NOISE, LEAST_NOISE = 0.005, 0.01  # what evaluations waver by: a share of the loss, and nats
MODERATE, NEGATIVE = 2, 1  # the classes from which a gap above and below zero is worth a word


def is_rise(rise: float, best: float) -> bool:
    """Whether a loss this much above the best is more than evaluations waver."""
    return not rise <= max(LEAST_NOISE, NOISE * best)


def negative_gap(trace: RunTrace) -> Evidence | None:
    if not trace.evaluations or not trace.gap_counts:
        return None
    now = trace.evaluations[-1].gap
    if now >= 0 or min(trace.gap_class.current, trace.gap_class.told) < NEGATIVE:
        return None
    unseen = trace.facts is not None and size.leakage(trace) is None
    values = {
        "below": -now, "why": "is easier than the training text" if unseen else "is easier, or has been seen",
        "first": "" if unseen else "look for leakage in Data; ",
    }  # fmt: skip
    return Evidence(values=values, number=now, state=(trace.gap_class.told, "below"))


def moderate_gap(trace: RunTrace) -> Evidence | None:
    found = _large_gap(trace)
    return found if found is not None and trace.gap_class.told == MODERATE else None


def severe_gap(trace: RunTrace) -> Evidence | None:
    """Past the best, where early stopping is about to end the run, it is a note."""
    found = _large_gap(trace)
    return found if found is not None and trace.gap_class.told > MODERATE else None


def no_gap(trace: RunTrace) -> bool:
    """Whether the gap has gone back, so that the next one is news."""
    least = MODERATE if trace.evaluations and trace.evaluations[-1].gap > 0 else NEGATIVE
    return trace.gap_class.current < least


def _large_gap(trace: RunTrace) -> Evidence | None:
    if not trace.evaluations or not trace.gap_counts:
        return None
    now, told = trace.evaluations[-1].gap, trace.gap_class.told
    if now <= 0 or min(trace.gap_class.current, told) < MODERATE:
        return None
    span = f"{LIMITS[told - 1]:g} to {LIMITS[told]:g}" if told < len(LIMITS) else f"{LIMITS[-1]:g} or more"
    values = {"word": WORDS[told], "gap": now, "span": span, "stops": will_be_stopped(trace)}
    return Evidence(values=values, number=now, state=(told, "above"))


def val_rising(trace: RunTrace) -> Evidence | None:
    """Val has been above its best for some evaluations, whatever train does."""
    best = trace.best
    if best is None or not trace.has_learned or not val_rises(trace):
        return None
    latest = [one.val_loss for one in trace.evaluations[-RISING:]]
    values = {
        "does": "has risen" if sorted(latest) == latest else "has been above its best", "n": RISING,
        "losses": ", ".join(f"{loss:.4f}" for loss in latest), "best": best.val_loss, "step": best.step,
        "stops": will_be_stopped(trace),
    }  # fmt: skip
    return Evidence(values=values, step=best.step, state=best.step)


def val_rises(trace: RunTrace) -> bool:
    """The last three evaluations are above the best, and it is not only just over (a tenth of the way to it)."""
    best = trace.best
    if best is None or trace.since_best < RISING:
        return False
    latest = trace.evaluations[-RISING:]
    above = all(is_rise(one.val_loss - best.val_loss, best.val_loss) for one in latest)
    return above and latest[-1].step - best.step >= best.step / 10


def overfitting(trace: RunTrace) -> Evidence | None:
    """Val rose after its best while train fell on. A run that stopped early because of it did as it should."""
    best = trace.best
    if best is None or not trace.has_learned or trace.is_guarded or trace.since_best < 2:
        return None
    after = [one for one in trace.evaluations if one.step > best.step]
    rise = median(one.val_loss for one in after[-3:]) - best.val_loss
    if not is_clear_rise(rise, best.val_loss) or after[-1].train_loss >= best.train_loss:
        return None
    values = {
        "best": best.val_loss,
        "step": best.step,
        "rise": rise,
        "was": best.train_loss,
        "is": after[-1].train_loss,
    }
    return Evidence(
        values=values,
        number=rise,
        step=best.step,
        confidence="high" if trace.since_best >= 3 else "medium",
    )


def plateau(trace: RunTrace) -> Evidence | None:
    """Neither loss moves although the rate has not fallen and nothing is memorised."""
    if trace.broken_at is not None or trace.rate_has_fallen or not trace.has_learned:
        return None
    if size.noise(trace) is not None or size.trivial(trace) is not None:
        return None
    now = trace.evaluations[-1]
    if abs(now.gap) >= LARGE_GAP or progress(trace) >= PROGRESS:
        return None
    since = trace.evaluations[-FLAT].step
    values = {
        "n": FLAT, "since": since, "step": now.step, "least": 100 * PROGRESS, "train": now.train_loss,
        "val": now.val_loss,
    }  # fmt: skip
    return Evidence(values=values, number=now.val_loss, step=since)


def moves_again(trace: RunTrace) -> bool:
    return progress(trace) > 2 * PROGRESS


def progress(trace: RunTrace) -> float:
    """By what share the lowest train or val loss, whichever did better, fell in the last five evaluations.

    One, all there is, while there are not enough of them to tell.
    """
    earlier, latest = trace.evaluations[:-FLAT], trace.evaluations[-FLAT:]
    if not earlier:
        return 1.0
    return max(
        fall(min(one.train_loss for one in earlier), min(one.train_loss for one in latest)),
        fall(min(one.val_loss for one in earlier), min(one.val_loss for one in latest)),
    )


def wasted(trace: RunTrace) -> Evidence | None:
    """Half of the steps so far came after the best, and early stopping will not see to it."""
    best = trace.best
    if best is None or trace.is_guarded or not trace.has_learned or not is_wasted(trace):
        return None
    now = trace.evaluations[-1].step
    values = {"after": now - best.step, "all": now, "best": best.step}
    return Evidence(values=values, number=1 - best.step / now, step=best.step, state=best.step)


def is_wasted(trace: RunTrace) -> bool:
    best = trace.best
    return best is not None and trace.since_best >= WASTED and trace.evaluations[-1].step >= 2 * best.step


def too_many_epochs(trace: RunTrace) -> Evidence | None:
    """Far more epochs than help, and the losses agree: the best is that many epochs ago."""
    best = trace.best
    if best is None or trace.is_guarded or not trace.has_learned:
        return None
    epochs, at_best = trace.epochs_at(trace.evaluations[-1].step), trace.epochs_at(best.step)
    if epochs - at_best < LAST_VALUE or not (val_rises(trace) or is_wasted(trace)):
        return None
    return Evidence(values={"epochs": epochs, "at_best": at_best, "step": best.step}, number=epochs, step=best.step)


RULES = (
    Rule(
        code="gap", when=EVALUATION, applies=negative_gap, weight=0.6, over=no_gap,
        live=Live(
            message="val is {below:.2f} below train: the validation text {why}",
            advice=Advice("{first}validate on other text: {options}", OTHER_SPLIT),
        ),
    ),
    Rule(
        code="gap", when=EVALUATION, applies=moderate_gap, weight=0.3, over=no_gap,
        live=Live(
            message="the gap is {word}, {gap:.2f} ({span}): training text is known better than new text",
            advice=Advice("fine as long as val falls"),
        ),
    ),
    Rule(
        code="gap", when=EVALUATION, applies=severe_gap, over=no_gap,
        weight=lambda values: 0.3 if values["stops"] else 0.9 if values["word"] == WORST else 0.6,
        live=Live(
            message="the gap is {word}, {gap:.2f} ({span}): the training text is being memorised",
            advice=Advice(
                "{options}", (MORE_TEXT, SMALLER_MODEL, MORE_DROPOUT),
                Option("early stopping ends the run; best.pt has the best", will_be_stopped),
            ),
        ),
    ),
    Rule(
        code="val_rising", when=EVALUATION, applies=val_rising,
        weight=lambda values: 0.3 if values["stops"] else 0.6,
        live=Live(
            message="val {does} for {n} evaluations ({losses}); the best was {best:.4f} at step {step:,}",
            advice=Advice(
                "stop here, best.pt has it",
                instead=Option("early stopping ends the run if it stays so; best.pt has it", will_be_stopped),
            ),
        ),
    ),
    Rule(
        code="overfitting", when=END, applies=overfitting,
        weight=lambda values: 0.65 + 0.27 * min(1.0, values["rise"]),
        diagnosis=Diagnosis(
            title="overfitting",
            evidence="val was {best:.4f} at step {step:,} and has risen by {rise:.2f} since, while train fell from "
            "{was:.2f} to {is:.2f}",
            remedy=Advice(
                "use best.pt, which has step {step:,}; next time {options}",
                (PATIENCE, LESS_PATIENCE, MORE_TEXT, SMALLER_MODEL, MORE_DROPOUT, MORE_DECAY),
            ),
        ),
    ),
    Rule(
        code="wasted", when=EVALUATION_AND_END, applies=wasted, weight=0.5,
        live=Live(
            message="{after:,} of {all:,} steps came after the best, step {best:,}",
            advice=Advice("stop here; next time use {options}", (PATIENCE, LESS_PATIENCE, FEWER_STEPS)),
        ),
        diagnosis=Diagnosis(
            title="time wasted after the best",
            evidence="{after:,} of {all:,} steps came after the best, step {best:,}",
            remedy=Advice("next time use {options}", (PATIENCE, LESS_PATIENCE, FEWER_STEPS)),
        ),
    ),
    Rule(
        code="plateau", when=EVALUATION_AND_END, applies=plateau, weight=0.45, confidence="medium",
        over=moves_again,
        live=Live(
            message="neither loss has moved for {n} evaluations (train {train:.2f}, val {val:.2f})",
            advice=Advice("stop here, lower the learning rate, or make the model larger"),
        ),
        diagnosis=Diagnosis(
            title="plateau",
            evidence="from step {since:,} to {step:,} neither loss fell by {least:g} % (train {train:.2f}, val "
            "{val:.2f})",
            remedy=Advice("next time use {options}", (COSINE, FEWER_STEPS, LARGER_MODEL)),
        ),
    ),
    Rule(
        code="too_many_epochs", when=END, applies=too_many_epochs, weight=0.3, confidence="medium",
        source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="far too many epochs",
            evidence="the text was seen {epochs:.0f} times; val was best after {at_best:.0f}",
            remedy=Advice("{options}", (TRAIN_TO_THE_BEST, TRAIN_ON_MORE_TEXT)),
        ),
    ),
)  # fmt: skip
