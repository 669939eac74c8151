"""A network as transformers loads it, without our code and without a network connection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slmtui.config.phase import SamplingSection
from slmtui.data.tokenizer import Tokenizer
from slmtui.exchange.huggingface import write_huggingface
from slmtui.exchange.vocabulary import vocabulary_of
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate
from slmtui.model.gpt import GPT, GPTConfig, initial_gpt
from tests.exchange.vocabularies import KINDS, made_from
from tests.patience import PATIENCE

pytest.importorskip("safetensors", reason="safetensors, which writes what is tested here: .[export]")
TEXT = Path("tests/golden/corpus.txt").read_text(encoding="utf-8")
PARTS: list[dict[str, Any]] = [
    {"mlp": "gelu_tanh"},
    {"positions": "rotary", "norm": "rms", "mlp": "swiglu"},
]
SHAPES = [(1, 1, 8, 4), (2, 4, 32, 16), (3, 2, 48, 33)]  # layers, heads, width, window


def network(tokenizer: Tokenizer, shape: tuple[int, int, int, int], **settings: Any) -> GPT:
    """With weights as large as trained ones, biases and norms included."""
    n_layer, n_head, n_embd, block_size = shape
    config = GPTConfig(tokenizer.n_vocab, n_layer, n_head, n_embd, block_size, **settings)
    model = initial_gpt(config, seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def test_the_files_say_what_the_defaults_there_would_get_wrong(tmp_path: Path) -> None:
    tokenizer = made_from("bytes", "")
    model = network(tokenizer, (1, 2, 8, 16), dropout=0.2, attention_dropout=0.0)
    write_huggingface(tmp_path, model, vocabulary_of(tokenizer), SamplingSection(temperature=0.5))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["activation_function"] == "gelu"
    assert (config["resid_pdrop"], config["embd_pdrop"], config["attn_pdrop"]) == (0.2, 0.2, 0.0)
    assert config["bos_token_id"] == config["eos_token_id"] == 256 == config["vocab_size"] - 1
    generation = json.loads((tmp_path / "generation_config.json").read_text())
    assert (generation["temperature"], generation["max_length"]) == (0.5, 16)
    assert b'"format":"pt"' in (tmp_path / "model.safetensors").read_bytes()[:200]


@pytest.fixture(scope="module")
def transformers() -> Any:
    found = pytest.importorskip("transformers", reason="transformers, which reads what is tested here")
    found.utils.logging.disable_progress_bar()
    found.utils.logging.set_verbosity_error()
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kind", "parts"), [*((kind, {}) for kind in KINDS), *((KINDS[0], parts) for parts in PARTS)])
def test_logits_are_the_same(
    transformers: Any, kind: str, parts: dict[str, Any], shape: tuple[int, int, int, int], tmp_path: Path
) -> None:
    tokenizer = made_from(kind, TEXT)
    model = network(tokenizer, shape, dropout=0.1, **parts)
    write_huggingface(tmp_path, model, vocabulary_of(tokenizer), SamplingSection())
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert not theirs.training
    idx = torch.from_numpy(np.random.default_rng(3).integers(0, tokenizer.n_vocab, (2, shape[3])))
    with torch.no_grad():
        logits, ours = theirs(idx).logits, model.logits(model(idx))
    assert ours.std() > 0.1  # else anything would be close
    assert (logits - ours).abs().max() <= 3e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_continued_alike_over_200_tokens(transformers: Any, kind: str, tmp_path: Path) -> None:
    tokenizer = made_from(kind, TEXT)
    model = network(tokenizer, (2, 2, 32, 256))
    write_huggingface(tmp_path, model, vocabulary_of(tokenizer), SamplingSection())
    prompt = tokenizer.encode_prompt("def load")
    ours = [int(draw.tokens) for draw in generate(model, [prompt], 200, Sampling(temperature=0), [0])]
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    given = loaded("def load", return_tensors="pt")
    written = theirs.generate(**given, do_sample=False, max_new_tokens=200, min_new_tokens=200)[0, len(prompt) :]
    assert len(set(ours)) > 3  # not one token over and over
    until = ours.index(tokenizer.end) if tokenizer.end in ours else 200  # min_new_tokens keeps it from ending there
    assert until > 50
    assert written.tolist()[:until] == ours[:until]
    assert loaded.decode(written[:until]) == tokenizer.decode(np.array(ours[:until]))


ALONE = """
import sys
sys.modules["slmtui"] = None  # an import of it fails from here on
import socket
def refused(*args, **kwargs):
    raise AssertionError("it looked for a network")
socket.socket.connect = refused
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
text = tokenizer("def load", return_tensors="pt")
print(tokenizer.decode(model.generate(**text, do_sample=False)[0]))
print(model.generation_config.max_length, type(model).__name__)
"""


@pytest.mark.usefixtures("transformers")
def test_it_loads_without_our_code_and_without_a_network(tmp_path: Path) -> None:
    tokenizer = made_from("bpe", TEXT)
    write_huggingface(tmp_path, network(tokenizer, (1, 2, 16, 24)), vocabulary_of(tokenizer), SamplingSection())
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    text, end = done.stdout.rsplit("\n", 2)[:2]
    assert text.startswith("<|endoftext|>def load")
    assert end == "24 GPT2LMHeadModel"
