"""What was fast stays fast: the ratios that are watched, against those that are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import kept, machine
from benchmarks.table import Row
from benchmarks.watched import watched
from tests.terminal import ROOT

ROW = Row("group", "a step", "2×", ratio=2.0, spread=0.1)


@pytest.mark.long
def test_no_step_has_lost_a_quarter_of_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rows = watched()
    known = json.loads(kept.FILE.read_text())
    assert all(row.name in place["rows"] for row in rows for place in known.values())
    assert kept.lost(rows, machine.processor()) == []


@pytest.mark.parametrize(("ratio", "is_lost"), [(1.49, True), (1.51, False), (4.0, False)])
def test_a_quarter_less_than_the_last_time_is_lost(tmp_path: Path, ratio: float, is_lost: bool) -> None:
    file = tmp_path / "kept.json"
    kept.keep([ROW], "one", file)
    kept.keep([replace(ROW, ratio=3.0)], "another", file)
    words = ["a step: 1.49×, before 2×"] if is_lost else []
    assert kept.lost([replace(ROW, ratio=ratio)], "one", file) == words
    assert kept.lost([replace(ROW, ratio=ratio)], "unknown", file) == words


def test_nothing_is_lost_of_what_was_not_measured_before(tmp_path: Path) -> None:
    assert kept.lost([ROW], "one", tmp_path / "none.json") == []
