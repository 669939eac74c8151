"""Completions: draw the next token, append it, repeat; several prompts in one batch, each with its own random stream.

Each row draws from its own seed, so a completion does not depend on what else is in the batch. Up to the block size,
the keys and values of earlier tokens are cached; beyond it the window slides over the text, every position shifts, and
the window is recomputed for each token, so that the result is the same with and without the cache.

A model that has a mixture predicts with it here, and therefore wherever text is generated; the mixture sees the whole
text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slmtui.config.phase import SamplingSection
from slmtui.data.tokenizer import Tokenizer
from slmtui.inference.kv_cache import KVCache
from slmtui.inference.stopping import until_stop
from slmtui.model.copy_head import CopyHead
from slmtui.model.gpt import GPT
from slmtui.model.kernels import DecodeHead
from slmtui.model.mixture import Counted

ROWS_AT_ONCE = 64  # bounds the memory: full logits of GPT-2's vocabulary take 200 KB a row


def rows_at_once(model: GPT) -> int:
    """How many prompts to complete in one batch."""
    return ROWS_AT_ONCE if model.mixture is None else min(ROWS_AT_ONCE, model.mixture.most_rows)


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. temperature 0 takes the most likely one; top_k 0 and top_p 1 exclude no token."""

    temperature: float = SamplingSection().temperature
    top_k: int = SamplingSection().top_k
    top_p: float = SamplingSection().top_p


@dataclass(frozen=True)
class Origin:
    """How likely each part of a model found the token that was drawn, before all of them were mixed."""

    network: float  # with what its copy head adds
    copied: float | None = None  # of that, what comes from repeating a token of the window; None: no copy head
    counts: Counted | None = None  # None: no mixture


@dataclass(frozen=True)
class Draw:
    """The next token of each of B rows."""

    tokens: Tensor  # (B,) int64
    probabilities: Tensor  # (B, V): the model's, mixture included, before temperature, top-k and top-p
    origins: Sequence[Origin] = ()  # of the B tokens


def complete(
    model: GPT, tokenizer: Tokenizer, prompt: str, n_tokens: int, sampling: Sampling, seed: int,
    stops: Sequence[str] = (), before: Sequence[str] = (),
) -> Iterator[str]:  # fmt: skip
    """The text that continues a prompt, as it comes, in pieces of whole characters. before: texts to read before it.

    It ends after `n_tokens`, at the end of the document, or before the first of `stops`.
    """
    return until_stop(
        _pieces(model, tokenizer, tokenizer.encode_prompt(prompt, before), n_tokens, sampling, seed), stops
    )


def _pieces(
    model: GPT, tokenizer: Tokenizer, prompt: np.ndarray, n_tokens: int, sampling: Sampling, seed: int
) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for draw in generate(model, [prompt], n_tokens, sampling, [seed]):
        token = int(draw.tokens[0])
        if token == tokenizer.end:
            break
        if piece := decoder.decode(tokenizer.token_bytes(token)):
            yield piece
    if rest := decoder.decode(b"", final=True):
        yield rest


