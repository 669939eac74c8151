"""A network with rotary positions, RMSNorm and SwiGLU, as others name its parameters: LLaMA with biases.

Hugging Face's and GGUF's LLaMA have q, k and v, and gate and value, apart from each other. GGUF turns neighbouring
dimensions of a head, (0, 1), (2, 3) …, where ours and Hugging Face's turn (i, i + D/2); so the rows of q and k stand in
another order there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slmtui.model.gpt import GPT, GPTConfig

PARTS = {"positions": "rotary", "norm": "rms", "mlp": "swiglu"}


@dataclass(frozen=True)
class Named:
    """A parameter and its names. array: as in Hugging Face's file; gguf_array: as in GGUF's."""

    huggingface: str
    gguf: str
    array: np.ndarray
    gguf_array: np.ndarray


def is_llama(config: GPTConfig) -> bool:
    return all(getattr(config, key) == value for key, value in PARTS.items())


def llama_tensors(network: GPT) -> Iterator[Named]:
    """All parameters of a network that `is_llama`."""
    config = network.config
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in network.tensors().items()}

    def named(huggingface: str, gguf: str, array: np.ndarray, *, turned: bool = False) -> Named:
        contiguous = np.ascontiguousarray(array)
        return Named(huggingface, gguf, contiguous, _neighbours(contiguous, config.n_head) if turned else contiguous)

    yield named("model.embed_tokens.weight", "token_embd.weight", tensors["lm_head.weight"])
    for i in range(config.n_layer):
        ours, theirs, gguf = f"h.{i}.", f"model.layers.{i}.", f"blk.{i}."
        yield named(f"{theirs}input_layernorm.weight", f"{gguf}attn_norm.weight", tensors[f"{ours}ln_1.weight"])
        yield named(f"{theirs}post_attention_layernorm.weight", f"{gguf}ffn_norm.weight", tensors[f"{ours}ln_2.weight"])
        for kind in ("weight", "bias"):
            q, k, v = np.split(tensors[f"{ours}attn.c_attn.{kind}"], 3)
            yield named(f"{theirs}self_attn.q_proj.{kind}", f"{gguf}attn_q.{kind}", q, turned=True)
            yield named(f"{theirs}self_attn.k_proj.{kind}", f"{gguf}attn_k.{kind}", k, turned=True)
            yield named(f"{theirs}self_attn.v_proj.{kind}", f"{gguf}attn_v.{kind}", v)
            projection = tensors[f"{ours}attn.c_proj.{kind}"]
            yield named(f"{theirs}self_attn.o_proj.{kind}", f"{gguf}attn_output.{kind}", projection)
            gate, value = np.split(tensors[f"{ours}mlp.c_fc.{kind}"], 2)
            yield named(f"{theirs}mlp.gate_proj.{kind}", f"{gguf}ffn_gate.{kind}", gate)
            yield named(f"{theirs}mlp.up_proj.{kind}", f"{gguf}ffn_up.{kind}", value)
            yield named(f"{theirs}mlp.down_proj.{kind}", f"{gguf}ffn_down.{kind}", tensors[f"{ours}mlp.c_proj.{kind}"])
    yield named("model.norm.weight", "output_norm.weight", tensors["ln_f.weight"])


def _neighbours(rows: np.ndarray, n_head: int) -> np.ndarray:
    """Rows (C, …) of all heads, in each of which i and i + D/2 become neighbours."""
    heads = rows.reshape(n_head, 2, len(rows) // n_head // 2, *rows.shape[1:])
    return np.ascontiguousarray(heads.swapaxes(1, 2).reshape(rows.shape))
