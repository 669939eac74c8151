"""A folder of Hugging Face's GPT-2, as transformers writes it, to start a training from: weights and vocabulary.

    parent = parent_from_folder(Path("gpt2"))

It takes `config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.json` with `merges.txt`. The tokens of a
vocabulary that is not GPT-2's own are numbered as ours are, and the rows of the embedding follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from slmtui.config.errors import explain, printable
from slmtui.config.limits import LARGEST_VOCABULARY
from slmtui.config.model_section import ModelSection
from slmtui.config.phase import TokenizerSection
from slmtui.data.gpt2 import PRINTABLE, gpt2_tokens
from slmtui.data.tokenizer import BpeTokenizer, Tokenizer, gpt2_tokenizer
from slmtui.errors import UserError
from slmtui.exchange.folder import exported_from
from slmtui.exchange.needs import wanted
from slmtui.exchange.vocabulary import END
from slmtui.files import is_there, open_to_read
from slmtui.model.gpt import NORM_EPS, GPTConfig, gpt_from_tensors
from slmtui.model.gpt2_names import gpt2_names
from slmtui.training.parent import NOT_OF_THE_NETWORK, Parent

CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_JSON = 1 << 26  # bytes
_MLP = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
_ALWAYS = {  # of GPT-2's configuration: what it is by default, and has to be
    "layer_norm_epsilon": NORM_EPS, "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False, "tie_word_embeddings": True,
}  # fmt: skip


class NotGpt2(UserError):
    """A folder that no training can start from, and why."""


def is_gpt2_folder(path: Path) -> bool:
    """Whether this is meant to be one: a folder with a configuration, or with weights."""
    return is_there(path / CONFIG) or is_there(path / WEIGHTS)


def parent_from_folder(folder: Path) -> Parent:
    """`NotGpt2` for what is no such folder, or needs what our network does not have."""
    config = _json(folder / CONFIG)
    model = _shape(folder / CONFIG, config)
    tokenizer, rows = _tokenizer(folder)
    tensors = _tensors(folder / WEIGHTS, model.n_layer)
    embedding = tensors["lm_head.weight"]
    if embedding.ndim != 2:
        raise NotGpt2(f"{folder / WEIGHTS}: transformer.wte.weight is {tuple(embedding.shape)}, not a matrix")
    if rows is not None and (most := int(rows.max())) >= len(embedding):
        raise NotGpt2(f"{folder}: its vocabulary has a token {most:,}, its embedding only {len(embedding):,} rows")
    if rows is None and len(embedding) < tokenizer.n_vocab:
        raise NotGpt2(f"{folder}: GPT-2's vocabulary needs {tokenizer.n_vocab:,} rows, not {len(embedding):,}")
    # Rows that stand for no token are left out: some embeddings are padded.
    tensors["lm_head.weight"] = embedding[: tokenizer.n_vocab] if rows is None else embedding[torch.from_numpy(rows)]
    network = GPTConfig(n_vocab=tokenizer.n_vocab, **model.model_dump(exclude=NOT_OF_THE_NETWORK))
    try:
        gpt_from_tensors(network, tensors, copy=False)
    except ValueError as error:
        raise NotGpt2(f"{folder / WEIGHTS}: not as {CONFIG} says: {error}") from None
    size = {"vocab_size": tokenizer.n_vocab} if tokenizer.kind == "bpe" else {}
    try:
        vocabulary = TokenizerSection.model_validate({"kind": tokenizer.kind, **size})
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        first["loc"] = ("tokenizer", *first["loc"])
        raise NotGpt2(f"{folder}: its vocabulary: {first['loc'][-1]}: {explain(first)}") from None
    return Parent(folder.resolve().name, str(folder), model, vocabulary, tokenizer, tensors)


def _json(path: Path) -> Any:
    try:
        with open_to_read(path) as file:
            text = file.read(LARGEST_JSON + 1)
    except OSError as error:
        raise NotGpt2(f"{path}: cannot be read ({error.strerror})") from None
    try:
        if len(text) > LARGEST_JSON:
            raise ValueError
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotGpt2(f"{path}: not JSON, or larger than {LARGEST_JSON >> 20} MB") from None


def _shape(path: Path, config: Any) -> ModelSection:
    if not isinstance(config, dict) or config.get("model_type") != "gpt2":
        found = _found(config.get("model_type")) if isinstance(config, dict) else "no table"
        run = exported_from(path.parent)
        instead = "" if run is None else f"; name the run that it was exported from, {run}"
        raise NotGpt2(f"{path}: model_type: not a model to start from (got {found}), allowed: gpt2{instead}")
    for key, right in _ALWAYS.items():
        if config.get(key, right) != right:
            raise NotGpt2(f"{path}: {key}: our network does it otherwise (got {_found(config[key])}), allowed: {right}")
    activation = config.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in _MLP:
        allowed = ", ".join(_MLP)
        raise NotGpt2(f"{path}: activation_function: (got {_found(activation)}), allowed: {allowed}")
    width = config.get("n_embd")
    if config.get("n_inner") not in (None, 4 * width if isinstance(width, int) else None):
        raise NotGpt2(f"{path}: n_inner: our network's is 4 n_embd (got {_found(config['n_inner'])})")
    shape = {key: config.get(key) for key in ("n_layer", "n_head", "n_embd")}
    try:
        return ModelSection.model_validate({**shape, "block_size": config.get("n_positions"), "mlp": _MLP[activation]})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][-1])
        first["loc"] = ("model", key)
        name = "n_positions" if key == "block_size" else key
        raise NotGpt2(f"{path}: {name}: {explain(first)}") from None


def _found(value: object) -> str:
    return printable(str(value), limit=60)


def _tensors(path: Path, n_layer: int) -> dict[str, Tensor]:
    """By our names, (out, in) as ours, float32."""
    safetensors = wanted("safetensors")
    if safetensors is None:
        raise NotGpt2(f"{path}: safetensors is not installed, which reads it: pip install 'slmtui[export]'")
    if not is_there(path):
        raise NotGpt2(f"{path}: not there; in transformers, model.save_pretrained(folder) writes it, in one file")
    tensors = {}
    try:
        open_to_read(path).close()  # safetensors would wait at a pipe
        with safetensors.safe_open(path, framework="pt") as file:
            there = set(file.keys())
            for name in gpt2_names(n_layer):
                bare = name.huggingface.removeprefix("transformer.")  # as OpenAI's own were published
                key = name.huggingface if name.huggingface in there else bare
                if key not in there:
                    raise NotGpt2(f"{path}: {name.huggingface} is missing")
                tensor = file.get_tensor(key)
                if not tensor.is_floating_point() or (name.transposed and tensor.ndim != 2):
                    kind = f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
                    raise NotGpt2(f"{path}: {key} is {kind}, not {'a matrix of ' * name.transposed}real numbers")
                tensors[name.ours] = tensor.float().T.contiguous() if name.transposed else tensor.float()
            if "lm_head.weight" in there and not torch.equal(
                file.get_tensor("lm_head.weight").float(), tensors["lm_head.weight"]
            ):
                raise NotGpt2(f"{path}: its output matrix is not its embedding, as in GPT-2 and in our network")
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise NotGpt2(f"{path}: cannot be read ({_reason(error)})") from None
    return tensors


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or printable(str(error), limit=200)


def _tokenizer(folder: Path) -> tuple[Tokenizer, Any]:
    """The vocabulary, and for each of its tokens the row of the embedding, (V,) int64; None: in its order."""
    vocab, merges, end = _from_tokenizer_json(folder) if is_there(folder / "tokenizer.json") else _from_two(folder)
    letters = tuple("".join(PRINTABLE[byte] for byte in token) for token in gpt2_tokens()[:-1])
    if all(vocab.get(token) == i for i, token in enumerate(letters)):
        return gpt2_tokenizer(end=True), None
    try:
        tokens = [letter for _, letter in sorted(PRINTABLE.items())]
        ids = {token: i for i, token in enumerate(tokens)}
        pairs = []
        for left, right in merges:
            if (token := left + right) not in ids:
                pairs.append((ids[left], ids[right]))
                ids[token] = len(tokens)
                tokens.append(token)
        rows = [vocab[token] for token in tokens]
    except KeyError as error:
        raise NotGpt2(
            f"{folder}: its vocabulary lacks {printable(str(error.args[0]))}, which its merges need"
        ) from None
    if len(tokens) > LARGEST_VOCABULARY:
        raise NotGpt2(
            f"{folder}: a vocabulary of {len(tokens):,} tokens that is not GPT-2's, "
            f"allowed: {LARGEST_VOCABULARY:,} at most"
        )
    rows += [] if end is None else [end]
    if any(type(row) is not int or not 0 <= row < 1 << 31 for row in rows):
        raise NotGpt2(f"{folder}: its vocabulary has ids that no row of an embedding can have")
    return BpeTokenizer(pairs, end=end is not None), np.array(rows, np.int64)


Read = tuple[Mapping[str, Any], Iterable[tuple[str, str]], int | None]  # vocabulary, merges, the id of END


def _from_tokenizer_json(folder: Path) -> Read:
    path = folder / "tokenizer.json"
    whole = _json(path)
    try:
        model, cutting = whole["model"], whole["pre_tokenizer"]
        plain = (
            model["type"] == "BPE" and whole.get("normalizer") is None and cutting["type"] == "ByteLevel"
            and not cutting["add_prefix_space"] and cutting.get("use_regex", True)
        )  # fmt: skip
        if plain:
            merges = [tuple(one.split(" ") if isinstance(one, str) else one) for one in model["merges"]]
            added = {one["content"]: one["id"] for one in whole.get("added_tokens", [])}
            vocab = dict(model["vocab"])
            return vocab, [(str(left), str(right)) for left, right in merges], {**vocab, **added}.get(END)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise NotGpt2(f"{path}: not a byte-level BPE that cuts text as GPT-2's does, without a normalizer")


def _from_two(folder: Path) -> Read:
    vocab, path = _json(folder / "vocab.json"), folder / "merges.txt"
    if not isinstance(vocab, dict):
        raise NotGpt2(f"{folder / 'vocab.json'}: not the tokens of a GPT-2 with their ids")
    try:
        with open_to_read(path) as file:
            lines = file.read(LARGEST_JSON).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NotGpt2(f"{path}: cannot be read ({_reason(error)})") from None
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    if any(len(pair) != 2 for pair in pairs):
        raise NotGpt2(f"{path}: not the merges of a GPT-2, two tokens a line")
    return vocab, [(pair[0], pair[1]) for pair in pairs], vocab.get(END)
