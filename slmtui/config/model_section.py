"""The `[model]` section of a phase: the shape of the network, its parts, and what is mixed into its predictions."""

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from slmtui.config.fields import Number, SourcePath, Whole, broken_rule
from slmtui.config.limits import MOST_HEADS, MlpKind, NormKind, PositionKind
from slmtui.config.section import Section

LARGEST_WIDTH = 4096


class ModelSection(Section):
    """The shape of the model."""

    n_layer: Whole = Field(4, ge=1, le=48, description="Transformer blocks.")
    n_head: Whole = Field(4, ge=1, le=MOST_HEADS, description="Attention heads per block.")
    n_embd: Whole = Field(
        128, ge=1, le=LARGEST_WIDTH, validate_default=True, description="Width; a multiple of n_head."
    )
    block_size: Whole = Field(128, ge=1, le=8192, description="Context length, in tokens.")
    dropout: Number = Field(0.0, ge=0, lt=1, description="Share of activations dropped in training.")
    attention_dropout: Number | None = Field(
        None, ge=0, lt=1, description="The same for attention weights; unset: as dropout. 0 is much faster."
    )
    copy_head: StrictBool = Field(
        False,
        description="Also predict by copying an earlier token of the window, where the tokens before it match.",
    )
    ngram_mix: Number = Field(
        0.0,
        ge=0,
        lt=1,
        description="Weight of a Kneser-Ney n-gram model of the training text in each prediction; 0: network alone. "
        "Does not affect training.",
    )
    context_mixing: StrictBool = Field(
        False,
        description="Mix the network's predictions with counts of bytes in many contexts, which learn on while a text "
        "is read. Does not affect training, but takes about a minute for each MB of text before it.",
    )

    positions: PositionKind = Field(
        "learned",
        description="Position embeddings that are learned, as in GPT-2, or rotary ones: attention sees distances.",
    )
    norm: NormKind = Field("layer", description="LayerNorm, as in GPT-2, or RMSNorm.")
    mlp: MlpKind = Field(
        "gelu", description="Activation of the MLP: GELU, its tanh approximation as in GPT-2's weights, or SwiGLU."
    )
    init_from: SourcePath | None = Field(
        None,
        description="Model to start from: RUN, RUN@STEP, a checkpoint's file, or a folder of Hugging Face's GPT-2. It "
        "gives weights and vocabulary, and those keys of [model] and [tokenizer] that are left out.",
    )

    @field_validator("n_embd")
    @classmethod
    def _divisible_by_heads(cls, n_embd: int, info: ValidationInfo) -> int:
        n_head = info.data.get("n_head", 1)  # an invalid n_head has a message of its own
        if n_embd % n_head == 0:
            return n_embd
        below = n_embd - n_embd % n_head
        nearest = [width for width in (below, below + n_head) if 0 < width <= LARGEST_WIDTH]
        raise broken_rule(
            "not divisible by n_head",
            got=f"{n_embd} with n_head = {n_head}",
            allowed=f"multiples of {n_head}, the nearest being {' and '.join(map(str, nearest))}",
            beside="n_head",
        )

    @field_validator("positions")
    @classmethod
    def _pairs_to_rotate(cls, positions: PositionKind, info: ValidationInfo) -> PositionKind:
        n_embd, n_head = info.data.get("n_embd"), info.data.get("n_head")  # invalid ones have messages of their own
        if positions == "rotary" and n_embd and n_head and n_embd // n_head % 2:
            raise broken_rule(
                "needs heads of an even width",
                got=f'"rotary" with heads of {n_embd // n_head} (n_embd = {n_embd}, n_head = {n_head})',
                allowed='"learned", or an n_embd that is a multiple of 2 · n_head',
                beside="n_embd",
            )
        return positions

    @field_validator("context_mixing")
    @classmethod
    def _one_mixture(cls, context_mixing: bool, info: ValidationInfo) -> bool:
        ngram_mix = info.data.get("ngram_mix", 0.0)  # an invalid share has a message of its own
        if context_mixing and ngram_mix > 0:
            raise broken_rule(
                "not together with ngram_mix",
                got=f"context_mixing = true with ngram_mix = {ngram_mix:g}",
                allowed="context_mixing = false, or ngram_mix = 0",
                beside="ngram_mix",
            )
        return context_mixing
