"""Our training step and our generation against the textbook's (textbook.py) and other people's (models.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from statistics import median

from benchmarks.flops import step_flops
from benchmarks.table import Row, at_least, paired_ratio, seconds, spread
from benchmarks.theirs import OTHERS
from benchmarks.work import GENERATED, published
from benchmarks.workers import Taken, in_turns
from slmtui.data.gpt2 import N_VOCAB
from slmtui.training.hardware import multiplies_bf16

TEXTBOOK, LIBRARIES, MACHINE = "Against a textbook loop", "Against other libraries", "Share of the machine"
TARGETS = {"phase0": (1.5, 2.5), "phase1": (3, 4), "phase2": (3, 4), "phase3": (3, 4), "phase4": (3, 4)}  # fp32, bf16
LEAST_MEMORY_RATIO = 3  # phase 4
TURNS, SECONDS = 5, 0.5
LEAST_GENERATION_RATIO = 5
PEAK_FLOPS = 2 * 2048**3  # of ours.peak


def step(phase: str) -> list[Row]:
    """A step of a phase; the textbook's in fp32, as published, ours in fp32 and bf16. Of phase 4 the memory too."""
    sides = {
        "textbook": ("step", "textbook", phase), "fp32": ("our-step", phase, "fp32"), "peak": ("peak",),
        **{package: ("step", package, phase) for package in OTHERS if find_spec(package)},
    }  # fmt: skip
    if multiplies_bf16():
        sides["bf16"] = ("our-step", phase, "bf16")
    taken = dict(zip(sides, in_turns(*sides.values(), turns=TURNS, seconds=SECONDS, warm_up=2), strict=True))
    textbook, ours = taken["textbook"], taken["fp32"]
    rows = []
    for precision, target in zip(("fp32", "bf16"), TARGETS[phase], strict=True):
        name = f"{phase}, a step in {precision}"
        if precision in taken:
            rows.append(_ratio(TEXTBOOK, name, textbook, taken[precision], target))
        else:
            rows.append(Row(TEXTBOOK, name, "not measured", f"≥ {target:g}×", note="this CPU has no bf16"))
    if phase == "phase4":
        peaks = [side[-1].peak for side in (textbook, ours)]
        note = f"{peaks[0] / 1e6:,.0f} MB against {peaks[1] / 1e6:,.0f} MB; whole process, with Python and torch"
        rows.append(at_least(TEXTBOOK, f"{phase}, peak memory in fp32", peaks[0] / peaks[1], LEAST_MEMORY_RATIO, note))
    for package, title in OTHERS.items():
        name = f"{phase}, a step in fp32, {title}"
        rows.append(_ratio(LIBRARIES, name, taken[package], ours) if package in taken else _missing(name, package))
    return [*rows, _share(phase, ours, taken["peak"])]


def generation() -> list[Row]:
    """Completions of 100 tokens by phase 4's model: without a cache, with ours, with Hugging Face's."""
    sides = [("tokens", "phase4"), ("our-tokens", "phase4", "1"), ("our-tokens", "phase4", "8")]
    if find_spec("transformers"):
        sides += [("hugging-face-tokens", "phase4", "1"), ("hugging-face-tokens", "phase4", "8")]
    textbook, ours, batch, *others = in_turns(*sides, turns=TURNS, seconds=SECONDS, warm_up=1)
    name = f"phase4, {GENERATED} tokens after"
    per_token = 8 * paired_ratio([t.wall for t in textbook], [t.wall for t in batch])
    rows = [
        _ratio(TEXTBOOK, f"{name} a prompt, with a cache", textbook, ours, LEAST_GENERATION_RATIO, "completion"),
        Row(TEXTBOOK, f"{name} eight prompts at once", f"{per_token:.2f}×", note="against one after the other; wall"),
    ]
    for prompts, mine, i in (("a prompt", ours, 0), ("eight prompts at once", batch, 1)):
        full = f"{name} {prompts}, Hugging Face"
        rows.append(
            _ratio(LIBRARIES, full, others[i], mine, 1, "call") if others else _missing(full, "transformers", "≥ 1×")
        )
    return rows


def _ratio(
    group: str, name: str, theirs: Sequence[Taken], ours: Sequence[Taken], target: float | None = None,
    unit: str = "step",
) -> Row:  # fmt: skip
    wall = [[taken.wall for taken in side] for side in (theirs, ours)]
    cpu = paired_ratio(*([taken.cpu for taken in side] for side in (theirs, ours)))
    note = f"{seconds(median(wall[0]))} against {seconds(median(wall[1]))} per {unit}; wall ({cpu:.2f}× by CPU time)"
    ratio = paired_ratio(*wall)
    row = Row(group, name, f"{ratio:.3g}×", note=note) if target is None else at_least(group, name, ratio, target, note)
    return replace(row, ratio=ratio, spread=spread(*wall))


def _missing(name: str, package: str, target: str = "") -> Row:
    return Row(LIBRARIES, name, "not measured", target, note=f"{package} is not installed: pip install '.[bench]'")


def _share(phase: str, ours: Sequence[Taken], peak: Sequence[Taken]) -> Row:
    """Of the machine's best, by the arithmetic that a step cannot do without."""
    settings = published(phase)
    model = settings.model
    flops = step_flops(
        n_vocab=N_VOCAB, n_layer=model.n_layer, n_embd=model.n_embd, block_size=model.block_size,
        batch_size=settings.training.batch_size,
    )  # fmt: skip
    reached, best = flops / median(taken.wall for taken in ours), PEAK_FLOPS / min(taken.wall for taken in peak)
    note = f"{flops / 1e9:.3g} GFLOP per step at {reached / 1e9:.0f} GFLOP/s; peak: {best / 1e9:.0f} GFLOP/s"
    return Row(MACHINE, phase, f"{reached / best:.0%}", note=note)
