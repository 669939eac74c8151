"""What Phases says of a phase before it is trained."""

from __future__ import annotations

from dataclasses import replace

from slmtui.config.phase_file import parse_phase
from slmtui.console.screens.phases.diagnosis import diagnosis_lines
from slmtui.insight.estimates import DatasetCounts, NoCounts
from tests.insight.sound import SOUND

PHASE = parse_phase("[phase]\nname = 'p'\n[model]\nn_layer = 2\nn_embd = 64\n", "p.toml")
KNOWN = DatasetCounts(1_500, 20_000, 2_200, (), SOUND)


def test_nothing_is_said_before_the_two_sides_are_known() -> None:
    assert diagnosis_lines(PHASE, None) == ()
    assert diagnosis_lines(PHASE, NoCounts("no such folder")) == ()
    assert diagnosis_lines(PHASE, replace(KNOWN, facts=None)) == ()


def test_a_sound_phase_is_told_so() -> None:
    (line,) = diagnosis_lines(PHASE, KNOWN)
    assert (line.label, line.tone) == ("diagnosis", "excellent")


def test_what_is_wrong_stands_there_with_its_remedy_each_once() -> None:
    sick = replace(SOUND, repeated_share=0.9, unseen_share=0.5)
    head, *lines = diagnosis_lines(PHASE, replace(KNOWN, val_tokens=100, facts=sick))
    assert head.remark == "3 to know before you start:"
    assert [line.tone for line in lines] == ["catastrophic", "moderate", "moderate"]
    assert lines[0].remark.startswith("90% of the validation tokens repeat training text")
    assert '→ hold other text back: data.split = "by-document"' in lines[0].remark


def test_a_model_that_is_far_too_large_is_named_as_it_is_typed() -> None:
    large = parse_phase("[phase]\nname = 'p'\n[model]\nn_layer = 12\nn_embd = 768\n", "p.toml")
    assert "model far too large" in diagnosis_lines(large, KNOWN)[1].remark
