"""A text that goes on by itself, token by token, with a mixer's counts and what it changed of them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slmtui.data.context_mixing.kernels import COUNTING, FROZEN, exchange, read
from slmtui.data.context_mixing.static import Tokens, last_of, with_end
from slmtui.data.context_mixing.tables import CONTEXTS, LENGTH, MATCHES, STANDING, Tables, no_changes
from slmtui.data.context_mixing.vocabulary import n_bytes_of

if TYPE_CHECKING:
    from slmtui.data.context_mixing.mixer import ContextMixer

FloatArray = NDArray[np.float64]


class _Learned:
    """What a prompt changed of a mixer's tables: all of it stands either there, or here in the place of what was."""

    def __init__(self, n_bytes: int, n_tokens: int) -> None:
        # Each byte has two halves, and the token may end before each byte and after the last.
        self.changes = no_changes((3 * n_bytes + n_tokens) * CONTEXTS, n_bytes * MATCHES)
        self._is_tidy = False

    def exchange(self, tables: Tables, *, enter: bool) -> None:
        """Put it into the tables, or take it out again."""
        if not self._is_tidy:
            self._tidy()
        exchange(tables._replace(**self.changes), enter)

    def _tidy(self) -> None:
        """Each place once, with what was there first, in the order of the memory. A branch by itself never needs it."""
        buckets, places = self.changes["changed"].clip(min=0).tolist()
        number = self.changes["changed_bucket"][:buckets]
        _, first = np.unique(number, return_index=True)
        where = self.changes["changed_place"][:places]
        _, first_place = np.unique(where[:, 0] << 32 | where[:, 1], return_index=True)
        self.changes = {
            "changed": np.array([len(first), len(first_place)]),
            "changed_bucket": number[first],
            "changed_nodes": self.changes["changed_nodes"][first],
            "changed_place": where[first_place],
        }
        self._is_tidy = True


class Branch:
    """Branches of one mixer share its tables: one at a time has its changes in them.

    It is quick to go on with the same, or with one that began with the same text, which has the same changes: what was
    drawn is not learned.
    """

    def __init__(self, mixer: ContextMixer, tokens: Tokens, adaptive: bool) -> None:
        self._mixer, self._adaptive = mixer, adaptive
        n_bytes = n_bytes_of(mixer._tree, tokens)
        with mixer._lock:
            mixer._settle()
            shared = mixer._tables
            self._begin = int(shared.registers[LENGTH])
            self._text = shared.text[self._begin : self._begin]
            self._own = {name: getattr(shared, name).copy() for name in STANDING}
            self._learned = _Learned(n_bytes, len(tokens)) if adaptive else None
            self._end, self._drawn = mixer._end, list[int]()  # not read yet
            mixer._inside = self
            self._read(tokens, COUNTING if adaptive else FROZEN)
            self._given = tokens
            self._start = {name: self._own[name].copy() for name in STANDING}, self._end, self._length

    def again(self) -> Branch:
        """Another one that begins with the same text, which need not be read again."""
        branch = copy(self)
        with self._mixer._lock:
            standing, branch._end, length = self._start
            branch._text = self._text_so_far()[: length - self._begin].copy()
        branch._own = {name: array.copy() for name, array in standing.items()}
        branch._drawn = []
        return branch

    def begins_with(self, tokens: Tokens) -> bool:
        """Whether these, (n,), are just the tokens that were given to it."""
        return np.array_equal(self._given, tokens)

    def distribution(self, network: FloatArray | None = None) -> FloatArray:
        """The probabilities of the next token, (V,), with the network's, (V,), if it takes part."""
        mixer = self._mixer
        with mixer._lock:
            self._enter()
            mixer._reserve(mixer._tree.token_bytes.shape[1], self._length)
            return mixer._distribution(self._end, network, self._adaptive, self._own)

    @property
    def mixer(self) -> ContextMixer:
        return self._mixer

    @property
    def matched(self) -> int:
        """How many bytes before the next one stand, just so, earlier in the text; 0 where they are too few to tell."""
        with self._mixer._lock:
            self._enter()
            return int(self._own["match_length"].max())

    def append(self, token: int) -> float:
        """The token that was drawn; nothing is learned from it. Its loss by the counts alone, in nats."""
        with self._mixer._lock:
            self._enter()
            return float(self._read(np.array([token], np.int64), FROZEN)[0])

    def go_on(self, token: int) -> None:
        """The same, where nobody asks for the loss: the token is read when the next one is asked for."""
        self._drawn.append(token)

    @property
    def _length(self) -> int:
        return int(self._own["registers"][LENGTH])

    def _read(self, tokens: Tokens, mode: int) -> FloatArray:
        mixer, end = self._mixer, self._end
        mixer._reserve(n_bytes_of(mixer._tree, tokens), self._length)
        self._end = with_end(end, tokens)
        tables = mixer._mixing(False, self._adaptive)._replace(**self._own)
        if mode == COUNTING and self._learned is not None:
            tables = tables._replace(**self._learned.changes)
        if not self._adaptive and mixer._static is not None:
            return mixer._read_static(mixer._static, tables, end, tokens, mode).losses
        losses = np.zeros(len(tokens))
        read(tables, mixer._scratch, mixer._tree, tokens, last_of(end), np.zeros((0, 0)), mode, losses)
        return losses

    def _enter(self) -> None:
        mixer, other = self._mixer, self._mixer._inside
        if other is not self:
            if other is not None and other._learned is self._learned:  # what it learned is in the tables
                other._text = other._text_so_far().copy()
            else:
                mixer._settle()
                if self._learned is not None:
                    self._learned.exchange(mixer._tables, enter=True)
            mixer._reserve(len(self._text), self._begin)
            mixer._tables.text[self._begin : self._begin + len(self._text)] = self._text
            mixer._inside = self
        if self._drawn:
            drawn, self._drawn = np.array(self._drawn, np.int64), []
            self._read(drawn, FROZEN)

    def _text_so_far(self) -> NDArray[np.uint8]:
        """The bytes since it began."""
        is_inside = self._mixer._inside is self
        return self._mixer._tables.text[self._begin : self._length] if is_inside else self._text

    def leave(self) -> None:
        """Take the changes out of the mixer's tables."""
        if self._learned is not None:
            self._learned.exchange(self._mixer._tables, enter=False)
        self._text = self._text_so_far().copy()
