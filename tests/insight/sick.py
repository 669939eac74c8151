"""Runs made ill on purpose, each in one way, and healthy ones: what they are, and how their logs are made.

    python -m tests.insight.sick [NAME …]     train them anew (some 10 minutes for all) and keep their logs

A log is the run's events, most steps left out, after a line with the facts of its data.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slmtui.config.phase_file import parse_phase
from slmtui.data.ngram_baseline import ngram_baseline
from slmtui.insight.rules.data_facts import facts_of
from slmtui.training.data_record import DataFacts, data_record
from slmtui.training.events import Event, RunStarted, Step, from_json, to_json

LOGS = Path(__file__).parents[1] / "golden" / "runs"
CORPUS = Path("data/chromadb")
STEPS_KEPT = 10

BASE = """\
[phase]
name = "trial"
[model]
n_layer = 2
n_head = 4
n_embd = 64
block_size = 64
dropout = 0.1
[training]
max_iters = 400
batch_size = 16
learning_rate = 3e-3
warmup_iters = 20
device = "cpu"
precision = "fp32"
threads = 1
[evaluation]
interval = 40
[early_stopping]
patience = 4
[sampling]
prompts = []
"""


@dataclass(frozen=True)
class Trial:
    """`first`: the code of the finding to be named first, or None for a healthy run; with its step or number."""

    overrides: tuple[str, ...]
    first: str | None = None
    step: int | None = None
    number: float | None = None
    copies: int = 0  # of the first ten files, as a corpus of its own
    letters: int = 0  # written by `write_letters`, as a corpus of its own


def ill(first: str, *overrides: str, step: int | None = None, number: float | None = None, copies: int = 0) -> Trial:
    return Trial(("early_stopping.patience=0", *overrides), first, step, number, copies)


def healthy(*overrides: str, letters: int = 0) -> Trial:
    return Trial(overrides, letters=letters)


CONSTANT = 'training.schedule="constant"'
SHORT = ("training.max_iters=300", "evaluation.interval=30")
NO_DROPOUT = "model.dropout=0.0"

TRIALS: dict[str, Trial] = {
    "leaky": ill("leakage", 'data.source="tests/golden/corpus.txt"', number=0.653),
    "tiny_validation": ill(  # the end of a file: no whole one is so small
        "tiny_validation", 'data.join="published"', "data.train_fraction=0.997", number=70
    ),
    "rate_far_too_high": ill("rate_too_high", "training.learning_rate=0.1", number=0.1),
    "rate_too_high": ill("rate_too_high", "training.learning_rate=0.03", number=0.03),
    "rate_far_too_low": ill("rate_too_low", "training.learning_rate=1e-5", number=1e-5),
    "rate_too_low": ill("rate_too_low", "training.learning_rate=1e-4", number=1e-4),
    "overtrained": ill(
        "overfitting", CONSTANT, NO_DROPOUT, "training.max_iters=1000", "evaluation.interval=50", step=150
    ),
    "undertrained": ill(
        "stopped_too_early", CONSTANT, "training.max_iters=120", "evaluation.interval=12",
        "training.learning_rate=1e-3", step=120,
    ),
    "diverging": ill("diverged", "training.learning_rate=1.0", "optimizer.grad_clip=0"),
    "oversized": ill(
        "too_large", NO_DROPOUT, "model.n_embd=256", "model.n_layer=4", "data.dataset_size=2000",
        "training.max_iters=150", "evaluation.interval=15", "training.batch_size=8", "training.learning_rate=1e-3",
        number=2000,
    ),
    "undersized": ill(
        "too_small", NO_DROPOUT, "model.n_embd=4", "model.n_head=1", "model.n_layer=1", "training.max_iters=1000",
        "evaluation.interval=100", number=0.012,
    ),
    "vocabulary": ill(
        "vocabulary", *SHORT, 'tokenizer.kind="gpt2"', "model.n_embd=32", "training.batch_size=8",
        "training.learning_rate=1e-3", number=0.983,
    ),
    "too_few_steps": ill("too_few_steps", "training.max_iters=40", "evaluation.interval=5", number=40),
    "repeated_files": ill("repeated_files", *SHORT, number=0.667, copies=3),
    "healthy": healthy(),
    "healthy_slow": healthy("training.learning_rate=1e-3"),
    "healthy_by_file": healthy('data.split="by-document"'),
    "healthy_small": healthy(*SHORT, "data.dataset_size=5000"),
    "healthy_bpe": healthy(*SHORT, 'tokenizer.kind="bpe"', "tokenizer.vocab_size=512"),
    "healthy_letters": healthy(letters=1_000),
    "healthy_other_code": healthy(
        *SHORT, "data.dataset_size=55000", 'data.source="slmtui"', 'data.include=["insight/*.py", "training/*.py"]'
    ),
}  # fmt: skip


def train_trial(trial: Trial) -> tuple[DataFacts, list[Event]]:
    """Its facts and events, in the current folder's project."""
    from slmtui.training.hardware import choose_machine
    from slmtui.training.prepare import prepare_dataset
    from slmtui.training.state import Training
    from slmtui.training.trainer import train

    with tempfile.TemporaryDirectory() as folder:
        overrides = trial.overrides
        if trial.copies or trial.letters:
            _copy_files(Path(folder), trial.copies)
            write_letters(Path(folder), trial.letters)
            overrides = (*overrides, f'data.source="{folder}"')
        phase = parse_phase(BASE, "trial.toml", overrides)
        dataset = prepare_dataset(phase)
    val = dataset.val
    baseline = ngram_baseline(dataset.train.tokens, val.tokens, dataset.tokenizer.n_vocab, val.n_bytes)
    training = Training.start(phase, dataset, choose_machine(phase.training))
    return facts_of(dataset, baseline), list(train(training))


