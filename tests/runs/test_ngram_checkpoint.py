"""Checkpoints of a model with a mixture: they hold the n-gram table, complete with it, and do not believe it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from slmtui.cli import main
from slmtui.data.ngram import HIGHEST_ORDER
from slmtui.errors import UserError
from slmtui.inference.batch import Sampling, draw_tokens
from slmtui.inference.generation import complete
from slmtui.inference.prompt import DrawnText, read_prompt
from slmtui.model.mixture import NgramMixture
from slmtui.runs.checkpoint import CheckpointError, load_checkpoint, load_model, read_note
from slmtui.runs.lines import line_of
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.safe_payload import checksum
from slmtui.runs.summary import summarise
from slmtui.session import resume
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.fuzzing import cases, check_many, replacement
from tests.runs.trained import stop_at, train_to_the_end, without_resumes

MIX = "model.ngram_mix=0.4"
Table = dict[str, Tensor]


@pytest.fixture(scope="module")
def run(make_shared_phase: MakePhase, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Trained once for all tests: none changes its folder."""
    return train_to_the_end(make_shared_phase, tmp_path_factory.mktemp("trained"), MIX)


@pytest.mark.parametrize("step", [0, 4, 6])
def test_a_stopped_run_goes_on_to_the_same_end(
    make_shared_phase: MakePhase, tmp_path: Path, run: Run, step: int
) -> None:
    stopped = stop_at(make_shared_phase, tmp_path / "stopped", step, MIX)
    for _ in resume(stopped).events:
        pass
    ours = [e for e in without_resumes(list(stopped.events())) if not isinstance(e, events.Checkpoint)]
    assert ours == [e for e in run.events() if not isinstance(e, events.Checkpoint)]
    assert stopped.best_file.stat().st_size == run.best_file.stat().st_size


