"""What a person writes down of runs: tags, a note, the baseline, what is archived; and how many steps more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtui.console.dialogs.input import InputDialog
from slmtui.console.screens.runs.deleting import names_of
from slmtui.console.screens.runs.words import wrong_tags
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.runs.summary import doubts_of_baseline
from slmtui.runs.tags import BASELINE, read_tags, set_archived, set_note, set_tags, wrong_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

MOST_MORE = 10**9  # steps that are added at once
LONGEST = 100  # digits, zeros before a number among them; Python reads no more than 4,300 of them


@dataclass(frozen=True)
class Done:
    """What is said of what was written down."""

    words: str
    wrong: bool = False  # a person is to know something about it


def turn_baseline(checkpoints: Path, run: RunListing) -> Done:
    """Have the tag name this run, or none if it does by now; UserError if that cannot be written down."""
    named = None if read_tags(checkpoints).tags.get(BASELINE) == run.name else run.name
    set_tags(checkpoints, {BASELINE: named})
    doubts = f"; but {said}" if named and (said := doubts_of_baseline(run.summary)) else ""
    return Done(f"{run.name} is {'the' if named else 'no longer the'} baseline{doubts}", wrong=bool(doubts))


def archive(checkpoints: Path, runs: Sequence[RunListing], archived: bool) -> Done:
    """Have lists leave these runs out, or no longer; UserError as above."""
    set_archived(checkpoints, [run.name for run in runs], archived)
    verb = "is" if len(runs) == 1 else "are"
    return Done(f"{names_of(runs)} {verb} {'archived' if archived else 'in the list again'}")


async def ask_tags(
    app: App[Any], run: RunListing, names: Sequence[str], checkpoints: Path
) -> Callable[[], None] | None:
    """What writes the tags that a person wants it to have; None if the question is left. names: of all runs."""
    question = f"Tags of {visible(run.name)}, with blanks between. One that another run has moves here."
    dialog = InputDialog(question, title="tag", value=" ".join(run.tags), wrong=lambda typed: wrong_tags(typed, names))
    if (answer := await app.push_screen_wait(dialog)) is None:
        return None
    wanted = answer.split()
    changes = {tag: run.name if tag in wanted else None for tag in {*wanted} ^ {*run.tags}}
    return partial(set_tags, checkpoints, changes)


async def ask_note(app: App[Any], run: RunListing, checkpoints: Path) -> Callable[[], None] | None:
    """What writes the note that a person gives it; None if the question is left."""
    question = f"What is to be known of {visible(run.name)}, in a line; an empty one removes it."
    answer = await app.push_screen_wait(InputDialog(question, title="note", value=run.note, wrong=wrong_note))
    return None if answer is None else partial(set_note, checkpoints, run.name, answer)


def wrong_steps(answer: str) -> str:
    good = answer.isdecimal() and len(answer) <= LONGEST and 0 < int(answer) <= MOST_MORE
    return "" if good else f"a whole number from 1 to {MOST_MORE:,}"


async def ask_steps(app: App[Any], run: RunListing) -> int | None:
    """How many steps more; None if the question is left."""
    question = f"How many steps more for {visible(run.name)}? They make a run of its own, from its best model."
    dialog = InputDialog(question, title="more steps", value=str(run.summary.max_iters), wrong=wrong_steps)
    answer = await app.push_screen_wait(dialog)
    return None if answer is None else int(answer)
