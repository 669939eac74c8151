"""Digits that hang on the version of torch: constraints.txt names the one that they come from."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
# A kernel or the order of a sum may change from version to version, a random draw or a rule may not: what those do to a
# loss is hundreds of times more than the bounds in use.
ALLOWANCE = 10


def torch_of_the_digits() -> str:
    found = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text(), flags=re.MULTILINE)
    assert found, "constraints.txt names no version of torch"
    return found[1]


def other_torch() -> str:
    """What to say of digits where another torch than theirs is installed, else an empty text."""
    try:
        installed = version("torch").split("+")[0]
    except PackageNotFoundError:
        installed = "missing"
    if installed == (theirs := torch_of_the_digits()):
        return ""
    return f"the digits are of torch {theirs}, and this is torch {installed}: {ALLOWANCE} times their bound is allowed"


def bound(absolute: float) -> float:
    """How far a loss may lie from a golden one: `absolute` under the torch that it comes from."""
    return absolute * ALLOWANCE if other_torch() else absolute
