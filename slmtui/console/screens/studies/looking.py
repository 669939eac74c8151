"""Reading the project's studies and their results, in a worker: only what has changed is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.config.errors import PhaseError
from slmtui.config.source_path import source_path
from slmtui.console.screens.studies.grid import Grid, grid_of
from slmtui.errors import UserError
from slmtui.project import STUDIES

if TYPE_CHECKING:
    from slmtui.studies.laws import Law, LawLine, Point
    from slmtui.studies.reading import StudyFollower
    from slmtui.studies.results import StudyResults


@dataclass(frozen=True)
class StudyListing:
    """A study as the list shows it. problem: the first fault of its file, which then has no results."""

    path: Path
    problem: str = ""
    results: StudyResults | None = None
    grid: Grid | None = None
    trainers: dict[int, int] = field(default_factory=dict)  # by a running trial's place in the study: its process

    @property
    def name(self) -> str:
        return self.path.stem if self.results is None else self.results.study.name


@dataclass(frozen=True)
class Finding:
    """What a study's results say together."""

    results: StudyResults
    table: str
    claims: str
    law: str  # in words; why there is none, where there is none
    law_lines: tuple[LawLine, ...]  # none without a law


class StudiesReader:
    """One thread at a time looks; what it returned never changes."""

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self._known: dict[Path, _Followed] = {}

    def look(self) -> list[StudyListing]:
        """By name of the file. UserError if the runs' folder cannot be listed."""
        files = sorted(STUDIES.glob("*.toml"))
        self._known = {path: self._known.get(path) or _Followed(path, self.checkpoints) for path in files}
        return [followed.look() for followed in self._known.values()]


class _Followed:
    """One study file: what is known of it, and of what."""

    def __init__(self, path: Path, checkpoints: Path) -> None:
        self.path, self.checkpoints = path, checkpoints
        self._stamps: tuple[object, ...] | None = None
        self._base: Path | None = None
        self._follower: StudyFollower | None = None
        self._listing = StudyListing(path)

    def look(self) -> StudyListing:
        from slmtui.runs.index import file_stamp
        from slmtui.studies.processes import trainer_of

        stamps = (file_stamp(self.path), None if self._base is None else file_stamp(self._base))
        if stamps != self._stamps:
            self._load()
            self._stamps = (stamps[0], None if self._base is None else file_stamp(self._base))
        if self._follower is None:
            return self._listing
        study, results = self._follower.study, self._follower.look()
        trainers = {}
        for place, trial in enumerate(results.trials):
            if trial.status == "running" and (pid := trainer_of(study, trial.trial, self.checkpoints)) is not None:
                trainers[place] = pid
        before = self._listing
        if results is not before.results or trainers != before.trainers:
            grid = before.grid if before.results is not None and before.results.study is study else None
            self._listing = StudyListing(self.path, "", results, grid or grid_of(study.cells), trainers)
            for cell in results.cells:
                _ = cell.estimate  # so that the screen need not
        return self._listing

    def _load(self) -> None:
        from slmtui.config.study import load_study
        from slmtui.studies.claims import CLAIMS
        from slmtui.studies.reading import StudyFollower, numbered

        try:
            study = numbered(load_study(self.path, CLAIMS), self.checkpoints)
        except PhaseError as error:
            self._follower, self._listing = None, StudyListing(self.path, str(error.problems[0]))
            self._base = _base_of(self.path)
        except UserError as error:
            self._follower, self._listing, self._base = None, StudyListing(self.path, str(error)), None
        else:
            self._base = source_path(study.base)
            if self._follower is None or self._follower.study != study:
                self._follower = StudyFollower(study, self.checkpoints)


def _base_of(path: Path) -> Path | None:
    """The base phase that a study with a fault names, so that the fault is gone once that is mended."""
    import tomllib

    try:
        base = tomllib.loads(path.read_text(encoding="utf-8"))["study"]["phase"]
        return source_path(base) if isinstance(base, str) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


class Finder:
    """Works out what results say; the law, which takes longest, only where its points have changed."""

    def __init__(self) -> None:
        self._points: tuple[Point, ...] | None = None
        self._law: Law | str = ""
        self._lines: list[LawLine] = []

    def find(self, results: StudyResults) -> Finding:
        from slmtui.studies.laws import law_lines, law_of, points_of
        from slmtui.studies.tables import claims_lines, table, test_lines, text_notes

        points = points_of(results)
        if points != self._points:
            self._law = law_of(points)
            self._lines = [] if isinstance(self._law, str) else law_lines(self._law)
            self._points = points
        law = self._law
        claims = [line for line in claims_lines(results) if line]
        return Finding(
            results, "\n".join([*table(results), *test_lines(results), *text_notes(results)]),
            "\n\n".join(claims) or "This study tests no claims; `claims` in its [study] names them (docs/studies.md).",
            f"No law: {law}." if isinstance(law, str) else law_words(law),
            tuple(self._lines),
        )  # fmt: skip


def law_words(law: Law) -> str:
    """The law with its constants in one line."""
    c, off = law.fitted, f"each cell predicted by the others: off by {law.error:.3f} bits per byte"
    if law.form == "joint":
        return f"L = ({c.A:.3g} / N^{c.alpha:.2f} + {c.B:.3g} / D)^{c.beta:.3f} · {off}"
    data = "D" if law.form == "data" else "D'"
    return f"L = {c.E:.3g} + {c.A:.3g} / N^{c.alpha:.2f} + {c.B:.3g} / {data}^{c.beta:.2f} · {off}"
