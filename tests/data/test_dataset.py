"""How a corpus becomes two sides, in each vocabulary."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import slmtui.data.dataset as dataset_module
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import BPE_SAMPLE, Dataset, DatasetSettings, Side, SideTokens, build_dataset
from slmtui.data.errors import DataError
from slmtui.data.token_file import TokenFile
from slmtui.data.token_prefix import TokenPrefixWriter, read_prefix
from slmtui.data.tokenizer import gpt2_tokenizer, tokenizer_from_state
from tests.data.test_corpus import published, text_of, write

KINDS = ["gpt2", "gpt2-compact", "bpe"]
SIDES: list[Side] = ["train", "val"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A dozen files of 3 to 36 functions, a copy of one, an empty one; some characters of several bytes."""
    files: dict[str, str | bytes] = {}
    function = "def function_{}_{}(value):\n    return value * {}  # é 日本 🙂\n\n"
    for i in range(1, 13):
        lines = [function.format(i, j, i * j) for j in range(i * 3)]
        files[f"part{i:02}/file.py"] = "".join(lines)
    files["zz_copy.py"] = files["part03/file.py"]
    files["empty.py"] = ""
    return published(write(tmp_path_factory.mktemp("corpus"), files))


def side_bytes(dataset: Dataset, side: Side) -> bytes:
    return dataset.tokenizer.decode_bytes(dataset.side(side).tokens)


@pytest.mark.parametrize(
    ("size", "train", "val"),
    [(1_000, 900, 100), (5_000, 4_500, 500), (15_000, 13_500, 1_500), (23_000, 20_700, 2_300)],
)
def test_the_golden_sizes(golden_corpus: Path, size: int, train: int, val: int) -> None:
    corpus = published(golden_corpus)
    dataset = build_dataset(corpus, DatasetSettings(kind="gpt2", dataset_size=size))
    assert (len(dataset.train.tokens), len(dataset.val.tokens)) == (train, val)
    assert dataset.notes == ()
    whole = gpt2_tokenizer().encode(golden_corpus.read_text("utf-8"))
    assert np.concatenate([dataset.train.tokens, dataset.val.tokens]).tolist() == whole[:size].tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
@pytest.mark.parametrize("size", [1_500, 2_001, None])
def test_every_vocabulary_gets_the_same_two_texts(folder: Corpus, kind: str, split: str, size: int | None) -> None:
    reference = build_dataset(folder, DatasetSettings(kind="gpt2", dataset_size=size, split=split))
    dataset = build_dataset(folder, DatasetSettings(kind=kind, dataset_size=size, split=split))
    for side in SIDES:
        assert side_bytes(dataset, side) == side_bytes(reference, side)
        assert dataset.side(side).n_bytes == len(side_bytes(dataset, side))
        assert dataset.side(side).tokens.dtype == np.uint16
    assert dataset.val_bytes_fingerprint == reference.val_bytes_fingerprint
    assert (dataset.fingerprint == reference.fingerprint) == (kind == "gpt2")


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_inside_a_character(tmp_path: Path, kind: str) -> None:
    text = "é日🙂x" * 15
    (tmp_path / "a.txt").write_text(text)
    corpus = published(tmp_path / "a.txt")
    n_tokens = len(gpt2_tokenizer().encode(text))
    inside = 0
    for border in range(2, n_tokens - 2):
        dataset = build_dataset(
            corpus, DatasetSettings(kind=kind, vocab_size=512, train_fraction=(border + 0.5) / n_tokens)
        )
        train, val = side_bytes(dataset, "train"), side_bytes(dataset, "val")
        assert train + val == text.encode()
        assert len(train) == len(gpt2_tokenizer().decode_bytes(gpt2_tokenizer().encode(text)[:border]))
        inside += val[0] & 0xC0 == 0x80
    assert inside > 25


def test_compact_takes_nothing_from_validation(folder: Corpus) -> None:
    gpt2 = build_dataset(folder, DatasetSettings(kind="gpt2"))
    compact = build_dataset(folder, DatasetSettings(kind="gpt2-compact"))
    assert len(compact.train.tokens) == len(gpt2.train.tokens)
    assert compact.tokenizer.state()["gpt2_ids"] == sorted({*range(256), *gpt2.train.tokens.tolist()})
    unseen = set(gpt2.val.tokens.tolist()) - set(gpt2.train.tokens.tolist())
    assert unseen
    assert len(compact.val.tokens) > len(gpt2.val.tokens)


def test_bpe_learns_from_the_training_side_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha beta " * 300 + "omega " * 100)
    dataset = build_dataset(
        published(tmp_path / "a.txt"), DatasetSettings(kind="bpe", vocab_size=512, train_fraction=0.7)
    )
    tokens = [dataset.tokenizer.token_bytes(i) for i in range(dataset.tokenizer.n_vocab)]
    assert b" alpha" in tokens
    assert not any(b"om" in token for token in tokens)
    assert dataset.notes == (
        "vocab_size is 512, but no further pair occurs twice in the training text: "
        f"the vocabulary has {len(tokens)} tokens",
    )


