"""The run or cell that is served over HTTP: its address, and what is asked of it."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from slmtui.console.dialogs.dialog import Dialog
from slmtui.console.workers.run_server import Health, RunServer
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.cells import Cell
from slmtui.runs.run import Run
from slmtui.words import plural

BEAT = 1.0  # seconds between two looks
USE = """
VS Code, Neovim and Python: docs/editors.md
Served until you end it here, or leave the console."""


class ServingDialog(Dialog[None]):
    """Serves a run or cell, unless it is served already; left, it goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,v", "dismiss(None)", "close"),
        Binding("x", "end", "end"),
        Binding("y", "copy", "copy"),
        Binding("question_mark", "app.help", "help", show=False),
    ]

    def __init__(self, server: RunServer, run: Run | Cell) -> None:
        super().__init__()
        self.server, self.served_run = server, run
        self._failed = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(visible(f"serve {self.served_run.name}"))
            box.border_subtitle = "x ends it · y copies the address · esc closes"
            yield Static("starting, which takes some seconds …", id="served", markup=False)

    def on_mount(self) -> None:
        self._begin()
        self.set_interval(BEAT, self._look)

    @work(thread=True, group="serving")
    def _begin(self) -> None:
        try:
            if not self.server.serves(self.served_run):
                self.server.start(self.served_run)
        except (UserError, OSError) as error:
            self._failed = True
            self.app.call_from_thread(self._show, f"not served: {error}")
        else:
            self._look()

    def _look(self) -> None:
        if not self._failed and self.server.serves(self.served_run) and self.server.address:
            self._ask()

    @work(thread=True, exclusive=True, group="health")
    def _ask(self) -> None:
        health = self.server.health()
        self.app.call_from_thread(self._show_health, health)

    def _show_health(self, health: Health | None) -> None:
        if health is None:
            self._show("it does not answer")
            return
        asked = f"{plural(health.requests, 'request')} · {plural(health.tokens, 'token')}"
        self._show(f"{self.server.address}/v1\n{asked} · {health.tokens_per_second:,.0f} tokens/s\n{USE}")

    def _show(self, text: str) -> None:
        if self.is_mounted:
            self.query_one("#served", Static).update(visible(text))

    def action_end(self) -> None:
        self.server.end()
        self.dismiss()

    def action_copy(self) -> None:
        if self.server.serves(self.served_run):
            self.app.copy_to_clipboard(f"{self.server.address}/v1")
