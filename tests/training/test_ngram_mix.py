"""[model] ngram_mix in training: what an evaluation says of both, and what goes by the mixture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from slmtui.data.ngram_baseline import fit_ngram
from slmtui.data.split_stats import dataset_baseline
from slmtui.model.mixture import NgramMixture
from slmtui.training import events
from slmtui.training.control import Command
from slmtui.training.events import Evaluation, from_json, to_json
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.conftest import MakePhase
from tests.training.test_trainer import Script, of_kind, start

MIX = "model.ngram_mix=0.4"


def by_hand(training: Training) -> tuple[float, float]:
    """Network and mixture on the validation text, one probability after the other, in the windows of an evaluation."""
    tokens, block = training.dataset.val.tokens.astype(np.int64), training.phase.model.block_size
    ngram = fit_ngram(training.dataset.train.tokens, training.dataset.tokenizer.n_vocab)
    network, mixed = [], []
    training.model.eval()
    stride = block - block // 2  # a window overlaps the one before by half, the last one by more
    for place in range(1, len(tokens)):
        if tokens[place] == training.dataset.tokenizer.end:
            continue  # no text: it does not count
        begin = min(max(0, -(-(place - block) // stride) * stride), max(0, len(tokens) - 1 - block))
        window = torch.from_numpy(tokens[begin:place])
        with torch.no_grad():
            p = training.model.logits(training.model(window[None])[0, -1]).softmax(-1)[tokens[place]].item()
        network.append(-math.log(p))
        mixed.append(-math.log(0.6 * p + 0.4 * ngram.distribution(tokens[:place])[tokens[place]]))
    training.model.train()
    return float(np.mean(network)), float(np.mean(mixed))


def test_both_losses_are_those_reckoned_by_hand(make_phase: MakePhase) -> None:
    training = start(make_phase(MIX))
    for event in train(training):
        if isinstance(event, Evaluation):
            network, mixed = by_hand(training)
            assert event.val_loss == pytest.approx(network, rel=1e-5)
            assert event.mixed_loss == pytest.approx(mixed, rel=1e-5)
            assert event.gap == event.val_loss - event.train_loss
            assert event.judged_loss == event.mixed_loss != event.val_loss
            assert event.mixed_bits_per_byte is not None
            assert event.mixed_bits_per_byte / event.mixed_loss == pytest.approx(event.bits_per_byte / event.val_loss)
            assert from_json(to_json(event)) == event


def test_the_ngram_model_is_the_one_of_the_baseline(make_phase: MakePhase) -> None:
    training = start(make_phase("model.ngram_mix=0.999999"))
    dataset = training.dataset
    baseline = dataset_baseline(dataset)
    assert baseline is not None
    first = of_kind(list(train(training)), Evaluation)[0]
    assert first.mixed_loss == pytest.approx(baseline.loss, abs=1e-4)
    assert first.mixed_bits_per_byte == pytest.approx(baseline.bits_per_byte, abs=1e-4)
    assert isinstance(training.model.mixture, NgramMixture)
    assert training.model.mixture.ngram.order == baseline.order


@pytest.mark.parametrize("method", ["full", "sampled"])
def test_the_network_learns_the_same_with_and_without(make_phase: MakePhase, method: str) -> None:
    overrides = (f"evaluation.method={method}", "model.dropout=0.2")
    plain, mixed = start(make_phase(*overrides)), start(make_phase(*overrides, MIX))
    without, with_it = list(train(plain)), list(train(mixed))
    assert of_kind(without, events.Step) == of_kind(with_it, events.Step)
    assert all(torch.equal(tensor, mixed.model.tensors()[name]) for name, tensor in plain.model.tensors().items())
    for one, other in zip(of_kind(without, Evaluation), of_kind(with_it, Evaluation), strict=True):
        assert one.train_loss == other.train_loss
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-6)
        assert one.mixed_loss is one.mixed_bits_per_byte is None
        assert one.judged_loss == one.val_loss
        assert other.mixed_loss is not None
    assert not any("ngram_mix" in note for note in plain_notes(without))
    assert any("0.4 of each prediction comes from a" in note for note in plain_notes(with_it))


def plain_notes(happened: list[events.Event]) -> list[str]:
    (started,) = of_kind(happened, events.RunStarted)
    return list(started.data.notes)


def test_random_batches_are_judged_at_the_places_that_they_come_from(make_phase: MakePhase) -> None:
    """With a network that knows nothing, and almost all of the mixture the n-gram model's, its losses shine through."""
    training = start(make_phase("model.ngram_mix=0.999999", "evaluation.method=sampled"))
    source, stream = training.windows["val"], np.random.RandomState(training.phase.training.seed)
    assert training.val_ngram is not None
    evaluation = of_kind(list(train(training)), Evaluation)[0]
    batches = min(20, source.n_tokens // source.block_size)
    for side in ("train", "val"):
        windows = training.windows[side]
        n = min(20, windows.n_tokens // windows.block_size)
        starts = np.concatenate([windows.random_starts(stream, 4) for _ in range(n)])
    assert len(starts) == 4 * batches
    expected = np.mean([training.val_ngram[at + 1 : at + 1 + source.block_size].mean().item() for at in starts])
    assert evaluation.mixed_loss == pytest.approx(expected, abs=1e-4)


def mixed_losses(monkeypatch: pytest.MonkeyPatch, *losses: float) -> None:
    """Let the mixture have these losses, evaluation by evaluation, while the network's own falls."""
    from slmtui.training import trainer
    from slmtui.training.evaluation import Losses

    told = iter(losses)
    falling = iter(np.arange(9.0, 1.0, -0.5).tolist())
    monkeypatch.setattr(trainer, "full_losses", lambda *_, **__: Losses(2.0, next(falling), next(told)))


def test_best_patience_and_the_end_go_by_the_mixture(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed_losses(monkeypatch, 5.0, 4.0, 4.5, 4.25, 3.0)
    happened = list(train(start(make_phase(MIX, "early_stopping.patience=2", "training.max_iters=50"))))
    assert [(e.step, e.val_loss, e.best) for e in of_kind(happened, Evaluation)] == [
        (0, 9.0, True), (4, 8.5, True), (8, 8.0, False), (12, 7.5, False),
    ]  # fmt: skip
    assert [e.step for e in of_kind(happened, events.Checkpoint) if e.kind == "best"] == [0, 4]
    (end,) = of_kind(happened, events.RunFinished)
    assert (end.reason, end.best_step, end.best_val_loss, end.best_mixed_loss) == ("early stopping", 4, 8.5, 4.0)


def test_a_smallest_fall_is_asked_of_the_mixture(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed_losses(monkeypatch, 5.0, 4.95, 4.9, 4.89)
    phase = make_phase(MIX, "early_stopping.patience=2", "early_stopping.min_delta=0.2", "training.max_iters=50")
    (end,) = of_kind(list(train(start(phase))), events.RunFinished)
    assert (end.reason, end.step, end.best_step) == ("early stopping", 8, 8)


def test_samples_are_drawn_from_the_mixture(make_phase: MakePhase) -> None:
    """Nearly all of it the n-gram model's: the text of an untrained network goes on as the corpus does."""
    overrides = ("sampling.temperature=0.0", "sampling.tokens=3", "training.max_iters=1", "sampling.prompts=['import']")
    for share, expected in (("0.999", True), ("0.0", False)):
        happened = list(train(start(make_phase(*overrides, f"model.ngram_mix={share}"))))
        assert (of_kind(happened, events.Sample)[0].text.startswith(" json\n")) is expected


@pytest.mark.parametrize("method", ["full", "sampled"])
def test_a_training_with_a_mixture_goes_on_to_the_same_end(make_phase: MakePhase, method: str) -> None:
    phase = make_phase(MIX, f"evaluation.method={method}", "model.dropout=0.2", "early_stopping.patience=9")
    whole = list(train(start(phase)))
    for cut, event in enumerate(whole):
        if not (isinstance(event, events.Checkpoint) and event.kind == "last"):
            continue
        first, second = start(phase), start(phase)
        for _, told in zip(range(cut + 1), train(first), strict=False):
            assert told == whole[_]
        second.model.load_state_dict(first.model.state_dict())
        second.load_state_dict(first.state_dict())
        rest = [event for event in train(second) if not isinstance(event, events.Resumed)]
        assert rest == whole[cut + 1 :]


def test_an_evaluation_that_is_asked_for_judges_the_mixture(make_phase: MakePhase) -> None:
    training = start(make_phase(MIX, "evaluation.method=sampled"))
    happened = list(train(training, Script(training, (5, Command("evaluate")))))
    steps = of_kind(happened, events.Step)
    assert steps == of_kind(list(train(start(make_phase(MIX, "evaluation.method=sampled")))), events.Step)
    asked = [e for e in of_kind(happened, Evaluation) if e.requested]
    assert [e.mixed_loss is not None for e in asked] == [True]
