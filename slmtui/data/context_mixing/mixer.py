"""The counting model that the rest of slmtui uses: fitted on a training text, frozen or learning on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.data.context_mixing.kernels import COUNTING, FROZEN, LEARNING, Place, distribution, read
from slmtui.data.context_mixing.tables import GROWING, NETWORK, Tables, new_scratch, new_tables
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

    def branch(self, tokens: ArrayLike) -> Branch:
        """The text goes on with (n,) given tokens, which are learned from, for one completion; here nothing changes."""
        mixer = self.copy()
        mixer.read(tokens, adaptive=True)
        return Branch(mixer)

    def read(self, tokens: ArrayLike, *, adaptive: bool) -> None:
        """Read on in (n,) tokens that were given, not asked for."""
        self._read(np.asarray(tokens, np.int64), COUNTING if adaptive else FROZEN)

    def distribution(self, network: FloatArray | None = None, *, adaptive: bool = True) -> FloatArray:
        """The probabilities of the next token, (V,), with the network's, (V,), if it takes part."""
        sums = np.zeros(0) if network is None else self._sums(network[None])[0]
        by_rank = np.empty(len(self._tree.ids))
        self._reserve(self._tree.token_bytes.shape[1])
        tables = self._tables if network is None else self._with_network(adaptive)
        distribution(tables, self._scratch, self._tree, sums, self._place, by_rank)
        return by_rank[self._tree.ranks]

    def state(self) -> dict[str, NDArray[Any]]:
        """What `from_state` needs beside the training text: what its counts are worth."""
        return {name: array for name, array in self._tables._asdict().items() if name not in GROWING}

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
        self._reserve(_n_bytes(self._tree, text))
        losses = np.zeros(len(text))
        sums = np.zeros((0, 0)) if network is None else self._sums(network)
        tables = self._tables if network is None else self._with_network(mode == LEARNING)
        read(tables, self._scratch, self._tree, text, sums, mode, losses)
        return losses

    def _with_network(self, adaptive: bool) -> Tables:
        """The tables with a share for the network. What learns on learns that share, too, from the first time on."""
        weights = self._tables.weights
        if adaptive and weights[:, NETWORK].any():
            return self._tables
        share = ADAPTIVE_SHARE if adaptive else STATIC_SHARE
        weights = weights * np.float32(1 - share)
        weights[:, NETWORK] = share
        tables = self._tables._replace(weights=weights)
        if adaptive:
            self._tables = tables
        return tables

    def _sums(self, network: FloatArray) -> FloatArray:
        """(n, V) by id -> (n, V + 1): sums by rank."""
        sums = np.zeros((len(network), network.shape[1] + 1))
        np.cumsum(network[:, self._tree.ids], axis=1, out=sums[:, 1:])
        return sums

    def _reserve(self, n_bytes: int) -> None:
        text, needed = self._tables.text, int(self._tables.registers[-1]) + n_bytes
        if needed > len(text):
            longer = np.zeros(needed + ROOM, np.uint8)
            longer[: len(text)] = text
            self._tables = self._tables._replace(text=longer)


class Branch:
    """A text that goes on by itself, token by token."""

    def __init__(self, mixer: ContextMixer) -> None:
        self._mixer = mixer

    def distribution(self, network: FloatArray | None = None) -> FloatArray:
        """The probabilities of the next token, (V,), with the network's, (V,), if it takes part."""
        return self._mixer.distribution(network)

    def append(self, token: int) -> None:
        """The token that was drawn; nothing is learned from it."""
        self._mixer.read([token], adaptive=False)


def _n_bytes(tree: ByteTree, text: NDArray[np.int64]) -> int:
    return int(np.maximum(tree.lengths[tree.ranks[text]], 1).sum())
