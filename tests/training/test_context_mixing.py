"""[model] context_mixing in training: static and adaptive losses, which of them decides, and what it leaves alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from slmtui.config.errors import PhaseError
from slmtui.config.phase_file import parse_phase
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.model.context_mixture import ContextMixture, vocabulary
from slmtui.training import events, trainer
from slmtui.training.evaluation import Losses, context_losses
from slmtui.training.events import Evaluation, Event, from_json, to_json
from slmtui.training.state import Training
from slmtui.training.trainer import train
from tests.conftest import MakePhase
from tests.training.test_trainer import of_kind, start

MIXING = "model.context_mixing=true"


def by_hand(training: Training) -> list[float]:
    """Network, static and adaptive: one distribution after the other, in the windows of an evaluation."""
    dataset, block = training.dataset, training.phase.model.block_size
    tokens = dataset.val.tokens.astype(np.int64)
    fitted = ContextMixer.fit(vocabulary(dataset.tokenizer), dataset.train.tokens)
    static, adaptive = fitted.copy(), fitted.copy()
    static.read(tokens[:1], adaptive=False)
    adaptive.read(tokens[:1], adaptive=True)
    losses: list[list[float]] = [[], [], []]
    training.model.eval()
    stride = block - block // 2  # a window overlaps the one before by half, the last one by more
    for place in range(1, len(tokens)):
        token = tokens[place]
        begin = min(max(0, -(-(place - block) // stride) * stride), max(0, len(tokens) - 1 - block))
        window = torch.from_numpy(tokens[begin:place])
        with torch.no_grad():
            p = training.model.logits(training.model(window[None])[0, -1]).softmax(-1).double().numpy()
        found = (
            -math.log(p[token]),
            static.losses([token], [p[None]], adaptive=False)[0],
            adaptive.losses([token], [p[None]], adaptive=True)[0],
        )
        if token != dataset.tokenizer.end:  # no text: it does not count
            for row, loss in zip(losses, found, strict=True):
                row.append(loss)
    training.model.train()
    return [float(np.mean(row)) for row in losses]


def test_the_three_losses_are_those_reckoned_by_hand(make_phase: MakePhase) -> None:
    training = start(make_phase(MIXING))
    for event in train(training):
        if isinstance(event, Evaluation):
            assert [event.val_loss, event.mixed_loss, event.adaptive_loss] == pytest.approx(by_hand(training), rel=1e-4)
            assert event.judged_loss == event.adaptive_loss
            assert event.judged_bits_per_byte == event.adaptive_bits_per_byte
            assert event.adaptive_bits_per_byte is not None
            assert event.adaptive_loss is not None
            assert event.adaptive_bits_per_byte / event.adaptive_loss == pytest.approx(
                event.bits_per_byte / event.val_loss
            )
            assert from_json(to_json(event)) == event


@pytest.mark.parametrize("copies", ["false", "true"])
def test_the_distributions_are_those_whose_loss_the_network_has(make_phase: MakePhase, copies: str) -> None:
    training = start(make_phase(MIXING, f"model.copy_head={copies}"))
    first = of_kind(list(train(training)), Evaluation)[0]
    plain = of_kind(list(train(start(make_phase(f"model.copy_head={copies}")))), Evaluation)[0]
    assert first.val_loss == pytest.approx(plain.val_loss, rel=1e-6)


@pytest.mark.parametrize("copies", ["false", "true"])
def test_a_token_changes_no_loss_before_it(make_phase: MakePhase, copies: str) -> None:
    training = start(make_phase(MIXING, f"model.copy_head={copies}"))
    model, side = training.model.eval(), training.dataset.val
    before = context_losses(model, side)
    for place in range(3, len(side.tokens), 11):
        tokens = side.tokens.copy()
        tokens[place] = (tokens[place] + 7) % training.dataset.tokenizer.n_vocab
        changed = context_losses(model, replace(side, tokens=tokens))
        for one, other in zip(before, changed, strict=True):  # the loss at i is of the token at i + 1
            assert torch.equal(one[: place - 1], other[: place - 1])
            assert one[place - 1] != other[place - 1]


def test_the_network_learns_the_same_with_and_without(make_phase: MakePhase) -> None:
    plain, mixed = start(make_phase("model.dropout=0.2")), start(make_phase("model.dropout=0.2", MIXING))
    without, with_it = list(train(plain)), list(train(mixed))
    assert of_kind(without, events.Step) == of_kind(with_it, events.Step)
    assert all(torch.equal(tensor, mixed.model.tensors()[name]) for name, tensor in plain.model.tensors().items())
    for one, other in zip(of_kind(without, Evaluation), of_kind(with_it, Evaluation), strict=True):
        assert one.adaptive_loss is None
        assert one.decides is None
        assert one.train_loss == other.train_loss
    (told,) = of_kind(with_it, events.RunStarted)
    assert any("mixed with counts in many contexts (context_mixing) of" in note for note in told.data.notes)


def three_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the three is best at another evaluation: of steps 0, 4, 8, 12."""
    told = iter([(4.0, 3.0, 2.0), (3.0, 3.5, 2.5), (3.5, 2.5, 2.5), (3.5, 3.0, 1.5)])
    monkeypatch.setattr(trainer, "full_losses", lambda *_, **__: Losses(2.0, *next(told)))


@pytest.mark.parametrize(("decides", "step"), [("network", 4), ("static", 8), ("adaptive", 12), (None, 12)])
def test_what_decides_is_kept_as_best(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch, decides: str | None, step: int
) -> None:
    three_losses(monkeypatch)
    happened = list(train(start(make_phase(MIXING, *([f"evaluation.decides={decides}"] if decides else [])))))
    (end,) = of_kind(happened, events.RunFinished)
    assert end.best_step == step
    assert [e.step for e in of_kind(happened, Evaluation) if e.best][-1] == step
    assert {e.judged for e in of_kind(happened, Evaluation)} == {decides or "adaptive"}


