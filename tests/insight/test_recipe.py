"""What `slmtui suggest` says, trained untouched, ends below the best n-gram model, in less than a minute.

CI tries the smallest size on the bundled corpus; `make soak` all sizes, and four corpora unlike it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.commands import suggest as command
from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.data.split_stats import dataset_baseline
from slmtui.data.text_measures import measure_text
from slmtui.training.events import Evaluation
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import train
from slmtui.training.tuning import tuned_machine
from tests.insight.recipe_corpora import log, prose, records, standard_library

BUNDLED = Path("data/chromadb")
SIZES = (1_000, 5_000, 15_000, 23_000)
UNLIKE = (standard_library, prose, log, records)
SECONDS = 60.0  # for a training, on two cores


@pytest.fixture
def no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that is fast enough for all steps."""
    monkeypatch.setattr(command, "step_seconds", lambda _: None)


def best_after_training(phase: Phase) -> tuple[Evaluation, float]:
    """The evaluation that best.pt holds, and bits per byte of the n-gram order that is best on the validation text."""
    dataset = prepare_dataset(phase)
    baseline = dataset_baseline(dataset)
    assert baseline is not None
    training = Training.start(phase, dataset, tuned_machine(phase, dataset))
    evaluations = [event for event in train(training) if isinstance(event, Evaluation)]
    bits = min(baseline.order_losses) * len(dataset.val.tokens) / dataset.val.n_bytes / math.log(2)
    return min(evaluations, key=lambda evaluation: evaluation.judged_loss), bits


def test_the_smallest_bundled_size_ends_below_the_ngram_model(no_measuring: None) -> None:
    text = command.suggested([BUNDLED], ["data.dataset_size=1000"])
    best, ngram = best_after_training(parse_phase(text, "suggested", ["training.threads=1", "sampling.prompts=[]"]))
    assert best.judged_bits_per_byte < 0.99 * ngram
    assert best.step > 0


def test_the_default_phase_is_what_is_suggested_for_the_bundled_corpus(no_measuring: None) -> None:
    """But for its own name, and a prompt at the end."""
    default = Path("phases/quick.toml")
    suggested = command.suggested([BUNDLED], [])
    recipe = suggested[suggested.index("[data]") :]
    assert recipe in default.read_text(encoding="utf-8")
    phase, plain = load_phase(default), parse_phase(suggested, "suggested")
    same = plain.model_copy(update={"phase": phase.phase, "sampling": phase.sampling})
    assert phase == same
    assert phase.model.copy_head
    assert phase.sampling.when == "end"


@pytest.mark.soak
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [None, *UNLIKE])
def test_every_size_of_unlike_corpora_ends_below_the_ngram_model_within_a_minute(
    make: Callable[[Path], Path] | None, size: int, tmp_path: Path
) -> None:
    source = BUNDLED if make is None else make(tmp_path)
    phase = parse_phase(command.suggested([source], [f"data.dataset_size={size}"]), "suggested")
    begin = time.perf_counter()
    best, ngram = best_after_training(phase)
    seconds = time.perf_counter() - begin
    said = f"{best.judged_bits_per_byte:.3f} (network {best.bits_per_byte:.3f}) | {ngram:.3f}, {seconds:.0f} s"
    print(f"{source.name} {size:,}: {said} of {best.step} of {phase.training.max_iters} steps")  # noqa: T201
    assert best.judged_bits_per_byte < ngram, said
    assert seconds < SECONDS, said


def compressed_bits(phase: Phase) -> float:
    """What the best of Python's compressors makes of the validation text, after the training text."""
    return measure_text(prepare_dataset(phase)).compressed


@pytest.mark.soak
def test_letters_drawn_uniformly_cost_what_they_must(tmp_path: Path) -> None:
    """log2 27 = 4.755 bits."""
    source = tmp_path / "letters.txt"
    source.write_text("".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz ", k=60_000)), encoding="utf-8")
    best, _ = best_after_training(parse_phase(command.suggested([source], []), "suggested"))
    assert best.judged_bits_per_byte == pytest.approx(math.log2(27), abs=0.02)


@pytest.mark.soak
def test_names_cost_no_more_than_the_best_compressor_needs(tmp_path: Path) -> None:
    dice, source = random.Random(3), tmp_path / "names.txt"
    parts = (
        "an",
        "ka",
        "ri",
        "mo",
        "be",
        "ta",
        "lo",
        "si",
        "ne",
        "ra",
        "el",
        "ia",
        "th",
        "wyn",
        "da",
        "ge",
        "fra",
        "ju",
    )
    names = ("".join(dice.choices(parts, k=dice.randrange(2, 5))).capitalize() for _ in range(5_000))
    source.write_text("\n".join(names), encoding="utf-8")
    phase = parse_phase(command.suggested([source], []), "suggested")
    best, _ = best_after_training(phase)
    assert best.judged_bits_per_byte <= compressed_bits(phase)


@pytest.mark.soak
def test_records_cost_no_more_than_the_best_compressor_needs(tmp_path: Path) -> None:
    phase = parse_phase(command.suggested([records(tmp_path)], []), "suggested")
    best, _ = best_after_training(phase)
    assert best.judged_bits_per_byte <= compressed_bits(phase)
