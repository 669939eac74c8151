"""What a sample is worth: does it parse, does it repeat itself, are its names real, was it copied?

    judge = Judge.build(dataset)
    judge("def get_", "embedding(text):\n    return …").label  # "syntax"

The label is the first that holds:

- `copy`: at least half of the sample's tokens stand in runs of as much text as 16 tokens of GPT-2, or more, that are in
  the training text verbatim. How many tokens of a vocabulary that is, is measured as it is for leakage.
  Tokens of nothing but whitespace are never counted: to GPT-2, an indentation by eight is eight tokens.
- `gibberish`: no words; or fewer than half of its words are words of the corpus; or fewer than a third of its
  trigrams are distinct.
- `fragments`: real words, but no structure. Python: it does not parse up to where it was cut off. Other text: a bracket
  closes what was not open, or fewer than nine tenths of the words are words of the corpus. Both: a doubled piece, as
  in "ginggingging".
- `domain`: structure, and at least two different names of the corpus, no fewer than made-up ones. Names are the words
  of three letters or more that are not common. Common are Python's keywords and builtins; in other text, the
  corpus's most frequent words, at most 100 and at most a tenth of them.
- `syntax`: structure, and fewer names of the corpus.

Only what the model wrote counts, not its prompt. A corpus is Python if most of its files parse. The limits are house
rules.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from slmtui.data.chunks import chunks
from slmtui.data.dataset import Dataset
from slmtui.data.published import FOOTER
from slmtui.data.split_stats import shortest_copy
from slmtui.data.text_index import TextIndex
from slmtui.insight.judging.counts import Rates
from slmtui.insight.judging.syntax import longest_prefix, parses, says_something, wrong_brackets

Label = Literal["gibberish", "fragments", "syntax", "domain", "copy"]

INDEXED_TOKENS = 4_000_000  # of the training text, from its start; copies of what follows are not found
FILES_TRIED = 20  # to see whether a corpus is Python
TOKENS_TRIED = 4_000  # of each
KNOWN_ENOUGH = 0.5
KNOWN_IN_TEXT = 0.9
DISTINCT_ENOUGH = 1 / 3
COPIED_ENOUGH = 0.5
MOST_COMMON = 100
SHORTEST_NAME = 3  # letters; i, x and fd belong to any program

_BLOCK = 1 << 16  # tokens
_WORD = re.compile(r"[^\W\d]\w*")
_PIECE = re.compile(r"\w+|([^\w\s])\1*")  # a rule of fifty "=" is one piece, not a repetition
# Letters twice in a row are a doubled piece from three letters on ("gingging"), shorter ones from three times on.
_DOUBLED = re.compile(r"([^\W\d]{3,}?)\1|([^\W\d]{2})\2\2")
_PYTHON_WORDS = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))


@dataclass(frozen=True)
class Judgement:
    """What was found in one sample; the module says how it comes to its label."""

    label: Label
    parses: bool | None  # up to the cut; None where the corpus is not Python
    parsed_lines: int | None  # the longest whole module from the start, prompt included
    lines: int  # prompt included
    wrong_brackets: int  # closed without having been opened; in Python also quotes left open
    distinct: float  # distinct trigrams of words and signs, as a share of all (distinct-3; Li et al. 2016)
    doubled: tuple[str, ...]  # words with a piece repeated on the spot, unless the corpus has them
    known_words: float  # share of the words that the corpus has; 0 if there are none
    names: tuple[str, ...]  # of the corpus, that the sample uses
    made_up: tuple[str, ...]  # names that the corpus has not
    tokens: int  # here and below, without those that are whitespace
    shortest_copy: int  # tokens of this vocabulary from which on a run is a copy: about 16 of GPT-2's
    copied_tokens: int  # in such runs that stand in the training text
    longest_copy: int  # tokens, however few
    copied_from: str  # "file:line", a place of the longest copy; "" if not even a token is there
    copied_text: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a sample event and for JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class CopiedSpan:
    """Tokens that stand one after the other in the training text, too, enough of them solid."""

    start: int  # of the tokens that were judged
    stop: int
    length: int  # without the tokens that are whitespace
    source: str  # "file:line"


@dataclass(frozen=True)
class Judge:
    """What is known of a corpus for judging samples; some milliseconds for each, whatever the size of the corpus."""

    dataset: Dataset
    index: TextIndex
    words: frozenset[str]  # of the corpus, both sides; in lower case unless it is Python
    common: frozenset[str]
    is_python: bool
    shortest_copy: int  # solid tokens of this vocabulary: about as much text as SHORTEST_COPY tokens of GPT-2

    @classmethod
    def build(cls, dataset: Dataset) -> Judge:
        """About a second for a million tokens; of more than four millions, words are learned from that many."""
        python = is_python(dataset)
        counts: Counter[str] = Counter()
        for text in _texts(dataset):
            counts.update(_WORD.findall(text if python else text.lower()))
        common = [word for word, _ in counts.most_common(min(MOST_COMMON, len(counts) // 10))]
        return cls(
            dataset=dataset,
            index=TextIndex.build(dataset.train.tokens[:INDEXED_TOKENS]),
            words=frozenset(counts),
            common=_PYTHON_WORDS if python else frozenset(common),
            is_python=python,
            shortest_copy=shortest_copy(dataset),
        )

    def __call__(self, prompt: str, text: str) -> Judgement:
        """Judges the completion `text` of a prompt."""
        whole = (prompt + text).replace(FOOTER, "\n\n")  # the line between two files is no Python, but rightly learned
        start = len(prompt.replace(FOOTER, "\n\n"))
        words = self._words(whole, start)
        known = [word in self.words or word in self.common for word in words]
        names = dict.fromkeys(word for word in words if word not in self.common and len(word) >= SHORTEST_NAME)
        found: dict[str, Any] = {
            "parses": parses(whole, start) if self.is_python else None,
            "parsed_lines": longest_prefix(whole) if self.is_python else None,
            "lines": whole.count("\n") + 1,
            "wrong_brackets": wrong_brackets(whole, python=self.is_python),
            "distinct": _distinct([match[0] for match in _PIECE.finditer(text)]),
            "doubled": tuple(w for w in dict.fromkeys(words) if w not in self.words and _DOUBLED.search(w)),
            "known_words": sum(known) / len(known) if known else 0.0,
            "names": tuple(name for name in names if name in self.words),
            "made_up": tuple(name for name in names if name not in self.words),
            **self._copies(text),
        }
        return Judgement(label=_label(found), **found)

    def _words(self, whole: str, start: int) -> list[str]:
        """The words that the model wrote, or completed. One that the cut may have shortened is left out."""
        matches = [match for match in _WORD.finditer(whole) if match.end() > start]
        if len(matches) > 1 and matches[-1].end() == len(whole):
            matches.pop()
        return [match[0] if self.is_python else match[0].lower() for match in matches]

    def copied_spans(self, ids: Sequence[int]) -> tuple[CopiedSpan, ...]:
        """All copies among these tokens that cannot be made longer, in order; they may overlap."""
        found = self._matches(ids)
        spans = ((int(start), int(start + found.lengths[start])) for start in found.copies(self.shortest_copy))
        return tuple(
            CopiedSpan(start, stop, found.solid(start, stop), self._source(int(found.places[start])))
            for start, stop in spans
        )

    def _copies(self, text: str) -> dict[str, Any]:
        tokenizer = self.dataset.tokenizer
        tokens = tokenizer.encode(text)
        found = self._matches(tokens)
        copied = reached = 0
        for start in found.copies(self.shortest_copy):
            stop = int(start + found.lengths[start])
            copied += found.solid(max(int(start), reached), stop)
            reached = stop
        at = int(np.argmax(found.solid_lengths)) if len(tokens) else 0
        longest = int(found.solid_lengths[at]) if len(tokens) else 0
        return {
            "tokens": found.solid(0, len(tokens)),
            "shortest_copy": self.shortest_copy,
            "copied_tokens": copied,
            "longest_copy": longest,
            "copied_from": self._source(int(found.places[at])) if longest else "",
            "copied_text": tokenizer.decode(tokens[at : at + int(found.lengths[at])]) if longest else "",
        }

    def _matches(self, ids: Sequence[int] | NDArray[Any]) -> _Matches:
        tokens = np.asarray(ids, np.int64)
        lengths, places = self.index.match_lengths(tokens)
        token_bytes = self.dataset.tokenizer.token_bytes
        solid = np.array([not token_bytes(token).isspace() for token in tokens.tolist()], np.int64)
        return _Matches(lengths, places, np.append(0, np.cumsum(solid)))

    def _source(self, place: int) -> str:
        """Where a token of the training text stands, as "file:line"."""
        file, line = self.dataset.locate("train", place)
        return f"{file}:{line}"


@dataclass(frozen=True)
class _Matches:
    """For each of n tokens, how many from it on stand in the training text, and where: (n,) each.

    before: (n + 1,), how many tokens before each are solid, which is not whitespace.
    """

    lengths: NDArray[np.int64]
    places: NDArray[np.int64]
    before: NDArray[np.int64]

    def solid(self, start: int, stop: int) -> int:
        """Solid tokens from `start` up to `stop`."""
        return int(self.before[stop] - self.before[start])

    @property
    def solid_lengths(self) -> NDArray[np.int64]:
        """Solid tokens of each match: (n,)."""
        starts = np.arange(len(self.lengths))
        solid: NDArray[np.int64] = self.before[starts + self.lengths] - self.before[starts]
        return solid

    def copies(self, shortest: int) -> NDArray[np.int64]:
        """The starts of the matches of `shortest` solid tokens or more, without those inside a longer one."""
        stops = np.arange(len(self.lengths)) + self.lengths
        reached = np.append(0, np.maximum.accumulate(stops))[:-1]  # by earlier matches
        return np.flatnonzero((stops > reached) & (self.solid_lengths >= shortest))


def rates(judgements: Iterable[Judgement]) -> Rates:
    """What the gate is asked about: `min_parse_rate` and `max_copied_share`."""
    judged = list(judgements)
    parsed = [judgement.parses for judgement in judged if judgement.parses is not None]
    tokens = sum(judgement.tokens for judgement in judged)
    return Rates(
        samples=len(judged),
        parse_rate=sum(parsed) / len(parsed) if parsed else None,
        copied_share=sum(judgement.copied_tokens for judgement in judged) / tokens if tokens else None,
        labels=dict(Counter(judgement.label for judgement in judged).most_common()),
    )


def _label(found: Mapping[str, Any]) -> Label:
    """The first rule of the module's list that holds; `found` are the other fields of the judgement."""
    if found["copied_tokens"] > 0 and found["copied_tokens"] >= COPIED_ENOUGH * found["tokens"]:
        return "copy"
    if found["known_words"] < KNOWN_ENOUGH or found["distinct"] < DISTINCT_ENOUGH:
        return "gibberish"
    has_structure = found["parses"]
    if has_structure is None:
        has_structure = found["wrong_brackets"] == 0 and found["known_words"] >= KNOWN_IN_TEXT
    if found["doubled"] or not has_structure:
        return "fragments"
    names = len(found["names"])
    return "domain" if names >= 2 and names >= len(found["made_up"]) else "syntax"


def _distinct(chunks: Sequence[str]) -> float:
    trigrams = list(zip(chunks, chunks[1:], chunks[2:], strict=False))
    return len(set(trigrams)) / len(trigrams) if trigrams else 1.0


def is_python(dataset: Dataset) -> bool:
    """Whether most of some files, evenly chosen, parse as far as they go."""
    files = [file for file in dataset.files if file.train]
    chosen = files[:: -(-len(files) // FILES_TRIED)]
    tokens, tokenizer = dataset.train.tokens, dataset.tokenizer
    ranges = [file.train[:TOKENS_TRIED] for file in chosen]
    texts = [tokenizer.decode(tokens[span.start : span.stop], "\n").replace(FOOTER, "\n\n") for span in ranges]
    return sum(map(says_something, texts)) > len(texts) / 2


def _texts(dataset: Dataset) -> Iterator[str]:
    """The text of both sides, in pieces cut between two words; of a large one, blocks from all over it."""
    for side in (dataset.train, dataset.val):
        every = -(-len(side.tokens) // INDEXED_TOKENS)
        blocks = range(0, len(side.tokens), _BLOCK)[::every]
        yield from chunks(dataset.tokenizer.decode(side.tokens[i : i + _BLOCK], "\n") for i in blocks)
