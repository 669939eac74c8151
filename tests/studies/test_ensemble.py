"""The seeds of a cell predict together wherever a run is named: the mean of their networks, in every way of asking."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from slmtui.cli import main
from slmtui.config.phase_file import parse_phase
from slmtui.inference.batch import Batch, Sampling
from slmtui.inference.generation import generate
from slmtui.inference.model_cache import file_state
from slmtui.model.gpt import GPT
from slmtui.model.mixture import network_alone
from slmtui.runs.block_losses import block_sums
from slmtui.runs.cells import find_cell
from slmtui.runs.checkpoint import CheckpointError, load_model
from slmtui.runs.ensemble import load_models
from slmtui.runs.run import RunError, all_runs, find_run
from slmtui.session import begin
from slmtui.training.control import CommandKind
from slmtui.training.prepare import prepare_dataset
from tests.conftest import TINY

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a study: cell 1 with three seeds, cell 2 with one that is mixed and one of other settings."""
    folder = tmp_path_factory.mktemp("study")
    corpus = folder / "corpus"
    corpus.mkdir()
    for noun in ("order", "ticket", "invoice", "sensor", "route", "parcel"):
        (corpus / f"{noun}s.py").write_text(
            f"def load_{noun}(path):\n    return open(path)\n\n\ndef count_{noun}s({noun}s):\n    return sum({noun}s)\n"
            * 3
        )
    train(folder, 1, "training.seed=1")
    train(folder, 1, "training.seed=2")
    train(folder, 1, "training.seed=3")
    for seed in (1, 2):
        train(folder, 2, f"training.seed={seed}", "model.ngram_mix=0.4")
    return folder


def train(folder: Path, cell: int, *overrides: str, wish: CommandKind | None = None) -> None:
    named = [f"phase.name=s.{cell:02}", "phase.study=s", "model.copy_head=true", "training.max_iters=8", *overrides]
    session = begin(
        parse_phase(TINY.format(source=folder / "corpus"), "tiny.toml", named), folder / "runs", lambda: wish
    )
    for _ in session.events:
        pass


def networks(folder: Path, name: str) -> list[GPT]:
    cell = find_cell(folder / "runs", name)
    assert cell is not None
    return [load_model(path).model for path in cell.files]


def distribution(model: GPT, prompt: np.ndarray) -> torch.Tensor:
    return next(generate(model, [prompt], 1, GREEDY, [0])).probabilities[0]


def test_the_mean_of_the_networks_is_mixed_once(folder: Path) -> None:
    for name in ("s/01", "s/2"):
        cell = find_cell(folder / "runs", name)
        assert cell is not None
        saved, each = load_models(cell.files), networks(folder, name)
        prompt = saved.tokenizer.encode_prompt("def load_")
        assert distribution(saved.model, prompt) == pytest.approx(
            torch.stack([distribution(model, prompt) for model in each]).mean(dim=0), abs=1e-6
        )
    assert saved.model.mixture is not None
    with network_alone(saved.model):
        alone = distribution(saved.model, prompt)
    assert alone.tolist() != pytest.approx(distribution(saved.model, prompt).tolist(), abs=1e-4)


def test_a_long_text_is_continued_as_if_each_token_were_asked_for_anew(folder: Path) -> None:
    """Within the block, where there are caches, and beyond it, in a batch whose rows come and go."""
    saved = load_models(find_cell(folder / "runs", "s/01").files)  # type: ignore[union-attr]
    prompts = [saved.tokenizer.encode_prompt(text) for text in ("def load_order(", "x")]
    batch = Batch(saved.model, apart=True)
    rows = [batch.join(prompt, GREEDY, 0) for prompt in prompts]
    for step in range(12):
        before = [row.text.numpy().copy() for row in rows]
        draw = batch.step()
        for row, text in zip(rows, before, strict=True):
            at = batch.rows.index(row)
            assert draw.probabilities[at] == pytest.approx(distribution(saved.model, text), abs=1e-5)
            assert 0 < (draw.origins[at].copied or 0) < 1
        if step == 6:
            batch.leave(rows.pop(0))


