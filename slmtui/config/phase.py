"""The phase: every setting of a training, as frozen pydantic models.

Each key is declared once, for the TOML file, its error messages, the console's form and docs/phases.md: type, bounds,
default, and a one-line description with the unit. `phase_file` reads and writes the files.
"""

import math
from typing import Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from slmtui.config.data_section import DataSection
from slmtui.config.deciding import Decides, refuse_what_is_missing
from slmtui.config.fields import (
    Decays,
    Number,
    Texts,
    Threads,
    VocabularySize,
    Whole,
    broken_rule,
)
from slmtui.config.gate_section import GateSection
from slmtui.config.limits import (
    LARGEST_VOCABULARY,
    SMALLEST_VOCABULARY,
    UINT16_VALUES,
    TokenizerKind,
)
from slmtui.config.model_section import ModelSection
from slmtui.config.origin import Origin
from slmtui.config.section import Section


class PhaseSection(Section):
    """The phase's name, and what it is meant to show."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of the phase; its runs are the folders NAME-001, NAME-002 and so on.",
        json_schema_extra={"allowed": "up to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"},
    )
    title: str = Field("", description="Title in lists and reports.")
    description: str = Field("", description="What is trained here, and on what.")
    hypothesis: str = Field("", description="What you expect to happen, written down beforehand.")
    study: str = Field(
        "",
        description="Study that this training is a trial of; set by `slmtui study`.",
        json_schema_extra={"allowed": "a string", "by_hand": False},
    )


class TokenizerSection(Section):
    """How text becomes tokens."""

    kind: TokenizerKind = Field(
        "gpt2-compact",
        description="All 50,257 tokens of GPT-2, only those in use, pairs learned from the training text (bpe), its "
        "characters, or bytes.",
    )
    vocab_size: VocabularySize = Field(
        1024,
        ge=SMALLEST_VOCABULARY,
        le=LARGEST_VOCABULARY,
        description='Size of the learned vocabulary; only with kind = "bpe".',
    )

    @field_validator("vocab_size")
    @classmethod
    def _only_for_bpe(cls, vocab_size: int, info: ValidationInfo) -> int:
        kind = info.data.get("kind", "bpe")  # an invalid kind has a message of its own
        if kind != "bpe":
            raise broken_rule(
                'applies only to kind = "bpe"',
                got=f'{vocab_size} with kind = "{kind}"',
                allowed='no vocab_size, or kind = "bpe"',
                beside="kind",
            )
        return vocab_size

    @model_serializer(mode="wrap")
    def _without_unused_size(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave vocab_size out if setting it would be an error, so that a dumped phase can be read again."""
        values: dict[str, Any] = serialise(self)
        if self.kind != "bpe":
            values.pop("vocab_size", None)
        return values


class OptimizerSection(Section):
    """AdamW, and the clipping of gradients before each update."""

    betas: Decays = Field(
        (0.9, 0.95),
        description="Decay rates of Adam's running means of the gradient and of its square.",
        json_schema_extra={"allowed": "two numbers, each at least 0 and below 1"},
    )
    eps: Number = Field(
        1e-8, gt=0, le=1, description="Added to the root of the second mean, to avoid division by zero."
    )
    weight_decay: Number = Field(
        0.1, ge=0, le=10, description="Decay of the weights per step, times the learning rate."
    )
    weight_decay_schedule: Literal["rate", "root"] = Field(
        "rate",
        description="rate: the decay falls as the learning rate does; root: as its square root, which lasts longer.",
    )
    decay_on: Literal["matrices", "all"] = Field(
        "matrices", description="Decay only matrices, or biases and LayerNorms as well."
    )
    grad_clip: Number = Field(1.0, ge=0, description="Maximum global norm of the gradients; 0: no clipping.")
    clip_scaled_gradients: StrictBool = Field(
        False,
        description="Clip gradients while they are scaled by 2^16: a flaw that the published results depend on.",
    )


