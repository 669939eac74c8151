"""What was written, read by the library that it is for: the same losses, the same token ids?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from slmtui.data.dataset import SideTokens
from slmtui.data.tokenizer import Tokenizer
from slmtui.errors import UserError
from slmtui.exchange.losses import mean_with_error, token_losses
from slmtui.exchange.needs import version, wanted
from slmtui.model.gpt import GPT
from slmtui.words import plural

ALLOWED = {"hf": 1e-4, "gguf": 1e-3, "gguf f16": 5e-3}  # nats per token between the two: rounding, and its GELU
WINDOW = 512  # tokens of a text that are read at once, at most
LOGITS = 1 << 26  # at once, in the other library: 256 MB
COMPARED_BYTES = 1_000_000  # of text, as tokens, at most


@dataclass(frozen=True)
class Readback:
    """What came out of it. Losses in nats per token of the validation text, that of the network here and there.

    documents: texts that were encoded there, too. differing: those that got other token ids.
    """

    library: str
    tokens: int
    loss_here: float
    loss_there: float
    documents: int
    differing: int

    @property
    def difference(self) -> float:
        return abs(self.loss_there - self.loss_here)

    @property
    def words(self) -> str:
        ids = "the same token ids" if not self.differing else f"other token ids in {self.differing:,} of them"
        return (
            f"read back by {self.library}: loss {self.loss_there:.4f} on {plural(self.tokens, 'validation token')}, "
            f"here {self.loss_here:.4f} (difference {self.difference:.1e}); "
            f"{plural(self.documents, 'document')} encoded: {ids}"
        )


@dataclass(frozen=True)
class Reader:
    """A model as another library has opened it. predict: losses as `token_losses` asks for them."""

    library: str
    predict: Callable[..., Tensor]
    encode: Callable[[str], list[int]]


def read_back(kind: str, reader: Reader, network: GPT, tokenizer: Tokenizer, side: SideTokens) -> Readback:
    """kind: of ALLOWED. UserError where the losses differ by more than the format explains."""
    window = min(network.config.block_size, WINDOW)
    rows = max(1, LOGITS // (window * network.config.n_vocab))
    here, _ = mean_with_error(ours := token_losses(network.token_losses, side, window, rows))
    there, _ = mean_with_error(token_losses(reader.predict, side, window, rows))
    texts = list(_texts(tokenizer, side))
    differing = sum(reader.encode(text) != ids for text, ids in texts)
    found = Readback(reader.library, len(ours), here, there, len(texts), differing)
    if not found.difference <= ALLOWED[kind]:
        raise UserError(f"{found.words}: more than rounding, so nothing was kept")
    return found


def _texts(tokenizer: Tokenizer, side: SideTokens) -> Iterator[tuple[str, list[int]]]:
    """The documents of a side, or what is on it of them, and their ids; those that are no UTF-8 are passed over."""
    n_bytes = 0
    for ids in np.split(side.tokens, side.ends):
        ids = ids[ids != side.end] if side.end is not None else ids
        data = tokenizer.decode_bytes(ids)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        if text and tokenizer.encode(text).tolist() == ids.tolist():  # a document that was cut may begin within a word
            yield text, ids.tolist()
        n_bytes += len(data)
        if n_bytes > COMPARED_BYTES:
            return


def read_by_transformers(folder: Path) -> Reader | None:
    """None if transformers is not installed."""
    with _offline():
        transformers = wanted("transformers")
        if transformers is None:
            return None
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)

    def predict(idx: Tensor, targets: Tensor, *, first: int) -> Tensor:
        return _losses(model(idx).logits, targets, first)

    def encode(text: str) -> list[int]:  # as slmtui reads it: END in a text is a few characters
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    return Reader(version("transformers"), predict, encode)


def read_by_llama_cpp(file: Path, block_size: int) -> Reader | None:
    """None if llama-cpp-python is not installed."""
    window = min(block_size, WINDOW)
    llama_cpp: Any = wanted("llama_cpp")
    if llama_cpp is None:
        return None
    llama_cpp.llama_log_set(_said_nothing(llama_cpp), None)
    model = llama_cpp.Llama(
        str(file), n_ctx=window, n_batch=window, n_threads=torch.get_num_threads(), logits_all=True,
        verbose=False,
    )  # fmt: skip

    def predict(idx: Tensor, targets: Tensor, *, first: int) -> Tensor:
        rows = []
        for row in idx:
            model.reset()
            model.eval(row.tolist())
            rows.append(torch.from_numpy(np.array(model.scores[: len(row)], np.float32)))
        return _losses(torch.stack(rows), targets, first)

    def encode(text: str) -> list[int]:
        ids: list[int] = model.tokenize(text.encode(), add_bos=False, special=False)
        return ids

    return Reader(f"llama.cpp ({version('llama-cpp-python')})", predict, encode)


def _losses(logits: Tensor, targets: Tensor, first: int) -> Tensor:
    """(B, T, V) -> (B, T - first)"""
    wanted = targets[:, first:]
    losses = F.cross_entropy(logits[:, first:].float().flatten(0, 1), wanted.flatten(), reduction="none")
    return losses.view(wanted.shape)


@cache
def _said_nothing(llama_cpp: Any) -> Any:
    """Where llama.cpp's own lines go, as long as the process lives: it warns of each window under 256 tokens."""
    return llama_cpp.llama_log_callback(lambda *_: None)


@contextmanager
def _offline() -> Iterator[None]:
    """Whatever transformers would look for elsewhere, it does without."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
