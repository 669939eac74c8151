"""A model as Hugging Face's transformers loads it, without our code: GPT-2 or LLaMA, its tokenizer as one JSON file.

    write_huggingface(Path("folder"), network, vocabulary, phase.sampling)

`AutoModelForCausalLM.from_pretrained(folder)` and `AutoTokenizer.from_pretrained(folder)` take it from there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from slmtui.config.phase import SamplingSection
from slmtui.exchange.llama import is_llama, llama_tensors
from slmtui.exchange.needs import needed
from slmtui.exchange.vocabulary import END, ByteLevel, Characters, Vocabulary
from slmtui.model.gpt import GPT, NORM_EPS, GPTConfig
from slmtui.model.gpt2_names import gpt2_names
from slmtui.model.rotary import ROTARY_BASE
from slmtui.model.size import mlp_width


def write_huggingface(folder: Path, network: GPT, vocabulary: Vocabulary, sampling: SamplingSection) -> None:
    """network: of `plain_network`. UserError if safetensors is not installed."""
    save = needed("safetensors.numpy").save
    llama = is_llama(network.config)
    arrays = {named.huggingface: named.array for named in llama_tensors(network)} if llama else _gpt2_arrays(network)
    packed = save(arrays, metadata={"format": "pt"})  # without it, transformers refuses the file
    (folder / "model.safetensors").write_bytes(packed)
    block_size = network.config.block_size
    for file, values in {
        "config.json": {**(_llama(network) if llama else _gpt2(network)), **_shared(network, vocabulary)},
        "generation_config.json": _generation(vocabulary, sampling, block_size),
        "tokenizer.json": tokenizer_json(vocabulary),
        "tokenizer_config.json": _tokenizer_config(vocabulary, block_size),
    }.items():
        (folder / file).write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _gpt2_arrays(network: GPT) -> dict[str, np.ndarray]:
    tensors, arrays = network.tensors(), {}
    for name in gpt2_names(network.config.n_layer):
        array = tensors[name.ours].detach().cpu().numpy()
        arrays[name.huggingface] = np.ascontiguousarray(array.T if name.transposed else array)
    return arrays


def _shared(network: GPT, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "vocab_size": network.config.n_vocab,
        "tie_word_embeddings": True,
        "bos_token_id": vocabulary.end,  # the default would be 50256 or 1, outside a small vocabulary or anything
        "eos_token_id": vocabulary.end,
        "torch_dtype": "float32",
    }


def _attention_dropout(config: GPTConfig) -> float:
    return config.dropout if config.attention_dropout is None else config.attention_dropout


def _llama(network: GPT) -> dict[str, Any]:
    config = network.config
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": config.block_size,
        "hidden_size": config.n_embd,
        "intermediate_size": mlp_width(config.mlp, config.n_embd),
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_head,
        "hidden_act": "silu",
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROTARY_BASE,
        "attention_bias": True,
        "mlp_bias": True,
        "attention_dropout": _attention_dropout(config),
    }


def _gpt2(network: GPT) -> dict[str, Any]:
    config = network.config
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_positions": config.block_size,
        "n_ctx": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_inner": 4 * config.n_embd,
        "activation_function": "gelu_new" if config.mlp == "gelu_tanh" else "gelu",
        "layer_norm_epsilon": NORM_EPS,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": _attention_dropout(config),
    }


def _generation(vocabulary: Vocabulary, sampling: SamplingSection, block_size: int) -> dict[str, Any]:
    """As the phase draws its samples. A text is at most as long as the window, where the positions end."""
    drawn = {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p}
    return {
        "bos_token_id": vocabulary.end,
        "eos_token_id": vocabulary.end,
        "pad_token_id": vocabulary.end,
        "max_length": block_size,
        "do_sample": sampling.temperature > 0,
        **(drawn if sampling.temperature > 0 else {}),
    }


def _tokenizer_config(vocabulary: Vocabulary, block_size: int) -> dict[str, Any]:
    end = None if vocabulary.end is None else END
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "model_max_length": block_size,
        "clean_up_tokenization_spaces": False,
    }


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """The values of tokenizer.json, which Hugging Face's tokenizers reads by itself."""
    return _byte_level(vocabulary) if isinstance(vocabulary, ByteLevel) else _characters(vocabulary)


def _byte_level(vocabulary: ByteLevel) -> dict[str, Any]:
    """The words are GPT-2's, and one that is a token is that token, however its bytes would be joined."""
    cutting = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        **_frame(vocabulary),
        "pre_tokenizer": cutting,
        "decoder": cutting,
        "model": {
            **_BPE,
            "ignore_merges": True,
            "vocab": {token: i for i, token in enumerate(vocabulary.tokens)},
            "merges": [f"{left} {right}" for left, right in vocabulary.merges],
        },
    }


def _characters(vocabulary: Characters) -> dict[str, Any]:
    """BPE without merges, on a text that is not cut; what is no token is spelled in bytes, <0xE6>."""
    tokens = [chr(byte) if byte < 0x80 else f"<0x{byte:02X}>" for byte in range(256)] + list(vocabulary.characters)
    tokens += [END] if vocabulary.end is not None else []
    return {
        **_frame(vocabulary),
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            **_BPE,
            "byte_fallback": True,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [],
        },
    }


_BPE = {
    "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
    "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
}  # fmt: skip


def _frame(vocabulary: Vocabulary) -> dict[str, Any]:
    """What both kinds have. A prompt begins a document, so it is read after END, as slmtui reads it."""
    end, added, before = vocabulary.end, [], None
    if end is not None:
        added = [{"id": end, "content": END, "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": False, "special": True}]  # fmt: skip
    if end is not None and vocabulary.begins:
        mark = {"SpecialToken": {"id": END, "type_id": 0}}
        texts = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}]
        before = {
            "type": "TemplateProcessing",
            "single": [mark, texts[0]],
            "pair": [mark, texts[0], mark, texts[1]],
            "special_tokens": {END: {"id": END, "ids": [end], "tokens": [END]}},
        }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "post_processor": before,
    }
