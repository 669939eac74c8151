"""Studies with runs that were written by hand: nothing of them was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from slmtui.config.study import Study, Trial, load_study
from slmtui.runs.run import Run
from slmtui.studies.claims import CLAIMS
from slmtui.training import events
from tests.written_runs import BEGAN, BITS, evaluations, finished, started, write_run

BASE = """\
[phase]
name = "base"

[data]
source = "corpus"

[model]
n_layer = 1
n_head = 1
n_embd = 8
block_size = 8

[training]
max_iters = 600
batch_size = 8
"""
HEAD = """\
# One question.
[study]
name = "{name}"
title = "Width and data"
phase = "phases/base.toml"
seeds = [1, 2, 3]  # three
claims = ["more_data_is_better"]

"""
GRID = """\
[grid]
model.n_embd = [8, 16, 32]

[[variant]]
name = "2 KB"
data.include = ["a*"]

[[variant]]
name = "8 KB"
data.include = ["b*"]

[[variant]]
name = "32 KB"
data.include = ["c*"]
"""
TOKENS = {"2 KB": 2000, "8 KB": 8000, "32 KB": 32_000}
BLOCKS = 20


def write_study(folder: Path, name: str = "width", grid: str = GRID) -> Study:
    """phases/base.toml and studies/NAME.toml in a project; it has to be the current folder."""
    for part, file, text in (("phases", "base", BASE), ("studies", name, HEAD.format(name=name) + grid)):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / f"{file}.toml").write_text(text)
    return load_study(f"studies/{name}.toml", CLAIMS)


def bits_of(trial: Trial) -> float:
    """Bits per byte by a law, and a little luck of the seed."""
    width, tokens = float(trial.phase.model.n_embd), TOKENS.get(trial.cell.variant, 2000)
    return float(1.2 + 3.0 / (width * 900) ** 0.2 + 20.0 / tokens**0.4 + 0.004 * (trial.seed % 3 - 1))


def write_trial(checkpoints: Path, trial: Trial, *, done: bool = True, shown: float | None = None) -> Run:
    """A trial's run, with as many bits per byte as `bits_of` says; not done: cut off before its end."""
    last = (bits_of(trial) if shown is None else shown) / BITS
    losses = [(1.6 * last, 1.7 * last), (1.2 * last, 1.3 * last), (last, 1.1 * last), (0.9 * last, last)]
    begun = started(trial.phase, train_tokens=TOKENS.get(trial.cell.variant, 2000))
    begun = replace(begun, parameters={"total": 900 * trial.phase.model.n_embd})
    happened: list[events.Event] = [begun, *evaluations(losses if done else losses[:2], every=200)]
    if done:
        blocks = [1.0 + 0.02 * (block % 5 - 2) for block in range(BLOCKS)]
        nats = [1250 / BLOCKS * last * BITS * 0.6931471805599453 * block for block in blocks]
        happened.append(
            events.BlockLosses(step=600, time=BEGAN + 9, best_step=600, n_bytes=[1250 // BLOCKS] * BLOCKS,
                               network=nats, decides="network")
        )  # fmt: skip
        happened.append(finished(happened))
    number = 1 + len(list(checkpoints.glob(f"{trial.phase.name}-*")))
    return write_run(checkpoints, f"{trial.phase.name}-{number:03}", trial.phase, happened)


def write_trials(checkpoints: Path, study: Study, wanted: Callable[[Trial], bool] = lambda _: True) -> Sequence[Run]:
    return [write_trial(checkpoints, trial) for trial in study.trials if wanted(trial)]
