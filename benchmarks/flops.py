"""The arithmetic of a training step, as Kaplan et al. (2020) and PaLM (Chowdhery et al. 2022, appendix B) count it."""

from __future__ import annotations


def step_flops(*, n_vocab: int, n_layer: int, n_embd: int, block_size: int, batch_size: int) -> int:
    """Operations in the matrix products of a step: two for each multiply-add, once forward and twice backward.

    N positions, width C: 6·N·V·C for the output matrix, 6·N·12C² for the matrices of a block, and 12·N·T·C for its
    attention, whose future half is counted though a kernel may leave it out; the number of heads does not matter.
    Nothing for what is added or looked up.
    """
    positions = batch_size * block_size
    block = 6 * positions * 12 * n_embd**2 + 12 * positions * block_size * n_embd
    return 6 * positions * n_vocab * n_embd + n_layer * block
