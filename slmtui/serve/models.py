"""Which models there are, by name, and those of them in memory.

A run's name means its best model, `run@step` the checkpoint of that step, as long as it is kept, and `study/cell` the
best models of a cell together. A tag, `latest` and `best` mean a run among those that are served, at the time when they
are asked for. When a better best.pt lands, it is read beside the one in use, and takes its place for whoever asks next;
what has begun ends with the old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.inference.model_cache import FileState, file_state
from slmtui.runs.best import best_run
from slmtui.runs.cells import Cell, find_cell
from slmtui.runs.checkpoint import CheckpointError, SavedModel, read_note
from slmtui.runs.ensemble import load_models
from slmtui.runs.run import Run, find_run, newest_first, newest_runs
from slmtui.runs.tags import TAGS_FILE, Tags, read_tags
from slmtui.serve.engine import Engine
from slmtui.serve.errors import MISSING, RequestError
from slmtui.serve.limits import MOST_MODELS
from slmtui.serve.speed import Speed

Files = tuple[Path, ...]  # of a model: its checkpoint, or those of the networks that predict together
FilesState = tuple[FileState, ...]


@dataclass(frozen=True)
class Served:
    """A model in memory."""

    saved: SavedModel
    state: FilesState | None  # of its files when they were read
    engine: Engine


@dataclass(frozen=True)
class ModelName:
    id: str
    created: int  # seconds since 1970


class Models:
    """Used in the event loop's thread, but for `names()`; files are read in others."""

    def __init__(
        self, checkpoints: Path, names: Sequence[str], speed: Speed, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """names: of the runs to serve; none: all there are, and that come. UserError if one cannot be served.

        A tag among them means the run that it names by then, once that has a model.
        """
        self._checkpoints, self._speed, self._say = checkpoints, speed, say
        self._tags_read: tuple[FileState | None, Tags] = (None, Tags())
        self._chosen = {name: find_cell(checkpoints, name) or find_run(checkpoints, name) for name in names}
        self._tagged = [name for name, run in self._chosen.items() if self._tags.tags.get(name) == run.name]
        self._served: dict[Files, Served] = {}  # most recently used last
        self._reading: dict[Files, asyncio.Task[Served]] = {}
        self._refused: dict[Files, FilesState | None] = {}  # what could not be read, and was said
        self._steps: dict[Path, tuple[FileState | None, int]] = {}

    def runs(self) -> list[Run | Cell]:
        """Those that have a model; the first one is meant where none is named."""
        for tag in self._tagged:
            with suppress(UserError):  # it names none now: the last one stays
                run = find_run(self._checkpoints, tag)
                if _state(_best(run)) is not None:
                    self._chosen[tag] = run
        runs = dict.fromkeys(self._chosen.values()) or newest_runs(self._checkpoints)
        return [run for run in runs if _state(_best(run)) is not None]

    def names(self) -> list[ModelName]:
        """Every name that means a model, but for `latest` and `best`."""
        found = []
        for run in self.runs():
            when = max(map(_when, _best(run)))
            found.append(ModelName(run.name, when))
            if isinstance(run, Cell):
                continue
            found += [ModelName(tag, when) for tag in self._tags.of(run.name)]
            steps = {step: path for path in (run.last_file, run.best_file) if (step := self._step(path)) is not None}
            found += [ModelName(f"{run.name}@{step}", _when(path)) for step, path in sorted(steps.items())]
        return found

    def default(self) -> str:
        """The name that is meant where none is given; RequestError if there is none."""
        if not (runs := self.runs()):
            raise self._unknown("")
        return runs[0].name

    def files(self, name: str) -> Files:
        """The checkpoint that a model's own name means, or those of a cell; RequestError with the names there are."""
        runs = self.runs()
        run_name, at, step = name.rpartition("@") if "@" in name else (name, "", "")
        for run in runs:
            if run.name == name:
                return _best(run)
            if at and run.name == run_name and isinstance(run, Run):
                for path in (run.best_file, run.last_file):
                    if str(self._step(path)) == step:
                        return (path,)
        raise self._unknown(name)

    async def own_name(self, name: str | None) -> str:
        """The name of a model without tags, `latest` and `best`; RequestError if none is named, and there is none."""
        name = name or self.default()
        run_name, at, step = name.rpartition("@") if "@" in name else (name, "", "")
        if any(run.name in (name, run_name) for run in self.runs()):
            return name
        meant = await asyncio.to_thread(self._run_meant, run_name)
        return name if meant is None else f"{meant}{at}{step}"

    def _run_meant(self, word: str) -> str | None:
        """The name of the run that a tag, `latest` or `best` means; None for any other word."""
        runs = newest_first(run for run in self.runs() if isinstance(run, Run))
        if word == "latest" and runs:
            return runs[0].name
        if word == "best":
            best = best_run(runs)
            return None if best is None else best.name
        return self._tags.tags.get(word)

    @property
    def _tags(self) -> Tags:
        state, tags = self._tags_read
        if (now := file_state(self._checkpoints / TAGS_FILE)) != state:
            tags = read_tags(self._checkpoints)
            self._tags_read = now, tags
        return tags

    async def get(self, asked: str | None) -> tuple[str, Served]:
        """The model that a name means, and its own name; RequestError if there is none or it cannot be read."""
        name = await self.own_name(asked)
        files = self.files(name)
        run_name, at, step = name.rpartition("@")
        asks_for_step = bool(at) and name != _named(files)  # a run's name may have an @ of its own
        if asks_for_step and files in self._served and self._served[files].state != _state(files):
            self._drop(files)  # the one in memory is no longer that of this step
        if files in self._served:
            self._served[files] = self._served.pop(files)
            return name, self._served[files]
        try:
            served = await asyncio.shield(self._begin_to_read(files))
        except CheckpointError as error:
            raise RequestError(f"the model {name} cannot be read: {error}", status=503) from None
        if asks_for_step and step != str(served.saved.step):
            raise self._unknown(f"{run_name}@{step}")  # another one landed meanwhile
        return name, served

    async def begin(self) -> None:
        """Have what is likely to be asked for in memory; UserError if a chosen run cannot be read."""
        for run in list(self._chosen.values())[:MOST_MODELS]:
            await self._begin_to_read(_best(run), asked=True)
        if not self._chosen:
            with suppress(UserError, RequestError):  # it may be asked for another one; this one's fault was said
                await self._begin_to_read(self.files(self.default()))

    def look(self) -> None:
        """Have what changed on the disk be read, and forget what is gone."""
        for files, served in list(self._served.items()):
            state = _state(files)
            if state is None:
                self._drop(files)
            elif state != served.state and self._refused.get(files) != state:
                self._begin_to_read(files)

    def close(self) -> None:
        for files in list(self._served):
            self._drop(files)

    def _begin_to_read(self, files: Files, *, asked: bool = False) -> asyncio.Task[Served]:
        """asked: what is wrong with it is told to whoever waits for it, and need not be said."""
        task = self._reading.get(files)
        if task is None:
            task = self._reading[files] = asyncio.create_task(self._read(files, asked=asked))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is said in _read
        return task

    async def _read(self, files: Files, *, asked: bool) -> Served:
        state = _state(files)
        try:
            saved = await asyncio.to_thread(_load, files)
        except CheckpointError as error:
            self._refused[files] = state
            if not asked:
                self._say(str(error))
            raise
        finally:
            del self._reading[files]
        self._say(f"{', '.join(map(str, files))}: step {saved.step:,}, {saved.losses}")
        self._drop(files)
        self._served[files] = served = Served(
            saved, state, Engine(saved.model, saved.tokenizer, self._speed, self._say)
        )
        while len(self._served) > MOST_MODELS:
            self._drop(next(iter(self._served)))
        return served

    def _drop(self, files: Files) -> None:
        if served := self._served.pop(files, None):
            served.engine.close()

    def _step(self, path: Path) -> int | None:
        """Of a checkpoint; None if there is none that can be read."""
        state = file_state(path)
        if state is None:
            return None
        if path not in self._steps or self._steps[path][0] != state:
            try:
                self._steps[path] = (state, read_note(path).step)
            except UserError:
                return None
        return self._steps[path][1]

    def _unknown(self, name: str) -> RequestError:
        there = ", ".join(model.id for model in self.names()) or "none yet: a run has one after its first evaluation"
        which = f"the model {printable(name, limit=200)!r} is not there" if name else "no model is named"
        return RequestError(
            f"{which} (there: {there})", status=404, kind=MISSING, param="model",
            code="model_not_found",
        )  # fmt: skip


def _best(run: Run | Cell) -> Files:
    return run.files if isinstance(run, Cell) else (run.best_file,)


def _state(files: Files) -> FilesState | None:
    """What changes when one of the files does; None if one is not there."""
    states = [state for path in files if (state := file_state(path)) is not None]
    return tuple(states) if len(states) == len(files) else None


def _named(files: Files) -> str:
    """A run's name, or those of the runs that predict together."""
    return ", ".join(path.parent.name for path in files)


def _load(files: Files) -> SavedModel:
    """The model, once it has completed something: the first time, parts of it are still compiled or loaded."""
    saved = load_models(files)
    prompt = saved.tokenizer.encode_prompt(" ")
    for _ in generate(saved.model, [prompt], 2, Sampling(), [0]):
        pass
    return saved


def _when(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
