"""The extraction test: which places are asked, what counts as exact, and that it is what a plain greedy loop gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from slmtui.data.ngram import KneserNey
from slmtui.inference.batch import Draw
from slmtui.insight.judging import extraction
from slmtui.insight.judging.extraction import chosen_places, extract
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.model.mixture import NgramMixture

TEXT = np.random.default_rng(1).integers(0, 20, 120)


def model(block_size: int = 8) -> GPT:
    return initial_gpt(GPTConfig(n_vocab=20, n_layer=1, n_head=2, n_embd=8, block_size=block_size, dropout=0.0), 3)


def test_places_are_drawn_once_each_and_fit() -> None:
    places = chosen_places(1000, span=32, most=50, seed=7)
    assert len(set(places.tolist())) == 50
    assert 0 <= places.min() <= places.max() <= 1000 - 32
    assert places.tolist() == chosen_places(1000, 32, 50, 7).tolist() != chosen_places(1000, 32, 50, 8).tolist()
    assert chosen_places(40, span=32, most=50, seed=7).tolist() == list(range(9))
    assert chosen_places(31, span=32, most=50, seed=7).tolist() == []


@torch.no_grad()
def greedy(network: GPT, tokens: Sequence[int], n: int) -> list[int]:
    """Token by token, without a cache."""
    network.eval()
    text = list(tokens)
    for _ in range(n):
        window = torch.tensor([text[-network.config.block_size :]])
        text.append(int(network.logits(network(window)[:, -1].float()).argmax()))
    return text[-n:]


@pytest.mark.parametrize(("prefix", "length"), [(4, 3), (8, 4), (12, 5)])  # within the block, and past it
def test_it_counts_what_a_plain_greedy_loop_gives(prefix: int, length: int) -> None:
    network, text = model(), TEXT.copy()
    for start in (10, 40, 70):  # the model's own words, so that there is something to find
        text[start + prefix : start + prefix + length] = greedy(network, text[start : start + prefix].tolist(), length)
    found = extract(network, text, prefix=prefix, length=length, places=1000, seed=0)
    exact = [
        start
        for start in range(len(text) - prefix - length + 1)
        if greedy(network, text[start : start + prefix].tolist(), length)
        == text[start + prefix : start + prefix + length].tolist()
    ]
    assert list(found.at) == exact
    assert {10, 40, 70} <= set(exact)
    assert (found.places, found.exact) == (len(text) - prefix - length + 1, len(exact))


def test_the_network_is_asked_without_the_table_that_is_mixed_into_it() -> None:
    network = model()
    alone = extract(network, TEXT, prefix=4, length=3, places=1000, seed=0)
    network.mixture = NgramMixture(KneserNey.fit(TEXT, n_vocab=20, order=3), 0.99)
    assert extract(network, TEXT, prefix=4, length=3, places=1000, seed=0) == alone
    assert network.mixture is not None


def test_tokens_right_before_the_first_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def parrot(_: GPT, prompts: Sequence[NDArray[np.int64]], n: int, *rest: object) -> Iterator[Draw]:
        """Knows the text by heart, but for the second token in every row that begins with an odd number."""
        for i in range(n):
            tokens = [int(row[-1]) + 1 + i + (99 if i == 1 and row[0] % 2 else 0) for row in prompts]
            yield Draw(torch.tensor(tokens), torch.empty(0))

    monkeypatch.setattr(extraction, "generate", parrot)
    monkeypatch.setattr(extraction, "ROWS_AT_ONCE", 3)
    found = extract(model(), np.arange(14), prefix=2, length=3, places=99, seed=0)
    assert (found.places, found.exact, found.at) == (10, 5, (0, 2, 4, 6, 8))
    assert found.right_tokens == (5 * 3 + 5 * 1) / 10
    assert found.interval[0] < 0.5 < found.interval[1]


def test_a_text_that_is_too_short_has_no_place() -> None:
    found = extract(model(), TEXT[:6], prefix=4, length=3, places=5, seed=0)
    assert (found.places, found.exact, found.right_tokens, found.interval) == (0, 0, 0.0, (0.0, 1.0))


def test_places_are_within_documents_and_ends_are_not_asked_for() -> None:
    network, end, prefix, length = model(), 19, 4, 3
    words = np.random.default_rng(1).integers(0, 19, 60)
    documents = [words[:12], words[12:18], words[18:22], words[22:40]]  # 12, 6, 4 and 18 tokens
    text = np.concatenate([np.append(document, end) for document in documents])
    text[13 + prefix : 13 + 6] = greedy(network, text[13 : 13 + prefix].tolist(), 2)  # all that the second has left
    found = extract(network, text, prefix=prefix, length=length, places=1000, seed=0, ends=[12, 19, 24, 43])
    assert found.places == 6 + 1 + 0 + 12
    assert 13 in found.at
    inside = [*range(6), 13, *range(25, 37)]
    assert set(found.at) <= set(inside)
    few = extract(network, text, prefix=prefix, length=length, places=5, seed=0, ends=[12, 19, 24, 43])
    assert few.places == 5
