"""What a suggestion rests on: sides, leakage, structure, and what counting makes of a text in several vocabularies."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from slmtui.config.limits import SMALLEST_VOCABULARY
from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset, split_prefix
from slmtui.data.errors import DataError
from slmtui.data.side_text import count_bytes
from slmtui.data.split_stats import DatasetLeakage, dataset_baseline, dataset_leakage
from slmtui.data.text_measures import TextMeasures, measure_text, sample
from slmtui.data.token_prefix import read_prefix
from slmtui.insight.rules.limits import LEAK

TRIAL_TOKENS = 150_000  # GPT-2 tokens of a corpus that vocabularies are tried on
TRIAL_BYTES = 250_000
SPLIT_TOKENS = 10_000_000  # GPT-2 tokens that other splits are tried on; in most splits, more is not compared anyway
BPE_SIZES = (320, 512, 1024)
LONG_WORDS = 48  # bytes, on average: such a text has no words, and learning pairs from it takes minutes


@dataclass(frozen=True)
class VocabularyTrial:
    """A vocabulary, and the bits per byte of validation that an n-gram model of its tokens reaches.

    bits: infinite where that was not tried.
    """

    kind: str
    vocab_size: int | None  # only of a bpe
    bits: float
    bytes_per_token: float  # of training
    n_vocab: int

    @property
    def name(self) -> str:
        return f"bpe of {self.vocab_size:,}" if self.vocab_size else self.kind


@dataclass(frozen=True)
class CorpusFacts:
    """What a suggestion depends on.

    files: documents, on all sides. repeated_share: of the validation tokens, in repeats of training text.
    vocabulary: of the dataset that was measured. by_document_share: the same as repeated_share where documents from all
    over are held back; None: not measured, or impossible. dedupe_share: the same without copies of documents;
    by_document_share is then of the documents that are left. tried_tokens: GPT-2 tokens, from the start, that the two
    were measured on; None: on all. trials: in the order in which they are preferred where they are equally good.
    left_out: what nearly all documents share, in words. has_words: False for a text without spaces.
    """

    train_bytes: int
    val_bytes: int
    files: int
    repeated_share: float
    vocabulary: VocabularyTrial
    by_document_share: float | None = None
    dedupe_share: float | None = None
    tried_tokens: int | None = None
    left_out: tuple[str, ...] = ()
    trials: tuple[VocabularyTrial, ...] = ()
    text: TextMeasures | None = None
    has_words: bool = True

    @property
    def best_bits(self) -> float:
        """Of the trials; infinite without any."""
        return min((trial.bits for trial in self.trials), default=math.inf)

    @property
    def note(self) -> str:
        """What should be known before a phase is suggested; "" for an ordinary text."""
        return self.text.note(self.best_bits) if self.text is not None else ""

    @property
    def is_trivial(self) -> bool:
        return self.text is not None and self.text.is_trivial

    @property
    def has_nothing_to_learn(self) -> bool:
        """Whether the text is noise, or next to nothing."""
        return self.is_trivial or (self.text is not None and self.text.is_noise(self.best_bits))


def measure_corpus(
    corpus: Corpus,
    dataset: Dataset,
    settings: DatasetSettings,
    leakage: DatasetLeakage,
    fixed: Collection[tuple[str, str]] = (),
) -> CorpusFacts:
    """Some seconds for 200 KB, and hardly more for any larger corpus. `dataset`: the corpus with these settings.

    fixed: keys, as (section, key), whose settings are not to be chosen: no other value is tried.
    """
    documents = dataset.n_documents or len(dataset.files)
    vocabulary = VocabularyTrial(
        settings.kind, settings.vocab_size if settings.kind == "bpe" else None, math.inf, dataset.train.bytes_per_token,
        dataset.tokenizer.n_vocab,
    )  # fmt: skip
    facts = CorpusFacts(
        dataset.train.n_bytes, dataset.val.n_bytes, documents, leakage.repeated_share, vocabulary,
        left_out=leakage.left_out, text=measure_text(dataset),
    )  # fmt: skip
    text = sample(dataset.train, dataset.tokenizer, TRIAL_BYTES)
    facts = replace(facts, has_words=len(text) < LONG_WORDS * (1 + len(text.split())))
    may_dedupe = not settings.dedupe and ("data", "dedupe") not in fixed and dataset.n_documents is not None
    may_split = settings.split == "contiguous" and ("data", "split") not in fixed and not settings.validation
    if documents > 1 and leakage.repeated_share >= LEAK and (may_dedupe or may_split):
        facts, settings = _other_splits(corpus, dataset, settings, facts, may_dedupe=may_dedupe, may_split=may_split)
    return replace(facts, trials=tuple(_trials(corpus, settings, facts, text)))


def _other_splits(
    corpus: Corpus, dataset: Dataset, settings: DatasetSettings, facts: CorpusFacts, *, may_dedupe: bool,
    may_split: bool,
) -> tuple[CorpusFacts, DatasetSettings]:  # fmt: skip
    """Without copies, then with documents from all over: what leaks then, and the settings that leak least.

    Of a large corpus, the beginning is tried, unless files are named, which may stand anywhere.
    """
    named = settings.validation or settings.test
    limit = settings.dataset_size if named else min(settings.dataset_size or SPLIT_TOKENS, SPLIT_TOKENS)
    prefix = read_prefix(corpus, limit)
    n_bytes, is_part = _n_bytes(dataset), limit != settings.dataset_size and prefix.n_text_tokens == limit
    facts = replace(facts, tried_tokens=limit if is_part else None)

    def attempt(other: DatasetSettings) -> tuple[float, CorpusFacts] | None:
        """How much of validation then repeats training text, and the facts with the sizes of such sides."""
        try:
            found = split_prefix(corpus, prefix, other)
        except DataError:
            return None
        of = _n_bytes(found) if settings.dedupe else count_bytes(prefix, prefix.parts)
        train, val = (round(side.n_bytes * (n_bytes / of if is_part else 1)) for side in (found.train, found.val))
        return dataset_leakage(found).repeated_share, replace(facts, train_bytes=train, val_bytes=val)

    chosen, share = settings, facts.repeated_share
    if may_dedupe:
        other = replace(settings, dedupe=True)
        if (found := attempt(other)) is not None and found[0] < share:
            share, chosen, facts = found[0], other, replace(found[1], dedupe_share=found[0])
    if may_split and share >= LEAK:
        other = replace(chosen, split="by-document")
        if (found := attempt(other)) is not None:
            if found[0] < share:
                chosen, facts = other, found[1]
            facts = replace(facts, by_document_share=found[0])
    return facts, chosen


def _n_bytes(dataset: Dataset) -> int:
    return sum(side.n_bytes for side in dataset.sides)


def _trials(corpus: Corpus, settings: DatasetSettings, facts: CorpusFacts, text: bytes) -> Iterator[VocabularyTrial]:
    kinds: list[tuple[str, int | None]] = [("bytes", None)]
    if not text.isascii():
        kinds.append(("characters", None))
    if facts.has_words and not facts.is_trivial:
        kinds += [("bpe", size) for size in BPE_SIZES]
    limit = min(settings.dataset_size or TRIAL_TOKENS, TRIAL_TOKENS)
    for kind, size in kinds:
        tried = replace(settings, kind=kind, dataset_size=limit, vocab_size=size or settings.vocab_size)
        try:
            dataset = build_dataset(corpus, tried)
        except DataError:  # its first part cannot be split
            continue
        baseline = dataset_baseline(dataset)
        if baseline is None:
            continue
        n_vocab = dataset.tokenizer.n_vocab
        exists = max(SMALLEST_VOCABULARY, min(size, n_vocab)) if size is not None else None
        yield VocabularyTrial(kind, exists, baseline.bits_per_byte, dataset.train.bytes_per_token, n_vocab)
        if size is not None and n_vocab < size:
            return  # no further pair occurs twice
        if facts.text is not None and facts.text.is_noise(baseline.bits_per_byte):
            return  # there are no words to learn, and looking for them would take a while
