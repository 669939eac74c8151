"""Rules about a network beside counting: whether that does better, and whether the network mixed with it does."""

from __future__ import annotations

from slmtui.data.baseline import Baseline
from slmtui.insight.rules import size
from slmtui.insight.rules.advice import MORE_TEXT, SMALLER_VOCABULARY, Advice
from slmtui.insight.rules.rule import END, Diagnosis, Evidence, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.sources import COUNTING
from slmtui.training import gap
from slmtui.training.events import Evaluation, judged_name

COUNTING_WOULD_DO = "counting alone would do: "
ALONE_AND_MIXED = (
    "the val loss of the network alone is {val:.2f}; on the same tokens, {counting} has {bar:.2f}, and {mixture} "
    "{mixed:.2f}, {compared}"
)
MIXTURES = {
    "mixed": "the network mixed with an n-gram model",
    "static": "the network mixed with counts",
    "adaptive": "the network mixed with counts that learn on",
}
USE_OTHER_TEXT = Advice(
    COUNTING_WOULD_DO + "use {options}, or do what the other findings say", (MORE_TEXT, *SMALLER_VOCABULARY)
)


def above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, which is all there is."""
    found = _against_baseline(trace)
    return None if found is None or found.values["mixture"] else found


def mixture_above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, and is no worse than the mixture, static or adaptive as that is."""
    found = _against_baseline(trace)
    return None if found is None or not found.values["mixture"] or found.values["helps"] else found


def network_above_baseline(trace: RunTrace) -> Evidence | None:
    """Counting does better than the network, but the mixture is better than counting."""
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


def adaptive_above_baseline(trace: RunTrace) -> Evidence | None:
    """The network alone is no worse than counting that learns no more; learning on, counting alone does better.

    What a network copies from earlier validation text, through its window, counting that learns no more does not see.
    """
    best, baseline = trace.best, _baseline(trace)
    if best is None or baseline is None or gap.above_baseline(best.val_loss, baseline):
        return None
    found = _mixture(best, baseline)
    if found is None or found.name != "adaptive" or gap.standing(found.loss, found.bar.loss) != "worse":
        return None
    values = {"val": best.val_loss, "static": baseline.static.model, "static_bar": baseline.static.loss}
    values |= {"adaptive": found.loss, "counting": found.bar.model, "bar": found.bar.loss}
    return Evidence(values=values, number=found.loss - found.bar.loss)


def _baseline(trace: RunTrace) -> Baseline | None:
    """What to compare with; None, too, while a run goes on, and where a better network could learn nothing."""
    if not trace.has_run_its_course or size.noise(trace) is not None or size.trivial(trace) is not None:
        return None
    return trace.data.baseline


def _mixture(best: Evaluation, baseline: Baseline) -> gap.AgainstCounting | None:
    """The mixture that decides, or the static one where none does."""
    name = judged_name(best)
    found = gap.mixtures_against(best, baseline)
    return next((one for one in found if one.name == name), found[0] if found else None)


def _against_baseline(trace: RunTrace) -> Evidence | None:
    best, baseline = trace.best, _baseline(trace)
    if best is None or baseline is None or not gap.above_baseline(best.val_loss, baseline):
        return None
    bar, mixture = baseline.static, _mixture(best, baseline)
    values = {"val": best.val_loss, "counting": bar.model, "bar": bar.loss, "mixture": "", "helps": False}
    if mixture is not None:
        than = "counting alone" if mixture.bar == bar else f"{mixture.bar.model}, which has {mixture.bar.loss:.2f}"
        values |= {
            "mixture": MIXTURES[mixture.name],
            "mixed": mixture.loss,
            "compared": gap.compared(mixture.loss, mixture.bar.loss, than),
            "helps": gap.standing(mixture.loss, mixture.bar.loss) == "better",
        }
    return Evidence(values=values, number=best.val_loss - bar.loss)


RULES = (
    Rule(
        code="above_baseline", when=END, applies=above_baseline, weight=0.4, source=COUNTING,
        diagnosis=Diagnosis(
            title="counting does better",
            evidence="the best val loss is {val:.2f}; on the same tokens, {counting} has {bar:.2f}",
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=mixture_above_baseline, weight=0.4, source=COUNTING,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=network_above_baseline, weight=0.4, source=COUNTING,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=Advice(
                "use it mixed only, as it is; for a better network, use {options}", (MORE_TEXT, *SMALLER_VOCABULARY)
            ),
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=adaptive_above_baseline, weight=0.4, source=COUNTING,
        diagnosis=Diagnosis(
            title="adaptive counting does better",
            evidence="the val loss of the network alone is {val:.2f}, and {static} has {static_bar:.2f}; adaptive, "
            "the mixture has {adaptive:.2f}, and {counting} alone {bar:.2f}",
            remedy=USE_OTHER_TEXT,
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
