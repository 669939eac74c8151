"""What the yardstick measured, as a file keeps it: a row for each text, of which parts may be measured anew."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from slmtui.insight.judging.counts import LineCompletions, Usefulness

FILE = Path("benchmarks/yardstick.json")


@dataclass(frozen=True)
class Price:
    """Of the validation text after the training text: C(train + val) − C(train), in bits per byte."""

    bits: float
    seconds: float
    order: int | None = None


@dataclass(frozen=True)
class Counting:
    """Counting alone, in bits per byte: in the suggested vocabulary; adaptive, in bytes. seconds: of the static one."""

    order: int
    ngram: float
    useful: LineCompletions | None  # of the n-gram model
    mixer_static: float | None = None
    mixer_adaptive: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Trained:
    """A suggested phase, trained with one seed. Losses at the best evaluation, in bits per byte.

    static: of what predicts without learning on. adaptive: of what learns from each token after it has predicted it;
    None for a phase that has no such model.
    """

    network: float
    static: float
    adaptive: float | None
    steps: int
    seconds: float  # from reading the text to the last event
    useful: Usefulness | None


@dataclass(frozen=True)
class TextRow:
    """A text, and what was measured on it.

    fingerprint: of the text of both sides. recipe: of the phase suggested for it and of the context mixer, on which all
    depends that is not a compressor's.
    """

    name: str
    fingerprint: str
    train_bytes: int
    val_bytes: int
    n_vocab: int
    date: str
    ppmd: Price | None = None
    zpaq: Price | None = None
    counting: Counting | None = None
    trained: dict[str, Trained] = field(default_factory=dict)  # by seed
    recipe: str = ""


_ROWS: TypeAdapter[dict[str, TextRow]] = TypeAdapter(dict[str, TextRow])


def read_rows(path: Path) -> dict[str, TextRow]:
    """By name; none if there is no such file."""
    return _ROWS.validate_json(path.read_bytes()) if path.exists() else {}


def write_rows(path: Path, rows: Mapping[str, TextRow], order: Iterable[str] = ()) -> None:
    """Those named in `order` first, the others as they come."""
    names = list(dict.fromkeys([*(name for name in order if name in rows), *rows]))
    values = _ROWS.dump_python({name: rows[name] for name in names}, mode="json")
    path.write_text(json.dumps(_rounded(values), indent=1) + "\n", encoding="utf-8")


def joined(before: TextRow | None, now: TextRow) -> TextRow:
    """What was measured now, and of what was not, the earlier measurement, if it was of the same text and, for counting
    and trained models, of the same recipe: seeds of two recipes have no mean."""
    if before is None or before.fingerprint != now.fingerprint:
        return now
    after = dataclasses.replace(now, ppmd=now.ppmd or before.ppmd, zpaq=now.zpaq or before.zpaq)
    if before.recipe != now.recipe:
        return after
    trained = dict(sorted({**before.trained, **now.trained}.items()))
    return dataclasses.replace(after, counting=now.counting or before.counting, trained=trained)


def _rounded(value: object) -> object:
    """Floats to five digits, so that a file of them can be compared."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
