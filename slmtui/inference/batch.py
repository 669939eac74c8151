"""Texts that a model goes on with together, one token of each at a time. They join and leave between two tokens.

Each has its own settings and its own random stream. Up to the block size, the keys and values of earlier tokens are
cached; beyond it the window slides over the text, every position shifts, and the window is recomputed for each token,
so that the result is the same with and without the cache.

A model that has a mixture predicts with it here, and therefore wherever text is generated; the mixture sees the whole
text. Of an ensemble, each network reads with a cache of its own, and the mean of what they say is mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from slmtui.config.phase import SamplingSection
from slmtui.inference.kv_cache import KVCache
from slmtui.inference.prompt import BegunWord, Prompt
from slmtui.inference.rows_apart import RowsApart
from slmtui.model.copy_head import CopyHead
from slmtui.model.gpt import GPT
from slmtui.model.kernels import DecodeHead
from slmtui.model.mixture import Continued, Counted


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn. temperature 0 takes the most likely one; top_k 0 and top_p 1 exclude no token."""

    temperature: float = SamplingSection().temperature
    top_k: int = SamplingSection().top_k
    top_p: float = SamplingSection().top_p


GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True)
class Origin:
    """How likely each part of a model found the token that was drawn, before all of them were mixed."""

    network: float  # with what its copy head adds
    copied: float | None = None  # of that, what comes from repeating a token of the window; None: no copy head
    counts: Counted | None = None  # None: no mixture


@dataclass(eq=False)
class Row:
    """A text in a batch."""

    text: Tensor  # (n,) int64
    sampling: Sampling
    stream: torch.Generator
    given: list[int] = field(default_factory=list)  # the tokens that it goes on with before one is drawn
    word: BegunWord | None = None  # what the next tokens have to begin with
    within: int = 0  # tokens that were drawn and only spell what the prompt has of its last word


@dataclass(frozen=True)
class Draw:
    """The next token of each of B rows."""

    tokens: Tensor  # (B,) int64
    # (B, V): the model's, mixture included, before temperature, top-k and top-p. Where a word was begun, they are those
    # of the tokens that spell it, which then sum to 1.
    probabilities: Tensor
    origins: Sequence[Origin] = ()  # of the B tokens, if they are told


