"""What the first event of a run says of its data: flat keys in the log's JSON, nested and typed here."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from slmtui.data.baseline import Baseline, bits_per_byte

if TYPE_CHECKING:
    from slmtui.data.dataset import Dataset

Positive = Annotated[int, Field(strict=True, gt=0, lt=1 << 53)]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the texts themselves say, found out before the first step. Shares are of 1, losses in nats per token.

    A field that is added gets a default, so that older logs still have facts.
    """

    used_tokens: int  # how many tokens of the vocabulary occur in the training text
    repeated_share: float  # of the validation tokens: in verbatim repeats of training text, of 16 tokens or more
    longest_repeat: int  # tokens
    longest_train: str  # "file:line"
    longest_val: str
    unseen_share: float  # of the validation tokens: those that training never has
    duplicate_share: float  # of all tokens: in files that are nearly the same as an earlier one
    unigram: float  # of the training text, by frequency alone
    baseline: Baseline | None = None  # None: not measured


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """The dataset of a run. The three counts are in every log; what an older log lacks is None, empty or ().

    val_text: fingerprint of the validation text; losses are comparable only where it is the same.
    """

    tokenizer: str = ""
    n_vocab: Positive
    train_tokens: Positive
    val_tokens: Positive
    train_bytes: Positive | None = None
    val_bytes: Positive | None = None
    fingerprint: str = ""  # of the corpus and its tokens
    val_text: str = ""
    notes: tuple[str, ...] = ()
    facts: DataFacts | None = None

    @classmethod
    def of(cls, dataset: Dataset, *, notes: tuple[str, ...] = ()) -> DataRecord:
        """Of a dataset, with its own notes before the given ones; its facts take longer and are put in later."""
        return cls(
            tokenizer=dataset.tokenizer.kind,
            n_vocab=dataset.tokenizer.n_vocab,
            train_tokens=len(dataset.train.tokens),
            val_tokens=len(dataset.val.tokens),
            train_bytes=dataset.train.n_bytes,
            val_bytes=dataset.val.n_bytes,
            fingerprint=dataset.fingerprint,
            val_text=dataset.val_bytes_fingerprint,
            notes=(*dataset.notes, *notes),
        )

    @property
    def baseline(self) -> Baseline | None:
        """The n-gram model's loss on the validation text, where the log knows it."""
        return None if self.facts is None else self.facts.baseline


_FACTS = [field for field in fields(DataFacts) if field.name != "baseline"]


def _from_log(values: Any, read: ValidatorFunctionWrapHandler) -> DataRecord:
    """From the flat keys of the log; keys that are not known are passed over."""
    if isinstance(values, dict):
        known = {field.name: values[field.name] for field in _FACTS if field.name in values}
        complete = all(field.name in known for field in _FACTS if field.default is MISSING)
        values = values | {"facts": known if complete else None}
    record: DataRecord = read(values)
    if not isinstance(values, dict) or record.facts is None:
        return record
    return dataclasses.replace(record, facts=dataclasses.replace(record.facts, baseline=_baseline(record, values)))


def _baseline(record: DataRecord, values: dict[str, Any]) -> Baseline | None:
    loss, order, unigram = (values.get(key) for key in ("baseline", "baseline_order", "baseline_unigram"))
    if not isinstance(loss, int | float) or not isinstance(order, int):
        return None
    n_bytes = record.val_bytes
    return Baseline(
        order=order,
        loss=float(loss),
        order_losses=(),
        unigram=float(unigram) if isinstance(unigram, int | float) else math.nan,
        uniform=math.log(record.n_vocab),
        bits_per_byte=math.nan if n_bytes is None else bits_per_byte(loss, record.val_tokens, n_bytes),
        note=str(values.get("baseline_note") or ""),
    )


def _to_log(record: DataRecord) -> dict[str, Any]:
    """The flat keys of the log."""
    values = {name: value for name, value in vars(record).items() if name != "facts" and value is not None}
    if record.facts is None:
        return values
    values |= {field.name: getattr(record.facts, field.name) for field in _FACTS}
    if (baseline := record.baseline) is None:
        return values
    return values | {
        "baseline": baseline.loss,
        "baseline_order": baseline.order,
        "baseline_unigram": None if math.isnan(baseline.unigram) else baseline.unigram,
        "baseline_note": baseline.note,
    }


LoggedData = Annotated[DataRecord, WrapValidator(_from_log), PlainSerializer(_to_log)]
_LOGGED: TypeAdapter[DataRecord] = TypeAdapter(LoggedData)


def data_record(**values: Any) -> DataRecord:
    """From the keys of a log; ValueError if a count is missing or a value is of the wrong type."""
    return _LOGGED.validate_python(values)
