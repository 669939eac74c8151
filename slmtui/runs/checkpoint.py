"""A model on disk: tensors and plain values only, written whole, and checked before any memory is taken for it.

best.pt holds what a model needs to be used: parameters, tokenizer, phase. last.pt the training's whole state, too.
A checkpoint may have been damaged, or made by somebody else: nothing in it is believed.
"""

from __future__ import annotations

import dataclasses
import pickle
import pickletools
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from slmtui.atomic_files import atomic_write
from slmtui.config.errors import printable
from slmtui.config.phase import Phase
from slmtui.config.recorded_phase import recorded_phase
from slmtui.data.errors import DataError
from slmtui.data.ngram import KneserNey
from slmtui.data.tokenizer import Tokenizer, tokenizer_from_state
from slmtui.errors import TrainingFailed, UserError
from slmtui.files import open_to_read
from slmtui.model.gpt import GPT, gpt_from_tensors
from slmtui.model.mixture import Mixture, NgramMixture
from slmtui.runs.safe_payload import checksum, on_cpu
from slmtui.training.state import Training, model_config

FORMAT = 1
MOST_ENTRIES = 20_000  # of the archive; 48 layers with their optimizer state have about 2,000


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
    mixed_loss: float | None  # of the model with its mixture, if it has one
    adaptive_loss: float | None  # of the model with its context mixture, if it has one, learning on
    data: str  # fingerprint of the dataset
    training: dict[str, Any] | None  # the rest of the training's state, in last.pt

    @property
    def losses(self) -> str:
        """`val loss 3.2412`, and of a model with a mixture all of them, with what is mixed."""
        mixture = self.model.mixture
        network = f"val loss network {self.val_loss:.4f}"
        if self.adaptive_loss is not None and self.mixed_loss is not None:
            used = self.phase.decides
            return f"{network}, static {self.mixed_loss:.4f}, adaptive {self.adaptive_loss:.4f}; completes: {used}"
        if isinstance(mixture, NgramMixture):
            return (
                f"{network} and mixed {self.mixed_loss:.4f}: {mixture.share:g} of each prediction is a "
                f"{mixture.ngram.order}-gram model's"
            )
        if self.mixed_loss is not None:
            return f"val loss {self.val_loss:.4f} (the network alone is used: mixed, it was {self.mixed_loss:.4f})"
        return f"val loss {self.val_loss:.4f}"


def save_checkpoint(path: Path, training: Training, *, resumable: bool, log_size: int) -> None:
    """Write the training's model, and with `resumable` all of its state; TrainingFailed if the disk refuses.

    log_size: bytes of the event log up to this moment; a resumed run cuts its log back to them.
    """
    state = training.state_dict()
    record = on_cpu(
        {
            "slmtui_checkpoint": FORMAT,
            "phase": training.phase.values(),
            "tokenizer": training.dataset.tokenizer.state(),
            "model": state.pop("model"),
            "step": training.step,
            "val_loss": training.last_val_loss,
            **_mixture_record(training),
            "data": training.dataset.fingerprint,
            "training": (state | {"log_size": log_size}) if resumable else None,
        }
    )
    record["checksum"] = checksum(record, most_bytes=1 << 62)
    try:
        with atomic_write(path) as file:
            torch.save(record, file)
    except (OSError, RuntimeError) as error:  # torch says of a full disk only that a write failed
        raise TrainingFailed(
            f"{path}: could not be saved ({_refusal(error)}); what was saved before is intact. "
            "Make room or choose another folder with --checkpoints DIR, then continue with --resume"
        ) from error


def _mixture_record(training: Training) -> dict[str, Any]:
    """What the mixture was made of, and its losses; without a mixture, no keys at all."""
    mixture = training.model.mixture
    if mixture is None:
        return {}
    if isinstance(mixture, NgramMixture):
        table = {name: torch.from_numpy(array) for name, array in mixture.ngram.state().items()}
        return {"ngram": table, "mixed_loss": training.last_mixed_loss}
    from slmtui.model.context_mixture import ContextMixture  # Numba, which other models need not wait for
    from slmtui.runs.packed_mixture import packed

    assert isinstance(mixture, ContextMixture)
    losses = {"mixed_loss": training.last_mixed_loss, "adaptive_loss": training.last_adaptive_loss}
    return {"context_mixing": packed(mixture), **losses}


