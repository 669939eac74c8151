"""What a person reads when a phase is wrong: the whole message, to the letter."""

import re
from collections.abc import Sequence

import pytest

from slmtui.config.phase_file import PhaseError, parse_phase
from slmtui.errors import UserError

NAMED = '[phase]\nname = "p"\n'


def complaint(text: str, overrides: Sequence[str] = ()) -> str:
    with pytest.raises(PhaseError) as caught:
        parse_phase(text, "p.toml", overrides)
    return str(caught.value)


def first_line(text: str) -> str:
    return complaint(text).split("\n")[0]


TEN_MISTAKES = """\
n_layer = 3
[phase]
title = "nameless"
[data]
source = [
  "a.txt",  # good
  2024,
]
patterns.'def s' = '(def'
[model]
n_layers = 3
n_embd = 130
learning_rate = 1e-3
[trainning]
seed = 1
[training]
max_iters = "many"
batch_size = 16.5
schedule = "linear"
"""

TEN_ANSWERS = """\
p.toml:1: n_layer: unknown key outside any section (got 3), n_layer belongs in [model]
p.toml:2: phase.name: missing, allowed: \
up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit
p.toml:7: data.source[1]: not a string (got 2024), allowed: a path or a list of paths
p.toml:9: data.patterns."def s": not a regular expression: missing ), unterminated subpattern at position 0 \
(got "(def"), allowed: a table of name = 'regular expression'
p.toml:11: model.n_layers: unknown key in [model] (got 3), did you mean n_layer?
p.toml:12: model.n_embd: not divisible by n_head (got 130 with n_head = 4), \
allowed: multiples of 4, the nearest being 128 and 132
p.toml:13: model.learning_rate: unknown key in [model] (got 0.001), learning_rate belongs in [training]
p.toml:14: trainning: unknown section, did you mean [training]?
p.toml:17: training.max_iters: not a whole number (got "many"), \
allowed: a whole number from 1 to 1,000,000,000
p.toml:18: training.batch_size: not a whole number (got 16.5), allowed: a whole number from 1 to 65,536
p.toml:19: training.schedule: unknown choice (got "linear"), allowed: "constant" or "cosine\""""


def test_many_mistakes_are_told_at_once_by_line() -> None:
    assert complaint(TEN_MISTAKES) == TEN_ANSWERS


def test_a_single_mistake_is_shown_in_its_line() -> None:
    assert complaint(NAMED + "model.n_layer = 0 # none\n") == (
        "p.toml:3: phase.model: unknown key in [phase] (got a table), model is a section of its own\n"
        "    model.n_layer = 0 # none\n"
        "    ^"
    )
    assert complaint(NAMED + "[model]\n\tn_layer = 0 # none\n") == (
        "p.toml:4: model.n_layer: too small (got 0), allowed: a whole number from 1 to 48\n"
        "     n_layer = 0 # none\n"
        "               ^"
    )