class Batch:
    """`step()` goes on with every row by a token.

    apart: a row is computed as it would be alone, to the last bit, on the CPU; otherwise several are a little faster,
    and equal but for rounding. told: whether draws have origins, which cost a little. A model in training mode is in
    it again after each step.
    """

    def __init__(self, model: GPT, *, apart: bool, told: bool = True) -> None:
        self.rows: list[Row] = []  # their order changes when one of them leaves
        self._model, self._told = model, told
        self._readers = [_Reader(network, apart=apart) for network in model.networks]
        self._mixed: Continued | None = None if model.mixture is None else model.mixture.begin([])

    def join(self, prompt: Prompt | np.ndarray, sampling: Sampling, seed: int, given: Sequence[int] = ()) -> Row:
        """Begin with a prompt, or just with its (n,) token ids; ValueError if it has none.

        given: tokens that it goes on with before any is drawn; their probabilities are told as those of any others.
        """
        ids, word = prompt if isinstance(prompt, Prompt) else (prompt, None)
        ids = np.asarray(ids, dtype=np.int64)
        if len(ids) == 0:
            raise ValueError("a prompt needs at least one token")
        stream = torch.Generator().manual_seed(seed)
        row = Row(torch.as_tensor(ids, device=self._model.device), sampling, stream, list(given), word)
        if self._mixed is not None:
            self._mixed.join(ids)
        self.rows.append(row)
        return row

    @torch.inference_mode()
    def leave(self, row: Row) -> None:
        """Let go of a row."""
        at = _take_out(self.rows, row)
        if self._mixed is not None:
            self._mixed.leave(at)
        for reader in self._readers:
            reader.leave(row)

    @torch.inference_mode()
    def step(self) -> Draw:
        """Draw a token for each row, and append it."""
        model, rows = self._model, self.rows
        with _evaluated(model):  # each time, because the caller may train the same model between two steps
            read = [reader.read(rows) for reader in self._readers]
        network = read[0].network if len(read) == 1 else torch.stack([one.network for one in read]).mean(dim=0)
        probabilities = network if self._mixed is None else self._mixed.probabilities(network)
        if any(row.word for row in rows):
            probabilities = torch.stack([_given_word(row.word, p) for row, p in zip(rows, probabilities, strict=True)])
        tokens = self._draw(probabilities)
        for row, token in zip(rows, tokens, strict=True):
            row.text = torch.cat([row.text, token[None]])
            if row.word is not None:
                row.within += row.word.has(int(token))
                row.word = row.word.after(int(token))
        if not self._told:
            if self._mixed is not None:
                self._mixed.go_on(tokens.tolist())
            return Draw(tokens, probabilities)
        counts = [None] * len(rows) if self._mixed is None else self._mixed.append(tokens.tolist())
        copied = [_mean(shares) for shares in zip(*(one.copied(tokens) for one in read), strict=True)]
        likely = network.gather(1, tokens[:, None])[:, 0].tolist()
        origins = [Origin(*parts) for parts in zip(likely, copied, counts, strict=True)]
        return Draw(tokens, probabilities, origins)

    def _draw(self, probabilities: Tensor) -> Tensor:
        """(B, V) -> (B,)"""
        rows = self.rows
        settings = {row.sampling for row in rows}
        if len(settings) == 1:
            tokens = draw_tokens(probabilities.log(), settings.pop(), [row.stream for row in rows])
        else:
            one_by_one = zip(rows, probabilities.log()[:, None], strict=True)
            tokens = torch.cat([draw_tokens(logits, row.sampling, [row.stream]) for row, logits in one_by_one])
        for at, row in enumerate(rows):
            if row.given:
                tokens[at] = row.given.pop(0)
        return tokens


class _Reader:
    """A network that reads the rows of a batch, and what it keeps of them."""

    def __init__(self, network: GPT, *, apart: bool) -> None:
        self._model, self._apart = network, apart
        # The weights of a model that is being trained change, so it should not keep a second output matrix.
        self._output = DecodeHead(network.lm_head) if network.training else network.decode_head
        self._cached: list[Row] = []  # in the cache's order
        self._cache = _new_cache(network, 0)

    def leave(self, row: Row) -> None:
        if row in self._cached:
            self._cache.remove(_take_out(self._cached, row))

    def read(self, rows: list[Row]) -> _Read:
        """What the network says of the next token of each row."""
        views = [*self._go_on(rows), *self._begin(rows)]
        network = self._logits(views).softmax(dim=-1)  # (B, V)
        head = self._model.copy_head
        return _Read(network, views, [] if head is None else [view.add_copies(head, network) for view in views])

    def _go_on(self, everyone: list[Row]) -> list[_View]:
        """Have the network read the last token of each row that the cache has room for."""
        cache, rows = self._cache, self._cached
        for row in [row for row, length in zip(rows, cache.lengths, strict=True) if length == cache.block_size]:
            cache.remove(_take_out(rows, row))
        if not rows:
            return []
        last = torch.stack([row.text[-1:] for row in rows])  # (B, 1)
        with _threads_for(1 if self._apart else len(rows)), RowsApart(cache) if self._apart else nullcontext():
            hidden = self._model(last, cache)[:, 0]
        at = {row: place for place, row in enumerate(everyone)}
        n = len(rows)
        return [_View([at[row] for row in rows], hidden, cache.tokens[:n], cache.hidden[:n], cache.lengths)]

    def _begin(self, everyone: list[Row]) -> list[_View]:
        """Have the network read the whole window of each row that is not in the cache, and cache what fits."""
        cached = set(self._cached)
        fresh = [at for at, row in enumerate(everyone) if row not in cached]
        views = []
        for group in [[at] for at in fresh] if self._apart else [fresh] if fresh else []:
            rows = [everyone[at] for at in group]
            windows = [row.text[-self._cache.block_size :] for row in rows]
            tokens = torch.nn.utils.rnn.pad_sequence(windows, batch_first=True)  # on the right: attention is causal
            lengths = [len(window) for window in windows]
            if max(lengths) < self._cache.block_size:
                cache = _new_cache(self._model, len(rows))
                hidden = self._model(tokens, cache)
                cache.shorten(lengths)
                if self._cached:
                    self._cache.add(cache)
                else:
                    self._cache = cache
                self._cached += rows
            else:
                hidden = self._model(tokens)
            ends = hidden[torch.arange(len(rows)), torch.tensor(lengths) - 1]
            views.append(_View(group, ends, tokens, hidden, lengths))
        return views

    def _logits(self, views: Sequence[_View]) -> Tensor:
        """(B, V)"""
        hidden = torch.cat([view.last for view in views])  # (B, C)
        at = [place for view in views for place in view.at]
        if at != sorted(at):
            hidden = hidden[np.argsort(at)]
        hidden = hidden.float()
        return torch.cat([self._output(row) for row in hidden[:, None]]) if self._apart else self._output(hidden)


