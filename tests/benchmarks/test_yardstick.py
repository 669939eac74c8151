"""The yardstick: what a price is, which texts there are, what is kept of a part measured anew, and the page."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from benchmarks.yardstick import __main__ as yardstick
from benchmarks.yardstick import compressors, measure
from benchmarks.yardstick.compressors import ppmd_price, price, zpaq_price
from benchmarks.yardstick.page import page, spread, tables
from benchmarks.yardstick.rows import FILE, Counting, Price, TextRow, Trained, joined, read_rows, write_rows
from benchmarks.yardstick.texts import ORDER, Text, all_texts, cut_before_its_end, in_folder, modules, own_texts
from slmtui.config.phase import Phase
from slmtui.training.prepare import prepare_dataset
from tests.conftest import MakePhase

PAGE = Path("docs/yardstick.md")
SMALL = set(ORDER) - {"tinyshakespeare", "modules-5mb"}
ROW = TextRow("one", "f" * 16, 1_000, 100, 300, "2026-11-27")
RUN = Trained(2.0, 1.5, None, 100, 10.0, None)


def test_a_price_is_what_validation_adds() -> None:
    assert price(len, b"abc" * 100, b"x" * 50).bits == 8.0
    assert price(lambda data: len(set(data)), b"abc", b"abcd" * 4).bits == 8 / 16


def test_ppmd_takes_its_best_order_and_repeats_cost_little() -> None:
    pytest.importorskip("pyppmd")
    text = b"".join(b"line %d of a text that repeats itself\n" % (i % 50) for i in range(500))
    found = ppmd_price(text, text[:1_000])
    assert found is not None
    assert found.bits < 0.2
    assert found.order in compressors.ORDERS


def test_what_is_missing_has_no_price(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    monkeypatch.setenv("PATH", "")
    assert ppmd_price(b"a", b"b") is None
    assert zpaq_price(b"a", b"b") is None
    (line,) = [line for line in tables([ROW]).splitlines() if line.startswith("| one | 1.0 KB")]
    assert line.split(" | ")[3:5] == ["–", "–"]
    assert "no zpaq" in _missing(capsys)


def _missing(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit, match="no such text; there are corpus-1k"):
        yardstick.main(["--only", "nowhere"])
    yardstick.say_what_is_missing(None)
    return capsys.readouterr().err


def test_zpaq_is_asked_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "zpaq"
    program.write_text('#!/bin/sh\n[ "$1 $3 $4 $5" = "add text -method 5" ] && cp text "$2"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = zpaq_price(b"train" * 20, b"val" * 10)
    assert found is not None
    assert found.bits == 8.0, "the archive of this one is the text"


def test_the_sides_of_the_compressors_are_those_of_the_model(tmp_path: Path) -> None:
    text = "".join(f"{i} is a number, and {i + 1} the next\n" for i in range(2_000))
    (tmp_path / "whole.txt").write_text(text)
    (folder := tmp_path / "cut").mkdir()
    cut_before_its_end(tmp_path / "whole.txt", 5_000, folder)
    phase = Phase.model_validate({"phase": {"name": "cut"}, "data": {"source": str(folder), "validation": ["b.txt"]}})
    dataset = prepare_dataset(phase)
    sides = [measure.side_bytes(dataset, side) for side in (dataset.train, dataset.val)]
    assert sides == [text[:-5_000].encode(), text[-5_000:].encode()]
    row = measure.row_of("cut", phase, dataset)
    assert (row.train_bytes, row.val_bytes) == (len(text) - 5_000, 5_000)


def test_counting_alone_is_measured_on_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{i % 7} of seven, and nothing else\n" for i in range(400)))
    values = {"phase": {"name": "x"}, "data": {"source": str(tmp_path)}, "tokenizer": {"kind": "bytes"}}
    found = measure.counting(prepare_dataset(Phase.model_validate(values)))
    assert found.ngram < 0.5
    assert found.useful is not None
    assert found.useful.characters_saved.value > 0.5
    assert found.mixer_static is not None
    assert found.mixer_adaptive is not None
    assert max(found.mixer_static, found.mixer_adaptive) < 0.1


def test_a_recipe_is_what_a_result_depends_on_besides_text_seed_and_machine(make_phase: MakePhase) -> None:
    same = measure.recipe(make_phase())
    assert measure.recipe(make_phase("training.seed=7", "training.max_iters=99", "evaluation.interval=9")) == same
    assert measure.recipe(make_phase("training.learning_rate=0.5")) != same


def test_texts_can_be_made_anywhere(tmp_path: Path) -> None:
    whole = tmp_path / "shakespeare.txt"
    whole.write_bytes(b"x" * 200_000)
    names = [text.name for text in all_texts(whole)]
    assert tuple(names) == ORDER
    assert "tinyshakespeare" not in [text.name for text in all_texts(tmp_path / "missing.txt")]
    (folder := tmp_path / "modules").mkdir()
    modules(folder, 100_000)
    assert 100_000 <= sum(path.stat().st_size for path in folder.iterdir()) < 500_000
    (tmp_path / ".hidden").write_text("x")
    assert [text.name for text in own_texts(in_folder(tmp_path))] == ["modules", "shakespeare.txt"]
    assert in_folder(whole) == [whole]


def test_a_part_measured_anew_replaces_that_part_and_another_text_all(tmp_path: Path) -> None:
    before = dataclasses.replace(ROW, ppmd=Price(2.0, 0.1, 5), trained={"42": RUN, "43": RUN})
    better = dataclasses.replace(RUN, static=1.4)
    now = dataclasses.replace(ROW, counting=Counting(4, 2.5, None), trained={"42": better})
    after = joined(before, now)
    assert (after.ppmd, after.counting) == (before.ppmd, now.counting)
    assert after.trained == {"42": better, "43": RUN}
    assert joined(dataclasses.replace(before, fingerprint="0" * 16), now) == now
    other_recipe = joined(dataclasses.replace(before, recipe="f"), now)
    assert (other_recipe.ppmd, other_recipe.trained) == (before.ppmd, now.trained)
    write_rows(tmp_path / "rows.json", {"two": ROW, "one": after}, ["one"])
    assert list(read_rows(tmp_path / "rows.json").items()) == [("one", after), ("two", ROW)]
    assert read_rows(tmp_path / "none.json") == {}


def test_seeds_are_told_as_a_mean_with_their_spread() -> None:
    assert spread([1.0, 2.0, 3.0], 2) == "2.00 ± 1.00"
    assert spread([1.5], 2) == "1.50"
    assert spread([], 2) == "–"
    others = [dataclasses.replace(RUN, static=static, adaptive=1.25) for static in (1.4, 1.6)]
    (line,) = [
        line
        for line in tables([dataclasses.replace(ROW, trained={"42": others[0], "43": others[1]})]).splitlines()
        if line.startswith("| one") and "1.0 KB" in line
    ]
    assert line.endswith("| 2.000 ± 0.000 | 1.500 ± 0.141 | 1.250 ± 0.000 | 2 | 2026-11-27 |")


def test_the_page_is_made_of_the_rows_that_are_kept() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_rows(FILE).values())


def test_a_text_of_ones_own_is_measured_and_kept_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "texts").mkdir()
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text("".join(f"{i % 9} of {name}, and then {i * i}\n" for i in range(150)))
    (folder / "empty.txt").write_text("")
    arguments = ["--texts", "texts", "--no-training", "--rows", "rows.json"]
    assert yardstick.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "| one.txt |" in out
    assert "empty.txt (1 of 3) …\n    left out: " in err
    rows = read_rows(tmp_path / "rows.json")
    assert list(rows) == ["one.txt", "two.txt"]
    assert all(row.counting is not None and not row.trained for row in rows.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.json", "texts"], "the page has no such rows"


@pytest.mark.soak
@pytest.mark.parametrize("text", [text for text in all_texts(None) if text.name in SMALL], ids=lambda text: text.name)
def test_static_counting_is_no_worse_than_ngrams(text: Text, tmp_path: Path) -> None:
    """Of 5 MB of modules it still is (docs/log.md)."""
    _, dataset = measure.suggested_phase(text.make(tmp_path), text.overrides, timed=False)
    found = measure.counting(dataset)
    assert found.mixer_static is not None
    assert found.mixer_static <= found.ngram + 0.01


@pytest.mark.parametrize("mixture", ["model.ngram_mix=0.5", "model.context_mixing=true"])
def test_a_trained_phase_has_every_way_to_predict(
    make_phase: MakePhase, mixture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "PLACES", 30)
    phase = make_phase(mixture, "tokenizer.kind=bpe", "tokenizer.vocab_size=280")
    found = measure.trained(phase, 43)
    assert found.steps == 12
    assert found.static < found.network
    assert (found.adaptive is None) == (mixture == "model.ngram_mix=0.5")
    assert found.useful is not None
    assert found.useful.mixed is not None
    assert found.useful.used.characters_saved.value > found.useful.network.characters_saved.value
    assert measure.trained(phase, 44).network != found.network
