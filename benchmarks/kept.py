"""The ratios of the last run on each kind of processor, in a file that is committed; and what has become slower."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.table import Row

FILE = Path("benchmarks/benchmarks.json")
LOST = 0.25  # of a ratio: what CI fails on, and what is said however large the noise is


def slower(rows: Sequence[Row], processor: str, file: Path = FILE) -> str:
    """A section of the page: what was slower than the last time on this processor by more than the noise of both, or
    has lost more than `LOST` of its best, which a slow decline would hide from the last time alone.

    Twice the noise of both together counts (`spread`, `spread_of_least` in table.py).
    """
    last = _read(file).get(processor)
    if last is None:
        return "Nothing was measured on this kind of processor before."
    lines = []
    for row in rows:
        if row.ratio is None or row.spread is None or row.name not in last["rows"]:
            continue
        before, noise, best = _with_best(last["rows"][row.name])
        has_lost = row.ratio < (1 - LOST) * best
        if has_lost or row.ratio < before - 2 * math.hypot(row.spread, noise):
            at_best = f", at best {best:.3g}×" if has_lost and best > before else ""
            lines.append(
                f"- {row.name}: {row.ratio:.3g}× (± {row.spread:.2g}), before {before:.3g}× (± {noise:.2g}){at_best}"
            )
    if not lines:
        return f"Nothing became slower since {last['date']} by more than its noise, or has lost a quarter of its best."
    return "\n".join(
        [f"Slower than on {last['date']} by more than the noise, or by a quarter of the best:", "", *lines]
    )


def _with_best(kept: list[float]) -> tuple[float, float, float]:
    """Ratio and noise of the last time, and the best ratio of all times; older rows are their own best."""
    ratio, noise, *best = kept
    return ratio, noise, max([ratio, *best])


def lost(rows: Sequence[Row], processor: str, file: Path = FILE) -> list[str]:
    """Which ratios are lower by more than `LOST` than the last time on this processor, in words.

    On another kind of processor than those that are known, than the lowest of theirs.
    """
    known = _read(file)
    places = [known[processor]] if processor in known else list(known.values())
    found = []
    for row in rows:
        before = [place["rows"][row.name][0] for place in places if row.name in place["rows"]]
        if before and row.ratio is not None and row.ratio < (1 - LOST) * min(before):
            found.append(f"{row.name}: {row.ratio:.3g}×, before {min(before):.3g}×")
    return found


def keep(rows: Sequence[Row], processor: str, file: Path = FILE) -> None:
    """Let these be the last ones, beside the best so far; what was not measured now stays as it was."""
    everything = _read(file)
    before = everything.get(processor, {"rows": {}})["rows"]
    found = {
        row.name: [row.ratio, row.spread, max([row.ratio, *before.get(row.name, [])[::2]])]
        for row in rows if row.ratio is not None and row.spread is not None
    }  # fmt: skip
    everything[processor] = {"date": time.strftime("%Y-%m-%d"), "rows": before | found}
    file.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _read(file: Path) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return kept
