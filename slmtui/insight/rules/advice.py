"""Advice that fits the phase it is given for: alternatives, each with the condition under which it can be followed.

A rule's advice never names a value that the phase has already, nor one that it cannot have, such as a split by document
of a single document.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slmtui.insight.rules.run_trace import RunTrace

SMALLEST_FRACTION = 0.7  # of the tokens, to train on; with less, the training text becomes the shortage
SMALL_VOCABULARY = 384  # a bpe of fewer tokens is hardly more than bytes
LARGEST_DROPOUT = 0.3
STRONGEST_DECAY = 1.0
USUAL_PATIENCE = 4
NARROW = 32  # n_embd


def always(_: RunTrace) -> bool:
    return True


@dataclass(frozen=True)
class Option:
    """One thing to do, and whether a run's phase leaves it to be done."""

    words: str
    where: Callable[[RunTrace], bool] = always


@dataclass(frozen=True)
class Advice:
    """A template for `str.format` with the evidence's values, and with `options`: those that can be followed.

    instead: what to say in place of all that, where it applies.
    """

    words: str
    options: tuple[Option, ...] = ()
    instead: Option | None = None

    def text(self, trace: RunTrace, values: Mapping[str, Any]) -> str:
        if self.instead is not None and self.instead.where(trace):
            return self.instead.words.format_map(values)
        possible = [option.words.format_map(values) for option in self.options if option.where(trace)]
        return self.words.format_map({**values, "options": one_of(possible)})


def one_of(words: list[str]) -> str:
    """Alternatives as a sentence has them: "a, b or c"."""
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _is(section: str, key: str, *values: object) -> Callable[[RunTrace], bool]:
    return lambda trace: trace.setting(section, key) in values


def can_split_by_document(trace: RunTrace) -> bool:
    """Whether validation could be documents from all over: it is not so yet, and that may change the split."""
    if trace.setting("data", "validation") or trace.setting("data", "split") in ("by-document", "by-file"):
        return False
    if trace.data.by_document_differs is not None:
        return trace.data.by_document_differs
    return trace.data.documents is None or trace.data.documents > 1


def can_hold_back_more(trace: RunTrace) -> bool:
    return not trace.setting("data", "validation") and trace.setting("data", "train_fraction") > SMALLEST_FRACTION


def can_name_validation(trace: RunTrace) -> bool:
    """Whether files to validate on could be named: there are some, and none is named yet."""
    if trace.phase.get("data", {}).get("join") != "documents" or trace.setting("data", "validation"):
        return False
    return trace.data.documents is None or trace.data.documents > 1


def can_leave_out_copies(trace: RunTrace) -> bool:
    """Whether data.dedupe could do it: only between documents that are kept apart, and not yet."""
    return trace.phase.get("data", {}).get("join") == "documents" and not trace.setting("data", "dedupe")


def has_no_patience(trace: RunTrace) -> bool:
    return not trace.setting("early_stopping", "patience")


def will_be_stopped(trace: RunTrace) -> bool:
    """Whether early stopping is about to end it: there are as many evaluations left as it has patience."""
    if has_no_patience(trace) or not trace.since_best:
        return False
    interval = trace.setting("evaluation", "interval")
    left = max(0, trace.setting("training", "max_iters") - trace.evaluations[-1].step) / max(1, interval)
    return bool(math.ceil(left) >= trace.setting("early_stopping", "patience") - trace.since_best)


def can_be_smaller(trace: RunTrace) -> bool:
    return bool(trace.setting("model", "n_layer") > 1 or trace.setting("model", "n_embd") > NARROW)


def gently(trace: RunTrace) -> str:
    """Words to add to a lower learning rate."""
    return "" if trace.setting("training", "warmup_iters") else " and a warm-up"


def guarded(trace: RunTrace) -> str:
    """Words to add to more steps."""
    return " with early stopping" if has_no_patience(trace) else ""


MORE_TEXT = Option("more text")
WITHOUT_REPEATS = Option("a corpus without the repeats")
WITHOUT_COPIES = Option("leave the copies out with data.dedupe = true", can_leave_out_copies)
EXCLUDED = Option("remove the copies (data.exclude takes patterns)")
BY_DOCUMENT = Option('data.split = "by-document"', can_split_by_document)
HOLD_BACK_MORE = Option("a smaller data.train_fraction", can_hold_back_more)
MORE_TEST = Option("a larger data.test_fraction", lambda trace: trace.setting("data", "test_fraction") > 0)
NAMED_FILES = Option("other files to validate on (data.validation)", can_name_validation)
COMPACT = Option('tokenizer.kind = "gpt2-compact"', _is("tokenizer", "kind", "gpt2"))
BPE = Option('tokenizer.kind = "bpe"', _is("tokenizer", "kind", "gpt2", "gpt2-compact"))
SMALLER_BPE = Option(
    "a smaller tokenizer.vocab_size",
    lambda trace: (
        trace.setting("tokenizer", "kind") == "bpe" and trace.setting("tokenizer", "vocab_size") > SMALL_VOCABULARY
    ),
)
BYTES = Option('tokenizer.kind = "bytes"', _is("tokenizer", "kind", "characters"))
SMALLER_VOCABULARY = (BPE, SMALLER_BPE, BYTES)
PATIENCE = Option(f"early_stopping.patience = {USUAL_PATIENCE}", has_no_patience)
LESS_PATIENCE = Option(
    "a smaller early_stopping.patience",
    lambda trace: trace.setting("early_stopping", "patience") > USUAL_PATIENCE,
)
FEWER_STEPS = Option("fewer steps (training.max_iters)")
SMALLER_MODEL = Option("a smaller model", can_be_smaller)
NARROWER = Option("a narrower model (model.n_embd)", lambda trace: trace.setting("model", "n_embd") > NARROW)
SHALLOWER = Option("a shallower one (model.n_layer)", lambda trace: trace.setting("model", "n_layer") > 1)
MORE_DROPOUT = Option("more dropout", lambda trace: trace.setting("model", "dropout") < LARGEST_DROPOUT)
LESS_DROPOUT = Option("less dropout", lambda trace: trace.setting("model", "dropout") > 0)
MORE_DECAY = Option("more weight decay", lambda trace: trace.setting("optimizer", "weight_decay") < STRONGEST_DECAY)
LESS_DECAY = Option("less weight decay", lambda trace: trace.setting("optimizer", "weight_decay") > 0)
OTHER_TEXT = Option("text that is on neither side now")
OTHER_SPLIT = (BY_DOCUMENT, HOLD_BACK_MORE, NAMED_FILES, OTHER_TEXT)
TRAIN_TO_THE_BEST = Option("train for {step:,} steps", lambda trace: trace.best is not None and trace.best.step > 0)
TRAIN_ON_MORE_TEXT = Option("train on more text")
LARGER_MODEL = Option("a larger model")
COSINE = Option('a learning rate that falls (training.schedule = "cosine")', _is("training", "schedule", "constant"))
