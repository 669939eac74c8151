"""The numbers of `slmtui inspect`."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.data.corpus import Corpus, open_corpus
from slmtui.data.dataset import DatasetSettings
from slmtui.data.documents import DocumentForm
from slmtui.data.errors import DataError
from slmtui.data.gpt2 import gpt2_encoding
from slmtui.data.inspection import count_definitions, inspect_corpus
from tests.data.test_corpus import write

# Inspects its argument in a process of its own and prints by how many MB the peak of its memory grew.
MEASURE = """
import resource, sys
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings
from slmtui.data.inspection import inspect_corpus
from slmtui.data.tokenizer import gpt2_tokenizer
gpt2_tokenizer().encode("x")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
inspection = inspect_corpus(open_corpus(sys.argv[1]), DatasetSettings(kind="gpt2"), {"calls": r"self[.]"})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, inspection.characters)
"""


def published(path: Path) -> Corpus:
    return open_corpus(path, form=DocumentForm(join="published"))


def gpt2(dataset_size: int | None = None) -> DatasetSettings:
    return DatasetSettings(kind="gpt2", dataset_size=dataset_size)


def test_against_the_plainest_way_of_counting(golden_corpus: Path) -> None:
    text = golden_corpus.read_text("utf-8")
    ids = gpt2_encoding().encode_ordinary(text)
    inspection = inspect_corpus(published(golden_corpus), gpt2(23_000), {"appends": r"\.append\("})
    assert inspection.characters == len(text)
    assert inspection.lines == len(text.splitlines())
    assert inspection.tokens == len(ids)
    assert inspection.unique_tokens == len(set(ids))
    assert inspection.characters_per_token == pytest.approx(len(text) / len(ids))
    assert inspection.files == text.count("# File: ") == len(inspection.file_tokens)
    assert inspection.functions == text.count("def ")
    assert inspection.patterns == {"appends": text.count(".append(")}
    assert (inspection.train_tokens, inspection.val_tokens) == (20_700, 2_300)
    assert inspection.unseen_val_tokens == sum(token not in set(ids[:20_700]) for token in ids[20_700:23_000])
    assert sum(file.tokens for file in inspection.file_tokens) == len(ids)
    assert sum(file.characters for file in inspection.file_tokens) == len(text)
    assert sum(file.functions for file in inspection.file_tokens) == inspection.functions
    assert len(inspection.frequent_tokens) == 20
    top = inspection.frequent_tokens[0]
    assert (top.token, top.count) == max(((t.token, t.count) for t in inspection.frequent_tokens), key=lambda t: t[1])
    assert ids.count(gpt2_encoding().encode_single_token(top.token)) == top.count
    assert (inspection.skipped, inspection.notes) == ((), ())


def test_definitions() -> None:
    yes = [
        "def f():",
        "    def f(self, x):",
        "\tasync  def g(",
        "def f[T](x):",
        "async def g()",
        "def  größe (",
    ]
    no = ["undef f(", "x = 'def f('", "# def f(", "def", "def :", "definite(", "asyncdef f(", "xasync def f("]
    for line in yes:
        assert count_definitions(f"x\n{line}\n") == count_definitions(line) == 1, line
    for line in no:
        assert count_definitions(f"x\n{line}\n") == count_definitions(line) == 0, line
    assert count_definitions("\n".join(yes)) == len(yes)


def test_what_is_left_out_is_in_the_json(tmp_path: Path) -> None:
    corpus = open_corpus(write(tmp_path, {"a.py": "def f():\n    pass\n" * 20, "b.bin": b"\0", "c.py": ""}))
    inspection = inspect_corpus(corpus, gpt2(10_000), {"passes": "pass$"})
    values = json.loads(inspection.to_json())
    assert list(values)[:8] == [
        "characters",
        "lines",
        "tokens",
        "unique_tokens",
        "characters_per_token",
        "files",
        "documents",
        "functions",
    ]
    assert values["patterns"] == {"passes": 20}
    assert values["functions"] == 20
    assert values["files"] == 2
    assert values["skipped"] == [
        {"path": "b.bin", "reason": "binary: contains a NUL byte", "take_in": "", "records": 0}
    ]
    assert values["file_tokens"][1]["name"] == "c.py"
    assert "training on all of it" in values["notes"][0]


def test_each_file_is_on_the_side_that_was_chosen_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {f"{name}.txt": f"A text about {name}.\n" * 20 for name in "abcd"})
    chosen = ["--set", 'data.validation=["b.txt"]', "--set", 'data.test=["c.txt"]', "--set", "data.dataset_size=340"]
    main(["inspect", str(tmp_path), *chosen])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[-1]) for row in rows if row and row[0].endswith(".txt")] == [
        ("a.txt", "train"), ("b.txt", "val"), ("c.txt", "test"), ("d.txt", "–"),
    ]  # fmt: skip
    main(["inspect", str(tmp_path), "--json", *chosen])
    values = json.loads(capsys.readouterr().out)
    assert [file["side"] for file in values["file_tokens"]] == ["train", "val", "test", ""]
    assert values["test_tokens"] == 100


def test_a_file_that_is_cut_is_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "A text of one file.\n" * 20})
    assert [file.side for file in inspect_corpus(open_corpus(tmp_path), gpt2()).file_tokens] == ["both"]


def test_text_before_the_first_header_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "joined.txt").write_text("How to use it.\n# File: a.py\na = 1\n# File: b.py\nb = 2")
    inspection = inspect_corpus(published(tmp_path / "joined.txt"), gpt2())
    assert inspection.files == 2
    assert [file.name for file in inspection.file_tokens] == ["joined.txt", "a.py", "b.py"]
    assert inspection.lines == 5


def test_unseen_tokens_are_those_of_the_vocabulary(golden_corpus: Path) -> None:
    corpus = open_corpus(golden_corpus)
    gpt2, compact = (
        inspect_corpus(corpus, DatasetSettings(kind=kind, dataset_size=1_000)) for kind in ("gpt2", "gpt2-compact")
    )
    assert gpt2.unseen_val_tokens > 0
    assert compact.val_tokens > gpt2.val_tokens
    assert gpt2.tokens == compact.tokens  # of the whole corpus, always counted in GPT-2's


def test_a_text_too_short_to_split_is_inspected_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    inspection = inspect_corpus(open_corpus(tmp_path / "a.txt"), gpt2())
    assert (inspection.characters, inspection.lines, inspection.tokens) == (1, 1, 1)
    assert (inspection.train_tokens, inspection.val_tokens) == (1, 0)
    assert "too few to split" in inspection.notes[0]


def test_a_bad_pattern_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"data\.patterns\.calls: not a regular expression.*got '\('"):
        inspect_corpus(open_corpus(tmp_path / "a.txt"), gpt2(), {"calls": "("})


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, slmtui.data.inspection; print({'torch', 'tiktoken', 'textual'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


@pytest.mark.soak
@pytest.mark.parametrize("n_files", [1, 10_000])
def test_a_large_corpus_does_not_fill_the_memory(tmp_path: Path, n_files: int) -> None:
    # 200 MB of text, about 70 million tokens: 140 MB of ids, which have to go to a file.
    line = "def function_{}(self, name):\n    return self.collection.get(name, {})\n"
    for i in range(n_files):
        with (tmp_path / f"{i:05}.py").open("w") as file:
            while file.tell() < 200_000_000 // n_files:
                file.write("".join(line.format(file.tell() + k, k * i) for k in range(200)))
    source = tmp_path if n_files > 1 else tmp_path / "00000.py"
    command = [sys.executable, "-c", MEASURE, str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, characters = map(float, result.stdout.split())
    assert characters > 200_000_000
    # To count takes about 150 MB; to compare four million tokens of each side, half a gigabyte.
    assert grown < 700, f"inspecting 200 MB took {grown:.0f} MB"


def test_the_sides_are_compared_in_the_vocabulary_of_the_phase(golden_corpus: Path) -> None:
    inspection = inspect_corpus(
        published(golden_corpus), DatasetSettings(kind="bpe", vocab_size=512, dataset_size=5_000)
    )
    values = json.loads(inspection.to_json())
    baseline, leakage = values["baseline"], values["leakage"]
    assert baseline["loss"] < baseline["unigram"] < baseline["uniform"] == pytest.approx(math.log(512))
    assert 0 < baseline["bits_per_byte"] < 8
    assert 1 <= baseline["order"] <= 7
    assert 0 < leakage["repeated_share"] < leakage["repeated_tokens"] < values["val_tokens"]
    for place in (leakage["longest_train"], leakage["longest_val"]):
        file, line = place.rsplit(":", 1)
        assert file in {one["name"] for one in values["file_tokens"]}
        assert int(line) >= 1
