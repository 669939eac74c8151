"""The evaluations of a run as a table, the best one marked."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from slmtui.console.screens.train.view import MixtureKind, evaluation_cells
from slmtui.training.events import Evaluation

COLUMNS = (("step", 9), ("train", 8), ("val", 8), ("gap", 8), ("  verdict", 14), ("b/byte", 7))  # and their widths
MIXED_COLUMNS: dict[MixtureKind, tuple[tuple[str, int], ...]] = {  # for a run with a mixture
    "": COLUMNS,
    "mixed": (*COLUMNS, ("mixed val", 10), ("mixed b/byte", 13)),
    "adaptive": (*COLUMNS[:-1], ("static", 7), ("b/byte", 7), ("adaptive", 9), ("b/byte", 7)),
}
MOST_ROWS = 500  # the newest; DataTable slows down beyond


class EvaluationTable(DataTable[Any]):
    BINDING_GROUP_TITLE = "Evaluations"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable", cell_padding=0)
        self.kind: MixtureKind = ""
        self._evaluations: list[Evaluation] = []  # of the run that is shown; it grows
        self._seen = 0  # so many of them; the rows are the last of these
        self._best: int | None = None  # a place in them

    def on_mount(self) -> None:
        self._add_columns()

    def _add_columns(self) -> None:
        for name, width in MIXED_COLUMNS[self.kind]:
            if self.kind and name in ("train", "val", "gap"):
                width -= 1  # so that all of them fit 80 columns, beside a scrollbar
            self.add_column(Text(name, justify="left" if name == "  verdict" else "right"), width=width)

    def show(self, evaluations: list[Evaluation], *, kind: MixtureKind) -> None:
        """Add what is new, and follow it if the cursor stood on the last row. kind: of its mixture.

        Another list object than before means another run, or one whose log was cut back.
        """
        if evaluations is not self._evaluations or kind != self.kind:
            self._begin(evaluations, kind=kind)
        new = len(evaluations) - self._seen
        if not new:
            return
        cursor = self.cursor_row
        was_last = cursor >= self.row_count - 1
        gone = min(self.row_count, max(0, self.row_count + new - MOST_ROWS))
        if gone == self.row_count:
            self.clear()
        for row in self.ordered_rows[:gone]:  # none is left of a table that was cleared
            self.remove_row(row.key)
        self._mark_best(evaluations)
        for at in range(max(self._seen, len(evaluations) - MOST_ROWS), len(evaluations)):
            evaluation = evaluations[at]
            colour = self.app.theme_variables.get(evaluation.verdict, "")
            self.add_row(*evaluation_cells(evaluation, best=at == self._best, verdict_style=colour, kind=kind))
        self._seen = len(evaluations)
        self.move_cursor(row=self.row_count - 1 if was_last else max(0, cursor - gone), scroll=was_last)

    def forget(self) -> None:
        """Show all of them anew, in the colours of a new theme."""
        self._begin([], kind=self.kind)

    def _begin(self, evaluations: list[Evaluation], *, kind: MixtureKind) -> None:
        self._evaluations, self._seen, self._best = evaluations, 0, None
        self.clear(columns=kind != self.kind)
        if kind != self.kind:
            self.kind = kind
            self._add_columns()

    def _mark_best(self, evaluations: list[Evaluation]) -> None:
        """Find the best of all; one that was the best until now loses its mark."""
        best = next((at for at in range(len(evaluations) - 1, self._seen - 1, -1) if evaluations[at].best), None)
        if best is None:
            return
        row = -1 if self._best is None else self._best - (self._seen - self.row_count)
        if self._best is not None and row >= 0:
            cell = evaluation_cells(evaluations[self._best], best=False, verdict_style="")[0]
            self.update_cell_at(Coordinate(row, 0), cell)
        self._best = best
