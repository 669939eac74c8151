"""The training loop, as a generator of events. It knows nothing of screens, files and threads.

    for event in train(Training.start(phase, dataset, machine)): ...

The loop does nothing between two events: whoever reads them may look at the training's state, save it, or stop reading.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor

from slmtui.data.baseline import bits_per_byte
from slmtui.training import events
from slmtui.training.batches import parts_of_batch
from slmtui.training.control import BrokenOff, Control, NoControl, Tell
from slmtui.training.data_record import DataRecord
from slmtui.training.evaluation import full_losses, not_negative, sampled_losses
from slmtui.training.events import Event
from slmtui.training.gap import verdict_of
from slmtui.training.hardware import process_memory
from slmtui.training.optimizer import clip_gradients, decay_factor, learning_rate_at
from slmtui.training.ranks import SharedControl
from slmtui.training.sampling import gate_rates, samples
from slmtui.training.spike import NEEDED, spiked
from slmtui.training.state import Training, training_notes
from slmtui.training.uniform import ended_diverged
from slmtui.training.versions import versions

MOST_STEP_EVENTS = 10_000  # in a log, however long the training is


def train(training: Training, control: Control | None = None) -> Iterator[Event]:
    """Train from the current step to the end; the last event says why the training ended."""
    control = SharedControl(control or NoControl(), training.ranks)
    training.tell, training.ends_now = control.tell, control.ends_now
    if not training.announced:
        training.announced = True
        yield run_started(training)
    else:
        yield events.Resumed(step=training.step, after="stop")
        yield from _save_best(training)
    reason, cause = yield from _run(training, control)
    if reason in ("completed", "early stopping") and training.phase.sampling.when == "end":
        try:
            yield from samples(training)
        except BrokenOff:
            reason = "interrupted"  # all is saved; the resumed run draws them
    yield run_finished(training, reason, cause)


End = tuple[events.Reason, events.Cause]


def _run(training: Training, control: Control) -> Generator[Event, None, End]:
    """Evaluate, update and handle commands until something ends the training; the generator returns what did."""
    settings, interval = training.phase.training, training.phase.evaluation.interval
    patience = training.phase.early_stopping.patience
    target = -math.inf if training.phase.early_stopping.target is None else training.phase.early_stopping.target
    while True:
        asked_to_end = yield from _handle_commands(training, control)
        if asked_to_end is not None:
            yield from _save(training)
            return asked_to_end, ""
        at_end = training.step >= settings.max_iters
        try:
            if training.due:
                yield from _follow_up(training)
            if (at_end or training.step % interval == 0) and training.evaluated_at != training.step:
                finite = yield from _evaluate(training)
                if not finite:
                    return "diverged", "not finite"
        except BrokenOff:
            continue  # the end that it was broken off for is among the commands
        if at_end or 0 < patience <= training.evaluations_since_best or training.best_loss <= target:
            yield from _handle_commands(training, control)  # such as a sample, asked for during the last evaluation
            return _judged(training, "completed" if at_end else "early stopping")
        training.tell("")
        step = update(training)
        cause = _divergence(training, step.loss)
        if cause or step.step % log_interval(settings.max_iters) == 0:
            yield step
        if cause:
            return "diverged", cause


def _divergence(training: Training, loss: float) -> events.Cause:
    """Why this batch's loss ends the training: it is not finite, or the losses have spiked; "" if it does not."""
    training.recent_losses = [*training.recent_losses[1 - NEEDED :], loss]
    if not math.isfinite(loss):
        return "not finite"
    return "spike" if training.phase.training.stop_on_spike and spiked(training.recent_losses) else ""


def _judged(training: Training, reason: events.Reason) -> End:
    """`reason`, unless the model ends worse than before its first step: then it diverged without being noticed."""
    n_vocab, improved = training.dataset.tokenizer.n_vocab, (training.best_step or 0) > 0
    if training.step > 0 and ended_diverged(training.last_train_loss, n_vocab, improved=improved):
        return "diverged", "worse than untrained"
    return reason, ""


def log_interval(max_iters: int) -> int:
    """Steps between two step events; it depends on the phase alone, so that logs can be compared."""
    return math.ceil(max_iters / MOST_STEP_EVENTS)