def _refusal(error: BaseException) -> str:
    """What the system said, which may stand behind what torch made of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    return _first_line(error)


def load_checkpoint(path: Path, *, with_mixture: bool = True) -> SavedModel:
    """Read and check a checkpoint; CheckpointError says what is wrong with it.

    with_mixture: together with what is mixed into the network's predictions, which takes its time.
    """
    record = _read_record(path)
    try:
        expected = record.pop("checksum")
        if checksum(record, most_bytes=path.stat().st_size) != expected:
            raise CheckpointError(f"{path}: damaged: what is in it is not what was saved (its checksum differs)")
        phase = recorded_phase(record["phase"])
        tokenizer = tokenizer_from_state(record["tokenizer"])
        model = gpt_from_tensors(model_config(phase, tokenizer.n_vocab), record["model"])
        if with_mixture:
            model.mixture = _mixture(path, record, phase, tokenizer)
        return SavedModel(
            model,
            tokenizer,
            phase,
            *_how_far(record),
            _of_type(record, "data", str),
            None if record["training"] is None else _of_type(record, "training", dict),
        )
    except (KeyError, TypeError, AttributeError, ValueError, DataError) as error:
        raise CheckpointError(f"{path}: is inconsistent ({_first_line(error)})") from None


def load_model(path: Path, mixture: Mixture | None = None) -> SavedModel:
    """The model of a checkpoint for inference: in evaluation mode for good, and without the training's state.

    mixture: that of the training that has written it, in place of the saved one, which takes its time to load.

    Without its mixture, too, where the network alone decides, or has a lower validation loss than an n-gram mixture.

    Two completions may share it; a model that is in training mode for a moment drops units.
    """
    saved = load_checkpoint(path, with_mixture=mixture is None)
    saved = dataclasses.replace(saved, training=None)  # an optimizer's state is three times the model
    saved.model.eval()
    if mixture is not None:
        saved.model.mixture = mixture
    if predicts_alone(saved.phase, saved.val_loss, saved.mixed_loss):
        saved.model.mixture = None
    return saved


def predicts_alone(phase: Phase, val_loss: float, mixed_loss: float | None) -> bool:
    """Whether a network completes without its mixture: the phase says so, or it does better than an n-gram mixture."""
    worse = mixed_loss is not None and mixed_loss >= val_loss
    return phase.decides == "network" or (phase.decides is None and worse)


def _mixture(path: Path, record: dict[str, Any], phase: Phase, tokenizer: Tokenizer) -> Mixture | None:
    """What the phase mixes into the model's predictions, checked; None if it mixes nothing."""
    share = phase.model.ngram_mix
    if phase.model.context_mixing != ("context_mixing" in record):
        what = "are missing" if phase.model.context_mixing else "have no place"
        raise ValueError(f"with context_mixing = {str(phase.model.context_mixing).lower()}, its counts {what}")
    if (share > 0) != ("ngram" in record):
        raise ValueError(f"with ngram_mix = {share:g}, an n-gram table {'is missing' if share else 'has no place'}")
    if phase.model.context_mixing:
        from slmtui.data.context_mixing.kernels import OLDEST, VERSION
        from slmtui.runs.packed_mixture import unpacked, version_of

        counts = _of_type(record, "context_mixing", dict)
        if not OLDEST <= (version := version_of(counts)) <= VERSION:
            raise CheckpointError(
                f"{path}: its counts (context_mixing) are of version {version} of the context mixer, and this slmtui "
                f"has version {VERSION}, which predicts otherwise; use the slmtui that wrote it, or train it again"
            )
        mixture = unpacked(counts, tokenizer)
        return mixture.deciding(adaptive=phase.decides == "adaptive")
    if share == 0:
        return None
    arrays = {name: tensor.detach().numpy().copy() for name, tensor in _of_type(record, "ngram", dict).items()}
    try:
        ngram = KneserNey.from_state(arrays)
    except UserError as error:
        raise ValueError(str(error)) from None
    if ngram.n_vocab != tokenizer.n_vocab:
        raise ValueError(f"the n-gram table is of {ngram.n_vocab:,} tokens, the vocabulary of {tokenizer.n_vocab:,}")
    return NgramMixture(ngram, share)


