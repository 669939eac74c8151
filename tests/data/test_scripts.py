"""What each script of a text costs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.data.inspection import Inspection, inspect_corpus
from slmtui.data.scripts import NAMES, NONE, script_shares, token_scripts
from slmtui.data.split_stats import baseline_and_scripts
from slmtui.data.tokenizer import gpt2_tokenizer

ENGLISH = "The river was wide and the boat was small, so we waited until the evening.\n"
RUSSIAN = "Река была широкой, а лодка маленькой, поэтому мы ждали до вечера.\n"
THAI = "แม่น้ำกว้างและเรือลำเล็ก เราจึงรอจนถึงเย็น\n"


def inspect(path: Path, kind: str = "gpt2", **settings: object) -> Inspection:
    return inspect_corpus(open_corpus(path), DatasetSettings(kind=kind, **settings))  # type: ignore[arg-type]


def scripts(text: str) -> list[str]:
    """The script of each token of a text, in GPT-2's vocabulary."""
    tokens = gpt2_tokenizer().encode(text)
    return [NAMES[one] if one < NONE else "" for one in token_scripts(tokens, gpt2_tokenizer()).tolist()]


def test_a_token_is_of_the_script_of_its_last_byte_and_signs_go_with_what_is_before() -> None:
    assert scripts("so, 12") == ["Latin"] * 3
    assert set(scripts("Да, 12 ")) == {"Cyrillic"}
    assert set(scripts("ก็")) == {"Thai"}
    assert scripts("12 + 3")[0] == "", "nothing but signs"
    assert set(scripts("漢字")) == {"Han"}
    assert set(scripts("漢字かな")) == {"Japanese"}
    assert set(scripts("漢字かな\n汉字")) == {"Japanese", "Han"}
    assert set(scripts("𐎠")) == {"other"}
    assert len(token_scripts(gpt2_tokenizer().encode(""), gpt2_tokenizer())) == 0


def test_bytes_and_losses_are_told_apart_and_add_up(tmp_path: Path) -> None:
    lines = [line.replace(".", f" {i}.") for i in range(60) for line in (ENGLISH, RUSSIAN)]
    (tmp_path / "text.txt").write_text("".join(lines))
    for kind in ("gpt2", "bytes", "characters"):
        dataset = build_dataset(open_corpus(tmp_path), DatasetSettings(kind=kind))
        baseline, found = baseline_and_scripts(dataset)
        assert baseline is not None
        by_name = {one.script: one for one in found}
        assert set(by_name) == {"Latin", "Cyrillic"}
        assert sum(one.share for one in found) == pytest.approx(1)
        assert by_name["Cyrillic"].share == pytest.approx(
            len(RUSSIAN.encode()) / len((ENGLISH + RUSSIAN).encode()), abs=0.02
        )
        russian = "".join(lines[1::2])
        alone = len(russian.encode()) / len(dataset.tokenizer.encode(russian))
        assert by_name["Cyrillic"].bytes_per_token == pytest.approx(alone, rel=0.02)
        bits = [one.bits_per_byte for one in found if one.bits_per_byte is not None]
        assert min(bits) <= baseline.bits_per_byte * 1.02
        assert max(bits) >= baseline.bits_per_byte * 0.98
        assert all(map(math.isfinite, bits))


def test_a_single_script_and_a_trace_of_another_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(ENGLISH * 40 + RUSSIAN)
    assert script_shares(build_dataset(open_corpus(tmp_path), DatasetSettings(kind="bytes")), None) == ()


def test_text_whose_tokens_are_parts_of_characters_is_counted_in_characters(tmp_path: Path) -> None:
    (tmp_path / "thai.txt").write_text(THAI * 30)
    found = inspect(tmp_path)
    assert not any("\ufffd" in one.token for one in found.frequent_tokens)
    assert found.frequent_tokens[0].token == "‹e0 b8›"
    assert (found.frequent_characters[0].character, found.frequent_characters[0].count) == max(
        ((char, (THAI * 30).count(char)) for char in set(THAI)), key=lambda one: one[1]
    )
    assert json.loads(found.to_json())["frequent_characters"][0]["count"] == found.frequent_characters[0].count
    (tmp_path / "thai.txt").write_text(ENGLISH * 30)
    assert inspect(tmp_path).frequent_characters == ()
