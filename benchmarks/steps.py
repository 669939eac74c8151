"""Our training step and our generation against the textbook's (textbook.py)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.table import Row, at_least, paired_ratio, seconds
from benchmarks.workers import Taken, in_turns

GROUP = "Against a textbook loop"
TARGETS = {"phase0": (1.5, 2.5), "phase1": (3, 4), "phase2": (3, 4), "phase3": (3, 4), "phase4": (3, 4)}  # fp32, bf16
LEAST_MEMORY_RATIO = 3  # phase 4
TURNS, SECONDS = 5, 0.5
LEAST_GENERATION_RATIO = 5


def step(phase: str) -> list[Row]:
    """A step of a phase; the textbook's in fp32, as published, ours in fp32 and in bf16. Of phase 4 the memory too."""
    textbook, fp32, bf16 = in_turns(
        ("textbook-step", phase, "fp32"), ("our-step", phase, "fp32"), ("our-step", phase, "bf16"),
        turns=TURNS, seconds=SECONDS, warm_up=2,
    )  # fmt: skip
    rows = []
    for precision, ours, target in zip(("fp32", "bf16"), (fp32, bf16), TARGETS[phase], strict=True):
        rows.append(_ratio(f"{phase}, a step in {precision}", textbook, ours, target))
    if phase == "phase4":
        peaks = [side[-1].peak for side in (textbook, fp32)]
        note = (
            f"{peaks[0] / 1e6:,.0f} MB against {peaks[1] / 1e6:,.0f} MB, all of the process, Python and torch included"
        )
        rows.append(at_least(GROUP, f"{phase}, peak memory in fp32", peaks[0] / peaks[1], LEAST_MEMORY_RATIO, note))
    return rows


def generation() -> list[Row]:
    """Completions of 100 tokens by phase 4's model, with the cache against without."""
    textbook, ours, batch = in_turns(
        ("textbook-tokens", "phase4"), ("our-tokens", "phase4"), ("our-tokens", "phase4", "8"),
        turns=TURNS, seconds=SECONDS, warm_up=1,
    )  # fmt: skip
    one = _ratio(
        "phase4, 100 tokens after a prompt, with a cache", textbook, ours, LEAST_GENERATION_RATIO, "completion"
    )
    per_token = 8 * paired_ratio([t.wall for t in textbook], [t.wall for t in batch])
    eight = Row(
        GROUP, "phase4, 100 tokens after eight prompts at once", f"{per_token:.2f}×", note="against one by one; wall"
    )
    return [one, eight]


def _ratio(name: str, textbook: Sequence[Taken], ours: Sequence[Taken], target: float, unit: str = "step") -> Row:
    wall = [[taken.wall for taken in side] for side in (textbook, ours)]
    cpu = paired_ratio(*([taken.cpu for taken in side] for side in (textbook, ours)))
    note = f"{seconds(median(wall[0]))} against {seconds(median(wall[1]))} a {unit}; wall ({cpu:.2f}× by CPU time)"
    return at_least(GROUP, name, paired_ratio(*wall), target, note)
