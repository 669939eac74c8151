"""One model on the Complete screen: what it makes of the prompt, and a worker that makes it do so."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from slmtui.console.host import Host
from slmtui.console.key_names import key
from slmtui.console.screens.complete.chosen_model import ChosenModel, files_of, model_state
from slmtui.console.screens.complete.completion_worker import CompletionContext, CompletionUpdate, run_completion
from slmtui.console.screens.complete.token_text import TokenText
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.inference.streaming import Request, Token, branch
from slmtui.output import visible
from slmtui.runs.run import run_at

if TYPE_CHECKING:
    from slmtui.insight.judging.quality import CopiedSpan

LOOK = 2.0  # seconds between two looks at whether a run is still in training


class CompletionPanel(Vertical):
    BINDING_GROUP_TITLE = "Completion"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "token before", key_display="←", show=False),
        Binding("right,l", "move(1)", "token", key_display="←→", tooltip="the token after"),
        Binding("up,k", "pick(-1)", "alternative above", show=False),
        Binding("down,j", "pick(1)", "choice", key_display="↑↓", tooltip="the alternative below"),
        Binding("home,g", "move(-1_000_000)", "first token", show=False),
        Binding("end,G", "move(1_000_000)", "last token", show=False),
        Binding("m", "extend", "more", show=False, tooltip="go on from the end, by as many tokens again"),
        Binding("enter", "branch", "take it", tooltip="take the alternative and continue from there"),
    ]
    DEFAULT_CSS = """
    CompletionPanel { width: 1fr; height: 1fr; }
    CompletionPanel .status { height: auto; max-height: 2; color: $quiet; }
    CompletionPanel .status.-failed { color: $error; max-height: 4; }
    """

    class Changed(Message):
        """Something that is told about this panel elsewhere: its tokens, its cursor, its state."""

        def __init__(self, panel: CompletionPanel) -> None:
            super().__init__()
            self.panel = panel

    class Heard(Message):
        """From the worker."""

        def __init__(self, update: CompletionUpdate) -> None:
            super().__init__()
            self.update = update

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, CompletionPanel.Heard) and message.update.job == self.update.job

    class Noted(Message):
        """From the worker that reads what the checkpoint says of itself."""

        def __init__(self, words: str, alive: bool) -> None:
            super().__init__()
            self.words, self.alive = words, alive

    def __init__(self, model: ChosenModel, context: CompletionContext) -> None:
        super().__init__(classes="panel")
        self.model, self.context = model, context
        self.of_run = run_at(model.parent) if isinstance(model, Path) else None
        self.name_shown = f"{self.of_run.name} {model.stem}" if self.of_run and isinstance(model, Path) else model.name
        self.model_state = model_state(model)
        self.request: Request | None = None
        self.text = TokenText()
        self._said = ""  # by the status
        self.status = Static(
            f"type a prompt below, and {key('complete.submit', 'enter')} completes it", classes="status", markup=False
        )
        self.tokens: Sequence[Token] = ()
        self.count = 0
        self.cursor = 0
        self.picked = 0
        self.copies: tuple[CopiedSpan, ...] = ()
        self.busy = False  # generating tokens
        self.awaits_checkpoint = False  # one was asked for: complete again when it is there
        self.alive = False  # the run is in training
        self._job = 0
        self._next: deque[Request] = deque()  # to be completed after this one
        self._compares = False  # several completions of a prompt: each says how it was drawn
        self._note = ""
        self._looked = 0.0

    def compose(self) -> ComposeResult:
        yield self.text
        yield self.status

    def on_mount(self) -> None:
        self.border_title = Content(self.name_shown)
        self._read_note()

    @property
    def token(self) -> Token | None:
        return self.tokens[self.cursor] if self.cursor < self.count else None

    @property
    def completion(self) -> str:
        """What the model wrote, so far."""
        return "".join(token.text for token in self.tokens[: self.count])

    @property
    def note(self) -> str:
        """Where the token under the cursor was copied from; "" if it was not."""
        copies = [copy for copy in self.copies if copy.start <= self.cursor < copy.stop]
        if not copies:
            return ""
        longest = max(copies, key=lambda copy: copy.length)
        return f"one of {longest.length} tokens copied from {longest.source}"

    def why_not(self) -> str:
        """Why nothing can be done with its completion."""
        if self.busy:
            return f"it is still being drawn; {key('complete.leave', 'esc')} stops it"
        prompt, submit = key("complete.prompt", "/"), key("complete.submit", "enter")
        return f"there is no completion yet: {prompt} goes to the prompt, and {submit} there completes it"

    def why_not_fresh(self) -> str:
        name = self.name_shown if self.of_run is None else self.of_run.name
        return f"{name} is not being trained, so no fresh checkpoint can be asked for"

    # ---- what a person does ----

    def compare(self, requests: Sequence[Request]) -> None:
        """Complete these one after the other, to be read from the last down to the first."""
        self.complete(requests[0])
        self._compares = True
        self._next.extend(requests[1:])

    def complete(self, request: Request) -> None:
        """Complete a prompt; whatever was being completed is given up."""
        self._next.clear()
        self._compares = False
        self._begin(request, "before, ")

    def _begin(self, request: Request, kept_as: str = "") -> None:
        self._job += 1
        if self.request is not None and self.count:
            self.text.keep(kept_as + _drawn_with(self.request))
        self.request, self.busy = request, True
        self.tokens, self.count, self.copies = (), 0, ()
        self.cursor = self.picked = 0
        self.text.begin(request.prompt)
        backend = self.context.backend
        self._say("loading the model …" if backend.ready else backend.words())
        self._run_completion(self._job, request)
        self.post_message(self.Changed(self))

    def cancel(self) -> None:
        """Stop where it is."""
        self._next.clear()
        if self.busy:
            self._job += 1  # what the worker still has to say is not heard
            self.workers.cancel_group(self, "completion")
            self.busy = False
            self._say(f"stopped after {self.count} tokens")
            self._put_cursor()

    def action_move(self, by: int) -> None:
        self.go_to(self.cursor + by)

    def go_to(self, token: int) -> None:
        if self.count:
            self.cursor = min(max(0, token), self.count - 1)
            self._put_cursor()

    def action_pick(self, by: int) -> None:
        if (token := self.token) is not None:
            self.picked = min(max(0, self.picked + by), len(token.choices) - 1)
            self.post_message(self.Changed(self))

    def action_branch(self) -> None:
        """Go on from the alternative under the cursor, as if it had been drawn."""
        if (token := self.token) is None or self.request is None:
            self.notify(self.why_not(), severity="warning")
            return
        place, choice = self.cursor, token.choices[self.picked]
        kept = branch(list(self.tokens[: self.count]), place, choice)
        self.complete(replace(self.request, kept=kept))
        self.cursor = place

    def action_extend(self) -> None:
        """Go on where the completion ends, by as many tokens as were drawn last."""
        if self.busy or self.request is None or not self.count:
            self.notify(self.why_not(), severity="warning")
            return
        settings, end = self.request.settings, self.count
        more = max(1, settings.tokens - len(self.request.kept))
        kept = tuple(self.tokens[:end])
        self.complete(replace(self.request, kept=kept, settings=replace(settings, tokens=end + more)))
        self.cursor = end

    @on(TokenText.Clicked)
    def _clicked(self, event: TokenText.Clicked) -> None:
        event.stop()
        self.go_to(event.token)

    def await_checkpoint(self, request: Request | None) -> None:
        """A fresh checkpoint was asked for; complete the request with it as soon as it is there."""
        self.cancel()
        self.request, self.awaits_checkpoint = request, True
        self._say("asked for a fresh checkpoint …")

    def look_at_file(self) -> None:
        """See whether another checkpoint has taken the place of this one, and whether the run goes on; costs little."""
        if self.alive and self.of_run is not None and time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            self._show_note(self._note, self.of_run.is_alive())
        if (state := model_state(self.model)) == self.model_state:
            return
        self.model_state = state
        self._read_note()
        if self.awaits_checkpoint and self.request is not None:
            self.complete(replace(self.request, kept=()))
        elif self.awaits_checkpoint:
            self._say("the fresh checkpoint has arrived")
        elif self.count and not self.busy:
            self._say(f"a newer checkpoint is available: {key('complete.submit', 'enter')} at the prompt uses it")
        self.awaits_checkpoint = False

    # ---- what the workers tell ----

    @on(Heard)
    def _heard(self, event: Heard) -> None:
        event.stop()
        update = event.update
        if update.job != self._job:
            return
        if update.count > self.count:
            reached_cursor = self.count <= self.cursor < update.count
            self.tokens, self.count = update.tokens, update.count
            self.text.show(update.tokens, update.count)
            if reached_cursor:
                self._put_cursor(into_view=False)
        self.busy = not (update.over or update.failed)
        if update.over and self.count and self.cursor >= self.count:  # branched into the end of the document
            self.go_to(self.count - 1)
        if update.review is not None:
            self.copies = update.review.copies
            self.text.mark(frozenset(place for copy in self.copies for place in range(copy.start, copy.stop)))
        compared = f"{_drawn_with(self.request)} · " if self._compares and update.over and self.request else ""
        self._say(compared + _words(update), failed=update.failed)
        self.post_message(self.Changed(self))
        if update.failed:
            self._next.clear()
        elif update.last and self._next:
            self._begin(self._next.popleft())

    @on(Noted)
    def _noted(self, event: Noted) -> None:
        event.stop()
        self._show_note(event.words, event.alive)

    def _show_note(self, words: str, alive: bool) -> None:
        self._note, self.alive = words, alive
        self.border_title = Content(visible(f"{self.name_shown}{words}{' · in training' if alive else ''}"))
        self.post_message(self.Changed(self))

    def _say(self, words: str, *, failed: bool = False) -> None:
        self.status.set_class(failed, "-failed")
        if words != self._said:
            self._said = words
            self.status.update(visible(words))

    def _put_cursor(self, *, into_view: bool = True) -> None:
        if (token := self.token) is not None:
            self.picked = token.choices.index(token.choice)
            self.text.put_cursor(self.cursor, into_view=into_view)
        self.post_message(self.Changed(self))

    # ---- the workers ----

    @work(thread=True, exclusive=True, group="completion")
    def _run_completion(self, job: int, request: Request) -> None:
        def tell(update: CompletionUpdate) -> None:
            self.post_message(self.Heard(update))

        worker = get_current_worker()
        try:
            run_completion(self.context, self.model, job, request, tell, lambda: worker.is_cancelled)
        except Exception as error:  # out of memory, or a fault of ours: it stays in this panel, and in the log
            cast("Host", self.app).write_log(error)
            tell(
                CompletionUpdate(
                    job, f"{type(error).__name__}: {error} (details: {key('everywhere.log', 'ctrl+l')})", failed=True
                )
            )

    @work(thread=True, exclusive=True, group="note")
    def _read_note(self) -> None:
        """Step, loss and whether it is in training, for the title."""
        worker = get_current_worker()
        try:
            if not self.context.is_open(lambda: worker.is_cancelled):
                return
            words = f" · {model_words(self.model)}"
        except UserError:  # said in full when it is asked to complete
            words = " · cannot be read" if all(map(is_there, files_of(self.model))) else " · not saved yet"
        self.post_message(self.Noted(words, self.of_run is not None and self.of_run.is_alive()))


def model_words(model: ChosenModel) -> str:
    """How far a checkpoint's model had come, or how many networks a cell has; CheckpointError if it cannot be read."""
    from slmtui.runs.checkpoint import read_note

    if not isinstance(model, Path):
        return f"{len(model.runs)} networks together" if len(model.runs) > 1 else "one network"
    note = read_note(model)
    return f"step {note.step:,} · {note.words}"


def _drawn_with(request: Request) -> str:
    return f"at temperature {request.settings.temperature:g}, seed {request.settings.seed}"


def _words(update: CompletionUpdate) -> str:
    """What stands below a completion."""
    if not update.over:
        return update.words
    speed = f"{update.speed:,.0f} tok/s"
    if update.review is None:
        return f"{speed} · {update.words}"
    if not update.review.copies:
        return f"{update.review.label} · no copy of {update.review.shortest} tokens or more · {speed}"
    longest = max(update.review.copies, key=lambda copy: copy.length)
    return f"{update.review.label} · copied {longest.length} tokens from {longest.source} · {speed}"
