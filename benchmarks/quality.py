"""Time to a given quality: a vocabulary of the text's own against the best that the textbook's loop ever reaches.

Bits per byte of all the validation text, the same on both sides. The small side is what `slmtui suggest` comes to,
without its n-gram model (benchmarks/phases/): a person's time to the same quality, not the same network.
"""

from __future__ import annotations

from benchmarks.table import Row, at_least, paired_ratio, seconds
from benchmarks.work import published
from benchmarks.workers import in_turns, worker

GROUP = "Time to the same quality"
PHASES = ("phase2", "phase3")
TARGET = 20
TURNS, SECONDS = 3, 1.0


def reached(phase: str) -> list[Row]:
    with worker("best", phase) as whole:
        best = whole.do(1).found
    file = f"benchmarks/phases/{phase}-compact.toml"
    textbook, ours = in_turns(
        ("step", "textbook", phase), ("reach", file, str(best["bits"])), turns=TURNS, seconds=SECONDS, warm_up=1
    )
    name = f"{phase}'s text, to {best['bits']:.3f} bits per byte"
    last = ours[-1].found
    if last["bits"] > best["bits"]:
        said = f"{last['bits']:.3f} at best, at step {last['step']:.0f}"
        return [Row(GROUP, name, "not reached", f"≥ {TARGET:g}×", met=False, note=said)]
    needed = [best["step"] * taken.wall for taken in textbook]
    ratio = paired_ratio(needed, [taken.wall for taken in ours])
    steps = published(phase).training.max_iters
    note = (
        f"{best['step']:.0f} of {steps:,} steps of {seconds(textbook[-1].wall)} against {last['step']:.0f} steps in "
        f"{seconds(ours[-1].wall)}"
    )
    return [at_least(GROUP, name, ratio, TARGET, note)]
