"""Editing a phase's text key by key: what changes, and that nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slmtui.config.editing import form_values, new_phase, shown_default, with_value
from slmtui.config.gate_section import GateSection
from slmtui.config.phase_file import parse_phase
from slmtui.config.schema import keys
from slmtui.errors import UserError

TEXT = """\
# at the top
[phase]
name = "a"  # its name
description = \"\"\"
two
lines\"\"\"

[data]  # the data
source = "corpus"
include = [
    "*.py",  # Python
    "*.md",
]
patterns."my hits" = 'foo\\('  # counted

[training]
learning_rate = 5e-4  # as written
max_iters = 1_000
"""


def edited(section: str, name: str, typed: str, text: str = TEXT) -> str:
    return with_value(text, keys()[section, name], typed)


def test_what_a_form_shows() -> None:
    shown = form_values(TEXT)
    assert shown["phase", "description"] == "two\nlines"
    assert shown["data", "source"] == "corpus"
    assert shown["data", "include"] == "*.py\n*.md"
    assert shown["data", "patterns"] == "\"my hits\" = 'foo\\('"
    assert shown["training", "learning_rate"] == "5e-4"
    assert shown["training", "max_iters"] == "1_000"
    assert ("training", "seed") not in shown


def test_what_is_shown_and_typed_again_changes_nothing() -> None:
    for file in [TEXT, *(path.read_text() for path in Path("phases").glob("*.toml"))]:
        for (section, name), shown in form_values(file).items():
            assert edited(section, name, shown, file) == file, (section, name)


@pytest.mark.parametrize(
    ("section", "name", "typed", "before", "after"),
    [
        ("phase", "name", "b", 'name = "a"', 'name = "b"'),
        ("phase", "description", "one\nand two", '"""\ntwo\nlines"""', '"""\none\nand two"""'),
        ("data", "source", "a\nb", 'source = "corpus"', 'source = ["a", "b"]'),
        ("data", "source", "notes", 'source = "corpus"', 'source = "notes"'),
        ("data", "include", "*.py\n*.txt\n*.md", '    "*.md",', '    "*.txt",\n    "*.md",'),
        ("data", "include", "*.py", '    "*.md",\n', ""),
        ("data", "patterns", "\"my hits\" = 'bar'", "'foo\\('", '"bar"'),
        ("data", "patterns", "", "patterns.\"my hits\" = 'foo\\('  # counted\n", ""),
        ("training", "learning_rate", "1e-3", "5e-4", "1e-3"),
        ("training", "learning_rate", "fast", "5e-4", '"fast"'),
        ("training", "max_iters", "", "max_iters = 1_000\n", ""),
        ("training", "seed", "7", "1_000\n", "1_000\nseed = 7\n"),
        ("training", "threads", "auto", "1_000\n", '1_000\nthreads = "auto"\n'),
        ("gate", "max_gap", "1.5", "1_000\n", "1_000\n\n[gate]\nmax_gap = 1.5\n"),
    ],
)
def test_one_change_is_one_change(section: str, name: str, typed: str, before: str, after: str) -> None:
    assert TEXT.count(before) == 1
    assert edited(section, name, typed) == TEXT.replace(before, after)


def test_an_unset_list_and_an_empty_one_are_different() -> None:
    text = edited("sampling", "prompts", "[]")
    assert parse_phase(text).sampling.prompts == ()
    assert form_values(text)["sampling", "prompts"] == "[]"
    assert parse_phase(edited("sampling", "prompts", "", text)).sampling.prompts == ("\n",)


def test_emptying_what_is_not_there_adds_no_section() -> None:
    assert edited("gate", "max_gap", "") == TEXT


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda t: bool(t.strip(" "))), min_size=1))
def test_any_list_of_texts_survives_its_field(items: list[str]) -> None:
    text = '[phase]\nname = "a"\n'
    key = keys()["sampling", "prompts"]
    source = f"{text}[sampling]\nprompts = {json.dumps(items).replace(chr(127), chr(92) + 'u007f')}\n"
    assume(all(ord(c) <= 0xFFFF for item in items for c in item))  # JSON's surrogate pairs are no TOML
    shown = form_values(source)["sampling", "prompts"]
    assume(all(line.strip() for line in shown.split("\n")) and shown.strip() != "[]")  # a line of blanks is no item
    assert parse_phase(with_value(text, key, shown)).sampling.prompts == tuple(items)


def test_a_text_that_is_no_toml_or_has_no_such_section_is_not_touched() -> None:
    with pytest.raises(UserError, match="not valid TOML"):
        edited("model", "n_layer", "3", "[model\n")
    with pytest.raises(UserError, match="model is not a section"):
        edited("model", "n_layer", "3", "model = 3\n")
    with pytest.raises(ValueError, match="line 1"):
        form_values("[model\n")


def test_a_new_phase_is_right_and_says_every_default() -> None:
    text = new_phase("mine")
    phase = parse_phase(text)
    assert phase == parse_phase('[phase]\nname = "mine"\n')
    unset = {
        "patterns",
        "vocab_size",
        "validation_size",
        "dataset_size",
        "attention_dropout",
        "init_from",
        "target",
        "freeze_layers",
        "max_minutes",
        "decides",
        *GateSection.model_fields,
    }
    assert {name for _, name in keys()} - {name for _, name in form_values(text)} == unset


def test_defaults_as_fields_show_them() -> None:
    assert shown_default(keys()["sampling", "prompts"]) == "\\n"
    assert shown_default(keys()["optimizer", "betas"]) == "[0.9, 0.95]"
    assert shown_default(keys()["optimizer", "clip_scaled_gradients"]) == "false"
    assert shown_default(keys()["gate", "max_gap"]) == ""
