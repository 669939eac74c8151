"""The Runs screen: what it lists, and how it looks in windows small and large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import Static

from slmtui.console.charts.widget import Chart
from slmtui.console.screens.runs.run_list import RunList
from slmtui.training.events import Sample, to_json
from tests.console.screen_text import toasts
from tests.console.screens.runs.driver import NARROW, WIDE, open_runs
from tests.written_runs import BEGAN, done_run, evaluations, make_phase, started, write_run


async def test_rows_say_what_the_logs_say(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001", n_vocab=50257)
    done_run(checkpoints, "phase1-002", reason="stopped")
    done_run(checkpoints, "phase1-003", reason="diverged")
    done_run(checkpoints, "phase1-004", reason=None)
    async with open_runs(checkpoints) as opened:
        row = opened.row("phase1-001")
        assert row | {"phase": ""} == {
            "run": "phase1-001", "phase": "", "state": "done", "parameters": "6,960", "tokens": "4,500",
            "val": "4.0000", "step": "100", "gap": "+1.00", "verdict": "moderate", "bpb": "2.31", "time": "0:12",
            "counting": "–", "samples": "–",
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
        assert "s resumes from step 200." in opened.text("#about")
        await opened.press("j")
        assert "Stopped early at step 200 of 600" in opened.text("#about")
        assert "best.pt holds step 100" in opened.text("#about")
        await opened.press("j")
        assert "never saved: s begins it again" in opened.text("#about")
        assert "No evaluation yet" in opened.text("#comparable")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_without_runs_it_says_what_to_do(checkpoints: Path, size: tuple[int, int]) -> None:
    async with open_runs(checkpoints, size, empty=True) as opened:
        assert "choose a phase and start it" in opened.text("#empty")
        assert f"slmtui --headless phases/quick.toml --checkpoints {checkpoints}" in opened.text("#empty")
        assert not opened.screen.query_one("#runs-panel").display
        await opened.press("s", "x", "o", "space", "enter", "z", "y", "C", "P", "s")
        assert opened.app.current_mode == "runs"
        said = toasts(opened.app)
        assert said
        assert {words.partition(":")[0] for words in said} == {"there are no runs yet"}


async def test_wide_says_how_far_from_the_n_gram_model_and_what_samples_are_like(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", losses=[(6.0, 6.2), (4.0, 3.5)], baseline=4.0, baseline_order=5)
    with run.log_file.open("a") as log:
        log.write(to_json(Sample(step=100, time=BEGAN, prompt="a", text="b", judgement={"label": "syntax"})) + "\n")
    async with open_runs(checkpoints) as opened:
        assert opened.row("phase1-001")["counting"] == "−0.50"
        assert opened.row("phase1-001")["samples"] == "syntax"
        await opened.pilot.resize_terminal(180, 40)
        await opened.until(lambda: "Tiny: finding the balance" in opened.row("phase1-001").get("phase", ""))


async def test_narrow_keeps_the_columns_that_matter(checkpoints: Path) -> None:
    done_run(checkpoints, "a-phase-with-quite-a-long-name-indeed-001")
    async with open_runs(checkpoints, NARROW) as opened:
        row = opened.row("a-phase-with-quite-a-long-name-indeed-001")
        assert {"run", "state", "val", "gap", "verdict", "bpb"} <= set(row)
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
        await opened.press("Z")
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


async def test_help_names_every_key_that_has_something_to_do(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", reason=None)
    always = ("show this run on Train", "write a report", "talk to", "asks first", "copy the path",
              "sort by the next column", "turn the order", "filter the list", "draw this run")  # fmt: skip
    steering = ("resume a run that was stopped", "pause a run", "stop a run")

    async def help_text() -> str:
        async with open_runs(checkpoints) as opened:
            await opened.press("question_mark")
            await opened.until(lambda: opened.app.screen.is_modal and opened.app.screen.query(Static))
            return str(opened.app.screen.query_one(Static).content)

    text = await help_text()
    assert [words for words in always if words not in text] == []
    assert [words for words in steering if words in text] == ["resume a run that was stopped"]
    with run.lock():
        text = await help_text()
        assert [words for words in (*always, *steering) if words not in text] == ["resume a run that was stopped"]
