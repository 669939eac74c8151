"""Options that several commands share, and types of options that say what they want."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from slmtui.project import DEFAULT_CHECKPOINTS

MOST_SEED = 2**63 - 1  # that a random generator takes


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number of at least `least`, and at most `most`."""

    def parse(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least or (most is not None and int(text) > most):
            span = f"of at least {least}" if most is None else f"from {least} to {most:,}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {span}")
        return int(text)

    return parse


def real(least: float, most: float = 1e6, *, above: bool = False) -> Callable[[str], float]:
    """A number from `least` (above it, if asked) to `most`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most or (above and value == least):
            start = f"above {least:g} and up" if above else f"from {least:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {start} to {most:g}")
        return value

    return parse


def add_set_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="override a key of the phase, such as training.max_iters=200; may be given again",
    )  # fmt: skip


def add_checkpoints_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints", type=Path, default=DEFAULT_CHECKPOINTS, metavar="DIR",
        help="folder that runs are kept in (default: checkpoints)",
    )  # fmt: skip
