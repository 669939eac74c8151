"""The loop to measure against: GPT-2 training as a textbook, or the published script, writes it in PyTorch.

Full logits, `F.cross_entropy`, `torch.optim.AdamW` with its defaults, a gradient scaler left on for CPU (its
clip therefore works on scaled gradients), an evaluation on random batches, generation without a cache.
Nothing here is slowed down on purpose, and nothing sped up: attention is torch's own
`scaled_dot_product_attention`, q, k and v come from one product, evaluation runs without gradients. It
reproduces the golden losses, so both sides of a ratio do the same work.

    loop = Textbook(PUBLISHED["phase2"], train_tokens, val_tokens)
    for _ in range(10):
        loop.step()
    train_loss, val_loss = loop.evaluate()
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Tokens = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Config:
    dataset_size: int  # tokens, training and validation side together
    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    max_iters: int
    batch_size: int
    learning_rate: float
    eval_interval: int
    n_vocab: int = 50257
    seed: int = 42


PUBLISHED = {
    "phase0": Config(1_000, 6, 6, 384, 128, 500, 4, 1e-3, 50),
    "phase1": Config(1_000, 2, 2, 32, 16, 500, 4, 1e-3, 50),
    "phase2": Config(5_000, 3, 4, 64, 32, 1_000, 8, 5e-4, 100),
    "phase3": Config(15_000, 4, 4, 96, 64, 2_000, 12, 3e-4, 150),
    "phase4": Config(23_000, 4, 4, 128, 128, 3_000, 16, 1e-4, 200),
}


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.n_head, -1)).transpose(1, 2)  # (batch, heads, time, head width)
            for part in self.c_attn(x).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        projected: Tensor = self.c_proj(mixed.transpose(1, 2).flatten(2))
        return projected


class MLP(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.c_proj(F.gelu(self.c_fc(x)))
        return projected


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        between = x + self.attn(self.ln_1(x))
        after: Tensor = between + self.mlp(self.ln_2(between))
        return after


class GPT(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.n_vocab, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.n_vocab, bias=False)
        self.wte.weight = self.lm_head.weight
        self.apply(_initialise)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.n_layer))

    def forward(self, inputs: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (batch, time, vocabulary) and, with targets (batch, time), the mean loss in nats."""
        x = self.wte(inputs) + self.wpe(torch.arange(inputs.shape[1]))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class Textbook:
    """A model with its optimiser and its two sides of the data, one `step` at a time.

    build: makes the model, whose forward takes inputs and targets and gives logits and loss, as GPT's does.
    """

    def __init__(self, config: Config, train: Tokens, val: Tokens, build: Callable[[Config], nn.Module] = GPT) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.model = build(config)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, betas=(0.9, 0.95), eps=1e-9, weight_decay=0.1
        )
        self.scaler = torch.amp.GradScaler("cpu")
        self.random = np.random.RandomState(config.seed)
        # The number of batches of an evaluation goes by the length before any repetition.
        self.n_batches = [min(20, max(1, len(side) // config.block_size)) for side in (train, val)]
        self.sides = train, val

    def batch(self, side: Tokens) -> tuple[Tensor, Tensor]:
        block = self.config.block_size
        if len(side) <= block:
            side = np.tile(side, block // len(side) + 2)
        starts = self.random.randint(0, len(side) - block, (self.config.batch_size,))
        windows = np.stack([side[start : start + block + 1] for start in starts])
        ids = torch.from_numpy(windows.astype(np.int64))
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()

    def loss(self, side: Tokens) -> Tensor:
        loss: Tensor = self.model(*self.batch(side))[1]
        return loss

    def step(self) -> float:
        loss = self.loss(self.sides[0])
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()

    @torch.no_grad()
    def evaluate(self) -> tuple[float, float]:
        """Mean loss over random batches of the training side, then of the validation side."""
        train, val = (
            float(np.mean([self.loss(side).item() for _ in range(n_batches)]))
            for side, n_batches in zip(self.sides, self.n_batches, strict=True)
        )
        return train, val

    def train(self) -> list[tuple[int, float, float]]:
        """The whole training; rows of (step, train loss, val loss)."""
        rows = []
        for step in range(self.config.max_iters):
            if step % self.config.eval_interval == 0:
                rows.append((step, *self.evaluate()))
            self.step()
        return [*rows, (self.config.max_iters, *self.evaluate())]

    @torch.no_grad()
    def generate(self, prompt: Tokens, n_tokens: int, *, temperature: float = 0.8, top_k: int = 40) -> list[int]:
        """`n_tokens` more tokens after `prompt`; every one costs a pass over all that is before it."""
        ids = torch.from_numpy(np.asarray(prompt, dtype=np.int64))[None]
        for _ in range(n_tokens):
            logits, _ = self.model(ids[:, -self.config.block_size :])
            scores = logits[:, -1] / temperature
            kept, _ = scores.topk(top_k)
            scores[scores < kept[:, -1:]] = -math.inf
            ids = torch.cat((ids, scores.softmax(-1).multinomial(1)), dim=1)
        sampled: list[int] = ids[0, len(prompt) :].tolist()
        return sampled
