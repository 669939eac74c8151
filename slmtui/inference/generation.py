"""Completions: draw the next token, append it, repeat; several prompts in one batch, each with its own random stream.

Each row draws from its own seed, so a completion does not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from slmtui.data.tokenizer import Tokenizer
from slmtui.inference.batch import Batch, Draw, Sampling
from slmtui.inference.prompt import DrawnText, Prompt, read_prompt
from slmtui.inference.stopping import until_stop
from slmtui.model.gpt import GPT

ROWS_AT_ONCE = 64  # bounds the memory: full logits of GPT-2's vocabulary take 200 KB a row


def rows_at_once(model: GPT) -> int:
    """How many prompts to complete in one batch."""
    return ROWS_AT_ONCE if model.mixture is None else min(ROWS_AT_ONCE, model.mixture.most_rows)


def complete(
    model: GPT, tokenizer: Tokenizer, prompt: str, n_tokens: int, sampling: Sampling, seed: int,
    stops: Sequence[str] = (), before: Sequence[str] = (),
) -> Iterator[str]:  # fmt: skip
    """The text that continues a prompt, as it comes, in pieces of whole characters. before: texts to read before it.

    It ends after `n_tokens`, at the end of the document, or before the first of `stops`.
    """
    return until_stop(
        _pieces(model, tokenizer, read_prompt(tokenizer, prompt, before), n_tokens, sampling, seed), stops
    )


def _pieces(
    model: GPT, tokenizer: Tokenizer, prompt: Prompt, n_tokens: int, sampling: Sampling, seed: int
) -> Iterator[str]:
    text = DrawnText(tokenizer, prompt.word)
    for draw in generate(model, [prompt], n_tokens, sampling, [seed]):
        token = int(draw.tokens[0])
        if token == tokenizer.end:
            break
        if piece := text.add(token):
            yield piece
    if rest := text.rest():
        yield rest


def generate(
    model: GPT, prompts: Sequence[Prompt | np.ndarray], n_tokens: int, sampling: Sampling, seeds: Sequence[int]
) -> Iterator[Draw]:
    """Yield `n_tokens` draws that continue the prompts, or just (n,) token ids each.

    They are more where tokens only spell the last word of a prompt, which `Row.within` counts. Raises ValueError if a
    prompt has no token. A model in training mode is in it again at each yield.
    """
    batch = Batch(model, apart=len(prompts) == 1)
    for prompt, seed in zip(prompts, seeds, strict=True):
        batch.join(prompt, sampling, seed)
    drawn = 0
    while drawn < n_tokens + max((row.within for row in batch.rows), default=0):
        yield batch.step()
        drawn += 1
