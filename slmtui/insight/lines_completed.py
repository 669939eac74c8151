"""Before a run ends, its best model completes lines of the validation text, if gate.min_characters_saved asks for it.

Once, and not at each best evaluation: it takes as long as many steps, and only the last best model is judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from slmtui.config.limits import GATE_PLACES, SEED
from slmtui.insight.judging.completing import characters_saved, places_in_time
from slmtui.runs.checkpoint import CheckpointError, load_model
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.control import COMPLETES_LINES
from slmtui.training.events import Event
from slmtui.training.state import Training

TIMED_PLACES = 20


def with_lines_completed(stream: Iterable[Event], run: Run, training: Training) -> Iterator[Event]:
    """The events of a training, whose checkpoints are saved as they come; before the last one, what the gate asks for.

    Also of a training that a person stopped, whose gate is judged, too. BrokenOff if meanwhile it is to end at once.
    """
    for event in stream:
        if isinstance(event, events.RunFinished) and (event.as_meant or event.reason == "stopped"):
            yield from _characters_saved(run, training)
        yield event


def seconds_of_lines(training: Training) -> float:
    """How long that takes, by the training's own model at a few places; 0 if the gate asks for no lines."""
    if training.phase.gate.min_characters_saved is None:
        return 0.0
    model, begin = training.model.eval(), time.monotonic()
    found = characters_saved(model, training.dataset, places=TIMED_PLACES, seed=SEED)
    taken = time.monotonic() - begin
    if found is None or found[0] < TIMED_PLACES:  # those are all
        return taken
    return taken * min(GATE_PLACES, places_in_time(model)) / TIMED_PLACES


def _characters_saved(run: Run, training: Training) -> Iterator[Event]:
    if training.phase.gate.min_characters_saved is None or training.best_step is None:
        return
    training.tell(COMPLETES_LINES)
    try:
        saved = load_model(run.best_file, training.model.mixture)
    except CheckpointError as error:
        message = f"no line was completed for gate.min_characters_saved: {error}"
        yield events.Warned(step=training.step, code="no_lines", message=message)
        return
    found = characters_saved(
        saved.model.to(training.model.device), training.dataset, places=GATE_PLACES, seed=SEED, each=training.go_on
    )
    if found is not None:
        places, share = found
        yield events.CharactersSaved(
            step=training.step, best_step=saved.step, places=places, share=share.value, error=share.error
        )
