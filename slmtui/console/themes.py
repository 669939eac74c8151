"""Three themes. train, val, best and baseline keep their colours on every screen; verdicts go from green to red and are
always a word, too. The safe theme takes the colours of Okabe & Ito (2008), which colour-blind readers tell apart.
"""

from textual.theme import Theme


def _theme(name: str, *, dark: bool, ground: tuple[str, str, str, str], accent: str, roles: dict[str, str]) -> Theme:
    foreground, background, surface, panel = ground
    return Theme(
        name=name, dark=dark, primary=accent, secondary=accent, accent=accent,
        foreground=foreground, background=background, surface=surface, panel=panel,
        success=roles["excellent"], warning=roles["moderate"], error=roles["catastrophic"],
        variables=roles | {"footer-key-foreground": accent, "input-selection-background": f"{accent} 30%"},
    )  # fmt: skip


DARK = _theme(
    "slmtui-dark", dark=True, accent="#7aa2f7", ground=("#c8cdd8", "#12141a", "#171a21", "#20242d"),
    roles={
        "train": "#5c9cf5", "val": "#f5a04d", "best": "#63d17f", "baseline": "#8a909c", "quiet": "#848b99",
        "frame": "#39404e",
        "excellent": "#63d17f", "good": "#a9cf5f", "moderate": "#e8c14f", "severe": "#f0884d",
        "catastrophic": "#f0616d",
    },
)  # fmt: skip
LIGHT = _theme(
    "slmtui-light", dark=False, accent="#2a5bd7", ground=("#23262d", "#fbfbf9", "#f3f3f0", "#e6e6e1"),
    roles={
        "train": "#1f63c9", "val": "#b85a00", "best": "#1a7f37", "baseline": "#6e7480", "quiet": "#666c78",
        "frame": "#b4b8c0",
        "excellent": "#1a7f37", "good": "#5c7d12", "moderate": "#8f6a00", "severe": "#b4501a",
        "catastrophic": "#b3202f",
    },
)  # fmt: skip
SAFE = _theme(
    "slmtui-safe", dark=True, accent="#56b4e9", ground=("#e6e6e6", "#101010", "#181818", "#242424"),
    roles={
        "train": "#56b4e9", "val": "#e69f00", "best": "#009e73", "baseline": "#999999", "quiet": "#999999",
        "frame": "#4c4c4c",
        "excellent": "#009e73", "good": "#56b4e9", "moderate": "#f0e442", "severe": "#e69f00",
        "catastrophic": "#d55e00",
    },
)  # fmt: skip
THEMES = (DARK, LIGHT, SAFE)
