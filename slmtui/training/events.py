"""The events of a training, as small frozen records; each is one JSON line of a run's log.

Fields are only ever added. Losses are in nats per token, times in seconds since 1970; `step` is the number of updates
before the event. A loss that is not finite is `null` in JSON and NaN in Python.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from slmtui.config.deciding import Decides
from slmtui.config.phase import Phase
from slmtui.training.data_record import LoggedData
from slmtui.training.epochs import epochs, tokens_per_step

Real = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Reason = Literal["completed", "early stopping", "stopped", "interrupted", "diverged", "failed"]
Cause = Literal["", "not finite", "spike", "worse than untrained"]  # of a divergence; "" in logs that do not record it

# The causes as clauses to follow "at step 62".
DIVERGED: dict[Cause, str] = {
    "": "the loss shot up or was not a number",
    "not finite": "the loss was not a number",
    "spike": "the loss shot up",
    "worse than untrained": "the model was worse than before its first step",
}


@dataclass(frozen=True, kw_only=True)
class Base:
    step: Count
    time: Annotated[float, Field(allow_inf_nan=False)] = field(default_factory=time.time, compare=False)


def whole_phase(values: dict[str, Any]) -> dict[str, Any]:
    """The phase's values, validated, with defaults for the keys that readers of a log rely on.

    No other key gets a default: an older run was trained without it.
    """
    defaults = Phase.model_validate(values).values()
    filled = dict(values)
    for section, keys in _REQUIRED_KEYS.items():
        filled[section] = dict(values.get(section, {}))
        for key in keys:
            filled[section].setdefault(key, defaults[section][key])
    return filled


_REQUIRED_KEYS = {
    "phase": ("name",),
    "model": ("block_size",),
    "training": ("max_iters", "batch_size", "learning_rate"),
    "evaluation": ("interval",),
    "early_stopping": ("patience",),
}


def with_total(parameters: dict[str, int]) -> dict[str, int]:
    if "total" not in parameters:
        raise ValueError("total is missing")
    return parameters


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The best model of the run that a gate judges this one against, as it was when this one started."""

    run: str  # name@step
    val_text: str  # fingerprint of the validation text
    bits_per_byte: Real  # of who predicts
    decides: Decides
    n_bytes: list[Count]  # of each block of the validation side; none of a run whose log has no blocks
    nats: list[Real]  # of each block, of who predicts


@dataclass(frozen=True, kw_only=True)
class RunStarted(Base):
    event: Literal["run_started"] = "run_started"
    phase: Annotated[dict[str, Any], AfterValidator(whole_phase)]
    parameters: Annotated[dict[str, Count], AfterValidator(with_total)]  # by part, and "total"
    data: LoggedData
    machine: dict[str, Any] = field(compare=False)
    versions: dict[str, str] = field(compare=False)
    parent: str | None = None  # whose weights it started with, such as quick-003@400
    teacher: str | None = None  # whose predictions it learned from; several with commas
    reference: Reference | None = None  # that its gate judges it against

    @property
    def tokens_per_step(self) -> int:
        batch_size, block_size = self.phase["training"]["batch_size"], self.phase["model"]["block_size"]
        return tokens_per_step(batch_size, block_size, self.data.train_length)

    def epochs_at(self, step: int) -> float:
        """How often the training text has been seen by this step, on average."""
        return epochs(step, self.tokens_per_step, self.data.train_tokens, self.data.train_length)


@dataclass(frozen=True, kw_only=True)
class Step(Base):
    event: Literal["step"] = "step"
    loss: Real  # of this update's batch
    learning_rate: Real
    grad_norm: Real  # before clipping
    tokens: Count  # seen so far


