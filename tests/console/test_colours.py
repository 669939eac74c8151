"""Colours: of a theme that was changed, and where there are few."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as TextualColor
from textual.theme import Theme

from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.screens.complete.token_text import GREYS
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.themes import THEMES
from slmtui.runs.run import Run
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of


def colours(app: Console) -> set[str]:
    styles = [
        segment.style for row in rows_of(app) for segment in row if segment.style is not None and segment.text.strip()
    ]
    return {style.color.get_truecolor().hex for style in styles if style.color is not None}


@pytest.mark.parametrize("screen", ["data", "phases", "train", "complete", "runs"])
async def test_a_theme_recolours_everything(
    make_console: MakeConsole, finished_run: Run, until: Until, screen: str
) -> None:
    app = make_console(screen)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.is_mounted and app.current_mode == screen)
        if isinstance(app.screen, TrainScreen):
            await until(pilot, lambda: app.screen.query_one("#loss", Chart).spec)
        await pilot.pause(0.5)
        dark = {value.lower() for value in app.theme_variables.values() if value.startswith("#")}
        app.theme = "slmtui-light"
        await pilot.pause(0.5)
        light = {value.lower() for value in app.theme_variables.values() if value.startswith("#")}
        await until(pilot, lambda: not colours(app) & (dark - light))


def lightness(colour: Color) -> float:
    red, green, blue = colour.get_truecolor()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_shades_of_tokens_keep_their_order(theme: Theme) -> None:
    """From the background on, each less sure step is farther away from it, in all colours and in 256."""
    background = TextualColor.parse(theme.background or "")
    val = TextualColor.parse(theme.variables["val"])
    blended = [background.blend(val, part).hex for part in (0.55, 0.38, 0.24, 0.11)]
    for system, shades in ((ColorSystem.TRUECOLOR, blended), (ColorSystem.EIGHT_BIT, GREYS[theme.dark])):
        ground = lightness(Color.parse(background.hex).downgrade(system))
        away = [abs(lightness(Color.parse(shade).downgrade(system)) - ground) for shade in shades]
        assert all(one > other + 8 for one, other in zip(away, [*away[1:], 0.0], strict=True)), (system, away)
