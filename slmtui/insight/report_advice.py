"""What to do after a run: each piece of advice with its reason, the most pressing first. Pure rules over its log."""

from __future__ import annotations

from dataclasses import dataclass

from slmtui.insight.report_facts import RunFacts
from slmtui.insight.report_words import number

NOISE, LEAST_NOISE = 0.005, 0.01  # a rise smaller than this share of the loss, or these nats, is none
LEAKY = 0.3  # share of the validation tokens in repeats of training text
PATIENCE = 4  # evaluations


@dataclass(frozen=True)
class Advice:
    what: str
    why: str


def advise(facts: RunFacts) -> list[Advice]:
    found = [*_to_go_on(facts), *_to_measure_better(facts), *_to_train_better(facts)]
    if facts.best is not None and (facts.is_over or is_rise(facts)):
        found.append(Advice(f"Use best.pt, step {facts.best.step:,}.", "It has the lowest validation loss of the run."))
    return found


def is_rise(facts: RunFacts) -> bool:
    """Did validation loss end clearly above its best, or as no number at all?"""
    if facts.best is None:
        return False
    return not facts.rose_after_best <= max(LEAST_NOISE, NOISE * facts.best.val_loss)


def is_leaky(facts: RunFacts) -> bool:
    return facts.leakage is not None and facts.leakage["repeated_share"] >= LEAKY


def _to_go_on(facts: RunFacts) -> list[Advice]:
    if facts.finished is not None and facts.finished.reason == "diverged":
        rate = facts.phase.training.learning_rate
        return [
            Advice(
                f"Train it anew at a third of the learning rate, training.learning_rate = {rate / 3:.1g}.",
                f"At {rate:g} the loss ended as no number; to resume would only repeat that.",
            )
        ]
    if facts.is_over or is_rise(facts):
        return []
    if facts.best is None:
        return [Advice("Train it up to an evaluation at least.", "Without one, nothing can be said about it.")]
    return [
        Advice(
            f"If it is not alive, go on with it: slmtui --headless --resume {facts.name}.",
            f"{facts.max_iters - facts.step:,} of {facts.max_iters:,} steps are still to come, and validation loss had "
            "not begun to rise.",
        )
    ]


def _to_measure_better(facts: RunFacts) -> list[Advice]:
    found = []
    if is_leaky(facts) and facts.phase.data.split != "by-file":
        found.append(
            Advice(
                'Hold whole files back: data.split = "by-file".', "Much of what it is judged on, it has read before."
            )
        )
    if facts.phase.evaluation.method == "sampled" and facts.best is not None:
        found.append(
            Advice(
                'Evaluate on the whole validation text: evaluation.method = "full".',
                "Random windows waver, and the lowest of many such losses looks better than it is.",
            )
        )
    return found


def _to_train_better(facts: RunFacts) -> list[Advice]:
    best, last = facts.best, facts.last
    if best is None or last is None or facts.finished is None or facts.finished.reason == "diverged":
        return []
    if not is_rise(facts):
        if facts.finished.reason == "completed" and last is best and best.step:
            return [
                Advice(
                    f"Train longer: training.max_iters = {2 * facts.max_iters:,}.",
                    "The last evaluation was the best, so the end of the improvement has not been seen.",
                )
            ]
        return []
    if not last.train_loss < best.train_loss:
        return [
            Advice(
                "Lower training.learning_rate, by a factor of three to begin with.",
                "Both losses rose after the best, which memorising does not do and too large steps do.",
            )
        ]
    found = []
    if facts.phase.early_stopping.patience == 0:
        found.append(
            Advice(
                f"Let it stop by itself: early_stopping.patience = {PATIENCE}.",
                f"{last.step - best.step:,} of {last.step:,} steps came after the best and made it worse.",
            )
        )
    if last.verdict in ("excellent", "good"):
        return found
    dropout = facts.phase.model.dropout
    what = (
        "Find more text; failing that, try model.dropout = 0.1 and a stronger optimizer.weight_decay."
        if dropout == 0
        else "Find more text; failing that, try a smaller model or more dropout."
    )
    even = f" even with dropout {dropout:g}" if dropout else ""
    why = f"The gap grew to {number(last.gap, '+.2f')} ({last.verdict}){even}: the text is too little for this model."
    return [*found, Advice(what, why)]
