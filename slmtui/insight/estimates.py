"""What a phase means before it is trained: parameters, repetitions, memory, time, and what to make of each.

Pure functions from a phase and from what is known about its data and its speed, to lines for a person. No torch, no
file: whoever asks finds out the facts, when there is time (`DataFacts` reads the corpus, `Speed` runs steps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from slmtui.config.errors import shown
from slmtui.config.phase import Phase
from slmtui.data.ngram_baseline import TOKEN_LIMIT
from slmtui.insight.rules.limits import FULL_VALUE, HOUSE_RULE, LAST_VALUE
from slmtui.model.size import ROWS, count_parameters, takes_plain_formula
from slmtui.output import duration

GPT2_TOKENS = 50_257
PARTS = {"token_embedding": "vocabulary", "position_embedding": "positions", "body": "body"}
WORKING_MEMORY = 55 * 10**6  # bytes: PyTorch's own, the corpus, the tokenizer
NGRAM_BYTES = 130  # that an n-gram model takes for each token it is fitted on, measured on a million (docs/log.md)

Tone = Literal["", "excellent", "moderate", "severe", "catastrophic"]


@dataclass(frozen=True)
class DatasetCounts:
    """A phase's dataset in numbers; tokens in the phase's own vocabulary."""

    n_vocab: int
    train_tokens: int
    val_tokens: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoCounts:
    """Why there are none; `fault`: the phase could not be trained, either."""

    reason: str
    fault: bool = True


@dataclass(frozen=True)
class Speed:
    """How long a phase takes: seconds for one step, for all of it, and how that is known."""

    step: float
    total: float
    source: str


@dataclass(frozen=True)
class MeaningLine:
    """`label  value  remark`; the tone colours the remark, which says the same in words. share: of a bar, 0 to 1."""

    label: str
    value: str
    remark: str = ""
    tone: Tone = ""
    share: float | None = None


def meaning(
    phase: Phase, data: DatasetCounts | NoCounts | None, speed: Speed | str = "", *, memory_here: int | None = None
) -> tuple[MeaningLine, ...]:
    """All there is to say.

    data: None while it is being read. speed: or a word on why it is not known. memory_here: of the machine, in bytes.
    """
    lines: list[MeaningLine] = []
    facts = data if isinstance(data, DatasetCounts) else None
    n_vocab = known_vocabulary(phase) if facts is None else facts.n_vocab
    if isinstance(data, NoCounts):
        lines.append(MeaningLine("data", "", data.reason, "catastrophic" if data.fault else "moderate"))
    if n_vocab is not None:
        lines += _size(phase, n_vocab)
    lines.append(_vocabulary(phase, n_vocab, counting=data is None))
    if facts is not None:
        lines += [*_tokens(facts), _ratio(phase, facts), _epochs(phase, facts)]
    if n_vocab is not None:
        lines.append(_memory(phase, n_vocab, facts.train_tokens if facts is not None else 0, memory_here))
    lines.append(_time(speed))
    return tuple(lines)


def known_vocabulary(phase: Phase) -> int | None:
    """The size of the vocabulary where it is known without reading the corpus."""
    return GPT2_TOKENS if phase.tokenizer.kind == "gpt2" else None


def parameters(phase: Phase, n_vocab: int) -> dict[str, int]:
    model = phase.model
    return count_parameters(n_vocab, model.n_layer, model.n_embd, model.block_size, copy_head=model.copy_head)


def epochs(phase: Phase, train_tokens: int) -> float:
    """How often each training token is seen, on average."""
    return phase.training.max_iters * phase.training.batch_size * phase.model.block_size / train_tokens


def memory_needed(phase: Phase, n_vocab: int, train_tokens: int = 0) -> dict[str, int]:
    """Bytes that training takes beside the program itself (0.3 GB), estimated; fp32 throughout.

    state        16 P: parameters, their gradients, and Adam's two means, 4 bytes each
    activations  4 N C (17 L + 12): what a block keeps for its backward pass (input and output of two LayerNorms, q k v,
                 the attention's output twice, the MLP's 4 C twice), embeddings, final LayerNorm and passing gradients;
                 with dropout 4 N C more for each block; with attention_dropout attention written out, 5 matrices of
                 B H T²; with copy_head 12 of B T²
    logits       on the CPU 4 V for each of 384 positions; elsewhere, and with copy_head, 12 N V: logits, softmax,
                 gradient
    working      55 MB of PyTorch's own, the corpus and the tokenizer
    ngram        with ngram_mix, 130 for each training token, of the first million: the table, and counting it

    Measured on the CPU over seven shapes, 0.5 M to 30 M parameters: within 15 % (docs/log.md).

    P parameters, N = B T tokens in a step (B batch_size, T block_size), C n_embd, L n_layer, H n_head, V n_vocab.
    """
    model, batch = phase.model, phase.training.batch_size
    n_tokens = batch * model.block_size
    activations = n_tokens * model.n_embd * (17 * model.n_layer + 12)
    squares = batch * model.block_size**2
    if model.dropout > 0:
        activations += model.n_layer * 4 * n_tokens * model.n_embd
    if (model.dropout if model.attention_dropout is None else model.attention_dropout) > 0:
        activations += model.n_layer * 5 * model.n_head * squares
    if model.copy_head:
        activations += 12 * squares
    logits = 3 * n_tokens * n_vocab
    plain = model.copy_head or takes_plain_formula(n_tokens, n_vocab)
    if phase.training.device in ("auto", "cpu") and not plain:
        logits = min(n_tokens, ROWS) * n_vocab
    return {
        "state": 16 * sum(parameters(phase, n_vocab).values()),
        "activations": 4 * activations,
        "logits": 4 * logits,
        "working": WORKING_MEMORY,
        "ngram": NGRAM_BYTES * min(train_tokens, TOKEN_LIMIT) if model.ngram_mix > 0 else 0,
    }


def differences(phase: Phase, other: Phase) -> tuple[MeaningLine, ...]:
    """What is set differently in another phase, names and descriptions left out; `is ← was` as values of TOML."""
    mine, theirs = phase.values(), other.values()
    lines = []
    for section in (name for name in mine if name != "phase"):
        for key in dict.fromkeys([*theirs.get(section, {}), *mine[section]]):
            was, now = theirs.get(section, {}).get(key), mine[section].get(key)
            if was != now:
                lines.append(MeaningLine(key, f"{_value(was)} → {_value(now)}"))
    return tuple(lines)


def compact(number: float) -> str:
    """A count in at most six characters: 950, 41.9 K, 3.37 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.0f}"