@dataclass(frozen=True, kw_only=True)
class Evaluation(Base):
    event: Literal["evaluation"] = "evaluation"
    train_loss: Real
    val_loss: Real
    gap: Real
    verdict: str  # the gap's class on the house scale; "" if it means nothing, or counting beats what it praises
    bits_per_byte: Real  # of the validation loss
    best: bool  # the lowest `judged_loss` so far
    requested: bool = False  # by a person, in addition to the scheduled ones
    # The validation loss of the network mixed with an n-gram model (model.ngram_mix), or with counts in many contexts
    # (model.context_mixing), which in the second pair learn on. Everything above except `best` is of the network alone.
    mixed_loss: float | None = None
    mixed_bits_per_byte: float | None = None
    adaptive_loss: float | None = None
    adaptive_bits_per_byte: float | None = None
    decides: Decides | None = None  # as the phase says; None: the lower of the network's loss and the mixture's
    memory: Count | None = field(default=None, compare=False)  # bytes that the training process holds

    @property
    def judged(self) -> Decides:
        """Who predicts with a checkpoint: best.pt, patience and the gate go by its loss."""
        if self.decides is not None:
            return self.decides
        return "static" if self.mixed_loss is not None and self.mixed_loss < self.val_loss else "network"

    @property
    def judged_loss(self) -> float:
        """The validation loss of who is `judged`."""
        found = {"static": self.mixed_loss, "adaptive": self.adaptive_loss}.get(self.judged)
        return self.val_loss if found is None else found

    @property
    def judged_bits_per_byte(self) -> float:
        found = {"static": self.mixed_bits_per_byte, "adaptive": self.adaptive_bits_per_byte}.get(self.judged)
        return self.bits_per_byte if found is None else found


@dataclass(frozen=True, kw_only=True)
class FinalTest(Base):
    """What the best model has on the test side, which is looked at once, when the training is over.

    The interval (95 %) and how far validation flattered are of who predicts with the best model, in bits per byte.
    """

    event: Literal["final_test"] = "final_test"
    best_step: Count  # of the model that was tested
    tokens: Count  # of text on the test side
    test_loss: Real  # the network's
    bits_per_byte: Real
    mixed_loss: float | None = None  # with what is mixed in, if the best model predicts with it
    mixed_bits_per_byte: float | None = None
    adaptive_loss: float | None = None
    adaptive_bits_per_byte: float | None = None
    decides: Decides | None = None  # None: the mixture, if there is one
    low: float | None = None  # None, too, of a text too short to say
    high: float | None = None
    flattered: float | None = None  # the test loss less the validation loss, of the same model
    flattered_low: float | None = None
    flattered_high: float | None = None
    n_bytes: list[Count] | None = None  # of each block of the test text
    nats: list[Real] | None = None  # what who predicts has on each

    @property
    def judged(self) -> Decides:
        """Who predicts with the best model."""
        return self.decides or ("network" if self.mixed_loss is None else "static")

    @property
    def judged_bits_per_byte(self) -> float:
        found = {"static": self.mixed_bits_per_byte, "adaptive": self.adaptive_bits_per_byte}.get(self.judged)
        return self.bits_per_byte if found is None else found

    @property
    def judged_loss(self) -> float:
        found = {"static": self.mixed_loss, "adaptive": self.adaptive_loss}.get(self.judged)
        return self.test_loss if found is None else found


class NamedLoss(NamedTuple):
    name: str
    loss: float
    bits_per_byte: float | None


def judged_name(result: Evaluation | FinalTest) -> str:
    """The name of what predicts with a checkpoint, as `mixtures` names it: network, mixed, static or adaptive."""
    return "mixed" if result.judged == "static" and result.adaptive_loss is None else result.judged


def mixtures(result: Evaluation | FinalTest) -> list[NamedLoss]:
    """The losses of what is mixed into the network's predictions, as they are named.

    "mixed" with an n-gram model; "static" and "adaptive" with counts that can learn on.
    """
    found = []
    if result.mixed_loss is not None:
        name = "mixed" if result.adaptive_loss is None else "static"
        found.append(NamedLoss(name, result.mixed_loss, result.mixed_bits_per_byte))
    if result.adaptive_loss is not None:
        found.append(NamedLoss("adaptive", result.adaptive_loss, result.adaptive_bits_per_byte))
    return found


@dataclass(frozen=True, kw_only=True)
class CharactersSaved(Base):
    """How much of a line the best model completes rightly, measured at the end for gate.min_characters_saved."""

    event: Literal["characters_saved"] = "characters_saved"
    best_step: Count  # of the model that was asked
    places: Count  # of the validation text
    share: Real  # of the characters, from 0 to 1
    error: float | None  # its standard error


@dataclass(frozen=True, kw_only=True)
class BlockLosses(Base):
    """What the best model has on stretches of the validation side, measured at the end.

    Sums in nats, block by block, of the tokens that are text; so that runs are compared on the same text, and it is
    known how much the choice of the text matters.
    """

    event: Literal["block_losses"] = "block_losses"
    best_step: Count
    n_bytes: list[Count]  # of each block
    network: list[Real]
    static: list[Real] | None = None
    adaptive: list[Real] | None = None
    decides: Decides  # who predicts with the best model

    @property
    def judged(self) -> list[float]:
        """The losses of who predicts."""
        return {"static": self.static, "adaptive": self.adaptive}.get(self.decides) or self.network


