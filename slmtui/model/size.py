"""The size of a model, computed from its shape alone: without torch, so that a form can show it while someone types.

Shapes as in gpt.py: V = n_vocab, C = n_embd, T = block_size.
"""


def count_parameters(
    n_vocab: int, n_layer: int, n_embd: int, block_size: int, *, copy_head: bool = False
) -> dict[str, int]:
    """Parameter counts by part, as `GPT.parameters_by_part` counts them in an existing model.

    Token embedding V·C (shared with the output matrix), position embedding T·C, and the body: in each block two
    LayerNorms (2C each), attention (C·3C + 3C, C·C + C) and MLP (C·4C + 4C, 4C·C + C), which make 12C² + 13C; and a
    final LayerNorm, 2C. The number of heads does not matter. A copy head has two C·16 matrices, a sentinel of C + 1,
    and a table of 7 numbers.
    """
    block = 12 * n_embd**2 + 13 * n_embd
    return {
        "token_embedding": n_vocab * n_embd,
        "position_embedding": block_size * n_embd,
        "body": n_layer * block + 2 * n_embd + (33 * n_embd + 8 if copy_head else 0),
    }


# How many logits the loss holds at once on a CPU (kernels.py). Defined here because this module does not need torch.
ROWS = 384  # positions in a chunk, at most: more gain little, and a chunk's logits stay allocated (77 MB with GPT-2's)
SMALL_VOCABULARY = 768  # up to this size the plain formula is as fast or faster, ...
MOST_PLAIN_LOGITS = 1 << 23  # ... and is used as long as its logits take no more than 32 MB


def takes_plain_formula(n_positions: int, n_vocab: int) -> bool:
    """Whether the loss is computed from the full logits, (n_positions, n_vocab)."""
    return n_vocab <= SMALL_VOCABULARY and n_positions * n_vocab <= MOST_PLAIN_LOGITS
