"""`--set section.key=value`: what it takes, what it puts, how it complains."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.config.phase_file import PhaseError, Problem, parse_phase

FILE = """\
[phase]
name = "p"
[data]
source = ["corpus"]
patterns.old = 'x'
[model]
n_head = 4
[training]
max_iters = 100
"""


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.max_iters=200", 200),
        ("training.max_iters = 6e8 # many", 600_000_000),
        ("training.learning_rate=5e-4", 5e-4),
        ("training.schedule=constant", "constant"),
        ('training.schedule="constant"', "constant"),
        ("training.threads=auto", "auto"),
        ("training.threads=2", 2),
        ("optimizer.clip_scaled_gradients=true", True),
        ("optimizer.betas=[0.8, 0.9]", (0.8, 0.9)),
        ("data.source=some/file.txt", ("some/file.txt",)),
        ("data.source=2024", ("2024",)),
        ("data.source=2026-01-02", ("2026-01-02",)),
        ("data.source=true", ("true",)),
        ("data.source=a = b # c.txt", ("a = b # c.txt",)),
        ('data.source=["a", "b"]', ("a", "b")),
        ("data.source=[draft].txt", ("[draft].txt",)),
        ("phase.name=2024", "2024"),
        ("phase.title=1e400", "1e400"),
        ("phase.title=", ""),
        ("phase.title=a\n[model]", "a\n[model]"),
        ('phase.title="a"\nb = 2', '"a"\nb = 2'),
        ("phase.title=" + "1" * 5_000, "1" * 5_000),
        ("phase.title=" + "[" * 100_000, "[" * 100_000),
        ("data.patterns.new=collection\\.", {"old": "x", "new": r"collection\."}),
        ('data.patterns."a = b"=c', {"old": "x", "a = b": "c"}),
        ("data.patterns.'a \"b'=1", {"old": "x", 'a "b': "1"}),
        ("data.patterns.old=y", {"old": "y"}),
        ("data.patterns={ a = 'b' }", {"a": "b"}),
        ("gate.max_gap=1", 1.0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_value_is_put_over_the_file(override: str, value: Any) -> None:
    phase = parse_phase(FILE, overrides=[override])
    section, key = override.partition("=")[0].strip().split(".")[:2]
    assert getattr(getattr(phase, section), key) == value


def test_the_last_one_wins_and_the_rest_stays() -> None:
    phase = parse_phase(FILE, overrides=["training.max_iters=1", "training.max_iters=2", "model.n_embd=64"])
    assert (phase.training.max_iters, phase.model.n_embd, phase.data.source) == (2, 64, ("corpus",))


def test_a_name_may_come_from_an_override() -> None:
    assert parse_phase("", overrides=["phase.name=p"]).name == "p"
    with pytest.raises(PhaseError, match=r"^p\.toml:1: phase\.name: missing"):
        parse_phase("", "p.toml", overrides=["phase.title=p"])


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        (
            "training.max_iters=abc",
            'not a whole number (got "abc"), allowed: a whole number from 1 to 1,000,000,000',
        ),
        (
            "training.max_iters=",
            'not a whole number (got ""), allowed: a whole number from 1 to 1,000,000,000',
        ),
        ("training.schedule=5", 'unknown choice (got 5), allowed: "constant" or "cosine"'),
        ("training.lr=5", "unknown key in [training] (got 5), did you mean learning_rate?"),
        ("trainning.seed=5", "unknown section, did you mean [training]?"),
        ("data.source=[1]", "not a string (got 1), allowed: a path or a list of paths"),
        (
            "model.n_head=5",
            "not divisible by n_head (got 128 with n_head = 5), allowed: multiples of 5, the nearest being 125 and 130",
        ),
        (
            "data.patterns.old=(",
            "not a regular expression: missing ), unterminated subpattern at position 0 "
            "(got \"(\"), allowed: a table of name = 'regular expression'",
        ),
        ("max_iters=5", "not in the form section.key=value, as in training.max_iters=200"),
        ("training.max_iters", "not in the form section.key=value, as in training.max_iters=200"),
        ("training.max_iters.x=5", "not in the form section.key=value, as in training.max_iters=200"),
        ("=5", "not in the form section.key=value, as in training.max_iters=200"),
        ("", "not in the form section.key=value, as in training.max_iters=200"),
    ],
)
def test_a_fault_is_told_as_the_option_that_has_it(override: str, answer: str) -> None:
    with pytest.raises(PhaseError) as caught:
        parse_phase(FILE, overrides=[override])
    assert str(caught.value) == f"--set {override}: {answer}"


def test_faults_of_file_and_overrides_are_told_together() -> None:
    with pytest.raises(PhaseError) as caught:
        parse_phase(FILE + "seed = -1\n", "p.toml", ["nonsense", "model.n_layer=0"])
    assert [problem.place for problem in caught.value.problems] == [
        "p.toml:10",
        "--set nonsense",
        "--set model.n_layer=0",
    ]


def test_a_file_that_has_no_table_where_one_must_be_is_at_fault() -> None:
    with pytest.raises(PhaseError, match=r"^p\.toml:1: model: not a section \(got 5\)"):
        parse_phase("model = 5\nphase.name = 'p'\n", "p.toml", ["model.n_layer=2"])


@pytest.mark.filterwarnings("ignore::FutureWarning")  # re, of [[ in a pattern
@settings(max_examples=200, deadline=None)
@given(
    st.text("datsourcepn.=[]{}\"'#\\\n ,10-\x1b\udcff", max_size=20),
    st.sampled_from(["", "data.source=", "data.patterns."]),
)
def test_whatever_is_set_there_is_a_phase_or_a_message(text: str, start: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_phase(FILE, overrides=[start + text])
    except PhaseError as error:
        problems = error.problems or pytest.fail("an error without a word")
    for problem in problems:
        assert problem.place.startswith("--set ")
        assert str(problem).isprintable()
