"""A study: one question, asked of many trainings. A TOML file names a base phase, what varies, and the seeds.

    [study]
    name = "recipes"
    question = "Is dropout worth it on this text?"
    phase = "phases/quick.toml"
    seeds = [1, 2, 3]

    [set]                              # in every trial
    training.max_iters = 300

    [grid]                             # every combination
    model.n_embd = [32, 64]

    [[variant]]                        # several keys that belong together; the first is what others are compared with
    name = "dropout"
    model.dropout = 0.1

The cells of a study are the combinations of its grid and its variants; each has a trial for every seed.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slmtui.config.errors import PhaseError, Problem, printable, shown
from slmtui.config.limits import LARGEST_SEED
from slmtui.config.overrides import Override
from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase, parse_toml, read_phase_text
from slmtui.config.positions import KeyPath, Spot, spots
from slmtui.config.source_path import source_path
from slmtui.config.trial_key import phase_name, trial_key
from slmtui.words import plural

LARGEST_STUDY = 10_000  # trials
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")  # leaves room for a cell's number in the name of a phase
LONGEST_NAME = 60  # of a variant, in characters: it stands in tables
_TEXTS = ("title", "question")
_KEYS = ("name", *_TEXTS, "phase", "seeds", "max_minutes", "halving", "claims")


@dataclass(frozen=True)
class Cell:
    """One combination of what a study varies."""

    number: int  # from 1, in the file's order; once it has runs, that in their names (`numbered`)
    label: str  # what is special about it: "n_embd 32 · dropout"
    values: Mapping[str, Any]  # of the keys that vary, by "section.key"
    variant: str = ""


@dataclass(frozen=True)
class Trial:
    """One training of a study."""

    cell: Cell
    seed: int
    phase: Phase

    @property
    def label(self) -> str:
        return f"{self.cell.label} · seed {self.seed}"

    @cached_property
    def key(self) -> str:
        return trial_key(self.phase)


@dataclass(frozen=True)
class Study:
    name: str
    title: str
    question: str
    base: str  # the base phase's file, as the study names it
    seeds: tuple[int, ...]
    max_minutes: float | None  # after that no trial is begun; None: no limit
    halving: bool  # whether trials that lag behind are given up early
    claims: tuple[str, ...]  # names of what is tested, see studies/claims.py
    cells: tuple[Cell, ...]
    trials: tuple[Trial, ...]  # seed by seed, so that what is there after a while compares


def is_study(text: str) -> bool:
    """Does a TOML text mean to be a study, and not a phase?"""
    try:
        return isinstance(tomllib.loads(text).get("study"), dict)
    except (ValueError, RecursionError):
        return False


def load_study(path: str | Path, claims: Mapping[str, object]) -> Study:
    """Read the study file at `path`. claims: the names that its `claims` may have.

    Raises `PhaseError` with everything that is wrong with the file or with one of its trials' phases.
    """
    return parse_study(read_phase_text(Path(path)), str(path), claims)


def parse_study(text: str, name_of_file: str, claims: Mapping[str, object]) -> Study:
    text = text.replace("\r\n", "\n")
    reader = _Reader(text, printable(name_of_file, limit=200))
    head = reader.table(("study",), required=True)
    reader.refuse_unknown(reader.document, ("study", "set", "grid", "variant"), ())
    reader.refuse_unknown(head, _KEYS, ("study",))
    name = reader.text("name", required=True)
    if name and not NAME.fullmatch(name):
        reader.wrong(
            ("study", "name"), name, "up to 40 letters, digits, '.', '_' and '-', beginning with the first two"
        )
    base = reader.text("phase", required=True)
    study = Study(
        name=name, title=reader.text("title"), question=reader.text("question"), base=base, seeds=reader.seeds(),
        max_minutes=reader.minutes(), halving=reader.flag("halving"), claims=reader.claims(claims), cells=(), trials=(),
    )  # fmt: skip
    fixed = reader.overrides(("set",))
    ways = reader.ways()
    base_text = reader.base_text(base)
    reader.raise_problems()
    cells, trials, known = [], list[Trial](), dict[str, Cell]()
    for number, (cell, overrides) in enumerate(_cells(ways), 1):
        cells.append(Cell(number, **cell))
        for seed in study.seeds:
            of_study = {"study": name, "name": phase_name(name, number), "title": f"{cells[-1].label} · seed {seed}"}
            given = [
                *fixed, *overrides,
                *(Override(("phase", key), value, "") for key, value in of_study.items()),
                Override(("training", "seed"), seed, ""),
            ]  # fmt: skip
            if not any(override.path == ("training", "threads") for override in given):
                given.append(Override(("training", "threads"), 1, ""))  # several trials at once, a thread each
            try:
                trials.append(Trial(cells[-1], seed, parse_phase(base_text, base, given)))
            except PhaseError as error:
                reader.problems += [problem for problem in error.problems if problem not in reader.problems]
                break  # other seeds have the same faults
            if seed == study.seeds[0] and (twin := known.setdefault(trials[-1].key, cells[-1])) is not cells[-1]:
                reader.refuse_alike(twin, cells[-1])
            if study.halving and trials[-1].phase.training.max_minutes is not None:
                reader.fault(
                    ("study", "halving"),
                    "not possible with training.max_minutes, whose number of steps is not known before a trial begins; "
                    "allowed: false, or a number of steps, training.max_iters",
                )
    reader.raise_problems()
    trials.sort(key=lambda trial: study.seeds.index(trial.seed))
    return Study(**{**vars(study), "cells": tuple(cells), "trials": tuple(trials)})


@dataclass(frozen=True)
class _Way:
    """One value of a key, or one variant."""

    label: str
    overrides: list[Override]
    is_variant: bool = False


def _cells(ways: list[list[_Way]]) -> Iterator[tuple[dict[str, Any], list[Override]]]:
    """What makes each cell, as arguments of `Cell`, and the values that it sets."""
    for combination in itertools.product(*ways):
        overrides = [override for way in combination for override in way.overrides]
        cell = {
            "label": " · ".join(way.label for way in combination) or "as it is",
            "values": {".".join(override.path): override.value for override in overrides},
            "variant": next((way.label for way in combination if way.is_variant), ""),
        }
        yield cell, overrides


class _Reader:
    """The tables of a study file, and what is wrong with them."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.texts = file, {file: text}  # by the name of the file that faults are in
        self.document = parse_toml(text, file)
        self.places = spots(text)
        self.problems: list[Problem] = []

    def raise_problems(self) -> None:
        if self.problems:
            self.problems.sort(key=lambda problem: (not self._is_in(problem, self.file), problem.line or float("inf")))
            first = self.problems[0]
            raise PhaseError(
                self.problems, next((self.texts[file] for file in self.texts if self._is_in(first, file)), "")
            )

    @staticmethod
    def _is_in(problem: Problem, file: str) -> bool:
        return problem.place.startswith(f"{file}:")

    def place(self, path: KeyPath) -> Spot | None:
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path)

    def fault(self, path: KeyPath, message: str) -> None:
        spot = self.place(path)
        line = spot.line if spot else 1
        key = ".".join(str(part) for part in path if not isinstance(part, int))
        problem = Problem(f"{self.file}:{line}", key, message, line, spot.value_column if spot else None)
        if problem not in self.problems:  # a table is asked for again and again
            self.problems.append(problem)

    def wrong(self, path: KeyPath, got: object, allowed: str) -> None:
        self.fault(path, f"not possible (got {shown(got)}), allowed: {allowed}")

    def refuse_alike(self, first: Cell, second: Cell) -> None:
        """Two cells with the same settings: their trials would be the same, digit by digit."""
        variants = [each.get("name") for each in self.document.get("variant", [])]
        path = ("variant", variants.index(second.variant)) if second.variant != first.variant else ("grid",)
        self.fault(
            path,
            f"cells {first.number} ({printable(first.label)}) and {second.number} ({printable(second.label)}) have the "
            "same settings, so nothing would be compared; leave one of them out",
        )

    def table(self, path: tuple[str, ...], *, required: bool = False) -> dict[str, Any]:
        found = self.document.get(path[0])
        if found is None and not required:
            return {}
        if not isinstance(found, dict):
            self.fault(path, "missing" if found is None else f"not a table (got {shown(found)})")
            return {}
        return found

    def refuse_unknown(self, table: Mapping[str, Any], known: tuple[str, ...], path: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                what = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
                self.fault((*path, key), f"unknown key of a study, {what}")

    def _given(self, key: str) -> Any:
        return self.table(("study",)).get(key)

    def text(self, key: str, *, required: bool = False) -> str:
        value = self._given(key)
        if value is None:
            if required and isinstance(self.document.get("study"), dict):
                self.fault(("study", key), "missing")
            return ""
        if not isinstance(value, str) or (required and not value):
            self.wrong(("study", key), value, "a string")
            return ""
        if key == "title" and not value.isprintable():
            self.wrong(("study", key), value, "a title on one line")
        return value

    def seeds(self) -> tuple[int, ...]:
        value = self._given("seeds")
        if value is None:
            return (1, 2, 3)
        good = (
            isinstance(value, list) and value and all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in value)
        )
        if not good or len(set(value)) < len(value):
            self.wrong(("study", "seeds"), value, f"a list of different whole numbers from 0 to {LARGEST_SEED:,}")
            return ()
        return tuple(value)

    def minutes(self) -> float | None:
        value = self._given("max_minutes")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 10**6:
            self.wrong(("study", "max_minutes"), value, "minutes, more than 0 and at most 1,000,000")
            return None
        return float(value)

    def flag(self, key: str) -> bool:
        value = self._given(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(("study", key), value, "true or false")
        return value is True

    def claims(self, known: Mapping[str, object]) -> tuple[str, ...]:
        value = self._given("claims")
        if value is None:
            return ()
        good = isinstance(value, list) and all(isinstance(name, str) for name in value)
        if not good or len(set(value)) < len(value):
            self.wrong(("study", "claims"), value, "a list of different claims")
            return ()
        for number, name in enumerate(value):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                what = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
                self.fault(("study", "claims", number), f"unknown claim (got {shown(name)}), {what}")
        return tuple(value)

    def overrides(self, path: tuple[str, ...]) -> list[Override]:
        """The keys of a phase in the table [set]."""
        return [Override(key, value, self._label((*path, *key))) for key, value in self._keys(self.table(path), path)]

    def _keys(self, table: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[tuple[str, str], Any]]:
        for section, keys in table.items():
            if not isinstance(keys, dict):
                self.fault((*path, section), f"not a key of a phase, which is section.key (got {shown(keys)})")
                continue
            for key, value in keys.items():
                if (section, key) == ("training", "seed") or section == "phase":
                    where = ": seeds stand in [study]" if key == "seed" else ""
                    self.fault((*path, section, key), f"set by the study itself{where}")
                    continue
                if path != ("grid",) and (section, key) in self._in_grid():
                    self.fault((*path, section, key), "also in [grid], so it would not be clear which value counts")
                    continue
                yield (section, key), value

    def _in_grid(self) -> set[tuple[str, str]]:
        grid = self.document.get("grid")
        tables = grid.items() if isinstance(grid, dict) else ()
        return {(section, key) for section, keys in tables if isinstance(keys, dict) for key in keys}

    def _label(self, path: KeyPath) -> str:
        spot = self.place(path)
        key = ".".join(str(part) for part in path if not isinstance(part, int))
        return f"{self.file}:{spot.line if spot else 1}: {printable(key)}"

    def ways(self) -> list[list[_Way]]:
        """What is combined: the values of each key of the grid, and the variants."""
        ways, n_cells = list[list[_Way]](), 1
        for key, values in self._keys(self.table(("grid",)), ("grid",)):
            path = ("grid", *key)
            if not isinstance(values, list) or not values:
                self.wrong(path, values, "a list of values")
                continue
            names = [shown(value).strip('"') for value in values]
            if len(set(names)) < len(names):
                self.wrong(path, values, "a list of different values")
                continue
            n_cells *= len(values)
            ways.append(
                [
                    _Way(f"{key[1]} {name}", [Override(key, value, self._label(path))])
                    for name, value in zip(names, values, strict=True)
                ]
            )
        if variants := self._variants():
            ways.append(variants)
            n_cells *= len(variants)
        if n_cells * max(1, len(self.seeds())) > LARGEST_STUDY:
            many = f"{plural(n_cells, 'cell')} with {plural(len(self.seeds()), 'seed')}"
            self.fault(("grid",), f"{many} are too many, allowed: {LARGEST_STUDY:,} trials")
        return ways

    def _variants(self) -> list[_Way]:
        found = self.document.get("variant", [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            self.fault(("variant",), "not a list of tables, each of which begins with [[variant]]")
            return []
        variants = list[_Way]()
        for number, each in enumerate(found):
            path = ("variant", number)
            name = each.get("name")
            good = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
            if name is None:
                self.fault((*path, "name"), "missing: each variant has a name of its own")
                continue
            if not isinstance(name, str) or not good or name in [way.label for way in variants]:
                allowed = f"a name of its own for each variant, on one line, of up to {LONGEST_NAME} characters"
                self.wrong((*path, "name"), name, allowed)
                continue
            keys = self._keys({key: value for key, value in each.items() if key != "name"}, path)
            overrides = [Override(key, value, self._label((*path, *key))) for key, value in keys]
            variants.append(_Way(name, overrides, is_variant=True))
        return variants

    def base_text(self, base: str) -> str:
        if not base:
            return ""
        try:
            text = read_phase_text(source_path(base))
        except PhaseError as error:
            self.fault(("study", "phase"), "; ".join(str(problem) for problem in error.problems))
            return ""
        if is_study(text):
            self.wrong(("study", "phase"), base, "the file of a phase, and this is a study's")
        self.texts[printable(base, limit=200)] = text
        return text
