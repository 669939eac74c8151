"""The console: six screens over the project's phases, runs and studies, and one thread that trains.

Nothing here imports torch; that happens in the background once the first frame is on the screen.
"""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.events import Event, Key
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import AwaitMount, Widget

from slmtui.config.phase import Phase
from slmtui.console.base import KEYS, MODES, ConsoleScreen
from slmtui.console.dialogs.help import HELP, help_for, is_ours, words_for
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.settings import SettingsDialog
from slmtui.console.faults import RepeatedFaults, cause_of, describe, keep_pumps_alive, turn_no_pages_without_room
from slmtui.console.host import Host, ModeScreen
from slmtui.console.key_names import key, use_keymap
from slmtui.console.text.control_filter import ControlCharFilter
from slmtui.console.text.glyphs import Glyphs, Letters
from slmtui.console.themes import DARK, THEMES
from slmtui.console.ui_state import UIState
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there, open_to_read
from slmtui.notices import ENDED, failed, notice_of, sequence, title_sequence
from slmtui.output import visible
from slmtui.project import PHASES
from slmtui.runs.run import Run, newest_runs
from slmtui.settings import Settings
from slmtui.words import capitalized, percent

FAULT, QUIT = "something went wrong", "quit"  # titles of dialogs
LOG_SHOWN = 20_000  # characters of the log's end
BUILDING, BLINK = 0.05, 0.005  # seconds without painting at a change of screen: to a new one, to one that is built

LIVING = 3.0  # seconds between two looks for runs that other processes train
OPENING = 1.0  # seconds that a key waits for a screen that is being opened


def _screen(mode: str) -> Callable[[], Screen[None]]:
    """A screen that is imported when it is first opened."""

    def make() -> Screen[None]:
        from importlib import import_module

        made = getattr(import_module(f"slmtui.console.screens.{mode}.screen"), f"{mode.capitalize()}Screen")()
        assert isinstance(made, Screen)
        return made

    return make


def _elsewhere() -> type[Provider]:
    """Imported when the palette is first opened."""
    from slmtui.console.finding import Elsewhere

    return Elsewhere


MODE_KEYS = [
    Binding(KEYS[mode], f"switch_mode('{mode}')", mode.capitalize(), show=False, tooltip=f"the screen {what}")
    for mode, what in MODES.items()
]


def _keymap(path: Path | None) -> tuple[dict[str, str], str]:
    """The keys that stand in the file, and what is wrong with it; looked through only where there is one."""
    if path is None or not is_there(path):
        return {}, ""
    from slmtui.console.keymap import load_keymap

    try:
        return load_keymap(path), ""
    except UserError as error:
        return {}, str(error)


