"""What to do with a run that is over: talk to its model, with prompts that its text suggests."""

from __future__ import annotations

from collections.abc import Callable

from slmtui.config.recorded_phase import recorded_phase
from slmtui.console.base import ConsoleScreen
from slmtui.console.key_names import key
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.output import visible
from slmtui.runs.history import RunHistory
from slmtui.runs.run import Run

MOST = 3  # prompts, each with a digit as its key


class TalkPrompts:
    """How the lines of a run's text begin, looked for in a worker once the run is over; `changed` is called then."""

    def __init__(self, screen: ConsoleScreen, changed: Callable[[], None]) -> None:
        self._screen, self._changed = screen, changed
        self._of: Run | None = None  # whose text was asked for last
        self.prompts: tuple[str, ...] = ()

    def look(self, history: RunHistory) -> None:
        """See to it that they are known for a run that is over and has a model; of another run there are none."""
        over = history.finished is not None and is_there(history.run.best_file)
        run = history.run if over else None
        if run == self._of:
            return
        self._of, self.prompts = run, ()
        self._changed()
        if run is not None and history.started is not None:
            values = history.started.phase
            self._screen.run_worker(lambda: self._find(run, values), thread=True, exclusive=True, group="prompts")

    def line(self) -> str:
        """`talk to it:  1 "def "  2 "import "   c your own words`; "" where there is nobody to talk to."""
        if self._of is None:
            return ""
        offers = [
            f'{key(f"train.talk-{number}", str(number))} "{visible(prompt)}"'
            for number, prompt in enumerate(self.prompts, start=1)
        ]
        return "  ".join([" talk to it:", *offers, f"{key('everywhere.switch-mode-complete', 'c')} your own words"])

    def _find(self, run: Run, values: dict[str, dict[str, object]]) -> None:
        from slmtui.insight.judging.beginnings import frequent_beginnings
        from slmtui.training.prepare import phase_corpus

        try:
            texts = (text for chunk in phase_corpus(recorded_phase(values)).chunks() for text in chunk.texts)
            found = frequent_beginnings(texts, MOST)
        except (UserError, OSError, ValueError):  # the text is not here any more, or the log is of another version
            return
        self._screen.call_later(self._take, run, found)

    def _take(self, run: Run, found: tuple[str, ...]) -> None:
        if run == self._of:
            self.prompts = found
            self._changed()
