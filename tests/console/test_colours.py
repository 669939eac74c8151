"""Colours: of a theme that was changed, and where there are few."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as TextualColor

from slmtui.console.app import Console
from slmtui.console.base import MODES
from slmtui.console.charts.widget import Chart
from slmtui.console.screens.complete.token_text import TokenText
from slmtui.console.screens.studies.screen import StudiesScreen
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.themes import THEMES
from slmtui.inference.streaming import Choice, Token
from slmtui.runs.run import Run
from tests.console.conftest import WIDE, MakeConsole, Until
from tests.console.screen_text import rows_of
from tests.console.screens.studies.written_studies import write_study, write_trials


def colours(app: Console) -> set[str]:
    styles = [
        segment.style for row in rows_of(app) for segment in row if segment.style is not None and segment.text.strip()
    ]
    return {style.color.get_truecolor().hex for style in styles if style.color is not None}


@pytest.mark.parametrize("screen", list(MODES))
async def test_a_theme_recolours_everything(
    make_console: MakeConsole, finished_run: Run, until: Until, screen: str
) -> None:
    app = make_console(screen)
    if screen == "studies":
        write_trials(app.checkpoints, write_study(Path()), lambda trial: trial.cell.number + trial.seed < 5)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.is_mounted and app.current_mode == screen)
        if isinstance(app.screen, TrainScreen):
            await until(pilot, lambda: app.screen.query_one("#loss", Chart).spec)
        if isinstance(app.screen, StudiesScreen):
            await until(pilot, lambda: app.screen.finding)  # type: ignore[attr-defined]
        await pilot.pause(0.5)
        dark = {value.lower() for value in app.theme_variables.values() if value.startswith("#")}
        app.theme = "slmtui-light"
        await pilot.pause(0.5)
        light = {value.lower() for value in app.theme_variables.values() if value.startswith("#")}
        await until(pilot, lambda: not colours(app) & (dark - light))


def lightness(colour: Color) -> float:
    red, green, blue = colour.get_truecolor()
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


SYSTEMS: dict[str, ColorSystem] = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT}


async def test_shades_of_tokens_keep_their_order(
    make_console: MakeConsole, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the background on, each less sure step is farther away from it, in all colours and in 256."""
    app = make_console("complete")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.is_mounted and app.screen.query("#panels"))
        text = TokenText()
        await app.screen.query_one("#body").mount(text)
        for theme in THEMES:
            app.theme = theme.name
            ground = TextualColor.parse(theme.background or "")
            await until(pilot, lambda ground=ground: text.background_colors[1].rgb == ground.rgb)  # type: ignore[misc]
            for name, system in SYSTEMS.items():
                monkeypatch.setattr(app.console, "_color_system", system)
                shades = [text.shade_style(step).bgcolor for step in range(4)]
                behind = lightness(Color.from_rgb(*ground.rgb).downgrade(system))
                away = [abs(lightness(shade.downgrade(system)) - behind) for shade in shades if shade is not None]
                assert len(away) == 4
                farther = [one > other + 8 for one, other in zip(away, [*away[1:], 0.0], strict=True)]
                assert all(farther), (theme.name, name, away)


@pytest.mark.parametrize("system", [ColorSystem.STANDARD, None])
async def test_where_colours_are_few_tokens_have_other_marks_in_the_same_order(
    make_console: MakeConsole, until: Until, monkeypatch: pytest.MonkeyPatch, system: ColorSystem | None
) -> None:
    app = make_console("complete")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.screen.is_mounted and app.screen.query("#panels"))
        monkeypatch.setattr(app.console, "_color_system", system)
        text = TokenText()
        await app.screen.query_one("#body").mount(text)
        await until(pilot, lambda: text.size.width)
        chances = (0.01, 0.1, 0.3, 0.8, 0.95)
        tokens = [Token(place, "ab", (Choice(place, "ab", p, 1),)) for place, p in enumerate(chances)]
        text.begin("")
        text.show(tokens, len(tokens))
        drawn = [segment.style for segment in text.render_line(0) if segment.text == "ab" and segment.style is not None]
        assert [(bool(style.bold), bool(style.dim)) for style in drawn] == [
            (True, False), (True, False), (False, False), (False, False), (False, True),
        ]  # fmt: skip
        assert len({style.bgcolor for style in drawn}) == 1, "a shade that 16 colours cannot show in order"