def _copy_files(folder: Path, copies: int) -> None:
    for file in sorted(CORPUS.glob("*.py"))[:10]:
        for i in range(copies):
            shutil.copy(file, folder / f"{file.stem}_v{i}.py")


def write_letters(folder: Path, n: int) -> None:
    """Letters whose ends depend on their beginnings, too far back for an n-gram model: a network can do better."""
    draw = random.Random(5)
    names = [f"{a}{b}" for a in ("Ann", "Bert", "Carl", "Dora") for b in ("a", "ine", "o", "us")]
    for name, file in ((f"letters_{i}.txt", i) for i in range(0, n, 250)):
        lines = []
        for _ in range(file, min(n, file + 250)):
            k = draw.randrange(len(names))
            signs = ["".join(draw.choice(["yes ", "no "]) for _ in range(8)) for _ in range(2)]
            lines.append(f"Dear {names[k]}: {signs[0]}from {names[k - 1]}, {signs[1]}for {names[k - 5]}\n")
        (folder / name).write_text("".join(lines), encoding="utf-8")


def write_log(path: Path, facts: DataFacts, happened: list[Event]) -> None:
    kept = list(_thinned(happened))
    first = next(event for event in kept if isinstance(event, RunStarted))
    told = to_json(dataclasses.replace(first, data=dataclasses.replace(first.data, facts=facts)))
    lines = [json.dumps(json.loads(told)["data"]), *map(to_json, kept)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _thinned(happened: list[Event]) -> Iterator[Event]:
    """Nothing of the machine, and of the steps every so many and the last."""
    steps = [event for event in happened if isinstance(event, Step)]
    kept = {id(step) for step in [*steps[:: max(1, len(steps) // STEPS_KEPT)], *steps[-1:]]}
    for event in happened:
        if isinstance(event, RunStarted):
            event = dataclasses.replace(event, machine={}, versions={})
        if not isinstance(event, Step) or id(event) in kept:
            yield dataclasses.replace(event, time=0.0)


def read_log(path: Path) -> tuple[DataFacts, list[Event]]:
    known, *lines = path.read_text(encoding="utf-8").splitlines()
    facts = data_record(**json.loads(known)).facts
    assert facts is not None
    return facts, [from_json(line) for line in lines]


if __name__ == "__main__":
    LOGS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or TRIALS:
        write_log(LOGS / f"{name}.jsonl", *train_trial(TRIALS[name]))