def update(training: Training) -> events.Step:
    """One optimiser update on one random batch; if the loss is not finite, the model is not updated."""
    begin = time.perf_counter()
    settings = training.phase.training
    learning_rate = learning_rate_at(training.step, settings) * training.learning_rate_factor
    idx, targets = training.windows["train"].random_batch(training.batches, settings.batch_size)
    with _denormals_flushed():
        training.optimizer.zero_grad()  # before the loss, which reuses the old gradient's memory for the new one
        value, norm = not_negative(_gradients(training, idx, targets)), math.nan
        if math.isfinite(value):
            norm = clip_gradients(training.model, training.phase.optimizer, training.step).item()
            highest = settings.learning_rate * training.learning_rate_factor
            training.optimizer.step(learning_rate, decay_factor(learning_rate, highest, training.phase.optimizer))
            training.step += 1
    training.seconds += time.perf_counter() - begin
    tokens = training.step * settings.batch_size * training.windows["train"].block_size
    return events.Step(step=training.step, loss=value, learning_rate=learning_rate, grad_norm=norm, tokens=tokens)


def _gradients(training: Training, idx: Tensor, targets: Tensor) -> float:
    """Compute the gradients of the mean loss of a batch, (B, T) each, part by part, as far as it is finite; return it.

    Each process computes its rows, and all have the same result. Each part draws its dropout from the state that the
    whole batch would.
    """
    total, drawn, ranks = 0.0, training.dropout.get_state(), training.ranks
    for part in parts_of_batch(len(idx), training.phase.training.accumulate, ranks.rank, ranks.size):
        training.dropout.set_state(drawn)
        training.model.drop_in(part)
        rows = idx[part.rows], targets[part.rows]
        if training.teacher is None:
            loss = training.model.loss(*rows, bf16=training.bf16)
        else:
            loss = training.teacher.loss(training.model, *rows, bf16=training.bf16)
        share = len(rows[0]) / part.of
        total += loss.item() * share
        if not math.isfinite(total):
            break
        (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
    return ranks.add_up(training.model, total)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Flush numbers below 1e-38 to zero, because computing with them is a hundred times slower; in this thread only."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _evaluate(training: Training) -> Generator[Event, None, bool]:
    """The scheduled evaluation: losses, best so far, samples, checkpoints. Returns whether the losses are finite."""
    evaluation = evaluate(training)
    yield evaluation
    if not (math.isfinite(evaluation.train_loss) and math.isfinite(evaluation.val_loss)):
        return False
    training.evaluated_at = training.step
    if evaluation.judged_loss < training.patience_reference - training.phase.early_stopping.min_delta:
        training.patience_reference = evaluation.judged_loss
        training.evaluations_since_best = 0
    else:
        training.evaluations_since_best += 1
    _record_losses(training, evaluation)
    training.due = "samples"
    yield from _follow_up(training)
    return True


def _follow_up(training: Training) -> Iterator[Event]:
    """The samples of an evaluation, the rates of a new best, and the checkpoints.

    BrokenOff where an end is asked for that does not wait: what is due is drawn by the resumed run.
    """
    if training.due == "samples":
        if training.phase.sampling.when == "evaluation":
            yield from samples(training)
        training.due = "rates"
    if training.best_step == training.step:
        yield from gate_rates(training, requested=training.due == "requested rates")
    training.due = ""
    yield from _save(training)


def _save(training: Training) -> Iterator[events.Checkpoint]:
    """The last checkpoint, then the best one if it is due: if the process dies in between, a resumed run saves it."""
    yield events.Checkpoint(step=training.step, kind="last")
    yield from _save_best(training)


def _save_best(training: Training) -> Iterator[events.Checkpoint]:
    if training.best_is_unsaved:
        yield events.Checkpoint(step=training.step, kind="best")
        training.best_is_unsaved = False


def evaluate(training: Training, *, requested: bool = False) -> events.Evaluation:
    """The current training and validation loss. A requested evaluation leaves every random stream unchanged.

    BrokenOff, with nothing changed, if meanwhile the training is to end at once.
    """
    begin = time.perf_counter()
    training.tell("evaluating")
    phase, dataset = training.phase, training.dataset
    if phase.evaluation.method == "full":
        try:
            losses = full_losses(
                training.model, dataset, training.val_ngram, bf16=training.bf16, tell=_tell_or_break_off(training),
                ranks=training.ranks,
            )  # fmt: skip
        except BrokenOff:
            training.model.train()
            raise
    else:
        before = training.batches.get_state(legacy=True)
        losses = sampled_losses(
            training.model, training.windows, phase.training.batch_size, training.batches, training.val_ngram,
            bf16=training.bf16,
        )  # fmt: skip
        if requested:
            training.batches.set_state(before)
    losses = training.ranks.told(losses)
    training.seconds += time.perf_counter() - begin
    lengths = dataset.val.n_text_tokens, dataset.val.n_bytes
    steps = training.step + (training.parent is not None)  # its parent's count as one
    gap, sizes = losses.val - losses.train, {"n_vocab": dataset.tokenizer.n_vocab, "val_tokens": lengths[0]}
    evaluation = events.Evaluation(
        step=training.step,
        train_loss=losses.train,
        val_loss=losses.val,
        gap=gap,
        verdict=verdict_of(gap, losses.val, steps, **sizes),
        bits_per_byte=bits_per_byte(losses.val, *lengths),
        best=False,
        requested=requested,
        mixed_loss=losses.mixed,
        mixed_bits_per_byte=None if losses.mixed is None else bits_per_byte(losses.mixed, *lengths),
        adaptive_loss=losses.adaptive,
        adaptive_bits_per_byte=None if losses.adaptive is None else bits_per_byte(losses.adaptive, *lengths),
        decides=phase.decides,
        memory=process_memory(),
    )
    return dataclasses.replace(evaluation, best=evaluation.judged_loss < training.best_loss)


def _tell_or_break_off(training: Training) -> Tell:
    """A batch system kills soon after it has asked for an end, and then all steps since the last checkpoint were lost:
    an evaluation, which may take minutes, is made again by the resumed run instead."""

    def tell(what: str, how_far: str = "", /) -> None:
        training.tell(what, how_far)
        training.go_on()

    return tell


def _record_losses(training: Training, evaluation: events.Evaluation) -> None:
    training.last_train_loss, training.last_val_loss = evaluation.train_loss, evaluation.val_loss
    if evaluation.mixed_loss is not None:
        training.last_mixed_loss = evaluation.mixed_loss
    if evaluation.adaptive_loss is not None:
        training.last_adaptive_loss = evaluation.adaptive_loss
    if evaluation.best:
        training.best_loss, training.best_val_loss = evaluation.judged_loss, evaluation.val_loss
        training.best_mixed_loss = math.nan if evaluation.mixed_loss is None else evaluation.mixed_loss
        training.best_adaptive_loss = math.nan if evaluation.adaptive_loss is None else evaluation.adaptive_loss
        training.best_step = evaluation.step
        training.best_is_unsaved = True


def _handle_commands(training: Training, control: Control) -> Generator[Event, None, events.Reason | None]:
    """Carry out the commands since the last step; the generator returns a reason to end the training, or None."""
    paused = saved = False  # saved: as it is now, which several processes may be asked for one after the other
    commands = control.poll()
    while commands or paused:
        for command in commands:
            match command.kind:
                case "stop":
                    return "stopped"
                case "interrupt":
                    return "interrupted"
                case "pause" if not paused:
                    paused = True
                    yield events.Paused(step=training.step)
                case "resume" if paused:
                    paused = False
                    yield events.Resumed(step=training.step)
                case "checkpoint" if not saved:
                    yield events.Checkpoint(step=training.step, kind="last")
                case "evaluate":
                    try:
                        evaluation = evaluate(training, requested=True)
                    except BrokenOff:
                        continue
                    _record_losses(training, evaluation)
                    yield evaluation
                    if evaluation.best:
                        training.due = "requested rates"
                        with suppress(BrokenOff):
                            yield from _follow_up(training)
                case "sample":
                    with suppress(BrokenOff):
                        yield from samples(training)
                case "learning_rate" if command.value is not None:
                    yield _change_learning_rate(training, command.value)
                case _:  # pausing a paused training, resuming a running one, saving a saved one: nothing to do
                    pass
            if command.kind not in ("pause", "resume"):
                saved = command.kind == "checkpoint"
            training.tell("")
        commands = control.wait() if paused else control.poll()
    return None


def _change_learning_rate(training: Training, factor: float) -> events.Changed:
    scheduled = learning_rate_at(training.step, training.phase.training)
    was = scheduled * training.learning_rate_factor
    training.learning_rate_factor *= factor
    return events.Changed(
        step=training.step, key="learning_rate", value=scheduled * training.learning_rate_factor, was=was
    )


def run_started(training: Training) -> events.RunStarted:
    parameters = training.model.parameters_by_part()
    return events.RunStarted(
        step=training.step,
        phase=training.phase.values(),
        parameters=parameters | {"total": sum(parameters.values())},
        data=DataRecord.of(training.dataset, notes=tuple(training_notes(training))),
        machine=training.machine.to_dict() | training.ranks.to_dict(),
        versions=versions(),
        parent=training.parent,
        teacher=None if training.teacher is None else training.teacher.name,
    )


def run_finished(training: Training, reason: events.Reason, cause: events.Cause = "") -> events.RunFinished:
    has_best = training.best_step is not None
    return events.RunFinished(
        step=training.step,
        reason=reason,
        cause=cause,
        best_step=training.best_step,
        best_val_loss=training.best_val_loss if has_best else None,
        best_mixed_loss=training.best_mixed_loss if has_best and training.model.mixture is not None else None,
        best_adaptive_loss=training.best_adaptive_loss if has_best and training.phase.model.context_mixing else None,
        seconds=training.seconds,
    )
