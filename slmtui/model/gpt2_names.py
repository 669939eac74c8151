"""The parameters of a GPT-2 as others name them: one table, to be read in both directions.

Hugging Face's `GPT2LMHeadModel` has our names below `transformer.`, and keeps four matrices of a layer as (in, out),
the other way round than `nn.Linear` (its `Conv1D`). GGUF has names of its own, with matrices as ours. In both, the
output matrix is the token embedding.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """A parameter. transposed: in Hugging Face's file, not in GGUF's."""

    ours: str
    huggingface: str
    gguf: str
    transposed: bool = False


_LAYER = (  # as ours and Hugging Face's, as GGUF's, and whether it is a matrix that is transposed
    ("ln_1.weight", "attn_norm.weight", False),
    ("ln_1.bias", "attn_norm.bias", False),
    ("attn.c_attn.weight", "attn_qkv.weight", True),
    ("attn.c_attn.bias", "attn_qkv.bias", False),
    ("attn.c_proj.weight", "attn_output.weight", True),
    ("attn.c_proj.bias", "attn_output.bias", False),
    ("ln_2.weight", "ffn_norm.weight", False),
    ("ln_2.bias", "ffn_norm.bias", False),
    ("mlp.c_fc.weight", "ffn_up.weight", True),
    ("mlp.c_fc.bias", "ffn_up.bias", False),
    ("mlp.c_proj.weight", "ffn_down.weight", True),
    ("mlp.c_proj.bias", "ffn_down.bias", False),
)


def gpt2_names(n_layer: int) -> list[Name]:
    """All parameters of a GPT-2 with so many layers, as `GPT.tensors` has them."""
    return [
        Name("lm_head.weight", "transformer.wte.weight", "token_embd.weight"),
        Name("wpe.weight", "transformer.wpe.weight", "position_embd.weight"),
        *(
            Name(f"h.{layer}.{ours}", f"transformer.h.{layer}.{ours}", f"blk.{layer}.{theirs}", transposed)
            for layer in range(n_layer)
            for ours, theirs, transposed in _LAYER
        ),
        Name("ln_f.weight", "transformer.ln_f.weight", "output_norm.weight"),
        Name("ln_f.bias", "transformer.ln_f.bias", "output_norm.bias"),
    ]
