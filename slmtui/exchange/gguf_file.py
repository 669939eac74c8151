"""A model as llama.cpp loads it, and what runs llama.cpp: one GGUF file, with a Modelfile for Ollama beside it.

It is written directly. llama.cpp's own converter starts from a Hugging Face folder and knows vocabularies by the hash
of a text that they encode, so that it refuses those of our own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slmtui.config.phase import SamplingSection
from slmtui.exchange.llama import is_llama, llama_tensors
from slmtui.exchange.needs import needed
from slmtui.exchange.vocabulary import END, ByteLevel, Characters, Vocabulary
from slmtui.model.gpt import GPT, NORM_EPS
from slmtui.model.gpt2_names import gpt2_names
from slmtui.model.rotary import ROTARY_BASE
from slmtui.model.size import mlp_width

FILE = "model.gguf"
NORMAL, CONTROL, UNUSED, BYTE = 1, 3, 5, 6  # kinds of token
NEVER = 255  # a byte that UTF-8 has no use for
SPACE = "▁"  # how llama.cpp spells a space among characters
NO_MERGE = "ÿÿ ÿ"  # never made, as nothing makes its first half; a file must have one


def write_gguf(
    folder: Path, network: GPT, vocabulary: Vocabulary, sampling: SamplingSection, *, name: str, f16: bool
) -> None:
    """network: of `plain_network`. f16: matrices in half precision. UserError without the gguf package."""
    gguf = needed("gguf")
    config = network.config
    llama = is_llama(config)
    writer = gguf.GGUFWriter(folder / FILE, "llama" if llama else "gpt2")
    writer.add_name(name)
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(mlp_width(config.mlp, config.n_embd))
    writer.add_head_count(config.n_head)
    if llama:
        writer.add_head_count_kv(config.n_head)
        writer.add_layer_norm_rms_eps(NORM_EPS)
        writer.add_rope_dimension_count(config.n_embd // config.n_head)
        writer.add_rope_freq_base(ROTARY_BASE)
        writer.add_vocab_size(config.n_vocab)
    else:
        writer.add_layer_norm_eps(NORM_EPS)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if f16 else gguf.LlamaFileType.ALL_F32)
    if isinstance(vocabulary, ByteLevel):
        _add_byte_level(writer, vocabulary)
    else:
        _add_characters(writer, vocabulary)
    for name, array in _arrays(network).items():
        halved = f16 and array.ndim == 2 and name != "position_embd.weight"  # which llama.cpp adds in full precision
        writer.add_tensor(name, np.ascontiguousarray(array, np.float16 if halved else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "Modelfile").write_text(_modelfile(sampling, config.block_size), encoding="utf-8")


def _arrays(network: GPT) -> dict[str, np.ndarray]:
    if is_llama(network.config):
        return {named.gguf: named.gguf_array for named in llama_tensors(network)}
    tensors = network.tensors()
    return {name.gguf: tensors[name.ours].detach().cpu().numpy() for name in gpt2_names(network.config.n_layer)}


def _add_byte_level(writer: Any, vocabulary: ByteLevel) -> None:
    tokens, kinds = list(vocabulary.tokens), [NORMAL] * len(vocabulary.tokens)
    if vocabulary.end is not None:
        kinds[vocabulary.end] = CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")  # GPT-2's pattern cuts the words
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in vocabulary.merges] or [NO_MERGE])
    _add_ends(writer, vocabulary, never=tokens.index("ÿ"))


def _add_characters(writer: Any, vocabulary: Characters) -> None:
    """As SentencePiece's tokens with no pairs to join; a character that is no token is spelled in bytes."""
    tokens = [SPACE if byte == ord(" ") else f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [NORMAL if byte == ord(" ") else BYTE for byte in range(256)]
    for character in vocabulary.characters:
        tokens.append(character if character != SPACE else "<|U+2581|>")  # which is read as a space there
        kinds.append(NORMAL if character != SPACE else UNUSED)
    if vocabulary.end is not None:
        tokens.append(END)
        kinds.append(CONTROL)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_add_space_prefix(False)
    writer.add_unk_token_id(NEVER)
    _add_ends(writer, vocabulary, never=NEVER)


def _add_ends(writer: Any, vocabulary: Vocabulary, *, never: int) -> None:
    """What begins and ends a text must be said: the default is token 11 or 2, be that what it may.

    never: what to name where documents have no end.
    """
    end = never if vocabulary.end is None else vocabulary.end
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(vocabulary.begins)
    writer.add_add_eos_token(False)


def _modelfile(sampling: SamplingSection, block_size: int) -> str:
    """For `ollama create NAME -f Modelfile`: the prompt as it is, and the phase's sampling.

    Its values know no escapes: between three quotes all is as it stands, line breaks too.
    """
    lines = [
        f"FROM ./{FILE}",
        'TEMPLATE "{{ .Prompt }}"',
        f"PARAMETER num_ctx {block_size}",
        f"PARAMETER num_predict {min(sampling.tokens, block_size)}",
        f"PARAMETER temperature {sampling.temperature}",
        f"PARAMETER top_k {sampling.top_k}",
        f"PARAMETER top_p {sampling.top_p}",
        "PARAMETER repeat_penalty 1.0",
        *(f'PARAMETER stop """{stop}"""' for stop in sampling.stop if '"""' not in stop),
    ]
    return "\n".join(lines) + "\n"
