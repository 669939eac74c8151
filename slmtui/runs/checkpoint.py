"""A model on disk: tensors and plain values only, written whole, and checked before any memory is taken for it.

best.pt holds what a model needs to be used: parameters, tokenizer, phase. last.pt the training's whole state, too.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slmtui.data.errors import DataError
from slmtui.data.tokenizer import Tokenizer, tokenizer_from_state
from slmtui.errors import TrainingFailed, UserError
from slmtui.model.gpt import GPT, gpt_from_tensors
from slmtui.runs.files import whole_file
from slmtui.training.phase import Phase
from slmtui.training.state import Training, model_config

FORMAT = 1


class CheckpointError(UserError):
    """A checkpoint that cannot be used: missing, damaged, of another shape, or not slmtui's."""


@dataclass(frozen=True)
class SavedModel:
    """A model as it was saved, ready to complete text."""

    model: GPT
    tokenizer: Tokenizer
    phase: Phase
    step: int
    val_loss: float
    data: str  # fingerprint of the dataset
    training: dict[str, Any] | None  # the rest of the training's state, in last.pt


def save_checkpoint(path: Path, training: Training, *, resumable: bool, log_size: int) -> None:
    """Write the training's model, and with `resumable` all of its state; TrainingFailed if the disk refuses.

    log_size: bytes of the event log up to this moment; a resumed run cuts its log back to them.
    """
    state = training.state_dict()
    record = {
        "slmtui_checkpoint": FORMAT,
        "phase": training.phase.values(),
        "tokenizer": training.dataset.tokenizer.state(),
        "model": state.pop("model"),
        "step": training.step,
        "val_loss": training.last_val_loss,
        "data": training.dataset.fingerprint,
        "training": (state | {"log_size": log_size}) if resumable else None,
    }
    try:
        with whole_file(path) as file:
            torch.save(record, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise TrainingFailed(f"{path}: could not be saved ({error}); the file of before is intact") from error


def load_checkpoint(path: Path) -> SavedModel:
    """Read and check a checkpoint; CheckpointError says what is wrong with it."""
    record = _read_record(path)
    try:
        phase = Phase.model_validate(record["phase"])
        tokenizer = tokenizer_from_state(record["tokenizer"])
        model = gpt_from_tensors(model_config(phase, tokenizer.n_vocab), record["model"])
        return SavedModel(
            model,
            tokenizer,
            phase,
            int(record["step"]),
            float(record["val_loss"]),
            str(record["data"]),
            record["training"],
        )
    except (KeyError, TypeError, AttributeError, ValueError, DataError) as error:
        raise CheckpointError(f"{path}: does not fit together ({_first_line(error)})") from None


@dataclass(frozen=True)
class CheckpointNote:
    """What a checkpoint says of itself."""

    step: int
    val_loss: float


def read_note(path: Path) -> CheckpointNote:
    """How far a checkpoint's model had come. Its tensors stay on the disk: a list of many can be made quickly."""
    record = _read_record(path)
    try:
        return CheckpointNote(int(record["step"]), float(record["val_loss"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not fit together ({_first_line(error)})") from None


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: holds objects other than tensors and plain values, which could run code when loaded; refused"
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise CheckpointError(f"{path}: not a checkpoint, or damaged ({_first_line(error)})") from None
    if not isinstance(record, dict) or record.get("slmtui_checkpoint") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of slmtui (format {FORMAT})")
    return record


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
