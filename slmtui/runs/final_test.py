"""The test side is looked at once: when the training is over, with the best model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slmtui.data.baseline import bits_per_byte
from slmtui.model.mixture import NgramMixture
from slmtui.runs.checkpoint import CheckpointError, load_model
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.evaluation import side_losses
from slmtui.training.events import Event
from slmtui.training.state import Training


def with_final_test(stream: Iterable[Event], run: Run, training: Training) -> Iterator[Event]:
    """The events of a training, whose checkpoints are saved as they come; before the last one, the test, if due.

    None for a training that diverged, and none yet for one that was stopped or interrupted: it may be resumed, and then
    what a look at the test side had told could be followed.
    """
    for event in stream:
        if isinstance(event, events.RunFinished) and event.as_meant and event.best_step is not None:
            yield from _final_test(run, training)
        yield event


def _final_test(run: Run, training: Training) -> Iterator[Event]:
    side = training.dataset.test
    if side is None:
        return
    try:
        saved = load_model(run.best_file)
    except CheckpointError as error:
        message = f"the test side was not looked at: {error}"
        yield events.Warned(step=training.step, code="no_test", message=message)
        return
    model = saved.model.to(training.model.device)
    ngram = model.mixture.ngram_losses(side.tokens) if isinstance(model.mixture, NgramMixture) else None
    losses = side_losses(model, side, ngram, bf16=training.bf16)
    lengths = side.n_text_tokens, side.n_bytes
    yield events.FinalTest(
        step=training.step,
        best_step=saved.step,
        tokens=side.n_text_tokens,
        test_loss=losses.network,
        bits_per_byte=bits_per_byte(losses.network, *lengths),
        mixed_loss=losses.static,
        mixed_bits_per_byte=None if losses.static is None else bits_per_byte(losses.static, *lengths),
        adaptive_loss=losses.adaptive,
        adaptive_bits_per_byte=None if losses.adaptive is None else bits_per_byte(losses.adaptive, *lengths),
        decides=training.phase.decides,
    )
