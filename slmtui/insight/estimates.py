"""The numbers of a phase before it is trained: parameters, epochs, memory, and where another phase differs.

Pure functions of a phase and of what is known about its data. No torch, no file: whoever asks finds out the facts when
there is time (`DatasetCounts` takes reading the corpus, `Speed` takes running steps).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from slmtui.config.model_section import ModelSection
from slmtui.config.phase import Phase
from slmtui.data.gpt2 import N_VOCAB
from slmtui.insight.rules.limits import FULL_VALUE, HOUSE_RULE, LAST_VALUE
from slmtui.model.size import ROWS, count_parameters, takes_plain_formula
from slmtui.training.epochs import epochs as epochs_seen
from slmtui.training.epochs import tokens_per_step

if TYPE_CHECKING:
    from slmtui.training.data_record import DataFacts

WORKING_MEMORY = 55 * 10**6  # bytes: PyTorch's own, the corpus, the tokenizer
NGRAM_BYTES = 130  # that an n-gram model takes for each token it is fitted on, measured on a million (docs/log.md)


@dataclass(frozen=True)
class DatasetCounts:
    """A phase's dataset in numbers; tokens in the phase's own vocabulary.

    facts: what is known of its two sides; None where they were not compared. train_length: training tokens and the ends
    of documents; None in the published form. model: with what it takes from its parent; None without one.
    """

    n_vocab: int
    train_tokens: int
    val_tokens: int
    notes: tuple[str, ...] = ()
    facts: DataFacts | None = None
    train_length: int | None = None
    model: ModelSection | None = None


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
class PerToken:
    """Parameters for each training token, and the least and the most of the house rule."""

    ratio: float
    least: int
    most: int

    @classmethod
    def of(cls, parameters: int, train_tokens: int) -> PerToken:
        return cls(parameters / train_tokens, *HOUSE_RULE)

    @property
    def place(self) -> Literal["below", "inside", "above"]:
        return "below" if self.ratio < self.least else "above" if self.ratio > self.most else "inside"


@dataclass(frozen=True)
class Epochs:
    """How often each training token is seen, on average, and up to how often that is worth it.

    full_value, last_value: epochs up to which repeats are nearly as good as new text, and worth much at all.
    """

    number: float
    full_value: int
    last_value: int

    @property
    def worth(self) -> Literal["full", "less", "little"]:
        return "full" if self.number <= self.full_value else "less" if self.number <= self.last_value else "little"


@dataclass(frozen=True)
class Difference:
    """A key that two phases set differently; None: unset."""

    key: str
    was: object
    now: object


def known_vocabulary(phase: Phase) -> int | None:
    """The size of the vocabulary where it is known without reading the corpus, or a parent."""
    return N_VOCAB if phase.tokenizer.kind == "gpt2" and phase.model.init_from is None else None


def settled(phase: Phase, counts: DatasetCounts | NoCounts | None) -> Phase:
    """The phase with what it takes from its parent, as far as that is known."""
    model = counts.model if isinstance(counts, DatasetCounts) else None
    return phase if model is None else phase.model_copy(update={"model": model})


def parameters(phase: Phase, n_vocab: int) -> dict[str, int]:
    """The parameters of each part of the model; their sum is the whole."""
    model = phase.model
    return count_parameters(
        n_vocab, model.n_layer, model.n_embd, model.block_size, copy_head=model.copy_head, positions=model.positions,
        norm=model.norm, mlp=model.mlp,
    )  # fmt: skip


def parameters_per_token(phase: Phase, counts: DatasetCounts) -> PerToken:
    return PerToken.of(sum(parameters(phase, counts.n_vocab).values()), counts.train_tokens)


def epochs(phase: Phase, train_tokens: int, train_length: int | None = None) -> Epochs:
    """The limits are those of Muennighoff et al. 2023, "Scaling Data-Constrained Language Models"."""
    per_step = tokens_per_step(phase.training.batch_size, phase.model.block_size, train_length)
    number = epochs_seen(phase.training.max_iters, per_step, train_tokens, train_length)
    return Epochs(number, FULL_VALUE, LAST_VALUE)


def memory_of_machine() -> int:
    """In bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def memory_needed(phase: Phase, n_vocab: int, train_tokens: int = 0) -> dict[str, int]:
    """Bytes that training takes beside the program itself (0.3 GB), estimated; fp32 throughout.

    state        16 P: parameters, their gradients, and Adam's two means, 4 bytes each; with freeze_layers 4 of those
                 that are not trained, and L are only the blocks above them
    parent       with init_from, 4 P: its weights, while the training is prepared
    activations  4 N C (17 L + 12): what a block keeps for its backward pass (input and output of two LayerNorms, q k v,
                 the attention's output twice, the MLP's 4 C twice), embeddings, final LayerNorm and passing gradients;
                 with dropout 4 N C more for each block, with rotary positions three times that (q and k turned, and
                 the attention's output in another order), with RMSNorm twice, with SwiGLU three times; with
                 attention_dropout attention written out, 5 matrices of B H T²; with copy_head not on the CPU 8 of B T²
    logits       on the CPU 4 V for each of 384 positions; elsewhere 12 N V: logits, softmax, gradient; with copy_head
                 4 N V: softmax; with distill_from 20 N V: two distributions, their sum, logarithm and gradient
    working      55 MB of PyTorch's own, the corpus and the tokenizer
    ngram        with ngram_mix or context_mixing, 130 for each training token, of the first million: the table, and
                 counting it
    counts       with context_mixing, its tables twice, since an evaluation reads on in a copy; a token of a text has
                 about log2(V) / 4 bytes

    Measured on the CPU over seven shapes, 0.5 M to 30 M parameters: within 15 % (docs/log.md).

    P parameters, N = B T tokens computed at once (B batch_size / accumulate, T block_size), C n_embd, L n_layer,
    H n_head, V n_vocab.
    """
    model, batch = phase.model, -(-phase.training.batch_size // phase.training.accumulate)
    n_tokens = batch * model.block_size
    kept = 17 + 3 * (model.positions == "rotary") + 2 * (model.norm == "rms") + 3 * (model.mlp == "swiglu")
    parts = parameters(phase, n_vocab)
    total, frozen = sum(parts.values()), phase.training.freeze_layers
    n_layer = model.n_layer - (frozen or 0)
    trained = total if frozen is None else parts["body"] - frozen * _block(phase)
    activations = n_tokens * model.n_embd * (kept * n_layer + 12)
    squares = batch * model.block_size**2
    if model.dropout > 0:
        activations += n_layer * 4 * n_tokens * model.n_embd
    if (model.dropout if model.attention_dropout is None else model.attention_dropout) > 0:
        activations += n_layer * 5 * model.n_head * squares
    on_cpu = phase.training.device in ("auto", "cpu")
    if model.copy_head and (not on_cpu or phase.training.distill_from):
        activations += 8 * squares
    taught = 5 * n_tokens * n_vocab if phase.training.distill_from else 0
    logits = taught or (1 if model.copy_head else 3) * n_tokens * n_vocab
    plain = model.copy_head or takes_plain_formula(n_tokens, n_vocab)
    if on_cpu and not plain and not taught:
        logits = min(n_tokens, ROWS) * n_vocab
    from slmtui.data.context_mixing.tables import size_of_tables  # numpy, which the first frame does not wait for
    from slmtui.data.ngram_baseline import TOKEN_LIMIT

    counted = min(train_tokens, TOKEN_LIMIT)
    return {
        "state": 4 * total + 12 * trained,
        "parent": 4 * total if model.init_from is not None else 0,
        "activations": 4 * activations,
        "logits": 4 * logits,
        "working": WORKING_MEMORY,
        "ngram": NGRAM_BYTES * counted if model.ngram_mix > 0 or model.context_mixing else 0,
        "counts": 2 * size_of_tables(_text_bytes(phase, n_vocab, counted)) if model.context_mixing else 0,
    }


def _block(phase: Phase) -> int:
    """The parameters of one of the blocks."""
    model = phase.model
    one, two = (
        count_parameters(0, n_layer, model.n_embd, 0, norm=model.norm, mlp=model.mlp)["body"] for n_layer in (1, 2)
    )
    return two - one


def _text_bytes(phase: Phase, n_vocab: int, tokens: int) -> int:
    return tokens if phase.tokenizer.kind in ("bytes", "characters") else round(tokens * math.log2(max(2, n_vocab)) / 4)


def differences(phase: Phase, other: Phase) -> tuple[Difference, ...]:
    """What a phase sets differently from another, names and descriptions left out."""
    mine, theirs = phase.values(), other.values()
    found = []
    for section in (name for name in mine if name != "phase"):
        for key in dict.fromkeys([*theirs.get(section, {}), *mine[section]]):
            was, now = theirs.get(section, {}).get(key), mine[section].get(key)
            if was != now:
                found.append(Difference(key, was, now))
    return tuple(found)