def _size(phase: Phase, n_vocab: int) -> list[MeaningLine]:
    parts = parameters(phase, n_vocab)
    total = sum(parts.values())
    lines = [MeaningLine("parameters", f"{total:,}")]
    lines += [MeaningLine(f"  {PARTS[part]}", f"{count:,}", share=count / total) for part, count in parts.items()]
    if parts["token_embedding"] > parts["body"]:
        lines.append(MeaningLine("", "", "most of it is the vocabulary, not the body that computes", "moderate"))
    return lines


def _vocabulary(phase: Phase, n_vocab: int | None, *, counting: bool) -> MeaningLine:
    words = {
        "gpt2": "all of GPT-2's tokens",
        "gpt2-compact": "GPT-2's tokens in use, and the 256 bytes",
        "bpe": "tokens learned from the corpus",
    }
    unknown = "counting …" if counting else "not known"
    return MeaningLine("vocabulary", f"{n_vocab:,}" if n_vocab is not None else unknown, words[phase.tokenizer.kind])


def _tokens(facts: DatasetCounts) -> list[MeaningLine]:
    lines = [MeaningLine("training tokens", f"{facts.train_tokens:,}", f"and {facts.val_tokens:,} to validate with")]
    return lines + [MeaningLine("", "", note, "moderate") for note in facts.notes]


def _ratio(phase: Phase, facts: DatasetCounts) -> MeaningLine:
    ratio = sum(parameters(phase, facts.n_vocab).values()) / facts.train_tokens
    low, high = HOUSE_RULE
    where = "inside" if low <= ratio <= high else "above" if ratio > high else "below"
    word = {
        "inside": f"inside the house rule of {low}–{high}",
        "above": f"above the house rule of {low}–{high}: room to learn by heart",
        "below": f"below the house rule of {low}–{high}: little room to learn",
    }[where]
    return MeaningLine("per token", f"{ratio:,.3g}" if ratio < 1000 else f"{ratio:,.0f}", f"parameters; {word}",
                "excellent" if where == "inside" else "moderate")  # fmt: skip


def _epochs(phase: Phase, facts: DatasetCounts) -> MeaningLine:
    """The limits are those of Muennighoff et al. 2023, "Scaling Data-Constrained Language Models"."""
    value = epochs(phase, facts.train_tokens)
    text = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    if value <= FULL_VALUE:
        return MeaningLine("epochs", text, f"up to {FULL_VALUE}: repeats teach almost as much as new text", "excellent")
    if value <= LAST_VALUE:
        return MeaningLine("epochs", text, f"over {FULL_VALUE}: repeats teach less and less", "")
    return MeaningLine("epochs", text, f"over {LAST_VALUE}: returns fade (Muennighoff et al. 2023)", "moderate")


def _memory(phase: Phase, n_vocab: int, train_tokens: int, memory_here: int | None) -> MeaningLine:
    need = memory_needed(phase, n_vocab, train_tokens)
    total = sum(need.values())
    on_cpu = phase.training.device == "cpu" or (phase.training.device == "auto")
    if memory_here is not None and on_cpu and total > memory_here:
        return MeaningLine("memory", size(total), f"more than this machine has ({size(memory_here)})", "catastrophic")
    here = f"; this machine has {size(memory_here)}" if memory_here is not None else ""
    return MeaningLine("memory", size(total), f"estimated{here}")


def _time(speed: Speed | str) -> MeaningLine:
    if isinstance(speed, str):
        return MeaningLine("time", "unknown", speed or "not measured yet: m measures a few steps")
    return MeaningLine("time", duration(speed.total), f"{duration_of_step(speed.step)} a step, {speed.source}")


def duration_of_step(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def size(n_bytes: float) -> str:
    """Bytes as a person says them."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 0.9995e9 else f"{max(1, round(n_bytes / 1e6)):,} MB"


def _value(value: object) -> str:
    return "absent" if value is None else value if isinstance(value, str) else shown(value)
