"""A phase for a corpus: vocabulary, size and schedule from what was measured of it, each with its reason.

It rests on short trainings on the bundled corpus and four unlike ones, at 1,000 to 23,000 GPT-2 tokens (docs/log.md,
"The recipe"). Of one text of 1 MB, dropout, passes and heads were measured, at 5 and 40 MB what steps are worth; for
corpora of more than a few hundred kilobytes all else goes on in the same direction, and says so.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from slmtui.config.data_section import DataSection
from slmtui.config.limits import SHORTEST_COPY
from slmtui.config.phase import Phase
from slmtui.config.phase_file import phase_of_values
from slmtui.insight.corpus_facts import BPE_SIZES, CorpusFacts, VocabularyTrial
from slmtui.insight.estimates import memory_needed
from slmtui.insight.rules.advice import SMALLEST_FRACTION
from slmtui.insight.rules.limits import LEAK, TINY_VALIDATION
from slmtui.model.size import count_parameters, n_heads
from slmtui.words import byte_size, plural

MEASURED = 200_000  # bytes of training text; beyond, most numbers are extrapolated
PASSES_MEASURED = 2_000_000  # the same of passes and dropout
LITTLE = 7_000  # bytes of training text, of which a network has next to nothing to learn
LEAST_ITERS, MOST_ITERS = 400, 20_000
FEWEST_ITERS = 100  # where there is no time for more
# Evaluations in a training, and how many of them without a new best end it. A small text is read in no time, and what a
# network adds to its counts is soon over.
LOOKS, PATIENCE = 15, 6
LOOKS_AT_LITTLE, PATIENCE_WITH_LITTLE = 30, 12
SHORTEST_BLOCK = 16
# By how much an n-gram model must do better in another vocabulary than in the usual one. By 3 %, and a network with its
# mixture loses 1 %; by 5 %, it gains 4 % (docs/log.md, "Vocabularies by measurement").
BETTER = 0.05
# Of a large text, a tenth takes longer to be read at each evaluation than the steps between two of them.
LARGE_VALIDATION = 600_000  # bytes
VALIDATION_TOKENS = 100_000  # of GPT-2
NGRAM_MIX = 0.2  # where counts that learn on are not to be had
HEAD_WIDTH = 64  # where the size's own number of heads does not divide the width
Fixed = Mapping[tuple[str, str], Any]
NAME, TITLE = "suggested-", "Suggested for "  # what the name and the title of a suggested phase begin with


@dataclass(frozen=True)
class Size:
    """What suits a training text of up to `most` bytes. Fields from vocab_size to learning_rate are keys of a phase."""

    most: float
    vocab_size: int
    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    dropout: float
    weight_decay: float
    learning_rate: float
    batch_tokens: int
    passes: int  # over the training text; early stopping may end it before
    seconds: float  # that its steps may take; start and evaluations come on top, a third of that


SIZES = (
    Size(1_500, 320, 1, 2, 32, 256, 0.1, 2.0, 4e-3, 512, 105, 36),
    Size(LITTLE, 320, 1, 2, 64, 256, 0.1, 2.0, 4e-3, 512, 105, 36),
    Size(30_000, 320, 1, 2, 64, 512, 0.2, 2.0, 6e-3, 1024, 120, 36),
    Size(MEASURED, 320, 1, 2, 64, 512, 0.1, 1.0, 6e-3, 4096, 62, 36),
    Size(2e6, 1024, 4, 2, 128, 512, 0.15, 0.5, 4e-3, 2048, 25, 600),
    Size(2e7, 4096, 6, 3, 192, 512, 0.0, 0.1, 2e-3, 4096, 4, 3600),
    Size(float("inf"), 8192, 8, 4, 256, 512, 0.0, 0.1, 1e-3, 8192, 1, 8 * 3600),
)


@dataclass(frozen=True)
class SuggestedValue:
    """What is suggested for one key of a phase, and why."""

    section: str
    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Suggestion:
    lines: tuple[SuggestedValue, ...]
    phase: Phase

    @property
    def summary(self) -> str:
        """The phase in a line."""
        model, tokenizer = self.phase.model, self.phase.tokenizer
        vocabulary = f"bpe of {tokenizer.vocab_size:,}" if tokenizer.kind == "bpe" else tokenizer.kind
        layers = plural(model.n_layer, "layer")
        return f"{vocabulary}, {layers} of width {model.n_embd}, dropout {model.dropout:g}"


def suggest(
    data: DataSection, facts: CorpusFacts, fixed: Fixed | None = None, most_iters: int = MOST_ITERS,
    most_memory: float = math.inf,
) -> Suggestion:  # fmt: skip
    """A phase for the dataset that `data` names.

    fixed: values by (section, key) that are not to be chosen, and that the others are chosen for; a kind of vocabulary
    other than bpe must be the measured dataset's, or among the trials. most_iters: what there is time for on this
    machine. most_memory: bytes that the training may take; a batch that takes more is computed in parts. PhaseError
    where what is fixed does not go with what suits the text.
    """
    fixed = fixed or {}
    lines = [
        SuggestedValue(line.section, line.key, fixed[line.section, line.key], "as you asked")
        if (line.section, line.key) in fixed
        else line
        for line in [
            *_data_lines(data, facts, fixed),
            *_tokenizer_lines(facts, fixed),
            *_model_lines(facts, fixed),
            *_training_lines(facts, fixed, most_iters),
        ]
    ]
    chosen = {(line.section, line.key) for line in lines}
    others = {key: value for key, value in fixed.items() if key not in chosen}
    lines += [SuggestedValue(*key, value, "as you asked") for key, value in others.items() if key[0] != "phase"]
    named = {key: value for (section, key), value in others.items() if section == "phase"}
    values: dict[str, dict[str, Any]] = {"phase": _phase_section(data) | named, "data": _data_values(data)}
    for line in lines:
        values.setdefault(line.section, {})[line.key] = line.value
    suggestion = Suggestion(tuple(lines), phase_of_values(values, "what suits this text", fixed))
    return suggestion if ("training", "accumulate") in fixed else _in_parts(suggestion, facts, fixed, most_memory)


def _in_parts(suggestion: Suggestion, facts: CorpusFacts, fixed: Fixed, most_memory: float) -> Suggestion:
    """The suggestion with its batch in as many parts as it takes to stay within the memory."""
    n_vocab, tokens = _vocabulary(facts, fixed).n_vocab, round(_tokens(facts, fixed))
    phase, lines = suggestion.phase, list(suggestion.lines)
    whole = sum(memory_needed(phase, n_vocab, tokens).values())
    while (training := phase.training).accumulate < training.batch_size and (
        sum(memory_needed(phase, n_vocab, tokens).values()) > most_memory
    ):
        parts = min(training.batch_size, 2 * training.accumulate)
        phase = phase.model_copy(update={"training": training.model_copy(update={"accumulate": parts})})
    if training.accumulate == 1:
        return suggestion
    why = f"parts of a batch, which would take {byte_size(whole, decimals=1)} all at once; the losses are the same"
    at = next(number for number, line in enumerate(lines, 1) if line.key == "batch_size")
    lines.insert(at, SuggestedValue("training", "accumulate", training.accumulate, why))
    return Suggestion(tuple(lines), phase)


def steps_in_time(facts: CorpusFacts, step_seconds: float) -> int:
    """How many steps there is time for, where one takes so long."""
    return max(FEWEST_ITERS, int(size_for(facts.train_bytes).seconds / step_seconds))


def size_for(train_bytes: int) -> Size:
    return next(size for size in SIZES if train_bytes <= size.most)


def _size(facts: CorpusFacts, fixed: Fixed) -> Size:
    """What suits the text, but for what is fixed; where there is nothing to learn, it need not be large."""
    suitable = size_for(facts.train_bytes)
    if facts.has_nothing_to_learn:
        suitable = min(suitable, size_for(MEASURED), key=lambda size: size.most)
    known = {field.name for field in fields(Size)}
    return _with_heads(replace(suitable, **{key: value for (_, key), value in fixed.items() if key in known}), fixed)


def _with_heads(size: Size, fixed: Fixed) -> Size:
    """With a width that is a multiple of its heads: what is not fixed gives way."""
    is_rotary = fixed.get(("model", "positions")) == "rotary"  # which needs heads of an even width
    if size.n_embd % ((1 + is_rotary) * size.n_head) == 0:
        return size
    if ("model", "n_head") in fixed:
        return size if ("model", "n_embd") in fixed else replace(size, n_embd=size.n_head * HEAD_WIDTH)
    return replace(size, n_head=n_heads(size.n_embd, HEAD_WIDTH))


def _data_lines(data: DataSection, facts: CorpusFacts, fixed: Fixed) -> list[SuggestedValue]:
    lines = []
    if facts.dedupe_share is not None:
        reason = (
            f"{facts.repeated_share:.0%} of validation repeats training text, {facts.dedupe_share:.0%} without copies"
            + _tried(facts)
        )
        lines.append(SuggestedValue("data", "dedupe", True, reason))
        facts = replace(facts, repeated_share=facts.dedupe_share)
    if data.validation:
        return lines
    lines.append(_split(data, facts))
    held_back = facts.val_bytes / _vocabulary(facts, fixed).bytes_per_token
    if data.train_fraction == DataSection().train_fraction and held_back < TINY_VALIDATION:
        share = (1 - data.train_fraction) * TINY_VALIDATION / held_back
        fraction = max(SMALLEST_FRACTION, math.floor(20 * (1 - 1.1 * share)) / 20)
        reason = f"a tenth would be {held_back:,.0f} tokens to validate on, which say next to nothing"
        lines.append(SuggestedValue("data", "train_fraction", fraction, reason))
    if facts.val_bytes > LARGE_VALIDATION and data.join != "published":
        reason = "as many tell losses apart by a hundredth, and each evaluation reads all of them"
        lines.append(SuggestedValue("data", "validation_size", VALIDATION_TOKENS, reason))
    return lines


def _split(data: DataSection, facts: CorpusFacts) -> SuggestedValue:
    """The split that was measured to leak less."""
    share = f"{facts.repeated_share:.0%} of validation repeats training text"
    other, usual = facts.by_document_share, f"in sequences of about {SHORTEST_COPY} GPT-2 tokens or more"
    shared = "".join(f"; {text}, which does not count" for text in facts.left_out)
    if data.split == "contiguous" and other is not None and other < facts.repeated_share:
        still = ", where a small gap still means little" if other >= LEAK else ""
        why = f"{share} if the end is held back, {other:.0%} if documents from all over are{still}"
        return SuggestedValue("data", "split", "by-document", why + _tried(facts) + shared)
    leaky = ": a small gap means little" if facts.repeated_share >= LEAK else ""
    if leaky and other is not None:
        leaky = f"; {other:.0%} with documents from all over{_tried(facts)}{leaky}"
    return SuggestedValue("data", "split", data.split, f"{share}, {usual}{leaky}{shared}")


def _tried(facts: CorpusFacts) -> str:
    """Of how much text the other splits were measured, if not of all."""
    return f" (tried on the first {facts.tried_tokens:,} GPT-2 tokens)" if facts.tried_tokens is not None else ""


def _vocabulary(facts: CorpusFacts, fixed: Fixed) -> VocabularyTrial:
    """The usual one for the size, unless counting does clearly better in another; without words, the best."""
    size, trials = _size(facts, fixed).vocab_size, facts.trials
    kind, asked = fixed.get(("tokenizer", "kind")), fixed.get(("tokenizer", "vocab_size"))
    if kind not in (None, "bpe"):
        return next(one for one in (facts.vocabulary, *trials) if one.kind == kind)
    if asked is not None:
        known = (one for one in (facts.vocabulary, *trials) if (one.kind, one.vocab_size) == ("bpe", asked))
        return next(known, _estimated(asked))
    learned = [trial for trial in trials if trial.kind == "bpe" and (trial.vocab_size or 0) <= size]
    if kind is None and trials:
        best = min(trials, key=lambda trial: trial.bits)
        if not learned or best.bits < (1 - BETTER) * learned[-1].bits:
            return best
    if not learned or size > BPE_SIZES[-1]:  # too large to be tried
        return _estimated(size)
    return learned[-1]


def _estimated(size: int) -> VocabularyTrial:
    """A bpe that was not tried."""
    nearest = min(BYTES_PER_TOKEN, key=lambda one: abs(one - size))
    return VocabularyTrial("bpe", size, math.inf, BYTES_PER_TOKEN[nearest], size)


def _tokenizer_lines(facts: CorpusFacts, fixed: Fixed) -> list[SuggestedValue]:
    chosen, far = _vocabulary(facts, fixed), _far(facts)
    others = [f"{trial.name} {trial.bits:.2f}" for trial in facts.trials if trial.name != chosen.name]
    measured = next((trial for trial in facts.trials if trial.name == chosen.name), None)
    why = "tokens learned from this text" if chosen.kind == "bpe" else "there are no words to learn tokens from"
    if measured is not None and others:
        little = ", too little to gain" if measured.bits > facts.best_bits else ""
        why = f"bits per byte by counting: {measured.bits:.2f}; with {', '.join(others)}{little}"
    lines = [SuggestedValue("tokenizer", "kind", chosen.kind, why)]
    if chosen.kind == "bpe":
        often = _tokens(facts, fixed) / chosen.n_vocab
        text = f"{byte_size(facts.train_bytes, decimals=1)} of training text"
        reason = f"{text}: each token occurs {often:,.0f} times on average{far}"
        lines.append(SuggestedValue("tokenizer", "vocab_size", chosen.vocab_size, reason))
    return lines


def _model_lines(facts: CorpusFacts, fixed: Fixed) -> list[SuggestedValue]:
    size, block, far = _size(facts, fixed), _block(facts, fixed), _far(facts)
    tokens, copies = _vocabulary(facts, fixed), fixed.get(("model", "copy_head"), True)
    text = f"{byte_size(facts.train_bytes, decimals=1)} of training text"
    parts = _part_lines(facts, fixed)
    made_of = {line.key: line.value for line in parts}
    made_of |= {key: fixed["model", key] for key in ("positions", "norm", "mlp") if ("model", key) in fixed}
    parameters = count_parameters(tokens.n_vocab, size.n_layer, size.n_embd, block, copy_head=copies, **made_of)
    vocabulary, body = parameters["token_embedding"], parameters["body"]
    dropout = "many passes over the text" if size.passes > 20 else "few passes over the text: little overfitting"
    context = round(block * tokens.bytes_per_token)
    return [
        SuggestedValue("model", "n_layer", size.n_layer, f"more layers gained little{far}"),
        SuggestedValue("model", "n_head", size.n_head, f"{size.n_embd // size.n_head} dimensions per head"),
        SuggestedValue(
            "model", "n_embd", size.n_embd, f"{text}; parameters: vocabulary {vocabulary:,}, body {body:,}{far}"
        ),
        *parts,
        SuggestedValue("model", "block_size", block, f"about {context:,} bytes to copy from; more is better{far}"),
        SuggestedValue("model", "dropout", size.dropout, dropout + _far(facts, PASSES_MEASURED)),
        SuggestedValue("model", "attention_dropout", 0.0, "dropout on attention gained nothing and doubled the time"),
        SuggestedValue("model", "copy_head", True, "texts repeat themselves; of all that was tried, this gained most"),
        _mixing_line(facts, fixed),
    ]


def _mixing_line(facts: CorpusFacts, fixed: Fixed) -> SuggestedValue:
    is_needed = fixed.get(("model", "context_mixing")) or fixed.get(("evaluation", "decides")) == "adaptive"
    is_sampled = fixed.get(("evaluation", "method")) == "sampled"
    if is_needed or not (is_sampled or ("model", "ngram_mix") in fixed):
        gained = "of a small text they know most" if facts.train_bytes <= MEASURED else "at 1 to 40 MB gained 4 to 30 %"
        return SuggestedValue("model", "context_mixing", True, f"counts that learn on while they read; {gained}")
    return SuggestedValue("model", "ngram_mix", NGRAM_MIX, "counts that learn on are not sampled; 0: the network alone")


def _part_lines(facts: CorpusFacts, fixed: Fixed) -> list[SuggestedValue]:
    """What a network is made of that is not GPT-2's, except of next to no text, or where a head has an odd width."""
    size, far = _size(facts, fixed), _far(facts)
    if size.most <= LITTLE:
        why = "of so little text, rotary positions gained on code and logs and lost on records"
        return [SuggestedValue("model", "positions", "learned", why)]
    if size.n_embd // size.n_head % 2:
        return [SuggestedValue("model", "positions", "learned", "rotary ones need heads of an even width")]
    return [
        SuggestedValue("model", "positions", "rotary", f"attention sees distances, not places; gained 1 to 14 %{far}"),
        SuggestedValue("model", "norm", "rms", "neither better nor worse; with it, others read the network as LLaMA"),
        SuggestedValue("model", "mlp", "swiglu", f"gained another 1 to 2 %{far}"),
    ]


