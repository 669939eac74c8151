"""Rules about a network beside an n-gram model: whether counting does better, and whether the two mixed do."""

from __future__ import annotations

from slmtui.insight.rules import size
from slmtui.insight.rules.advice import MORE_TEXT, SMALLER_VOCABULARY, Advice
from slmtui.insight.rules.rule import END, Diagnosis, Evidence, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.sources import KNESER_NEY
from slmtui.training import gap

COUNTING_WOULD_DO = "counting alone would do: "
ALONE_AND_MIXED = (
    "the val loss of the network alone is {val:.2f}; on the same tokens, a {ngram} model has {baseline:.2f}, and the "
    "two mixed have {mixed:.2f}, {compared}"
)
USE_OTHER_TEXT = Advice(
    COUNTING_WOULD_DO + "use {options}, or do what the other findings say", (MORE_TEXT, *SMALLER_VOCABULARY)
)


def above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, which is all there is."""
    found = _against_baseline(trace)
    return None if found is None or found.values["mixed"] is not None else found


def mixture_above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, and the two mixed do no better than counting."""
    found = _against_baseline(trace)
    return None if found is None or found.values["mixed"] is None or found.values["helps"] else found


def network_above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, but the two mixed are better than counting."""
    found = _against_baseline(trace)
    return found if found is not None and found.values["helps"] else None


def mixture_hurts(trace: RunTrace) -> Evidence | None:
    """The best network predicts worse when it is mixed with the n-gram model."""
    best = trace.best
    if not trace.has_run_its_course or best is None or best.mixed_loss is None or best.decides is not None:
        return None  # what the phase decides is nothing to be advised about
    if gap.standing(best.mixed_loss, best.val_loss) != "worse":
        return None
    values = {"val": best.val_loss, "mixed": best.mixed_loss, "share": trace.phase["model"].get("ngram_mix", 0.0)}
    return Evidence(values=values, number=best.mixed_loss - best.val_loss)


def _against_baseline(trace: RunTrace) -> Evidence | None:
    best, ngram = trace.best, trace.facts.baseline if trace.facts is not None else None
    if size.noise(trace) is not None or size.trivial(trace) is not None:
        return None  # there is nothing that a better network could learn
    if not trace.has_run_its_course or best is None or ngram is None or not gap.above_baseline(best.val_loss, ngram):
        return None
    values = {"val": best.val_loss, "ngram": ngram.name, "baseline": ngram.loss, "mixed": best.mixed_loss}
    if best.mixed_loss is not None:
        values["compared"] = gap.compared(best.mixed_loss, ngram.loss, "counting alone")
    values["helps"] = best.mixed_loss is not None and gap.standing(best.mixed_loss, ngram.loss) == "better"
    return Evidence(values=values, number=best.val_loss - ngram.loss)


RULES = (
    Rule(
        code="above_baseline", when=END, applies=above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better",
            evidence="the best val loss is {val:.2f}; on the same tokens, a {ngram} model has {baseline:.2f}",
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=mixture_above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=network_above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=Advice(
                "use it mixed only, as it is; for a better network, use {options}", (MORE_TEXT, *SMALLER_VOCABULARY)
            ),
        ),
    ),
    Rule(
        code="mixture", when=END, applies=mixture_hurts, weight=0.3,
        diagnosis=Diagnosis(
            title="the mixture predicts worse",
            evidence="the best val loss is {val:.3f} for the network alone and {mixed:.3f} mixed with the n-gram "
            "model, so the network alone is used",
            remedy=Advice("set model.ngram_mix below {share:g}, or to 0"),
        ),
    ),
)  # fmt: skip