@dataclass(frozen=True)
class _View:
    """What the network has read of some rows, and its hidden states."""

    at: list[int]  # where the B rows are among the batch's
    last: Tensor  # (B, C), the hidden state of each row's last token
    tokens: Tensor  # (B, T)
    hidden: Tensor  # (B, T, C), for a copy head
    lengths: Sequence[int]  # number of tokens in each of the B rows; the rest is padding

    def add_copies(self, head: CopyHead, network: Tensor) -> Tensor:
        return head.add_copies(network, self.at, self.tokens, self.hidden, self.lengths)


@dataclass(frozen=True)
class _Read:
    """What a network says of the next token of B rows."""

    network: Tensor  # (B, V), probabilities
    views: list[_View]
    shares: list[Tensor]  # of each view, of what a copy head repeats

    def copied(self, tokens: Tensor) -> list[float | None]:
        """How likely each of these tokens, (B,), was by repeating one of the window; None without a copy head."""
        found: list[float | None] = [None] * len(tokens)
        for view, shares in zip(self.views, self.shares, strict=False):
            seen = view.tokens[:, : shares.size(1)]
            repeated = (shares * (seen == tokens[view.at][:, None])).sum(dim=1)
            for at, share in zip(view.at, repeated.tolist(), strict=True):
                found[at] = share
        return found


def _given_word(word: BegunWord | None, probabilities: Tensor) -> Tensor:
    """The probabilities, (V,), of the tokens that spell a word that was begun."""
    if word is None:
        return probabilities
    possible = word.possible().to(probabilities.device)
    among = probabilities.masked_fill(~possible, 0.0)
    total = among.sum()
    return among / total if total > 0 else possible.to(among) / possible.sum()


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


@contextmanager
def _evaluated(model: GPT) -> Iterator[None]:
    """Have a model in evaluation mode; to go through its modules takes as long as a small one takes for a token."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()


def _new_cache(model: GPT, rows: int) -> KVCache:
    config = model.config
    return KVCache(
        batch=rows, n_layer=config.n_layer, n_head=config.n_head, head_size=config.n_embd // config.n_head,
        block_size=config.block_size, device=model.device,
    )  # fmt: skip


def _take_out(rows: list[Row], row: Row) -> int:
    """Where a row was; the last one takes its place."""
    at = rows.index(row)
    rows[at] = rows[-1]
    rows.pop()
    return at


@contextmanager
def _threads_for(tokens: int) -> Iterator[None]:
    """A single thread for a single token: waking a second one takes longer than its half of the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if tokens == 1 else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def draw_tokens(logits: Tensor, sampling: Sampling, streams: list[torch.Generator]) -> Tensor:
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