class Console(Host):
    """Its result says what to do after it: "hang up" or "terminate" from a signal, "detach" or "stop" from a person."""

    CSS_PATH = "console.tcss"
    TITLE = "slmtui"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = App.COMMANDS | {_elsewhere}
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {mode: _screen(mode) for mode in MODES}
    BINDINGS: ClassVar[list[BindingType]] = [
        *MODE_KEYS,
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("f1", "help", "help", key_display="F1", show=False, priority=True),  # in fields and dialogs, too
        Binding("i", "explain", "words", show=False, tooltip="what the words on this screen mean"),
        Binding("f2", "settings", "settings", show=False, tooltip="theme, glyphs, notices, for all projects"),
        Binding("ctrl+l", "log", "log", show=False, tooltip="what libraries printed and what went wrong"),
        Binding("q", "leave", "quit", show=False),
        Binding("ctrl+q", "leave", "quit", show=False, priority=True),  # in a dialog, too
    ]

    def __init__(
        self,
        checkpoints: Path,
        *,
        log: Path,
        phases: Sequence[Phase] = (),
        ui_state: UIState | None = None,
        glyphs: Glyphs = "braille",
        settings: Settings | None = None,
        keys: Path | None = None,
    ) -> None:
        """keys: the file with the keys that a person has changed."""
        self._keymap_of_file, self._keys_wrong = _keymap(keys)  # before there are bindings of the console itself
        use_keymap(self._keymap_of_file)
        keep_pumps_alive()
        turn_no_pages_without_room()
        super().__init__(checkpoints, log, ui_state or UIState(), settings or Settings())
        self._faults = RepeatedFaults()
        self.glyphs = glyphs
        self._own_filters = [ControlCharFilter(), *([Letters(glyphs)] if glyphs != "braille" else [])]
        self._built: set[str] = set()  # modes whose screens have been shown
        self._mask = BUILDING
        self._window_title = ""
        self._sent_to: WeakKeyDictionary[Key, Widget] = WeakKeyDictionary()  # what had the focus when a key came
        self.queued = list(phases)
        self.finished: list[Run] = []  # in this session; each is summed up once the console is left
        for theme in THEMES:
            self.register_theme(theme)
        name = self.ui_state.text("theme", DARK.name)
        self.theme = name if name in self.available_themes else DARK.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._own_filters]

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: self.ui_state.remember("theme", theme.name))
        self.set_class(self.console.color_system is None, "-no-colours")
        last = self.ui_state.text("screen", "data")
        start = last if last in MODES else "data"
        if not is_folder(PHASES):
            start = "phases"  # which offers to set up a project
        self.set_keymap(self._keymap_of_file)
        self.switch_mode("train" if self.queued else start)
        if self._keys_wrong:
            words = f"{self._keys_wrong}\n\nThe keys are the usual ones until this is mended; slmtui keys lists them."
            self.call_after_refresh(self.push_screen, Message(words, title="keys.toml"))
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        """After the first frame: import torch in the background, then train what the command line named."""
        self.backend.start()
        self.trainer.start()
        for phase in self.queued:
            self.trainer.put(phase)
        self.set_interval(0.5, self._look_at_trainer)
        self.set_interval(LIVING, self._look_for_living)
        self._look_for_living()

    def on_unmount(self) -> None:
        self.server.end()

    @work(thread=True, exclusive=True, group="living")
    def _look_for_living(self) -> None:
        """Which runs do other processes train?"""
        own = self.trainer.run_now
        try:
            living = [run for run in newest_runs(self.checkpoints) if run != own and run.is_alive()]
        except OSError:
            return
        self.living = tuple(run.name for run in living)

    def _to_terminal(self, written: str) -> None:
        """Control sequences that Textual has no word for."""
        if written and self._driver is not None and not self.is_headless:
            self._driver.write(written)
            self._driver.flush()

    def _say_how_far(self) -> None:
        """In the title of the terminal's window: `62 % · val 1.93 · quick-001`."""
        trainer, words = self.trainer, "slmtui"
        if (run := trainer.run_now) is not None and trainer.max_iters:
            val = "" if trainer.val_loss is None else f" · val {trainer.val_loss:.2f}"
            words = f"{percent(trainer.step / trainer.max_iters)}{val} · {run.name}"
        if self.settings.window_title and words != self._window_title:
            self._window_title = words
            self._to_terminal(title_sequence(words))

    def _look_at_trainer(self) -> None:
        self._say_how_far()
        while self.trainer.failures:
            failure = self.trainer.failures.popleft()
            if failure.unexpected is not None:
                self.write_log(failure.unexpected)
            self.failures.append((f"{failure.name} could not be trained", failure.message))
            self._to_terminal(sequence(failed(failure.name, failure.message, None).words, self.settings))
            if self.current_mode != "train":
                self.notify(
                    f"{failure.name} could not be trained: {key('everywhere.switch-mode-train', 't')} says why",
                    severity="error",
                )
        while self.trainer.finished:
            run = self.trainer.finished.popleft()
            self.finished.append(run)
            if (notice := notice_of(run)) is not None:
                self._to_terminal(sequence(notice.words, self.settings))
            ended = "has ended" if notice is None else ENDED[notice.state]
            self.notify(f"{run.name} {ended}")

    async def action_switch_mode(self, mode: str) -> None:
        self.call_after_refresh(self.ui_state.remember, "screen", mode)
        await super().action_switch_mode(mode)

    def switch_mode(self, mode: str) -> AwaitMount:
        self._mask = BLINK if mode in self._built else BUILDING
        self._built.add(mode)
        return super().switch_mode(mode)

    def delay_update(self, delay: float = BUILDING) -> None:
        """Textual waits with painting while a screen is built; one that has been seen before need not wait as long."""
        super().delay_update(min(delay, self._mask))

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not event.is_forwarded:
            await self._screen_is_up()
            self._sent_to[event] = self.focused or self.screen
        await super().on_event(event)

    async def _on_key(self, event: Key) -> None:
        """A key typed ahead, before the one before it had opened a dialog or another screen, is sent there."""
        await sleep(0)  # a worker that was started by that key has pushed its dialog by now
        await self._screen_is_up()
        target = self.focused or self.screen
        if self._sent_to.get(event, target) is not target:
            event.prevent_default()
            again = Key(event.key, event.character)
            self._sent_to[again] = target
            target._forward_event(again)
        elif words := self._why_not(event.key):
            event.prevent_default()
            self.notify(words, severity="warning")

    def _why_not(self, key: str) -> str:
        """Why a key does nothing now that does something at other times; "" if it does something, or never does."""
        for node, bindings in self.screen._modal_binding_chain:  # as Textual goes through them: there is no public way
            words = ""
            for binding in bindings.key_to_bindings.get(key, ()):
                target, name, parameters = self._parse_action(binding.action, node)
                if target.check_action(name, parameters):
                    return ""
                if isinstance(target, ModeScreen):
                    words = words or target.why_not(name, parameters)
            if words:
                return words
        return ""

    async def _screen_is_up(self) -> None:
        """Wait until the current screen has its widgets; not for ever, as it may be one that fails."""
        until = time.monotonic() + OPENING
        while not self.screen.is_mounted and time.monotonic() < until:
            await sleep(0.005)

    async def go_and_do(self, mode: str, owner: type[Widget], binding: Binding) -> None:
        """Go to a screen and do there what one of its keys does; that it cannot be done now is said."""
        self.switch_mode(mode)
        await self._screen_is_up()
        screen, until = self.screen, time.monotonic() + OPENING
        while isinstance(screen, ConsoleScreen) and not screen.ready and time.monotonic() < until:
            await sleep(0.02)
        node = screen if isinstance(screen, owner) else next(iter(screen.query(owner)), None)
        if node is not None and node is not screen and node.focusable:
            screen.set_focus(node)
        if node is None:
            self.notify(f"{binding.description}: there is nothing here now to do that with", severity="warning")
            return
        target, name, parameters = self._parse_action(binding.action, node)
        if not target.check_action(name, parameters):
            words = target.why_not(name, parameters) if isinstance(target, ModeScreen) else ""
            words = words or f"{binding.description}: there is nothing here now to do that with"
            self.notify(words, severity="warning")
            return
        await self.run_action(binding.action, node)

    def changed_key(self, mode: str, binding: Binding) -> str:
        """The first of the keys that a person has given to an action of a screen; "" for the usual one."""
        if not self._keymap_of_file:
            return ""
        from slmtui.console.keymap import binding_id

        return self._keymap_of_file.get(binding_id(mode, binding), "").partition(",")[0]

    def action_help(self) -> None:
        """Show the keys that work now; a second time, leave them."""
        if isinstance(self.screen, Message) and self.screen.heading == HELP:
            self.pop_screen()
            return
        self.push_screen(help_for(self.screen))

    def action_command_palette(self) -> None:
        """Textual's would fail where another dialog stands upon the palette, such as help."""
        from textual.command import CommandPalette

        if not any(isinstance(screen, CommandPalette) for screen in self.screen_stack):
            self.push_screen(CommandPalette())

    def action_explain(self) -> None:
        self.push_screen(words_for(self.screen))

    def action_settings(self) -> None:
        self.push_screen(SettingsDialog(self.settings, [theme.name for theme in THEMES], self._take_settings))

    def _take_settings(self, settings: Settings) -> None:
        """From now on; what takes a new start is seen then."""
        self.settings = settings
        self.trainer.on_finish = settings.on_finish

    def action_log(self) -> None:
        try:
            with open_to_read(self.log_path, follow=False) as log:
                text = log.read().decode(errors="replace")[-LOG_SHOWN:]
        except FileNotFoundError:
            text = ""
        except OSError as error:
            text = f"the log cannot be read: {error.strerror}"
        self.push_screen(Message(visible(text) or "nothing was printed", title=f"log · {self.log_path}"))

    @work
    async def action_leave(self) -> None:
        """Quit; with changes that are not saved or a training alive, ask what is to become of them."""
        if any(isinstance(screen, Question) and screen.heading == QUIT for screen in self.screen_stack):
            return  # it is being asked already
        if self.unsaved:
            question = f"{', '.join(self.unsaved)}: unsaved changes. Quit anyway?"
            answers = {"leave": "Leave without saving", "stay": "Cancel"}
            if await self.push_screen_wait(Question(question, answers, title=QUIT, destroys=("leave",))) != "leave":
                return
        if not self.trainer.busy:
            self.exit("quit")
            return
        answer = await self.push_screen_wait(
            Question(
                f"{capitalized(self.going_on())}. What should happen to it?",
                {"detach": "Detach: train without a screen", "stop": "Stop and save", "stay": "Cancel"},
                title=QUIT,
            )
        )
        if answer in ("detach", "stop"):
            self.exit(answer)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that a key would do now, once each, and the choice of a theme; moving is left to its keys."""
        seen = set()
        for node, binding, enabled, tooltip in screen.active_bindings.values():
            what = (node, binding.action)
            wanted = binding.show or tooltip or node in (self, screen)
            if enabled and binding.description and what not in seen and wanted and is_ours(node, binding):
                seen.add(what)
                text = f"{capitalized(binding.description)}  ·  {self.get_key_display(binding)}"
                yield SystemCommand(text, tooltip or "", partial(self.run_action, binding.action, node))
        yield SystemCommand("Theme", "dark, light, or safe for colour-blind eyes", self.action_change_theme)

    def _handle_exception(self, error: Exception) -> None:
        """A fault in a screen is a dialog and a line in the log; the training and the terminal are not its business."""
        if not self.is_running or (self._exception_event is not None and self.is_headless):
            super()._handle_exception(error)  # under test it has to fail the test
            return
        cause = cause_of(error)
        if self._faults.is_new(cause):
            self.write_log(cause)
            self.call_later(self._show_fault, cause)  # by the app: what failed may be on its way out

    def _show_fault(self, error: BaseException) -> None:
        if isinstance(self.screen, Message) and self.screen.heading == FAULT:
            return  # one is enough to read; the others are in the log
        self.push_screen(
            Message(
                f"{describe(error)}\n\n"
                "This is a bug in slmtui, not your mistake. Training continues.\n"
                f"The details are in {self.log_path} ({key('everywhere.log', 'ctrl+l')} shows it).",
                title=FAULT,
            )
        )
