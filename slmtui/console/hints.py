"""The bottom line: the keys that work now, as many as fit, and always the one for help."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap

from rich.style import Style
from rich.text import Text
from textual.timer import Timer
from textual.widgets import Static

HELP = "help"
MOST_LINES = 6  # of a toast, beyond which it is cut
Hint = tuple[str, str, str]  # a key as it is shown, words, and the key


class Hints(Static):
    """Made from the bindings that want to be shown, in the order of a screen's declaration; a click does it."""

    DEFAULT_CSS = """
    Hints { dock: bottom; height: 1; color: $quiet; }
    Hints > .hints--key { color: $accent; text-style: bold; }
    """
    COMPONENT_CLASSES = {"hints--key"}  # noqa: RUF012  (Textual declares them so)

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        """wanted: is it of use now to name the key of this action?"""
        super().__init__()
        self.wanted = wanted
        self._shrink: Timer | None = None

    def on_mount(self) -> None:
        self.auto_links = False  # or Textual would underline all of it, in a colour of its own
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._show))
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._show())
        self._show()

    def on_resize(self) -> None:
        self._show()

    def grow(self, words: str, seconds: float) -> None:
        """Have as many lines as these words need, for some seconds: a toast with them is shown over this one."""
        lines = sum(max(1, len(wrap(line, self.app.size.width - 2))) for line in words.splitlines())
        if self._shrink is not None:
            self._shrink.stop()
        self.styles.height = min(lines, MOST_LINES)
        self._shrink = self.set_timer(seconds, self._be_a_line) if lines > 1 else None

    def show_keys(self) -> None:
        """Of the screen, or of a dialog that is open above it."""
        self._show()

    def _be_a_line(self) -> None:
        self.styles.height = 1

    def _show(self) -> None:
        if self.app.screen is not self.screen:  # a dialog is open, which says its own keys
            self.update(Text.assemble(" ", ("F1", self.get_component_rich_style("hints--key", partial=True)), " help"))
            return
        hints: list[Hint] = []
        last: list[Hint] = []
        seen: set[str] = set()
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            hint = (self.app.get_key_display(binding), binding.description, binding.key)
            if binding.action == HELP and node is self.app:  # where "?" is a letter that is typed, F1
                last = [hint] if binding.show or not last else last
            elif (
                binding.show and enabled and binding.description and binding.action not in seen
                and self.wanted(binding.action)
            ):  # fmt: skip
                seen.add(binding.action)
                hints.append(hint)
        room = self.app.size.width - 1 - sum(_width(shown, words) for shown, words, _ in last)
        line = Text(" ")
        key_style = self.get_component_rich_style("hints--key", partial=True)
        for shown, words, key in hints:
            room -= _width(shown, words)
            if room < 0:
                break
            _add(line, shown, words, key, key_style)
        for shown, words, key in last:
            _add(line, shown, words, key, key_style)
        self.update(line, layout=False)


def _width(shown: str, words: str) -> int:
    return len(shown) + len(words) + 3


def _add(line: Text, shown: str, words: str, key: str, key_style: Style) -> None:
    click = Style(meta={"@click": f"app.simulate_key({key!r})"})
    line.append(shown, style=key_style + click)
    line.append(f" {words}  ", style=click)
