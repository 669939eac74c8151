"""A network as llama.cpp loads it: the file's contents, and what llama-cpp-python, if installed, makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slmtui.cli import main
from slmtui.config.phase import SamplingSection
from slmtui.data.tokenizer import Tokenizer
from slmtui.exchange.gguf_file import write_gguf
from slmtui.exchange.llama import llama_tensors
from slmtui.exchange.readback import read_by_llama_cpp
from slmtui.exchange.vocabulary import vocabulary_of
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.model.gpt import GPT
from slmtui.model.rotary import Rotation
from tests.corpora import odd
from tests.exchange.conftest import MakeRun
from tests.exchange.test_huggingface import PARTS, network
from tests.exchange.test_vocabulary import AWKWARD, TEXT
from tests.exchange.vocabularies import KINDS, made_from

gguf = pytest.importorskip("gguf", reason="gguf, which writes what is tested here: .[export]")


def write(folder: Path, tokenizer: Tokenizer, model: GPT, *, f16: bool = False) -> Path:
    write_gguf(
        folder,
        model,
        vocabulary_of(tokenizer),
        SamplingSection(temperature=0.5, stop=("\n\n", 'say "no"')),
        name="a run",
        f16=f16,
    )
    return folder / "model.gguf"


def fields(file: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}


@pytest.mark.parametrize("f16", [False, True])
def test_the_file_has_all_parameters_and_the_shape(tmp_path: Path, f16: bool) -> None:
    tokenizer = made_from("bpe", TEXT)
    model = network(tokenizer, (2, 4, 32, 16))
    file = write(tmp_path, tokenizer, model, f16=f16)
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(file).tensors}
    assert sum(data.size for data in tensors.values()) == sum(parameter.numel() for parameter in model.parameters())
    matrix = model.tensors()["h.1.attn.c_attn.weight"].numpy()
    assert np.abs(tensors["blk.1.attn_qkv.weight"] - matrix).max() <= (1e-3 if f16 else 0)
    assert tensors["blk.1.attn_qkv.weight"].dtype == (np.float16 if f16 else np.float32)
    assert {tensors[name].dtype for name in ("position_embd.weight", "output_norm.bias")} == {np.dtype(np.float32)}
    said = fields(file)
    assert said["general.architecture"] == "gpt2"
    assert [said[f"gpt2.{key}"] for key in ("block_count", "attention.head_count", "context_length")] == [2, 4, 16]
    modelfile = (tmp_path / "Modelfile").read_text()
    assert modelfile.startswith("FROM ./model.gguf\n")
    assert "PARAMETER temperature 0.5\n" in modelfile
    assert modelfile.endswith('PARAMETER stop """\n\n"""\nPARAMETER stop """say "no""""\n')


@torch.no_grad()
def test_neighbours_turned_there_score_as_halves_turned_here() -> None:
    """llama.cpp turns dimensions 0 and 1 of a head, 2 and 3, and so on."""
    model = network(made_from("bytes", ""), (1, 2, 16, 9), positions="rotary", norm="rms", mlp="swiglu")
    arrays = {named.gguf: torch.from_numpy(named.gguf_array) for named in llama_tensors(model)}
    x = torch.randn(9, 16, generator=torch.Generator().manual_seed(0))
    angles = torch.arange(9)[:, None, None] * 10_000 ** (-torch.arange(0, 8, 2) / 8)  # (T, 1, D/2)

    def turned(part: str) -> torch.Tensor:
        heads = (x @ arrays[f"blk.0.attn_{part}.weight"].T + arrays[f"blk.0.attn_{part}.bias"]).view(9, 2, 4, 2)
        pairs = torch.view_as_complex(heads) * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(pairs).flatten(2).transpose(0, 1)  # (H, T, D)

    q, k, _ = model.h[0].attn.c_attn(x).view(1, 9, 6, 8).transpose(1, 2).chunk(3, dim=1)  # type: ignore[union-attr,operator]
    rotation = Rotation(torch.arange(9), 8)
    ours = rotation(q) @ rotation(k).transpose(-2, -1)
    torch.testing.assert_close((turned("q") @ turned("k").transpose(-2, -1))[None], ours, atol=1e-5, rtol=1e-4)


def test_llamas_parts_stand_in_llama_cpps_order(tmp_path: Path) -> None:
    """As transformers reads the file, which knows that order, too."""
    pytest.importorskip("accelerate", reason="accelerate, which transformers wants for GGUF")
    transformers = pytest.importorskip("transformers", reason="transformers, which reads the file here")
    tokenizer = made_from("bpe", TEXT)
    model = network(tokenizer, (2, 4, 32, 16), positions="rotary", norm="rms", mlp="swiglu")
    write(tmp_path, tokenizer, model)
    said = fields(tmp_path / "model.gguf")
    assert said["general.architecture"] == "llama"
    assert [said[f"llama.{key}"] for key in ("rope.dimension_count", "feed_forward_length")] == [8, 88]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="model.gguf", attention_bias=True, mlp_bias=True
    ).eval()
    idx = torch.from_numpy(np.random.default_rng(3).integers(0, tokenizer.n_vocab, (2, 16)))
    with torch.no_grad():
        assert (theirs(idx).logits - model.logits(model(idx))).abs().max() < 1e-4


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("kind", ["bpe", "characters", "bytes"])
def test_the_vocabulary_is_whole_and_its_ends_are_said(tmp_path: Path, kind: str, end: bool) -> None:
    tokenizer = made_from(kind, TEXT + "猫é▁", end=end)
    said = fields(write(tmp_path, tokenizer, network(tokenizer, (1, 1, 4, 8))))
    tokens = said["tokenizer.ggml.tokens"]
    assert len(tokens) == len(set(tokens)) == len(said["tokenizer.ggml.token_type"]) == tokenizer.n_vocab
    last = said["tokenizer.ggml.eos_token_id"]
    assert said["tokenizer.ggml.bos_token_id"] == last
    assert said["tokenizer.ggml.add_bos_token"] is end
    if end:
        assert (last, tokens[last]) == (tokenizer.end, "<|endoftext|>")
        assert said["tokenizer.ggml.token_type"][last] == 3
    else:  # a byte that no text has, so that no text ends at it
        assert tokenizer.token_bytes(last) == b"\xff"


def test_the_command_writes_it_with_a_card(make_run: MakeRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", str(make_run().folder), "--to", "gguf", "-o", str(out), "--f16"]) == 0
    assert {path.name for path in out.iterdir()} == {"model.gguf", "Modelfile", "README.md", "export.json"}
    assert json.loads((out / "export.json").read_text())["precision"] == "f16"
    assert (out / "README.md").read_text().startswith("---\nlibrary_name: gguf\n")


# ---- llama.cpp itself ----


@pytest.fixture(scope="module")
def llama_cpp() -> Any:
    return pytest.importorskip("llama_cpp", reason="llama-cpp-python, which reads what is tested here")


@pytest.mark.usefixtures("llama_cpp")
@pytest.mark.parametrize("f16", [False, True])
@pytest.mark.parametrize(("kind", "parts"), [*((kind, {}) for kind in KINDS), *((KINDS[1], parts) for parts in PARTS)])
def test_llama_cpp_predicts_the_same(kind: str, parts: dict[str, Any], f16: bool, tmp_path: Path) -> None:
    """PARTS: LLaMA among them, whose rows of q and k stand in another order there."""
    tokenizer = made_from(kind, TEXT)
    model = network(tokenizer, (2, 2, 32, 64), **parts)
    reader = read_by_llama_cpp(write(tmp_path, tokenizer, model, f16=f16), 64)
    assert reader is not None
    idx = torch.from_numpy(np.random.default_rng(3).integers(0, tokenizer.n_vocab, (2, 64)))
    targets = idx.roll(-1, dims=1)
    with torch.no_grad():
        ours = model.token_losses(idx, targets)
    assert ours.std() > 0.1
    assert (reader.predict(idx, targets, first=0) - ours).abs().max() <= (1e-2 if f16 else 5e-3)  # its GELU is rounded


@pytest.mark.usefixtures("llama_cpp")
@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_has_the_same_ids_for_every_odd_corpus(kind: str, tmp_path: Path) -> None:
    reader = None  # one is enough for GPT-2's vocabulary, which is what it is
    for make in odd.ODD:
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        texts = [path.read_bytes()[:5_000].decode("utf-8", "replace") for path in files[:10]]
        tokenizer = made_from(kind, "\n".join(texts)[::2])
        if kind != "gpt2" or reader is None:
            reader = read_by_llama_cpp(write(tmp_path, tokenizer, network(tokenizer, (1, 1, 4, 8))), 8)
        assert reader is not None
        for text in (*texts, AWKWARD.replace("▁", "") if kind == "characters" else AWKWARD, "<|endoftext|>"):
            text = text.replace("\0", "")  # which ends a text to llama.cpp
            assert reader.encode(text) == tokenizer.encode(text).tolist(), make.__name__


def test_llama_cpp_continues_a_text_alike(llama_cpp: Any, tmp_path: Path) -> None:
    tokenizer = made_from("bpe", TEXT)
    model = network(tokenizer, (2, 2, 32, 256))
    file = write(tmp_path, tokenizer, model)
    prompt = tokenizer.encode_prompt("def load")
    ours = [int(draw.tokens) for draw in generate(model, [prompt], 200, Sampling(temperature=0), [0])]
    theirs = llama_cpp.Llama(str(file), n_ctx=256, n_threads=1, verbose=False)
    assert theirs.tokenize(b"def load", add_bos=True, special=False) == prompt.tolist()
    written = []
    for token in theirs.generate(prompt.tolist(), temp=0.0, repeat_penalty=1.0):
        written.append(token)
        if len(written) == 200:
            break
    assert len(set(ours)) > 3
    assert written == ours


@pytest.mark.usefixtures("llama_cpp")
def test_the_command_has_llama_cpp_read_it_back(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(make_run().folder), "--to", "gguf", "-o", str(tmp_path / "out")]) == 0
    assert "read back by llama.cpp" in capsys.readouterr().err
    kept = json.loads((tmp_path / "out" / "export.json").read_text())["read_back"]
    assert kept["differing"] == 0 < kept["documents"]
    assert abs(kept["loss_here"] - kept["loss_there"]) <= 5e-3
