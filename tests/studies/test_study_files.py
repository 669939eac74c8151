"""The studies that come with the project, and how `slmtui check` speaks of studies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.study import load_study
from slmtui.studies.claims import CLAIMS
from slmtui.training.prepare import prepare_dataset

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "studies").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_trials_are_judged_on_the_same_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study = load_study(file, CLAIMS)
    first_seed = [trial.phase for trial in study.trials if trial.seed == study.seeds[0]]
    datasets = [prepare_dataset(phase) for phase in first_seed[:: max(1, len(first_seed) // 5)]]
    assert len({dataset.val_bytes_fingerprint for dataset in datasets}) == 1
    if study.name == "data-scaling":
        assert len({dataset.train.n_bytes for dataset in datasets}) == 5


def test_check_knows_studies(study_file: object, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = study_file()  # type: ignore[operator]
    assert main(["check", str(file)]) == 0
    assert "small.toml: valid (study: small; 2 cells, 4 trials)" in capsys.readouterr().out
    assert main(["check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 4
    file.write_text(file.read_text().replace("n_embd = [8, 16]", "n_embd = [8, 0]"))
    assert main(["check", str(file)]) == 2
    assert "small.toml:11: grid.model.n_embd: too small (got 0)" in capsys.readouterr().err
