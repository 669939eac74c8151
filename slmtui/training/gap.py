"""The gap between validation and training loss, the house scale that classifies it, and two losses on one text.

The gap, val − train, is signed and in nats per token. It is meaningful only if the model has learned something, since
one that has not predicts no text better than any other, and only on more than a handful of tokens. A small one is
praised only in a network that counting does not beat, since one that has learned little has a small gap, too. The scale
uses the absolute value, because a large negative gap is as suspicious as a large positive one: it means that the two
sides of the split differ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from slmtui.data.baseline import Bar, Baseline
from slmtui.training.events import Evaluation, RunStarted, mixtures
from slmtui.training.uniform import has_learned

SCALE: tuple[tuple[float, str], ...] = ((0.5, "excellent"), (1.0, "good"), (3.0, "moderate"), (5.0, "severe"))
HANDFUL = 64  # validation tokens: with fewer, the loss is known to ± 1 nat at best, and no word rests on it
LEAST_RISE, RISE = 0.05, 0.02  # nats, and a share of the best: by how much val must have risen after its best
ALIKE = 0.01  # nats: two losses on one text that differ by less are a tie
Standing = Literal["better", "as good", "worse"]
WORST = "catastrophic"
PRAISE = ("excellent", "good")
LIMITS = tuple(limit for limit, _ in SCALE)
WORDS = (*(word for _, word in SCALE), WORST)


def class_of(gap: float) -> int:
    """The number of limits of the scale that a gap has reached: from 0, excellent, to 4, catastrophic."""
    return sum(not abs(gap) < limit for limit in LIMITS)


def verdict(gap: float) -> str:
    """The class of a gap on the house scale: excellent below 0.5, good below 1, and so on."""
    return WORDS[class_of(gap)]


def verdict_of(gap: float, val_loss: float, step: int, *, n_vocab: int, val_tokens: int) -> str:
    """The class of a model's gap; "" if that means nothing: it has learned nothing, or the tokens are a handful."""
    return verdict(gap) if val_tokens >= HANDFUL and has_learned(val_loss, n_vocab, step) else ""


def with_class(event: Evaluation, started: RunStarted) -> Evaluation:
    """The evaluation with the class that its gap deserves, now that it is known what counting reaches.

    A network that has learned less than a table of counts is not praised for a small gap: it has no class then.
    """
    steps = event.step + (started.parent is not None)  # its parent's count as one
    sizes = {"n_vocab": started.data.n_vocab, "val_tokens": started.data.val_tokens}
    word = verdict_of(event.gap, event.val_loss, steps, **sizes)
    beaten = word in PRAISE and above_baseline(event.val_loss, started.data.baseline)
    return replace(event, verdict="" if beaten else word)


def in_words(gap: float, word: str) -> str:
    """The gap and its class, as in "+0.31 excellent"; only the number if there is no class."""
    return f"{gap:+.2f} {word}".rstrip()


def above_baseline(val_loss: float, baseline: Baseline | None) -> bool:
    """Whether counting beats the network alone, both static: then even a small gap is nothing to praise."""
    return baseline is not None and standing(val_loss, baseline.static.loss) == "worse"


def is_clear_rise(rise: float, best: float) -> bool:
    """Whether a loss is so much above the best, in nats per token, that the run was overfitting."""
    return not rise < max(LEAST_RISE, RISE * best)


class AgainstCounting(NamedTuple):
    """A mixture's loss, and that of the best counting of the same way, static or adaptive. Nats per token."""

    name: str  # "mixed", "static" or "adaptive"
    loss: float
    bar: Bar


def mixtures_against(best: Evaluation, baseline: Baseline) -> list[AgainstCounting]:
    """Each mixture of an evaluation beside its bar; one whose bar was not measured is left out."""
    found = [(name, loss, baseline.bar(name)) for name, loss, _ in mixtures(best)]
    return [AgainstCounting(name, loss, bar) for name, loss, bar in found if bar is not None]


def standing(loss: float, other: float) -> Standing:
    """How a loss stands beside another on the same text, in nats per token."""
    difference = loss - other
    return "worse" if difference >= ALIKE else "better" if difference <= -ALIKE else "as good"


def compared(loss: float, other: float, than: str = "") -> str:
    """The same with the number: "0.12 nats better", "as good", or "0.12 nats worse", than what `than` names."""
    word = standing(loss, other)
    return beside(word if word == "as good" else f"{abs(loss - other):.2f} nats {word}", than)


def beside(words: str, than: str) -> str:
    """Words such as "better" or "as good", and what they are compared with; nothing is added for an empty one."""
    return f"{words} {'as' if words == 'as good' else 'than'} {than}" if than else words
