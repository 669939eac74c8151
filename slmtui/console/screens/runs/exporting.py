"""Exporting the run under the cursor: what is asked of a person, and the work in a thread."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from slmtui.config.source_path import source_path
from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.dialogs.question import Question
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.run import Run

EXPORTS = "exports"  # where exports go unless somebody says otherwise


@dataclass(frozen=True)
class Choice:
    """A format, and what it is for."""

    to: Literal["hf", "gguf", "tensorboard", "csv"]
    words: str
    f16: bool = False


CHOICES = (
    Choice("hf", "Hugging Face: the model for transformers, with a card"),
    Choice("gguf", "GGUF: the model for llama.cpp and Ollama"),
    Choice("gguf", "GGUF in half precision", f16=True),
    Choice("tensorboard", "TensorBoard: the curves"),
    Choice("csv", "CSV: the curves as tables"),
)


@dataclass(frozen=True)
class Wanted:
    choice: Choice
    folder: Path


class ExportDialog(Dialog[Wanted | None]):
    """Asks for a format and a folder; None if it is left."""

    DEFAULT_CSS = """
    ExportDialog OptionList { height: auto; border: none; background: $surface; padding: 0; }
    ExportDialog .label { color: $quiet; margin-top: 1; }
    ExportDialog #wrong { height: auto; max-height: 3; color: $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.run_name = name

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(visible(f"export {self.run_name}"))
            box.border_subtitle = "enter exports · tab to the folder · esc cancels"
            yield OptionList(*(Option(choice.words) for choice in CHOICES), markup=False, compact=True)
            yield Static("into a new folder, or an earlier export:", classes="label", markup=False)
            folder = Input(self._usual(CHOICES[0]))
            folder.cursor_blink = False
            yield folder
            yield Static("", id="wrong", markup=False)

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    def _usual(self, choice: Choice) -> str:
        return f"{EXPORTS}/{self.run_name}-{choice.to}{'-f16' if choice.f16 else ''}"

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    @on(OptionList.OptionHighlighted)
    def follow(self, event: OptionList.OptionHighlighted) -> None:
        """The folder goes with the format, unless a person has named one."""
        folder = self.query_one(Input)
        if folder.value in map(self._usual, CHOICES):
            folder.value = self._usual(CHOICES[event.option_index])

    @on(Input.Changed)
    def clear(self) -> None:
        self.query_one("#wrong", Static).update("")

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def take(self) -> None:
        from slmtui.exchange.folder import refuse_foreign

        highlighted, typed = self.query_one(OptionList).highlighted, self.query_one(Input).value.strip()
        if highlighted is None or not typed:
            return
        try:
            refuse_foreign(source_path(typed))
        except UserError as error:
            self.query_one("#wrong", Static).update(visible(str(error)))
        else:
            self.dismiss(Wanted(CHOICES[highlighted], source_path(typed)))


async def export_run(app: App[Any], run: Run, say: Callable[..., None]) -> None:
    """Ask what is wanted, and whether without what cannot go along; then do it. Awaited in a worker.

    say: shows a sentence; with `wrong=True`, what was refused.
    """
    wanted = await app.push_screen_wait(ExportDialog(run.name))
    if wanted is None:
        return
    say(f"{run.name} is being exported …")
    try:
        exported = await _exported(app, run, wanted)
    except (UserError, OSError) as error:
        say(f"not exported: {error}", wrong=True)
    else:
        say(exported or f"{run.name} is not exported")


async def _exported(app: App[Any], run: Run, wanted: Wanted) -> str:
    """What came of it; "" if a person would rather not."""
    choice, folder = wanted.choice, wanted.folder

    def plan() -> Any:
        from slmtui.exchange import export  # torch

        if choice.to == "csv" or choice.to == "tensorboard":
            return export.export_curves(run, choice.to, folder)
        return export.plan_export(run, choice.to, folder, f16=choice.f16)

    done = await to_thread(plan)
    from slmtui.exchange.export import Plan, write_export

    if not isinstance(done, Plan):
        return f"exported to {folder}"
    if done.lines:
        answer = await app.push_screen_wait(
            Question(
                visible("\n".join([*done.lines, "", "Write the network alone?"])),
                {"no": "Do not export", "anyway": "Write it anyway"},
                title="export",
            )
        )
        if answer != "anyway":
            return ""
    exported = await to_thread(write_export, done)
    return f"exported to {folder}; {exported.words}"
