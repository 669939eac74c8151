"""From a text to a first model: which text, the phase that it suggests, and the offer to train it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from slmtui.config.editing import with_value
from slmtui.config.phase_file import load_phase
from slmtui.config.schema import keys
from slmtui.console.dialogs.progress import ProgressDialog, Say, Stop
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.host import Host
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Drafts, free_name
from slmtui.console.workers.first_phase import FirstPhase, measured_phase, phase_for_text
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there
from slmtui.output import visible
from slmtui.project import DEFAULT_PHASE, PHASES, bundled, set_up
from slmtui.words import byte_size, capitalized, plural

TITLE = "a first model"
SAMPLE = bundled("data/chromadb")


async def begin(host: Host) -> bool:
    """Ask for a text, have a phase suggested for it, save that, and offer to train it. Is there a new phase?

    Awaited in a worker of the screen that asks. What goes wrong is shown in a message.
    """
    offers: dict[Path, str] = {} if is_folder(PHASES) else {SAMPLE: _sample_words()}
    source = await host.push_screen_wait(SourceDialog("what shall a model learn?", offers=offers, nearby=True))
    if source is None:
        return False
    is_sample = source in offers
    try:
        path, first = await (_for_sample(host) if is_sample else _for_text(host, source))
    except UserError as error:
        host.push_screen(Message(visible(str(error)), title=TITLE))
        return is_sample
    if first is None:
        return is_sample
    host.phase_file = path
    remarks = "".join(f"\n\n{capitalized(visible(remark))}." for remark in first.remarks)
    answer = await host.push_screen_wait(
        Question(
            f"{path} is a phase for this text ({first.size}): {first.summary}.{remarks}",
            {"train": first.offer, "not-now": "Not now"},
            title=TITLE,
        )
    )
    if answer == "train":
        try:
            host.train(load_phase(path))
        except UserError as error:  # the file was changed or deleted while it was asked
            host.push_screen(Message(visible(str(error)), title=TITLE))
    return True


async def _for_sample(host: Host) -> tuple[Path, FirstPhase | None]:
    """A project with the phases and the corpus that come with slmtui; the default one, measured here."""
    set_up(Path())
    job = partial(measured_phase, load_phase(DEFAULT_PHASE))
    return DEFAULT_PHASE, await _do(host, job, f"The sample corpus is in data/chromadb, its phase is {DEFAULT_PHASE}.")


async def _for_text(host: Host, source: Path) -> tuple[Path, FirstPhase | None]:
    """A phase for somebody's own text, saved."""
    first = await _do(host, partial(phase_for_text, source), f"A phase for {source}:")
    if first is None:
        return source, None
    drafts, name, text = Drafts(PHASES), first.phase.name, first.text
    if is_there(PHASES / f"{name}.toml"):
        name = free_name(PHASES, name)
        text = with_value(text, keys()["phase", "name"], name)  # by which its runs are told apart
    return drafts.create(name, text), first


async def _do(host: Host, job: partial[FirstPhase], about: str) -> FirstPhase | None:
    """The result of a job that is watched; None if it was left. UserError for what a person can put right."""

    def unless_busy(say: Say, stop: Stop) -> FirstPhase:
        return job(say, lambda: stop() or host.trainer.busy)

    result = await host.push_screen_wait(ProgressDialog(unless_busy, title=TITLE, about=about))
    if isinstance(result, UserError):
        raise result
    if isinstance(result, Exception):
        host.write_log(result)
        log = key("everywhere.log", "ctrl+l")
        raise UserError(f"{type(result).__name__}: {result}\n\nThis is a bug in slmtui; {log} has the details.")
    return result if isinstance(result, FirstPhase) else None


def _sample_words() -> str:
    """`The sample corpus: 31 files, 57 KB of Python on ChromaDB`"""
    sizes = [path.stat().st_size for path in SAMPLE.glob("*.py")]
    return f"The sample corpus: {plural(len(sizes), 'file')}, {byte_size(sum(sizes))} of Python on ChromaDB"
