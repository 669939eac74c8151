"""What completions of lines are worth: models whose completions are known, and the sums done by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from slmtui.data.ngram import KneserNey
from slmtui.data.ngram_baseline import fit_ngram
from slmtui.data.tokenizer import ByteTokenizer
from slmtui.errors import UserError
from slmtui.inference import generation
from slmtui.inference.batch import Draw
from slmtui.insight.judging.completing import (
    FEWEST_PLACES,
    SLOW_PLACES,
    Predict,
    by_counting,
    characters_saved,
    complete_lines,
    greedily,
    places_in_time,
    usefulness,
)
from slmtui.insight.judging.counts import Estimate
from slmtui.insight.judging.line_places import MOST_CHARACTERS, LinePlace
from slmtui.model.context_mixture import ContextMixture
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from slmtui.model.mixture import NgramMixture
from tests.insight.judging.test_line_places import dataset

BYTES = ByteTokenizer(end=True)
SURE = 0.9  # the probability that a written model has for each token that it writes


def place(rest: str, number: int = 0) -> LinePlace:
    """The context is its number, by which a written model knows it."""
    return LinePlace(np.array([number]), rest, int(BYTES.encode(rest)[0]))


def writes(*texts: str) -> Predict:
    """A model that continues the context [i] with texts[i], and then ends the document."""

    def draws(contexts: Sequence[NDArray[np.int64]], n: int) -> Iterator[Draw]:
        written = [[*BYTES.encode(texts[int(context[0])]).tolist(), BYTES.end] for context in contexts]
        for i in range(n):
            tokens = torch.tensor([row[min(i, len(row) - 1)] for row in written])
            probabilities = torch.full((len(tokens), BYTES.n_vocab), (1 - SURE) / (BYTES.n_vocab - 1))
            yield Draw(tokens, probabilities.scatter(1, tokens[:, None], SURE))

    return draws


def values(predict: Predict, *rests: str) -> dict[str, float]:
    found = complete_lines(predict, [place(rest, i) for i, rest in enumerate(rests)], BYTES)
    return {name: value["value"] for name, value in asdict(found).items() if value is not None}


def test_a_model_that_knows_the_lines_saves_all_of_their_characters() -> None:
    assert values(writes("return total", "x = 1"), "return total", "x = 1") == {
        "exact": 1.0, "similarity": 1.0, "characters_saved": 1.0, "top1": 1.0, "top5": 1.0,
        "perplexity": pytest.approx(1 / SURE),
    }  # fmt: skip


def test_what_is_saved_is_the_right_beginning_of_each_line() -> None:
    found = values(writes("return total", "nothing", "abcd"), "return none", "x = 1", "abcdef")
    assert found["exact"] == 0.0
    assert found["characters_saved"] == pytest.approx((7 + 0 + 4) / (11 + 5 + 6))
    # "total" to "none": of 12 characters, 4 are others and one is too many; "nothing" and "x = 1" share no place.
    assert found["similarity"] == pytest.approx((1 - 4 / 12 + 0 + 4 / 6) / 3, abs=0.05)
    assert found["top1"] == pytest.approx(2 / 3)
    wrong = (1 - SURE) / (BYTES.n_vocab - 1)
    assert found["perplexity"] == pytest.approx(math.exp(-(2 * math.log(SURE) + math.log(wrong)) / 3), rel=1e-5)


def test_a_completion_ends_with_its_line_or_document_or_after_so_many_characters() -> None:
    assert values(writes("x = 1\ny = 2"), "x = 1")["exact"] == 1.0
    assert values(writes("x = 1"), "x = 12")["exact"] == 0.0
    assert values(writes("x = 12"), "x = 1") | {"similarity": 0} == values(writes("x = 1"), "x = 1") | {
        "similarity": 0, "exact": 0.0,
    }, "what is offered too much is no harm to what is saved"  # fmt: skip
    long = "".join(chr(ord("ä") + i % 7) for i in range(200))  # two bytes each
    assert values(writes(long), long[:MOST_CHARACTERS])["exact"] == 1.0


def test_five_of_the_likeliest_count_for_top5() -> None:
    def likes(order: str) -> Predict:
        def draws(contexts: Sequence[NDArray[np.int64]], n: int) -> Iterator[Draw]:
            chances = torch.zeros(len(contexts), BYTES.n_vocab)
            for rank, token in enumerate(BYTES.encode(order).tolist()):
                chances[:, token] = 1 / (2 + rank)
            for _ in range(n):
                yield Draw(torch.full((len(contexts),), BYTES.end or 0), chances)

        return draws

    assert [values(likes("abcdef"), letter)["top5"] for letter in "abefz"] == [1, 1, 1, 0, 0]
    assert [values(likes("abcdef"), letter)["top1"] for letter in "ab"] == [1, 0]
    assert math.isfinite(values(likes("abcdef"), "z")["perplexity"])


def test_the_error_is_that_of_a_ratio() -> None:
    half = Estimate.of([1.0, 0.0, 1.0, 0.0])
    assert half.value == 0.5
    assert half.error == pytest.approx(math.sqrt(1 / 12))
    assert Estimate.of([3.0, 6.0, 1.5], [6.0, 12.0, 3.0]) == Estimate(0.5, 0.0), "all of them save half"
    assert Estimate.of([2.0], [4.0]) == Estimate(0.5, None)


def network(n_vocab: int, n_layer: int = 1, n_embd: int = 8, block_size: int = 16) -> GPT:
    config = GPTConfig(n_vocab=n_vocab, n_layer=n_layer, n_head=2, n_embd=n_embd, block_size=block_size, dropout=0.0)
    return initial_gpt(config, 3).eval()


def test_counting_completes_what_it_has_counted_and_an_untrained_network_nothing(tmp_path: Path) -> None:
    lines = "".join(f"a{i} b{i} c{i} d{i}\n" for i in range(100, 140))
    repeated = dataset(tmp_path / "corpus", "bytes", {"a.txt": (lines * 10).encode()})
    found = usefulness(network(repeated.tokenizer.n_vocab), repeated, places=40, seed=1)
    assert found is not None
    assert found.places == 40
    assert found.mixed is None
    assert found.used is found.network
    assert found.network.characters_saved.value < 0.02
    assert found.counting.characters_saved.value > 0.5
    assert found.counting.perplexity.value < 2 < found.network.perplexity.value


def test_a_mixture_is_measured_beside_its_network(tmp_path: Path) -> None:
    text = dataset(tmp_path / "corpus", "gpt2-compact")
    ngram = fit_ngram(text.train.tokens, text.tokenizer.n_vocab)
    model = network(text.tokenizer.n_vocab)
    alone = usefulness(model, text, places=30, seed=5)
    model.mixture = NgramMixture(ngram, 0.999)
    found = usefulness(model, text, places=30, seed=5)
    assert alone is not None
    assert found is not None
    assert found.mixed is not None
    assert (found.network, found.order) == (alone.network, ngram.order)
    assert found.used is found.mixed
    nearly_all = found.counting.characters_saved.value  # where two tokens are alike to counting, the network decides
    assert found.mixed.characters_saved.value == pytest.approx(nearly_all, abs=0.03)
    assert found.mixed.characters_saved.value > found.network.characters_saved.value
    assert characters_saved(model, text, places=30, seed=5) == (30, found.mixed.characters_saved)
    assert model.mixture is not None, "the model is left as it was"


def test_completions_do_not_depend_on_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = dataset(tmp_path / "corpus", "gpt2-compact")
    model = network(text.tokenizer.n_vocab)
    together = usefulness(model, text, places=30, seed=5)
    monkeypatch.setattr(generation, "ROWS_AT_ONCE", 7)
    apart = usefulness(model, text, places=30, seed=5)
    assert together is not None
    assert apart is not None
    assert together.network.similarity == apart.network.similarity
    assert json.dumps(asdict(together.counting)) == json.dumps(asdict(apart.counting))


def test_the_ngram_model_writes_what_is_likeliest_after_its_context() -> None:
    text = np.array(BYTES.encode("abcabcabcabc"), np.int64)
    draws = by_counting(KneserNey.fit(text, BYTES.n_vocab, 3))([text[:2], text[:4]], 4)
    assert [BYTES.decode(row) for row in torch.stack([draw.tokens for draw in draws], dim=1)] == ["cabc", "bcab"]


def test_a_long_context_leaves_room_in_the_window() -> None:
    model = network(30, block_size=16)
    context = np.arange(25)
    (short,), (long,) = ([draw.probabilities for draw in greedily(model)([one], 1)] for one in (context[-12:], context))
    assert torch.equal(short, long)


def test_a_large_model_is_asked_at_fewer_places() -> None:
    small, large = network(300), network(300, n_layer=8, n_embd=512, block_size=512)
    assert places_in_time(small) > 10_000
    assert FEWEST_PLACES <= places_in_time(large) < 100


def test_a_mixture_that_learns_on_is_given_the_whole_context_and_asked_at_fewer_places(tmp_path: Path) -> None:
    text = dataset(tmp_path / "corpus", "bytes")
    model = network(text.tokenizer.n_vocab)
    assert places_in_time(model) > SLOW_PLACES
    model.mixture = ContextMixture.fit(text.train.tokens, text.tokenizer)
    assert places_in_time(model) == SLOW_PLACES
    told = np.array(text.tokenizer.encode("zyxwvuts is told once, and then nothing of the kind; zyxw"), np.int64)
    likeliest, unknown = (
        [int(draw.tokens[0]) for draw in greedily(model)([context], 1)] for context in (told, told[-12:])
    )
    assert text.tokenizer.decode(likeliest) == "v"
    assert likeliest != unknown
    found = usefulness(model, text, places=6, seed=5)
    assert found is not None
    assert found.mixed is not None
    assert found.mixed.characters_saved.value > found.network.characters_saved.value


def test_bleu_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    text = dataset(tmp_path / "corpus", "gpt2-compact")
    with pytest.raises(UserError, match=r"pip install 'slmtui\[bleu\]'"):
        usefulness(network(text.tokenizer.n_vocab), text, places=5, seed=1, bleu=True)


def test_bleu_is_a_hundred_for_the_very_lines() -> None:
    pytest.importorskip("sacrebleu")
    lines = ("for each of the orders in it", "the number of all that is left")
    found = complete_lines(writes(*lines), [place(line, i) for i, line in enumerate(lines)], BYTES, bleu=True)
    assert found.bleu == pytest.approx(100)
