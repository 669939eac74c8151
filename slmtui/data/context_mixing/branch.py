"""A text that goes on by itself, token by token, with a mixer's counts and what it changed of them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slmtui.data.context_mixing.kernels import COUNTING, FROZEN, exchange, read
from slmtui.data.context_mixing.static import Tokens, with_end
from slmtui.data.context_mixing.tables import CONTEXTS, LENGTH, MATCHES, STANDING, no_changes
from slmtui.data.context_mixing.vocabulary import n_bytes_of

if TYPE_CHECKING:
    from slmtui.data.context_mixing.mixer import ContextMixer

FloatArray = NDArray[np.float64]


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
            own = {name: getattr(shared, name).copy() for name in STANDING}
            # Each byte has two halves, and the token may end before each byte and after the last.
            room = ((3 * n_bytes + len(tokens)) * CONTEXTS, n_bytes * MATCHES) if adaptive else (0, 0)
            self._own = own | no_changes(*room)
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
        branch._own = self._own | {name: array.copy() for name, array in standing.items()}
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
        if not self._adaptive and mixer._static is not None:
            return mixer._read_static(mixer._static, tables, end, tokens, mode).losses
        losses = np.zeros(len(tokens))
        read(tables, mixer._scratch, mixer._tree, tokens, np.zeros((0, 0)), mode, losses)
        return losses

    def _enter(self) -> None:
        mixer, other = self._mixer, self._mixer._inside
        if other is not self:
            if other is not None and other._own["changed"] is self._own["changed"]:  # its changes are in the tables
                other._text = other._text_so_far().copy()
            else:
                mixer._settle()
                exchange(mixer._tables._replace(**self._own), True)
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
        exchange(self._mixer._tables._replace(**self._own), False)
        self._text = self._text_so_far().copy()
