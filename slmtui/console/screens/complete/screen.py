"""Complete: a prompt against one or several models side by side, token by token with its probabilities."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static, TextArea

from slmtui.console.base import ConsoleScreen
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.serving import ServingDialog
from slmtui.console.key_names import key
from slmtui.console.screens.complete.alternatives import Alternatives
from slmtui.console.screens.complete.checkpoint_dialog import MOST, CheckpointDialog
from slmtui.console.screens.complete.chosen_model import ChosenModel, all_models, model_state, usual_checkpoint
from slmtui.console.screens.complete.completion_panel import CompletionPanel
from slmtui.console.screens.complete.completion_worker import CompletionContext, read_model
from slmtui.console.screens.complete.files_before import FilesBefore
from slmtui.console.screens.complete.prompt_area import PromptArea
from slmtui.console.screens.complete.prompt_history import PromptHistory
from slmtui.console.screens.complete.review import TrainingTexts
from slmtui.console.screens.complete.sampling_fields import SamplingFields, temperatures, wrong_temperatures
from slmtui.console.screens.complete.saving import save_completion
from slmtui.errors import UserError
from slmtui.inference.model_cache import ModelCache
from slmtui.inference.streaming import Request
from slmtui.output import visible
from slmtui.runs.cells import Cell
from slmtui.runs.run import Run

TEMPERATURES = "complete.temperatures"  # those that are compared, as they were typed
HISTORY = "prompts.jsonl"  # beside the runs, which are the project's, too
LEAST_WIDTH = 38  # columns of a panel, for several to stand side by side
NOTHING = """\
There is no model to talk to yet.

A run saves one at its first evaluation:  {phases}  shows the phases, where one can be started,
and  {train}  the run that is being trained. Come back then; this screen will notice.

