"""What the first event of a run says about its data: flat keys in the log's JSON, nested and typed here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from slmtui.config.limits import SHORTEST_COPY
from slmtui.data.baseline import Baseline, bits_per_byte
from slmtui.data.reading import what_is_left_out, what_is_read, what_to_know

if TYPE_CHECKING:
    from slmtui.data.dataset import Dataset

Positive = Annotated[int, Field(strict=True, gt=0, lt=1 << 53)]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """Facts about the texts, determined before the first step. Shares are fractions of 1, losses in nats per token.

    A new field must have a default, so that older logs still have facts.
    """

    used_tokens: int  # how many tokens of the vocabulary occur in the training text
    repeated_share: float  # of the validation tokens: in verbatim repeats of training text
    longest_repeat: int  # tokens
    longest_train: str  # "file:line"
    longest_val: str
    unseen_share: float  # of the validation tokens: those that do not occur in the training text
    duplicate_share: float  # of all tokens: in files that are near-duplicates of an earlier one
    unigram: float  # loss of a unigram model on the training text
    frequency_bits: float | None = None  # bits per byte that the frequencies of bytes give; None: not measured
    compressed_bits: float | None = None  # the same of the best compressor, for validation after training
    whole_bits: float | None = None  # the same for the whole text
    shortest_repeat: int = SHORTEST_COPY  # tokens from which on a repeat counts: about 16 of GPT-2's
    baseline: Baseline | None = None  # None: not measured


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """The dataset of a run. Every log has the three counts; other values that an older log lacks are None or empty.

    val_text: fingerprint of the validation text; losses are comparable only if it is the same.
    corpus: fingerprint of all the text that was read, before a part was taken of it and before it was tokenised.
    """

    tokenizer: str = ""
    n_vocab: Positive
    train_tokens: Positive
    val_tokens: Positive
    train_bytes: Positive | None = None
    val_bytes: Positive | None = None
    test_tokens: Positive | None = None  # None, too, without a test side
    test_bytes: Positive | None = None
    train_length: Positive | None = None  # train_tokens and the ends of documents; None, too, in the published form
    documents: Positive | None = None  # on all sides; None, too, in the published form
    by_document_differs: bool | None = None  # whether data.split = "by-document" makes another split; None: not known
    fingerprint: str = ""  # of the corpus and its tokens
    val_text: str = ""
    corpus: str = ""
    notes: tuple[str, ...] = ()
    source: str = ""  # one line: what was read
    left_out: tuple[str, ...] = ()  # of the source, and why, in a few lines
    facts: DataFacts | None = None

    @classmethod
    def of(cls, dataset: Dataset, *, notes: tuple[str, ...] = ()) -> DataRecord:
        """The record of a dataset, whose notes precede the given ones; the facts take longer and are added later."""
        return cls(
            tokenizer=dataset.tokenizer.kind,
            n_vocab=dataset.tokenizer.n_vocab,
            train_tokens=dataset.train.n_text_tokens,
            val_tokens=dataset.val.n_text_tokens,
            train_bytes=dataset.train.n_bytes,
            val_bytes=dataset.val.n_bytes,
            test_tokens=None if dataset.test is None else dataset.test.n_text_tokens,
            test_bytes=None if dataset.test is None else dataset.test.n_bytes,
            train_length=None if dataset.train.lines is None else len(dataset.train.tokens),
            documents=dataset.n_documents,
            by_document_differs=dataset.by_document_differs,
            fingerprint=dataset.fingerprint,
            val_text=dataset.val_bytes_fingerprint,
            corpus=dataset.corpus.fingerprint,
            notes=(*what_to_know(dataset.corpus), *dataset.notes, *notes),
            source=what_is_read(dataset.corpus),
            left_out=what_is_left_out(dataset.corpus),
        )

    @property
    def baseline(self) -> Baseline | None:
        """What counting reaches on the validation text, if the log has it."""
        return None if self.facts is None else self.facts.baseline


def same_vocabulary(records: Iterable[DataRecord]) -> bool:
    """Whether nats per token mean the same in all: vocabularies of one kind and size, which split one text alike.

    Two that are learned from different texts may be of one kind and size, and still have other tokens.
    """
    found = list(records)
    kinds = {(record.tokenizer, record.n_vocab) for record in found}
    lengths = {(record.val_text, record.val_tokens) for record in found}
    return len(kinds) <= 1 and len(lengths) == len({record.val_text for record in found})


_FACTS = [field for field in fields(DataFacts) if field.name != "baseline"]


def _from_log(values: Any, read: ValidatorFunctionWrapHandler) -> DataRecord:
    """The record from the flat keys of the log; unknown keys are ignored."""
    if isinstance(values, dict):
        known = {field.name: values[field.name] for field in _FACTS if field.name in values}
        complete = all(field.name in known for field in _FACTS if field.default is MISSING)
        values = values | {"facts": known if complete else None}
    record: DataRecord = read(values)
    if not isinstance(values, dict) or record.facts is None:
        return record
    return dataclasses.replace(record, facts=dataclasses.replace(record.facts, baseline=_baseline(record, values)))


def _baseline(record: DataRecord, values: dict[str, Any]) -> Baseline | None:
    loss, unigram = (_number(values.get(key)) for key in ("baseline", "baseline_unigram"))
    order, n_bytes = values.get("baseline_order"), record.val_bytes
    if loss is None or not isinstance(order, int):
        return None
    return Baseline(
        order=order,
        loss=loss,
        order_losses=(),
        unigram=math.nan if unigram is None else unigram,
        uniform=math.log(record.n_vocab),
        bits_per_byte=math.nan if n_bytes is None else bits_per_byte(loss, record.val_tokens, n_bytes),
        note=str(values.get("baseline_note") or ""),
        adaptive_bits_per_byte=_number(values.get("baseline_adaptive_bits_per_byte")),
    )


def _number(value: Any) -> float | None:
    """None for what is no number, or an integer that is too large for one."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _to_log(record: DataRecord) -> dict[str, Any]:
    """The flat keys that the log has for a record."""
    values = {name: value for name, value in vars(record).items() if name != "facts" and value is not None}
    if record.facts is None:
        return values
    values |= {field.name: getattr(record.facts, field.name) for field in _FACTS}
    if (baseline := record.baseline) is None:
        return values
    values |= {
        "baseline": baseline.loss,
        "baseline_order": baseline.order,
        "baseline_unigram": None if math.isnan(baseline.unigram) else baseline.unigram,
        "baseline_note": baseline.note,
    }
    mixer = {
        "baseline_adaptive_bits_per_byte": baseline.adaptive_bits_per_byte,
    }
    return values | {name: bits for name, bits in mixer.items() if bits is not None}


LoggedData = Annotated[DataRecord, WrapValidator(_from_log), PlainSerializer(_to_log)]
_LOGGED: TypeAdapter[DataRecord] = TypeAdapter(LoggedData)


def data_record(**values: Any) -> DataRecord:
    """The record from the keys of a log; ValueError if a count is missing or a value has the wrong type."""
    return _LOGGED.validate_python(values)
