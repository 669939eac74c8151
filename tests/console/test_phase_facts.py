"""What workers find out about phases: the numbers of their datasets, or why there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.phase_file import parse_phase
from slmtui.console.screens.phases.meaning import meaning
from slmtui.console.workers.phase_facts import read_counts
from slmtui.insight.estimates import DatasetCounts, NoCounts
from slmtui.runs.checkpoint import load_checkpoint
from tests.closed import close
from tests.conftest import MakePhase, write_corpus
from tests.runs.trained import train_to_the_end


def test_a_source_in_the_home_of_nobody_is_missing(make_phase: MakePhase) -> None:
    phase = make_phase()
    data = phase.data.model_copy(update={"source": ("~no-such-user/texts",)})
    found = read_counts(phase.model_copy(update={"data": data}))
    assert isinstance(found, NoCounts)
    assert found.fault
    assert "~no-such-user/texts" in found.reason


def test_a_link_out_of_a_source_that_may_not_be_followed_is_named(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "x.txt").write_text("secret")
    corpus = write_corpus(tmp_path / "texts")
    (corpus / "link.txt").symlink_to(closed / "x.txt")
    close(closed, monkeypatch)
    phase = make_phase()
    data = phase.data.model_copy(update={"source": (str(corpus),)})
    found = read_counts(phase.model_copy(update={"data": data}))
    assert isinstance(found, NoCounts)
    assert found.reason == f"{corpus / 'link.txt'}: cannot be read: Permission denied"


def test_a_child_has_its_parents_size_and_vocabulary(make_phase: MakePhase, tmp_path: Path) -> None:
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4", "tokenizer.kind=characters")
    source = make_phase().data.source[0]
    text = f'[phase]\nname = "child"\n[data]\nsource = "{source}"\n[model]\ninit_from = "tiny-001"\n'
    phase = parse_phase(text)
    counts = read_counts(phase, tmp_path)
    assert isinstance(counts, DatasetCounts)
    lines = {line.label: line.value for line in meaning(phase, counts)}
    saved = load_checkpoint(tmp_path / "tiny-001" / "best.pt")
    assert counts.n_vocab == saved.tokenizer.n_vocab
    assert lines["parameters"] == f"{sum(saved.model.parameters_by_part().values()):,}"
    missing = read_counts(parse_phase(text.replace("tiny-001", "tiny-002")), tmp_path)
    assert isinstance(missing, NoCounts)
    assert "tiny-002: no such run" in missing.reason
