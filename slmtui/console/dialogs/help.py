"""Help, written from the bindings of what has the focus: there is no second list of keys to keep true."""

from __future__ import annotations

import textwrap

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

from slmtui.console.dialogs.question import Message
from slmtui.console.text.seen import text_seen
from slmtui.glossary import Word, words_in

HELP = "help"  # the title of the dialog
NO_WORDS = "None of the glossary's words stands on this screen now; docs/glossary.md has them all."
MOST_WIDTH = 84  # columns of an explanation
AROUND = 14  # columns that a dialog takes beside its text, at most
BROUGHT_ALONG = "Moving and editing"  # the heading of keys that Textual's own widgets have


def is_ours(node: DOMNode, binding: Binding) -> bool:
    """Is it a key of slmtui's, and not one that Textual brings along, such as those that scroll?"""
    return _own(node, binding) is not None


def _own(node: DOMNode, binding: Binding) -> Binding | None:
    """What our own class says of an action that it was the first to give a key; None if that was Textual's."""
    for cls in type(node).__mro__:
        for one in Binding.make_bindings(cls.__dict__.get("BINDINGS", ())):
            if one.action == binding.action:
                return one if cls.__module__.startswith("slmtui") else None
    return binding  # bound by an instance, such as the answers to a question


def help_for(screen: Screen[object]) -> Message:
    """The keys that work now, those of the focused widget first, and the words that need saying."""
    groups: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    for _, (node, binding, enabled, tooltip) in screen.active_bindings.items():
        if not enabled or not binding.description or binding.action in seen:
            continue
        seen.add(binding.action)
        own = _own(node, binding)
        words = tooltip or (own.description if own is not None else binding.description.lower())
        group = _group(node, screen) if own is not None else BROUGHT_ALONG
        groups.setdefault(group, []).append((_keys(screen, node, binding), words))
    lines = []
    width = max((len(keys) for rows in groups.values() for keys, _ in rows), default=0)
    moving = {BROUGHT_ALONG: groups.pop(BROUGHT_ALONG)} if BROUGHT_ALONG in groups else {}
    for title, rows in (groups | moving).items():  # what everybody knows comes last
        lines += [title, *(f"  {keys:<{width}}  {text}" for keys, text in rows), ""]
    return Message("\n".join(lines) + f"Words on this screen\n{explanations(screen)}", title=HELP)


def words_for(screen: Screen[object]) -> Message:
    """What the words mean that stand on the screen."""
    return Message(explanations(screen), title="words on this screen")


def explanations(screen: Screen[object]) -> str:
    """Of the words on the screen: those in what has the focus first, then all others, as they stand there."""
    words: dict[str, Word] = {}
    focused = [] if screen.focused is None or screen.focused.parent is None else [screen.focused.parent]
    for widget in (*focused, *screen.query("#body"), screen):  # a dialog has no body
        if widget is screen and screen.query("#body"):
            break  # what is above and below has no numbers
        words |= {word.word: word for word in words_in(text_seen(screen, widget.region))}
    width = min(MOST_WIDTH, screen.app.size.width - AROUND)
    return "\n".join(_explained(word, width) for word in words.values()) or NO_WORDS


def _explained(word: Word, width: int) -> str:
    text = f"{word.meaning} {word.use}".strip()
    return f"{word.word}\n" + textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ")


def _group(node: DOMNode, screen: Screen[object]) -> str:
    """The heading of a node's keys: every widget of ours that has keys names itself."""
    if node is screen.app:
        return "Everywhere"
    if isinstance(node, ModalScreen):
        return "This dialog"
    if node is screen:
        return f"{(screen.app.current_mode or 'this screen').capitalize()}"
    return node.BINDING_GROUP_TITLE or BROUGHT_ALONG


def _keys(screen: Screen[object], node: DOMNode, binding: Binding) -> str:
    """All keys of an action, as a person would press them; with those that were changed."""
    active = screen.active_bindings.items()
    keys = [key for key, one in active if one.node is node and one.binding.action == binding.action]
    return " ".join(dict.fromkeys(screen.app.get_key_display(Binding(key, "", "")) for key in keys or [binding.key]))
