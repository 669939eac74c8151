"""What validation has from training: the places are those that a person finds in the files."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.data import split_stats
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.split_stats import dataset_baseline, dataset_leakage, token_counts

PASSAGE = "".join(f"value_{i} = compute({i * 7919 % 613}, mode='{'xyz'[i % 3]}')\n" for i in range(12))


@pytest.fixture
def leaky(tmp_path: Path) -> Dataset:
    """The last file repeats twelve lines of the first, from its fourth line on."""
    (tmp_path / "a.py").write_text("import one\nimport two\n" + PASSAGE)
    (tmp_path / "b.py").write_text("".join(f"def f{i % 7}(x):\n    return x ** {i % 7}\n" for i in range(80)))
    (tmp_path / "c.py").write_text("print('z')\n# a note\nqq = 1\n" + PASSAGE)
    return build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2", train_fraction=0.8))


def test_the_longest_repeat_is_named_with_both_places(leaky: Dataset) -> None:
    shared = dataset_leakage(leaky)
    assert shared.longest_train == "a.py:3"
    assert shared.longest_val == "c.py:4"
    train, val = leaky.train.tokens[list(shared.longest_train_range)], leaky.val.tokens[list(shared.longest_val_range)]
    assert train.tolist() == val.tolist()
    assert PASSAGE.strip() in leaky.tokenizer.decode(train)
    assert shared.repeated_tokens >= shared.longest
    solid = [token for token in leaky.val.tokens.tolist() if leaky.tokenizer.token_bytes(token).strip()]
    assert shared.repeated_share == shared.repeated_tokens / len(solid)
    assert shared.note == ""


def test_repeats_are_of_as_much_text_in_every_vocabulary(tmp_path: Path) -> None:
    """A phrase of seven words, again and again, is far shorter than 16 tokens of GPT-2, and longer than 16 bytes."""
    words = [f"{a}{b}" for a in ("sto", "ri", "ma", "kel", "du") for b in ("ne", "ver", "pon", "lish", "g")]
    phrase = "which is not what they said "
    text = "".join(f"{words[i % 25]} {words[i * 7 % 23]} {words[i * i % 19]} {i}, {phrase}" for i in range(200))
    (tmp_path / "a.txt").write_text(text)
    found = {}
    for kind in ("gpt2", "bytes", "characters"):
        found[kind] = dataset_leakage(build_dataset(open_corpus(tmp_path), DatasetSettings(kind=kind)))
    assert found["gpt2"].shortest == 16
    assert found["bytes"].shortest > 32
    assert found["gpt2"].repeated_share == found["bytes"].repeated_share == found["characters"].repeated_share == 0.0


def test_only_the_beginning_of_large_sides_is_compared_and_a_note_says_so(
    leaky: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_stats, "COMPARED_TOKENS", 40)
    shared = dataset_leakage(leaky)
    assert shared.longest <= 40
    assert f"the first 40 of {len(leaky.train.tokens):,} training" in shared.note
    assert "validation tokens" in shared.note


def test_tokens_are_counted_and_the_first_unseen_ones_named_in_their_order(leaky: Dataset) -> None:
    counts = token_counts(leaky)
    train, val = leaky.train.tokens.tolist(), leaky.val.tokens.tolist()
    assert counts.train.sum() == leaky.train.n_text_tokens
    assert counts.val[val[3]] == val.count(val[3])
    unseen = [token for token in val if token not in set(train)]
    assert counts.unseen_tokens == len(unseen)
    assert counts.unseen_kinds == len(set(unseen))
    assert counts.unseen == tuple(dict.fromkeys(unseen))[: split_stats.UNSEEN_SHOWN]
    assert "qq" in leaky.tokenizer.decode(list(counts.unseen))


def test_sides_that_share_no_token_have_no_places(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" one two three four" + "\n-\n=")
    dataset = build_dataset(open_corpus(tmp_path / "a.txt"), DatasetSettings(kind="gpt2", train_fraction=0.5))
    shared = dataset_leakage(dataset)
    assert (shared.longest, shared.longest_train, shared.longest_val, shared.repeated_share) == (0, "", "", 0.0)
    assert token_counts(dataset).unseen_tokens == dataset.val.n_text_tokens
    baseline = dataset_baseline(dataset)
    assert baseline is not None
    assert baseline.loss < baseline.uniform * 1.5


def test_a_side_of_one_token_has_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab xy")
    dataset = build_dataset(open_corpus(tmp_path / "a.txt"), DatasetSettings(kind="gpt2", train_fraction=0.9))
    one = replace(dataset, val=replace(dataset.val, tokens=dataset.val.tokens[:1]))
    assert dataset_baseline(one) is None


def test_a_licence_at_the_end_of_every_file_is_named_and_left_out(tmp_path: Path) -> None:
    """Forty files of different text, with thirty lines in common at their end."""
    licence = "".join(f"Clause {i}: whoever reads line {i * 37 % 101} may copy it {i + 2} times.\n" for i in range(30))
    draw = random.Random(1)
    for i in range(40):
        words = ["".join(draw.choices("etaoinshrdlucmfw", k=draw.randint(2, 9))) for _ in range(400)]
        (tmp_path / f"{i:02}.txt").write_text(f"{' '.join(words)}\n\n{licence}")
    dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2"))
    shared = dataset_leakage(dataset)
    assert shared.repeated_share == 0.0
    assert shared.left_out == (f"40 of 40 documents end with the same footer, {licence.splitlines()[0][:49] + '…'!r}",)


def test_a_footer_is_named_by_its_first_whole_line(tmp_path: Path) -> None:
    draw = random.Random(2)
    for i in range(8):
        words = [draw.choice("etaoinshrdlu") + str(draw.randrange(9_999)) for _ in range(60)]
        (tmp_path / f"{i}.py").write_text(
            f"{' '.join(words)}\ndef run_{i}(path, limit={i}):\n    for line in sorted(open(path, 'rb').readlines()):\n"
            "        print(line.strip().decode('utf-8'), flush=True)\n"
        )
    shared = dataset_leakage(build_dataset(open_corpus(tmp_path), DatasetSettings(kind="gpt2")))
    assert shared.left_out == (
        "8 of 8 documents end with the same footer, \"for line in sorted(open(path, 'rb').readlines()):\"",
    )
