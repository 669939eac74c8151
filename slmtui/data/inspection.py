"""Statistics of a corpus: the numbers of `slmtui inspect` and of the Data screen.

One pass over the text; only a count per token, a row per file and the tokens of the dataset are kept.
"""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.baseline import Baseline
from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset, DatasetFile, DatasetSettings, FileSide, split_prefix
from slmtui.data.documents import Chunk
from slmtui.data.errors import DataError, TooShort
from slmtui.data.folder import Skipped
from slmtui.data.scripts import ScriptShare
from slmtui.data.split_stats import DatasetLeakage, baseline_and_scripts, dataset_leakage
from slmtui.data.text_measures import measure_text
from slmtui.data.token_file import blocks
from slmtui.data.token_prefix import END, TokenPrefixWriter
from slmtui.data.tokenizer import gpt2_tokenizer
from slmtui.output import spelled_bytes

MOST_FREQUENT = 20

_DEFINITION = re.compile(r"def[ \t]+\w+[ \t]*[(\[]")


@dataclass(frozen=True)
class FileCounts:
    """One file, its header included."""

    name: str
    characters: int
    tokens: int
    functions: int
    side: FileSide = ""  # "" where it has no text in the dataset


@dataclass(frozen=True)
class TokenCount:
    """How often a token occurs; bytes that are not UTF-8, as of a part of a character, are written as ‹e0 b8›."""

    token: str
    count: int


@dataclass(frozen=True)
class CharacterCount:
    """How often a character occurs."""

    character: str
    count: int


