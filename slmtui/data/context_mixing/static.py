"""What predicts while the counts stay those of the training text: a way to mix of its own, and an n-gram model.

What is learned while counts learn on trusts long contexts, since a text repeats what it said last. Here the training
text is read in parts, each as a text that is not counted yet. The rates fall, for what then stays as it is is only as
good as its last steps. An n-gram model of tokens, which knows contexts that the bytes do not reach, is one more input.

What a network says of a text that it has learned from cannot teach how far to trust it. So its probabilities and those
of the counts are averaged, each with a weight in proportion to how sure it is: the probability that a token drawn from
it would be drawn from it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmtui.data.context_mixing.tables import LAST_WEIGHING_RATE, MIXING, NETWORK, WEIGHING_RATE, Tables
from slmtui.data.context_mixing.vocabulary import NOT_KNOWN
from slmtui.data.ngram import HIGHEST_ORDER, KneserNey
from slmtui.data.ngram_baseline import TOKEN_LIMIT, stretches

PARTS = 10  # of the training text; the first is counted before anything is weighed
MOST_WEIGHED = 300_000  # bytes of all parts together
FIRST_SHARE = 0.35  # the weight that the n-gram model begins with, and what it takes from those of the counts
REACH = HIGHEST_ORDER - 1  # tokens before the next one that the n-gram model may know
VALUES_AT_ONCE = 1 << 18  # of distributions, which bounds the memory

Tokens = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class Shares(NamedTuple):
    """What a network's probabilities weigh beside the counts': the larger the text, the more.

    static: in the average, for a network that is as sure as the n-gram model, which stands for the counts. adaptive:
    the weight that it begins with as an input of the mixer, and what it takes from those of the counts.
    """

    static: float
    adaptive: float


FIRST_SHARES = Shares(0.2, 0.25)  # for all sizes, in mixers of version 2


def shares_of(n_bytes: int) -> Shares:
    """Of a training text of so many bytes. Measured on texts of 2 KB to 4.5 MB (docs/log.md)."""
    tenfold, from_100_kb = (max(0.0, math.log10(max(1, n_bytes) / size)) for size in (5e3, 1e5))
    return Shares(min(0.2 + 0.12 * tenfold, 0.6), min(0.25 + 0.15 * from_100_kb, 0.4))


@dataclass(frozen=True)
class Static:
    mixing: dict[str, Any]  # what takes the place of these tables
    ngram: KneserNey

    def rows(self, before: Tokens, tokens: Tokens) -> Iterator[FloatArray]:
        """The n-gram model's probabilities of each token of a text, (n, V) in all, in pieces of rows.

        before: the end of the text before it, (m,), any m.
        """
        text, done = np.concatenate([before, tokens]), len(before)
        step = max(1, VALUES_AT_ONCE // self.ngram.n_vocab)
        for begin in range(0, len(tokens), step):
            places = range(done + begin, done + min(begin + step, len(tokens)))
            yield self.ngram.distributions([text[max(0, place - REACH) : place] for place in places])


class CountedText(NamedTuple):
    """What counts alone say of a text."""

    losses: FloatArray  # (n,), of its tokens, in nats
    sureness: FloatArray  # (n,), of the n-gram model before each

    def after(self, n: int) -> CountedText:
        """Without the first n tokens."""
        return CountedText(self.losses[n:], self.sureness[n:])

    def with_network(self, losses: FloatArray, sureness: FloatArray, share: float) -> FloatArray:
        """The losses, (n,), of counts and network together. share: `Shares.static`."""
        shares = network_share(self.sureness, sureness, share)
        together: FloatArray = -np.log(averaged(np.exp(-self.losses), np.exp(-losses), shares))
        return together


def sureness_of(rows: FloatArray) -> FloatArray:
    """Of distributions, (n, V) -> (n,)."""
    sureness: FloatArray = np.einsum("nv,nv->n", rows, rows)
    return sureness


def network_share(ngram: FloatArray, network: FloatArray, share: float) -> FloatArray:
    """What the network weighs beside counts, 0 to 1, from how sure the n-gram model and it are."""
    return share * network / (share * network + (1 - share) * ngram)


def averaged(counted: FloatArray, network: FloatArray, share: FloatArray) -> FloatArray:
    return (1 - share) * counted + share * network


@dataclass(frozen=True)
class Part:
    """A part of the training text: to be weighed first, then to be counted."""

    tokens: Tokens
    weighed: Tokens  # the first of them
    ngram: KneserNey | None  # of the parts before it
    rate: float


def parts_of(text: Tokens, n_bytes: int, ngram: KneserNey) -> Iterator[Part]:
    """ngram: that of the whole text."""
    edges = np.linspace(0, len(text), PARTS + 1).astype(np.int64).tolist()
    share = min(1.0, MOST_WEIGHED / max(1, n_bytes))
    for k, (begin, end) in enumerate(pairwise(edges)):
        before = None
        if begin:
            before = KneserNey.fit(stretches(text[:begin], TOKEN_LIMIT), ngram.n_vocab, ngram.order)
        rate = WEIGHING_RATE * (LAST_WEIGHING_RATE / WEIGHING_RATE) ** ((k - 0.5) / (PARTS - 1))
        yield Part(text[begin:end], text[begin : begin + int((end - begin) * share)], before, rate)


def first_mixing(tables: Tables) -> dict[str, Any]:
    """What mixes where counts learn on, with a share for the n-gram model."""
    mixing = {name: getattr(tables, name).copy() for name in MIXING}
    mixing["weights"] *= np.float32(1 - FIRST_SHARE)
    mixing["weights"][:, NETWORK] = FIRST_SHARE
    return mixing


def with_end(before: Tokens, tokens: Tokens) -> Tokens:
    """The last tokens of a text that goes on, as many as an n-gram model may know."""
    return np.concatenate([before, tokens[-REACH:]])[-REACH:]


def last_of(end: Tokens) -> int:
    """The last token of a text that ends so, (m,)."""
    return int(end[-1]) if len(end) else NOT_KNOWN