@dataclass(frozen=True, kw_only=True)
class Sample(Base):
    event: Literal["sample"] = "sample"
    prompt: str
    text: str  # without the prompt
    judgement: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class SampleRates(Base):
    """Many completions at once. `watch()` judges and counts them, and leaves the texts out of the log."""

    event: Literal["sample_rates"] = "sample_rates"
    samples: Count
    parse_rate: float | None = None  # None: not judged, or not Python
    copied_share: float | None = None  # of the samples' tokens; None: not judged, or only blanks
    labels: dict[str, Count] = field(default_factory=dict)
    completions: list[tuple[str, str]] = field(default_factory=list)  # (prompt, text) of each, until they are judged


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Base):
    """A request to save the current state: whoever records the run does so before reading the next event."""

    event: Literal["checkpoint"] = "checkpoint"
    kind: Literal["last", "best"]
    file: str = ""  # filled in by whoever saves it


SERIOUS, WARNING = 0.9, 0.5  # lowest weights of a serious finding and of a warning
Level = Literal["note", "warning", "serious"]
Confidence = Literal["high", "medium", "low"]


def level_of(weight: float) -> Level:
    return "serious" if weight >= SERIOUS else "warning" if weight >= WARNING else "note"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a run: what it is, the evidence, the confidence, and what to do about it."""

    code: str
    title: str  # a few words
    evidence: str  # one sentence, with numbers
    remedy: str  # one sentence
    confidence: Confidence
    weight: float  # 0 to 1: the heaviest comes first
    step: Count | None = None  # where it happened, or the step to return to
    number: float | None = None  # the number that the finding is based on, in the unit of its evidence
    source: str  # of the rule

    @property
    def level(self) -> Level:
        """The level of a warning with this weight."""
        return level_of(self.weight)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Warned(Base):
    event: Literal["warning"] = "warning"
    code: str
    message: str
    advice: str = ""
    level: Level = "warning"
    of_the_run: bool = False  # about the whole run, at its end: the diagnosis, heaviest finding last, and the gate
    finding: Finding | None = None  # of the diagnosis: the finding behind the message, for readers of the log


@dataclass(frozen=True, kw_only=True)
class Paused(Base):
    event: Literal["paused"] = "paused"


@dataclass(frozen=True, kw_only=True)
class Resumed(Base):
    """The training continues after a pause, or in another process after a stop (`after` says which)."""

    event: Literal["resumed"] = "resumed"
    after: str = "pause"


@dataclass(frozen=True, kw_only=True)
class Changed(Base):
    event: Literal["changed"] = "changed"
    key: str
    value: float
    was: float


@dataclass(frozen=True, kw_only=True)
class RunFinished(Base):
    event: Literal["run_finished"] = "run_finished"
    reason: Reason
    cause: Cause = ""  # why it diverged, if it did
    best_step: int | None
    best_val_loss: float | None  # the network's, at that step
    best_mixed_loss: float | None = None
    best_adaptive_loss: float | None = None
    seconds: float = field(compare=False)  # of training, without pauses, in all processes that trained this run
    gate_failed: list[str] | None = None  # keys of the limits that were not kept; None: none is set, or it is not over
    findings: Count | None = None  # how many findings precede this event in the log; None: no diagnosis was made

    @property
    def as_meant(self) -> bool:
        """Whether the training came to its end: all steps made, or stopped early, as its phase says."""
        return self.reason in ("completed", "early stopping")

    @property
    def may_go_on(self) -> bool:
        """Whether it ended before that, and can be resumed; one that diverged would do so again."""
        return self.reason in ("stopped", "interrupted", "failed")


Event = Annotated[
    RunStarted
    | Step
    | Evaluation
    | FinalTest
    | CharactersSaved
    | BlockLosses
    | Sample
    | SampleRates
    | Checkpoint
    | Warned
    | Paused
    | Resumed
    | Changed
    | RunFinished,
    Field(discriminator="event"),
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def to_json(event: Event) -> str:
    """One JSON line, without the line break."""
    return _EVENT.dump_json(event).decode()


def from_json(line: str | bytes) -> Event:
    """The event of a log line; ValueError with a one-line message if it is not an event."""
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
