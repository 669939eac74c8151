"""The counting model that the rest of slmtui uses: fitted on a training text, frozen or learning on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.data.context_mixing.kernels import COUNTING, FROZEN, LEARNING, Place, distribution, exchange, read
from slmtui.data.context_mixing.tables import (
    CHANGES,
    CONTEXTS,
    GROWING,
    LENGTH,
    MATCHES,
    NETWORK,
    Tables,
    new_scratch,
    new_tables,
    no_changes,
)
from slmtui.data.context_mixing.vocabulary import ByteTree, byte_tree

TWO_PASSES = 1_000_000  # bytes; a shorter text is read twice, so that its counts are weighed well from its beginning
# The weight that a network begins with, and what it takes from those of the counts: it pays to trust it more where the
# counts do not learn on (docs/log.md).
ADAPTIVE_SHARE, STATIC_SHARE = 0.25, 0.5
ROOM = 1 << 16  # bytes that the text's array grows by

FloatArray = NDArray[np.float64]


class ContextMixer:
    """Predicts tokens from the counts of their bytes in many contexts, and a network's probabilities where given.

    It reads one text, which goes on: the training text first. Where it is said to learn, each token changes what it
    predicts of those after it, and of none before.
    """

    def __init__(self, tree: ByteTree, tables: Tables) -> None:
        self._tree, self._tables = tree, tables
        self._scratch = new_scratch()
        self._lock = RLock()  # of branches, which take turns
        self._shares: dict[float, NDArray[np.float32]] = {}  # the weights with a network's share
        self._inside: Branch | None = None  # the branch whose changes are in the tables
        self._place = Place(
            tables.registers.copy(), tables.words.copy(), tables.match_length.copy(), tables.match_place.copy()
        )

    @classmethod
    def fit(cls, vocabulary: Sequence[bytes], tokens: ArrayLike) -> ContextMixer:
        """vocabulary: the bytes of each id; b"" for the end of a document. tokens: the training text, (n,) ids."""
        text = np.asarray(tokens, np.int64)
        tree = byte_tree(vocabulary)
        n_bytes = _n_bytes(tree, text)
        mixer = cls(tree, new_tables(n_bytes))
        mixer._read(text, LEARNING)
        if n_bytes <= TWO_PASSES:  # what was learned of the counts' worth is kept; they begin anew
            fresh = new_tables(n_bytes)._asdict()
            mixer = cls(tree, mixer._tables._replace(**{name: fresh[name] for name in GROWING}))
            mixer._read(text, LEARNING)
        return mixer

    def copy(self) -> ContextMixer:
        """A mixer that may read on by itself."""
        self._settle()
        return ContextMixer(self._tree, Tables._make(array.copy() for array in self._tables))

    def losses(self, tokens: ArrayLike, network: Iterable[FloatArray] = (), *, adaptive: bool) -> FloatArray:
        """Read on; the loss of each of (n,) tokens in nats, (n,).

        network: the network's probabilities of each of them, (n, V) in all, in pieces of rows; none: it takes no part.
        """
        text = np.asarray(tokens, np.int64)
        mode = LEARNING if adaptive else FROZEN
        done, parts = 0, []
        for rows in network:
            parts.append(self._read(text[done : done + len(rows)], mode, rows))
            done += len(rows)
        if done and done != len(text):
            raise ValueError(f"a network's probabilities of {done} tokens do not fit a text of {len(text)}")
        return np.concatenate(parts) if done else self._read(text, mode)

    def branch(self, tokens: ArrayLike, *, adaptive: bool = True) -> Branch:
        """The text goes on with (n,) given tokens for one completion, which learns from them if adaptive.

        Here nothing changes, and must not until the branch is no longer needed.
        """
        return Branch(self, np.asarray(tokens, np.int64), adaptive)

    def read(self, tokens: ArrayLike, *, adaptive: bool) -> None:
        """Read on in (n,) tokens that were given, not asked for."""
        self._read(np.asarray(tokens, np.int64), COUNTING if adaptive else FROZEN)

    def distribution(self, network: FloatArray | None = None, *, adaptive: bool = True) -> FloatArray:
        """The probabilities of the next token, (V,), with the network's, (V,), if it takes part."""
        self._settle()
        self._reserve(self._tree.token_bytes.shape[1])
        return self._distribution(self._tables if network is None else self._with_network(adaptive), network)

    def _distribution(self, tables: Tables, network: FloatArray | None) -> FloatArray:
        sums = np.zeros(0) if network is None else self._sums(network[None])[0]
        by_rank = np.empty(len(self._tree.ids))
        distribution(tables, self._scratch, self._tree, sums, self._place, by_rank)
        return by_rank[self._tree.ranks]

    def state(self) -> dict[str, NDArray[Any]]:
        """What `from_state` needs beside the training text: what its counts are worth."""
        return {name: array for name, array in self._tables._asdict().items() if name not in GROWING + CHANGES}

    @classmethod
    def from_state(
        cls, vocabulary: Sequence[bytes], tokens: ArrayLike, state: Mapping[str, NDArray[Any]]
    ) -> ContextMixer:
        """The mixer that was fitted on these tokens and returned this `state()`. Its counts are counted again."""
        text, tree = np.asarray(tokens, np.int64), byte_tree(vocabulary)
        mixer = cls(
            tree, new_tables(_n_bytes(tree, text))._replace(**{name: array.copy() for name, array in state.items()})
        )
        mixer._read(text, COUNTING)
        return mixer

    def _read(self, text: NDArray[np.int64], mode: int, network: FloatArray | None = None) -> FloatArray:
        self._settle()
        if mode == LEARNING:
            self._shares.clear()
        self._reserve(_n_bytes(self._tree, text))
        losses = np.zeros(len(text))
        sums = np.zeros((0, 0)) if network is None else self._sums(network)
        tables = self._tables if network is None else self._with_network(mode == LEARNING, learn=mode == LEARNING)
        read(tables, self._scratch, self._tree, text, sums, mode, losses)
        return losses

    def _with_network(self, adaptive: bool, *, learn: bool = False) -> Tables:
        """The tables with a share for the network. What learns on learns that share, too, from the first time on."""
        weights = self._tables.weights
        if weights[:, NETWORK].any():
            return self._tables
        share = ADAPTIVE_SHARE if adaptive else STATIC_SHARE
        if share not in self._shares:
            shared = weights * np.float32(1 - share)
            shared[:, NETWORK] = share
            self._shares[share] = shared
        tables = self._tables._replace(weights=self._shares[share])
        if learn:
            del self._shares[share]
            self._tables = tables
        return tables

    def _sums(self, network: FloatArray) -> FloatArray:
        """(n, V) by id -> (n, V + 1): sums by rank."""
        sums = np.zeros((len(network), network.shape[1] + 1))
        np.cumsum(network[:, self._tree.ids], axis=1, out=sums[:, 1:])
        return sums

    def _settle(self) -> None:
        """Have the tables as they are without any branch."""
        if self._inside is not None:
            self._inside.leave()
            self._inside = None

    def _reserve(self, n_bytes: int, length: int | None = None) -> None:
        """Room in the text's array for more bytes after those that are there, or after `length`."""
        text = self._tables.text
        needed = (int(self._tables.registers[LENGTH]) if length is None else length) + n_bytes
        if needed > len(text):
            longer = np.zeros(needed + ROOM, np.uint8)
            longer[: len(text)] = text
            self._tables = self._tables._replace(text=longer)


