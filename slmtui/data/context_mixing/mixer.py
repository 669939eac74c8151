"""The counting model that the rest of slmtui uses: fitted on a training text, frozen or learning on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slmtui.data.context_mixing.branch import Branch
from slmtui.data.context_mixing.kernels import (
    COUNTING,
    FROZEN,
    LEARNING,
    VERSION,
    WEIGHING,
    Place,
    distribution,
    read,
)
from slmtui.data.context_mixing.static import (
    FIRST_SHARES,
    CountedText,
    Shares,
    Static,
    Tokens,
    averaged,
    first_mixing,
    last_of,
    network_share,
    parts_of,
    shares_of,
    sureness_of,
    with_end,
)
from slmtui.data.context_mixing.successors import with_successors
from slmtui.data.context_mixing.tables import (
    CHANGES,
    GROWING,
    LENGTH,
    MIXING,
    NETWORK,
    STANDING,
    Tables,
    empty_buckets,
    new_scratch,
    new_tables,
)
from slmtui.data.context_mixing.vocabulary import ByteTree, byte_tree, n_bytes_of
from slmtui.data.ngram_baseline import fit_ngram

TWO_PASSES = 1_000_000  # bytes; a shorter text is read twice, so that its counts are weighed well from its beginning
# The weight that a network begins with beside counts that stay as they are, of mixers without `Static`, which mix with
# weights that were learned while counts learned on.
SHARE_WITHOUT_STATIC = 0.5
LEAST = 1e-12  # probability of a token by a network
STATIC = "static_"  # before the names of what `Static` mixes with, in a state
ROOM = 1 << 16  # bytes that the text's array grows by
KNOWS_SUCCESSORS = 3  # the version since which a mixer does, and gives a network a share by the size of the text

FloatArray = NDArray[np.float64]


class ContextMixer:
    """Predicts tokens from the counts of their bytes in many contexts, and a network's probabilities where given.

    It reads one text, which goes on: the training text first. Where it is said to learn, each token changes what it
    predicts of those after it, and of none before.
    """

    def __init__(
        self, tree: ByteTree, tables: Tables, shares: Shares, static: Static | None = None, version: int = VERSION
    ) -> None:
        self._tree, self._tables, self._static = tree, tables, static
        self.shares, self.version = shares, version
        self._end = np.zeros(0, np.int64)  # the last tokens, as many as an n-gram model may know
        self._scratch = new_scratch()
        self._lock = RLock()  # of branches, which take turns
        self._shared: dict[float, NDArray[np.float32]] = {}  # the weights with a network's share
        self._inside: Branch | None = None  # the branch whose changes are in the tables
        self._place = Place(
            tables.registers.copy(), tables.words.copy(), tables.match_length.copy(), tables.match_place.copy()
        )

    @classmethod
    def fit(
        cls, vocabulary: Sequence[bytes], tokens: ArrayLike, *, static: bool = True, bpe: bool = False
    ) -> ContextMixer:
        """vocabulary: the bytes of each id; b"" for the end of a document. tokens: the training text, (n,) ids.

        static: whether it is to predict without learning, too, which costs half as much again. bpe: whether the tokens
        are those of a byte-pair encoding, with ids in the order of its merges.
        """
        text = np.asarray(tokens, np.int64)
        tree = byte_tree(vocabulary)
        if bpe:
            tree = with_successors(tree, text)
        n_bytes = n_bytes_of(tree, text)
        shares = shares_of(n_bytes)
        mixer = cls(tree, new_tables(n_bytes), shares)
        if n_bytes <= TWO_PASSES:  # what was learned of the counts' worth is kept; they begin anew
            mixer._read(text, LEARNING)
            fresh = new_tables(n_bytes)._asdict()
            mixer = cls(tree, mixer._tables._replace(**{name: fresh[name] for name in GROWING}), shares)
        if not static or len(text) < 2:  # an n-gram model needs two
            mixer._read(text, LEARNING)
        else:
            mixer._static = mixer._learn(text, n_bytes)
        return mixer

    def _learn(self, text: Tokens, n_bytes: int) -> Static:
        """Read the training text; and what each part of it taught before it was counted."""
        ngram = fit_ngram(text, len(self._tree.ids))
        mixing = None
        for part in parts_of(text, n_bytes, ngram):
            if part.ngram is not None:
                mixing = mixing or first_mixing(self._tables)
                own: dict[str, Any] = {name: getattr(self._tables, name).copy() for name in STANDING}
                tables = self._tables._replace(**own, **mixing, rate=np.array([part.rate]))
                self._read_static(Static(mixing, part.ngram), tables, self._end, part.weighed, WEIGHING)
            self._read(part.tokens, LEARNING)
        return Static(mixing or first_mixing(self._tables), ngram)

    def copy(self) -> ContextMixer:
        """A mixer that may read on by itself."""
        self._settle()
        return self._with(Tables._make(array.copy() for array in self._tables))

    def _with(self, tables: Tables) -> ContextMixer:
        mixer = ContextMixer(self._tree, tables, self.shares, self._static, self.version)
        mixer._end = self._end
        return mixer

    def beside(self) -> ContextMixer:
        """A mixer whose branches may go on at the same time as those of this one, in another thread.

        It has what a branch changes for itself, and shares what counts are worth.
        """
        with self._lock:
            self._settle()
            tables = self._tables._asdict()
            own = {name: tables[name].copy() for name in GROWING if name != "buckets"}
            own["buckets"] = empty_buckets(len(tables["buckets"]))
            own["buckets"][:] = tables["buckets"]
            return self._with(self._tables._replace(**own))

    @property
    def size(self) -> int:
        """Bytes that `beside` takes."""
        return sum(getattr(self._tables, name).nbytes for name in GROWING)

    def losses(self, tokens: ArrayLike, network: Iterable[FloatArray] = (), *, adaptive: bool) -> FloatArray:
        """Read on; the loss of each of (n,) tokens in nats, (n,).

        network: the network's probabilities of each of them, (n, V) in all, in pieces of rows; none: it takes no part.
        """
        text = np.asarray(tokens, np.int64)
        done, parts = 0, []
        for rows in network:
            parts.append(self._losses(text[done : done + len(rows)], rows, adaptive=adaptive))
            done += len(rows)
        if done and done != len(text):
            raise ValueError(f"a network's probabilities of {done} tokens do not fit a text of {len(text)}")
        return np.concatenate(parts) if done else self._losses(text, None, adaptive=adaptive)

    def _losses(self, text: Tokens, network: FloatArray | None, *, adaptive: bool) -> FloatArray:
        if adaptive or self._static is None:
            return self._read(text, LEARNING if adaptive else FROZEN, network)
        self._settle()
        self._reserve(n_bytes_of(self._tree, text))
        counted = self._read_static(self._static, self._mixing(False, False), self._end, text, FROZEN)
        self._end = with_end(self._end, text)
        if network is None:
            return counted.losses
        of_tokens = np.maximum(network[np.arange(len(text)), text], LEAST)
        return counted.with_network(-np.log(of_tokens), sureness_of(network), self.shares.static)

    def counted(self, tokens: ArrayLike) -> CountedText:
        """What counts as they are say of (n,) tokens, if they were next; ValueError from a mixer without `Static`."""
        if self._static is None:
            raise ValueError("this mixer has not learned to predict without learning")
        text = np.asarray(tokens, np.int64)
        with self._lock:
            self._settle()
            self._reserve(n_bytes_of(self._tree, text))
            own: dict[str, Any] = {name: getattr(self._tables, name).copy() for name in STANDING}
            tables = self._mixing(False, False)._replace(**own)
            return self._read_static(self._static, tables, self._end, text, FROZEN)

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
        return self._distribution(self._end, network, adaptive, {})

    def _distribution(
        self, end: Tokens, network: FloatArray | None, adaptive: bool, own: Mapping[str, Any]
    ) -> FloatArray:
        """The same after a text that ends so, and has its `own` place in the tables."""
        before = last_of(end)
        static = None if adaptive else self._static
        ngram = None if static is None else next(static.rows(end, np.zeros(1, np.int64)))
        row = network if ngram is None else ngram[0]
        sums = np.zeros(0) if row is None else self._sums(row[None], np.array([before]))[0]
        tables = self._mixing(row is not None, adaptive)._replace(**own)
        by_rank = np.empty(len(self._tree.ids))
        distribution(tables, self._scratch, self._tree, before, sums, self._place, by_rank)
        counted = by_rank[self._tree.ranks]
        if ngram is None or network is None:
            return counted
        share = network_share(sureness_of(ngram), sureness_of(network[None]), self.shares.static)
        return averaged(counted, network, share)

    def state(self) -> dict[str, NDArray[Any]]:
        """What `from_state` needs beside the training text: what its counts are worth."""
        state = {name: array for name, array in self._tables._asdict().items() if name not in GROWING + CHANGES}
        if self._static is not None:
            state |= {STATIC + name: array for name, array in self._static.mixing.items()}
        return state

    @classmethod
    def from_state(
        cls, vocabulary: Sequence[bytes], tokens: ArrayLike, state: Mapping[str, NDArray[Any]], *, bpe: bool = False,
        version: int = VERSION,
    ) -> ContextMixer:  # fmt: skip
        """The mixer of this version that was fitted on these tokens and returned this `state()`.

        Its counts are counted again.
        """
        text, tree = np.asarray(tokens, np.int64), byte_tree(vocabulary)
        n_bytes, is_old = n_bytes_of(tree, text), version < KNOWS_SUCCESSORS
        if bpe and not is_old:
            tree = with_successors(tree, text)
        arrays = {name: array.copy() for name, array in state.items()}
        mixing = {name: arrays.pop(STATIC + name) for name in MIXING if STATIC + name in arrays}
        static = Static(mixing, fit_ngram(text, len(tree.ids))) if mixing else None
        shares = FIRST_SHARES if is_old else shares_of(n_bytes)
        mixer = cls(tree, new_tables(n_bytes)._replace(**arrays), shares, static, version)
        mixer._read(text, COUNTING)
        return mixer

    def _read(self, text: Tokens, mode: int, network: FloatArray | None = None) -> FloatArray:
        self._settle()
        if mode == LEARNING:
            self._shared.clear()
        self._reserve(n_bytes_of(self._tree, text))
        losses, before = np.zeros(len(text)), last_of(self._end)
        sums = np.zeros((0, 0)) if network is None else self._sums(network, _before_each(text, before))
        tables = self._mixing(network is not None, mode == LEARNING, learn=mode == LEARNING)
        read(tables, self._scratch, self._tree, text, before, sums, mode, losses)
        self._end = with_end(self._end, text)
        return losses

    def _read_static(self, static: Static, tables: Tables, end: Tokens, text: Tokens, mode: int) -> CountedText:
        """Read a text after one that ends so, beside what the n-gram model says."""
        counted, done = CountedText(np.zeros(len(text)), np.zeros(len(text))), 0
        before = _before_each(text, last_of(end))
        for rows in static.rows(end, text):
            piece = slice(done, done + len(rows))
            sums, losses = self._sums(rows, before[piece]), counted.losses[piece]
            read(tables, self._scratch, self._tree, text[piece], int(before[done]), sums, mode, losses)
            counted.sureness[piece] = sureness_of(rows)
            done += len(rows)
        return counted

    def _mixing(self, network: bool, adaptive: bool, *, learn: bool = False) -> Tables:
        """The tables as they mix; with a share for the network, if it takes part in that.

        What learns on learns that share, too, from the first time on.
        """
        if not adaptive and self._static is not None:
            return self._tables._replace(**self._static.mixing)
        weights = self._tables.weights
        if not network or weights[:, NETWORK].any():
            return self._tables
        share = self.shares.adaptive if adaptive else SHARE_WITHOUT_STATIC
        if share not in self._shared:
            shared = weights * np.float32(1 - share)
            shared[:, NETWORK] = share
            self._shared[share] = shared
        tables = self._tables._replace(weights=self._shared[share])
        if learn:
            del self._shared[share]
            self._tables = tables
        return tables

    def _sums(self, network: FloatArray, before: Tokens) -> FloatArray:
        """(n, V) by id -> (n, V + 1): sums by rank, of what may follow the tokens before, (n,)."""
        sums = np.zeros((len(network), network.shape[1] + 1))
        by_rank = network[:, self._tree.ids]
        if len(self._tree.successors):
            by_rank[~self._tree.may_follow(before)] = 0.0
        np.cumsum(by_rank, axis=1, out=sums[:, 1:])
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


def _before_each(text: Tokens, before: int) -> Tokens:
    """The token before each of a text, (n,), of which `before` is the one before all."""
    return np.concatenate([[before], text[:-1]])[: len(text)].astype(np.int64)
