"""A training that starts from a folder of Hugging Face's GPT-2, of drawn weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slmtui.config.phase_file import PhaseError
from slmtui.data.gpt2 import N_VOCAB
from slmtui.data.tokenizer import BpeTokenizer, gpt2_tokenizer
from slmtui.exchange.gpt2_folder import NotGpt2, parent_from_folder
from slmtui.exchange.huggingface import tokenizer_json
from slmtui.exchange.vocabulary import END, ByteLevel, vocabulary_of
from slmtui.model.gpt import GPT, GPTConfig, gpt_from_tensors, initial_gpt
from slmtui.model.gpt2_names import gpt2_names
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.session import begin
from tests.test_parents import child, evaluations, started, trained

save_file = pytest.importorskip("safetensors.numpy", reason="safetensors, which reads the folder: .[export]").save_file
SHAPE = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 8}
TEXT = "def load_orders(path):\n    with open(path) as handle:\n        return json.load(handle)  # größer\n"
MERGES = [(ord("d"), ord("e")), (256, ord("f")), (ord(" "), ord("l")), (ord("o"), ord("a")), (ord("i"), ord("t"))]


def gpt2_folder(folder: Path, n_vocab: int, vocabulary: ByteLevel, **changes: Any) -> GPT:
    """Written by safetensors alone; the rows of the embedding stand in reverse order. Returns the network it is of."""
    folder.mkdir()
    network = initial_gpt(GPTConfig(n_vocab, 2, 2, 16, 8, mlp="gelu_tanh"), seed=1)
    tensors = {name: tensor.numpy() for name, tensor in network.tensors().items()}
    tensors["lm_head.weight"] = tensors["lm_head.weight"][::-1]
    arrays = {
        one.huggingface: np.ascontiguousarray(tensors[one.ours].T if one.transposed else tensors[one.ours])
        for one in gpt2_names(2)
    }
    save_file(arrays, folder / "model.safetensors", {"format": "pt"})
    config = {"model_type": "gpt2", "activation_function": "gelu_new", "vocab_size": n_vocab, **SHAPE, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    values = tokenizer_json(vocabulary)
    values["model"]["vocab"] = {token: n_vocab - 1 - i for token, i in values["model"]["vocab"].items()}
    for added in values["added_tokens"]:
        added["id"] = n_vocab - 1 - added["id"]
    (folder / "tokenizer.json").write_text(json.dumps(values))
    return network


def own(folder: Path, **changes: Any) -> tuple[BpeTokenizer, GPT]:
    tokenizer = BpeTokenizer(MERGES, end=True)
    vocabulary = vocabulary_of(tokenizer)
    assert isinstance(vocabulary, ByteLevel)
    return tokenizer, gpt2_folder(folder, tokenizer.n_vocab, vocabulary, **changes)


def network_of(folder: Path) -> GPT:
    parent = parent_from_folder(folder)
    model = parent.model
    config = GPTConfig(
        parent.tokenizer.n_vocab, model.n_layer, model.n_head, model.n_embd, model.block_size, mlp=model.mlp
    )
    return gpt_from_tensors(config, parent.tensors).eval()


def test_weights_and_vocabulary_come_back_as_they_were(tmp_path: Path) -> None:
    tokenizer, network = own(tmp_path / "theirs")
    parent = parent_from_folder(tmp_path / "theirs")
    assert parent.name == "theirs"
    assert parent.tokenizer.fingerprint == tokenizer.fingerprint
    assert all(torch.equal(parent.tensors[name], tensor) for name, tensor in network.tensors().items())


def test_a_training_starts_from_a_folder_and_improves_on_it(tmp_path: Path, corpus: Path) -> None:
    own(tmp_path / "theirs")
    run = trained(child(corpus, str(tmp_path / "theirs"), "training.max_iters=20"), tmp_path)
    assert started(run).parent == "theirs"
    first, *_, last = evaluations(run)
    assert last.val_loss < first.val_loss - 0.1
    phase = run.phase()
    assert (phase.model.mlp, phase.model.n_embd, phase.tokenizer.kind) == ("gelu_tanh", 16, "bpe")
    assert (
        load_checkpoint(run.best_file).tokenizer.decode(load_checkpoint(run.best_file).tokenizer.encode(TEXT)) == TEXT
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "llama"}, r"model_type: .*\(got llama\), allowed: gpt2"),
        ({"activation_function": "relu"}, r"activation_function: \(got relu\), allowed: gelu, gelu_new, "),
        ({"n_inner": 32}, r"n_inner: our network's is 4 n_embd \(got 32\)"),
        ({"layer_norm_epsilon": 1e-6}, r"layer_norm_epsilon: .* \(got 1e-06\), allowed: 1e-05"),
        ({"n_layer": 3}, r"transformer.h.2.ln_1.weight is missing"),
        ({"n_head": 3}, r"config.json: n_embd: not divisible by n_head"),
        ({"activation_function": ["gelu"]}, r"activation_function: \(got \['gelu'\]\), allowed: "),
        ({"model_type": "\x1b[31mllama"}, r"model_type: .*\(got \\u001b\[31mllama\), allowed: gpt2"),
        ({"n_positions": None}, r"config.json: n_positions: not a whole number"),
        ({"n_positions": 16}, r"model.safetensors: not as config.json says: wpe.weight is \(8, 16\) .*\(16, 16\)"),
        ({"n_layer": "two"}, r"config.json: n_layer: not a whole number"),
    ],
)
def test_what_our_network_does_not_have_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    own(tmp_path / "theirs", **changes)
    with pytest.raises(NotGpt2, match=said):
        parent_from_folder(tmp_path / "theirs")


def test_damaged_folders_are_refused_before_there_is_a_run(tmp_path: Path, corpus: Path) -> None:
    folder = tmp_path / "theirs"
    own(folder)
    phase = child(corpus, str(folder))
    weights = (folder / "model.safetensors").read_bytes()
    for name, content in {
        "model.safetensors": weights[:5000], "tokenizer.json": b"{}", "config.json": b"[" * 100_000,
    }.items():  # fmt: skip
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        with pytest.raises(PhaseError, match=rf"child.toml:\d+: model.init_from: .*{name}: "):
            begin(phase, tmp_path)
        (folder / name).write_bytes(whole)
    (folder / "model.safetensors").unlink()
    with pytest.raises(PhaseError, match=r"model.safetensors: not there; .*save_pretrained"):
        begin(phase, tmp_path)
    assert not list(tmp_path.glob("child-*"))


@pytest.mark.parametrize("broken", [-1, 10**30, "7", 262, None, True])
def test_ids_that_no_row_has_are_refused(tmp_path: Path, broken: object) -> None:
    folder = tmp_path / "theirs"
    own(folder)
    values = json.loads((folder / "tokenizer.json").read_text())
    values["model"]["vocab"]["def"] = broken
    (folder / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(
        NotGpt2, match=r"has ids that no row of an embedding can have|has a token 262, its embedding only 262 rows"
    ):
        parent_from_folder(folder)


@pytest.mark.parametrize(
    ("name", "made", "said"),
    [
        ("lm_head.weight", np.float32(1), r"transformer.wte.weight is \(\), not a matrix"),
        ("lm_head.weight", np.zeros((262, 8), np.float32), r"not as config.json says: lm_head.weight is \(262, 8\)"),
        ("lm_head.weight", np.full((262, 16), np.nan, np.float32), r"weight contains values that are not finite"),
        ("lm_head.weight", np.zeros((262, 16), np.int64), r"is \(262, 16\) int64, not real numbers"),
        ("wpe.weight", np.zeros((0, 16), np.float32), r"not as config.json says: wpe.weight is \(0, 16\)"),
        ("h.0.attn.c_attn.weight", np.zeros((1, 16, 48), np.float32), r"not a matrix of real numbers"),
        ("h.0.attn.c_attn.weight", np.zeros((16, 16), np.float32), r"h.0.attn.c_attn.weight is \(16, 16\)"),
    ],
)  # fmt: skip
def test_weights_of_another_shape_are_refused(tmp_path: Path, name: str, made: Any, said: str) -> None:
    folder = tmp_path / "theirs"
    own(folder)
    load_file = pytest.importorskip("safetensors.numpy").load_file
    arrays = load_file(folder / "model.safetensors")
    (theirs,) = (one.huggingface for one in gpt2_names(2) if one.ours == name)
    save_file({**arrays, theirs: np.asarray(made)}, folder / "model.safetensors")
    with pytest.raises(NotGpt2, match=rf"model.safetensors: .*{said}"):
        parent_from_folder(folder)


@pytest.mark.parametrize("end", ["x", 10**30, -1, -9999, 3.7, True, [1], None])
def test_an_end_whose_id_is_none_is_refused_or_left_out(tmp_path: Path, end: Any) -> None:
    folder = tmp_path / "theirs"
    own(folder)
    values = json.loads((folder / "tokenizer.json").read_text())
    (added,) = values["added_tokens"]
    added["id"] = end
    values["model"]["vocab"].pop(END, None)
    (folder / "tokenizer.json").write_text(json.dumps(values))
    if end is None:
        assert parent_from_folder(folder).tokenizer.end is None
        return
    with pytest.raises(NotGpt2, match="ids that no row of an embedding can have"):
        parent_from_folder(folder)


def test_a_vocabulary_without_a_merge_or_an_end_is_refused(tmp_path: Path) -> None:
    tokenizer = BpeTokenizer([], end=True)
    vocabulary = vocabulary_of(tokenizer)
    assert isinstance(vocabulary, ByteLevel)
    gpt2_folder(tmp_path / "theirs", tokenizer.n_vocab, vocabulary)
    values = json.loads((tmp_path / "theirs/tokenizer.json").read_text())
    values["model"]["vocab"].pop(END, None)
    (tmp_path / "theirs/tokenizer.json").write_text(json.dumps(values | {"added_tokens": []}))
    with pytest.raises(NotGpt2, match="its vocabulary: vocab_size: too small"):
        parent_from_folder(tmp_path / "theirs")


def test_a_pipe_in_place_of_the_weights_is_not_waited_for(tmp_path: Path) -> None:
    own(tmp_path / "theirs")
    weights = tmp_path / "theirs/model.safetensors"
    weights.unlink()
    os.mkfifo(weights)
    with pytest.raises(NotGpt2, match=r"model.safetensors: cannot be read .neither a file nor a folder"):
        parent_from_folder(tmp_path / "theirs")


def test_weights_without_a_configuration_are_told_from_a_run(tmp_path: Path, corpus: Path) -> None:
    own(tmp_path / "theirs")
    (tmp_path / "theirs/config.json").unlink()
    with pytest.raises(PhaseError, match=r"theirs/config.json: cannot be read .No such file"):
        begin(child(corpus, str(tmp_path / "theirs")), tmp_path)


def test_logits_and_ids_are_those_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers, whose logits these are to be")
    tokenizers = pytest.importorskip("tokenizers")
    learned = tokenizers.ByteLevelBPETokenizer()
    learned.train_from_iterator([TEXT * 5], vocab_size=300, special_tokens=[END], min_frequency=2)
    n_vocab = learned.get_vocab_size()
    torch.manual_seed(3)
    config = transformers.GPT2Config(vocab_size=n_vocab + 4, n_layer=2, n_head=2, n_embd=16, n_positions=64)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    for files in ("json", "two"):
        folder = tmp_path / files
        theirs.save_pretrained(folder)
        learned.save(str(folder / "tokenizer.json")) if files == "json" else learned.save_model(str(folder))
        parent, ours = parent_from_folder(folder), network_of(folder)
        ids = torch.tensor(learned.encode(TEXT).ids[:64])
        vocabulary = vocabulary_of(parent.tokenizer)
        assert isinstance(vocabulary, ByteLevel)
        letters = vocabulary.tokens
        idx = torch.from_numpy(parent.tokenizer.encode(TEXT).astype(np.int64))[:64]
        assert [letters[i] for i in idx] == learned.encode(TEXT).tokens[:64]
        assert parent.tokenizer.end is not None
        with torch.no_grad():
            logits = theirs(ids[None]).logits[0]
            mine = ours.logits(ours(idx[None]))[0]
        columns = [learned.token_to_id(token) for token in letters]
        assert (mine - logits[:, columns]).abs().max() < 1e-4


def test_gpt2s_own_vocabulary_keeps_its_ids_and_padding_is_left_out(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers, which writes the folder")
    folder = tmp_path / "gpt2"
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=50_304, n_layer=1, n_head=1, n_embd=4))
    theirs.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(vocabulary_of(gpt2_tokenizer(end=True)))))
    parent = parent_from_folder(folder)
    assert (parent.tokenizer.kind, parent.tokenizer.end, parent.model.mlp) == ("gpt2", N_VOCAB - 1, "gelu_tanh")
    assert torch.equal(parent.tensors["lm_head.weight"], theirs.transformer.wte.weight.detach()[:N_VOCAB])