def _training_lines(facts: CorpusFacts, fixed: Fixed, most_iters: int) -> list[SuggestedValue]:
    size, far, tokens, block = _size(facts, fixed), _far(facts), _tokens(facts, fixed), _block(facts, fixed)
    batch = max(1, size.batch_tokens // block, fixed.get(("training", "accumulate"), 1))
    batch = fixed.get(("training", "batch_size"), batch)
    step_tokens = batch * block
    wanted = max(LEAST_ITERS, round(size.passes * tokens / step_tokens / 50) * 50)
    most = FEWEST_ITERS if facts.is_trivial else LEAST_ITERS if facts.has_nothing_to_learn else MOST_ITERS
    max_iters = fixed.get(("training", "max_iters"), min(wanted, most_iters, most))
    cut = f", as many as this machine makes in {size.seconds:,.0f} s" if most_iters < min(wanted, most) else ""
    looks, patience = (LOOKS, PATIENCE) if size.most > LITTLE else (LOOKS_AT_LITTLE, PATIENCE_WITH_LITTLE)
    interval = max(10, round(max_iters / looks / 10) * 10)
    passes, cut = max_iters * step_tokens / tokens, cut + _far(facts, PASSES_MEASURED)
    decay = "a small text is soon memorised" if size.weight_decay >= 1 else "the larger the text, the less is needed"
    return [
        SuggestedValue("optimizer", "weight_decay", size.weight_decay, f"{decay}{far}"),
        *_decay_lines(size),
        SuggestedValue("training", "max_iters", max_iters, f"at most {passes:,.1f} passes over the training text{cut}"),
        SuggestedValue("training", "batch_size", batch, f"{step_tokens:,} tokens per step; small batches, many steps"),
        SuggestedValue("training", "learning_rate", size.learning_rate, f"high, since there are few steps{far}"),
        SuggestedValue("training", "schedule", "cosine", "much of the gain comes while the learning rate falls"),
        SuggestedValue("training", "warmup_iters", max(5, min(30, max_iters // 10)), "the first gradients are noisy"),
        SuggestedValue("evaluation", "interval", interval, f"{max_iters // interval} evaluations"),
        SuggestedValue(
            "early_stopping", "patience", patience, "records and logs are learned late; best.pt keeps the best model"
        ),
    ]


def _decay_lines(size: Size) -> list[SuggestedValue]:
    """Of a large text, on which there are few passes, a decay that falls late only held the learning up."""
    if size.most > MEASURED:
        return []
    why = "falls later than the rate; gained 0.5 to 6 %"
    return [SuggestedValue("optimizer", "weight_decay_schedule", "root", why)]


# Measured on the bundled corpus, 512 and 1,024; the others from larger texts of the kind (docs/log.md).
BYTES_PER_TOKEN = {512: 2.2, 1024: 2.8, 4096: 3.3, 8192: 3.6}


def _tokens(facts: CorpusFacts, fixed: Fixed) -> float:
    """About how many there are to train on, in the vocabulary that is suggested."""
    return facts.train_bytes / _vocabulary(facts, fixed).bytes_per_token


def _block(facts: CorpusFacts, fixed: Fixed) -> int:
    """The size's, halved until the training text holds three of them, unless it is fixed."""
    block = _size(facts, fixed).block_size
    if ("model", "block_size") in fixed:
        return block
    while block > SHORTEST_BLOCK and 3 * block > _tokens(facts, fixed):
        block //= 2
    return block


def _far(facts: CorpusFacts, measured: int = MEASURED) -> str:
    return "" if facts.train_bytes <= measured else " (extrapolated from smaller texts)"


def is_suggested(phase: Phase) -> bool:
    """Whether a phase was suggested here, and has kept its name or its title since."""
    return phase.name.startswith(NAME) or phase.phase.title.startswith(TITLE)


def _phase_section(data: DataSection) -> dict[str, str]:
    letters = unicodedata.normalize("NFKD", Path(data.source[0]).resolve().stem).replace("ß", "ss")
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))  # Ü is U and two dots
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:40]
    return {"name": f"{NAME}{stem}".rstrip("-"), "title": f"{TITLE}{', '.join(data.source)}"}


def _data_values(data: DataSection) -> dict[str, Any]:
    dumped: dict[str, Any] = data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {"source": list(data.source), **dumped}
