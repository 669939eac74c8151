"""What the diagnosis says about a phase before it is trained, as lines for the panel of what the phase means."""

from __future__ import annotations

from slmtui.config.phase import Phase
from slmtui.console.screens.phases.meaning import MeaningLine, Tone
from slmtui.insight.estimates import DatasetCounts, NoCounts, parameters

TONES: dict[str, Tone] = {"note": "", "warning": "moderate", "serious": "catastrophic"}


def diagnosis_lines(phase: Phase, known: DatasetCounts | NoCounts | None) -> tuple[MeaningLine, ...]:
    """What is wrong with the data and with the size of the model, each with its remedy; the worst first."""
    if not isinstance(known, DatasetCounts) or known.facts is None:
        return ()
    from slmtui.insight.rules import diagnosis
    from slmtui.training.data_record import DataRecord
    from slmtui.training.events import RunStarted

    parts = parameters(phase, known.n_vocab)
    started = RunStarted(
        step=0,
        phase=phase.values(),
        parameters=parts | {"total": sum(parts.values())},
        data=DataRecord(
            n_vocab=known.n_vocab,
            train_tokens=known.train_tokens,
            val_tokens=known.val_tokens,
            train_length=known.train_length,
            facts=known.facts,
        ),
        machine={},
        versions={},
    )
    said = diagnosis.before_the_start(started)
    if not said:
        return (MeaningLine("diagnosis", "", "nothing else is wrong with the data or the size", "excellent"),)
    lines = [MeaningLine("diagnosis", "", f"{len(said)} to know before you start:")]
    return (*lines, *(MeaningLine("", "", f"{one.message}. → {one.advice}", TONES[one.level]) for one in said))
