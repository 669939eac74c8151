"""The report on a study: what it says of cells, claims, a law, and of what is not known."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.commands import report
from slmtui.errors import UserError
from slmtui.insight.report.blocks import Figure
from slmtui.insight.report.build import write_report
from slmtui.insight.report.markdown import to_markdown
from slmtui.studies.report import study_report
from slmtui.studies.results import StudyResults
from tests.studies.made_up import study_results

FILE = "studies/made-up.toml"
TEXT = '[study]\nname = "made-up"\n'
SEEDS = (-0.001, 0.0, 0.001)


def law_like(claims: tuple[str, ...] = ()) -> StudyResults:
    """Six cells: twice the parameters are worth 0.2 bits, twice the data 0.3, and every seed is near its mean."""
    cells = []
    for size in range(2):
        for data in range(3):
            given = {"parameters": 20_000 * 2**size, "train_tokens": 1000 * 2**data}
            bits = 3.0 - 0.2 * size - 0.3 * data
            trials = [{"bits": bits + seed, "evaluations": (8.0, bits + 1, bits + seed), **given} for seed in SEEDS]
            cells.append(({"model.n_embd": 8 * 2**size, "data.dataset_size": 1000 * 2**data}, trials))
    return study_results(cells, claims)


def said(results: StudyResults) -> str:
    return to_markdown(study_report(results, FILE, TEXT), [])


def test_it_says_which_cell_is_the_best_and_how_sure_that_is() -> None:
    text = said(law_like())
    assert (
        "The best of 6 cells, model.n_embd 16 · data.dataset_size 4000, reaches 2.200 bits per byte (95 %: 2.198 to"
        in text
    )
    assert "It is shown to be better than all 5 others." in text
    assert (
        "With 40,000 parameters, 4 times the training tokens (1,000 to 4,000) take the loss from 2.800 to 2.200" in text
    )
    assert (
        "With 4,000 training tokens, 2 times the parameters (20,000 to 40,000) take the loss from 2.400 to 2.200"
        in text
    )
    assert "6 cells with 3 seeds each, 18 trials in all, of which 18 came to their end." in text
    assert "| model.n_embd 8 · data.dataset_size 1000 " in text
    assert text.index("worse by 0.2") < text.index("worse by 0.8"), "the best first"


@pytest.mark.parametrize(("counting", "useless"), [(2.0, True), (2.5, False)])
def test_it_says_what_counting_alone_reaches(counting: float, useless: bool) -> None:
    seeds = [{"bits": 2.2 + seed, "counting_bits_per_byte": counting} for seed in SEEDS]
    text = said(study_results([({"a": 1}, seeds)]))
    assert f"Counting alone reaches {counting:.3f} with the same training text" in text
    assert ("less than any cell" in text) is useless


def test_the_law_its_constants_and_what_twice_would_bring() -> None:
    text = said(law_like())
    assert "L = E + A / N^α + B / D" in text
    for sign in ("E", "A", "α", "B", "β"):
        assert f"| {sign} " in text
    assert "By the law, twice its text would lower its loss by 0." in text
    assert "twice its parameters would lower its loss by 0." in text
    assert "Anything beyond 4 times what was measured, 20,000 to 40,000 parameters and 1,000 to 4,000 tokens" in text


def test_without_a_law_it_says_why() -> None:
    text = said(study_results([({"a": n}, [{"bits": 2.0 + n}, {"bits": 2.1 + n}]) for n in (1, 2)]))
    assert "## The law" not in text
    assert "A law: a law has five constants, so it takes 6 cells or more that are done, not 2." in text


def test_what_cannot_be_told_apart_is_named_with_the_seeds_that_may_decide_it() -> None:
    near = [{"bits": 2.0}, {"bits": 2.2}, {"bits": 2.1}]
    far = [{"bits": 2.3}, {"bits": 2.1}, {"bits": 2.2}]
    text = said(study_results([({"a": 1}, near), ({"a": 2}, far)]))
    assert "It is not shown to be better than the other." in text
    assert "Whether the best cell is better than a 2 (" in text
    assert "seeds may decide it" in text


def test_claims_are_counted_and_each_has_its_evidence() -> None:
    text = said(law_like(("more_data_is_better", "data_cuts_gap")))
    assert "Of 2 claims tested, 1 is supported and 1 is contradicted." in text
    assert "**More data always make the model better: supported.**" in text


def test_trials_that_did_not_end_count_nowhere_and_are_told() -> None:
    results = law_like()
    first = results.cells[0]
    cut = replace(first, trials=(replace(first.trials[0], status="stopped"), *first.trials[1:]))
    text = said(replace(results, cells=(cut, *results.cells[1:])))
    assert "18 trials in all, of which 17 came to their end." in text
    assert "1 trial of 18 did not come to the end, and count" in text


def test_before_the_first_trial_there_is_a_design_and_no_result() -> None:
    results = law_like()
    empty = [replace(cell, trials=tuple(replace(t, status="queued", blocks=None) for t in cell.trials))
             for cell in results.cells]  # fmt: skip
    text = said(replace(results, cells=tuple(empty)))
    assert "No trial has come to its end yet." in text
    assert "## Results" not in text


def test_its_figures_are_pictures_that_are_the_same_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written.append(write_report(study_report(law_like(), FILE, TEXT), tmp_path / name / "r.md"))
    first, second = written
    assert [path.name for path in first] == ["r-1.svg", "r-2.svg", "r-3.svg", "r.md"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    for figure in first[:3]:
        assert ET.parse(figure).getroot().tag.endswith("svg")
    blocks = study_report(law_like(), FILE, TEXT).blocks
    assert sum(isinstance(block, Figure) for block in blocks) == 3


@pytest.mark.parametrize("names", [["studies/one.toml", "run-001"], ["studies/one.toml", "studies/two.toml"]])
def test_a_study_does_not_stand_beside_others(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"one.* cannot stand beside others"):
        report.command.main([*names, "--checkpoints", str(tmp_path)], standalone_mode=False)
