"""A context mixture in a checkpoint: the tokens that it was fitted on and what its counts are worth, compressed.

The counts themselves are counted again from the tokens. Nothing that is read is believed.
"""

from __future__ import annotations

import math
import zlib
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slmtui.data.context_mixing.mixer import STATIC, ContextMixer
from slmtui.data.ngram_baseline import TOKEN_LIMIT
from slmtui.data.tokenizer import Tokenizer
from slmtui.model.context_mixture import ContextMixture, vocabulary

LEVEL = 1  # of the compression: 4 MB of 27, in 0.1 s
# Values of a state that no text gives could lead out of the tables: an infinite logit, or one that is no number, is no
# place in them.
LARGEST = 1e6
PROBABILITIES = ("maps", "match_map")  # of a bit, never 0 or 1; a training moves them from 0.0001 to 0.9999

Packed = dict[str, Any]
_known: WeakKeyDictionary[ContextMixer, Packed] = WeakKeyDictionary()  # it stays the same throughout a training


def packed(mixture: ContextMixture) -> Packed:
    """Tensors and plain values from which `unpacked` makes the same mixture."""
    if mixture.mixer not in _known:
        state = {name: compressed(array) for name, array in mixture.mixer.state().items()}
        _known[mixture.mixer] = {
            "version": mixture.mixer.version,
            "n_tokens": len(mixture.text),
            "tokens": compressed(mixture.text),
            "state": state,
        }
    return _known[mixture.mixer]


def version_of(record: Packed) -> int:
    """The first was not written down. ValueError where it is no number."""
    version = record.get("version", 1)
    if type(version) is not int:
        raise ValueError("context_mixing: its version is no number")
    return version


def unpacked(record: Packed, tokenizer: Tokenizer) -> ContextMixture:
    """The mixture that was packed; ValueError for what none was packed into."""
    n_tokens, state = record["n_tokens"], record["state"]
    if type(n_tokens) is not int or not 0 <= n_tokens <= TOKEN_LIMIT:
        raise ValueError("context_mixing: n_tokens is no number of tokens")
    text = decompressed("tokens", record["tokens"], (n_tokens,), np.dtype(tokenizer.dtype))
    if len(text) and int(text.max()) >= tokenizer.n_vocab:
        raise ValueError(f"context_mixing: a token is not of the vocabulary, {int(text.max()):,}")
    tokens = vocabulary(tokenizer)
    expected = ContextMixer.fit(tokens, [0, 0]).state()  # its shapes do not depend on the text
    if type(state) is not dict or state.keys() != expected.keys():
        raise ValueError("context_mixing: the state has other parts than it should")
    version = version_of(record)
    arrays = {name: decompressed(name, state[name], expected[name].shape, expected[name].dtype) for name in state}
    for name, array in arrays.items():
        is_probable = name.removeprefix(STATIC) in PROBABILITIES
        within = (array > 0) & (array < 1) if is_probable else np.abs(array) <= LARGEST  # not true of NaN either
        if not bool(within.all()):
            raise ValueError(f"context_mixing: {name} contains values that no text gives")
    mixer = ContextMixer.from_state(tokens, text, arrays, bpe=tokenizer.kind == "bpe", version=version)
    return ContextMixture(mixer, text)


def compressed(array: NDArray[Any]) -> Tensor:
    return torch.frombuffer(bytearray(zlib.compress(np.ascontiguousarray(array).tobytes(), LEVEL)), dtype=torch.uint8)


def decompressed(name: str, data: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Never more memory than the shape needs."""
    size = math.prod(shape) * dtype.itemsize
    if not isinstance(data, Tensor) or data.dtype != torch.uint8 or data.dim() != 1:
        raise ValueError(f"context_mixing: {name} is not packed as it should be")
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(data.detach().numpy().tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"context_mixing: {name} cannot be unpacked ({error})") from None
    if len(found) != size or not unpacking.eof:
        raise ValueError(f"context_mixing: {name} has not the {size:,} bytes that it should have")
    return np.frombuffer(found, dtype).reshape(shape).copy()