def test_losses_are_those_of_the_mean(folder: Path) -> None:
    dataset = prepare_dataset(find_run(folder / "runs", "s.01-001").phase())
    whole = load_models(find_cell(folder / "runs", "s/01").files).model  # type: ignore[union-attr]
    idx = torch.from_numpy(dataset.val.tokens[None, :9].astype(np.int64))
    with torch.no_grad():
        losses = whole.token_losses(idx[:, :-1], idx[:, 1:])
        rows = torch.cat(list(whole.distributions(idx[:, :-1])))
    assert torch.exp(-losses[0]) == pytest.approx(rows[torch.arange(8), idx[0, 1:]], abs=1e-6)
    each = [block_sums(model, dataset.val, dataset.tokenizer).loss["network"] for model in networks(folder, "s/01")]
    assert block_sums(whole, dataset.val, dataset.tokenizer).loss["network"] < sum(each) / 3  # as ln is concave


def test_a_cell_is_asked_wherever_a_run_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = ["--checkpoints", str(folder / "runs")]
    assert main(["complete", "s/01", "def load_", "--temperature", "0", "--json", *checkpoints]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["checkpoint"] == "s/01"
    assert "3 networks together; val loss of each s.01-001 " in err
    assert main(["examine", "s/02", "--samples", "0", "--places", "2", "--json", *checkpoints]) == 0
    found = json.loads(capsys.readouterr().out)["together"]
    dataset = prepare_dataset(find_run(folder / "runs", "s.02-001").phase())
    each = {
        run.name: block_sums(load_model(run.best_file).model, dataset.val, dataset.tokenizer).bits_per_byte["static"]
        for run in all_runs(folder / "runs")
        if run.name.startswith("s.02")
    }
    assert (found["best"], found["best_bits_per_byte"]) == (
        min(each, key=lambda name: each[name]), pytest.approx(min(each.values())),
    )  # fmt: skip
    assert found["gained"] == pytest.approx(min(each.values()) - found["bits_per_byte"])
    assert main(["examine", "s/01", "--samples", "0", "--places", "2", *checkpoints]) == 0
    assert "bits per byte of the validation text, the best of them (s.01-00" in capsys.readouterr().out
    assert not list((folder / "runs").glob("*/examination.json"))
    assert main(["report", "s/01", *checkpoints]) == 0
    report = capsys.readouterr().out
    assert all(f"s.01-00{number}" in report for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["export", "s/01", "--to", "hf", "-o", "out"], "here one run is needed: s.01-001, s.01-002, s.01-003"),
        (["continue", "s/01", "--steps", "3"], "slmtui distill s/01"),
        (["complete", "s/01", "x", "--last"], "--last asks for the newest"),
        (["complete", "s/07", "x"], "no such cell in"),
        (["complete", "other/01", "x"], "no such run in"),
    ],
)
def test_what_needs_one_network_is_refused_with_the_runs_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    assert main([*command, "--checkpoints", str(folder / "runs")]) == 2
    assert said in capsys.readouterr().err


def test_a_cell_is_its_newest_settings_and_what_came_to_its_end(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").symlink_to(folder / "corpus")
    for overrides in (
        ["training.seed=1"],
        ["training.seed=2", "model.n_embd=8"],
        ["training.seed=3", "model.n_embd=8"],
    ):
        train(tmp_path, 1, *overrides)
    train(tmp_path, 1, "training.seed=4", "model.n_embd=8", wish="interrupt")
    cell = find_cell(tmp_path / "runs", "s/01")
    assert cell is not None
    assert [run.name for run in cell.runs] == ["s.01-002", "s.01-003"]
    assert cell.unfinished == 1
    with pytest.raises(CheckpointError, match=r"s\.01-002/best\.pt: has another shape than .*s\.01-001/best\.pt"):
        load_models([run.best_file for run in all_runs(tmp_path / "runs")[:2]])
    train(tmp_path, 2, wish="interrupt")
    with pytest.raises(RunError, match=r"s/02: none of its runs came to its end \(s\.02-001\)"):
        find_cell(tmp_path / "runs", "s/02")
    assert file_state(cell.files[0]) is not None
    assert math.isfinite(load_models(cell.files).val_loss)
