"""What of a model goes along to others, a plain GPT-2 or LLaMA, and what that leaves behind, with its price."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from slmtui.data.baseline import bits_per_byte
from slmtui.data.dataset import Dataset
from slmtui.exchange.llama import PARTS, is_llama
from slmtui.exchange.losses import mean_with_error, token_losses
from slmtui.exchange.vocabulary import Unwritable
from slmtui.model.gpt import GPT, GPTConfig, gpt_from_tensors
from slmtui.runs.checkpoint import SavedModel
from slmtui.words import number

COPY_HEAD = "copy_head."  # begins the names of its parameters
_SHAPE = ("n_vocab", "n_layer", "n_head", "n_embd", "block_size")
_SAID = {*_SHAPE, "dropout", "attention_dropout", "copy_head"}


@dataclass(frozen=True)
class Part:
    """A part of a model that stays behind. before, after: bits per byte of the validation text with it and without it.

    NaN where that cannot be known. The parts before it in a list are gone already.
    """

    name: str
    before: float
    after: float

    @property
    def words(self) -> str:
        """`its copy head (model.copy_head): without, 2.59 bits per byte instead of 1.87`"""
        if self.after != self.after:
            return f"{self.name}: what that costs is not known, since the texts are not as they were trained on"
        before, after = number(self.before, ".2f"), number(self.after, ".2f")
        return f"{self.name}: without, {after} bits per byte instead of {before}"


def plain_network(model: GPT) -> GPT:
    """The network without its copy head, which can be taken off; `Unwritable` for what cannot."""
    llama: dict[str, Any] = PARTS if is_llama(model.config) else {}
    plain = GPTConfig(**{name: getattr(model.config, name) for name in _SHAPE}, **llama)
    for field in dataclasses.fields(GPTConfig):
        value = getattr(model.config, field.name)
        if field.name not in _SAID and value not in (getattr(plain, field.name), "gelu_tanh"):
            raise Unwritable(
                f"a network with model.{field.name} = {value} cannot be written for others: their GPT-2 has no such "
                'thing, and it was trained with it. Train with the default, or as LLaMA, with positions = "rotary", '
                'norm = "rms" and mlp = "swiglu" together, and export that'
            )
    if model.copy_head is None:
        return model
    config = dataclasses.replace(model.config, copy_head=False)
    tensors = {name: tensor for name, tensor in model.tensors().items() if not name.startswith(COPY_HEAD)}
    return gpt_from_tensors(config, tensors).eval()


def architecture_of(network: GPT) -> str:
    """What others call it."""
    return "LLaMA" if is_llama(network.config) else "GPT-2"


def left_behind(saved: SavedModel, network: GPT, dataset: Dataset | None) -> list[Part]:
    """What the model predicts with beyond its plain network, and what each part is worth.

    dataset: that it was trained on, as far as it is there.
    """
    scale = math.nan
    if dataset is not None:
        scale = bits_per_byte(1.0, dataset.val.n_text_tokens, dataset.val.n_bytes)
    found, now = [], saved.val_loss * scale
    with_mixture = _mixed_loss(saved)
    if with_mixture is not None:
        key = "context_mixing" if saved.phase.model.context_mixing else "ngram_mix"
        what = "counts mixed into its predictions" if key == "context_mixing" else "an n-gram model mixed in"
        found.append(Part(f"{what} (model.{key})", with_mixture * scale, now))
    if saved.model.copy_head is not None:
        alone = math.nan
        if dataset is not None:
            here, there = (
                mean_with_error(token_losses(one, dataset.val, network.config.block_size))[0]
                for one in (saved.model.token_losses, network.token_losses)
            )
            alone = (saved.val_loss + there - here) * scale
        found.append(Part("its copy head (model.copy_head)", now, alone))
    return found


def _mixed_loss(saved: SavedModel) -> float | None:
    """The loss of the mixture that the model predicts with; None if it predicts without one."""
    match saved.phase.decides:
        case "network":
            return None
        case "adaptive":
            return saved.adaptive_loss
        case "static":
            return saved.mixed_loss
    return saved.mixed_loss if saved.mixed_loss is not None and saved.mixed_loss < saved.val_loss else None