@dataclass(frozen=True)
class CheckpointNote:
    """What a checkpoint says of itself."""

    step: int
    val_loss: float  # the network's own
    mixed_loss: float | None = None
    adaptive_loss: float | None = None

    @property
    def named(self) -> list[tuple[str, float]]:
        """The losses with their names; the network's has none."""
        static = "mixed" if self.adaptive_loss is None else "static"
        losses = (("", self.val_loss), (static, self.mixed_loss), ("adaptive", self.adaptive_loss))
        return [(name, loss) for name, loss in losses if loss is not None]

    @property
    def words(self) -> str:
        """`val 3.24`, of a model with a mixture `network 3.24 · mixed 2.91`, or `… · static 2.91 · adaptive 2.62`."""
        first = "val" if len(self.named) == 1 else "network"
        return " · ".join(f"{name or first} {loss:.2f}" for name, loss in self.named)


def read_note(path: Path) -> CheckpointNote:
    """How far a checkpoint's model had come. Its tensors stay on the disk: a list of many can be made quickly."""
    record = _read_record(path)
    try:
        return CheckpointNote(*_how_far(record))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: is inconsistent ({_first_line(error)})") from None


def _how_far(record: dict[str, Any]) -> tuple[int, float, float | None, float | None]:
    """Step, validation loss, and those of the mixture, static and adaptive."""
    static, adaptive = (
        _of_type(record, key, float) if key in record else None for key in ("mixed_loss", "adaptive_loss")
    )
    return _of_type(record, "step", int), _of_type(record, "val_loss", float), static, adaptive


def _read_record(path: Path) -> dict[str, Any]:
    """What torch makes of the file, once it is clear that it holds no code and is no larger than it looks."""
    try:
        open_to_read(path).close()  # a pipe would never end; a link is the user's own
        problem = _archive_problem(path)
        if problem is None:
            record = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            if isinstance(record, dict) and record.get("slmtui_checkpoint") == FORMAT:
                return record
            problem = f"not a checkpoint of slmtui (format {FORMAT})"
    except FileNotFoundError:
        raise CheckpointError(f"{printable(str(path), limit=200)}: no such checkpoint") from None
    except OSError as error:
        problem = f"cannot be read: {_refusal(error)}"
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"{found[1]}, " if found else ""
        problem = f"holds objects other than tensors and plain values ({what}which could run code when loaded); refused"
    except Exception as error:  # parsers that met bytes they were not made for: anything may come
        problem = f"not a checkpoint, or damaged ({_first_line(error)})"
    raise CheckpointError(f"{path}: {problem}")


def _archive_problem(path: Path) -> str | None:
    """What keeps the file from being an archive as torch.save writes it: stored, not packed, each part whole."""
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        names = _pickled_names(path)
        if names:
            return f"a bare pickle that asks for {', '.join(names)}, which could run code when loaded; refused"
        return "not a checkpoint, or damaged (it is no archive as torch.save writes it)"
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > size:
            return "not a checkpoint (the archive claims more than the file can hold); refused"
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            return "not a checkpoint (its parts are packed, which torch.save does not do); refused"
    return None


def _pickled_names(path: Path) -> list[str]:
    """The first few objects that a bare pickle asks for by name; nothing is loaded."""
    with path.open("rb") as file:
        data = file.read(1 << 16)
    names: list[str] = []
    texts: list[str] = []
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in ("GLOBAL", "INST"):
                names.append(str(argument).replace(" ", "."))
            elif operation.name == "STACK_GLOBAL" and len(texts) > 1:
                names.append(".".join(texts[-2:]))
            elif isinstance(argument, str):
                texts.append(argument)
    except Exception:  # it breaks off, or is no pickle: what was found until then counts
        pass
    return names[:3]


def _of_type(record: dict[str, Any], key: str, kind: type) -> Any:
    if type(record[key]) is not kind:
        raise TypeError(f"{key} is of type {type(record[key]).__name__}, not {kind.__name__}")
    return record[key]


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
