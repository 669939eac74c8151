"""The gate: limits of a phase that make a run fail in CI, judged at the best evaluation, the one that best.pt holds.

Limits on rates are judged on the samples that were drawn at that evaluation, those on the test side and on characters
saved on what its model did at the end. The one on another run's loss is judged block by block of the validation text
of both: what is common to both, such as a hard stretch, cancels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from slmtui.config.gate_section import GateSection
from slmtui.insight.judging.proportion import counted
from slmtui.training.events import (
    BlockLosses,
    CharactersSaved,
    Evaluation,
    Event,
    FinalTest,
    RunStarted,
    SampleRates,
    judged_name,
)
from slmtui.training.uniform import has_learned
from slmtui.words import plural


@dataclass
class BestEvaluation:
    """The best evaluation so far, what was counted of its model, and how the run began.

    A fold over events. The evaluation is the one that best.pt holds; the best of what decides.
    """

    evaluation: Evaluation | None = None
    rates: SampleRates | None = None
    saved: CharactersSaved | None = None
    test: FinalTest | None = None
    blocks: BlockLosses | None = None
    started: RunStarted | None = None  # None before the run's first event
    inherited: Evaluation | None = None  # of the weights that it started with, those of its parent, if it has one

    @classmethod
    def of(cls, happened: Iterable[Event]) -> BestEvaluation:
        best = cls()
        for event in happened:
            best.add(event)
        return best

    def add(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.started = event
        elif isinstance(event, Evaluation) and event.best:
            self.evaluation, self.rates, self.saved, self.test, self.blocks = event, None, None, None, None
            if event.step == 0 and self.started is not None and self.started.parent is not None:
                self.inherited = event
        elif isinstance(event, SampleRates) and self.evaluation is not None and event.step == self.evaluation.step:
            self.rates = event
        elif (
            isinstance(event, CharactersSaved)
            and self.evaluation is not None
            and event.best_step == self.evaluation.step
        ):
            self.saved = event
        elif isinstance(event, FinalTest) and self.evaluation is not None and event.best_step == self.evaluation.step:
            self.test = event
        elif isinstance(event, BlockLosses) and self.evaluation is not None and event.best_step == self.evaluation.step:
            self.blocks = event

    @property
    def has_learned(self) -> bool:
        """Whether the model that best.pt holds has learned something; False before there is one."""
        if self.evaluation is None:
            return False
        one = self.evaluation
        return self.started is None or has_learned(one.val_loss, self.started.data.n_vocab, one.step)


UNTRAINED = "the best model is that of step 0, before it was trained"


class Limit(NamedTuple):
    kept: bool
    sentence: str  # that says so: "max_gap = 0.5 is kept: …"

    @property
    def key(self) -> str:
        """Of [gate]."""
        return self.sentence.partition(" = ")[0]


def limits_in_words(gate: GateSection, best: BestEvaluation) -> list[Limit]:
    """One for each limit that the phase sets; all of them kept is a pass.

    An untrained model keeps none, and the gap of one that has learned nothing yet keeps none either.
    """
    one = best.evaluation
    if one is not None and one.step == 0 and not best.has_learned:
        return [_limit(key, limit, False, UNTRAINED) for key, limit in gate.limits().items()]
    if one is not None and gate.max_gap is not None and not best.has_learned:
        why = (
            f"the model of the best evaluation, step {one.step:,}, has learned too little for its gap to mean anything"
        )
        others = limits_in_words(gate.model_copy(update={"max_gap": None}), best)
        return [_limit("max_gap", gate.max_gap, False, why), *others]
    losses = (
        ("max_gap", gate.max_gap, None if one is None else abs(one.gap)),
        ("max_val_loss", gate.max_val_loss, None if one is None else one.judged_loss),
        ("max_bits_per_byte", gate.max_bits_per_byte, None if one is None else one.judged_bits_per_byte),
    )
    judged = "" if one is None or one.judged == "network" else f", {judged_name(one)}"
    found = [
        _limit(
            key,
            limit,
            value is not None and value <= limit,
            "there was no evaluation"
            if value is None
            else f"{value:.4f}{judged if key != 'max_gap' else ''} at the best evaluation",
        )
        for key, limit, value in losses
        if limit is not None
    ]
    return found + _against(gate, best) + _tested(gate, best) + _rates(gate, best) + _saved(gate, best)


def _against(gate: GateSection, best: BestEvaluation) -> list[Limit]:
    """Failed only if the increase is shown to be larger than the limit: if all of its interval lies above it."""
    if gate.against is None:
        return []
    key, limit = "max_loss_increase", gate.max_loss_increase or 0.0
    one, reference = best.evaluation, None if best.started is None else best.started.reference
    if one is None or reference is None:
        why = "there was no evaluation" if one is None else f"the log does not say what {gate.against} had"
        return [_limit(key, limit, False, why)]
    increase, half = one.judged_bits_per_byte - reference.bits_per_byte, None
    if best.blocks is not None and reference.n_bytes:
        from slmtui.runs.text_interval import paired_difference  # scipy, which other limits do not need

        half = paired_difference(best.blocks.judged, best.blocks.n_bytes, reference.nats, reference.n_bytes)
    who = "" if one.judged == reference.decides else f" ({judged_name(one)} against {reference.decides})"
    words = f"{increase:+.4f} bits per byte beside {reference.run}{who}"
    if half is None:
        return [_limit(key, limit, increase <= limit, f"{words}, with no blocks to tell the noise of the text by")]
    words += f", {increase - half:+.4f} to {increase + half:+.4f} with the noise of the text (95 %)"
    noise = ", so more than that is not shown" if limit < increase <= limit + half else ""
    return [_limit(key, limit, increase - half <= limit, words + noise)]


def _tested(gate: GateSection, best: BestEvaluation) -> list[Limit]:
    limit, test = gate.max_test_bits_per_byte, best.test
    if limit is None:
        return []
    if test is None:
        return [_limit("max_test_bits_per_byte", limit, False, "the test side was not looked at")]
    bits = test.judged_bits_per_byte
    words = f"{bits:.4f}{'' if test.judged == 'network' else f', {judged_name(test)},'} on the test side"
    return [_limit("max_test_bits_per_byte", limit, bits <= limit, words)]


def _rates(gate: GateSection, best: BestEvaluation) -> list[Limit]:
    found, rates = [], best.rates
    none = "no samples were judged at the best evaluation"
    at = "at the best evaluation"
    if (limit := gate.min_parse_rate) is not None:
        rate = None if rates is None else rates.parse_rate
        if rates is None or rate is None:
            found.append(_limit("min_parse_rate", limit, False, none if rates is None else "the corpus is not Python"))
        else:
            parsed = counted(round(rate * rates.samples), rates.samples, "sample")
            found.append(_limit("min_parse_rate", limit, rate >= limit, f"{parsed} parse {at}"))
    if (limit := gate.max_copied_share) is not None:
        share = None if rates is None else rates.copied_share
        if rates is None or share is None:
            why = none if rates is None else f"the {rates.samples:,} samples {at} are nothing but blanks"
            found.append(_limit("max_copied_share", limit, False, why))
        else:
            words = f"{share:.4f} of the tokens of {rates.samples:,} samples are copied from the training text {at}"
            found.append(_limit("max_copied_share", limit, share <= limit, words))
    return found


def _saved(gate: GateSection, best: BestEvaluation) -> list[Limit]:
    limit, saved = gate.min_characters_saved, best.saved
    if limit is None:
        return []
    if saved is None:
        return [_limit("min_characters_saved", limit, False, "no line was completed with the best model")]
    error = "" if saved.error is None else f" ± {saved.error:.4f}"
    words = f"completions save {saved.share:.4f}{error} of the characters at {plural(saved.places, 'place')}"
    return [_limit("min_characters_saved", limit, saved.share >= limit, words)]


def _limit(key: str, limit: float, kept: bool, why: str) -> Limit:
    return Limit(kept, f"{key} = {limit:g} is {'' if kept else 'not '}kept: {why}")
