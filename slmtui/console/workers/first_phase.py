"""A first phase for a text, measured on this machine, with the time that it takes to train. Called in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slmtui.config.phase import Phase
from slmtui.console.workers.overview import DataOverview, OverviewCache, find_out, suggestion_for_here
from slmtui.console.workers.phase_facts import measure
from slmtui.errors import UserError
from slmtui.insight.estimates import Speed
from slmtui.words import byte_size, plural

MEASURING = "measuring a few steps on this machine …"
BESIDE = 1 / 3  # of the time of the steps: what the start and the evaluations take beside them, by insight/suggest.py
COMPILED_ONCE = "The first training also compiles its counts, once for this installation: half a minute more"


@dataclass(frozen=True)
class FirstPhase:
    """What a text suggests. text: of the phase file; "" where there is one already. remarks: on the text."""

    phase: Phase
    text: str
    size: str  # of the corpus, in words
    summary: str  # of the model, in words
    remarks: tuple[str, ...]
    time: str  # in words; "" where it could not be measured

    @property
    def offer(self) -> str:
        """What the button says that trains it."""
        return f"Train, about {self.time}" if self.time else "Train"


def phase_for_text(source: Path, say: Callable[[str], None], stop: Callable[[], bool]) -> FirstPhase:
    """Read a folder or a file, or what a phase file names, and suggest a phase. UserError if there is too little."""
    from slmtui.insight.suggested_file import suggested_toml

    found: DataOverview | None = None
    for found in find_out(source, OverviewCache(), say):
        if found.suggestion is not None:
            break
    if found is None or found.suggestion is None:
        notes = found.counted.inspection.notes if found is not None else ()
        raise UserError("\n".join((f"{source}: there is too little text to learn from", *notes)))
    say(MEASURING)
    suggestion, speed = suggestion_for_here(found, stop)
    note = found.facts.note if found.facts is not None else ""
    return FirstPhase(
        suggestion.phase, suggested_toml(suggestion), _size(found.counted.inspection.files, found.corpus.n_bytes),
        suggestion.summary, _remarks(suggestion.phase, note), _in_words(speed),
    )  # fmt: skip


def measured_phase(phase: Phase, say: Callable[[str], None], stop: Callable[[], bool]) -> FirstPhase:
    """A phase that is there already, and how long it takes here. UserError where its text cannot be read."""
    from slmtui.insight.suggest import Suggestion
    from slmtui.training.prepare import phase_corpus

    corpus = phase_corpus(phase)
    say(MEASURING)
    _, speed = measure(phase, stop)
    return FirstPhase(
        phase, "", _size(len(corpus.files), corpus.n_bytes), Suggestion((), phase).summary, _remarks(phase),
        _in_words(speed if isinstance(speed, Speed) else None),
    )  # fmt: skip


def _in_words(speed: Speed | None) -> str:
    """How long all of it takes, roughly: nobody knows better before."""
    if speed is None:
        return ""
    seconds = speed.total * (1 + BESIDE)
    return f"{max(1, round(seconds / 10)) * 10} s" if seconds < 95 else f"{round(seconds / 60)} min"


def _remarks(phase: Phase, *notes: str) -> tuple[str, ...]:
    from slmtui.model.compiled import counts_are_compiled

    waits = phase.model.context_mixing and not counts_are_compiled()
    return (*filter(None, notes), *([COMPILED_ONCE] if waits else []))


def _size(files: int, n_bytes: int) -> str:
    return f"{plural(files, 'file')}, {byte_size(n_bytes)}"
