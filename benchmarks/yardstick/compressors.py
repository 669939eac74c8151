"""What compressors make of the validation text after the training text: C(train + val) − C(train).

PPMd is 7-Zip's (variant H: Shkarin 2002, "PPM: one step to practicality"), with the best of its orders, which is chosen
on the validation text: no reader could do that, so it is a hard mark. zpaq is the archiver (Mahoney 2015), method 5.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.yardstick.rows import Price

ORDERS = range(3, 17)
MEMORY = 1 << 28  # bytes, for PPMd's model


def ppmd_price(train: bytes, val: bytes) -> Price | None:
    """None without pyppmd."""
    try:
        import pyppmd
    except ImportError:
        return None

    def compressed(data: bytes, order: int) -> int:
        encoder = pyppmd.Ppmd7Encoder(order, MEMORY)
        return len(encoder.encode(data)) + len(encoder.flush())

    prices = [price(lambda data, order=order: compressed(data, order), train, val, order) for order in ORDERS]  # type: ignore[misc]
    return min(prices, key=lambda one: one.bits)


def zpaq_price(train: bytes, val: bytes) -> Price | None:
    """None without zpaq."""
    if shutil.which("zpaq") is None:
        return None
    return price(_zpaq, train, val)


def price(compressed: Callable[[bytes], int], train: bytes, val: bytes, order: int | None = None) -> Price:
    """compressed: the bytes that a text takes."""
    began = time.perf_counter()
    bits = 8 * (compressed(train + val) - compressed(train)) / len(val)
    return Price(bits, time.perf_counter() - began, order)


def _zpaq(data: bytes) -> int:
    with TemporaryDirectory() as folder:
        (Path(folder) / "text").write_bytes(data)
        subprocess.run(
            ["zpaq", "add", "packed.zpaq", "text", "-method", "5", "-noattributes"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return (Path(folder) / "packed.zpaq").stat().st_size
