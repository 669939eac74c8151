"""The Runs screen: what each of its keys brings about."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path

import pytest
from textual.widgets import Static

from slmtui.config.phase import Phase
from slmtui.console.app import Console
from slmtui.console.desktop import opener
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Question
from slmtui.console.hints import Hints
from slmtui.errors import UserError
from slmtui.runs.run import Run, create_run
from slmtui.runs.tags import read_tags, set_tags
from slmtui.training.events import Paused, Resumed, to_json
from slmtui.trash import thrown_in
from tests.console.screen_text import seen, toasts
from tests.console.screens.runs.driver import open_runs
from tests.patience import wait_for
from tests.written_runs import done_run, evaluations, make_phase, started, write_run


def commands(run: Run) -> list[str]:
    lines = run.control_file.read_text().splitlines() if run.control_file.exists() else []
    return [json.loads(line)["command"] for line in lines]


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
        await opened.press("s")
        assert "is finished" in opened.said
        await opened.press("j", "j", "s")
        assert "would diverge again" in opened.said
        assert asked == []
        for run in (crashed, never_saved, failed):
            await opened.go_to(run.name)
            await opened.press("s")
        assert asked == [crashed, never_saved, failed]


async def test_a_finished_run_gets_more_steps_once_it_was_asked_how_many(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", reason="stopped")
    asked: list[Phase] = []
    monkeypatch.setattr(Console, "train", lambda _, job: asked.append(job))
    async with open_runs(checkpoints) as opened:
        await opened.press("plus", "0", "enter")  # no number of steps, so that the dialog stays
        assert asked == []
        await opened.press("2", "5", "enter")
        (phase,) = asked
        assert (phase.model.init_from, phase.training.max_iters) == ("phase1-001", 25)
        await opened.press("j", "plus")
        assert "phase1-002 is not over" in opened.said


async def test_a_run_alive_elsewhere_is_paused_resumed_and_stopped(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001", reason=None)
    with run.log_file.open("a") as log:
        log.write(to_json(Paused(step=200)) + "\n")
    with run.lock():
        async with open_runs(checkpoints) as opened:
            assert opened.row("phase1-001")["state"] == "paused"
            await opened.press("P", "s")
            assert commands(run) == ["resume", "stop"]
            with run.log_file.open("a") as log:
                for event in (Resumed(step=200), *evaluations([(6.6, 6.6)], at=time.time())):
                    log.write(to_json(event) + "\n")
            await opened.until(lambda: opened.row("phase1-001")["state"] == "running")
            await opened.press("P")
            assert commands(run) == ["resume", "stop", "pause"]
            await opened.press("x")
            assert "stop it first" in opened.said
            assert not isinstance(opened.app.screen, Question)


async def test_the_bottom_line_names_what_can_be_done_with_the_run_under_the_cursor(checkpoints: Path) -> None:
    done_run(checkpoints, "phase1-001")
    done_run(checkpoints, "phase1-002", reason=None)
    done_run(checkpoints, "phase1-003", reason="diverged")
    alive = done_run(checkpoints, "phase1-004", reason=None)
    with alive.lock():
        async with open_runs(checkpoints) as opened:
            for name, words in (("002", "s resume"), ("004", "s stop"), ("003", ""), ("002", "s resume"), ("001", "")):
                await opened.go_to(f"phase1-{name}")

                def shown() -> set[str]:
                    hints = str(opened.screen.query_one(Hints).render()).split("  ")
                    return {hint.strip() for hint in hints} & {"s resume", "s stop"}

                await opened.until(lambda words=words: shown() == {words} - {""})  # type: ignore[misc]


async def test_a_run_that_is_over_is_not_paused(checkpoints: Path) -> None:
    run = done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("P")
        assert "not alive" in opened.said
        await opened.press("s")
        assert "is finished" in opened.said
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


async def test_what_is_deleted_comes_back_until_the_trash_is_emptied(checkpoints: Path) -> None:
    runs = [done_run(checkpoints, f"phase1-{number:03}") for number in (1, 2, 3)]
    log = runs[2].log_file.read_text()
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j", "space", "j", "x", "enter")  # the safe answer has the focus
        assert len(opened.names) == 3
        assert len(thrown_in(checkpoints)) == 0
        await opened.press("x", "d")
        await opened.until(lambda: opened.names == ["phase1-001", "phase1-002"])
        assert create_run(checkpoints, make_phase("phase1")).name == "phase1-004", "its number is kept for it"
        await opened.press("k", "x", "m")
        await opened.until(lambda: opened.names == ["phase1-004"])
        for n in (2, 3):
            await opened.press("u")
            await opened.until(lambda n=n: len(opened.names) == n)  # type: ignore[misc]
        await opened.press("u")
        await opened.until(lambda: len(opened.names) == 4)
        assert runs[2].log_file.read_text() == log
        assert opened.table.current == "phase1-003"
        await opened.press("u")
        assert "nothing that was deleted" in opened.said
        await opened.press("x", "d")
        await opened.until(lambda: len(opened.names) == 3)
        await opened.press("X", "enter")
        assert len(thrown_in(checkpoints)) == 1
        await opened.press("X", "d")
        await opened.until(lambda: not thrown_in(checkpoints))
        await opened.press("u")
        assert "nothing that was deleted" in opened.said


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


async def test_report_is_written_into_the_run_and_shown_in_the_browser_of_a_desktop(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = done_run(checkpoints, "phase1-001")
    async with open_runs(checkpoints) as opened:
        await opened.press("o")
        await opened.until(lambda: any("report written" in toast for toast in toasts(opened.app)))
        assert "browser" not in opened.said
        page = run.folder / "report-phase1-001.html"
        assert "phase1-001" in page.with_suffix(".md").read_text()
        assert page.read_text().startswith("<!doctype html>")
        program = checkpoints.parent / "opener"
        program.write_text(f'#!/bin/sh\nprintf %s "$1" > {checkpoints.parent}/opened.part\n'
                           f"mv {checkpoints.parent}/opened.part {checkpoints.parent}/opened\n")  # fmt: skip
        program.chmod(0o755)
        monkeypatch.setattr("slmtui.console.desktop.opener", lambda _: str(program))
        await opened.press("o")
        await opened.until(lambda: "the browser shows it" in opened.said)
        wait_for((checkpoints.parent / "opened").exists)
        assert (checkpoints.parent / "opened").read_text() == page.resolve().as_uri()


@pytest.mark.parametrize(
    ("environment", "platform", "name"),
    [
        ({"DISPLAY": ":0"}, "linux", "xdg-open"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", "xdg-open"),
        ({}, "linux", None),
        ({}, "darwin", "open"),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a b c d"}, "linux", None),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", None),
    ],
)
def test_a_browser_is_only_started_where_somebody_sees_it(
    environment: dict[str, str], platform: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert opener(environment, platform) == name


async def test_what_the_report_does_is_said_and_it_can_be_given_up(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = done_run(checkpoints, "phase1-001")
    goes_on = threading.Event()

    def read(_: Run) -> None:
        assert goes_on.wait(60)
        raise UserError("too late")

    monkeypatch.setattr("slmtui.insight.report.build.read_facts", read)
    async with open_runs(checkpoints) as opened:
        await opened.press("o")
        await opened.until(lambda: "phase1-001, 1 of 1 …" in seen(opened.app))
        await opened.press("escape")
        await opened.until(lambda: not opened.app.screen.is_modal)
        goes_on.set()
    assert not list(run.folder.glob("report*"))


async def test_report_of_marked_runs_is_one_report(checkpoints: Path) -> None:
    for number in (1, 2, 3):
        done_run(checkpoints, f"phase1-{number:03}")
    async with open_runs(checkpoints) as opened:
        await opened.press("space", "j", "space", "o")
        await opened.until(lambda: "report written" in "".join(toasts(opened.app)))
        (page,) = checkpoints.glob("report-*.html")
        assert re.fullmatch(r"report-\d{4}-\d\d-\d\d-\d{6}\.html", page.name)  # none takes the place of another
        text = page.with_suffix(".md").read_text()
        assert "phase1-001" in text
        assert "phase1-002" in text
        assert "phase1-003" not in text


async def test_a_run_gets_tags_and_a_note_and_loses_them(checkpoints: Path) -> None:
    done_run(checkpoints, "a-001")
    done_run(checkpoints, "b-001")
    set_tags(checkpoints, {"good": "b-001"})
    async with open_runs(checkpoints) as opened:
        await opened.press("a", *"good v1", "enter")
        await opened.until(lambda: read_tags(checkpoints).of("a-001") == ("good", "v1"))
        assert read_tags(checkpoints).of("b-001") == (), "a tag moves"
        await opened.press("N", *"lower rate", "enter")
        await opened.until(lambda: read_tags(checkpoints).note("a-001") == "lower rate")
        await opened.until(lambda: "lower rate" in opened.text("#about"))
        await opened.press("a", *"a-001", "enter")  # the name of a run: it stays in the dialog
        assert isinstance(opened.app.screen, InputDialog)
        assert str(opened.app.screen.query_one("#wrong", Static).render())
        await opened.press("escape", "N", "backspace", "enter")
        await opened.until(lambda: read_tags(checkpoints).note("a-001") == "")
        assert read_tags(checkpoints).of("a-001") == ("good", "v1")
