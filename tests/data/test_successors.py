"""Which tokens may follow which: never too few, and in a word just those that byte-pair encoding leaves as they are."""

from __future__ import annotations

import math
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from slmtui.data.bpe import train_bpe
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.context_mixing.static import shares_of
from slmtui.data.context_mixing.successors import with_successors
from slmtui.data.context_mixing.vocabulary import ByteTree, byte_tree
from slmtui.data.tokenizer import BpeTokenizer

SAMPLE = sorted((Path(__file__).parents[2] / "data" / "chromadb").rglob("*.py"))
NOTHING_READ = np.zeros(0, np.int64)
ODD = (
    "we're they'll I'd've it's'so 'tis ''s 'S don't rock 'n' roll; l'été, naïve Ünïcode ½ ²³ ٣ x\u00a0y\u3000z\u2028a",
    "  two  spaces   three\n\n\n    four\t\ttabs \t mixed \n \n x\r\n\r\n  y\v\f z   ",
    "a1b2 3c 4.5.6 ...!?? --==>> (x)[y]{z} \x00\x01 \x1c\x1d_a __b__ 🙂🙃 中文字 日本語のテキスト ",
)


@pytest.fixture(scope="module")
def text() -> str:
    return "\n".join(path.read_text() for path in SAMPLE[:8])


@pytest.fixture(scope="module")
def tokenizer(text: str) -> BpeTokenizer:
    return BpeTokenizer(train_bpe([text, *ODD], 420), end=True)


@pytest.fixture(scope="module")
def tree(tokenizer: BpeTokenizer) -> ByteTree:
    return with_successors(byte_tree(vocabulary_of(tokenizer)), NOTHING_READ)


def vocabulary_of(tokenizer: BpeTokenizer) -> list[bytes]:
    return [tokenizer.token_bytes(token) for token in range(tokenizer.n_vocab)]


def possible(tree: ByteTree, text: np.ndarray) -> np.ndarray:
    """Which of a text's tokens but the first may follow the one before."""
    found: np.ndarray = tree.may_follow(text[:-1])[np.arange(len(text) - 1), tree.ranks[text[1:]]]
    return found


def test_no_pair_of_an_encoded_text_is_excluded(tokenizer: BpeTokenizer, tree: ByteTree, text: str) -> None:
    dice = np.random.default_rng(1)
    letters = [*"abcdefghij tsrelmdv''\n\n   \t.,(_=1234567890é²中\u00a0", *ODD[0]]
    noise = ["".join(dice.choice(letters, 400)) for _ in range(40)]
    words = [" ".join(dice.permutation(text.split())) for _ in range(3)]
    for each in (text, *ODD, *noise, *words):
        found = tokenizer.encode(each).astype(np.int64)
        wrong = np.flatnonzero(~possible(tree, found))
        assert not len(wrong), [tokenizer.decode_bytes(found[i : i + 2]) for i in wrong[:5]]


def test_no_pair_is_excluded_with_merges_in_an_order_that_no_text_gives() -> None:
    """A checkpoint from elsewhere may have them: bbbbbb comes about after bbbb, and is a part of all nine at once."""
    merges = [(98, 98), (256, 98), (257, 257), (258, 257), (97, 258), (256, 256)]  # bb, bbb, bb…, abbbbbb, bbbb
    odd = BpeTokenizer(merges, end=True)
    tree = with_successors(byte_tree(vocabulary_of(odd)), NOTHING_READ)
    found = odd.encode("a" + 9 * "b").astype(np.int64)
    assert found.tolist() == [97, 259]
    assert possible(tree, found).all()


def test_a_vocabulary_that_was_made_to_take_long_takes_seconds() -> None:
    """Thousands of tokens begin with "a" early on, and as many end with one later, each at another time."""
    others = [bytes([byte]) for byte in range(256) if byte != ord("a")]
    pairs = [left + right for left, right in product(others, others)][:5000]
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [*pairs, *(b"a" + pair for pair in pairs), *(pair + b"a" for pair in pairs)]
    began = time.perf_counter()
    tree = with_successors(byte_tree(tokens), NOTHING_READ)
    assert time.perf_counter() - began < 20  # a second; pair by pair it took more than a minute
    assert tree.n_excluded.any()


