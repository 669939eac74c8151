"""Runs compared: all with the baseline, and two side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from slmtui.cli import main
from slmtui.console.dialogs.question import Message
from slmtui.console.screens.runs.side_by_side import side_by_side
from slmtui.runs.index import RunIndex
from slmtui.runs.tags import TAGS_FILE, read_tags, set_tags
from tests.console.screen_text import toasts
from tests.console.screens.runs.driver import NARROW, open_runs
from tests.written_runs import BITS, done_run, evaluations, finished, make_phase, started, write_run


def runs_on_two_texts(checkpoints: Path) -> None:
    done_run(checkpoints, "a-001", losses=[(3.0, 3.0)])
    done_run(checkpoints, "b-001", losses=[(2.0, 2.0)])
    done_run(checkpoints, "c-001", losses=[(1.0, 1.0)], val_text="b" * 64)
    write_run(checkpoints, "d-001", make_phase("d"), [started(make_phase("d"))])


async def test_b_has_all_runs_compared_with_this_one_and_tags_it(checkpoints: Path) -> None:
    runs_on_two_texts(checkpoints)
    async with open_runs(checkpoints) as opened:
        assert "baseline" not in opened.row("a-001")
        await opened.press("b")
        await opened.until(lambda: "baseline" in opened.row("a-001"))
        assert read_tags(checkpoints).tags == {"baseline": "a-001"}
        assert [opened.row(name)["baseline"] for name in opened.names] == ["0.00", f"−{BITS:.2f}", "–", "–"]
        await opened.press("slash", *"baseline<0", "enter")
        await opened.until(lambda: opened.names == ["b-001"])
        await opened.press("escape", "b")  # the tag moves
        await opened.until(lambda: opened.row("b-001").get("baseline") == "0.00")
        assert opened.row("a-001")["baseline"] == f"+{BITS:.2f}"
        set_tags(checkpoints, {"baseline": "c-001"})  # as the command line does
        await opened.until(lambda: opened.row("c-001").get("baseline") == "0.00")
        assert opened.row("b-001")["baseline"] == "–"
        await opened.go_to("c-001")
        await opened.press("b")
        await opened.until(lambda: "baseline" not in opened.row("a-001"))
        assert read_tags(checkpoints).tags == {}


async def test_b_pressed_twice_takes_it_back_however_soon_and_says_what_was_written(checkpoints: Path) -> None:
    runs_on_two_texts(checkpoints)
    async with open_runs(checkpoints) as opened:
        await opened.pilot.press("b", "b")
        await opened.until(lambda: any("no longer the baseline" in toast for toast in toasts(opened.app)))
        assert read_tags(checkpoints).tags == {}
        tags = checkpoints / TAGS_FILE
        tags.unlink()
        tags.mkdir()  # which cannot be written
        before = len(toasts(opened.app))
        await opened.press("b")
        await opened.until(lambda: len(toasts(opened.app)) > before)
        await opened.press("A")
        await opened.until(lambda: len(toasts(opened.app)) > before + 1)
        assert all("cannot be written" in toast for toast in toasts(opened.app)[before:])


def test_the_command_line_compares_with_the_same_run(checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs_on_two_texts(checkpoints)
    set_tags(checkpoints, {"baseline": "b-001"})
    assert main(["runs", "--checkpoints", str(checkpoints)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    at = header.index("vs baseline") + len("vs baseline")
    assert [row[:at].split()[-1] for row in rows] == [f"+{BITS:.2f}", "+0.00", "–", "–"]
    assert main(["runs", "--json", "--checkpoints", str(checkpoints)]) == 0
    told = [json.loads(line)["above_baseline"] for line in capsys.readouterr().out.splitlines()]
    assert told == [pytest.approx(BITS), 0.0, None, None]
    set_tags(checkpoints, {"baseline": None})
    assert main(["runs", "--checkpoints", str(checkpoints)]) == 0
    assert "baseline" not in capsys.readouterr().out


async def test_v_shows_two_runs_side_by_side_at_80_columns(checkpoints: Path) -> None:
    runs_on_two_texts(checkpoints)
    phase = make_phase("wide", model={"n_embd": 32}, training={"learning_rate": 3e-4})
    events = [started(phase, n_vocab=900), *evaluations([(2.0, 2.5)])]
    write_run(checkpoints, "wide-001", phase, [*events, finished(events)])
    async with open_runs(checkpoints, NARROW) as opened:

        async def shown(*keys: str) -> str:
            await opened.press(*keys)
            await opened.until(lambda: isinstance(opened.app.screen, Message) and opened.app.screen.query(Static))
            text = str(opened.app.screen.query_one(Static).content)
            assert max(map(len, text.split("\n"))) <= opened.app.screen.query_one(Static).size.width
            await opened.press("escape")
            return text

        await opened.press("v")
        assert "mark the run to compare this one with" in opened.said
        await opened.press("space")
        await opened.go_to("wide-001")
        text = await shown("v")  # the marked one, and this one
        assert f"wide-001 is better than a-001 by {0.5 * BITS:.2f} bits per byte." in text
        rows = [line.split() for line in text.split("\n")]
        assert ["a-001", "wide-001"] in rows
        assert ["b/byte", f"{3 * BITS:.2f}", f"{2.5 * BITS:.2f}"] in rows
        assert "net b/byte" not in text  # which says no more, where nothing is mixed
        assert ["vocabulary", "751", "900"] in rows
        assert ["n_embd", "8", "32"] in rows
        assert ["learning_rate", "0.001", "0.0003"] in rows
        assert not any(row[:1] == ["n_layer"] for row in rows)  # which is the same
        await opened.go_to("c-001")
        await opened.press("space")
        text = await shown("v")  # the two that are marked
        assert "Their validation texts differ" in text
        assert ["validation", "text", "a" * 12, "b" * 12] in [line.split() for line in text.split("\n")]
        await opened.go_to("b-001")
        await opened.press("space", "v")
        assert "3 runs are marked; two can be compared" in opened.said


@pytest.mark.parametrize("size", [(60, 15), NARROW])
async def test_all_marked_runs_are_compared_by_what_decides_and_the_gate_is_shown(
    checkpoints: Path, size: tuple[int, int]
) -> None:
    """A run that its network decides, one that its mixture does, and one that counts which learn on do, with a gate."""
    losses, mixed, adaptive = [(3.0, 4.4), (2.0, 4.2)], (3.6, 3.7), (3.5, 3.0)
    done_run(checkpoints, "a-001", losses=losses)
    mixture = make_phase("b", model={"ngram_mix": 0.4}, training={"max_iters": 100})
    happened = [started(mixture), *evaluations(losses, mixed=mixed)]
    write_run(checkpoints, "b-001", mixture, [*happened, finished(happened)])
    judged = make_phase("c", model={"context_mixing": True}, training={"max_iters": 100})
    happened = [started(judged), *evaluations(losses, mixed=mixed, adaptive=adaptive)]
    write_run(checkpoints, "c-001", judged, [*happened, replace(finished(happened), gate_failed=["val_bpb"])])
    async with open_runs(checkpoints, size) as opened:
        await opened.press("space", "j", "space", "j", "space")
        await opened.until(lambda: len(opened.screen.marked) == 3)
        rows = {name: opened.row(name) for name in opened.names}
        best = {"a-001": (4.2, "network"), "b-001": (3.6, "mixed"), "c-001": (3.0, "adaptive")}
        for name, (loss, decides) in best.items():
            assert rows[name]["bpb"] == f"{loss * BITS:.2f}"
            assert rows[name]["decides"] == decides
        assert [rows[name]["gate"] for name in best] == ["", "", "failed"]
        assert opened.table.virtual_size.width <= opened.table.size.width
        for name in best:  # whichever has the cursor
            await opened.go_to(name)
            expected = {"a-001 · network": [4.4, 4.2], "b-001 · mixed": [*mixed], "c-001 · adaptive": [*adaptive]}
            await opened.until(lambda: expected.items() <= opened.curves.items())  # noqa: B023


async def test_with_nothing_marked_the_baseline_is_beside_the_run(checkpoints: Path) -> None:
    runs_on_two_texts(checkpoints)
    set_tags(checkpoints, {"baseline": "a-001"})
    async with open_runs(checkpoints) as opened:
        await opened.until(lambda: "baseline" in opened.row("a-001"))
        await opened.press("v")
        assert "mark the run" in opened.said  # it is the baseline itself
        await opened.go_to("b-001")
        await opened.press("v")
        await opened.until(lambda: isinstance(opened.app.screen, Message))
        assert "b-001 is better than a-001" in opened.app.screen.text  # type: ignore[attr-defined]


def test_what_cannot_be_read_or_is_not_there_is_said(checkpoints: Path) -> None:
    runs_on_two_texts(checkpoints)
    a, b, _, d = RunIndex(checkpoints).look()
    text = side_by_side(a, d, [a.run.phase(), "phase.toml: [red]gone"], 60)
    assert text.startswith("d-001 has no evaluation yet")
    assert "phase.toml: [red]gone" in text
    assert max(map(len, text.split("\n"))) <= 60
    same = side_by_side(a, a, [a.run.phase()] * 2, 60)
    assert "Neither is better" in same
    assert same.count("no difference") == 2
    assert "no difference" in side_by_side(a, b, [a.run.phase()] * 2, 60)
