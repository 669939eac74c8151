"""What Phases says of a phase before it is trained: lines with a value, a remark and a tone."""

from __future__ import annotations

import pytest

from slmtui.config.errors import PhaseError
from slmtui.config.limits import TOKENIZER_KINDS
from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.console.screens.phases.meaning import MeaningLine, difference_lines, meaning, problem_lines
from slmtui.insight.estimates import DatasetCounts, NoCounts, Speed

PHASE2 = load_phase("phases/phase2.toml")
FACTS = DatasetCounts(50_257, 4_500, 500)


def said(lines: tuple[MeaningLine, ...]) -> dict[str, MeaningLine]:
    return {line.label.strip(): line for line in lines if line.label}


def phase(text: str) -> Phase:
    return parse_phase('[phase]\nname = "a"\n' + text)


def test_the_published_phase_2() -> None:
    lines = meaning(PHASE2, FACTS)
    labels = said(lines)
    assert labels["parameters"].value == "3,368,576"
    assert [(line.label, line.value) for line in lines[1:4]] == [
        ("  vocabulary", "3,216,448"), ("  positions", "2,048"), ("  body", "150,080"),
    ]  # fmt: skip
    assert sum(line.share or 0 for line in lines) == pytest.approx(1)
    assert labels["per token"].value == "749"
    assert labels["per token"].remark.startswith("parameters; above the house rule of 10–100")
    assert labels["epochs"].value == "56.9"
    assert labels["epochs"].remark == "over 16: returns fade (Muennighoff et al. 2023)"
    assert any("most of it is the vocabulary" in line.remark for line in lines)


@pytest.mark.parametrize("kind", TOKENIZER_KINDS)
def test_every_kind_of_vocabulary_is_described(kind: str) -> None:
    assert said(meaning(phase(f'[tokenizer]\nkind = "{kind}"\n'), None))["vocabulary"].remark


@pytest.mark.parametrize(("max_iters", "tone"), [(70, "excellent"), (71, ""), (281, ""), (282, "moderate")])
def test_the_limits_of_epochs(max_iters: int, tone: str) -> None:
    values = PHASE2.values()
    values["training"]["max_iters"] = max_iters
    assert said(meaning(Phase.model_validate(values), FACTS))["epochs"].tone == tone


@pytest.mark.parametrize(
    ("tokens", "word"),
    [(3_368_576 // 10 + 1, "below"), (3_368_576 // 10, "inside"), (33_686, "inside"), (33_685, "above")],
)
def test_the_limits_of_the_house_rule(tokens: int, word: str) -> None:
    line = said(meaning(PHASE2, DatasetCounts(50_257, tokens, 10)))["per token"]
    assert f"{word} the house rule" in line.remark


def test_before_the_data_is_read_and_when_it_cannot_be() -> None:
    compact_phase = phase("")
    waiting = said(meaning(compact_phase, None))
    assert waiting["vocabulary"].value == "counting …"
    assert "parameters" not in waiting
    assert said(meaning(PHASE2, None))["parameters"].value == "3,368,576"
    broken = meaning(compact_phase, NoCounts("corpus: no such folder"))
    assert (broken[0].remark, broken[0].tone) == ("corpus: no such folder", "catastrophic")
    assert said(broken)["vocabulary"].value == "not known"


def test_time_and_memory() -> None:
    lines = said(meaning(PHASE2, FACTS, Speed(0.026, 28.0, "measured in phase2-001"), memory_here=8 * 10**9))
    assert lines["time"].value == "28 s"
    assert lines["time"].remark == "26 ms a step, measured in phase2-001"
    assert lines["memory"].remark == "training alone; this machine has 8.0 GB"
    assert "m measures" in said(meaning(PHASE2, FACTS))["time"].remark
    assert said(meaning(PHASE2, FACTS, memory_here=10**6))["memory"].tone == "catastrophic"


def test_differences_are_shown_as_toml() -> None:
    other = phase('[model]\nn_layer = 2\n[gate]\nmax_gap = 1.0\n[sampling]\nprompts = ["x"]')
    mine = phase("[model]\nn_layer = 3")
    assert [(line.label, line.value) for line in difference_lines(mine, other)] == [
        ("n_layer", "2 → 3"), ("prompts", '["x"] → ["\\n"]'), ("max_gap", "1.0 → unset"),
    ]  # fmt: skip
    assert difference_lines(mine, mine) == ()


def test_mistakes_stand_where_the_meaning_would_with_line_and_key() -> None:
    with pytest.raises(PhaseError) as caught:
        parse_phase('[phase]\nname = "a"\n[model]\nn_layer = 0')
    head, *lines = problem_lines(caught.value.problems)
    assert (head.label, head.tone) == ("", "")
    assert [line.tone for line in lines] == ["catastrophic"]
    assert lines[0].remark.startswith("line 4: model.n_layer: ")
    assert problem_lines(()) == ()
