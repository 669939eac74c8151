"""The Runs screen: what it lists, what its curves compare, and what each of its keys brings about."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.coordinate import Coordinate
from textual.pilot import Pilot
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.dialogs.question import Question
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.ui_state import UIState
from slmtui.runs.run import Run
from slmtui.training.events import Paused, Resumed, Sample, to_json
from tests.console.screen_text import toasts
from tests.patience import until
from tests.written_runs import BEGAN, done_run, evaluations, make_phase, started, write_run

WIDE, NARROW = (120, 40), (80, 24)


class Opened:
    """The console with Runs open, and short ways to look at it."""

    def __init__(self, app: Console, pilot: Pilot[str]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> RunsScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, RunsScreen)
        return screen

    @property
    def names(self) -> list[str]:
        return [str(row.key.value) for row in self.table.ordered_rows]

    @property
    def table(self) -> RunList:
        return self.screen.query_one(RunList)

    def row(self, name: str) -> dict[str, str]:
        columns = [str(column.key.value) for column in self.table.ordered_columns]
        cells = [str(cell).strip() for cell in self.table.get_row(name)]
        return dict(zip(columns, cells, strict=True))

    def text(self, selector: str) -> str:
        return str(self.screen.query_one(selector, Static).content)

    @property
    def curves(self) -> dict[str, list[float]]:
        spec = self.screen.query_one(Chart).spec
        assert spec is not None
        return {series.name: series.ys.tolist() for series in spec.series}

    @property
    def said(self) -> str:
        """The last toast."""
        return toasts(self.app)[-1]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, happened: Callable[[], Any]) -> None:
        await until(self.pilot, happened)

    async def go_to(self, name: str) -> None:
        self.table.move_cursor(row=self.names.index(name))
        await self.pilot.pause()


@asynccontextmanager
async def open_runs(checkpoints: Path, size: tuple[int, int] = WIDE, *, empty: bool = False) -> AsyncIterator[Opened]:
    memory = UIState(checkpoints.parent / "memory.json")
    memory.remember("screen", "runs")
    app = Console(checkpoints, log=checkpoints.parent / "console.log", ui_state=memory)
    async with app.run_test(size=size) as pilot:
        opened = Opened(app, pilot)
        await opened.until(lambda: isinstance(app.screen_stack[0], RunsScreen))
        screen = opened.screen
        await opened.until(lambda: "There are no runs" in opened.text("#empty") if empty else screen.query(Chart))
        await pilot.pause()
        try:
            yield opened
        finally:
            app.trainer.leave()
            await asyncio.to_thread(app.trainer.join)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def commands(run: Run) -> list[str]:
    lines = run.control_file.read_text().splitlines() if run.control_file.exists() else []
    return [json.loads(line)["command"] for line in lines]


async def test_rows_say_what_the_logs_say(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", n_vocab=50257)
    done_run(checkpoints, "phase1-002", reason="stopped")
    done_run(checkpoints, "phase1-003", reason="diverged")
    done_run(checkpoints, "phase1-004", reason=None)
    async with open_runs(checkpoints) as opened:
        row = opened.row("phase1-001")
        assert row | {"phase": ""} == {
            "run": "phase1-001", "phase": "", "state": "done", "parameters": "6,960", "tokens": "4,500",
            "val": "4.0000", "step": "100", "gap": "+1.00", "verdict": "moderate", "bits": "2.31", "time": "0:12",
            "ngram": "–", "samples": "–",
        }  # fmt: skip
        assert [opened.row(name)["state"] for name in opened.names] == ["done", "stopped", "failed", "crashed"]


@pytest.mark.parametrize("key", ["end", "pagedown", "up", "pageup", "home"])
async def test_a_key_pressed_in_the_empty_list_does_no_harm_when_a_run_appears(checkpoints: Path, key: str) -> None:
    async with open_runs(checkpoints, empty=True) as opened:
        opened.table.focus()
        await opened.press(key)
        done_run(checkpoints, "phase1-001")
        await opened.until(lambda: opened.names == ["phase1-001"])
        assert opened.table.current == "phase1-001"


async def test_a_run_that_grows_changes_its_row_alone(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done_run(checkpoints, "phase1-001")
    growing = done_run(checkpoints, "phase1-002", losses=[(6.6, 6.6)], reason=None)
    async with open_runs(checkpoints) as opened:
        updated: set[int] = set()
        update = RunList.update_cell_at

        def counted(table: RunList, at: Coordinate, value: Text) -> None:
            updated.add(at.row)
            update(table, at, value)

        monkeypatch.setattr(RunList, "update_cell_at", counted)
        with growing.log_file.open("a") as log:
            for event in evaluations([(6.6, 6.6), (3.5, 4.2)])[3:]:
                log.write(to_json(event) + "\n")
        await opened.until(lambda: opened.row("phase1-002")["val"] == "4.2000")
        assert updated == {1}
        assert opened.row("phase1-002")["verdict"] == "good"


async def test_a_new_run_appears_and_the_cursor_stays_on_its_run(checkpoints: Path) -> None:
    done_run(checkpoints, "phase2-001")
    async with open_runs(checkpoints) as opened:
        assert opened.table.current == "phase2-001"
        done_run(checkpoints, "phase1-001")
        await opened.until(lambda: opened.names == ["phase1-001", "phase2-001"])
        assert opened.table.current == "phase2-001"


async def test_a_damaged_log_is_named_and_hides_no_other_run(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    broken = done_run(checkpoints, "phase1-002")
    broken.log_file.write_text(broken.log_file.read_text() + '{"event":"[red]nonsense"}\n')
    async with open_runs(checkpoints) as opened:
        assert [opened.row(name)["state"] for name in opened.names] == ["done", "damaged"]
        await opened.go_to("phase1-002")
        lines = len(broken.log_file.read_text().splitlines())
        assert f"events.jsonl:{lines}: not an event" in opened.text("#about")


async def test_a_folder_that_cannot_be_listed_says_so_until_it_can(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_run(checkpoints, "phase1-001")
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == checkpoints:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    async with open_runs(checkpoints) as opened:
        monkeypatch.setattr(Path, "iterdir", refuse)
        await opened.until(lambda: "its runs cannot be listed (Permission denied)" in opened.text("#empty"))
        for key in "ctpr":  # the other screens live on
            await opened.press(key)
        monkeypatch.setattr(Path, "iterdir", iterdir)
        await opened.until(lambda: opened.names == ["phase1-001"])


async def test_the_detail_says_what_to_do_next(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", reason=None)
    done_run(checkpoints, "phase1-002", reason="early stopping")
    write_run(checkpoints, "phase1-003", make_phase("phase1"), [started(make_phase("phase1"))])
    async with open_runs(checkpoints) as opened:
        assert "R resumes from step 200." in opened.text("#about")
        await opened.press("j")
        assert "Stopped early at step 200 of 600" in opened.text("#about")
        assert "best.pt holds step 100" in opened.text("#about")
        await opened.press("j")
        assert "never saved: R begins it again" in opened.text("#about")
        assert "No evaluation yet" in opened.text("#comparable")


async def test_curves_of_one_vocabulary_are_in_nats(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", losses=[(6.0, 6.1), (2.0, 2.2)])
    async with open_runs(checkpoints) as opened:
        assert opened.curves == {"phase1-001": [6.6, 4.0, 5.0]}
        await opened.press("space", "j")
        assert opened.curves == {"phase1-001": [6.6, 4.0, 5.0], "phase1-002": [6.1, 2.2]}
        assert "nats per token" in str(opened.screen.query_one("#curves").border_title)
        assert opened.text("#comparable") == ""
        await opened.press("k", "space", "j")
        assert list(opened.curves) == ["phase1-002"]


async def test_curves_of_different_vocabularies_are_in_bits(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", losses=[(2.0, 2.0)])
    done_run(checkpoints, "phase1-002", losses=[(3.0, 3.0)], tokenizer="gpt2", n_vocab=50257)
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j")
        assert opened.curves["phase1-001"] == pytest.approx([2.0 * 500 / 1250 / math.log(2)])
        assert "bits per byte" in str(opened.screen.query_one("#curves").border_title)
        assert "vocabularies differ" in opened.text("#comparable")


async def test_vocabularies_of_one_size_that_were_learned_from_different_texts_differ(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", tokenizer="bpe", n_vocab=512)
    done_run(checkpoints, "phase1-002", tokenizer="bpe", n_vocab=512, val_tokens=501)
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j")
        assert "bits per byte" in str(opened.screen.query_one("#curves").border_title)
        assert "vocabularies differ" in opened.text("#comparable")


async def test_different_validation_texts_are_never_compared_silently(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", val_text="b" * 64)
    async with open_runs(checkpoints) as opened:
        assert opened.text("#comparable") == ""
        await opened.press("space", "j")
        assert opened.text("#comparable") == "Not comparable: different validation text."


async def test_a_baseline_is_drawn_where_the_log_knows_one(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", baseline=3.25, baseline_order=5)
    async with open_runs(checkpoints) as opened:
        spec = opened.screen.query_one(Chart).spec
        assert spec is not None
        assert [(level.name, level.value) for level in spec.levels] == [("5-gram 3.25", 3.25)]


async def test_only_so_many_curves_as_there_are_colours(checkpoints: Path) -> None:
    for number in range(1, 8):
        done_run(checkpoints, f"phase1-{number:03}")
    async with open_runs(checkpoints) as opened:
        await opened.press(*["space", "j"] * 6)
        assert len(opened.screen.marked) == 5
        assert "unmark one" in opened.said
        assert len(opened.curves) == 6


async def test_sorting_by_name_time_and_bits(checkpoints: Path) -> None:
    done_run(checkpoints, "a-001", losses=[(3.0, 3.0)], at=BEGAN)
    done_run(checkpoints, "b-001", losses=[(2.0, 2.0)], at=BEGAN + 5)
    done_run(checkpoints, "c-001", losses=[(4.0, 4.0)], at=BEGAN + 9)
    write_run(checkpoints, "d-001", make_phase("d"), [started(make_phase("d"), at=BEGAN - 5)])
    async with open_runs(checkpoints) as opened:
        assert opened.names == ["a-001", "b-001", "c-001", "d-001"]
        await opened.press("s")
        assert opened.names == ["c-001", "b-001", "a-001", "d-001"]
        await opened.press("s")
        assert opened.names == ["b-001", "a-001", "c-001", "d-001"]
        assert opened.table.current == "a-001"
    async with open_runs(checkpoints) as again:
        assert again.names[0] == "b-001"  # remembered


async def test_enter_watches_and_the_cursor_comes_back_with_what_is_watched(checkpoints: Path) -> None:
    first, second = done_run(checkpoints, "phase1-001"), done_run(checkpoints, "phase1-002")
    async with open_runs(checkpoints) as opened:
        await opened.press("j", "enter")
        assert opened.app.current_mode == "train"
        assert opened.app.watched == second
        opened.app.watched = first  # as a training that begins there has it
        await opened.press("r")
        assert opened.table.current == "phase1-001"
        await opened.press("j", "t", "r")
        done_run(checkpoints, "phase1-003")
        await opened.until(lambda: "phase1-003" in opened.names)
        assert opened.table.current == "phase1-002"  # a person's choice stays


async def test_a_run_that_is_watched_before_it_is_listed_gets_the_cursor_when_it_is(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        for name, key, expected in (("phase1-002", "r", "phase1-002"), ("phase1-003", "k", "phase1-001")):
            await opened.press("t")
            opened.app.watched = Run(checkpoints / name)
            await opened.press("r", key)  # the second one moves the cursor before there is anything to go to
            done_run(checkpoints, name)
            await opened.until(lambda: len(opened.names) == len(list(checkpoints.iterdir())))
            await opened.pilot.pause()
            assert opened.table.current == expected


async def test_resume_trains_what_stopped_and_says_why_not_otherwise(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_run(checkpoints, "phase1-001")
    crashed = done_run(checkpoints, "phase1-002", reason=None)
    done_run(checkpoints, "phase1-003", reason="diverged")
    never_saved = write_run(checkpoints, "phase1-004", make_phase("phase1"), [started(make_phase("phase1"))])
    failed = done_run(checkpoints, "phase1-005", reason="failed")  # of a full disk, say
    asked: list[object] = []
    monkeypatch.setattr(Console, "train", lambda _, job: asked.append(job))
    async with open_runs(checkpoints) as opened:
        await opened.press("R")
        assert "is finished" in opened.said
        await opened.press("j", "j", "R")
        assert "would diverge again" in opened.said
        assert asked == []
        for run in (crashed, never_saved, failed):
            await opened.go_to(run.name)
            await opened.press("R")
        assert asked == [crashed, never_saved, failed]


async def test_a_run_alive_elsewhere_is_paused_resumed_and_stopped(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", reason=None)
    with run.log_file.open("a") as log:
        log.write(to_json(Paused(step=200)) + "\n")
    with run.lock():
        async with open_runs(checkpoints) as opened:
            assert opened.row("phase1-001")["state"] == "paused"
            await opened.press("P", "S")
            assert commands(run) == ["resume", "stop"]
            with run.log_file.open("a") as log:
                for event in (Resumed(step=200), *evaluations([(6.6, 6.6)], at=time.time())):
                    log.write(to_json(event) + "\n")
            await opened.until(lambda: opened.row("phase1-001")["state"] == "running")
            await opened.press("P")
            assert commands(run) == ["resume", "stop", "pause"]
            await opened.press("R")
            assert "is alive" in opened.said
            await opened.press("x")
            assert "stop it first" in opened.said
            assert not isinstance(opened.app.screen, Question)


async def test_a_run_that_is_over_is_not_paused(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("P", "S")
        assert "not alive" in opened.said
        assert commands(run) == []


@pytest.mark.parametrize("key", ["x", "delete"])
async def test_delete_asks_first(checkpoints: Path, key: str) -> None:
    run = done_run(checkpoints, "phase1-001")
    other = done_run(checkpoints, "phase1-002")
    async with open_runs(checkpoints) as opened:
        await opened.press(key, "escape")
        await opened.press(key, "k")
        assert run.folder.exists()
        await opened.press(key, "d")
        await opened.until(lambda: not run.folder.exists())
        assert other.folder.exists()
        await opened.until(lambda: opened.names == ["phase1-002"])


async def test_complete_takes_the_run_along(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001")
    write_run(checkpoints, "phase1-002", make_phase("phase1"), [started(make_phase("phase1"))])
    async with open_runs(checkpoints) as opened:
        await opened.press("j", "C")
        assert "no model yet" in opened.said
        assert opened.app.current_mode == "runs"
        await opened.press("k", "C")
        assert opened.app.current_mode == "complete"
        assert opened.app.watched == run


async def test_copy_takes_the_path(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("y")
        assert opened.app.clipboard == str(run.folder.resolve())


async def test_report_is_written_into_the_run(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("o")
        await opened.until(lambda: any("report written" in toast for toast in toasts(opened.app)))
        assert "phase1-001" in (run.folder / "report.md").read_text()
        assert (run.folder / "report.html").read_text().startswith("<!doctype html>")


async def test_report_of_marked_runs_is_one_report(checkpoints: Path) -> None:
    for number in (1, 2, 3):
        done_run(checkpoints, f"phase1-{number:03}")
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j", "space", "o")
        await opened.until((checkpoints / "report.html").exists)
        text = (checkpoints / "report.md").read_text()
        assert "phase1-001" in text
        assert "phase1-002" in text
        assert "phase1-003" not in text


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_without_runs_it_says_what_to_do(checkpoints: Path, size: tuple[int, int]) -> None:
    async with open_runs(checkpoints, size, empty=True) as opened:
        assert "choose a phase and start it" in opened.text("#empty")
        assert f"slmtui --headless phases/quick.toml --checkpoints {checkpoints}" in opened.text("#empty")
        assert not opened.screen.query_one("#runs-panel").display
        await opened.press("R", "x", "o", "space", "enter", "s", "y", "C", "P", "S")
        assert opened.app.current_mode == "runs"
        assert not toasts(opened.app)


async def test_wide_says_how_far_from_the_n_gram_model_and_what_samples_are_like(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", losses=[(6.0, 6.2), (4.0, 3.5)], baseline=4.0, baseline_order=5)
    with run.log_file.open("a") as log:
        log.write(to_json(Sample(step=100, time=BEGAN, prompt="a", text="b", judgement={"label": "syntax"})) + "\n")
    async with open_runs(checkpoints) as opened:
        assert opened.row("phase1-001")["ngram"] == "−0.50"
        assert opened.row("phase1-001")["samples"] == "syntax"
        await opened.pilot.resize_terminal(180, 40)
        await opened.until(lambda: "Tiny: finding the balance" in opened.row("phase1-001").get("phase", ""))


async def test_narrow_keeps_the_columns_that_matter(checkpoints: Path) -> None:
    done_run(checkpoints, "a-phase-with-quite-a-long-name-indeed-001")
    async with open_runs(checkpoints, NARROW) as opened:
        row = opened.row("a-phase-with-quite-a-long-name-indeed-001")
        assert {"run", "state", "val", "gap", "verdict", "bits"} <= set(row)
        assert row["run"].endswith("deed-001")
        assert opened.table.virtual_size.width <= opened.table.size.width
        assert opened.screen.query_one(Chart).size.height >= 6
        await opened.pilot.resize_terminal(*WIDE)
        await opened.until(lambda: "parameters" in opened.row("a-phase-with-quite-a-long-name-indeed-001"))


async def test_two_hundred_runs_are_listed_and_scrolled(checkpoints: Path) -> None:
    for number in range(1, 201):
        done_run(checkpoints, f"phase1-{number:03}", losses=[(2.0, 2.0)], at=BEGAN + number)
    async with open_runs(checkpoints, NARROW) as opened:
        assert len(opened.names) == 200
        await opened.press("G")
        assert opened.table.current == "phase1-200"
        await opened.press("s")
        assert opened.names[0] == "phase1-200"
        assert opened.table.current == "phase1-200"
        assert opened.table.scroll_y == 0  # the cursor is in sight
        await opened.press("G", "g")
        assert opened.table.current == "phase1-200"


async def test_a_theme_recolours_the_table(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:

        def colour() -> str:
            columns = [column.key.value for column in opened.table.ordered_columns]
            return str(opened.table.get_row("phase1-001")[columns.index("verdict")].style)

        dark = colour()
        opened.app.theme = "slmtui-light"
        await opened.until(lambda: colour() != dark)
        assert colour() == opened.app.theme_variables["moderate"]


async def test_help_names_every_key(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("question_mark")
        help_text = str(opened.app.screen.query_one(Static).content)
        for words in ("show this run on Train", "resume a run", "write a report", "talk to", "asks first",
                      "copy the path", "sort by name", "pause a run", "stop a run", "draw this run"):  # fmt: skip
            assert words in help_text
