"""Deleting runs on Runs, which moves them to the trash; bringing back the last one; emptying the trash."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtui.console.dialogs.question import Question
from slmtui.console.key_names import key
from slmtui.errors import UserError
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.runs.run import Run
from slmtui.trash import bring_back, empty_trash, thrown_in
from slmtui.words import plural

if TYPE_CHECKING:
    from textual.app import App

NAMED = 8  # runs that a question names


async def delete_runs(
    app: App[Any], run: RunListing, marked: Sequence[RunListing], why_not: Callable[[RunListing], str | None],
    say: Callable[..., None],
) -> None:  # fmt: skip
    """Ask whether to delete this run or, if there are others, all marked ones. why_not: why one must stay."""
    others = [one for one in marked if one.name != run.name]
    reason = why_not(run)
    if reason and not others:
        say(reason, wrong=True)
        return
    answers = {"keep": "Keep it"} | ({} if reason else {"delete": f"Delete {'only ' if others else ''}it"})
    question = f"Delete {visible(run.name)}, with its log and its models?"
    if others:
        answers["marked"] = f"Marked: all {len(marked)}"
        question += f"\n\nMarked are {names_of(marked)}."
    undo, empty = key("runs.undo", "u"), key("runs.empty-trash", "X")
    question += f"\n{undo} brings back what is deleted, until the trash is emptied ({empty})."
    answer = await app.push_screen_wait(Question(question, answers, title="delete", destroys=("delete", "marked")))
    for one in [run] if answer == "delete" else marked if answer == "marked" else ():
        if reason := why_not(one):
            say(f"{one.name} was not deleted: {reason}", wrong=True)
            continue
        try:
            await to_thread(one.run.throw_away)
        except (UserError, OSError) as error:
            say(f"{one.name} was not deleted: {error}", wrong=True)
        else:
            say(f"{one.name} is deleted; {key('runs.undo', 'u')} brings it back")


def bring_back_last(checkpoints: Path, say: Callable[..., None]) -> Run | None:
    """The run that was deleted last, in its place again; None, and why, if that cannot be."""
    try:
        back = bring_back(checkpoints)
    except UserError as error:
        say(str(error), wrong=True)
        return None
    say(f"{back.name} is back")
    return Run(back)


async def empty_the_trash(app: App[Any], checkpoints: Path, say: Callable[..., None]) -> None:
    """Delete for good what could be brought back, after asking."""
    if not (thrown := thrown_in(checkpoints)):
        say("the trash is empty: nothing that was deleted is left", wrong=True)
        return
    question = Question(
        f"Delete for good {names_of(thrown)}?",
        {"keep": "Keep them", "delete": "Delete for good"},
        title="empty the trash",
        destroys=("delete",),
    )
    if await app.push_screen_wait(question) != "delete":
        return
    try:
        say(f"{plural(await to_thread(empty_trash, checkpoints), 'run')} deleted for good")
    except UserError as error:
        say(str(error), wrong=True)


def names_of(runs: Sequence[Any]) -> str:
    """`tiny-001, tiny-002 and 3 more`"""
    names = [visible(one.name) for one in runs]
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