Looked for runs in {folder}"""


class CompleteScreen(ConsoleScreen):
    AUTO_FOCUS = "#prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", key_display="esc", tooltip="stop completing, or leave the field"),
        Binding("slash,ctrl+f", "prompt", "prompt", key_display="/", tooltip="type a prompt"),
        Binding("a", "settings", "adjust", show=False, tooltip="change how completions are drawn"),
        Binding("n,ctrl+n", "new_seed", "seed", tooltip="complete the prompt again with a new seed"),
        Binding("o,ctrl+o", "choose", "checkpoints", tooltip="choose the models or cells of a study that complete it"),
        Binding("e", "edit", "edit", show=False, tooltip="put the completion into the prompt, to change it and go on"),
        Binding("b", "read", "read first", tooltip="files to read before the prompt"),
        Binding("f", "fresh", "fresh", tooltip="ask the run in training for a fresh checkpoint, and complete with it"),
        Binding("v", "compare", "versus", tooltip="complete the prompt at several temperatures, one below the other"),
        Binding("ctrl+s", "save", "save", tooltip="save the completion in a sample set, with its prompt"),
        Binding("y", "copy", "copy", tooltip="copy the completion to the clipboard"),
        Binding("V", "serve", "serve", show=False, tooltip="serve this run's best model, or this cell, over HTTP"),
        Binding("right_square_bracket,full_stop,ctrl+t", "panel(1)", "next panel", key_display="]", show=False),
        Binding("left_square_bracket,comma", "panel(-1)", "panel before", show=False),
    ]
    DEFAULT_CSS = """
    #completions { height: 1fr; }
    #panel-tabs { height: 1; color: $quiet; padding: 0 1; display: none; }
    #panels { height: 1fr; }
    #panels CompletionPanel.-current { border: round $accent 60%; }
    #panels CompletionPanel:focus-within { border: round $accent; }
    #prompt-row { height: auto; margin-top: 1; }
    CompleteScreen.-low #prompt-row { margin-top: 0; }
    CompleteScreen.-low #prompt-row PromptArea { max-height: 6; }
    CompleteScreen.-high Alternatives { height: 11; max-height: 11; }
    #prompt-row Static { width: 3; color: $accent; text-style: bold; padding-left: 1; }
    #prompt-row PromptArea { width: 1fr; }
    #nothing { display: none; height: 1fr; content-align: center middle; color: $quiet; padding: 0 2; }
    CompleteScreen.-nothing #completions { display: none; }
    CompleteScreen.-nothing #nothing { display: block; }
    """

    def body(self) -> ComposeResult:
        with Vertical(id="completions"):
            yield Static("", id="panel-tabs", markup=False)
            yield Horizontal(id="panels")
            yield Alternatives(id="alternatives")
            yield SamplingFields(self.host.ui_state, id="sampling")
            yield FilesBefore(id="context")
            with Horizontal(id="prompt-row"):
                yield Static("›", markup=False)
                yield PromptArea(PromptHistory(self.host.checkpoints / HISTORY), id="prompt")
        yield Static(
            NOTHING.format(
                folder=self.host.checkpoints,
                phases=key("everywhere.switch-mode-phases", "p"),
                train=key("everywhere.switch-mode-train", "t"),
            ),
            id="nothing",
            markup=False,
        )

    def __init__(self) -> None:
        super().__init__()
        self.panels: list[CompletionPanel] = []
        self.current = 0  # the panel that the keys and the probabilities are about
        self.request: Request | None = None  # the newest
        self._chosen = False  # by a person: not to be replaced by what is usual
        self._watched: Run | None = None
        self._was_left = False  # for another screen, and not for a dialog above this one

    def on_mount(self) -> None:
        self.context = CompletionContext(self.host.backend, ModelCache(read_model, model_state), TrainingTexts())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a model there is nothing to do here but to go elsewhere."""
        typing = isinstance(self.focused, Input | TextArea)
        match action:
            case "prompt" if typing:
                return False  # "/" is a letter there
            case "leave":
                return bool(self.panels) and (typing or any(panel.busy for panel in self.panels))
        return not self.why_not(action, parameters)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:  # noqa: ARG002
        if action == "leave" or not hasattr(CompleteScreen, f"action_{action}"):
            return ""
        if not self.panels:
            phases, train = key("everywhere.switch-mode-phases", "p"), key("everywhere.switch-mode-train", "t")
            return f"there is no model to talk to yet: {phases} shows what can be trained, {train} what is trained now"
        panel = self.panels[self.current]
        if action == "fresh" and not panel.alive:
            return panel.why_not_fresh()
        if action == "panel" and len(self.panels) == 1:
            return f"this is the only model here: {key('complete.choose', 'o')} chooses others beside it"
        if action in ("edit", "copy", "save") and not panel.count:
            return panel.why_not()
        if action == "serve" and isinstance(panel.model, Path) and panel.of_run is None:
            return f"{panel.model.name} is of no run, and only runs are served: {key('runs.serve', 'V')} on Runs"
        return ""

    # ---- which checkpoints ----

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._follow)
        if self._was_left and self.panels:
            # Whoever comes to talk can type at once: a prompt that is typed anywhere else would press keys.
            self.call_after_refresh(self.query_one(PromptArea).focus)
        self._was_left = False

    def on_screen_suspend(self) -> None:
        self._was_left = self.app.current_mode != "complete"

    def pulse(self) -> None:
        if not self.panels or self.host.talk_to is not None:
            self._follow()
        for panel in self.panels:
            panel.look_at_file()
        if self.host.prompt is not None and self.panels and all(panel.is_mounted for panel in self.panels):
            prompt, self.host.prompt = self.host.prompt, None
            self.query_one(PromptArea).put(prompt)
            self.complete()  # what was chosen on another screen

    def _follow(self) -> None:
        """Talk to the run that was asked for, or that is being watched; a choice that was made stays beside it."""
        watched, was = self.host.watched, self._watched
        asked, self.host.talk_to = self.host.talk_to, None
        self._watched = watched
        path = usual_checkpoint(self.host.checkpoints, asked or watched)
        self.set_class(path is None, "-nothing")
        if path is None or (self._chosen and watched == was and asked is None):
            return
        shown = [panel.model for panel in self.panels]
        folders = [model.parent if isinstance(model, Path) else None for model in shown]
        if path.parent not in folders:
            self.show_models([path, *shown][:MOST] if self._chosen else [path])
        elif asked is not None:
            self._go_to(folders.index(path.parent))

    def show_models(self, models: Sequence[ChosenModel]) -> None:
        """Put these side by side. Those that are there stay as they are; new ones complete what was completed last."""
        first_time = not self.panels
        before = {panel.model: panel for panel in self.panels}
        self.panels = [before.pop(one) if one in before else CompletionPanel(one, self.context) for one in models]
        row = self.query_one("#panels")
        if any(panel.has_focus_within for panel in before.values()):
            self.set_focus(None)
        for panel in before.values():
            panel.remove()
        new = [panel for panel in self.panels if panel.parent is None]
        row.mount(*new)
        for place, panel in enumerate(self.panels[1:]):
            row.move_child(panel, after=self.panels[place])
        self.current = 0
        self._arrange()
        if first_time:
            self.query_one(PromptArea).focus()
        elif self.focused is None:
            self.call_after_refresh(self.panels[0].text.focus)
        for panel in new:
            if self.request is not None:
                self.call_after_refresh(panel.complete, self.request)

    @work
    async def action_choose(self) -> None:
        models = await asyncio.to_thread(all_models, self.host.checkpoints)
        if not models:
            self.notify("all checkpoints are gone by now", severity="warning")
            return
        chosen = await self.app.push_screen_wait(CheckpointDialog(models, self.panels[self.current].model))
        if chosen is not None:
            self._chosen = True
            self.show_models(chosen)

    def action_fresh(self) -> None:
        """Ask whoever trains the run for its state of now, and complete with that."""
        run = self.panels[self.current].of_run
        if run is None or not run.is_alive():
            self.notify(self.panels[self.current].why_not_fresh(), severity="warning")
            return
        if all(panel.model != run.last_file for panel in self.panels):
            models = [panel.model for panel in self.panels]
            models[self.current] = run.last_file
            at = self.current
            self.show_models(models)
            self._go_to(at)
        panel = next(panel for panel in self.panels if panel.model == run.last_file)
        if self.ask_trainer(run, "checkpoint", twice_undoes=False):
            self.call_after_refresh(panel.await_checkpoint, self.request)

    # ---- one of several ----

    def on_resize(self) -> None:
        self._arrange()

    def action_panel(self, by: int) -> None:
        self._go_to((self.current + by) % len(self.panels))
        if not isinstance(self.focused, Input | TextArea):
            self.panels[self.current].text.focus()

    def on_descendant_focus(self) -> None:
        for number, panel in enumerate(self.panels):
            if panel.has_focus_within:
                self._go_to(number)

    def _go_to(self, number: int) -> None:
        self.current = number
        self._arrange()

    def _arrange(self) -> None:
        """Show as many panels as fit, the current one among them; name the others in a line above."""
        if not self.panels:
            return
        self.current = min(self.current, len(self.panels) - 1)
        fit = 1 if self.app.size.width < 100 else self.app.size.width // LEAST_WIDTH
        first = max(0, self.current - fit + 1)
        for number, panel in enumerate(self.panels):
            panel.display = first <= number < first + fit
            panel.set_class(number == self.current and len(self.panels) > 1, "-current")
            panel.text.show_cursor(number == self.current)
        tabs = self.query_one("#panel-tabs", Static)
        tabs.display = len(self.panels) > fit
        names = [f"{number} {panel.name_shown}" for number, panel in enumerate(self.panels, start=1)]
        names = [f"▌{name}▐" if number == self.current else f" {name} " for number, name in enumerate(names)]
        tabs.update(visible("".join(names)))
        self._describe()

    @on(CompletionPanel.Changed)
    def _changed(self, event: CompletionPanel.Changed) -> None:
        event.stop()
        if self.panels and event.panel is self.panels[self.current]:
            self._describe()

    def _describe(self) -> None:
        self.refresh_bindings()
        panel = self.panels[self.current]
        self.query_one(Alternatives).show(panel.cursor, panel.count, panel.token, panel.picked, panel.note)

    # ---- prompts ----

    @on(PromptArea.Submitted)
    @on(SamplingFields.Submitted)
    def complete(self) -> None:
        """Complete what is typed with all checkpoints."""
        if (request := self._asked()) is None:
            return
        if self.query_one(FilesBefore).files:
            self._read_and_draw(request)
        else:
            self._draw(request)

    @work(exclusive=True, group="asked")
    async def _read_and_draw(self, request: Request) -> None:
        if (read := await self._reading_first(request)) is not None:
            self._draw(read)

    def _draw(self, request: Request) -> None:
        self.request = request
        for panel in self.panels:
            panel.complete(request)

    async def _reading_first(self, request: Request) -> Request | None:
        """With the files that are read before it; None, as is said, if one cannot be read."""
        try:
            return await self.query_one(FilesBefore).put_before(request)
        except UserError as error:
            self.notify(visible(f"{error}; {key('complete.read', 'b')} forgets it"), severity="error")
            return None

    def _asked(self) -> Request | None:
        """What is to be completed, and how; None, as is said, if something is wrong with it."""
        if (settings := self.query_one(SamplingFields).settings()) is None:
            return None
        area = self.query_one(PromptArea)
        if not area.prompt:
            self.notify("a completion needs something to begin with: type a prompt", severity="warning")
            area.focus()
            return None
        area.earlier.add(area.prompt)
        area.select_all()  # what is typed next is another prompt; an arrow goes on with this one
        return Request(area.prompt, settings)

    @work
    async def action_compare(self) -> None:
        """The prompt at several temperatures, one below the other."""
        memory, question = self.host.ui_state, "Complete the prompt at these temperatures, with blanks between:"
        known = memory.text(TEMPERATURES, "0 0.7 1")
        dialog = InputDialog(question, title="temperatures", value=known, wrong=wrong_temperatures)
        if (typed := await self.app.push_screen_wait(dialog)) is None or (asked := self._asked()) is None:
            return
        memory.remember(TEMPERATURES, typed)
        if (request := await self._reading_first(asked)) is None:
            return
        self.request = request
        requests = [replace(request, settings=replace(request.settings, temperature=t)) for t in temperatures(typed)]
        for panel in self.panels:
            panel.compare(requests[::-1])  # what was drawn last stands above

    @work
    async def action_read(self) -> None:
        await self.query_one(FilesBefore).change(self.host)

    def action_edit(self) -> None:
        """Prompt and completion become the prompt, to be changed and completed further."""
        panel, line = self.panels[self.current], self.query_one(PromptArea)
        if panel.request is not None and panel.count:
            line.put(panel.request.prompt + panel.completion)
            line.focus()

    def action_prompt(self) -> None:
        self.query_one(PromptArea).focus()

    def action_settings(self) -> None:
        self.query_one("#set-temperature", Input).focus()

    def action_new_seed(self) -> None:
        self.query_one(SamplingFields).new_seed()
        self.complete()

    def action_copy(self) -> None:
        panel = self.panels[self.current]
        self.app.copy_to_clipboard(visible(panel.completion))
        self.notify(f"{panel.count} tokens of {panel.name_shown} are in the clipboard")

    @work
    async def action_save(self) -> None:
        await save_completion(self.host, self.panels[self.current])

    def action_serve(self) -> None:
        panel = self.panels[self.current]
        if (served := panel.model if isinstance(panel.model, Cell) else panel.of_run) is not None:
            self.app.push_screen(ServingDialog(self.host.server, served))

    def action_leave(self) -> None:
        """Stop completing; with nothing to stop, leave the field for the text."""
        busy = [panel for panel in self.panels if panel.busy]
        for panel in busy:
            panel.cancel()
        if not busy and isinstance(self.focused, Input | TextArea):
            self.panels[self.current].text.focus()
