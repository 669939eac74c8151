"""[gate]: the limits of a phase that make a run fail."""

from typing import Self

from pydantic import Field, model_validator

from slmtui.config.fields import Number, SourcePath, broken_rule
from slmtui.config.limits import GATE_SAMPLES, SHORTEST_COPY
from slmtui.config.section import Section


class GateSection(Section):
    """Limits that make a run fail in CI, with exit status 1; unset: no limit."""

    max_gap: Number | None = Field(None, ge=0, description="Largest absolute gap, val - train, in nats per token.")
    max_val_loss: Number | None = Field(
        None, ge=0, description="Largest validation loss of what decides (evaluation.decides), in nats per token."
    )
    max_bits_per_byte: Number | None = Field(None, ge=0, description="The same in bits per byte.")
    max_test_bits_per_byte: Number | None = Field(
        None, ge=0, description="Largest loss on the test side of what decides, in bits per byte."
    )
    min_parse_rate: Number | None = Field(
        None, ge=0, le=1,
        description="Smallest share of samples that must parse, for a Python corpus; "
        f"with samples = 0, {GATE_SAMPLES} are drawn.",
    )  # fmt: skip
    max_copied_share: Number | None = Field(
        None, ge=0, le=1,
        description="Largest share of the samples' tokens that may lie in copies of training text, of about "
        f"{SHORTEST_COPY} GPT-2 tokens or more.",
    )  # fmt: skip
    min_characters_saved: Number | None = Field(
        None, ge=0, le=1,
        description="Smallest share of the validation text's lines that completions must save typing; measured at the "
        "end, with the best model.",
    )  # fmt: skip

    against: SourcePath | None = Field(
        None, description="A run, by its name or a tag, that this one is judged against on the same validation text.",
        json_schema_extra={"allowed": "the name of a run, or a tag"},
    )  # fmt: skip
    max_loss_increase: Number | None = Field(
        None, ge=0,
        description="How far above that run's the loss of what decides may lie, in bits per byte (0 unless set); it "
        "fails if that is exceeded by more than the noise of the text.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_what_it_increases(self) -> Self:
        if self.max_loss_increase is not None and self.against is None:
            raise broken_rule(
                "has no meaning without gate.against", got=f"{self.max_loss_increase:g}",
                allowed="no max_loss_increase, or the run that it is an increase over in gate.against",
                key="max_loss_increase",
            )  # fmt: skip
        return self

    def limits(self) -> dict[str, float]:
        """The limits that are set, by key."""
        found: dict[str, float] = self.model_dump(exclude_none=True, exclude={"against"})
        return found | ({"max_loss_increase": self.max_loss_increase or 0.0} if self.against is not None else {})

    @property
    def wants_rates(self) -> bool:
        """Whether a limit is judged on many samples of the best model."""
        return self.min_parse_rate is not None or self.max_copied_share is not None
