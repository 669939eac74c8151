"""What a person does with a study: start, pause and stop its trials, and add seeds; and what is asked first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.key_names import key
from slmtui.console.screens.studies.looking import StudyListing
from slmtui.console.screens.studies.words import (
    is_paused,
    more_seeds,
    price_words,
    progress,
    seconds_a_trial,
    wrong_seeds,
)
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.words import listed, plural

if TYPE_CHECKING:
    from slmtui.studies.processes import StudyProcess


class StudyWork:
    """Starts processes that outlive the console, and asks those that train."""

    def __init__(self, screen: ConsoleScreen) -> None:
        self._screen = screen
        self.started: dict[str, StudyProcess] = {}  # by the study's file
        self._asking: set[str] = set()  # files of studies that a question is about, or will be

    def look(self) -> None:
        """Has a process that was started here ended? If it had something to say, show that."""
        for file, process in list(self.started.items()):
            if not process.alive:
                del self.started[file]
                if words := process.complaint():
                    self._screen.app.push_screen(Message(visible(words), title=f"{file} has ended"))

    def starting(self, studies: list[StudyListing]) -> set[str]:
        """Files of which a process that was started here has no trial yet."""
        idle = {
            str(study.path) for study in studies if study.results is not None and not study.results.count("running")
        }
        return {file for file, process in self.started.items() if file in idle and process.alive}

    def is_at_work(self, study: StudyListing) -> bool:
        """Does a trial run, wherever that is, or a process that was started here?"""
        process = self.started.get(str(study.path))
        running = study.results is not None and study.results.count("running")
        return bool(running) or (process is not None and process.alive)

    async def start(self, study: StudyListing) -> None:
        """Train what is missing, once it was said how many trials that is and how long they take."""
        await self._once(study, self._start)

    async def add_seeds(self, study: StudyListing) -> None:
        """Ask how many, say what that means, and write them to the file."""
        await self._once(study, self._add_seeds)

    async def _once(self, study: StudyListing, ask: Callable[[StudyListing], Awaitable[None]]) -> None:
        """Ask about a study, unless something is being asked about it already."""
        if (file := str(study.path)) in self._asking:
            return
        self._asking.add(file)
        try:
            await ask(study)
        finally:
            self._asking.discard(file)

    async def _start(self, study: StudyListing) -> None:
        results = study.results
        assert results is not None
        left = [trial for trial in results.trials if trial.status in ("queued", "stopped")]
        if not left:
            failed = results.count("failed")
            words = f"; {failed} failed, `slmtui study {study.path} --show` says why" if failed else ""
            seeds = key("studies.seeds", "+")
            self._say(f"{study.name} has nothing left to train{words}; {seeds} adds seeds", wrong=True)
            return
        at_once = await asyncio.to_thread(_at_once, study)
        each, by = seconds_a_trial(results), ""
        if each is None:
            each, by = await asyncio.to_thread(_seconds_by_base, study, self._screen.host.checkpoints)
        work = sum(1 - (progress(trial) or 0.0) for trial in left)
        question = (
            f"Train {study.name}: {price_words(len(left), work, each, at_once)}{by}?\n"
            f"They go on when slmtui is left; {key('studies.stop', 's')} saves and stops them."
        )
        answers = {"cancel": "Not now", "train": "Train"}
        if await self._screen.app.push_screen_wait(Question(visible(question), answers, title="start")) == "train":
            self._train(study, len(left))

    def _train(self, study: StudyListing, trials: int) -> None:
        from slmtui.studies.processes import StudyProcess

        assert study.results is not None
        try:
            process = StudyProcess.start(study.path, study.results.study, self._screen.host.checkpoints)
        except UserError as error:
            self._say(str(error), wrong=True)
            return
        self.started[str(study.path)] = process
        self._say(f"{study.name}: {plural(trials, 'trial')} to train; goes on when slmtui is left")
        self._screen.look_soon()

    def pause(self, study: StudyListing) -> None:
        """Pause all trials that run, or let them go on where all are paused."""
        assert study.results is not None
        running = [trial for trial in study.results.trials if trial.status == "running" and trial.run is not None]
        if not running:
            self._say(f"no trial of {study.name} is running", wrong=True)
            return
        awake = [trial for trial in running if not is_paused(trial)]
        for trial in awake or running:
            if trial.run is None or not self._screen.ask_trainer(trial.run, "pause" if awake else "resume"):
                return
        asked = "pause" if awake else "go on"
        self._say(f"{plural(len(awake or running), 'trial')} of {study.name}: asked to {asked}")

    async def stop(self, study: StudyListing) -> None:
        from slmtui.studies.processes import end_study

        assert study.results is not None
        process = self.started.get(str(study.path))
        asked = await asyncio.to_thread(end_study, study.results.study, self._screen.host.checkpoints, process)
        if asked:
            self._say(f"{study.name}: asked to save and stop; {key('studies.start', 's')} goes on with it")
        else:
            self._say(f"{study.name} is trained by nobody on this machine; stop it where it was started", wrong=True)

    async def _add_seeds(self, study: StudyListing) -> None:
        results, app = study.results, self._screen.app
        assert results is not None
        at_once = await asyncio.to_thread(_at_once, study)
        seeds, cells, each = results.study.seeds, len(results.cells), seconds_a_trial(results)
        question = (
            f"How many seeds more for {study.name}? It has {len(seeds)}: {listed([f'{seed}' for seed in seeds])}.\n"
            f"One more: {price_words(cells, cells, each, at_once)}."
        )
        answer = await app.push_screen_wait(
            InputDialog(visible(question), title="more seeds", value="2", wrong=wrong_seeds)
        )
        if answer is None:
            return
        new = more_seeds(seeds, int(answer))
        words = listed([f"{seed}" for seed in new])
        trials = cells * len(new)
        question = f"Add to {study.path} the seeds {words}?\n{price_words(trials, trials, each, at_once)}."
        answers = {"add": "Add them", "cancel": "Cancel"}
        if await app.push_screen_wait(Question(visible(question), answers, title="more seeds")) != "add":
            return
        try:
            await asyncio.to_thread(write_seeds, study.path, new)
        except (UserError, OSError) as error:
            self._say(str(error), wrong=True)
            return
        waits = " once the processes that work on it now have ended" if results.count("running") else ""
        start = key("studies.start", "s")
        self._say(f"{study.path} has {plural(len(seeds) + len(new), 'seed')}; {start} trains what is missing{waits}")
        self._screen.look_soon()

    def _say(self, words: str, *, wrong: bool = False) -> None:
        self._screen.notify(visible(words), severity="warning" if wrong else "information")


def write_seeds(path: Path, new: list[int]) -> None:
    """Add seeds to a study's file, as it is by now. UserError if that would leave it with a fault."""
    from slmtui.atomic_files import atomic_write
    from slmtui.config.editing import with_seeds
    from slmtui.config.phase_file import read_phase_text
    from slmtui.config.study import parse_study
    from slmtui.studies.claims import CLAIMS

    text = read_phase_text(path)
    seeds = parse_study(text, str(path), CLAIMS).seeds
    edited = with_seeds(text, [*seeds, *(seed for seed in new if seed not in seeds)])
    parse_study(edited, str(path), CLAIMS)
    with atomic_write(path.resolve()) as file:
        file.write(edited.encode())


def _at_once(study: StudyListing) -> int:
    """How many trials would train at a time here."""
    from slmtui.studies.capacity import workers_for

    assert study.results is not None
    return workers_for(study.results.study)


def _seconds_by_base(study: StudyListing, checkpoints: Path) -> tuple[float | None, str]:
    """What a trial takes on average, by the speed of the newest run of the phase that all vary, and which that is; None
    without one."""
    from slmtui.config.phase_file import load_phase
    from slmtui.config.source_path import source_path
    from slmtui.runs.preview import newest_of, preview
    from slmtui.runs.run import newest_runs

    assert study.results is not None
    try:
        base = load_phase(source_path(study.results.study.base))
        if (run := newest_of(newest_runs(checkpoints), base.phase.name)) is None:
            return None, ""
        speed = preview(run).progress
    except (UserError, OSError):
        return None, ""
    phases = [trial.trial.phase for trial in study.results.trials]
    taken = [speed.seconds_for(phase.training.max_iters, phase.evaluation.interval) for phase in phases]
    known = [seconds for seconds in taken if seconds is not None]
    return (sum(known) / len(known), f", by the speed of {run.name}") if known else (None, "")
