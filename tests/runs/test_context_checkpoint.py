"""Checkpoints of a model with a context mixture: usable by themselves, and not believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slmtui.cli import main
from slmtui.data.bpe import train_bpe
from slmtui.data.context_mixing.kernels import VERSION
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.context_mixing.static import FIRST_SHARES
from slmtui.data.tokenizer import BpeTokenizer
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import complete
from slmtui.model.context_mixture import ContextMixture, vocabulary
from slmtui.runs.checkpoint import CheckpointError, load_checkpoint, load_model, read_note
from slmtui.runs.packed_mixture import compressed, packed, unpacked
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.test_final_test import TEST
from tests.runs.test_ngram_checkpoint import resaved
from tests.runs.trained import stop_at, train_to_the_end, without_resumes

MIXING = "model.context_mixing=true"
PROMPT = "def load_route(path):\n    with"
DRAW = Sampling(0.8, 40)


@pytest.fixture(scope="module")
def run(make_shared_phase: MakePhase, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Trained once for all tests: none changes its folder."""
    return train_to_the_end(make_shared_phase, tmp_path_factory.mktemp("trained"), MIXING)


def evaluations(run: Run) -> list[events.Evaluation]:
    return [event for event in run.events() if isinstance(event, events.Evaluation)]


@pytest.mark.parametrize("step", [0, 4, 6])
def test_a_stopped_run_goes_on_to_the_same_end(
    make_shared_phase: MakePhase, tmp_path: Path, run: Run, step: int
) -> None:
    stopped = stop_at(make_shared_phase, tmp_path / "stopped", step, MIXING)
    for _ in resume(stopped).events:
        pass
    ours = [e for e in without_resumes(list(stopped.events())) if not isinstance(e, events.Checkpoint)]
    assert ours == [e for e in run.events() if not isinstance(e, events.Checkpoint)]
    assert stopped.best_file.read_bytes() == run.best_file.read_bytes()


