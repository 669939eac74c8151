"""The question whether to set up a project in this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App

from slmtui.console.dialogs.question import Message, Question
from slmtui.errors import UserError
from slmtui.project import PHASES, set_up

TITLE = "a new project"


async def offer_set_up(app: App[Any]) -> bool:
    """Offer to put the phases and the corpus that come with slmtui into this folder. Are they there now?

    Awaited in a worker. Why it could not be done is shown in a message.
    """
    if PHASES.is_dir():
        app.notify("there is a phases/ folder already")
        return False
    answer = await app.push_screen_wait(
        Question(
            f"{Path.cwd()} has no phases/ folder.\n\nSet up a project here? It puts example phases into phases/ and a "
            "small corpus, Python scripts on ChromaDB, into data/chromadb/. Nothing else is touched.",
            {"set-up": "Set up a project", "not-now": "Not now"},
            title=TITLE,
        )
    )
    if answer != "set-up":
        return False
    try:
        set_up(Path())
    except UserError as error:
        app.push_screen(Message(str(error), title=TITLE))
        return False
    return True
