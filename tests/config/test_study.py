"""Study files: the cells and trials that they mean, and what is said of those that mean none."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.phase_file import PhaseError
from slmtui.config.study import Study, is_study, parse_study
from slmtui.studies.claims import CLAIMS

PHASE = """\
[phase]
name = "base"
[model]
n_layer = 1
n_head = 1
n_embd = 8
"""
HEAD = """\
[study]
name = "mine"
phase = "base.toml"
seeds = [5, 6]
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(PHASE)
    (tmp_path / "study.toml").write_text(HEAD)


def parsed(text: str) -> Study:
    return parse_study(text, "mine.toml", CLAIMS)


def test_a_grid_and_variants_are_combined_and_each_cell_has_a_trial_for_every_seed() -> None:
    study = parsed(
        HEAD
        + """\
[set]
training.max_iters = 30
[grid]
model.n_embd = [16, 32]
data.dataset_size = [100, 200]
[[variant]]
name = "plain"
[[variant]]
name = "often"
model.dropout = 0.25
evaluation.interval = 7
"""
    )
    assert [cell.label for cell in study.cells[:3]] == [
        "n_embd 16 · dataset_size 100 · plain", "n_embd 16 · dataset_size 100 · often",
        "n_embd 16 · dataset_size 200 · plain",
    ]  # fmt: skip
    assert len(study.cells) == 8
    assert len(study.trials) == 16
    assert [trial.seed for trial in study.trials] == [5] * 8 + [6] * 8, "seed by seed"
    last = study.trials[-1]
    assert last.cell.values == {
        "model.n_embd": 32, "data.dataset_size": 200, "model.dropout": 0.25, "evaluation.interval": 7,
    }  # fmt: skip
    assert last.cell.variant == "often"
    phase = last.phase
    assert (phase.model.n_embd, phase.data.dataset_size, phase.model.dropout) == (32, 200, 0.25)
    assert (phase.training.max_iters, phase.evaluation.interval, phase.training.seed) == (30, 7, 6)
    assert (phase.phase.name, phase.phase.study, phase.training.threads) == ("mine.08", "mine", 1)
    assert phase.phase.title == "n_embd 32 · dataset_size 200 · often · seed 6"