class Branch:
    """A text that goes on by itself, token by token, with its mixer's counts and what it changed of them.

    Branches of one mixer share its tables: one at a time has its changes in them. It is quick to go on with the same.
    """

    def __init__(self, mixer: ContextMixer, tokens: NDArray[np.int64], adaptive: bool) -> None:
        self._mixer, self._adaptive = mixer, adaptive
        n_bytes = _n_bytes(mixer._tree, tokens)
        with mixer._lock:
            mixer._settle()
            shared = mixer._tables
            self._begin = int(shared.registers[LENGTH])
            self._text = shared.text[self._begin : self._begin]
            own = {name: getattr(shared, name).copy() for name in ("registers", "words", "match_length", "match_place")}
            # Each byte has two halves, and the token may end before each byte and after the last.
            room = ((3 * n_bytes + len(tokens)) * CONTEXTS, n_bytes * MATCHES) if adaptive else (0, 0)
            self._own = own | no_changes(*room)
            mixer._inside = self
            self._read(tokens, COUNTING if adaptive else FROZEN)

    def distribution(self, network: FloatArray | None = None) -> FloatArray:
        """The probabilities of the next token, (V,), with the network's, (V,), if it takes part."""
        mixer = self._mixer
        with mixer._lock:
            self._enter()
            mixer._reserve(mixer._tree.token_bytes.shape[1], self._length)
            tables = mixer._tables if network is None else mixer._with_network(self._adaptive)
            return mixer._distribution(tables._replace(**self._own), network)

    @property
    def matched(self) -> int:
        """How many bytes before the next one stand, just so, earlier in the text; 0 where they are too few to tell."""
        return int(self._own["match_length"].max())

    def append(self, token: int) -> float:
        """The token that was drawn; nothing is learned from it. Its loss by the counts alone, in nats."""
        with self._mixer._lock:
            self._enter()
            return float(self._read(np.array([token], np.int64), FROZEN)[0])

    @property
    def _length(self) -> int:
        return int(self._own["registers"][LENGTH])

    def _read(self, tokens: NDArray[np.int64], mode: int) -> FloatArray:
        mixer, losses = self._mixer, np.zeros(len(tokens))
        mixer._reserve(_n_bytes(mixer._tree, tokens), self._length)
        tables = mixer._tables._replace(**self._own)
        read(tables, mixer._scratch, mixer._tree, tokens, np.zeros((0, 0)), mode, losses)
        return losses

    def _enter(self) -> None:
        mixer = self._mixer
        if mixer._inside is self:
            return
        mixer._settle()
        mixer._reserve(len(self._text), self._begin)
        mixer._tables.text[self._begin : self._begin + len(self._text)] = self._text
        exchange(mixer._tables._replace(**self._own), True)
        mixer._inside = self

    def leave(self) -> None:
        """Take the changes out of the mixer's tables."""
        tables = self._mixer._tables
        exchange(tables._replace(**self._own), False)
        self._text = tables.text[self._begin : self._length].copy()


def _n_bytes(tree: ByteTree, text: NDArray[np.int64]) -> int:
    return int(np.maximum(tree.lengths[tree.ranks[text]], 1).sum())
