"""Lower blocks that stay as they are (`training.freeze_layers`), and the memory that this takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slmtui.config.phase_file import PhaseError
from slmtui.insight.estimates import memory_needed
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run
from slmtui.session import begin, resume
from tests.conftest import MakePhase
from tests.runs.trained import train_to_the_end
from tests.test_parents import child, evaluations, started, trained


@pytest.mark.parametrize("more", [(), ("model.copy_head=true",), ("model.positions=rotary",)])
def test_frozen_blocks_and_embeddings_stay_as_they_are(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, more: tuple[str, ...]
) -> None:
    parent = train_to_the_end(make_phase, tmp_path, "training.max_iters=4", *more)
    run = trained(child(corpus, "tiny-001", "training.freeze_layers=1"), tmp_path)
    before, after = load_checkpoint(parent.best_file), load_checkpoint(run.last_file)
    assert after.step == 4
    was, now = before.model.tensors(), after.model.tensors()
    changed = {name for name, tensor in now.items() if not torch.equal(tensor, was[name])}
    still = {name for name in now if name.startswith(("h.0.", "wpe", "lm_head"))}
    assert changed == now.keys() - still
    assert after.training is not None
    assert after.training["optimizer"].keys() == changed
    assert any("the embeddings and the lowest 1 block stay as they are" in note for note in started(run).data.notes)
    losses = [one.val_loss for one in evaluations(run)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("public", [False, True])
def test_with_all_blocks_frozen_the_last_norm_is_trained(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    if public:
        monkeypatch.setattr("slmtui.training.optimizer._fused_update_works", lambda: False)
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    run = trained(child(corpus, "tiny-001", "training.freeze_layers=2"), tmp_path)
    state = load_checkpoint(run.last_file).training
    assert state is not None
    assert state["optimizer"].keys() == {"ln_f.weight", "ln_f.bias"}


def test_a_child_with_frozen_blocks_is_resumed_to_the_same_end(
    make_phase: MakePhase, tmp_path: Path, corpus: Path
) -> None:
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    phase = child(corpus, "tiny-001", "training.freeze_layers=1")
    whole, session = trained(phase, tmp_path), begin(phase, tmp_path)
    for _ in range(12):
        next(session.events)
    session.events.close()  # type: ignore[attr-defined]
    for _ in resume(session.run).events:
        pass
    ended, undisturbed = (load_checkpoint(run.last_file).model.tensors() for run in (session.run, whole))
    assert all(torch.equal(ended[name], undisturbed[name]) for name in undisturbed)


def test_blocks_that_are_not_there_or_not_trained_yet_are_not_frozen(
    make_phase: MakePhase, tmp_path: Path, corpus: Path
) -> None:
    with pytest.raises(PhaseError, match=r"training.freeze_layers=1: has no meaning without model.init_from"):
        make_phase("training.freeze_layers=1")
    train_to_the_end(make_phase, tmp_path, "training.max_iters=4")
    with pytest.raises(PhaseError) as refused:
        begin(child(corpus, "tiny-001", "training.freeze_layers=3"), tmp_path)
    found = "--set training.freeze_layers=3: more than there are (got 3 with n_layer = 2)"
    assert str(refused.value) == f"{found}, allowed: a whole number from 1 to 2"


PEAK = """
import re, sys
from pathlib import Path
from slmtui.config.phase_file import parse_phase
from slmtui.session import begin
from slmtui.training.events import Step
import slmtui.data.gpt2, slmtui.insight.judging.quality, slmtui.model.context_mixture
slmtui.data.gpt2.gpt2_tokens()

def of(key):
    return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

phase = parse_phase(Path(sys.argv[1]).read_text())
before = of("VmRSS")
steps = 0
session = begin(phase, Path(sys.argv[2]))
for event in session.events:
    steps += isinstance(event, Step)
    if steps == 4:
        break
print(of("VmHWM") - before, *session.notes, sep="\\n")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are read from /proc")
@pytest.mark.parametrize("frozen", [0, 3])
def test_the_memory_of_a_model_of_a_few_million_parameters_is_what_is_told(
    make_phase: MakePhase, tmp_path: Path, corpus: Path, frozen: int
) -> None:
    shape = ("model.n_embd=512", "model.n_head=8", "model.n_layer=4", "model.block_size=64")
    parent = begin(make_phase(*shape, "training.max_iters=1"), tmp_path)
    for _ in parent.events:
        pass
    text = (
        f'[phase]\nname = "child"\n[data]\nsource = "{corpus}"\n[model]\ninit_from = "tiny-001"\n'
        '[training]\nmax_iters = 8\nbatch_size = 16\ndevice = "cpu"\nprecision = "fp32"\nthreads = 1\n'
        f"{f'freeze_layers = {frozen}' if frozen else ''}\n[sampling]\nprompts = []\n"
    )
    (tmp_path / "child.toml").write_text(text)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "child.toml"), str(tmp_path)]
    peak, *notes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    n_vocab = parent.training.dataset.tokenizer.n_vocab
    told = sum(memory_needed(Run(tmp_path / "child-001").phase(), n_vocab).values()) / 2**20
    assert told == pytest.approx(float(peak), rel=0.2)
    assert any(
        re.fullmatch(r"this training takes about \d+ MB of memory, and .* without evaluations", n) for n in notes
    )