class TrainingSection(Section):
    """How long and how fast to train, and on what hardware."""

    max_iters: Whole = Field(1000, ge=1, le=10**9, description="Steps to train; one step is one optimiser update.")
    max_minutes: Number | None = Field(
        None, gt=0, le=10**6,
        description="Minutes that the training may take, evaluations and samples included: the steps that fit are "
        "measured at its start, and take the place of max_iters; unset: max_iters steps.",
    )  # fmt: skip
    batch_size: Whole = Field(16, ge=1, le=65_536, description="Windows of block_size tokens per step.")
    accumulate: Whole = Field(
        1, ge=1, le=65_536,
        description="Parts in which a batch is computed, one after the other: the same losses with less memory; at "
        "most batch_size.",
    )  # fmt: skip
    learning_rate: Number = Field(1e-3, gt=0, le=10, description="Learning rate after the warm-up.")
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="Keep the learning rate constant, or let it fall to min_lr along half a cosine."
    )
    warmup_iters: Whole = Field(0, ge=0, le=10**9, description="Steps over which the learning rate rises from 0.")
    min_lr: Number = Field(0.0, ge=0, description="Learning rate at the end of the cosine; at most learning_rate.")
    stop_on_spike: StrictBool = Field(
        True, description="Stop when the training loss shoots up and stays there, before a checkpoint is saved."
    )
    freeze_layers: Whole | None = Field(
        None, ge=1, le=48,
        description="How many of the lowest blocks of a model that is started from stay as they are, with its "
        "embeddings; unset: all is trained.",
    )  # fmt: skip
    distill_from: Texts = Field(
        (),
        description="Models whose mean prediction is learned beside the text: RUN, RUN@STEP or STUDY/CELL; of the "
        "same vocabulary.",
    )
    seed: Whole = Field(42, ge=0, le=2**32 - 1, description="Seed of every random draw.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Number format of matrix products; auto: bf16 where it is supported and faster."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where to train; auto: CUDA or MPS if there is one, unless the CPU is faster, as measured at the "
        "start where the model is small.",
    )
    threads: Threads = Field(
        "auto",
        description="CPU threads; auto: all cores, or fewer if that is faster, as measured at the start.",
        json_schema_extra={"allowed": '"auto" or a whole number from 1 to 1,024'},
    )

    @field_validator("accumulate")
    @classmethod
    def _not_above_batch_size(cls, accumulate: int, info: ValidationInfo) -> int:
        batch_size = info.data.get("batch_size", accumulate)
        if accumulate > batch_size:
            raise broken_rule(
                "more parts than windows",
                got=f"{accumulate:,} with batch_size = {batch_size:,}",
                allowed=f"a whole number from 1 to {batch_size:,}",
                beside="batch_size",
            )
        return accumulate

    @field_validator("min_lr")
    @classmethod
    def _not_above_learning_rate(cls, min_lr: float, info: ValidationInfo) -> float:
        learning_rate = info.data.get("learning_rate", math.inf)
        if min_lr > learning_rate:
            raise broken_rule(
                "above learning_rate",
                got=f"{min_lr} with learning_rate = {learning_rate}",
                allowed=f"a number from 0 to {learning_rate}",
                beside="learning_rate",
            )
        return min_lr


class EvaluationSection(Section):
    """When and how the losses are measured."""

    interval: Whole = Field(100, ge=1, le=10**9, description="Steps between evaluations.")
    method: Literal["full", "sampled"] = Field(
        "full", description="On the whole validation split, or on random batches of it as in the published phases."
    )
    decides: Decides | None = Field(
        None,
        description="Whose validation loss decides what is kept in best.pt, early stopping and the gate, and what "
        "completes; unset: adaptive with context_mixing, else the lower of the network's and the mixture's.",
    )


class EarlyStoppingSection(Section):
    """When to stop before max_iters."""

    patience: Whole = Field(
        0, ge=0, le=10**9, description="Evaluations without improvement before stopping; 0: never stop early."
    )
    min_delta: Number = Field(
        0.0, ge=0, description="Smallest fall in validation loss that counts as an improvement, in nats."
    )
    target: Number | None = Field(
        None, ge=0, description="Validation loss at which to stop, in nats, of what decides; unset: none is low enough."
    )


