"""What the things in a chart are, and the colours that a theme gives them.

A theme names train, val, best, baseline and the verdicts among its variables; what it leaves out is made from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Role = Literal[
    "",  # plain text
    "axis",
    "label",
    "cursor",
    "train",
    "train-raw",  # what smoothing leaves visible
    "val",
    "mixed",  # val of the network with an n-gram model, or with counts, mixed in
    "adaptive",  # val where the counts learn on
    "best",
    "baseline",
    "excellent",
    "good",
    "moderate",
    "severe",
    "catastrophic",
    "run-1",  # the curves of several runs on one chart
    "run-2",
    "run-3",
    "run-4",
    "run-5",
    "run-6",
]
RUN_ROLES: tuple[Role, ...] = ("run-1", "run-2", "run-3", "run-4", "run-5", "run-6")
Palette = Mapping[Role, str]

_STOCK: dict[Role, str] = {  # what a theme that knows nothing of training has instead
    "label": "secondary",
    "train": "primary",
    "val": "warning",
    "best": "success",
    "baseline": "secondary",
    "excellent": "success",
    "good": "success",
    "moderate": "warning",
    "severe": "warning",
    "catastrophic": "error",
}
_PINK = "#cc79a7"  # the one colour of Okabe and Ito's that a theme does not use


def chart_palette(variables: Mapping[str, str]) -> Palette:
    """From the variables of a theme, as `App.theme_variables` has them."""
    named = {"label": "quiet"}
    colours: dict[Role, str] = {
        role: variables.get(named.get(role, role), variables[stock]) for role, stock in _STOCK.items()
    }
    background = variables["background"]
    colours["cursor"] = variables["foreground"]
    colours["axis"] = _towards(background, colours["label"], 0.45)
    colours["mixed"] = _PINK
    colours["adaptive"] = colours["good"]
    colours["train-raw"] = _towards(background, colours["train"], 0.6)
    runs = (colours["train"], colours["val"], colours["best"], _PINK, colours["moderate"], colours["catastrophic"])
    return colours | dict(zip(RUN_ROLES, runs, strict=True))


def _towards(background: str, colour: str, part: float) -> str:
    """The colour, faded; the terminal's own colours, which have no numbers, stay as they are."""
    if not (background.startswith("#") and colour.startswith("#")):
        return colour
    pairs = zip(bytes.fromhex(colour[1:7]), bytes.fromhex(background[1:7]), strict=True)
    return "#" + bytes(round(a + (b - a) * part) for a, b in pairs).hex()
