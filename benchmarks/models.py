"""The models that the textbook's loop can train: its own, and those of other people's libraries (extra `bench`).

All of one shape, with the same number of parameters but litGPT's, which turns queries and keys by their position
(Su et al. 2021) and has no position embedding. Their libraries are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.textbook import GPT, Config


class WithLoss(nn.Module):
    """A model that gives logits, and the textbook's loss of them."""

    def __init__(self, model: nn.Module, logits: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.logits = model, logits

    def forward(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, time, vocabulary) and the mean loss in nats of targets (batch, time)."""
        logits = self.logits(inputs)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def hugging_face(config: Config) -> WithLoss:
    model = _gpt2(config)
    return WithLoss(model, lambda inputs: model(inputs, use_cache=False).logits)


def hugging_face_generator(config: Config) -> Callable[[Sequence[Sequence[int]], int], Tensor]:
    """`generate(prompts, n_tokens)`, with a key/value cache, drawn as ours are; prompts of one length."""
    model = _gpt2(config).eval()
    model.generation_config.eos_token_id = None  # an untrained model must not end at a chance end of text

    def generate(prompts: Sequence[Sequence[int]], n_tokens: int) -> Tensor:
        ids = torch.tensor(prompts)
        drawn: Tensor = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=n_tokens, use_cache=True, do_sample=True,
            temperature=0.8, top_k=40, pad_token_id=0,
        )  # fmt: skip
        return drawn

    return generate


def _gpt2(config: Config) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.n_vocab,
            n_positions=config.block_size,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
            activation_function="gelu",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )


def litgpt(config: Config) -> WithLoss:
    from litgpt.config import Config as LitConfig
    from litgpt.model import GPT as LitGPT

    model = LitGPT(
        LitConfig(
            block_size=config.block_size,
            vocab_size=config.n_vocab,
            padded_vocab_size=config.n_vocab,
            n_layer=config.n_layer,
            n_head=config.n_head,
            n_embd=config.n_embd,
            bias=True,
            rotary_percentage=1.0,
            parallel_residual=False,
            norm_class_name="LayerNorm",
            mlp_class_name="GptNeoxMLP",
        )
    )
    model.apply(model._init_weights)
    model.lm_head.weight = model.transformer.wte.weight  # tied, as GPT-2's are
    return WithLoss(model, model)


MODELS: dict[str, Callable[[Config], nn.Module]] = {
    "textbook": GPT,
    "transformers": hugging_face,
    "litgpt": litgpt,
}
