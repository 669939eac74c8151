"""The size of a model, computed from its shape alone: without torch, so that a form can show it while someone types.

Shapes as in gpt.py: V = n_vocab, C = n_embd, T = block_size.
"""

from slmtui.config.limits import MOST_HEADS, MlpKind, NormKind, PositionKind


def mlp_width(kind: MlpKind, n_embd: int) -> int:
    """How many values an MLP holds between its two layers: 4C, of SwiGLU two thirds of that, as it has three matrices.

    Rounded up to a multiple of 8, as products like it.
    """
    return 4 * n_embd if kind != "swiglu" else -(-n_embd // 3) * 8


def n_heads(n_embd: int, width: int) -> int:
    """The number of heads whose width is nearest to this one: even where that is possible, for rotary positions."""
    possible = [n for n in range(1, MOST_HEADS + 1) if n_embd % n == 0]
    possible = [n for n in possible if n_embd // n % 2 == 0] or possible
    return min(possible, key=lambda n: abs(n - n_embd / width))


def count_parameters(
    n_vocab: int, n_layer: int, n_embd: int, block_size: int, *, copy_head: bool = False,
    positions: PositionKind = "learned", norm: NormKind = "layer", mlp: MlpKind = "gelu",
) -> dict[str, int]:  # fmt: skip
    """Parameter counts by part, as `GPT.parameters_by_part` counts them in an existing model.

    Token embedding V·C (shared with the output matrix), learned position embedding T·C, and the body: in each block two
    LayerNorms (2C each, of RMSNorm C), attention (C·3C + 3C, C·C + C) and MLP (C·4C + 4C, 4C·C + C; of SwiGLU three
    matrices of C times its width), which make 12C² + 13C in GPT-2; and a final norm. The number of heads does not
    matter. A copy head has two C·16 matrices, a sentinel of C + 1, and a table of 7 numbers.
    """
    width, a_norm = mlp_width(mlp, n_embd), n_embd if norm == "rms" else 2 * n_embd
    first = 2 * width if mlp == "swiglu" else width
    block = 2 * a_norm + 4 * n_embd**2 + 4 * n_embd + (n_embd + 1) * first + width * n_embd + n_embd
    return {
        "token_embedding": n_vocab * n_embd,
        "position_embedding": block_size * n_embd if positions == "learned" else 0,
        "body": n_layer * block + a_norm + (33 * n_embd + 8 if copy_head else 0),
    }


# How many logits the loss holds at once on a CPU (kernels.py). Defined here because this module does not need torch.
ROWS = 384  # positions in a chunk, at most: more gain little, and a chunk's logits stay allocated (77 MB with GPT-2's)
SMALL_VOCABULARY = 768  # up to this size the plain formula is as fast or faster, ...
MOST_PLAIN_LOGITS = 1 << 23  # ... and is used as long as its logits take no more than 32 MB


def takes_plain_formula(n_positions: int, n_vocab: int) -> bool:
    """Whether the loss is computed from the full logits, (n_positions, n_vocab)."""
    return n_vocab <= SMALL_VOCABULARY and n_positions * n_vocab <= MOST_PLAIN_LOGITS
