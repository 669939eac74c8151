"""The verdict on a run: one sentence about its network, what is mixed in, and the counting that they are to beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slmtui.data.baseline import Bar, Baseline
from slmtui.training.events import Evaluation, Event, Resumed, RunFinished, RunStarted, judged_name, mixtures
from slmtui.training.gap import HANDFUL, beside, is_clear_rise, standing
from slmtui.training.uniform import has_learned
from slmtui.words import plural

WITH = {
    "mixed": "mixed with an n-gram model",
    "static": "together with counts",
    "adaptive": "together with counts that learn on",
}
ENDS = {"interrupted": "was interrupted", "stopped": "was stopped", "failed": "failed", "diverged": "diverged"}


@dataclass
class Course:
    """What a verdict rests on: a fold over a run's events."""

    started: RunStarted | None = None
    inherited: Evaluation | None = None  # of the weights that it started with, those of its parent, if it has one
    best: Evaluation | None = None  # the one that best.pt holds
    last: Evaluation | None = None
    finished: RunFinished | None = None  # None, too, once it has been taken up again

    def add(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.started = event
            case Evaluation():
                self.last = event
                if event.best:
                    self.best = event
                if event.step == 0 and self.started is not None and self.started.parent is not None:
                    self.inherited = event
            case Resumed():
                self.finished = None
            case RunFinished():
                self.finished = event

    @property
    def verdict(self) -> str:
        """One sentence, with its full stop; "" before the run has begun."""
        started, best = self.started, self.best
        if started is None:
            return ""
        end = "" if self.finished is None else ENDS.get(self.finished.reason, "")
        at = "" if self.finished is None else f"at step {self.finished.step:,}"
        if best is None:
            if self.last is None:
                return f"It {end} before its first evaluation." if end else "It has not been evaluated yet."
            return f"It {end} {at}, and no loss was a number." if end else "No loss was a number so far."
        if started.data.val_tokens < HANDFUL:
            return f"None, since {plural(started.data.val_tokens, 'validation token')} are too few to judge by."
        words = self._untrained(best, started, over=self.finished is not None and not end)
        if not words:
            words = (
                f"{_reached(best, started.data.baseline)}{self._beside_its_parent(best)}{self._after_the_best(best)}"
            )
        if end == "diverged" and best.step > 0:
            return f"It diverged {at}; at its best, at step {best.step:,}, {words}."
        if end == "diverged":
            return f"It diverged {at}: {words}."
        if end:
            return f"It {end} {at}; so far, {words}."
        return f"{words[:1].upper()}{words[1:]}." if self.finished is not None else f"So far, {words}."

    def _untrained(self, best: Evaluation, started: RunStarted, *, over: bool) -> str:
        """What is said of a network that has learned nothing; "" of one that has."""
        if best.step == 0 and started.parent is not None:
            if self.last is best and not over:
                return f"it has just begun with the weights of its parent, {started.parent}"
            held = f"{_bits(best.judged_bits_per_byte, best.judged_loss)}, which best.pt still holds"
            return f"no step made it better than the weights of its parent, {started.parent} ({held})"
        steps = best.step + (started.parent is not None)
        if has_learned(best.val_loss, started.data.n_vocab, steps):
            return ""
        if self.last is not None and self.last.step == 0:
            words = "it has just begun, and its network has learned nothing"
        elif best.step == 0 and self.last is not None and standing(self.last.val_loss, best.val_loss) == "better":
            words = "no step made what it predicts with counts better, although its network alone has learned"
        elif best.step == 0:
            words = "its network has learned nothing, since no step made its predictions better"
        else:
            words = "its network has learned next to nothing"
        if best.judged == "network":
            return words
        counts = _bits(best.judged_bits_per_byte, best.judged_loss)
        return f"{words}; with counts mixed in, it reaches {counts}, which is their work"

    def _beside_its_parent(self, best: Evaluation) -> str:
        if self.inherited is None or self.started is None:
            return ""
        was = _number(self.inherited.judged_bits_per_byte, self.inherited.judged_loss)
        than = f"its parent, {self.started.parent} ({was})"
        return f"; that is {beside(standing(best.judged_loss, self.inherited.judged_loss), than)}"

    def _after_the_best(self, best: Evaluation) -> str:
        last = self.last
        diverged = self.finished is not None and self.finished.reason == "diverged"
        if (
            last is None
            or last is best
            or diverged
            or not is_clear_rise(last.judged_loss - best.judged_loss, best.judged_loss)
        ):
            return ""
        if last.train_loss < best.train_loss:
            return f"; after step {best.step:,} it overfitted"
        return f"; after step {best.step:,} its training became unstable"


def _reached(best: Evaluation, baseline: Baseline | None) -> str:
    """What predicts with best.pt, beside counting of the same way, static or adaptive; then the network alone."""
    name = judged_name(best)
    mixed = {mixture.name: mixture for mixture in mixtures(best)}
    bar = None if baseline is None else baseline.bar(name)
    bits, loss = best.judged_bits_per_byte, best.judged_loss
    digits = 2 if bar is None else _digits(bits, loss, bar.bits_per_byte, bar.loss)
    value, beside_bar = _bits(bits, loss, digits), _beside_bar(loss, bar, digits)
    if name in mixed:
        alone = f"; alone it reaches {_number(best.bits_per_byte, best.val_loss)}"
        return f"{WITH[name]}, the network reaches {value}, {beside_bar}{alone}"
    words = f"the network {'alone ' * bool(mixed)}reaches {value}, {beside_bar}"
    each = [f"; {WITH[n]} it would reach {_number(bits, loss)}" for n, loss, bits in mixed.values()]
    return words + "".join(each)


def _beside_bar(loss: float, bar: Bar | None, digits: int) -> str:
    """A loss beside a bar: `below counting alone (a 7-gram model, 1.62)`."""
    if bar is None:
        return "and what counting alone reaches was not measured"
    number = _number(bar.bits_per_byte, bar.loss, digits)
    return {
        "better": f"below counting alone ({bar.model}, {number})",
        "as good": f"no better than counting alone ({bar.model}, {number})",
        "worse": f"above counting alone ({bar.model}, {number}), which predicts better",
    }[standing(loss, bar.loss)]


def _digits(bits: float | None, loss: float, other_bits: float | None, other: float) -> int:
    """How many decimals tell two losses apart, 2 to 4: where one is called better, the numbers must show it."""
    if standing(loss, other) == "as good":
        return 2
    return next((n for n in (2, 3) if _number(bits, loss, n) != _number(other_bits, other, n)), 4)


def _number(bits: float | None, loss: float, digits: int = 2) -> str:
    """Bits per byte; nats per token, with their unit, where an old log lacks the bytes."""
    known = bits is not None and math.isfinite(bits)
    return f"{bits:.{digits}f}" if known else f"{loss:.{digits}f} nats per token"


def _bits(bits: float | None, loss: float, digits: int = 2) -> str:
    return f"{_number(bits, loss, digits)}{' bits per byte' * (bits is not None and math.isfinite(bits))}"
