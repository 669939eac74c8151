"""The other sides: the textbook's loop with its own model or other people's, torch's threads as torch has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.work import GENERATED, PROMPT, Work, published, repeated

if TYPE_CHECKING:
    from benchmarks.textbook import Textbook

OTHERS = {"transformers": "Hugging Face's GPT2LMHeadModel", "litgpt": "litGPT's GPT"}  # by the package to install


def step(package: str, phase: str) -> Work:
    return repeated(textbook(phase, package).step)


def loss(phase: str) -> Work:
    """One of the batches of an evaluation, of the validation side, without gradients."""
    import torch

    loop = textbook(phase)
    without_gradients = torch.no_grad()(lambda: loop.loss(loop.sides[1]).item())
    return repeated(without_gradients)


def tokens(phase: str, n_tokens: str = str(GENERATED)) -> Work:
    """A completion, without a cache."""
    from slmtui.data.tokenizer import gpt2_tokenizer

    loop, prompt = textbook(phase), gpt2_tokenizer().encode(PROMPT)
    return repeated(lambda: loop.generate(prompt, int(n_tokens)))


def hugging_face_tokens(phase: str, n_prompts: str) -> Work:
    """A completion of each of so many prompts at once, with Hugging Face's own cache."""
    from benchmarks.models import hugging_face_generator
    from benchmarks.textbook import PUBLISHED
    from slmtui.data.tokenizer import gpt2_tokenizer

    prompts = [gpt2_tokenizer().encode(PROMPT).tolist()] * int(n_prompts)
    generate = hugging_face_generator(PUBLISHED[phase])
    return repeated(lambda: generate(prompts, GENERATED))


def textbook(phase: str, model: str = "textbook") -> Textbook:
    from benchmarks.models import MODELS
    from benchmarks.textbook import PUBLISHED, Textbook
    from slmtui.training.prepare import prepare_dataset

    dataset = prepare_dataset(published(phase))
    return Textbook(PUBLISHED[phase], dataset.train.tokens, dataset.val.tokens, MODELS[model])


KINDS: dict[str, Callable[..., Work]] = {
    "step": step,
    "loss": loss,
    "tokens": tokens,
    "hugging-face-tokens": hugging_face_tokens,
}
