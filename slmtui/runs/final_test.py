"""What is asked of the best model once, when the training is over: the test side, and how it does on blocks of text.

The test side is looked at once. None of its losses is asked for by a training that diverged, and none yet by one that
was stopped or interrupted: it may be resumed, and then what a look had told could be followed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

from slmtui.config.deciding import Decides
from slmtui.data.dataset import SideTokens
from slmtui.runs.block_losses import BlockSums, block_sums
from slmtui.runs.checkpoint import CheckpointError, load_model
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.control import MEASURES_BEST
from slmtui.training.events import Event
from slmtui.training.state import Training


def with_final_test(stream: Iterable[Event], run: Run, training: Training) -> Iterator[Event]:
    """The events of a training, whose checkpoints are saved as they come; before the last one, the test, if there is a
    test side, and the blocks of the validation side. BrokenOff if meanwhile it is to end at once."""
    for event in stream:
        if isinstance(event, events.RunFinished) and event.as_meant and event.best_step is not None:
            yield from _measured(run, training)
        yield event


def seconds_of_final_test(training: Training) -> float:
    """How long it takes, by the training's own model; the test side, which is not looked at, by its length."""
    dataset, begin = training.dataset, time.monotonic()
    block_sums(training.model, dataset.val, dataset.tokenizer, bf16=training.bf16)
    of_val = time.monotonic() - begin
    sides = 1 if dataset.test is None else 1 + len(dataset.test.tokens) / len(dataset.val.tokens)
    return of_val * sides


def _measured(run: Run, training: Training) -> Iterator[Event]:
    dataset = training.dataset
    training.tell(MEASURES_BEST)
    try:
        saved = load_model(run.best_file, training.model.mixture)
    except CheckpointError as error:
        codes = [("no_test", "the test side was not looked at")] if dataset.test is not None else []
        codes.append(("no_blocks", "the blocks of the validation side were not measured"))
        for code, what in codes:
            yield events.Warned(step=training.step, code=code, message=f"{what}: {error}")
        return
    model = saved.model.to(training.model.device)
    decides: Decides = training.phase.decides or ("network" if model.mixture is None else "static")

    def sums(side: SideTokens) -> BlockSums:
        return block_sums(model, side, dataset.tokenizer, bf16=training.bf16, seen=lambda _: training.go_on())

    val = sums(dataset.val)
    if dataset.test is not None:
        test = sums(dataset.test)
        yield _final_test(test, val, training, saved.step, dataset.test.n_text_tokens, decides)
    yield events.BlockLosses(
        step=training.step,
        best_step=saved.step,
        n_bytes=val.n_bytes,
        network=val.nats["network"],
        static=val.nats.get("static"),
        adaptive=val.nats.get("adaptive"),
        decides=decides,
    )


def _final_test(
    test: BlockSums, val: BlockSums, training: Training, best_step: int, tokens: int, decides: Decides
) -> events.FinalTest:
    bits, half, of_val = test.bits_per_byte[decides], test.known_to(decides), val.known_to(decides)
    flattered = bits - val.bits_per_byte[decides]
    apart = None if half is None or of_val is None else math.hypot(half, of_val)  # of two texts, each uncertain
    return events.FinalTest(
        step=training.step,
        best_step=best_step,
        tokens=tokens,
        test_loss=test.loss["network"],
        bits_per_byte=test.bits_per_byte["network"],
        mixed_loss=test.loss.get("static"),
        mixed_bits_per_byte=test.bits_per_byte.get("static"),
        adaptive_loss=test.loss.get("adaptive"),
        adaptive_bits_per_byte=test.bits_per_byte.get("adaptive"),
        decides=training.phase.decides,
        low=None if half is None else bits - half,
        high=None if half is None else bits + half,
        flattered=flattered,
        flattered_low=None if apart is None else flattered - apart,
        flattered_high=None if apart is None else flattered + apart,
        n_bytes=test.n_bytes,
        nats=test.nats[decides],
    )
