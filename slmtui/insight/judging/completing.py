"""How useful is a model to somebody who writes? It completes lines of the validation text, at many places.

A place is inside a line; the model is given the text before it and writes greedily, up to the end of the line, of the
document, or 80 characters. With r_i the rest of the line at place i (its first 80 characters), c_i the completion, n
places, |s| the length of a string in characters:

    exact match         #{i : c_i = r_i} / n
    edit similarity     mean of 1 − lev(c_i, r_i) / max(|c_i|, |r_i|)         (Levenshtein 1966)
    characters saved    Σ |lcp(c_i, r_i)| / Σ |r_i|         (lcp: the longest common prefix)
    top-k accuracy      #{i : t_i among the k likeliest tokens} / n         (t_i: the token that stands at i)
    perplexity          exp(−(1/n) Σ ln p(t_i))
    BLEU                of all c_i and r_i, 0 to 100         (Papineni et al. 2002; sacrebleu's, Post 2018)

"Characters saved" is about somebody who is offered the completion once, takes it up to its first wrong character, and
types the rest of the line: that share of the characters need not be typed. Taking it counts as no work, and characters
that were offered too much as no harm.

Nothing is random but the choice of the places, which the seed decides.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein, Prefix

from slmtui.data.dataset import Dataset
from slmtui.data.ngram import KneserNey
from slmtui.data.ngram_baseline import fit_ngram
from slmtui.data.tokenizer import Tokenizer
from slmtui.errors import UserError
from slmtui.inference.batch import GREEDY, Draw
from slmtui.inference.generation import ROWS_AT_ONCE, generate, rows_at_once
from slmtui.insight.judging.counts import Estimate, LineCompletions, Usefulness
from slmtui.insight.judging.line_places import (
    MOST_BYTES,
    MOST_BYTES_PER_CHARACTER,
    MOST_CHARACTERS,
    LinePlace,
    first_line,
    line_places,
)
from slmtui.model.copy_head import MIN_PROBABILITY
from slmtui.model.gpt import GPT
from slmtui.model.mixture import network_alone

FEWEST_PLACES, SLOW_PLACES = 20, 100  # the latter of a model whose counts learn on: some 40 tokens a second
# Parameters that take part in a token · tokens of a window · places: what two cores do in about a minute.
MOST_WORK = 4e11

Predict = Callable[[Sequence[NDArray[np.int64]], int], Iterator[Draw]]  # contexts, how many tokens -> the draws


def usefulness(model: GPT, dataset: Dataset, *, places: int, seed: int, bleu: bool = False) -> Usefulness | None:
    """Complete lines of the validation side with the model, its network and its n-gram model alone.

    places: how many, at most; fewer for a model that is slow (`places_in_time`). None for a side that has none. Raises
    UserError for `bleu` without sacrebleu.
    """
    if bleu:
        _bleu([""], [""])
    tokenizer = dataset.tokenizer
    chosen = line_places(dataset.val, tokenizer, min(places, places_in_time(model)), seed)
    if not chosen:
        return None
    mixture = model.mixture
    ngram = fit_ngram(dataset.train.tokens, tokenizer.n_vocab)  # the baseline's, whatever is mixed in
    with network_alone(model):
        network = _by_model(model, chosen, tokenizer, bleu=bleu)
    return Usefulness(
        places=len(chosen),
        characters=sum(len(place.rest) for place in chosen),
        order=ngram.order,
        network=network,
        mixed=None if mixture is None else _by_model(model, chosen, tokenizer, bleu=bleu),
        counting=complete_lines(by_counting(ngram), chosen, tokenizer, bleu=bleu),
    )


def characters_saved(
    model: GPT, dataset: Dataset, *, places: int, seed: int, each: Callable[[], object] = lambda: None
) -> tuple[int, Estimate] | None:
    """How many places there were, and the share of characters saved there by what the model predicts with.

    each: called after each token of those that are completed at once.
    """
    chosen = line_places(dataset.val, dataset.tokenizer, min(places, places_in_time(model)), seed)
    if not chosen:
        return None
    return len(chosen), _by_model(model, chosen, dataset.tokenizer, each=each).characters_saved


def places_in_time(model: GPT) -> int:
    """How many places a model can complete in about a minute. It depends on the model alone, not on the machine."""
    parts = model.parameters_by_part()
    places = int(MOST_WORK / (parts["body"] * model.config.block_size + parts["token_embedding"]))
    return max(FEWEST_PLACES, min(places, SLOW_PLACES) if _learns_on(model) else places)


def _learns_on(model: GPT) -> bool:
    """Whether something is mixed in that goes through each text by itself, from its beginning."""
    return model.mixture is not None and model.mixture.most_rows < ROWS_AT_ONCE


def _by_model(
    model: GPT, places: Sequence[LinePlace], tokenizer: Tokenizer, *, bleu: bool = False,
    each: Callable[[], object] = lambda: None,
) -> LineCompletions:  # fmt: skip
    def predict(contexts: Sequence[NDArray[np.int64]], n_tokens: int) -> Iterator[Draw]:
        for draw in greedy(contexts, n_tokens):
            each()
            yield draw

    greedy = greedily(model)
    return complete_lines(predict, places, tokenizer, bleu=bleu, at_once=rows_at_once(model))


def greedily(model: GPT) -> Predict:
    """Whatever the model predicts with, each token the likeliest.

    It is given three quarters of the network's window: what a token has before it in an evaluation, on average. A
    window that is full moves with each token, which takes many times as long. What is mixed in and learns from the text
    before a place is given all of it.
    """
    reach = MOST_BYTES if _learns_on(model) else max(1, model.config.block_size * 3 // 4)
    return lambda contexts, n: generate(model, [row[-reach:] for row in contexts], n, GREEDY, [0] * len(contexts))


def by_counting(ngram: KneserNey) -> Predict:
    """An n-gram model alone, each token the likeliest."""

    def draws(contexts: Sequence[NDArray[np.int64]], n: int) -> Iterator[Draw]:
        reach = ngram.order - 1
        rows = list(contexts)
        for _ in range(n):
            probabilities = ngram.distributions([row[max(0, len(row) - reach) :] for row in rows])
            tokens = probabilities.argmax(axis=1)
            yield Draw(torch.from_numpy(tokens), torch.from_numpy(probabilities))
            rows = [np.append(row, token) for row, token in zip(rows, tokens, strict=True)]

    return draws


def complete_lines(
    predict: Predict, places: Sequence[LinePlace], tokenizer: Tokenizer, *, bleu: bool = False,
    at_once: int = ROWS_AT_ONCE,
) -> LineCompletions:  # fmt: skip
    """What completions by `predict` at these places, at least one, are worth."""
    written: list[str] = []
    chances, ranks = list[float](), list[int]()  # of the token that stands there; rank 0: the likeliest
    for start in range(0, len(places), at_once):
        rows = places[start : start + at_once]
        first, texts = _write(predict, rows, tokenizer)
        written += texts
        tokens = torch.tensor([place.next_token for place in rows], device=first.device)
        right = first.gather(1, tokens[:, None])  # (B, 1)
        chances += right[:, 0].tolist()
        ranks += (first > right).sum(dim=1).tolist()
    wanted = [place.rest for place in places]
    pairs = list(zip(written, wanted, strict=True))
    loss = Estimate.of([-np.log(max(chance, MIN_PROBABILITY)) for chance in chances])
    perplexity = float(np.exp(loss.value))
    return LineCompletions(
        exact=Estimate.of([float(text == rest) for text, rest in pairs]),
        similarity=Estimate.of([Levenshtein.normalized_similarity(text, rest) for text, rest in pairs]),
        characters_saved=Estimate.of(
            [float(Prefix.similarity(text, rest)) for text, rest in pairs], [float(len(rest)) for rest in wanted]
        ),
        top1=Estimate.of([float(rank < 1) for rank in ranks]),
        top5=Estimate.of([float(rank < 5) for rank in ranks]),
        perplexity=Estimate(perplexity, None if loss.error is None else perplexity * loss.error),
        bleu=_bleu(written, wanted) if bleu else None,
    )


def _write(predict: Predict, rows: Sequence[LinePlace], tokenizer: Tokenizer) -> tuple[torch.Tensor, list[str]]:
    """The probabilities of the first token, (B, V), and the completions."""
    written: list[list[int]] = [[] for _ in rows]
    going = set(range(len(rows)))
    first: torch.Tensor | None = None
    for draw in predict([place.context for place in rows], MOST_BYTES_PER_CHARACTER * MOST_CHARACTERS):
        first = draw.probabilities if first is None else first
        for row, token in enumerate(draw.tokens.tolist()):
            if row not in going:
                continue
            if token == tokenizer.end:
                going.discard(row)
                continue
            written[row].append(token)
            text, _ = codecs.utf_8_decode(tokenizer.decode_bytes(written[row]), "surrogateescape", False)
            if "\n" in text or len(text) >= MOST_CHARACTERS:  # whole characters: one may lack its last bytes yet
                going.discard(row)
        if not going:
            break
    assert first is not None, "there is a row"
    return first, [first_line(tokenizer.decode_bytes(ids)) for ids in written]


def _bleu(written: Sequence[str], wanted: Sequence[str]) -> float:
    try:
        import sacrebleu
    except ImportError:
        raise UserError("BLEU is measured by sacrebleu, which is not installed: pip install 'slmtui[bleu]'") from None
    return float(sacrebleu.corpus_bleu(list(written), [list(wanted)]).score)
