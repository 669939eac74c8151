"""How large a model is, from its shape alone: no torch, so that a form can say it while someone types.

Shapes as in gpt.py: V = n_vocab, C = n_embd, T = block_size.
"""


def count_parameters(
    n_vocab: int, n_layer: int, n_embd: int, block_size: int, *, copy_head: bool = False
) -> dict[str, int]:
    """Numbers of parameters by part, as `GPT.parameters_by_part` counts them in a model that exists.

    Token embedding V·C (the output matrix is the same one), position embedding T·C, and the body: in each block two
    LayerNorms (2C each), attention (C·3C + 3C, C·C + C), MLP (C·4C + 4C, 4C·C + C), which is 12C² + 13C; and a last
    LayerNorm. The number of heads does not matter. A copy head has two matrices C·16, a sentinel C + 1, and 7 numbers.
    """
    block = 12 * n_embd**2 + 13 * n_embd
    return {
        "token_embedding": n_vocab * n_embd,
        "position_embedding": block_size * n_embd,
        "body": n_layer * block + 2 * n_embd + (33 * n_embd + 8 if copy_head else 0),
    }


# What the loss keeps of its logits on a CPU (kernels.py). It stands here because this needs no torch.
ROWS = 384  # positions in a chunk, at most: more gains little, and the chunk's logits are kept (77 MB for GPT-2's)
SMALL_VOCABULARY = 768  # up to here the plain formula is as fast or faster, ...
MOST_PLAIN_LOGITS = 1 << 23  # ... and is taken while its logits, 32 MB of them, are no burden


def takes_plain_formula(n_positions: int, n_vocab: int) -> bool:
    """Whether the loss has its logits whole, (n_positions, n_vocab)."""
    return n_vocab <= SMALL_VOCABULARY and n_positions * n_vocab <= MOST_PLAIN_LOGITS
