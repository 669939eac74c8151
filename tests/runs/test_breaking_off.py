"""What takes long besides the steps is broken off where an end does not wait, and done by the resumed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.control import ControlFile, send
from slmtui.runs.run import Run
from slmtui.session import Session, begin, resume
from slmtui.training import events
from slmtui.training.control import COMPLETES_LINES, MEASURES_BEST, Command, CommandKind
from slmtui.training.events import Event
from tests.conftest import MakePhase

RATES = "gate.max_copied_share=1"
ASKED = 6
LINES = "gate.min_characters_saved=0.0"


def story(run: Run) -> list[Event]:
    """Without what an interruption adds to it."""
    return [event for event in run.events() if not isinstance(event, events.Resumed | events.Checkpoint)]


def follow(session: Session) -> events.RunFinished:
    """Its last event."""
    for event in session.events:
        if isinstance(event, events.Step) and event.step == ASKED:
            send(session.run.control_file, Command("evaluate"))
    assert isinstance(event, events.RunFinished)
    return event


@pytest.mark.parametrize(
    ("what", "step", "settings"),
    [
        ("1 completion", 4, ()),
        ("1 completion", 12, ("sampling.when=end",)),
        ("64 completions", 8, (RATES,)),
        ("64 completions", 12, (RATES, "sampling.when=end")),
        ("64 completions", 6, (RATES,)),
        (COMPLETES_LINES, 12, (LINES, "data.test_fraction=0.3")),
        (MEASURES_BEST, 12, (LINES, "data.test_fraction=0.3")),
    ],
)
def test_it_is_broken_off_and_the_resumed_run_ends_as_an_undisturbed_one(
    make_phase: MakePhase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    step: int,
    settings: tuple[str, ...],
) -> None:
    """A person asks for an evaluation after step 6."""
    told: tuple[str, str] = ("", "")

    def tell(_: ControlFile, what: str, how_far: str = "", /) -> None:
        nonlocal told
        told = what, how_far

    monkeypatch.setattr(ControlFile, "tell", tell)
    session = begin(make_phase(*settings), tmp_path / "whole")
    follow(session)
    whole = session.run
    hurried = Run(tmp_path / "hurried" / "tiny-001")

    def wish() -> CommandKind | None:
        return "interrupt" if session.training.step == step and what in told else None

    session = begin(make_phase(*settings), tmp_path / "hurried", wish)
    end = follow(session)
    assert (end.reason, end.step) == ("interrupted", step)
    assert load_checkpoint(hurried.last_file).step == step, "no step is lost"
    assert load_checkpoint(hurried.best_file).step == step
    looks = (events.Sample, events.SampleRates, events.CharactersSaved, events.BlockLosses)
    assert len([e for e in hurried.events() if isinstance(e, looks)]) < len(
        [e for e in whole.events() if isinstance(e, looks) and e.step <= step]
    )
    assert follow(resume(hurried)).reason == "completed"
    assert story(hurried) == story(whole)
