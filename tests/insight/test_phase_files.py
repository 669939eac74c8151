"""What the phase files of the project say in numbers is what the program finds."""

from __future__ import annotations

from pathlib import Path

from slmtui.config.phase_file import load_phase
from slmtui.data.split_stats import dataset_baseline
from slmtui.training.prepare import prepare_dataset


def test_phase_2_names_what_the_n_gram_model_has_on_the_sample_corpus() -> None:
    phase = load_phase(Path(__file__).parents[2] / "phases" / "phase2.toml")
    baseline = dataset_baseline(prepare_dataset(phase))
    assert baseline is not None
    assert f"data/chromadb, which repeats itself less, {baseline.static.model} has {baseline.loss:.2f}." in " ".join(
        phase.phase.description.split()
    )
