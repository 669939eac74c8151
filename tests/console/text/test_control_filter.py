"""Whatever a widget is given to show, nothing on the screen is a command to the terminal."""

from __future__ import annotations

import re
from pathlib import Path

from slmtui.console.app import Console
from slmtui.console.dialogs.question import Message
from slmtui.console.ui_state import UIState
from tests.console.screen_text import rows_of

EVIL = "a\x1b[31mb\x1b]0;title\x07c\x9b2Jd\x7fe"


async def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    app = Console(tmp_path / "checkpoints", log=tmp_path / "log", ui_state=UIState(tmp_path / "memory.json"))
    async with app.run_test(size=(100, 30)) as pilot:
        app.notify(EVIL, title=EVIL, markup=False)
        await app.push_screen(Message(EVIL, title=EVIL))
        await pilot.pause()
        drawn = "".join(row.text for row in rows_of(app))
        assert "a[31mb]0;titlec2Jde" in drawn
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", drawn)
