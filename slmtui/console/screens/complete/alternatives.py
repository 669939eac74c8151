"""A token of a completion in numbers: how likely it was, and what could have stood in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.widget import Widget

from slmtui.console.key_names import key
from slmtui.console.screens.complete.token_text import SHADE_NAMES, TokenText, few_colours
from slmtui.inference.streaming import Choice, Token
from slmtui.output import visible
from slmtui.words import plural

if TYPE_CHECKING:
    from slmtui.inference.batch import Origin

NAME_WIDTH = (6, 24)  # cells for the tokens' texts, at least and at most


def shown(text: str) -> str:
    """A token on one line, its borders and blanks to be seen."""
    return visible(text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣"))


def bar(p: float, cells: int) -> str:
    """A bar of p times `cells`, to half a cell; whatever is possible has some of it."""
    halves = max(round(p * cells * 2), 1)
    return "━" * (halves // 2) + "╸" * (halves % 2)


def origin_words(origin: Origin) -> str:
    """How likely each part of the model found a token by itself: "network 0.42 (copied 0.30) · counts 0.91 after …"."""
    words = f"network {origin.network:.3f}"
    if origin.copied is not None:
        words += f" (copied {origin.copied:.3f})"
    if (counts := origin.counts) is not None:
        words += f" · counts {counts.p:.3f}"
        if counts.matched:
            words += f" after {plural(counts.matched, counts.unit)} seen before"
    return words


class Alternatives(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--picked", "choice--bar", "choice--quiet"}
    DEFAULT_CSS = """
    Alternatives { height: 37%; min-height: 5; max-height: 8; }
    Alternatives > .choice--picked { background: $accent 35%; }
    Alternatives > .choice--bar { color: $val; }
    Alternatives > .choice--quiet { color: $quiet; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="panel")
        self.token: Token | None = None
        self.picked = 0
        self.note = ""
        self._shown: object = None

    def show(self, number: int, count: int, token: Token | None, picked: int, note: str = "") -> None:
        """Describe token `number` (from 0) of `count`, with a cursor on one of its alternatives."""
        if (number, count, token, picked, note) == self._shown:
            return
        self._shown = (number, count, token, picked, note)
        self.token, self.picked, self.note = token, picked, note
        if token is None:
            self.border_title = "probabilities"
        else:
            rank = f"  rank {token.choice.rank:,}" if token.choice.rank > 1 else ""
            title = f"token {number + 1} of {count}: “{shown(token.text or token.choice.text)}”"
            self.border_title = Content(f"{title}  p = {token.choice.p:.3f}{rank}")
        self.border_subtitle = Content("" if token is None or token.origin is None else origin_words(token.origin))
        self.refresh()

    def render(self) -> Text:
        quiet = self.get_component_rich_style("choice--quiet", partial=True)
        if self.token is None:
            leave = key("complete.leave", "esc")
            words = f"Complete a prompt; then, with the focus on its text ({leave}), ← → go from token to token."
            return Text(words, quiet)
        rows = max(1, self.size.height - 1)
        choices = self.token.choices
        seen = list(choices)
        if len(choices) > rows:
            seen = [*choices[: rows - 1], choices[max(self.picked, rows - 1)]]
        width = min(max(NAME_WIDTH[0], *(cell_len(shown(choice.text)) for choice in choices)), NAME_WIDTH[1])
        lines = [self._row(choice, width, choice is choices[self.picked]) for choice in seen]
        lines += [Text()] * (rows - len(lines))
        return Text("\n").join([*lines, self._legend(quiet)])

    def _row(self, choice: Choice, width: int, picked: bool) -> Text:
        assert self.token is not None
        mark = "▸ " if picked else "  "
        room = max(4, min(40, self.size.width - width - 26))
        line = Text(f"{mark}{set_cell_size(shown(choice.text), width)} {choice.p:6.3f}  ")
        line.append(bar(choice.p, room), self.get_component_rich_style("choice--bar", partial=True))
        if choice.id == self.token.id:
            line.append(" taken", self.get_component_rich_style("choice--quiet", partial=True))
        if picked:
            line.append(" " * (self.size.width - line.cell_len))
            line.stylize(Style(bgcolor=self.get_component_rich_style("choice--picked").bgcolor))
        return line

    def _legend(self, quiet: Style) -> Text:
        """What the shades of the text above mean; or, on a copied token, where it comes from."""
        text = self.screen.query(TokenText).first()
        if self.note:
            return Text(self.note, text.get_component_rich_style("tokens--copied", partial=True))
        line = Text("p  ", quiet)
        if few_colours(self.app):
            return line.append("bold < 0.2 · dim ≥ 0.9 · underlined: copied", quiet)
        for step in range(4, -1, -1):
            line.append(f" {SHADE_NAMES[step]} ", text.shade_style(step))
            line.append(" ")
        line.append("copied", text.get_component_rich_style("tokens--copied", partial=True))
        return line