def test_in_a_word_only_those_pairs_are_possible_that_encoding_leaves(tokenizer: BpeTokenizer, tree: ByteTree) -> None:
    words = [i for i, token in enumerate(vocabulary_of(tokenizer)) if token.isalpha() and token not in CONTRACTED]
    pairs = np.array([(a, b) for a in words for b in words])
    stays = [len(tokenizer.encode(tokenizer.decode(pair))) == 2 and is_same(tokenizer, pair) for pair in pairs]
    allowed = tree.may_follow(pairs[:, 0])[np.arange(len(pairs)), tree.ranks[pairs[:, 1]]]
    assert np.array_equal(allowed, stays)
    assert 0.02 < 1 - np.mean(stays) < 0.5


CONTRACTED = {b"s", b"d", b"m", b"t", b"l", b"e", b"ll", b"ve", b"re"}  # letters may begin a word after them: "it's|so"


def is_same(tokenizer: BpeTokenizer, pair: np.ndarray) -> bool:
    return bool(np.array_equal(tokenizer.encode(tokenizer.decode(pair)), pair))


def test_what_was_met_and_the_end_of_a_document_are_always_possible(tokenizer: BpeTokenizer) -> None:
    (o, n), end = tokenizer.byte_ids[np.frombuffer(b"on", np.uint8)], tokenizer.n_vocab - 1
    plain = byte_tree(vocabulary_of(tokenizer))
    on = np.array([o, n], np.int64)
    assert not possible(with_successors(plain, NOTHING_READ), on).any()
    assert possible(with_successors(plain, on), on).all()
    around = np.array([end, o, end, n], np.int64)
    assert possible(with_successors(plain, NOTHING_READ), around).all()


@pytest.mark.parametrize("with_network", [False, True], ids=["counts", "network"])
def test_probabilities_are_those_of_the_losses_and_sum_to_one(
    tokenizer: BpeTokenizer, text: str, with_network: bool
) -> None:
    mixer = ContextMixer.fit(vocabulary_of(tokenizer), tokenizer.encode(text[:6000]), bpe=True)
    dice = np.random.default_rng(2)
    excluded = 0
    for token in [*tokenizer.encode(text[6000:6150]), *tokenizer.byte_ids[np.frombuffer(b"the text", np.uint8)]]:
        network = dice.dirichlet(np.ones(tokenizer.n_vocab)) if with_network else None
        assert mixer.distribution(network, adaptive=True).sum() == pytest.approx(1, abs=1e-9)
        p = mixer.distribution(network, adaptive=False)
        assert p.sum() == pytest.approx(1, abs=1e-9)
        assert p.min() > 0
        loss = mixer.copy().losses([token], [] if network is None else [network[None]], adaptive=False)
        assert math.exp(-loss[0]) == pytest.approx(p[token], rel=1e-6)
        mixer.read([token], adaptive=True)
        excluded += network is None and p[token] < 1e-5
    assert with_network or excluded > 2  # "t", "h", "e", which are "the" where they stand in a text


def test_knowing_it_predicts_better(tokenizer: BpeTokenizer, text: str) -> None:
    tokens, vocabulary = tokenizer.encode(text), vocabulary_of(tokenizer)
    train, val = tokens[: len(tokens) * 3 // 4], tokens[len(tokens) * 3 // 4 :]
    knowing, not_knowing = (ContextMixer.fit(vocabulary, train, bpe=bpe) for bpe in (True, False))
    for adaptive in (False, True):
        better = not_knowing.copy().losses(val, adaptive=adaptive) - knowing.copy().losses(val, adaptive=adaptive)
        assert better.mean() > 0.005


def test_a_network_weighs_more_the_larger_the_text() -> None:
    shares = [shares_of(n) for n in (0, 2_000, 50_000, 1_000_000, 40_000_000)]
    assert shares == sorted(shares)
    assert shares[0] == (0.2, 0.25)
    assert shares[-1] == (0.6, 0.4)
