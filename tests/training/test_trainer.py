"""train() as a generator of events: what it yields, in which order, and what it obeys."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from slmtui.insight import estimates
from slmtui.runs.control import Wishes
from slmtui.training import events
from slmtui.training.control import Command, CommandKind
from slmtui.training.events import Event
from slmtui.training.gap import verdict
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.state import Training
from slmtui.training.trainer import log_interval, train
from slmtui.training.uniform import has_learned
from tests.conftest import MakePhase


def start(phase: Phase) -> Training:
    return Training.start(phase, prepare_dataset(phase), choose_machine(phase.training))


E = TypeVar("E", bound=events.Base)


def of_kind(happened: list[Event], kind: type[E]) -> list[E]:
    return [event for event in happened if isinstance(event, kind)]


class Script:
    """A control that asks for things when the training has made so many steps."""

    def __init__(self, training: Training, *asks: tuple[int, Command]) -> None:
        self.training, self.asks = training, list(asks)

    def poll(self) -> list[Command]:
        due = [command for step, command in self.asks if step <= self.training.step]
        self.asks = [ask for ask in self.asks if ask[0] > self.training.step]
        return due

    def wait(self) -> list[Command]:
        return [Command("resume")]

    def tell(self, what: str, how_far: str = "", /) -> None:
        pass

    def ends_now(self) -> bool:
        return False


class OneByOne(Script):
    """Asks for one thing at a time."""

    def poll(self) -> list[Command]:
        due = next((ask for ask in self.asks if ask[0] <= self.training.step), None)
        if due is None:
            return []
        self.asks.remove(due)
        return [due[1]]


class Hurry(Script):
    """Asks for an end in the middle of the evaluation after so many steps, and of that which a person asks for."""

    def __init__(self, training: Training, step: int, *asks: tuple[int, Command]) -> None:
        super().__init__(training, *asks)
        self.step, self.hurries, self.told = step, False, list[str]()

    def poll(self) -> list[Command]:
        return super().poll() or ([Command("interrupt")] if self.hurries else [])

    def tell(self, what: str, how_far: str = "", /) -> None:
        self.told.append(f"{what} {how_far}")
        self.hurries = self.hurries or (self.training.step == self.step and bool(how_far))

    def ends_now(self) -> bool:
        return self.hurries


def test_a_training_tells_its_story_in_order(make_phase: MakePhase) -> None:
    happened = list(train(start(make_phase())))
    assert [event.event for event in happened if not isinstance(event, events.Step)] == [
        "run_started",
        *["evaluation", "sample", "checkpoint", "checkpoint"] * 4,
        "run_finished",
    ]
    assert [event.step for event in of_kind(happened, events.Evaluation)] == [0, 4, 8, 12]
    assert [event.step for event in of_kind(happened, events.Step)] == list(range(1, 13))
    finished = happened[-1]
    assert isinstance(finished, events.RunFinished)
    assert (finished.reason, finished.step, finished.best_step) == ("completed", 12, 12)


def test_losses_fall_and_are_told_alike_everywhere(make_phase: MakePhase) -> None:
    happened = list(train(start(make_phase())))
    first, *_, last = of_kind(happened, events.Evaluation)
    assert last.val_loss < first.val_loss
    assert last.gap == last.val_loss - last.train_loss
    started = happened[0]
    assert isinstance(started, events.RunStarted)
    tokens, n_bytes = started.data.val_tokens, started.data.val_bytes
    assert n_bytes is not None
    assert last.bits_per_byte == pytest.approx(last.val_loss * tokens / n_bytes / math.log(2))


def test_the_same_seed_gives_the_same_story(make_phase: MakePhase) -> None:
    phase = make_phase("model.dropout=0.2")
    first, second = (of_kind(list(train(start(phase))), events.Step) for _ in range(2))
    assert first == second
    assert first != of_kind(list(train(start(make_phase("model.dropout=0.2", "training.seed=7")))), events.Step)


def test_sampling_and_full_evaluation_leave_the_training_stream_alone(make_phase: MakePhase) -> None:
    often = list(train(start(make_phase("evaluation.interval=1"))))
    seldom = list(train(start(make_phase("evaluation.interval=12", "sampling.prompts=[]"))))
    assert of_kind(often, events.Step) == of_kind(seldom, events.Step)


def test_early_stopping_waits_for_its_patience(make_phase: MakePhase) -> None:
    phase = make_phase(
        "early_stopping.patience=2", "early_stopping.min_delta=100.0", "evaluation.interval=2", "training.max_iters=50"
    )
    happened = list(train(start(phase)))
    finished = happened[-1]
    assert isinstance(finished, events.RunFinished)
    # The first evaluation always counts as an improvement; the two after it do not reach 100 nats.
    assert (finished.reason, finished.step) == ("early stopping", 4)


def test_a_loss_that_is_not_a_number_ends_the_training_without_a_checkpoint(make_phase: MakePhase) -> None:
    training = start(make_phase())
    happened: list[Event] = []
    for event in train(training):
        happened.append(event)
        if event.step == 6:
            with torch.no_grad():
                training.model.lm_head.weight.fill_(math.nan)
    finished, *before = reversed(happened)
    assert isinstance(finished, events.RunFinished)
    assert (finished.reason, finished.cause, finished.step) == ("diverged", "not finite", 6)
    assert isinstance(before[0], events.Step)
    assert math.isnan(before[0].loss)
    assert {event.step for event in of_kind(happened, events.Checkpoint)} == {0, 4}


@pytest.mark.parametrize(("stop", "cause"), [("true", "spike"), ("false", "worse than untrained")])
def test_a_loss_that_shoots_up_ends_the_training_if_it_shall(make_phase: MakePhase, stop: str, cause: str) -> None:
    overrides = ["training.max_iters=60", "evaluation.interval=60", f"training.stop_on_spike={stop}"]
    training = start(make_phase(*overrides, "sampling.prompts=[]"))
    happened: list[Event] = []
    for event in train(training):
        happened.append(event)
        if event.step == 40:
            with torch.no_grad():
                training.model.lm_head.weight.mul_(40.0)
    finished = happened[-1]
    assert isinstance(finished, events.RunFinished)
    assert (finished.reason, finished.cause) == ("diverged", cause)
    assert {event.step for event in of_kind(happened, events.Checkpoint)} == {0} | ({60} if stop == "false" else set())


@pytest.mark.parametrize("patience", [0, 2])
def test_a_training_that_ends_worse_than_it_began_has_diverged(make_phase: MakePhase, patience: int) -> None:
    """Finite to the end, and too short for a spike to be seen."""
    overrides = ["training.learning_rate=10", "optimizer.grad_clip=0", "training.warmup_iters=0"]
    *_, finished = train(start(make_phase(*overrides, f"early_stopping.patience={patience}")))
    assert isinstance(finished, events.RunFinished)
    assert (finished.reason, finished.cause, finished.best_step) == ("diverged", "worse than untrained", 0)


def test_a_gap_gets_its_word_once_something_is_learned(make_phase: MakePhase) -> None:
    happened = list(train(start(make_phase("training.max_iters=60", "evaluation.interval=30"))))
    started = happened[0]
    assert isinstance(started, events.RunStarted)
    first, *_, last = of_kind(happened, events.Evaluation)
    assert has_learned(last.val_loss, started.data.n_vocab, last.step)
    assert (first.verdict, last.verdict) == ("", verdict(last.gap))


def test_it_pauses_resumes_and_stops_when_asked(make_phase: MakePhase) -> None:
    training = start(make_phase())
    control = Script(training, (3, Command("pause")), (6, Command("stop")))
    happened = list(train(training, control))
    assert [(e.event, e.step) for e in happened if e.event in ("paused", "resumed")] == [("paused", 3), ("resumed", 3)]
    finished = happened[-1]
    assert isinstance(finished, events.RunFinished)
    assert (finished.reason, finished.step) == ("stopped", 6)
    assert of_kind(happened, events.Checkpoint)[-1].step == 6


@pytest.mark.parametrize("method", ["full", "sampled"])
def test_what_a_person_asks_for_changes_no_later_loss(make_phase: MakePhase, method: str) -> None:
    phase = make_phase(f"evaluation.method={method}", "model.dropout=0.1")
    quiet = list(train(start(phase)))
    training = start(phase)
    asks = [(5, Command("evaluate")), (6, Command("sample")), (7, Command("checkpoint"))]
    asked = list(train(training, Script(training, *asks)))
    assert of_kind(quiet, events.Step) == of_kind(asked, events.Step)
    requested = [e.step for e in asked if isinstance(e, events.Evaluation) and e.requested]
    assert requested == [5]
    assert [e.step for e in of_kind(asked, events.Sample)] == [0, 4, 6, 8, 12]
    assert 7 in {e.step for e in of_kind(asked, events.Checkpoint)}


def test_the_learning_rate_can_be_changed_on_the_way(make_phase: MakePhase) -> None:
    training = start(make_phase("training.schedule=constant"))
    happened = list(train(training, Script(training, (5, Command("learning_rate", 0.5)))))
    (changed,) = of_kind(happened, events.Changed)
    assert [changed.was, changed.value] == pytest.approx([1e-2, 5e-3])
    rates = [event.learning_rate for event in happened if isinstance(event, events.Step)]
    assert rates == pytest.approx([1e-2] * 5 + [5e-3] * 7)


@pytest.mark.parametrize("method", ["full", "sampled"])
def test_a_training_can_be_taken_up_anywhere_and_ends_the_same(make_phase: MakePhase, method: str) -> None:
    """Bit for bit, with dropout on: parameters, losses, samples, best and patience."""
    phase = make_phase(
        f"evaluation.method={method}", "model.dropout=0.2", "early_stopping.patience=9", "training.warmup_iters=3"
    )
    undisturbed = start(phase)
    whole = list(train(undisturbed))
    for cut, saved in enumerate(whole):
        if not isinstance(saved, events.Checkpoint) or saved.kind != "last":
            continue
        first, second = start(phase), start(phase)
        begun = iter(train(first))
        for _ in range(cut + 1):
            next(begun)
        state = first.state_dict()
        second.model.load_state_dict(first.model.state_dict())
        second.load_state_dict(state)
        rest = [event for event in train(second) if not isinstance(event, events.Resumed)]
        assert rest == whole[cut + 1 :], f"after event {cut}"
        for name, tensor in undisturbed.model.tensors().items():
            assert torch.equal(tensor, second.model.tensors()[name]), name
        assert undisturbed.evaluations_since_best == second.evaluations_since_best


@pytest.mark.parametrize(("step", "asks"), [(8, []), (5, [(5, Command("evaluate"))])])
def test_an_end_that_does_not_wait_breaks_an_evaluation_off(
    make_phase: MakePhase, step: int, asks: list[tuple[int, Command]]
) -> None:
    """What is saved goes on with that evaluation, and ends as if nothing had been."""
    phase = make_phase("model.dropout=0.2")
    whole = list(train(start(phase)))
    first, second = start(phase), start(phase)
    hurry = Hurry(first, step, *asks)
    begun = list(train(first, hurry))
    *_, saved, finished = begun
    assert isinstance(saved, events.Checkpoint)
    assert isinstance(finished, events.RunFinished)
    assert (saved.kind, saved.step, finished.reason) == ("last", step, "interrupted")
    assert not [e for e in begun if isinstance(e, events.Evaluation) and e.step == step]
    done, total = re.findall(r"\d+", [told for told in hurry.told if "windows" in told][-1])
    assert int(done) < int(total)
    second.model.load_state_dict(first.model.state_dict())
    second.load_state_dict(first.state_dict())
    rest: list[Event] = [event for event in train(second) if not isinstance(event, events.Resumed)]
    assert rest == whole[len(whole) - len(rest) :]
    assert [event.step for event in of_kind(rest, events.Evaluation)] == [s for s in (0, 4, 8, 12) if s >= step]


def test_long_trainings_keep_a_log_of_bounded_length() -> None:
    assert [log_interval(n) for n in (1, 3_000, 10_000, 10_001, 1_000_000)] == [1, 1, 1, 2, 100]


def test_the_state_of_before_there_were_mixtures_is_taken_up(make_phase: MakePhase) -> None:
    training = start(make_phase())
    for event in train(training):
        if isinstance(event, events.Step) and event.step == 6:
            break
    state = training.state_dict()
    for later in ("best_loss", "last_mixed_loss", "last_train_loss"):
        del state["progress"][later]
    resumed = start(make_phase())
    resumed.load_state_dict(state)
    assert (resumed.step, resumed.best_loss) == (6, training.best_val_loss)


def test_epochs_count_the_ends_of_documents_and_windows_as_long_as_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one line of text\n" * 20)
    settings = f'[data]\nsource = "{tmp_path / "a.txt"}"\ndocuments = "lines"\n'
    settings += '[tokenizer]\nkind = "bytes"\n[model]\nn_layer = 1\n'
    settings += "n_embd = 8\nn_head = 2\nblock_size = 512\n[training]\nmax_iters = 2\nbatch_size = 3\n"
    phase = parse_phase('[phase]\nname = "a"\n' + settings)
    dataset = prepare_dataset(phase)
    length = 18 * 17  # 16 bytes and an end each
    assert len(dataset.train.tokens) == length
    happened = list(train(start(phase)))
    (started,) = of_kind(happened, events.RunStarted)
    last = of_kind(happened, events.Step)[-1]
    assert last.tokens == 2 * 3 * (length - 1) == 2 * started.tokens_per_step
    assert started.epochs_at(2) == last.tokens / length
    assert estimates.epochs(phase, dataset.train.n_text_tokens, length).number == started.epochs_at(2)


def test_what_is_saved_is_not_saved_again_unless_something_has_changed(make_phase: MakePhase) -> None:
    """As when a batch system's signal reaches one process after the other."""
    training = start(make_phase("evaluation.interval=100", "training.max_iters=9"))
    save, slower, sample = Command("checkpoint"), Command("learning_rate", 0.5), Command("sample")
    asks = [(2, save), (2, save), (3, save), (3, slower), (3, save), (5, save), (5, sample), (5, save), (5, save)]
    saved = of_kind(list(train(training, OneByOne(training, *asks))), events.Checkpoint)
    assert [event.step for event in saved if event.kind == "last"] == [0, 2, 3, 3, 5, 5, 9]


def test_a_wish_to_save_during_an_evaluation_waits_for_its_end(make_phase: MakePhase) -> None:
    training, wishes = start(make_phase("evaluation.interval=4")), list[CommandKind]()
    asked_at: list[str] = []

    class AskedMeanwhile(Wishes):
        def tell(self, _what: str, how_far: str = "", /) -> None:
            if training.step == 4 and how_far and not asked_at:
                asked_at.append(how_far)
                wishes.append("checkpoint")

    happened = list(train(training, AskedMeanwhile(lambda: wishes.pop() if wishes else None)))
    assert asked_at
    saved = [event.step for event in of_kind(happened, events.Checkpoint) if event.kind == "last"]
    assert saved == [0, 4, 5, 8, 12]
