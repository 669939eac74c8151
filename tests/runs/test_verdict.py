"""The verdict: one sentence about network, mixture and bar, for every way that a run can go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slmtui.runs.summary import summarise
from slmtui.runs.verdict import Course
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.gap import PRAISE, with_class
from tests.written_runs import BITS, done_run, evaluations, finished, make_phase, started

PHASE = make_phase()
LEARNED = ((6.6, 6.6), (3.0, 4.0))


def verdict(happened: Iterable[Event]) -> str:
    course = Course()
    for event in happened:
        course.add(event)
    return course.verdict


def run(
    losses: Sequence[tuple[float, float]] = LEARNED,
    reason: events.Reason | None = "completed",
    *,
    parent: str | None = None,
    mixed: Sequence[float] = (),
    adaptive: Sequence[float] = (),
    **data: Any,
) -> list[Event]:
    """A bar of 4.5 nats, unless data says otherwise. reason: None for a run that goes on."""
    begun = replace(started(PHASE, **{"baseline": 4.5, "baseline_order": 3} | data), parent=parent)
    happened: list[Event] = [begun, *evaluations(losses, mixed=mixed, adaptive=adaptive)]
    return happened if reason is None else [*happened, finished(happened, reason)]


def bits(nats: float) -> str:
    return f"{nats * BITS:.2f}"


BAR = f"(a 3-gram model, {bits(4.5)})"


@pytest.mark.parametrize(
    ("val", "beside"),
    [
        (4.0, f"below counting alone {BAR}"),
        (4.495, f"no better than counting alone {BAR}"),
        (4.9, f"above counting alone {BAR}, which predicts better"),
    ],
)
def test_a_network_without_a_mixture_stands_beside_the_bar(val: float, beside: str) -> None:
    happened = run([(6.6, 6.6), (3.9, val)])
    assert verdict(happened) == f"The network reaches {bits(val)} bits per byte, {beside}."


def test_numbers_that_are_not_alike_do_not_look_alike() -> None:
    """0.39 is not above 0.39."""
    assert bits(4.5) == bits(4.511)
    assert verdict(run([(6.6, 6.6), (3.9, 4.511)])) == (
        f"The network reaches {4.511 * BITS:.3f} bits per byte, above counting alone (a 3-gram model, "
        f"{4.5 * BITS:.3f}), which predicts better."
    )


@pytest.mark.parametrize(
    ("mixture", "beside"),
    [
        (3.7, f"below counting alone {BAR}"),
        (4.5, f"no better than counting alone {BAR}"),
        (4.6, f"above counting alone {BAR}, which predicts better"),
    ],
)
def test_a_mixture_stands_beside_the_bar_and_the_network_beside_both(mixture: float, beside: str) -> None:
    happened = run([(6.6, 6.6), (3.0, 4.7)], mixed=(6.0, mixture))
    assert verdict(happened) == (
        f"Mixed with an n-gram model, the network reaches {bits(mixture)} bits per byte, {beside}; alone it reaches "
        f"{bits(4.7)}."
    )


def test_what_learns_on_stands_beside_counting_that_does() -> None:
    happened = run(LEARNED, mixed=(6.0, 3.7), adaptive=(5.0, 3.0), baseline_adaptive_bits_per_byte=3.2 * BITS)
    assert verdict(happened) == (
        f"Together with counts that learn on, the network reaches {bits(3.0)} bits per byte, below counting alone (an "
        f"adaptive context mixer, {bits(3.2)}); alone it reaches {bits(4.0)}."
    )
    assert "and what counting alone reaches was not measured; alone" in verdict(
        run(LEARNED, mixed=(6.0, 3.7), adaptive=(5.0, 3.0))
    )


def test_a_mixture_that_hurts_is_told_beside_the_network_that_is_used() -> None:
    happened = run(LEARNED, mixed=(6.7, 4.2))
    assert verdict(happened) == (
        f"The network alone reaches {bits(4.0)} bits per byte, below counting alone {BAR}; mixed with an n-gram model "
        f"it would reach {bits(4.2)}."
    )


def test_without_a_bar_that_is_said() -> None:
    happened: list[Event] = [started(PHASE), *evaluations(LEARNED)]
    assert verdict([*happened, finished(happened)]) == (
        f"The network reaches {bits(4.0)} bits per byte, and what counting alone reaches was not measured."
    )


def test_a_network_that_has_learned_nothing() -> None:
    nothing = "its network has learned nothing"
    assert verdict(run([(6.6, 6.6)], None)) == f"So far, it has just begun, and {nothing}."
    assert verdict(run([(6.6, 6.6), (6.7, 6.7)])) == f"I{nothing[1:]}, since no step made its predictions better."
    assert verdict(run([(6.6, 6.6), (6.4, 6.4)])) == "Its network has learned next to nothing."
    assert verdict(run([(6.6, 6.6)], None, mixed=(4.4,))).endswith(
        f"{nothing}; with counts mixed in, it reaches {bits(4.4)} bits per byte, which is their work."
    )


def test_a_network_that_learned_what_its_counts_knew_is_not_said_to_have_learned_nothing() -> None:
    happened = run([(6.6, 6.6), (3.0, 4.0)], adaptive=[3.0, 3.1])
    said = verdict(happened)
    assert said.startswith("No step made what it predicts with counts better, although its network alone has learned;")
    assert "learned nothing" not in said


def test_overfitted_and_unstable_runs_say_from_where_on() -> None:
    assert verdict(run([*LEARNED, (2.0, 4.4)])).endswith("; after step 100 it overfitted.")
    assert verdict(run([*LEARNED, (3.9, 4.4)])).endswith("; after step 100 its training became unstable.")
    assert verdict(run([*LEARNED, (2.9, 4.02)])).endswith(f"{BAR}."), "evaluations waver"


def test_a_run_that_ends_before_its_time_says_so() -> None:
    reached = f"the network reaches {bits(4.0)} bits per byte, below counting alone {BAR}"
    assert verdict(run(LEARNED, None)) == f"So far, {reached}."
    assert verdict(run(LEARNED, "interrupted")) == f"It was interrupted at step 100; so far, {reached}."
    assert verdict(run(LEARNED, "stopped")) == f"It was stopped at step 100; so far, {reached}."
    assert verdict(run([*LEARNED, (9.0, 9.0)], "diverged")) == (
        f"It diverged at step 200; at its best, at step 100, {reached}."
    )
    assert "diverged at step 100: its network has learned nothing" in verdict(run([(6.6, 6.6), (9.0, 9.0)], "diverged"))
    begun = started(PHASE)
    assert verdict([]) == ""
    assert verdict([begun]) == "It has not been evaluated yet."
    assert verdict([begun, finished([begun], "interrupted")]) == "It was interrupted before its first evaluation."
    resumed = events.Resumed(step=100, after="stop")
    assert verdict([*run(LEARNED, "stopped"), resumed]) == f"So far, {reached}."


def test_a_child_stands_beside_its_parent() -> None:
    assert verdict(run([(3.5, 4.3), (3.0, 4.0)], parent="quick-003@400")).endswith(
        f"{BAR}; that is better than its parent, quick-003@400 ({bits(4.3)})."
    )
    assert verdict(run([(3.5, 4.3), (3.0, 4.5)], parent="quick-003@400")) == (
        f"No step made it better than the weights of its parent, quick-003@400 ({bits(4.3)} bits per byte, which "
        "best.pt still holds)."
    )
    assert "just begun with the weights of its parent" in verdict(run([(3.5, 4.3)], None, parent="quick-003@400"))


def test_a_handful_of_tokens_gives_none() -> None:
    assert verdict(run(val_tokens=5)) == "None, since 5 validation tokens are too few to judge by."


@pytest.mark.parametrize(("bar", "word"), [(4.5, "good"), (4.0, "good"), (3.9, ""), (2.0, "")])
def test_a_small_gap_is_praised_only_where_counting_does_not_do_better(bar: float, word: str, tmp_path: Path) -> None:
    done = done_run(tmp_path, "a-001", [(6.6, 6.6), (3.2, 4.0)], baseline=bar, baseline_order=3)
    summary, _ = summarise(done)
    assert summary.verdict == (word or None)
    assert summary.sentence.startswith("The network reaches")
    begun, *rest = done.events()
    assert isinstance(begun, events.RunStarted)
    (_, best) = [with_class(event, begun) for event in rest if isinstance(event, events.Evaluation)]
    assert best.verdict == word


def test_blame_is_said_of_any_network_that_has_learned() -> None:
    begun = started(PHASE, baseline=2.0, baseline_order=3)
    (_, best) = [e for e in evaluations([(6.6, 6.6), (2.0, 4.5)]) if isinstance(e, events.Evaluation)]
    assert with_class(best, begun).verdict == "moderate"
    assert "moderate" not in PRAISE
