"""The networks of several checkpoints, read as one model that predicts with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slmtui.model.ensemble import Ensemble
from slmtui.runs.checkpoint import CheckpointError, SavedModel, load_checkpoint, load_model, predicts_alone
from slmtui.words import listed


@dataclass(frozen=True)
class SavedEnsemble(SavedModel):
    """The losses are the means of the networks' own; `step` is the latest."""

    members: tuple[tuple[str, float], ...] = ()  # each run, and what its network alone has on the validation text

    @property
    def losses(self) -> str:
        found = listed([f"{name} {loss:.4f}" for name, loss in self.members])
        return f"{len(self.members)} networks together; val loss of each {found}"


def load_models(paths: Sequence[Path]) -> SavedModel:
    """The model of the checkpoint, or of several whose networks predict together, for inference (`load_model`).

    CheckpointError if one cannot be read, or if they differ in their shape, their vocabulary or their data.
    """
    if len(paths) == 1:
        return load_model(paths[0])
    each = [load_checkpoint(path, with_mixture=number == 0) for number, path in enumerate(paths)]  # all have the same
    first, *others = each
    for path, other in zip(paths[1:], others, strict=True):
        for what, differs in (
            ("shape", other.model.config != first.model.config),
            ("vocabulary", other.tokenizer.fingerprint != first.tokenizer.fingerprint),
            ("training text", other.data != first.data),
        ):
            if differs:
                raise CheckpointError(f"{path}: has another {what} than {paths[0]}, so they cannot predict together")
    model = Ensemble([saved.model for saved in each])
    mixed = [saved.mixed_loss for saved in each if saved.mixed_loss is not None]
    adaptive = [saved.adaptive_loss for saved in each if saved.adaptive_loss is not None]
    val_loss = sum(saved.val_loss for saved in each) / len(each)
    static = sum(mixed) / len(mixed) if mixed else None
    if not predicts_alone(first.phase, val_loss, static):
        model.mixture = first.model.mixture
    first.model.mixture = None
    model.eval()
    return SavedEnsemble(
        model,
        first.tokenizer,
        first.phase,
        max(saved.step for saved in each),
        val_loss,
        static,
        sum(adaptive) / len(adaptive) if adaptive else None,
        first.data,
        None,
        tuple((path.parent.name, saved.val_loss) for path, saved in zip(paths, each, strict=True)),
    )