def test_it_completes_as_the_model_in_memory_does(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From best.pt alone: the corpus is gone."""
    session = begin(make_phase(MIXING), tmp_path / "runs")
    expected, training = "", session.training
    for event in session.events:
        if isinstance(event, events.Checkpoint) and event.kind == "best":  # it stands still here
            expected = "".join(complete(training.model, training.dataset.tokenizer, PROMPT, 30, DRAW, 5))
    assert expected
    for file in corpus.iterdir():
        file.unlink()
    saved = load_model(session.run.best_file)
    assert "".join(complete(saved.model, saved.tokenizer, PROMPT, 30, DRAW, 5)) == expected
    command = [
        "complete",
        str(session.run.best_file),
        PROMPT,
        "--tokens",
        "30",
        "--temperature",
        "0.8",
        "--top-k",
        "40",
    ]
    assert main([*command, "--top-k", "40", "--seed", "5"]) == 0
    told = capsys.readouterr()
    assert told.out == PROMPT + expected + "\n"
    assert f"static {saved.mixed_loss:.4f}, adaptive {saved.adaptive_loss:.4f}; completes: adaptive" in told.err


def test_files_of_context_are_read_before_the_prompt(
    make_phase: MakePhase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that only the files of context have is completed, and is not without them."""
    run = train_to_the_end(make_phase, tmp_path / "runs", MIXING, 'tokenizer.kind="bytes"', "training.max_iters=1")
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for file in files:
        file.write_text("the quokka eats the quagga\n" * 6)
    command = ["complete", str(run.best_file), "the quo", "--tokens", "3", "--temperature", "0"]
    assert main(command) == 0
    assert "the quokka" not in capsys.readouterr().out
    assert main([*command, "--context", str(files[0]), "--context", str(files[1])]) == 0
    told = capsys.readouterr()
    assert told.out == "the quokka\n"
    assert "prompt 1: 331 tokens, of which the network reads the last 8 (block_size); the counts learn from" in told.err


def test_context_that_teaches_nothing_is_said(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def static(record: dict[str, Any]) -> None:
        record["phase"]["evaluation"]["decides"] = "static"

    (tmp_path / "one.txt").write_text("the quokka\n")
    command = ["--tokens", "1", "--context", str(tmp_path / "one.txt")]
    assert main(["complete", str(resaved(run, tmp_path / "static.pt", static)), "x", *command]) == 0
    why = 'learns nothing from --context (evaluation.decides = "static")'
    assert f"warning: this model {why}" in capsys.readouterr().err
    assert main(["complete", str(run.best_file), "x", *command]) == 0
    assert "learns nothing" not in capsys.readouterr().err


def test_a_file_of_context_that_cannot_be_read_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stray.txt").write_bytes(b"caf\xe9")
    for name, why in (
        ("none.txt", "--context {}: no such file"),
        ("", "--context {}: a folder, not a file"),
        ("stray.txt", "{}: not UTF-8: byte 0xe9 at 4"),
    ):
        path = str(tmp_path / name)
        assert main(["complete", str(run.best_file), "x", "--context", path]) == 2
        assert why.format(path) in capsys.readouterr().err
    assert main(["complete", str(run.best_file), "x", "--context", ""]) == 2  # an unset variable of a script
    assert '--context "": names no file' in capsys.readouterr().err


def test_a_checkpoint_says_all_its_losses(run: Run) -> None:
    best = next(e for e in evaluations(run) if e.step == summarise(run)[0].best_step)
    saved, note = load_checkpoint(run.best_file), read_note(run.best_file)
    expected = (best.val_loss, best.mixed_loss, best.adaptive_loss)
    assert (saved.val_loss, saved.mixed_loss, saved.adaptive_loss) == expected
    assert (note.val_loss, note.mixed_loss, note.adaptive_loss) == expected
    assert note.words == "network {:.2f} · static {:.2f} · adaptive {:.2f}".format(*expected)


@pytest.mark.parametrize("decides", ["network", "static", "adaptive"])
def test_a_model_predicts_with_what_decides(make_phase: MakePhase, tmp_path: Path, decides: str) -> None:
    run = train_to_the_end(make_phase, tmp_path / "runs", MIXING, f"evaluation.decides={decides}")
    mixture = load_model(run.best_file).model.mixture
    if decides == "network":
        assert mixture is None
    else:
        assert isinstance(mixture, ContextMixture)
        assert mixture.adaptive == (decides == "adaptive")


def test_two_copies_of_a_checkpoint_share_nothing(run: Run) -> None:
    one, other = load_model(run.best_file), load_model(run.best_file)
    assert isinstance(one.model.mixture, ContextMixture)
    before = "".join(complete(other.model, other.tokenizer, PROMPT, 20, DRAW, 5))
    one.model.mixture.mixer.losses(one.tokenizer.encode("class Route: pass\n" * 50), adaptive=True)
    one.model.mixture.text[:] = 0
    assert "".join(complete(other.model, other.tokenizer, PROMPT, 20, DRAW, 5)) == before


def test_the_test_side_has_all_three_losses(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path, TEST, MIXING)
    (found,) = [event for event in run.events() if isinstance(event, events.FinalTest)]
    assert found.judged == "adaptive"
    assert found.mixed_loss is not None
    assert found.adaptive_loss is not None
    assert found.adaptive_bits_per_byte is not None
    assert found.adaptive_bits_per_byte / found.adaptive_loss == pytest.approx(found.bits_per_byte / found.test_loss)
    assert found.adaptive_loss < found.mixed_loss < found.test_loss


@pytest.mark.parametrize("version", [None, 1, 4])
def test_counts_of_another_version_are_refused_with_the_reason(run: Run, tmp_path: Path, version: object) -> None:
    """The first version was not written down. What the network alone needs is still there."""

    def other(record: dict[str, Any]) -> None:
        record["context_mixing"].pop("version") if version is None else record["context_mixing"].update(version=version)

    path = resaved(run, tmp_path / "other.pt", other)
    why = f"other.pt: its counts .* are of version {version or 1} of the context mixer, and this slmtui has version 3"
    with pytest.raises(CheckpointError, match=why):
        load_model(path)
    assert load_checkpoint(path, with_mixture=False).model.mixture is None


def test_counts_of_the_second_version_predict_as_they_did() -> None:
    """Every token may follow every other, and a network has the same share in texts of all sizes."""
    text = "the cat and the dog went there; the dog and the other cat ate. " * 120
    tokenizer = BpeTokenizer(train_bpe([text], 280), end=True)
    record = packed(ContextMixture.fit(tokenizer.encode(text), tokenizer))
    new, old = unpacked(record, tokenizer), unpacked(record | {"version": 2}, tokenizer)
    assert packed(old)["version"] == 2
    plain = ContextMixer.from_state(vocabulary(tokenizer), old.text, new.mixer.state())
    plain.shares = FIRST_SHARES
    assert plain.shares != new.mixer.shares
    words = tokenizer.encode("the other dog ate the cat. ").astype(np.int64)
    network = np.random.default_rng(1).dirichlet(np.ones(tokenizer.n_vocab), len(words))
    for adaptive in (False, True):
        known, found, now = (mixer.copy() for mixer in (plain, old.mixer, new.mixer))
        losses = known.losses(words, [network], adaptive=adaptive)
        assert np.array_equal(found.losses(words, [network], adaptive=adaptive), losses)
        assert not np.allclose(now.losses(words, [network], adaptive=adaptive), losses)


def test_a_version_knows_successors_however_many_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "the cat and the dog went there; the dog and the other cat ate. " * 120
    tokenizer = BpeTokenizer(train_bpe([text], 270), end=True)
    record = packed(ContextMixture.fit(tokenizer.encode(text), tokenizer))
    monkeypatch.setattr("slmtui.data.context_mixing.mixer.VERSION", VERSION + 1)
    mixer = unpacked(record, tokenizer).mixer
    assert mixer.version == VERSION
    assert mixer.shares == unpacked(record | {"version": VERSION + 1}, tokenizer).mixer.shares != FIRST_SHARES
    assert len(mixer._tree.successors) == tokenizer.n_vocab


Packed = dict[str, Any]


def a_version_that_is_none(packed: Packed) -> None:
    packed["version"] = torch.zeros(2)


def a_token_too_few(packed: Packed) -> None:
    packed["n_tokens"] -= 1


def a_bomb(packed: Packed) -> None:
    packed["tokens"] = compressed(np.zeros(1 << 26, np.uint8))


def a_claim(packed: Packed) -> None:
    packed["n_tokens"] = 1 << 40


def noise(packed: Packed) -> None:
    packed["tokens"] = torch.arange(50, dtype=torch.uint8)


def numbers_not_packed(packed: Packed) -> None:
    packed["tokens"] = torch.arange(50)


def another_vocabulary(packed: Packed) -> None:
    packed["tokens"] = compressed(np.full(packed["n_tokens"], 60_000, np.uint16))


def a_part_too_few(packed: Packed) -> None:
    packed["state"].popitem()


def not_a_number(packed: Packed) -> None:
    change_a_number(packed, math.nan)


def far_too_large(packed: Packed) -> None:
    change_a_number(packed, 1e30)


def a_probability_of_nothing(packed: Packed) -> None:
    change_a_number(packed, 0.0, "maps")


def a_certain_probability(packed: Packed) -> None:
    change_a_number(packed, 1.0, "static_maps")


def a_negative_probability(packed: Packed) -> None:
    change_a_number(packed, -1.0, "match_map")


def a_probability_above_one(packed: Packed) -> None:
    change_a_number(packed, 1.5, "static_match_map")


def no_state(packed: Packed) -> None:
    del packed["state"]


def change_a_number(packed: Packed, number: float, name: str = "weights") -> None:
    state = ContextMixer.fit([b"a", b"b"], [0, 0]).state()  # its shapes do not depend on the text
    state[name].reshape(-1)[3] = number
    packed["state"][name] = compressed(state[name])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (a_version_that_is_none, "is inconsistent .context_mixing: its version is no number"),
        (a_token_too_few, r"context_mixing: tokens has not the [\d,]+ bytes"),
        (a_bomb, r"context_mixing: tokens has not the [\d,]+ bytes"),
        (a_claim, "context_mixing: n_tokens is no number of tokens"),
        (noise, "context_mixing: tokens cannot be unpacked"),
        (numbers_not_packed, "context_mixing: tokens is not packed as it should be"),
        (another_vocabulary, "context_mixing: a token is not of the vocabulary, 60,000"),
        (a_part_too_few, "context_mixing: the state has other parts"),
        (not_a_number, r"context_mixing: .* contains values that no text gives"),
        (far_too_large, r"context_mixing: .* contains values that no text gives"),
        (a_probability_of_nothing, "context_mixing: maps contains values that no text gives"),
        (a_certain_probability, "context_mixing: static_maps contains values that no text gives"),
        (a_negative_probability, "context_mixing: match_map contains values that no text gives"),
        (a_probability_above_one, "context_mixing: static_match_map contains values that no text gives"),
        (no_state, "is inconsistent"),
    ],
)
def test_damaged_counts_are_refused_with_what_is_wrong(
    run: Run, tmp_path: Path, damage: Callable[[Packed], None], why: str
) -> None:
    path = resaved(run, tmp_path / "damaged.pt", lambda record: damage(record["context_mixing"]))
    with pytest.raises(CheckpointError, match=why):
        load_checkpoint(path)


def test_counts_that_are_missing_or_have_no_place_are_refused(run: Run, tmp_path: Path) -> None:
    def unmixed(record: dict[str, Any]) -> None:
        record["phase"]["model"]["context_mixing"] = False

    with pytest.raises(CheckpointError, match="with context_mixing = false, its counts have no place"):
        load_checkpoint(resaved(run, tmp_path / "unmixed.pt", unmixed))
    with pytest.raises(CheckpointError, match="with context_mixing = true, its counts are missing"):
        load_checkpoint(resaved(run, tmp_path / "missing.pt", lambda record: record.pop("context_mixing")))


def test_a_checkpoint_of_before_is_read_as_it_was(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path / "runs", "model.ngram_mix=0.4")

    def older(record: dict[str, Any]) -> None:
        del record["phase"]["model"]["context_mixing"]

    saved = load_model(resaved(run, tmp_path / "older.pt", older))
    assert saved.adaptive_loss is None
    assert saved.model.mixture is not None