@torch.inference_mode()
def generate(
    model: GPT, prompts: Sequence[np.ndarray], n_tokens: int, sampling: Sampling, seeds: Sequence[int]
) -> Iterator[Draw]:
    """Yield `n_tokens` draws that continue the prompts, (n,) token ids each.

    Raises ValueError if a prompt has no token. A model in training mode is in it again at each yield.
    """
    was_training = model.training
    device, block_size = model.device, model.config.block_size
    rows = [torch.as_tensor(np.asarray(p, dtype=np.int64), device=device) for p in prompts]
    if any(len(row) == 0 for row in rows):
        raise ValueError("a prompt needs at least one token")
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]
    # The weights of a model that is being trained change, so it should not keep a second output matrix.
    output = DecodeHead(model.lm_head) if was_training else model.decode_head
    cache: KVCache | None = None
    mixed = None if model.mixture is None else model.mixture.begin([row.cpu().numpy() for row in rows])
    for _ in range(n_tokens):
        if was_training:  # each time, because the caller may train the same model between two draws
            model.eval()
        if cache is not None and cache.longest < block_size:
            last = torch.stack([row[-1:] for row in rows])  # (B, 1)
            with _threads_for(len(rows)):
                hidden = model(last, cache)[:, -1]
            window = _Window(cache.tokens[:, : cache.longest], cache.hidden[:, : cache.longest], cache.lengths)
        else:
            window, cache = _read_windows(model, [row[-block_size:] for row in rows])
            hidden = window.last
        logits = output(hidden.float())  # (B, V)
        network = logits.softmax(dim=-1)
        copies = None
        if model.copy_head is not None:
            own, copies = window.copies(model.copy_head)
            network = (own[:, None] * network).scatter_add_(1, window.tokens, copies)
        probabilities = network if mixed is None else mixed.probabilities(network)
        if model.copy_head is not None or mixed is not None:
            logits = probabilities.log()
        tokens = _draw(logits, sampling, streams)
        if was_training:
            model.train()
        counts = None if mixed is None else mixed.append(tokens.tolist())
        repeated = None if copies is None else (copies * (window.tokens == tokens[:, None])).sum(dim=1)
        yield Draw(tokens, probabilities, _origins(network.gather(1, tokens[:, None])[:, 0], repeated, counts))
        rows = [torch.cat([row, token[None]]) for row, token in zip(rows, tokens, strict=True)]


def _origins(network: Tensor, copied: Tensor | None, counts: Sequence[Counted] | None) -> list[Origin]:
    nothing = [None] * len(network)
    shares = nothing if copied is None else copied.tolist()
    return [Origin(*parts) for parts in zip(network.tolist(), shares, counts or nothing, strict=True)]


@contextmanager
def _threads_for(tokens: int) -> Iterator[None]:
    """A single thread for a single token: waking a second one takes longer than its half of the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if tokens == 1 else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Window:
    """What the network has read, and its hidden states."""

    tokens: Tensor  # (B, T)
    hidden: Tensor  # (B, T, C)
    lengths: Sequence[int]  # number of tokens in each of the B rows; the rest is padding

    @property
    def last(self) -> Tensor:
        """The hidden state of the last token of each row, (B, C)."""
        return self.hidden[torch.arange(len(self.lengths)), torch.tensor(self.lengths) - 1]

    def copies(self, copy_head: CopyHead) -> tuple[Tensor, Tensor]:
        """The shares of the vocabulary, (B,), and of repeating each token of the window, (B, T)."""
        return copy_head.at_end(self.tokens, self.hidden, torch.tensor(self.lengths, device=self.tokens.device))


def _read_windows(model: GPT, windows: list[Tensor]) -> tuple[_Window, KVCache | None]:
    """Run the model over whole windows; also return the cache, if it has room for another token."""
    config = model.config
    lengths = [len(w) for w in windows]
    padded = torch.nn.utils.rnn.pad_sequence(windows, batch_first=True)  # on the right: attention is causal
    cache = None
    if max(lengths) < config.block_size:
        cache = KVCache(
            batch=len(windows), n_layer=config.n_layer, n_head=config.n_head,
            head_size=config.n_embd // config.n_head, block_size=config.block_size, device=model.device,
        )  # fmt: skip
    hidden = model(padded, cache)
    if cache is not None:
        cache.shorten(lengths)
    return _Window(padded, hidden, lengths), cache


def _draw(logits: Tensor, sampling: Sampling, streams: list[torch.Generator]) -> Tensor:
    """(B, V) -> (B,): a token per row, by inverse transform sampling with one uniform number from the row's stream."""
    uniform = torch.cat([torch.rand(1, generator=g) for g in streams]).to(logits.device)  # (B,)
    if sampling.temperature == 0.0:
        return logits.argmax(dim=-1)
    k = min(sampling.top_k or logits.size(-1), logits.size(-1))
    values, tokens = logits.topk(k, dim=-1)  # sorted, most likely first
    probabilities = values.div(sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1.0:
        # The smallest set of most likely tokens that reaches top_p (Holtzman et al. 2020); never empty.
        before = probabilities.cumsum(dim=-1) - probabilities
        probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    cumulative = probabilities.cumsum(dim=-1)
    target = uniform[:, None] * cumulative[:, -1:]
    choice = torch.searchsorted(cumulative, target, right=True).clamp(max=k - 1)
    return tokens.gather(1, choice)[:, 0]
