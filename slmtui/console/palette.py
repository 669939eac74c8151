"""The roles that things play on every screen, and the colours that themes give them.

train, val, best and baseline keep their colours wherever they appear; a verdict goes from green to red, and is always a
word as well. The colours for colour-blind readers are those of Okabe and Ito, https://jfly.uni-koeln.de/color/.
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
Palette = Mapping[Role, str]

DARK: Palette = {
    "axis": "#565f6e",
    "label": "#8b95a5",
    "cursor": "#d7dce4",
    "train": "#5aa9f2",
    "train-raw": "#2f5478",
    "val": "#ff9f43",
    "best": "#4fd18b",
    "baseline": "#98a2b3",
    "excellent": "#4fd18b",
    "good": "#a3d95b",
    "moderate": "#f2cc4d",
    "severe": "#ff8c5a",
    "catastrophic": "#ff5d6c",
    "run-1": "#5aa9f2",
    "run-2": "#ff9f43",
    "run-3": "#4fd18b",
    "run-4": "#d48cf0",
    "run-5": "#f2cc4d",
    "run-6": "#ff7f9c",
}
LIGHT: Palette = {
    "axis": "#a3abb8",
    "label": "#5c6675",
    "cursor": "#1f2630",
    "train": "#1668b8",
    "train-raw": "#a9c9e8",
    "val": "#c25a00",
    "best": "#13803f",
    "baseline": "#69727f",
    "excellent": "#13803f",
    "good": "#5a7d00",
    "moderate": "#957100",
    "severe": "#c04a10",
    "catastrophic": "#bd1f34",
    "run-1": "#1668b8",
    "run-2": "#c25a00",
    "run-3": "#13803f",
    "run-4": "#8434ad",
    "run-5": "#957100",
    "run-6": "#bd1f5c",
}
OKABE_ITO: Palette = {
    "axis": "#565f6e",
    "label": "#8b95a5",
    "cursor": "#d7dce4",
    "train": "#56b4e9",
    "train-raw": "#2b5a75",
    "val": "#e69f00",
    "best": "#009e73",
    "baseline": "#999999",
    "excellent": "#56b4e9",
    "good": "#009e73",
    "moderate": "#f0e442",
    "severe": "#e69f00",
    "catastrophic": "#d55e00",
    "run-1": "#56b4e9",
    "run-2": "#e69f00",
    "run-3": "#009e73",
    "run-4": "#cc79a7",
    "run-5": "#f0e442",
    "run-6": "#d55e00",
}
