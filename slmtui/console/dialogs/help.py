"""Help, written from the bindings of what has the focus: there is no second list of keys to keep true."""

from __future__ import annotations

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

from slmtui.console.dialogs.question import Message
from slmtui.training.gap import SCALE, WORST

WORDS = f"""\
gap        validation − training loss, in nats per token. The scale is a house scale:
           {", ".join(f"< {limit:g} {word}" for limit, word in SCALE)}, else {WORST}.
           A small gap can also mean under-fitting, or leakage; look at bits per byte, too.
baseline   what counting reaches on the same split: an n-gram model, or a context mixer.
           counting, adaptive learns from the validation text, too, as it goes.
bits/byte  the validation loss per byte of text: comparable between vocabularies.
mixed      the loss of the network and the n-gram model together, with [model] ngram_mix.
static     with [model] context_mixing: of the network and counts of the training text;
adaptive   the same where the counts also learn from each token after it was predicted.
best       the evaluation with the lowest validation loss: of the network, or of the mixture
           that decides ([evaluation] decides); best.pt holds its model."""


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
    return Message("\n".join(lines) + "Words\n" + WORDS, title="help")


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
    """All keys of an action, as a person would press them."""
    keys = [
        b.key for bindings in node._bindings.key_to_bindings.values() for b in bindings if b.action == binding.action
    ]
    return " ".join(dict.fromkeys(screen.app.get_key_display(Binding(key, "", "")) for key in keys or [binding.key]))
