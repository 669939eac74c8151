"""Compiled work that is shared among as many threads as torch has."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pools: dict[int, ThreadPoolExecutor] = {}  # by their number of threads: to start some takes longer than most work
os.register_at_fork(after_in_child=_pools.clear)  # a fork has none of the threads


def for_each(work: Callable[[int], None], n: int) -> None:
    """work(0) … work(n − 1), in as many threads as torch has. They must not depend on one another."""
    others, left = min(torch.get_num_threads(), n) - 1, iter(range(n))

    def take() -> None:
        for i in left:  # each goes to whoever asks first
            work(i)

    if others > 0 and others not in _pools:
        _pools[others] = ThreadPoolExecutor(others, "slmtui-model")
    helping = [_pools[others].submit(take) for _ in range(others)]
    take()
    for helper in helping:
        if not helper.cancel():  # one that has not begun by now has nothing left to do
            helper.result()


def for_each_share(work: Callable[[slice], None], n: int) -> None:
    """work(rows) for shares of n rows, one for each thread."""
    threads = max(1, min(torch.get_num_threads(), n))
    size = -(-n // threads)
    for_each(lambda i: work(slice(i * size, min(n, (i + 1) * size))), -(-n // size))