def test_patience_goes_by_what_decides(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    three_losses(monkeypatch)
    (end,) = of_kind(list(train(start(make_phase(MIXING, "early_stopping.patience=2")))), events.RunFinished)
    assert (end.reason, end.step, end.best_step, end.best_adaptive_loss) == ("early stopping", 8, 0, 2.0)


def test_an_evaluation_of_before_is_judged_as_it_was() -> None:
    old = (
        '{"event":"evaluation","step":4,"time":1.0,"train_loss":2.0,"val_loss":3.0,"gap":1.0,"verdict":"good",'
        '"bits_per_byte":1.5,"best":true,"requested":false,"mixed_loss":%s,"mixed_bits_per_byte":1.25}'
    )
    better, worse = from_json(old % "2.5"), from_json(old % "3.5")
    assert isinstance(better, Evaluation)
    assert isinstance(worse, Evaluation)
    assert (better.judged, better.judged_loss, better.judged_bits_per_byte) == ("static", 2.5, 1.25)
    assert (worse.judged, worse.judged_loss, worse.judged_bits_per_byte) == ("network", 3.0, 1.5)


def samples_of(happened: list[Event]) -> list[str]:
    return [sample.text for sample in of_kind(happened, events.Sample)]


def test_samples_are_drawn_by_what_decides(make_phase: MakePhase) -> None:
    """Counts of the training text know how it goes on; a network before its first steps does not."""
    overrides = ("sampling.temperature=0.0", "sampling.tokens=3", "training.max_iters=1", "sampling.prompts=['import']")
    for decides, expected in (("adaptive", True), ("static", True), ("network", False)):
        happened = list(train(start(make_phase(MIXING, *overrides, f"evaluation.decides={decides}"))))
        assert samples_of(happened)[0].startswith(" json\n") is expected, decides


def test_only_an_adaptive_completion_learns_from_its_prompt(make_phase: MakePhase) -> None:
    prompt = "zebra quokka, zebra quokka, zebra quokka, zebra"
    likely = {}
    for decides in ("static", "adaptive"):
        training = start(make_phase(MIXING, 'tokenizer.kind="bytes"', f"evaluation.decides={decides}"))
        mixture, tokenizer = training.model.mixture, training.dataset.tokenizer
        assert isinstance(mixture, ContextMixture)
        texts = mixture.begin([tokenizer.encode_prompt(prompt)])
        flat = torch.full((1, tokenizer.n_vocab), 1 / tokenizer.n_vocab)
        p, said = 1.0, []
        for token in tokenizer.encode(" quokka").tolist():
            row = texts.probabilities(flat)
            assert row.sum().item() == pytest.approx(1, abs=1e-5)
            p *= row[0, token].item()
            (counted,) = texts.append([token])
            said.append(counted)
        likely[decides] = p
        if decides == "adaptive":
            assert said[0].matched > 20, "the prompt repeats itself"
            assert [counted.matched - said[0].matched for counted in said] == list(range(7))
        else:
            alone = mixture.mixer.copy().losses(tokenizer.encode_prompt(prompt + " quokka"), adaptive=False)[-7:]
            assert [-math.log(counted.p) for counted in said] == pytest.approx(alone.tolist())
    assert likely["adaptive"] > 10 * likely["static"]


def test_a_training_goes_on_to_the_same_end(make_phase: MakePhase) -> None:
    phase = make_phase(MIXING, "model.dropout=0.2", "early_stopping.patience=9")
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


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            (MIXING, "model.ngram_mix=0.3"),
            "model.context_mixing: not together with ngram_mix (got context_mixing = true with ngram_mix = 0.3), "
            "allowed: context_mixing = false, or ngram_mix = 0",
        ),
        (
            (MIXING, "evaluation.method=sampled"),
            "has no meaning with model.context_mixing, which learns from a text in its order (got",
        ),
        (
            ("evaluation.decides=adaptive",),
            'needs model.context_mixing (got "adaptive" with model.context_mixing = false), allowed: "network", or',
        ),
        (("evaluation.decides=adaptive", "model.ngram_mix=0.3"), 'allowed: "network" or "static", or model.context'),
        (("evaluation.decides=static",), 'needs a mixture (got "static" with neither model.ngram_mix nor'),
        (("evaluation.decides=best",), 'unknown choice (got "best"), allowed: "network", "static" or "adaptive"'),
    ],
)
def test_what_does_not_go_together_is_said(make_phase: MakePhase, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(PhaseError) as raised:
        make_phase(*overrides)
    assert message.removeprefix("model.context_mixing: ") in str(raised.value)
    assert str(raised.value).startswith(f"--set {overrides[0]}" if overrides[0] != MIXING else "--set ")


@pytest.mark.parametrize("decides", ["network", "static"])
def test_an_ngram_mixture_may_be_decided_about(make_phase: MakePhase, decides: str) -> None:
    first = of_kind(list(train(start(make_phase("model.ngram_mix=0.4", f"evaluation.decides={decides}")))), Evaluation)[
        0
    ]
    assert first.judged_loss == (first.val_loss if decides == "network" else first.mixed_loss)


def test_the_line_at_fault_is_shown(tiny_toml: str) -> None:
    text = tiny_toml.replace("interval = 4\n", 'interval = 4\ndecides = "adaptive"\n')
    line = 1 + text.split("\n").index('decides = "adaptive"')
    with pytest.raises(PhaseError, match=rf"tiny.toml:{line}: evaluation.decides: needs model.context_mixing"):
        parse_phase(text, "tiny.toml")
