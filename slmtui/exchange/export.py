"""Exporting a run, from what is asked to what is kept.

    plan = plan_export(run, "hf", Path("folder"))
    plan.parts                     # what cannot go along, and what that costs
    exported = write_export(plan)  # the files, read back

Curves need no plan: `export_curves(run, "csv", Path("folder"))`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from slmtui.data.baseline import bits_per_byte
from slmtui.data.dataset import Dataset
from slmtui.errors import UserError
from slmtui.exchange.card import Measured, model_card
from slmtui.exchange.folder import export_folder, refuse_foreign
from slmtui.exchange.gguf_file import FILE, write_gguf
from slmtui.exchange.huggingface import write_huggingface
from slmtui.exchange.losses import mean_with_error, token_losses
from slmtui.exchange.network import Part, architecture_of, left_behind, plain_network
from slmtui.exchange.readback import Readback, read_back, read_by_llama_cpp, read_by_transformers
from slmtui.exchange.vocabulary import Vocabulary, vocabulary_of
from slmtui.model.gpt import GPT
from slmtui.runs.checkpoint import SavedModel, load_checkpoint
from slmtui.runs.run import Run
from slmtui.training.prepare import dataset_as_trained

ModelFormat = Literal["hf", "gguf"]
CurveFormat = Literal["tensorboard", "csv"]
MODEL_FORMATS: tuple[ModelFormat, ...] = get_args(ModelFormat)
CURVE_FORMATS: tuple[CurveFormat, ...] = get_args(CurveFormat)
TITLES = {"hf": "Hugging Face's {}", "gguf": "GGUF's {}", "tensorboard": "TensorBoard", "csv": "CSV"}
READERS = {"hf": "transformers", "gguf": "llama-cpp-python"}


@dataclass(frozen=True)
class Plan:
    """What would be exported, with nothing written yet.

    parts: what stays behind, in the order in which it is taken off. dataset: None if the texts are not as they were
    trained on; `no_dataset` says why.
    """

    run: Run
    to: ModelFormat
    folder: Path
    saved: SavedModel
    network: GPT
    vocabulary: Vocabulary
    parts: tuple[Part, ...]
    dataset: Dataset | None
    no_dataset: str
    f16: bool = False

    @property
    def lines(self) -> list[str]:
        """What cannot go along, for a person to read; empty if all of the model does."""
        if not self.parts:
            return []
        architecture = architecture_of(self.network)
        return [
            f"{TITLES[self.to].format(architecture)} has no place for:",
            *(f"  {part.words}" for part in self.parts),
        ]


@dataclass(frozen=True)
class Exported:
    """A folder that was written. readback: None if nobody could read it, and `unread` says why."""

    folder: Path
    files: tuple[str, ...]
    readback: Readback | None = None
    unread: str = ""

    @property
    def words(self) -> str:
        """What came of reading it back."""
        return self.readback.words if self.readback is not None else f"not read back: {self.unread}"


def plan_export(run: Run, to: ModelFormat, folder: Path, *, last: bool = False, f16: bool = False) -> Plan:
    """Look at everything that could keep the model from being exported. UserError if anything does.

    last: last.pt instead of best.pt. f16: half precision, of GGUF.
    """
    refuse_foreign(folder)
    saved = dataclasses.replace(load_checkpoint(run.last_file if last else run.best_file), training=None)
    saved.model.eval()
    network = plain_network(saved.model)
    vocabulary = vocabulary_of(saved.tokenizer)
    dataset, no_dataset = None, ""
    try:
        dataset = dataset_as_trained(saved.phase, saved.data, saved.tokenizer)
    except UserError as error:
        no_dataset = str(error)
    parts = tuple(left_behind(saved, network, dataset))
    return Plan(run, to, folder, saved, network, vocabulary, parts, dataset, no_dataset, f16)


def write_export(plan: Plan) -> Exported:
    """Write the folder, have it read back, and keep both; UserError, with nothing written, if either fails."""
    network, sampling = plan.network, plan.saved.phase.sampling
    about: dict[str, Any] = {"run": plan.run.name, "format": plan.to, "step": plan.saved.step}
    if plan.to == "gguf":
        about["precision"] = "f16" if plan.f16 else "f32"
    with export_folder(plan.folder, about) as folder:
        if plan.to == "hf":
            write_huggingface(folder, network, plan.vocabulary, sampling)
        else:
            write_gguf(folder, network, plan.vocabulary, sampling, name=plan.run.name, f16=plan.f16)
        readback, unread = _read_back(plan, folder)
        about["left_behind"] = [dataclasses.asdict(part) for part in plan.parts]
        about["read_back"] = {"not": unread} if readback is None else dataclasses.asdict(readback)
        card = model_card(plan.run, plan.to, plan.parts, _measured(plan), network)
        (folder / "README.md").write_text(card, encoding="utf-8")
    return Exported(plan.folder, tuple(about["files"]), readback, unread)


def _measured(plan: Plan) -> Measured | None:
    if plan.dataset is None:
        return None
    side = plan.dataset.val
    losses = token_losses(plan.network.token_losses, side, plan.network.config.block_size)
    scale = bits_per_byte(1.0, side.n_text_tokens, side.n_bytes)
    return Measured(*mean_with_error(losses), len(losses), scale)


def _read_back(plan: Plan, folder: Path) -> tuple[Readback | None, str]:
    if plan.dataset is None:
        return None, f"there is no validation text to do it with: {plan.no_dataset}"
    try:
        if plan.to == "hf":
            reader = read_by_transformers(folder)
        else:
            reader = read_by_llama_cpp(folder / FILE, plan.network.config.block_size)
    except Exception as error:  # of somebody else's: the files may be right all the same
        return None, f"{READERS[plan.to]} could not open it ({type(error).__name__}: {str(error)[:200]})"
    if reader is None:
        return None, f"{READERS[plan.to]} is not installed (pip install {READERS[plan.to]})"
    kind = "gguf f16" if plan.f16 else plan.to
    return read_back(kind, reader, plan.network, plan.saved.tokenizer, plan.dataset.val), ""


def export_curves(run: Run, to: CurveFormat, folder: Path) -> Exported:
    """The run's log as it is now, be the run alive or over. UserError if it cannot be read or written."""
    from slmtui.exchange.curves import read_history, write_csv, write_tensorboard

    refuse_foreign(folder)
    history = read_history(run)
    about: dict[str, Any] = {"run": run.name, "format": to, "step": history.progress.step}
    with export_folder(folder, about) as draft:
        (write_csv if to == "csv" else write_tensorboard)(draft, history)
    return Exported(folder, tuple(about["files"]))
