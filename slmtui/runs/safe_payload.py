"""Tensors and plain values: all that a checkpoint may hold. Walked once, which checks them and sums them up."""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import Tensor

MOST_VALUES = 200_000  # a vocabulary is 50,257 at most; a value that is referred to many times counts each time
DEEPEST = 12
LONGEST_TEXT = 1 << 20
LARGEST_INTEGER = 1 << 63

_SCALARS = (type(None), bool, int, float, str)


def checksum(value: Any, *, most_bytes: int) -> int:
    """CRC-32 of plain values: dicts with text keys, lists, tuples, scalars, dense tensors in the CPU's memory.

    Raises ValueError for anything else, and for tensors that claim more than `most_bytes` in all: a few bytes can
    say that they are a matrix of a terabyte, or hold one list a billion times.
    """
    walk = _Walk(most_bytes)
    walk.visit(value, 0)
    return walk.sum


class _Walk:
    def __init__(self, bytes_left: int) -> None:
        self.sum, self.values_left, self.bytes_left = 0, MOST_VALUES, bytes_left

    def visit(self, value: Any, depth: int) -> None:
        self.values_left -= 1
        if self.values_left < 0 or depth > DEEPEST:
            raise ValueError("holds too many values, or nests them too deeply")
        kind = type(value)
        if kind in _SCALARS:
            self._scalar(value)
        elif kind is dict:
            self._add(f"dict {len(value)}")
            for key, item in value.items():
                if type(key) is not str:
                    raise ValueError(f"a key is of type {type(key).__name__}, not a text")
                self.visit(key, depth)
                self.visit(item, depth + 1)
        elif kind is list or kind is tuple:
            self._add(f"{kind.__name__} {len(value)}")
            for item in value:
                self.visit(item, depth + 1)
        elif kind is Tensor:
            self._tensor(value)
        else:
            raise ValueError(f"holds an object of type {kind.__name__}")

    def _scalar(self, value: str | float | None) -> None:
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise ValueError("holds a text of more than a million characters")
        if isinstance(value, int) and not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
            raise ValueError("holds a number of more than 64 bits")
        self._add(repr(value))

    def _tensor(self, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise ValueError("holds a tensor that is not plain numbers")
        if not tensor.is_contiguous():  # so one number may stand for many
            raise ValueError("holds a tensor whose numbers do not lie in order")
        self.bytes_left -= tensor.numel() * tensor.element_size()
        if self.bytes_left < 0:
            raise ValueError("holds tensors that are larger than the file")
        self._add(f"{tensor.dtype} {tuple(tensor.shape)}")
        if tensor.numel():
            data = tensor.detach().reshape(-1).view(torch.uint8).numpy()
            self.sum = zlib.crc32(data.data, self.sum)

    def _add(self, text: str) -> None:
        self.sum = zlib.crc32(text.encode("utf-8", "surrogatepass") + b"\0", self.sum)


def on_cpu(value: Any) -> Any:
    """The same values with their tensors contiguous and in CPU memory; tensors that already are, are not copied."""
    if isinstance(value, Tensor):
        return value.detach().cpu().contiguous()
    if isinstance(value, dict):
        return {key: on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(item) for item in value)
    return value