@pytest.mark.parametrize("line", ["n_layer = 0 # \u202e", "n_layer = 0 # 字", f"n_layer = 0 # {'-' * 100}"])
def test_a_line_that_cannot_be_shown_as_it_is_is_not_shown(line: str) -> None:
    assert "\n" not in complaint(f"{NAMED}[model]\n{line}\n")


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (
            "[training]\nmax_iters = true",
            "training.max_iters: not a whole number (got true), allowed: a whole number from 1",
        ),
        ("[training]\nmax_iters = [1]", "training.max_iters: not a whole number (got [1])"),
        (
            f"[training]\nmax_iters = {10**400}",
            "training.max_iters: too large (got a number of more than 30 digits), allowed: a whole number",
        ),
        (
            "[training]\nseed = 4_294_967_296",
            "training.seed: too large (got 4294967296), allowed: a whole number from 0 to",
        ),
        (
            "[training]\nlearning_rate = 0",
            "training.learning_rate: too small (got 0), allowed: a number above 0 and at most",
        ),
        ("[training]\nlearning_rate = inf", "training.learning_rate: not a finite number (got inf)"),
        (
            "[training]\nlearning_rate = '1'",
            'training.learning_rate: not a number (got "1"), allowed: a number above 0',
        ),
        (
            "[training]\nmin_lr = 2e-3",
            "training.min_lr: above learning_rate (got 0.002 with learning_rate = 0.001), "
            "allowed: a number from 0 to 0.001",
        ),
        (
            "[training]\nthreads = 0",
            'training.threads: out of range (got 0), allowed: "auto" or a whole number from 1 to 1,024',
        ),
        (
            "[training]\nthreads = 'all'",
            'training.threads: not a whole number (got "all"), allowed: "auto" or a whole',
        ),
        ("[training]\nlr = 1", "training.lr: unknown key in [training] (got 1), did you mean learning_rate?"),
        (
            "[training]\neval_interval = 1",
            "training.eval_interval: unknown key in [training] (got 1), did you mean interval",
        ),
        (
            "[model]\nblocksize = 1",
            "model.blocksize: unknown key in [model] (got 1), did you mean block_size?",
        ),
        (
            "[model]\nmax_iter = 1",
            "model.max_iter: unknown key in [model] (got 1), did you mean max_iters in [training]?",
        ),
        (
            "[model]\nzzz = 1",
            "model.zzz: unknown key in [model] (got 1), allowed: n_layer, n_head, n_embd, block_size, dro",
        ),
        (
            "[model]\nn_embd = 130\nn_layer = 99",
            "model.n_embd: not divisible by n_head (got 130 with n_head = 4), ",
        ),
        (
            "[zzz]\na = 1",
            "zzz: unknown section, allowed: [phase], [data], [tokenizer], [model], [optimizer]",
        ),
        ("[patterns]\na = 'x'", "patterns: unknown section, patterns belongs in [data]"),
        ("[[gate]]\nmax_gap = 1", "gate: not a section (got [a table]), allowed: a section [gate]"),
        (
            "[optimizer]\nbetas = [0.9]",
            "optimizer.betas: not two numbers (got [0.9]), allowed: two numbers, each at least 0 and below 1",
        ),
        (
            "[optimizer]\nbetas = [0.9, 1]",
            "optimizer.betas[1]: out of range (got 1), allowed: two numbers, each at least 0 and below 1",
        ),
        (
            "[optimizer]\nclip_scaled_gradients = 1",
            "optimizer.clip_scaled_gradients: neither true nor false (got 1), allowed: true",
        ),
        ("[data]\nsource = []", "data.source: an empty list (got []), allowed: a path or a list of paths"),
        ("[data]\nsource = ''", 'data.source[0]: empty (got ""), allowed: a path or a list of paths'),
        (
            "[data]\nsource = 3",
            "data.source: neither a string nor a list of strings (got 3), allowed: a path or a list",
        ),
        (
            '[data]\nsource = "a\\u0000b"',
            'data.source[0]: a path with a NUL character (got "a\\u0000b"), allowed: a path',
        ),
        (
            "[data]\ndataset_size = 1",
            "data.dataset_size: too small (got 1), allowed: a whole number from 2 to 1,000,000,000",
        ),
        (
            "[data]\npatterns = 'x'",
            "data.patterns: not a table (got \"x\"), allowed: a table of name = 'regular expression'",
        ),
        (
            "[data]\npatterns = {a = 1}",
            "data.patterns.a: not a string (got 1), allowed: a table of name = 'regular expression'",
        ),
        ("[data]\npatterns = {'' = 'x'}", 'data.patterns."": empty (got ""), allowed: a table of name'),
        (
            "[tokenizer]\nkind = 'gpt-2'",
            'tokenizer.kind: unknown choice (got "gpt-2"), allowed: "gpt2", "gpt2-compact", "bpe", "characters" or '
            '"bytes"',
        ),
        (
            "[tokenizer]\nvocab_size = 2048",
            'tokenizer.vocab_size: applies only to kind = "bpe" '
            '(got 2048 with kind = "gpt2-compact"), allowed: no vocab_size, or kind = "bpe"',
        ),
        (
            "[tokenizer]\nkind = 'bpe'\nvocab_size = 100_000",
            "tokenizer.vocab_size: more tokens than 16 bits can number (65,536) (got 100000), "
            "allowed: a whole number from 257 to 16,384",
        ),
        (
            "[tokenizer]\nkind = 'bpe'\nvocab_size = 20_000",
            "tokenizer.vocab_size: too large (got 20000), allowed: a whole number",
        ),
        (
            "[sampling]\nprompts = [['a']]",
            'sampling.prompts[0]: not a string (got ["a"]), allowed: a string or a list of strings',
        ),
    ],
)
def test_every_kind_of_mistake_has_its_words(lines: str, answer: str) -> None:
    head, _, body = complaint(f"{NAMED}{lines}\n").partition(": ")
    assert re.fullmatch(r"p\.toml:\d+", head)
    assert body.startswith(answer)


