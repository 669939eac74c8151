"""Saving what a corpus suggests as a phase: what is asked first, and the steps that are measured for it."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.config.editing import with_value
from slmtui.config.schema import keys
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.host import Host
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft, Drafts, free_name
from slmtui.console.workers.overview import DataOverview, suggestion_for_here
from slmtui.errors import UserError
from slmtui.files import is_there

if TYPE_CHECKING:
    from slmtui.insight.suggest import Suggestion

SUGGESTED = Path("phases/suggested.toml")


async def save_suggestion(host: Host, found: DataOverview, suggestion: Suggestion) -> Path | None:
    """The new phase file; None if it was not saved, as is said. Awaited in a worker of the screen that asks."""
    from slmtui.insight.suggested_file import suggested_toml

    drafts = Drafts(SUGGESTED.parent)
    other, there = free_name(drafts.folder, SUGGESTED.stem), is_there(SUGGESTED)
    answer: str | None = "create"
    if there:  # asked before anything is measured, while whoever pressed the key is still there
        answer = await host.push_screen_wait(
            Question(
                f"{SUGGESTED} already exists. Overwrite it with the new suggestion?",
                {"overwrite": "Overwrite it", "new": f"New file {other}.toml", "cancel": "Cancel"},
                title="save the suggestion",
                destroys=("overwrite",),
            )
        )
    if answer not in ("create", "overwrite", "new"):
        return None
    if host.trainer.busy:
        host.notify("how many steps there is time for is not measured while something is trained")
    else:
        host.notify("measuring a few steps on this machine …")
        suggestion, _ = await to_thread(suggestion_for_here, found, lambda: host.trainer.busy or not host.is_running)
    path, text = SUGGESTED, suggested_toml(suggestion)
    try:
        if answer == "new":  # with a name of its own, by which its runs are told apart
            path = drafts.create(other, with_value(text, keys()["phase", "name"], other))
        elif answer == "overwrite":
            draft = Draft(SUGGESTED)
            draft.text = text
            draft.save()
        else:  # which refuses a file that is there by now, and that nobody was asked about
            drafts.create(SUGGESTED.stem, text)
    except UserError as error:
        host.push_screen(Message(str(error), title="the suggestion could not be saved"))
        return None
    phases, train = key("everywhere.switch-mode-phases", "p"), key("everywhere.switch-mode-train", "t")
    start = key("train.start", "enter")
    host.notify(f"saved as {path}; {phases} shows it; {train}, then {start}, trains it")
    return path
