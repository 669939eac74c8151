"""The table of evaluations on its own: one mark, and what a long run costs it."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult

from slmtui.console.screens.train.evaluation_table import MOST_ROWS, EvaluationTable
from slmtui.training.events import Evaluation


class OneTable(App[None]):
    def compose(self) -> ComposeResult:
        yield EvaluationTable()

    @property
    def table(self) -> EvaluationTable:
        return self.query_one(EvaluationTable)


def steps(table: EvaluationTable) -> list[str]:
    return [str(table.get_row_at(row)[0]).strip() for row in range(table.row_count)]


def marked(table: EvaluationTable) -> list[str]:
    return [step for step in steps(table) if step.startswith("◆")]


def evaluated(*bests: int, first: int = 0, last: int) -> list[Evaluation]:
    return [
        Evaluation(step=at, train_loss=1.0, val_loss=2.0, gap=1.0, verdict="good", bits_per_byte=2.0, best=at in bests)
        for at in range(first, last)
    ]


@pytest.mark.parametrize(("begin", "plateau"), [(60, 100), (60, 700)])
async def test_a_best_after_a_long_plateau_is_the_only_one_marked(begin: int, plateau: int) -> None:
    app = OneTable()
    async with app.run_test(size=(80, 20)) as pilot:
        shown = evaluated(50, last=begin)
        app.table.show(shown, kind="")
        assert marked(app.table) == ["◆ 50"]
        for at in range(begin, plateau, 20):
            shown += evaluated(first=at, last=at + 20)
            app.table.show(shown, kind="")
        assert marked(app.table) == (["◆ 50"] if plateau <= MOST_ROWS else [])
        shown += evaluated(plateau, first=plateau, last=plateau + 1)
        app.table.show(shown, kind="")
        await pilot.pause()
        assert marked(app.table) == [f"◆ {plateau}"]


async def test_a_long_run_loses_its_oldest_rows_and_the_cursor_stays_on_its_evaluation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = OneTable()
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.table
        shown = evaluated(0, last=MOST_ROWS + 100)
        table.show(shown, kind="")
        await pilot.pause()
        assert table.cursor_row == MOST_ROWS - 1  # it follows what is new
        table.move_cursor(row=100)
        shown += evaluated(first=MOST_ROWS + 100, last=MOST_ROWS + 103)
        added: list[object] = []
        add_row = table.add_row

        def counted(*cells: Any, **how: Any) -> object:
            added.append(cells)
            return add_row(*cells, **how)

        monkeypatch.setattr(table, "add_row", counted)
        table.show(shown, kind="")
        await pilot.pause()
        assert len(added) == 3
        assert steps(table) == [f"{at:,}" for at in range(103, MOST_ROWS + 103)]
        assert steps(table)[table.cursor_row] == "200"
        table.show(shown, kind="")
        assert len(added) == 3  # a beat without news


async def test_the_evaluations_of_another_run_take_the_place_of_the_first_ones() -> None:
    app = OneTable()
    async with app.run_test(size=(80, 20)):
        app.table.show(evaluated(2, last=5), kind="")
        app.table.show(evaluated(1, last=5), kind="mixed")
        assert steps(app.table) == ["0", "◆ 1", "2", "3", "4"]
        assert len(app.table.columns) == 8
        app.table.show([], kind="")
        assert app.table.row_count == 0
        assert len(app.table.columns) == 6
