"""The evaluations of a run as a table, the best one marked."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from slmtui.console.train_view import evaluation_cells
from slmtui.training.events import Evaluation

COLUMNS = (("step", 9), ("train", 8), ("val", 8), ("gap", 8), ("  verdict", 14), ("b/byte", 7))  # and their widths
MIXED_COLUMNS = (("mixed", 8), ("b/byte", 7))  # further ones, for a run with model.ngram_mix
MOST_ROWS = 500  # the newest; DataTable slows down beyond
MARKED = 30  # rows before the last that may have lost the mark since


class EvaluationTable(DataTable[Any]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable", cell_padding=0)
        self.mixed = False

    def on_mount(self) -> None:
        self._add_columns()

    def _add_columns(self) -> None:
        for name, width in (*COLUMNS, *(MIXED_COLUMNS if self.mixed else ())):
            self.add_column(Text(name, justify="left" if name == "  verdict" else "right"), width=width)

    def show(self, evaluations: list[Evaluation], best: int | None, *, mixed: bool) -> None:
        """Add what is new, and follow it if the cursor stood on the last row. best: a step; mixed: has it a mixture?"""
        if mixed != self.mixed:
            self.mixed = mixed
            self.clear(columns=True)
            self._add_columns()
        if len(evaluations) < self.row_count or len(evaluations) > MOST_ROWS:
            self.clear()
        shown = evaluations[-MOST_ROWS:]
        before = self.row_count
        was_last = self.cursor_row >= before - 1
        for row in range(max(0, before - MARKED), before):
            cell = evaluation_cells(shown[row], best=shown[row].step == best, verdict_style="")[0]
            if self.get_cell_at((row, 0)) != cell:  # type: ignore[arg-type]
                self.update_cell_at((row, 0), cell)  # type: ignore[arg-type]
        for evaluation in shown[before:]:
            colour = self.app.theme_variables.get(evaluation.verdict, "")
            cells = evaluation_cells(evaluation, best=evaluation.step == best, verdict_style=colour, mixed=mixed)
            self.add_row(*cells)
        if len(shown) > before and was_last and self.row_count:
            self.move_cursor(row=self.row_count - 1)