def test_a_study_of_seeds_alone_has_one_cell() -> None:
    study = parsed(HEAD)
    assert [(trial.label, trial.phase.training.seed) for trial in study.trials] == [
        ("as it is · seed 5", 5), ("as it is · seed 6", 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "[grid]\nmodel.n_embed = [8, 16]\n",
         ["mine.toml:6: grid.model.n_embed: unknown key in [model]", "did you mean n_embd?"]),
        (HEAD + "[grid]\nmodel.n_embd = [8, 0]\n", ["mine.toml:6: grid.model.n_embd: too small (got 0)"]),
        (HEAD + "[[variant]]\nname = 'a'\n[[variant]]\nname = 'b'\nmodel.dropout = 2\n",
         ["mine.toml:9: variant.model.dropout: too large"]),
        (HEAD + "[set]\nmodel.n_head = 3\n", ["n_head", "3"]),
        (HEAD + "[grid]\nmodel.n_embd = 8\n", ["mine.toml:6: grid.model.n_embd: not possible", "a list"]),
        (HEAD + "[grid]\nmodel.n_embd = [8, 8]\n", ["a list of different values"]),
        (HEAD + "[grid]\nn_embd = [8]\n", ["mine.toml:6: grid.n_embd: not a key of a phase, which is section.key"]),
        (HEAD + "[set]\ntraining.seed = 3\n", ["mine.toml:6: set.training.seed: set by the study itself"]),
        (HEAD + "[[variant]]\nname = 'a'\n[[variant]]\nname = 'a'\n", ["mine.toml:8: variant.name: not possible"]),
        (HEAD + '[[variant]]\nname = "a\\nb"\n', [r'mine.toml:6: variant.name: not possible (got "a\nb")', "one line"]),
        (HEAD + f"[[variant]]\nname = '{'a' * 61}'\n", ["mine.toml:6: variant.name: not possible", "60 characters"]),
        (HEAD + "claims = ['gap_order_quality']\n", ["mine.toml:5", "did you mean gap_orders_quality?"]),
        (HEAD + "claims = ['gap_orders_quality', 'gap_orders_quality']\n", ["mine.toml:5", "of different claims"]),
        (HEAD + "minutes = 3\n", ["mine.toml:5: study.minutes: unknown key of a study, did you mean max_minutes?"]),
        (HEAD + "max_minutes = 0\n", ["mine.toml:5: study.max_minutes: not possible (got 0)"]),
        (HEAD + "halving = 1\n", ["study.halving: not possible (got 1), allowed: true or false"]),
        (HEAD + "halving = true\n[set]\ntraining.max_minutes = 5\n",
         ["mine.toml:5: study.halving: not possible with training.max_minutes", "training.max_iters"]),
        (HEAD + "[[variant]]\nname = 'a'\n[[variant]]\nname = 'b'\nmodel.n_embd = 8\n",
         ["mine.toml:7: variant: cells 1 (a) and 2 (b) have the same settings", "leave one of them out"]),
        (HEAD + "[grid]\ntraining.learning_rate = [1e-3, 1.0e-3, '0.001']\n",
         ["mine.toml:6: grid.training.learning_rate: not possible"]),
        (HEAD + "[set]\nmodel.n_layer = 2\n[grid]\nmodel.n_embd = [16, 32]\nmodel.n_layer = [1, 2]\n"
                "[[variant]]\nname = 'a'\nmodel.n_embd = 8\n",
         ["mine.toml:6: set.model.n_layer: also in [grid]", "mine.toml:12: variant.model.n_embd: also in [grid]"]),
        (HEAD + 'title = "a\\nb"\n', ['study.title: not possible (got "a\\nb"), allowed: a title on one line']),
        (HEAD.replace("base.toml", "study.toml"), ["mine.toml:3: study.phase: not possible", "and this is a study's"]),
        (HEAD + "[[variant]]\nmodel.n_embd = 8\n", ["mine.toml:5: variant.name: missing"]),
        (HEAD.replace("[5, 6]", "[5, 5]"), ["mine.toml:4: study.seeds: not possible (got [5, 5])"]),
        (HEAD.replace("[5, 6]", "3"), ["study.seeds: not possible (got 3), allowed: a list"]),
        (HEAD.replace("base.toml", "bass.toml"), ["mine.toml:3: study.phase: bass.toml", "did you mean base"]),
        (HEAD.replace('"mine"', '"my study"'), ["mine.toml:2: study.name: not possible"]),
        ("[study]\nseeds = [1]\n", ["study.name: missing", "study.phase: missing"]),
        ("[grid]\n", ["mine.toml:1: study: missing"]),
        (HEAD + "[grids]\nmodel.n_embd = [8]\n", ["mine.toml:5: grids: unknown key of a study, did you mean grid?"]),
        (HEAD + "[grid]\n" + "".join(f"training.{key} = {list(range(1, 30))}\n" for key in
                                     ("max_iters", "batch_size", "warmup_iters")),
         ["24,389 cells with 2 seeds are too many"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, said: list[str]) -> None:
    with pytest.raises(PhaseError) as error:
        parsed(text)
    for words in said:
        assert words in str(error.value)


def test_a_fault_of_the_base_is_shown_in_its_own_text(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(PHASE + "[training]\n\n\nmax_iters = 0\n")
    with pytest.raises(PhaseError) as error:
        parsed(HEAD)
    place, line, _ = str(error.value).splitlines()
    assert place.startswith("base.toml:10: training.max_iters: too small (got 0)")
    assert line == "    max_iters = 0"
    (tmp_path / "base.toml").write_text("[phase\n")
    with pytest.raises(PhaseError, match=r"(?s)base.toml:1: not valid TOML.*\n    \[phase\n"):
        parsed(HEAD)


def test_all_faults_are_said_at_once_and_each_once() -> None:
    with pytest.raises(PhaseError) as error:
        parsed(HEAD + "[set]\nmodel.n_layer = 0\n[grid]\nmodel.n_embd = [16, -8, 0]\n")
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert sum("mine.toml:6" in line for line in lines) == 1


@pytest.mark.parametrize("text", ["study = 'mine'\n", "[[study]]\nname = 'mine'\n", HEAD.replace("[5, 6]", "[]")])
def test_a_fault_of_a_table_that_is_asked_for_several_times_is_said_once(text: str) -> None:
    with pytest.raises(PhaseError) as error:
        parsed(text)
    assert len(error.value.problems) == 1


def test_a_study_is_told_from_a_phase() -> None:
    assert is_study(HEAD)
    assert not is_study(PHASE)
    assert not is_study("no toml [")
