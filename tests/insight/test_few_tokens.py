"""On a handful of validation tokens a gap has no word, wherever a run is shown: only the report used to know that."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.insight.watch import Watcher
from slmtui.session import begin
from slmtui.training.events import Evaluation
from slmtui.training.gap import WORDS
from slmtui.training.trainer import train
from tests.conftest import MakePhase
from tests.insight.published import run as events_of
from tests.written_runs import done_run

OVERFITTED = [(6.6, 6.6), (3.0, 3.5), (2.0, 4.2), (0.5, 5.0)]


def words_in(text: str) -> set[str]:
    return {word for word in WORDS if word in text}


@pytest.mark.parametrize(("val_tokens", "some"), [(63, False), (64, True)])
def test_neither_lines_nor_lists_nor_reports_have_a_word_for_its_gap(
    val_tokens: int, some: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = done_run(tmp_path, "few-001", OVERFITTED, val_tokens=val_tokens)  # its log has words, as older ones do
    for command in (["watch", run.name], ["runs"], ["report", run.name]):
        main([*command, "--checkpoints", str(tmp_path)])
        assert bool(words_in(capsys.readouterr().out)) == some, command


def test_no_warning_speaks_of_its_gap() -> None:
    rows = [(100 * i, train, val) for i, (train, val) in enumerate(OVERFITTED)]
    for val_tokens, some in ((63, False), (64, True)):
        watcher = Watcher()
        said = [one for event in events_of(rows, val_tokens=val_tokens) for one in watcher.add(event)]
        assert ("gap" in {one.code for one in said}) == some


def test_a_training_logs_no_word_for_it(make_phase: MakePhase, tmp_path: Path) -> None:
    words: dict[str, set[str]] = {}
    for name, fraction in (("few", 0.99), ("many", 0.6)):
        session = begin(make_phase('data.join="published"', f"data.train_fraction={fraction}"), tmp_path / name)
        happened = list(train(session.training))  # not yet beside what counting reaches
        words[name] = {event.verdict for event in happened if isinstance(event, Evaluation)}
    assert words["few"] == {""}
    assert words["many"] > {""}
