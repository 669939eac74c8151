"""Runs written by hand: a folder with a frozen phase and the event log that a test needs, without training anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from slmtui.config.phase import Phase
from slmtui.config.phase_file import dump_phase
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.data_record import data_record
from slmtui.training.events import Event, Reason, to_json
from slmtui.training.gap import verdict

BEGAN = 1_700_000_000.0  # seconds since 1970
MACHINE = {"device": "cpu", "precision": "fp32", "threads": 2, "processor": "a processor"}
VERSIONS = {"slmtui": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.1.0", "tiktoken": "0.14.0"}
DATA = {
    "tokenizer": "gpt2-compact", "n_vocab": 751, "train_tokens": 4500, "val_tokens": 500, "train_bytes": 11_000,
    "val_bytes": 1250, "fingerprint": "f" * 64, "val_text": "a" * 64, "notes": [],
}  # fmt: skip
FACTS = {  # of texts with which nothing is wrong
    "used_tokens": 700, "repeated_share": 0.0, "longest_repeat": 0, "longest_train": "", "longest_val": "",
    "unseen_share": 0.0, "duplicate_share": 0.0, "unigram": 5.0,
}  # fmt: skip
BITS = 500 / 1250 / 0.6931471805599453  # bits per byte of a nat per token, with DATA's lengths


def make_phase(name: str = "tiny", **sections: dict[str, Any]) -> Phase:
    plain: dict[str, dict[str, Any]] = {
        "phase": {"name": name, "title": "Tiny: finding the balance"},
        "model": {"n_layer": 1, "n_head": 1, "n_embd": 8, "block_size": 8},
        "training": {"max_iters": 600, "batch_size": 8},
        "evaluation": {"interval": 100},
    }
    for section, values in sections.items():
        plain[section] = {**plain.get(section, {}), **values}
    return Phase.model_validate(plain)


def started(phase: Phase, *, at: float = BEGAN, **data: Any) -> events.RunStarted:
    """`data` takes the place of DATA's; a baseline comes with FACTS, as in every log that has one."""
    parts = {"token_embedding": 6008, "position_embedding": 64, "body": 888}
    known = DATA | FACTS if "baseline" in data else DATA
    return events.RunStarted(
        step=0, time=at, phase=phase.values(), parameters=parts | {"total": sum(parts.values())},
        data=data_record(**known | data), machine=MACHINE, versions=VERSIONS,
    )  # fmt: skip


def evaluations(
    losses: Iterable[tuple[float, float]],
    *,
    every: int = 100,
    at: float = BEGAN,
    mixed: Sequence[float] = (),
    adaptive: Sequence[float] = (),
    memory: int | None = None,
) -> list[Event]:
    """Evaluations of (train, val) losses, each with the step before it and the checkpoints that come with it.

    mixed: what the mixture has at each, for a run with model.ngram_mix. adaptive: what it has where it learns on, for
    one with model.context_mixing; this decides. memory: bytes of the training process, as newer logs have them.
    """
    happened: list[Event] = []
    least = float("inf")
    for i, (train, val) in enumerate(losses):
        step, now = i * every, at + 1 + i
        if step:
            happened.append(
                events.Step(step=step, time=now, loss=train, learning_rate=1e-3, grad_norm=1.0, tokens=64 * step)
            )
        judged = adaptive[i] if adaptive else mixed[i] if mixed else val
        happened.append(
            events.Evaluation(
                step=step, time=now, train_loss=train, val_loss=val, gap=val - train, verdict=verdict(val - train),
                bits_per_byte=val * BITS, best=judged < least, mixed_loss=mixed[i] if mixed else None,
                mixed_bits_per_byte=mixed[i] * BITS if mixed else None,
                adaptive_loss=adaptive[i] if adaptive else None,
                adaptive_bits_per_byte=adaptive[i] * BITS if adaptive else None,
                decides="adaptive" if adaptive else None,
                memory=memory,
            )
        )  # fmt: skip
        happened.append(events.Checkpoint(step=step, time=now, kind="last", file="last.pt"))
        if judged < least:
            happened.append(events.Checkpoint(step=step, time=now, kind="best", file="best.pt"))
            least = judged
    return happened


def finished(happened: Sequence[Event], reason: Reason = "completed") -> events.RunFinished:
    best = min((e for e in happened if isinstance(e, events.Evaluation)), key=lambda e: e.judged_loss, default=None)
    return events.RunFinished(
        step=happened[-1].step, time=happened[-1].time + 1, reason=reason, seconds=12.0,
        best_step=best.step if best else None, best_val_loss=best.val_loss if best else None,
        best_mixed_loss=best.mixed_loss if best else None,
    )  # fmt: skip


def write_run(checkpoints: Path, name: str, phase: Phase, happened: Iterable[Event]) -> Run:
    """A run's folder, with empty files for the checkpoints that its log speaks of."""
    run = Run(checkpoints / name)
    run.folder.mkdir(parents=True)
    run.phase_file.write_text(dump_phase(phase), encoding="utf-8")
    with run.log_file.open("w", encoding="utf-8") as log:
        for event in happened:
            log.write(to_json(event) + "\n")
            if isinstance(event, events.Checkpoint):
                (run.folder / event.file).touch()
    return run


def done_run(
    checkpoints: Path,
    name: str,
    losses: Sequence[tuple[float, float]] = ((6.6, 6.6), (3.0, 4.0), (1.0, 5.0)),
    *,
    reason: Reason | None = "completed",
    at: float = BEGAN,
    memory: int | None = None,
    **data: Any,
) -> Run:
    """A run with these evaluations, ended for `reason`; None: its process is gone."""
    phase = make_phase(name.rsplit("-", 1)[0])
    happened: list[Event] = [started(phase, at=at, **data), *evaluations(losses, at=at, memory=memory)]
    if reason is not None:
        happened.append(finished(happened, reason))
    return write_run(checkpoints, name, phase, happened)
