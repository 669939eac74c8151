"""[gate]: the limits of a phase that make a run fail."""

from pydantic import Field

from slmtui.config.fields import Number
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

    @property
    def wants_rates(self) -> bool:
        """Whether a limit is judged on many samples of the best model."""
        return self.min_parse_rate is not None or self.max_copied_share is not None