@dataclass(frozen=True)
class Inspection:
    """The whole corpus in GPT-2 tokens, and the dataset that a phase's settings make of it.

    Ends of documents are counted nowhere. `documents` is None in the published form.

    `functions` are definitions: lines that begin a Python function; calls do not count. `patterns` are numbers of
    matches. `train_tokens`, `val_tokens` and `unseen_val_tokens` (validation tokens whose id never occurs in training)
    are in the phase's vocabulary. So are `leakage`, `baseline` and `scripts`, which a text that is too short to split
    lacks, and one in a single script lacks `scripts`. `frequent_characters`: where many of the frequent tokens are
    parts of characters, else ().
    """

    characters: int
    lines: int
    tokens: int
    unique_tokens: int
    characters_per_token: float
    files: int
    documents: int | None
    functions: int
    patterns: dict[str, int]
    train_tokens: int
    val_tokens: int
    unseen_val_tokens: int
    file_tokens: tuple[FileCounts, ...]
    frequent_tokens: tuple[TokenCount, ...]
    frequent_characters: tuple[CharacterCount, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    leakage: DatasetLeakage | None = None
    baseline: Baseline | None = None
    scripts: tuple[ScriptShare, ...] = ()
    test_tokens: int | None = None  # None without a test side

    def to_json(self) -> str:
        """One JSON object with the names above."""
        return json.dumps(asdict(self), ensure_ascii=False, default=lambda tokens: [tokens.start, tokens.stop])


@dataclass(frozen=True)
class Counted:
    """An inspection before its two sides have been compared, and its dataset.

    files: what the dataset has of each of `inspection.file_tokens`; None for a file that does not begin in it.
    """

    inspection: Inspection
    dataset: Dataset | None  # None: it cannot be split
    files: tuple[DatasetFile | None, ...]
    refusal: DataError | None = None  # of settings that no longer text would help; None if there are none

    def compared(
        self, leakage: DatasetLeakage | None, baseline: Baseline | None, scripts: tuple[ScriptShare, ...] = ()
    ) -> Inspection:
        """The complete inspection."""
        sampled = [found.note for found in (leakage, baseline) if found is not None and found.note]
        shared = leakage.left_out if leakage is not None else ()
        sampled += [f"{text}; it is left out of the comparison of the two sides" for text in shared]
        notes = (*self.inspection.notes, *sampled)
        return replace(self.inspection, leakage=leakage, baseline=baseline, scripts=scripts, notes=notes)


def inspect_corpus(corpus: Corpus, settings: DatasetSettings, patterns: Mapping[str, str] | None = None) -> Inspection:
    """Count everything, then compare the two sides.

    A corpus that is too short to split is still inspected; a note says so.
    Raises DataError for an invalid regular expression, and for sides that the settings make impossible.
    """
    counted = count_corpus(corpus, patterns or {}, settings)
    if counted.refusal is not None:
        raise counted.refusal
    if counted.dataset is None:
        return counted.inspection
    baseline, scripts = baseline_and_scripts(counted.dataset)
    inspection = counted.compared(dataset_leakage(counted.dataset), baseline, scripts)
    note = measure_text(counted.dataset).note(math.inf if baseline is None else baseline.bits_per_byte)
    return replace(inspection, notes=(*inspection.notes, note)) if note else inspection


def count_corpus(corpus: Corpus, patterns: Mapping[str, str], settings: DatasetSettings) -> Counted:
    """Count everything. `patterns`: regular expressions by name (`^` and `$` match at every line)."""
    count = CorpusCount(corpus, patterns, settings)
    for _ in count.chunks():
        pass
    return count.counted()


class CorpusCount:
    """What has been counted of a corpus so far.

    Matches of patterns across the boundary of two chunks (half a million characters, cut at the end of a line) are
    missed.
    """

    def __init__(self, corpus: Corpus, patterns: Mapping[str, str], settings: DatasetSettings) -> None:
        """Raises DataError for what is not a regular expression."""
        self._corpus, self._settings = corpus, settings
        self._searches = {name: _compile(name, pattern) for name, pattern in patterns.items()}
        self._hits = dict.fromkeys(self._searches, 0)
        self._tokens = np.zeros(gpt2_tokenizer().n_vocab, np.int64)
        self._characters = np.zeros(sys.maxunicode + 1, np.int64)
        self._per_file = np.zeros((len(corpus.files), 3), np.int64)  # characters, tokens, functions
        self._lines, self._documents, self._last = 0, 0, "\n"
        self._writer = TokenPrefixWriter(corpus, settings.dataset_size)
        self.characters = 0

    def chunks(self) -> Iterator[Chunk]:
        """The chunks of the corpus, each as it has been counted."""
        for chunk, ids in self._writer.chunks():
            self._add(chunk, ids)
            yield chunk

    def _add(self, chunk: Chunk, ids: NDArray[Any]) -> None:
        n_ends = 0
        if not self._corpus.is_published:
            n_ends, ids = len(chunk.texts) - 1 + chunk.ends, ids[ids != END]
        self._documents += n_ends
        self._tokens += np.bincount(ids, minlength=len(self._tokens))
        self._per_file[chunk.file] += chunk.characters, len(ids), count_definitions("\n".join(chunk.texts))
        add_characters(self._characters, "".join(chunk.texts))
        self.characters += chunk.characters
        for i, text in enumerate(chunk.texts):
            self._last = text[-1:] or self._last
            self._lines += text.count("\n")
            if i < n_ends:
                self._lines, self._last = self._lines + (self._last != "\n"), "\n"
            for name, search in self._searches.items():
                self._hits[name] += sum(1 for _ in search.finditer(text))

    def so_far(self) -> Counted:
        """What has been counted, before the sides are chosen."""
        return Counted(self._inspection(), None, (None,) * len(self._corpus.files))

    def counted(self) -> Counted:
        """All of it, and the dataset. Once, at the end."""
        prefix = self._writer.prefix()
        try:
            dataset = split_prefix(self._corpus, prefix, self._settings)
        except DataError as error:
            inspection = replace(self._inspection(), train_tokens=prefix.n_text_tokens, notes=(str(error),))
            refusal = None if isinstance(error, TooShort) else error
            return Counted(inspection, None, (None,) * len(self._corpus.files), refusal)
        in_dataset = {part.file: file for part, file in zip(prefix.parts, dataset.files, strict=True)}
        own = tuple(map(in_dataset.get, range(len(self._corpus.files))))
        inspection = replace(
            self._inspection(own),
            train_tokens=dataset.train.n_text_tokens,
            val_tokens=dataset.val.n_text_tokens,
            test_tokens=None if dataset.test is None else dataset.test.n_text_tokens,
            unseen_val_tokens=unseen_tokens(dataset),
            notes=dataset.notes,
        )
        return Counted(inspection, dataset, own)

    def _inspection(self, own: Sequence[DatasetFile | None] = ()) -> Inspection:
        """What does not depend on the sides, but for those of the files, if they are known."""
        corpus, frequent = self._corpus, _most_frequent(self._tokens)
        _, tokens, functions = self._per_file.sum(axis=0).tolist()
        counts = zip(corpus.files, own or repeat(None), self._per_file.tolist(), strict=False)
        files = tuple(
            FileCounts(file.name, n_characters, n_tokens, n_functions, part.side if part is not None else "")
            for file, part, (n_characters, n_tokens, n_functions) in counts
        )
        return Inspection(
            characters=self.characters,
            lines=self._lines + (self._last != "\n"),
            tokens=tokens,
            unique_tokens=int(np.count_nonzero(self._tokens)),
            characters_per_token=self.characters / max(1, tokens),
            files=sum(not file.preamble for file in corpus.files),
            documents=None if corpus.is_published else self._documents,
            functions=functions,
            patterns=dict(self._hits),
            train_tokens=0,
            val_tokens=0,
            unseen_val_tokens=0,
            file_tokens=files,
            frequent_tokens=frequent,
            frequent_characters=(_most_frequent_characters(self._characters) if parts_of_characters(frequent) else ()),
            skipped=corpus.skipped,
            notes=(),
        )


def count_definitions(text: str) -> int:
    """Lines that begin a Python function, nested and asynchronous ones included."""
    # Searching for "def" and looking back is several times as fast as a pattern that begins with `^[ \t]*`.
    found = 0
    for match in _DEFINITION.finditer(text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        found += not before or before.isspace() or (before.strip() == "async" and before[-1].isspace())
    return found


def unseen_tokens(dataset: Dataset) -> int:
    """How many validation tokens have an id that never occurs in training."""
    seen = np.zeros(dataset.tokenizer.n_vocab, np.bool_)
    if dataset.tokenizer.end is not None:
        seen[dataset.tokenizer.end] = True
    for tokens in blocks(dataset.train.tokens):
        seen[tokens] = True
    return sum(int(np.count_nonzero(~seen[tokens])) for tokens in blocks(dataset.val.tokens))


def _most_frequent(counts: NDArray[np.int64]) -> tuple[TokenCount, ...]:
    """The most frequent first; among equals, the smaller id first."""
    order = np.argsort(-counts, kind="stable")[:MOST_FREQUENT].tolist()
    tokens = [(gpt2_tokenizer().token_bytes(i), int(counts[i])) for i in order if counts[i]]
    return tuple(TokenCount(spelled_bytes(token.decode("utf-8", "surrogateescape")), n) for token, n in tokens)


def parts_of_characters(frequent: Sequence[TokenCount]) -> bool:
    """Whether a quarter or more of the frequent tokens are bytes that are no character, and so tell nothing."""
    return 4 * sum("‹" in token.token for token in frequent) >= len(frequent) > 0


def add_characters(counts: NDArray[np.int64], text: str) -> None:
    """Add the characters of a text to the counts by code, (0x110000,)."""
    found = np.bincount(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4"))
    counts[: len(found)] += found


def _most_frequent_characters(counts: NDArray[np.int64]) -> tuple[CharacterCount, ...]:
    counts = counts.copy()
    counts[0xDC80:0xDD00] = 0  # bytes that are not UTF-8
    order = np.argsort(-counts, kind="stable")[:MOST_FREQUENT].tolist()
    return tuple(CharacterCount(chr(code), int(counts[code])) for code in order if counts[code])


def _compile(name: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise DataError(f"data.patterns.{name}: not a regular expression: {error} (got {pattern!r})") from None
