"""Which models there are, by name, and those of them in memory.

A run's name means its best model, `run@step` the checkpoint of that step, as long as it is kept. When a better best.pt
lands, it is read beside the one in use, and takes its place for whoever asks next; what has begun ends with the old.
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
from slmtui.runs.checkpoint import CheckpointError, SavedModel, load_model, read_note
from slmtui.runs.run import Run, find_run, newest_runs
from slmtui.serve.engine import Engine
from slmtui.serve.errors import MISSING, RequestError
from slmtui.serve.limits import MOST_MODELS
from slmtui.serve.speed import Speed


@dataclass(frozen=True)
class Served:
    """A model in memory."""

    saved: SavedModel
    state: FileState | None  # of its file when it was read
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
        """names: of the runs to serve; none: all there are, and that come. UserError if one cannot be served."""
        self._checkpoints, self._speed, self._say = checkpoints, speed, say
        self._chosen = [find_run(checkpoints, name) for name in names]
        self._served: dict[Path, Served] = {}  # most recently used last
        self._reading: dict[Path, asyncio.Task[Served]] = {}
        self._refused: dict[Path, FileState | None] = {}  # what could not be read, and was said
        self._steps: dict[Path, tuple[FileState | None, int]] = {}

    def runs(self) -> list[Run]:
        """Those that have a model; the first one is meant where none is named."""
        runs = self._chosen or newest_runs(self._checkpoints)
        return [run for run in runs if file_state(run.best_file) is not None]

    def names(self) -> list[ModelName]:
        """Every name that means a model."""
        found = []
        for run in self.runs():
            found.append(ModelName(run.name, _when(run.best_file)))
            steps = {step: path for path in (run.last_file, run.best_file) if (step := self._step(path)) is not None}
            found += [ModelName(f"{run.name}@{step}", _when(path)) for step, path in sorted(steps.items())]
        return found

    def path(self, name: str | None) -> Path:
        """The checkpoint that a name means; RequestError with the names there are."""
        runs = self.runs()
        if not name:
            if not runs:
                raise self._unknown("")
            return runs[0].best_file
        run_name, at, step = name.rpartition("@") if "@" in name else (name, "", "")
        for run in runs:
            if run.name == name:
                return run.best_file
            if at and run.name == run_name:
                for path in (run.best_file, run.last_file):
                    if str(self._step(path)) == step:
                        return path
        raise self._unknown(name)

    async def get(self, name: str | None) -> Served:
        """The model that a name means; RequestError if there is none or it cannot be read."""
        path = self.path(name)
        if "@" in (name or "") and path in self._served and self._served[path].state != file_state(path):
            self._drop(path)  # a step is asked for, and the one in memory is no longer it
        if path in self._served:
            self._served[path] = self._served.pop(path)
            return self._served[path]
        try:
            served = await asyncio.shield(self._begin_to_read(path))
        except CheckpointError as error:
            raise RequestError(f"the model {name or path.parent.name} cannot be read: {error}", status=503) from None
        if name and "@" in name and not name.endswith(f"@{served.saved.step}") and path.parent.name != name:
            raise self._unknown(name)  # another one landed meanwhile
        return served

    async def begin(self) -> None:
        """Have what is likely to be asked for in memory; UserError if a chosen run cannot be read."""
        for run in self._chosen[:MOST_MODELS]:
            await self._begin_to_read(run.best_file, asked=True)
        if not self._chosen:
            with suppress(UserError, RequestError):  # it may be asked for another one; this one's fault was said
                await self._begin_to_read(self.path(None))

    def look(self) -> None:
        """Have what changed on the disk be read, and forget what is gone."""
        for path, served in list(self._served.items()):
            state = file_state(path)
            if state is None:
                self._drop(path)
            elif state != served.state and self._refused.get(path) != state:
                self._begin_to_read(path)

    def close(self) -> None:
        for path in list(self._served):
            self._drop(path)

    def _begin_to_read(self, path: Path, *, asked: bool = False) -> asyncio.Task[Served]:
        """asked: what is wrong with it is told to whoever waits for it, and need not be said."""
        task = self._reading.get(path)
        if task is None:
            task = self._reading[path] = asyncio.create_task(self._read(path, asked=asked))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is said in _read
        return task

    async def _read(self, path: Path, *, asked: bool) -> Served:
        state = file_state(path)
        try:
            saved = await asyncio.to_thread(_load, path)
        except CheckpointError as error:
            self._refused[path] = state
            if not asked:
                self._say(str(error))
            raise
        finally:
            del self._reading[path]
        self._say(f"{path}: step {saved.step:,}, {saved.losses}")
        self._drop(path)
        self._served[path] = served = Served(saved, state, Engine(saved.model, saved.tokenizer, self._speed, self._say))
        while len(self._served) > MOST_MODELS:
            self._drop(next(iter(self._served)))
        return served

    def _drop(self, path: Path) -> None:
        if served := self._served.pop(path, None):
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
        shown = printable(name, limit=200)
        return RequestError(
            f"the model {shown!r} is not there (there: {there})", status=404, kind=MISSING, param="model",
            code="model_not_found",
        )  # fmt: skip


def _load(path: Path) -> SavedModel:
    """The model, once it has completed something: the first time, parts of it are still compiled or loaded."""
    saved = load_model(path)
    prompt = saved.tokenizer.encode_prompt(" ")
    for _ in generate(saved.model, [prompt], 2, Sampling(), [0]):
        pass
    return saved


def _when(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
