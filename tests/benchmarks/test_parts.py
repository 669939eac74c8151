"""What a whole training is put together from, and the arithmetic of a step."""

from __future__ import annotations

import pytest

from benchmarks.end_to_end import Parts, count_batches, count_evaluations, parts
from benchmarks.flops import step_flops
from benchmarks.textbook import PUBLISHED
from benchmarks.work import published
from slmtui.config.model_section import ModelSection
from slmtui.training import events
from slmtui.training.events import Event

STEP, EVALUATION, ONCE = 0.25, 2.0, 5.0


def a_log(steps: int, interval: int, slow: int | None = None) -> list[Event]:
    """A step takes 0.25 s, an evaluation 2 s; step `slow` a second more."""
    now, log = 100.0, list[Event]()
    for step in range(steps + 1):
        if step:
            now += STEP + (step == slow)
            log.append(events.Step(step=step, time=now, loss=1.0, learning_rate=1.0, grad_norm=1.0, tokens=step))
        if step % interval == 0:
            now += EVALUATION
            log.append(
                events.Evaluation(
                    step=step,
                    time=now - 1.5,
                    train_loss=1.0,
                    val_loss=1.0,
                    gap=0.0,
                    verdict="excellent",
                    bits_per_byte=1.0,
                    best=False,
                )
            )
            log.append(events.Checkpoint(step=step, time=now, kind="last"))
    return log


def test_a_log_is_taken_apart_into_what_happened_once_and_what_repeats() -> None:
    wall = ONCE + 9 * STEP + 4 * EVALUATION
    found = parts(a_log(9, 3), wall)
    assert (found.once, found.evaluation, found.step) == pytest.approx((ONCE, EVALUATION, STEP))
    hiccup = parts(a_log(9, 3, slow=2), wall + 1)
    assert (hiccup.once, hiccup.evaluation, hiccup.step) == pytest.approx((ONCE + 1, EVALUATION, STEP))


def test_a_whole_training_has_an_evaluation_before_its_first_step_and_after_its_last() -> None:
    phase3 = published("phase3")  # 2,000 steps, evaluated every 150: the last one is out of turn
    assert count_evaluations(phase3) == 15
    assert count_evaluations(published("phase2")) == 11
    assert Parts(once=3.0, evaluation=2.0, step=0.5).whole(phase3) == 3.0 + 30.0 + 1000.0


def test_a_published_evaluation_has_as_many_batches_as_its_sides_fill() -> None:
    assert count_batches(published("phase0")) == 7 + 1  # 900 and 100 tokens in blocks of 128
    assert count_batches(published("phase4")) == 20 + 17


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_textbook_trains_what_the_phase_says(name: str) -> None:
    phase, config = published(name), PUBLISHED[name]
    assert phase.model == ModelSection(
        n_layer=config.n_layer, n_head=config.n_head, n_embd=config.n_embd, block_size=config.block_size
    )
    training, evaluation = phase.training, phase.evaluation
    assert (training.max_iters, training.batch_size, training.learning_rate, evaluation.interval) == (
        config.max_iters, config.batch_size, config.learning_rate, config.eval_interval,
    )  # fmt: skip


def test_the_arithmetic_of_a_step_is_that_of_its_products() -> None:
    # Two positions, width 3: each product counted out, forward once and twice backward, two operations for each cell.
    products = {"vocabulary": 2 * 5 * 3, "qkv": 2 * 3 * 9, "out": 2 * 3 * 3, "mlp": 2 * (2 * 3 * 12)}
    attention = 2 * (2 * 2 * 3)  # scores, and the mixture of values
    once = products["vocabulary"] + 4 * (products["qkv"] + products["out"] + products["mlp"] + attention)
    assert step_flops(n_vocab=5, n_layer=4, n_embd=3, block_size=2, batch_size=1) == 2 * 3 * once
