"""A phase for a corpus: vocabulary, size and schedule from what was measured of it, each with its reason.

A first version. What it rests on are short trainings on the bundled corpus at 5,000 and 23,000 tokens (docs/log.md);
for corpora of more than a few hundred kilobytes it goes on in the same direction, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmtui.data.inspection import Counted
from slmtui.data.sides import SharedText
from slmtui.training.phase import DataSection, Phase

LEAKS = 0.3  # of the validation tokens in repeats of training text: from here on, hold whole files back
MEASURED = 200_000  # bytes of training text; beyond, the numbers are extrapolated
BATCH_TOKENS = 512
BLOCK = 64


@dataclass(frozen=True)
class CorpusFacts:
    """What a suggestion depends on. Tokens are those of the vocabulary that the corpus was looked at with."""

    train_bytes: int
    val_bytes: int
    files: int  # in the dataset
    repeated_share: float  # of the validation tokens, in repeats of training text


@dataclass(frozen=True)
class Size:
    """What suits a training text of up to `most` bytes."""

    most: float
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    dropout: float
    passes: int  # over the training text; early stopping ends it before that


SIZES = (
    Size(MEASURED, 512, 2, 4, 64, 0.05, 40),
    Size(2e6, 1024, 4, 4, 128, 0.05, 20),
    Size(2e7, 4096, 6, 6, 192, 0.0, 6),
    Size(float("inf"), 8192, 8, 8, 256, 0.0, 2),
)


@dataclass(frozen=True)
class Line:
    """What is suggested for one key of a phase, and why."""

    section: str
    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Suggestion:
    lines: tuple[Line, ...]
    phase: Phase

    @property
    def summary(self) -> str:
        """The phase in a line."""
        model, tokenizer = self.phase.model, self.phase.tokenizer
        vocabulary = f"bpe of {tokenizer.vocab_size:,}" if tokenizer.kind == "bpe" else tokenizer.kind
        return f"{vocabulary}, {model.n_layer} layers of width {model.n_embd}, dropout {model.dropout:g}"


def corpus_facts(counted: Counted, shared: SharedText) -> CorpusFacts:
    """The facts of a dataset; it must have one."""
    if (dataset := counted.dataset) is None:
        raise ValueError("nothing can be suggested for a text that is too short to split")
    return CorpusFacts(dataset.train.n_bytes, dataset.val.n_bytes, len(dataset.files), shared.repeated_share)


def suggest(data: DataSection, facts: CorpusFacts, fixed: Mapping[tuple[str, str], Any] | None = None) -> Suggestion:
    """A phase for the dataset that `data` names. fixed: values by (section, key) that are not to be chosen."""
    fixed = fixed or {}
    lines = [
        Line(line.section, line.key, fixed[line.section, line.key], "as you asked")
        if (line.section, line.key) in fixed
        else line
        for line in [_split(data, facts), *_model_lines(facts), *_training_lines(facts)]
        if (line.section, line.key) != ("tokenizer", "vocab_size") or fixed.get(("tokenizer", "kind"), "bpe") == "bpe"
    ]
    chosen = {(line.section, line.key) for line in lines}
    lines += [Line(*key, value, "as you asked") for key, value in fixed.items() if key not in chosen]
    values: dict[str, dict[str, Any]] = {"phase": _phase_section(data), "data": _data_values(data)}
    for line in lines:
        values.setdefault(line.section, {})[line.key] = line.value
    return Suggestion(tuple(lines), Phase.model_validate(values))


def size_for(train_bytes: int) -> Size:
    return next(size for size in SIZES if train_bytes <= size.most)


def _split(data: DataSection, facts: CorpusFacts) -> Line:
    share = f"{facts.repeated_share:.0%} of validation repeats training text"
    if data.split == "contiguous" and facts.repeated_share >= LEAKS and facts.files > 1:
        return Line("data", "split", "by-file", f"{share} with the end held back: hold whole files back")
    return Line("data", "split", data.split, f"{share}, runs of 16 tokens or more" + _leaky(facts))


def _leaky(facts: CorpusFacts) -> str:
    return ": a small gap means little" if facts.repeated_share >= LEAKS else ""


def _model_lines(facts: CorpusFacts) -> list[Line]:
    size = size_for(facts.train_bytes)
    text = f"{_bytes(facts.train_bytes)} of training text"
    return [
        Line("tokenizer", "kind", "bpe", "learned from the training text, so no row of the model is never used"),
        Line("tokenizer", "vocab_size", size.vocab_size, f"{text}: with few tokens, each is seen often" + _far(facts)),
        Line("model", "n_layer", size.n_layer, f"{text}: a small model learned more in a minute than larger ones"
             + _far(facts)),
        Line("model", "n_head", size.n_head, f"{size.n_embd // size.n_head} numbers in each head"),
        Line("model", "n_embd", size.n_embd, f"a {size.vocab_size:,}-token vocabulary takes "
             f"{size.vocab_size * size.n_embd:,} parameters of it, the body {_body(size):,}"),
        Line("model", "block_size", BLOCK, f"about {_context(size)} bytes of context"),
        Line("model", "dropout", size.dropout, "more slowed the learning in a minute; none let it overfit sooner"
             if size.dropout else "few passes over the text: little to overfit"),
    ]  # fmt: skip


def _training_lines(facts: CorpusFacts) -> list[Line]:
    size = size_for(facts.train_bytes)
    steps = round(size.passes * facts.train_bytes / BYTES_PER_TOKEN[size.vocab_size] / BATCH_TOKENS, -2)
    max_iters = int(min(max(steps, 600), 20_000))
    interval = max(20, max_iters // 300 * 10)
    passes = max_iters * BATCH_TOKENS * BYTES_PER_TOKEN[size.vocab_size] / facts.train_bytes
    return [
        Line("optimizer", "weight_decay", 1.0, "ten times the usual: a small text is soon learned by heart"),
        Line("training", "max_iters", max_iters, f"at most {passes:.0f} passes over the training text"),
        Line("training", "batch_size", BATCH_TOKENS // BLOCK, f"{BATCH_TOKENS} tokens a step: more steps in a minute"),
        Line("training", "learning_rate", 4e-3, "a narrow model bears a high rate"),
        Line("training", "schedule", "cosine", "the last steps are small, and settle"),
        Line("training", "warmup_iters", min(50, max_iters // 10), "the first steps are unsure"),
        Line("evaluation", "interval", interval, f"{max_iters // interval} looks at the validation loss"),
        Line("early_stopping", "patience", 5, "stop once it has risen for five evaluations; best.pt keeps the best"),
    ]  # fmt: skip


# Measured on the bundled corpus, 512 and 1,024; the others from larger texts of the kind (docs/log.md).
BYTES_PER_TOKEN = {512: 2.1, 1024: 2.8, 4096: 3.3, 8192: 3.6}


def _body(size: Size) -> int:
    return 12 * size.n_layer * size.n_embd**2


def _context(size: Size) -> int:
    return round(BLOCK * BYTES_PER_TOKEN[size.vocab_size])


def _far(facts: CorpusFacts) -> str:
    return "" if facts.train_bytes <= MEASURED else " (extrapolated from small corpora)"


def _bytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e3:,.1f} KB" if n_bytes < 1e6 else f"{n_bytes / 1e6:,.1f} MB"


def _phase_section(data: DataSection) -> dict[str, str]:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(data.source[0]).resolve().stem).strip("-._")[:40]
    return {"name": f"suggested-{stem}".rstrip("-"), "title": f"Suggested for {', '.join(data.source)}"}


def _data_values(data: DataSection) -> dict[str, Any]:
    dumped: dict[str, Any] = data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {"source": list(data.source), **dumped}