@pytest.mark.parametrize("name", ["", "-a", "a/b", "..", "a b", "ä", "a" * 65, "a\\n"])
def test_a_name_must_do_for_a_folder(name: str) -> None:
    assert first_line(f'[phase]\nname = "{name}"').startswith("p.toml:2: phase.name: not a valid folder name (got ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("# nothing\n\n[model]\nn_layer = 2\n", 1),
        ("# c\n\n[phase]\ntitle = 'x'\n", 3),
        ("\nphase.title = 'x'", 2),
    ],
)
def test_a_missing_name_is_missed_where_it_belongs(text: str, line: int) -> None:
    assert first_line(text).startswith(f"p.toml:{line}: phase.name: missing, allowed: up to 64 letters, digits, ")


def test_a_default_width_that_does_not_fit_is_told_at_the_heads() -> None:
    assert complaint(f"{NAMED}[model]\nn_layer = 2\nn_head = 5\n") == (
        "p.toml:5: model.n_embd: not divisible by n_head (got 128 with n_head = 5), "
        "allowed: multiples of 5, the nearest being 125 and 130\n"
        "    n_head = 5\n"
        "             ^"
    )


def test_rotary_positions_need_pairs() -> None:
    assert complaint(f'{NAMED}[model]\nn_head = 2\nn_embd = 6\npositions = "rotary"\n') == (
        'p.toml:6: model.positions: needs heads of an even width (got "rotary" with heads of 3 (n_embd = 6, n_head = 2)'
        '), allowed: "learned", or an n_embd that is a multiple of 2 · n_head\n'
        '    positions = "rotary"\n'
        "                ^"
    )


def test_widths_that_are_offered_are_allowed() -> None:
    assert "multiples of 64, the nearest being 64\n" in complaint(f"{NAMED}[model]\nn_head = 64\nn_embd = 2")
    assert "multiples of 60, the nearest being 4080\n" in complaint(f"{NAMED}[model]\nn_head = 60\nn_embd = 4096")


def test_the_problems_are_there_for_a_form_as_well() -> None:
    with pytest.raises(UserError) as caught:
        parse_phase(f"{NAMED}[model]\n  n_layer = 0\n  zzz = 1\n")
    assert isinstance(caught.value, PhaseError)
    found = [(problem.key, problem.line, problem.column) for problem in caught.value.problems]
    assert found == [("model.n_layer", 4, 13), ("model.zzz", 5, 3)]


def test_nothing_in_a_file_acts_on_the_terminal() -> None:
    text = f'{NAMED}"\\u001b[2J" = "\\u001b]0;x\\u0007\\u009b"\n[model]\nn_layer = "\\u202e{"x" * 1000}"\n'
    message = complaint(text)
    assert message.replace("\n", "").isprintable()
    assert all(len(line) < 250 for line in message.split("\n"))


def test_only_the_first_of_very_many_faults_are_told() -> None:
    said = complaint(NAMED + "[model]\n" + "".join(f"key{i} = 1\n" for i in range(20_000))).splitlines()
    assert len(said) == 31
    assert said[0].startswith("p.toml:4: model.key0: unknown key")
    assert said[-1] == "… and 19,970 more"