def test_bpe_learns_from_a_sample_of_a_large_text(folder: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BPE_SAMPLE <= 10_000_000
    monkeypatch.setattr(dataset_module, "BPE_SAMPLE", 2_000)
    dataset = build_dataset(folder, DatasetSettings(kind="bpe", vocab_size=512))
    assert "the vocabulary was learned from part of the training text" in dataset.notes[0]
    assert side_bytes(dataset, "train") + side_bytes(dataset, "val") == text_of(folder).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_building_again_gives_the_same(folder: Corpus, kind: str) -> None:
    first, second = (
        build_dataset(folder, DatasetSettings(kind=kind, vocab_size=600, split="by-document")) for _ in range(2)
    )
    assert first.fingerprint == second.fingerprint
    assert first.tokenizer.state() == second.tokenizer.state()
    again = tokenizer_from_state(first.tokenizer.state())
    assert again.decode(first.val.tokens) == first.tokenizer.decode(first.val.tokens)


def test_more_than_there_is(folder: Corpus) -> None:
    n_tokens = len(gpt2_tokenizer().encode(text_of(folder)))
    dataset = build_dataset(folder, DatasetSettings(kind="gpt2", dataset_size=1_000_000))
    assert len(dataset.train.tokens) == int(0.9 * n_tokens)
    assert len(dataset.train.tokens) + len(dataset.val.tokens) == n_tokens
    expected = f"dataset_size is 1,000,000 tokens but the corpus has {n_tokens:,}: training on all of it"
    assert dataset.notes == (expected,)


def test_by_file_holds_whole_files_out(folder: Corpus) -> None:
    dataset = build_dataset(folder, DatasetSettings(kind="gpt2", split="by-document", train_fraction=0.8))
    assert all(bool(file.train) != bool(file.val) for file in dataset.files)
    assert len(dataset.files) == 14
    total = len(dataset.train.tokens) + len(dataset.val.tokens)
    assert 0.1 < len(dataset.val.tokens) / total < 0.3
    copies = [file for file in dataset.files if file.name in ("part03/file.py", "zz_copy.py")]
    assert len({bool(file.train) for file in copies}) == 1
    held_out = sum(bool(file.val) for file in dataset.files)
    assert dataset.notes[0].startswith(f"validation is {held_out} of 14 files, ")


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_by_file_leaves_something_on_both_sides(tmp_path: Path, fraction: float) -> None:
    corpus = published(write(tmp_path, {"a.py": "a = 1\n" * 50, "b.py": "b = 2\n" * 40}))
    dataset = build_dataset(corpus, DatasetSettings(kind="gpt2", split="by-document", train_fraction=fraction))
    assert sorted([bool(file.train) for file in dataset.files]) == [False, True]


@pytest.mark.parametrize("files", [{"a.py": "a = 1\n"}, {"a.py": "a = 1\n", "b.py": "a = 1\n"}])
def test_by_file_needs_two_different_files(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    with pytest.raises(DataError, match="a split by document needs 2 different files"):
        build_dataset(published(write(tmp_path, files)), DatasetSettings(kind="gpt2", split="by-document"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_files_know_their_tokens(folder: Corpus, kind: str, split: str) -> None:
    dataset = build_dataset(folder, DatasetSettings(kind=kind, split=split))
    for side in SIDES:
        ranges = [getattr(file, side) for file in dataset.files if getattr(file, side)]
        assert ranges[0].start == 0
        assert ranges[-1].stop == len(dataset.side(side).tokens)
        assert all(one.stop == two.start for one, two in pairwise(ranges))
    for file in dataset.files:
        text = dataset.tokenizer.decode(dataset.train.tokens[file.train.start : file.train.stop])
        text += dataset.tokenizer.decode(dataset.val.tokens[file.val.start : file.val.stop])
        assert text.startswith(f"\n# File: {file.name.split('/')[-1]}\n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["contiguous", "by-document"])
def test_a_token_is_located_in_its_file(folder: Corpus, kind: str, split: str) -> None:
    dataset = build_dataset(folder, DatasetSettings(kind=kind, split=split))
    sources = {file.name: file.path.read_bytes().split(b"\n") for file in folder.files}
    found = 0
    for side in SIDES:
        tokens = dataset.side(side).tokens
        for i in range(0, len(tokens), 7):
            name, line = dataset.locate(side, i)
            start = dataset.tokenizer.token_bytes(int(tokens[i])).split(b"\n")[0]
            if start.strip() and b"=" not in start and b"File" not in start and line <= len(sources[name]):
                header = b"# File: " + name.split("/")[-1].encode()
                assert start in sources[name][line - 1] or (line == 1 and start in header)
                found += 1
    assert found > 200


def test_a_place_is_exact(tmp_path: Path) -> None:
    corpus = published(write(tmp_path, {"a.py": "one\ntwo\nthree\n", "b.py": "four\nfive\n"}))
    dataset = build_dataset(corpus, DatasetSettings(kind="gpt2", train_fraction=0.8))
    tokens = np.concatenate([dataset.train.tokens, dataset.val.tokens]).tolist()
    places = {}
    for i, token in enumerate(tokens):
        side: Side = "train" if i < len(dataset.train.tokens) else "val"
        word = gpt2_tokenizer().decode([token])
        places[word] = dataset.locate(side, i - (side == "val") * len(dataset.train.tokens))
    assert [places[word] for word in ("one", "two", "three")] == [("a.py", 1), ("a.py", 2), ("a.py", 3)]
    assert [places[word] for word in ("four", "five")] == [("b.py", 1), ("b.py", 2)]
    assert len({dataset.files[1].train.stop, dataset.files[1].val.stop}) == 2  # the second file is on both sides
    for i in (-1, len(dataset.val.tokens)):
        with pytest.raises(IndexError):
            dataset.locate("val", i)


def test_bytes_per_token() -> None:
    assert SideTokens(np.zeros(4, np.uint16), 10).bytes_per_token == 2.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"kind": "gpt3"},
            r"tokenizer.kind must be \"gpt2\", \"gpt2-compact\", \"bpe\", \"characters\" or \"bytes\" \(got 'gpt3'\)",
        ),
        ({"split": "random"}, 'data.split must be "contiguous" or "by-document"'),
        ({"kind": "bpe", "vocab_size": 256}, "tokenizer.vocab_size must be a whole number from 257 to 16,384"),
        ({"kind": "bpe", "vocab_size": 16_385}, "tokenizer.vocab_size must be a whole number from 257 to 16,384"),
        ({"dataset_size": 0}, "data.dataset_size must be a whole number from 2"),
        ({"train_fraction": 0.0}, "data.train_fraction must be a number above 0 and below 1"),
        ({"train_fraction": 1.0}, "data.train_fraction must be a number above 0 and below 1"),
        ({"train_fraction": float("nan")}, "data.train_fraction must be a number above 0 and below 1"),
        ({"dataset_size": 10}, "10 tokens are too few to split: 1 for validation, at least 2 are needed"),
        ({"dataset_size": 2}, "2 tokens are too few to split: 1 for training, at least 2 are needed"),
    ],
)
def test_settings_out_of_range(folder: Corpus, settings: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build_dataset(folder, DatasetSettings(**{"kind": "gpt2", **settings}))  # type: ignore[arg-type]


def test_reading_stops_where_enough_was_read(tmp_path: Path) -> None:
    files = {f"{i:04}.py": "x = 1\n" * 100 for i in range(500)}
    corpus = published(write(tmp_path, {**files}))
    (tmp_path / "0499.py").write_text("changed since")  # never reached, so never noticed
    prefix = read_prefix(corpus, 1_000)
    assert len(prefix.tokens) == 1_000
    with pytest.raises(DataError, match="changed"):
        read_prefix(corpus, None)


def test_pieces_stay_in_order_and_give_the_tokens_of_the_whole(tmp_path: Path) -> None:
    text = "".join(f"line {i} of a text\n" for i in range(100_000))
    (tmp_path / "a.txt").write_text(text)
    rows = list(TokenPrefixWriter(published(tmp_path / "a.txt"), None).chunks())
    assert len(rows) == 4
    assert "".join(text for chunk, _ in rows for text in chunk.texts) == text
    ids = np.concatenate([ids for _, ids in rows])
    assert gpt2_tokenizer().decode(ids) == text


def test_a_prefix_is_cut_to_the_token(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {"a.txt": " a a", "b.txt": " b", "c.txt": " c c c", "d.txt": " d"}))
    prefix = read_prefix(corpus, 5)
    assert gpt2_tokenizer(end=True).decode(prefix.tokens, between="|") == " a a| b| c c"
    assert [(part.file, part.start, part.stop) for part in prefix.parts] == [(0, 0, 3), (1, 3, 5), (2, 5, 7)]


def test_many_tokens_go_to_a_file() -> None:
    file = TokenFile(np.uint16, in_memory=100)
    for i in range(50):
        file.append(np.arange(i, dtype=np.uint32))
    tokens = file.array()
    assert isinstance(tokens, np.memmap)
    assert tokens.dtype == np.uint16
    assert tokens.tolist() == [j for i in range(50) for j in range(i)]
    assert not tokens.flags.writeable


def test_a_full_disk_is_said_in_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    file = TokenFile(np.uint16, in_memory=10)
    with pytest.raises(DataError, match="no room for a temporary file of tokens"):
        file.append(np.zeros(100, np.uint16))