class SamplingSection(Section):
    """What the model is asked to write, and how its tokens are drawn."""

    prompts: Texts = Field(("\n",), description="Prompts to complete; an empty list: none.")
    prompts_from: Texts = Field((), description="Files with more prompts: JSON lines, as Complete saves them.")
    tokens: Whole = Field(60, ge=1, le=100_000, description="Length of a completion in tokens.")
    stop: Texts = Field((), description="Texts before which a completion stops; the end of a document stops it, too.")
    temperature: Number = Field(0.8, ge=0, le=100, description="Randomness of the draw; 0: always the likeliest token.")
    top_k: Whole = Field(
        40, ge=0, le=UINT16_VALUES, description="How many of the likeliest tokens to draw from; 0: all."
    )
    top_p: Number = Field(
        1.0, gt=0, le=1, description="Draw from the likeliest tokens that together reach this probability; 1: all."
    )
    when: Literal["evaluation", "end"] = Field("evaluation", description="At every evaluation, or once at the end.")
    samples: Whole = Field(
        0, ge=0, le=1000,
        description="Completions drawn each time to measure rates (parsing, copied); 0: no rates.",
    )  # fmt: skip


class Phase(Section):
    """One training configuration. Only `[phase] name` has no default."""

    phase: PhaseSection
    data: DataSection = DataSection()
    tokenizer: TokenizerSection = TokenizerSection()
    model: ModelSection = ModelSection()
    optimizer: OptimizerSection = OptimizerSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    early_stopping: EarlyStoppingSection = EarlyStoppingSection()
    sampling: SamplingSection = SamplingSection()
    gate: GateSection = GateSection()
    _origin: Origin = PrivateAttr(Origin())

    @field_validator("training")
    @classmethod
    def _has_layers_to_freeze(cls, training: TrainingSection, info: ValidationInfo) -> TrainingSection:
        model, frozen = info.data.get("model"), training.freeze_layers
        if frozen is None or model is None:
            return training
        if model.init_from is None:
            raise broken_rule(
                "has no meaning without model.init_from: nothing would ever train these blocks",
                got=f"{frozen} with new weights",
                allowed="no freeze_layers, or model.init_from",
                key="freeze_layers",
            )
        if "n_layer" in model.model_fields_set and frozen > model.n_layer:  # else it is the parent's
            raise broken_rule(
                "more than there are", got=f"{frozen} with n_layer = {model.n_layer}",
                allowed=f"a whole number from 1 to {model.n_layer}", key="freeze_layers",
            )  # fmt: skip
        return training

    @field_validator("evaluation")
    @classmethod
    def _has_what_decides(cls, evaluation: EvaluationSection, info: ValidationInfo) -> EvaluationSection:
        model = info.data.get("model")
        if model is not None:  # an invalid one has messages of its own
            refuse_what_is_missing(
                decides=evaluation.decides, method=evaluation.method, ngram_mix=model.ngram_mix,
                context_mixing=model.context_mixing,
            )  # fmt: skip
        return evaluation

    @property
    def name(self) -> str:
        return self.phase.name

    @property
    def origin(self) -> Origin:
        return self._origin

    def read_from(self, origin: Origin) -> "Phase":
        """The same phase, of which messages say that it was read there."""
        phase = self.model_copy()
        phase._origin = origin
        return phase

    @property
    def decides(self) -> Decides | None:
        """Whose validation loss decides; None: the lower of the network's and the n-gram mixture's, if there is one."""
        return self.evaluation.decides or ("adaptive" if self.model.context_mixing else None)

    def values(self) -> dict[str, dict[str, Any]]:
        """Plain lists, numbers and strings, without unset keys: what `Phase.model_validate` takes back."""
        dumped: dict[str, dict[str, Any]] = self.model_dump(mode="json", exclude_none=True)
        return dumped
