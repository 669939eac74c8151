"""What the Runs screen says, as pure functions: columns that fit, sorting, sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from slmtui.console.screens.runs.columns import COLUMNS, GUTTER, cells, fitting, sort_runs
from slmtui.console.screens.runs.naming import wrong_steps
from slmtui.console.screens.runs.words import sentence
from slmtui.console.text.columns import short_name
from slmtui.runs.index import RunIndex, RunListing
from slmtui.training import events
from slmtui.training.events import Event
from tests.written_runs import BEGAN, done_run, evaluations, finished, make_phase, started, write_run


@pytest.fixture
def listed(tmp_path: Path) -> list[RunListing]:
    done_run(tmp_path, "phase1-001")
    done_run(tmp_path, "a-phase-with-a-name-that-goes-on-and-on-and-on-without-end-12-001", reason=None)
    return RunIndex(tmp_path).look()


@pytest.mark.parametrize("width", [20, 38, 55, 75, 100, 115, 200])
def test_columns_fit_or_only_the_needed_are_left(listed: list[RunListing], width: int) -> None:
    layout = fitting([cells(run) for run in listed], width)
    keys = [COLUMNS[at].key for at in layout.columns]
    assert {"run", "state", "bpb"} <= set(keys)  # of who decides
    if keys != ["run", "state", "bpb"]:
        assert sum(layout.widths) + GUTTER * len(keys) <= width
    assert ({"gap", "verdict", "val"} <= set(keys)) == (width >= 75)
    assert ("counting" in keys) == (width > 75)
    assert ("parameters" in keys) == (width >= 115)


def test_a_wider_table_never_has_fewer_columns(listed: list[RunListing]) -> None:
    rows = [cells(run) for run in listed]
    counts = [len(fitting(rows, width).columns) for width in range(20, 220)]
    assert counts == sorted(counts)
    assert counts[-1] == sum(not (column.mixed or column.adaptive or column.rare) for column in COLUMNS), (
        "no run has a mixture or a tag"
    )


@pytest.mark.parametrize(
    "name", ["phase1-001", "a-rather-long-name-for-a-phase-012", "長い名前の段階長い名前の段階-001"]
)
def test_a_short_name_keeps_its_number_and_its_width(name: str) -> None:
    short = short_name(name, 20)
    assert cell_len(short) <= 20
    assert short.endswith(name[-4:])


@pytest.mark.parametrize("digits", ["0", "1000000001", "9" * 5000, "0" * 5000 + "1", "²", "-1", ""])
def test_a_number_of_steps_that_cannot_be_is_refused_however_long_it_is(digits: str) -> None:
    assert wrong_steps(digits) == "a whole number from 1 to 1,000,000,000"


@pytest.mark.parametrize("digits", ["1", "0012", "1000000000"])
def test_a_number_of_steps_is_taken(digits: str) -> None:
    assert wrong_steps(digits) == ""


def test_a_loss_that_is_no_number_is_sorted_last(tmp_path: Path) -> None:
    nan = float("nan")
    done_run(tmp_path, "a-001", losses=[(nan, nan)], reason="diverged")
    done_run(tmp_path, "b-001", losses=[(3.0, 3.0)])
    assert [run.name for run in sort_runs(RunIndex(tmp_path).look(), "bpb")] == ["b-001", "a-001"]


def said_of(tmp_path: Path, happened: list[Event], *, alive: bool = False) -> str:
    run = write_run(tmp_path, "phase1-001", make_phase("phase1"), happened)
    if not alive:
        return sentence(RunIndex(tmp_path).look()[0])
    with run.lock():
        return sentence(RunIndex(tmp_path).look()[0], now=BEGAN + 1000)


def test_each_state_says_what_to_do(tmp_path: Path) -> None:
    begun: list[Event] = [started(make_phase("phase1")), *evaluations([(6.6, 6.6), (3.0, 3.0)])]
    last = begun[-1].time
    states = {
        "s asks it to stop": (begun, True),
        "P resumes it, C talks to it": ([*begun, events.Paused(step=100, time=last)], True),
        "Done: step 100 of 600. The network reaches ": ([*begun, finished(begun)], False),
        "Interrupted at step 100 of 600. s resumes from step 100.": ([*begun, finished(begun, "interrupted")], False),
        "lower learning rate": ([*begun, finished(begun, "diverged")], False),
        "o writes a report. s resumes from step 100.": ([*begun, finished(begun, "failed")], False),
    }
    for number_, (words, (happened, alive)) in enumerate(states.items()):
        assert words in said_of(tmp_path / str(number_), happened, alive=alive)


@pytest.mark.parametrize(("baseline", "word"), [(4.0, "excellent"), (3.0, "")])
def test_a_gap_is_praised_only_where_counting_is_beaten(tmp_path: Path, baseline: float, word: str) -> None:
    done_run(tmp_path, "phase1-001", losses=[(6.0, 6.2), (3.4, 3.5)], baseline=baseline, baseline_order=5)
    (run,) = RunIndex(tmp_path).look()
    assert cells(run)[[column.key for column in COLUMNS].index("verdict")][0] == (word or "–")
