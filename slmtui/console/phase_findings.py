"""What the diagnosis says about a phase before it is trained, as lines for the panel of what the phase means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmtui.training.phase import Phase
from slmtui.training.phase_meaning import DataFacts, Line, NoFacts, Tone, parameters

if TYPE_CHECKING:
    from slmtui.insight import facts as insight

TONES: dict[str, Tone] = {"note": "", "warning": "moderate", "serious": "catastrophic"}


@dataclass(frozen=True)
class KnownFacts(DataFacts):
    """A dataset's numbers, with what is known of its two sides; None: too much text to compare unasked."""

    sides: insight.DataFacts | None = None


def before_the_start(phase: Phase, known: DataFacts | NoFacts | None) -> tuple[Line, ...]:
    """What is wrong with the data and with the size of the model, each with its remedy; the worst first."""
    if not isinstance(known, KnownFacts) or known.sides is None:
        return ()
    from slmtui.insight import diagnosis
    from slmtui.training.events import RunStarted

    parts = parameters(phase, known.n_vocab)
    started = RunStarted(
        step=0,
        phase=phase.values(),
        parameters=parts | {"total": sum(parts.values())},
        data={"n_vocab": known.n_vocab, "train_tokens": known.train_tokens, "val_tokens": known.val_tokens},
        machine={},
        versions={},
    )
    said = diagnosis.before_the_start(started, known.sides)
    if not said:
        return (Line("diagnosis", "", "nothing wrong with the data or the size", "excellent"),)
    lines = [Line("diagnosis", "", f"{len(said)} to know before the start:")]
    return (*lines, *(Line("", "", f"{one.message}. → {one.advice}", TONES[one.level]) for one in said))
