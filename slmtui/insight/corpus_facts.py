"""What a suggestion rests on: sides, leakage, structure, and what counting makes of a text in several vocabularies."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from slmtui.config.limits import SMALLEST_VOCABULARY
from slmtui.data.corpus import Corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset
from slmtui.data.errors import DataError
from slmtui.data.split_stats import DatasetLeakage, dataset_baseline, dataset_leakage
from slmtui.data.text_measures import TextMeasures, measure_text, sample
from slmtui.insight.rules.limits import LEAK

TRIAL_TOKENS = 150_000  # GPT-2 tokens of a corpus that vocabularies are tried on
TRIAL_BYTES = 250_000
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
    by_document_share is then of the documents that are left. trials: in the order in which they are preferred where
    they are equally good. has_words: False for a text without spaces.
    """

    train_bytes: int
    val_bytes: int
    files: int
    repeated_share: float
    vocabulary: VocabularyTrial
    by_document_share: float | None = None
    dedupe_share: float | None = None
    heading: str = ""
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
        heading=leakage.heading, text=measure_text(dataset),
    )  # fmt: skip
    text = sample(dataset.train, dataset.tokenizer, TRIAL_BYTES)
    facts = replace(facts, has_words=len(text) < LONG_WORDS * (1 + len(text.split())))
    leaky = documents > 1 and leakage.repeated_share >= LEAK
    if leaky and not settings.dedupe and ("data", "dedupe") not in fixed and dataset.n_documents is not None:
        try:
            other = build_dataset(corpus, replace(settings, dedupe=True))
            shared = dataset_leakage(other)
            if shared.repeated_share < leakage.repeated_share:
                settings, leakage = replace(settings, dedupe=True), shared
                facts = replace(
                    facts, dedupe_share=shared.repeated_share, train_bytes=other.train.n_bytes,
                    val_bytes=other.val.n_bytes,
                )  # fmt: skip
                leaky = shared.repeated_share >= LEAK
        except DataError:
            pass
    may_split = settings.split == "contiguous" and ("data", "split") not in fixed and not settings.validation
    if leaky and may_split:
        try:
            other = build_dataset(corpus, replace(settings, split="by-document"))
            shared = dataset_leakage(other)
            facts = replace(facts, by_document_share=shared.repeated_share)
            if shared.repeated_share < leakage.repeated_share:
                settings = replace(settings, split="by-document")
                facts = replace(facts, train_bytes=other.train.n_bytes, val_bytes=other.val.n_bytes)
        except DataError:
            pass
    return replace(facts, trials=tuple(_trials(corpus, settings, facts, text)))


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