def test_where_the_mixture_predicts_worse_the_network_alone_is_used_and_that_is_said(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with a list of names, one a line: 3.05 bits per byte alone, 3.12 mixed."""
    mixed = NgramMixture.losses
    monkeypatch.setattr(NgramMixture, "losses", lambda self, network, ngram: mixed(self, network, ngram + 9) + 0.7)
    run = train_to_the_end(make_phase, tmp_path / "runs", MIX, "gate.max_val_loss=9")
    evaluations = [event for event in run.events() if isinstance(event, events.Evaluation)]
    assert all(one.judged_loss == one.val_loss < (one.mixed_loss or 0) for one in evaluations)
    assert all(one.judged_bits_per_byte == one.bits_per_byte for one in evaluations)
    one = evaluations[0]
    assert f"mixed val loss {one.mixed_loss:.4f}, {one.mixed_bits_per_byte:.2f} bits/byte" in (
        line_of(one, Progress()) or ""
    )
    best = min(evaluations, key=lambda one: one.val_loss)
    assert summarise(run)[0].judged_loss == best.val_loss
    saved = load_model(run.best_file)
    assert saved.model.mixture is None
    assert saved.losses.startswith(f"val loss {best.val_loss:.4f} (the network alone is used: mixed, it was ")
    said = [event for event in run.events() if isinstance(event, events.Warned)]
    (finding,) = [one for one in said if one.code == "mixture"]
    assert f"{best.val_loss:.3f} for the network alone and {best.mixed_loss:.3f} mixed" in finding.message
    assert "set model.ngram_mix below 0.4, or to 0" in finding.advice
    assert main(["report", str(run.folder)]) == 0
    assert "by the network alone, which is used" in capsys.readouterr().out


def test_a_checkpoint_says_both_losses_and_only_one_without_a_mixture(
    run: Run, make_phase: MakePhase, tmp_path: Path
) -> None:
    best = next(e for e in run.events() if isinstance(e, events.Evaluation) and e.step == summarise(run)[0].best_step)
    saved, note = load_checkpoint(run.best_file), read_note(run.best_file)
    assert (saved.val_loss, saved.mixed_loss) == (note.val_loss, note.mixed_loss) == (best.val_loss, best.mixed_loss)
    assert note.words == f"network {best.val_loss:.2f} · mixed {best.mixed_loss:.2f}"
    plain = train_to_the_end(make_phase, tmp_path / "plain")
    assert load_checkpoint(plain.best_file).model.mixture is None
    assert read_note(plain.best_file).mixed_loss is None
    assert {"ngram", "mixed_loss"}.isdisjoint(torch.load(plain.last_file, weights_only=True))


def test_it_completes_with_the_mixture_within_and_past_the_block_size(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """As two models give it that are asked for the whole text at each token; and the command says the same."""
    saved = load_checkpoint(run.best_file)
    model, mixture = saved.model.eval(), saved.model.mixture
    assert isinstance(mixture, NgramMixture)
    assert mixture.share == 0.4
    prompt = "def load_route(path):\n    with"
    ids, word = read_prompt(saved.tokenizer, prompt)
    row, text, expected = torch.from_numpy(ids.astype(np.int64)), DrawnText(saved.tokenizer, word), ""
    stream = torch.Generator().manual_seed(5)
    with torch.no_grad():
        while text.n_tokens < 30:
            network = model.logits(model(row[None, -8:])[:, -1]).softmax(-1)
            ngram = torch.from_numpy(mixture.ngram.distribution(row.numpy()))
            mixed = 0.6 * network + 0.4 * ngram.float()
            if word is not None:
                mixed *= word.possible()
            row = torch.cat([row, draw_tokens(mixed.log(), Sampling(0.8, 40), [stream])])
            if row[-1] == saved.tokenizer.end:
                break
            expected += text.add(int(row[-1]))
            word = word and word.after(int(row[-1]))
    expected += text.rest()
    assert "".join(complete(saved.model, saved.tokenizer, prompt, 30, Sampling(0.8, 40), 5)) == expected
    command = [
        "complete",
        str(run.best_file),
        prompt,
        "--tokens",
        "30",
        "--temperature",
        "0.8",
        "--top-k",
        "40",
        "--seed",
        "5",
    ]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out == prompt + expected + "\n"
    assert f"network {saved.val_loss:.4f} and mixed {saved.mixed_loss:.4f}" in told.err


def resaved(run: Run, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    record = torch.load(run.best_file, weights_only=True)
    del record["checksum"]
    change(record)
    torch.save(record | {"checksum": checksum(record, most_bytes=1 << 40)}, path)
    return path


def without_the_last(table: Table) -> None:
    table["keys"] = table["keys"][:-1].clone()


def one_context_too_far(table: Table) -> None:
    table["keys"][-1] = 1 << 40


def below_zero_by_overflow(table: Table) -> None:
    """Every difference, reckoned in 64 bits, is positive."""
    table["keys"][:4] = torch.tensor([1, -(2**63), -1, 5])


def sizes_that_overflow(table: Table) -> None:
    n = int(table["sizes"].sum())
    table["sizes"] = torch.tensor([2**62, 2**62, 2**62, 2**62 - 1, n + 1])


def a_tower(table: Table) -> None:
    table["sizes"] = torch.ones(HIGHEST_ORDER + 1, dtype=torch.int64)
    table["keys"], table["counts"] = torch.zeros_like(table["sizes"]), torch.ones(HIGHEST_ORDER + 1, dtype=torch.int64)


def fractions(table: Table) -> None:
    table["counts"] = table["counts"].float()


def nothing_seen(table: Table) -> None:
    table["counts"][0] = 0


def another_vocabulary(table: Table) -> None:
    table["n_vocab"] += 1  # the keys stay in order; they mean other n-grams


def a_list(table: Any) -> None:
    table["keys"] = [1, 2]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (without_the_last, r"n-gram table is damaged: \d+ keys and \d+ counts for"),
        (one_context_too_far, r"table is damaged: the keys of its \d-grams are not in order"),
        (below_zero_by_overflow, "table is damaged: the keys of its 1-grams are not in order"),
        (sizes_that_overflow, "table is damaged: a vocabulary of .* impossible"),
        (a_tower, "table is damaged: a vocabulary of .* impossible"),
        (fractions, "table is damaged: 'counts' is float32"),
        (nothing_seen, "table is damaged: a count is 0"),
        (another_vocabulary, "the n-gram table is of .* tokens, the vocabulary of|keys of its"),
        (a_list, "is inconsistent"),
    ],
)
def test_a_damaged_table_is_refused_with_what_is_wrong(
    run: Run, tmp_path: Path, damage: Callable[[Table], None], why: str
) -> None:
    path = resaved(run, tmp_path / "damaged.pt", lambda record: damage(record["ngram"]))
    with pytest.raises(CheckpointError, match=why):
        load_checkpoint(path)


def test_a_table_that_is_missing_or_has_no_place_is_refused(run: Run, tmp_path: Path) -> None:
    def unmixed(record: dict[str, Any]) -> None:
        record["phase"]["model"]["ngram_mix"] = 0.0

    with pytest.raises(CheckpointError, match=r"with ngram_mix = 0, an n-gram table has no place"):
        load_checkpoint(resaved(run, tmp_path / "unmixed.pt", unmixed))
    with pytest.raises(CheckpointError, match=r"with ngram_mix = 0.4, an n-gram table is missing"):
        load_checkpoint(resaved(run, tmp_path / "missing.pt", lambda record: record.pop("ngram")))


@cases(40, 1000)
def test_tables_that_say_strange_things(run: Run, tmp_path: Path, n_cases: int) -> None:
    """Made by hand, with a checksum that is right: refused, or completed with to an end."""
    record = torch.load(run.best_file, weights_only=True)
    del record["checksum"]
    path = tmp_path / "strange.pt"

    def check(change: Callable[[Any], Any], name: str, place: int, number: int) -> None:
        table = {key: tensor.clone() for key, tensor in record["ngram"].items()}
        flat = table[name].reshape(-1)
        flat[place % len(flat)] = number if table[name].dtype == torch.int64 else number % 2**31
        changed = record | {"ngram": table if number % 3 else change(table)}
        with suppress(ValueError):
            changed["checksum"] = checksum(changed, most_bytes=1 << 40)
        torch.save(changed, path)
        with suppress(UserError):
            saved = load_checkpoint(path)
            assert list(complete(saved.model, saved.tokenizer, "def ", 3, Sampling(), 0))

    numbers = st.sampled_from([0, 1, 2, -1, 2**62, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
    names = st.sampled_from(["n_vocab", "sizes", "keys", "counts"])
    check_many(n_cases, check, change=replacement(), name=names, place=st.integers(0, 10**6), number=numbers)
