"""GPT-2, pre-norm, as in Radford et al. 2019 and in nanoGPT, with the same names, order of construction and
initialisation; and what came after it, for each part by itself (Touvron et al. 2023, "LLaMA"):

positions  rotary instead of learned: q and k are turned by an angle that grows with the position (Su et al. 2021)
norm       RMSNorm instead of LayerNorm: no mean, no bias (Zhang & Sennrich 2019)
mlp        GELU, its tanh approximation (the one in GPT-2's weights), or SwiGLU (Shazeer 2020)

Shapes: B sequences in a batch, T tokens in each, C = n_embd, H heads of D = C / H, V = n_vocab.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from slmtui.config.limits import MlpKind, NormKind, PositionKind
from slmtui.model import fused
from slmtui.model.copy_head import CopyHead
from slmtui.model.dropout import Dropout, Part
from slmtui.model.kernels import DecodeHead, embed, linear_cross_entropy, token_cross_entropy
from slmtui.model.mixture import Mixture
from slmtui.model.rotary import Rotation
from slmtui.model.size import mlp_width

LOGITS_AT_ONCE = 1 << 20  # of the distributions of a text: 4 MB
LARGE_HEAD = 64  # numbers of a query
NORM_EPS = 1e-5
TOKENS_TRIED = 64  # of a model that was read, before it is used


@dataclass(frozen=True)
class GPTConfig:
    n_vocab: int
    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    dropout: float = 0.0
    attention_dropout: float | None = None  # None: same as dropout
    copy_head: bool = False
    positions: PositionKind = "learned"
    norm: NormKind = "layer"
    mlp: MlpKind = "gelu"


class LayerKeysValues(Protocol):
    """What attention needs from the cache of its layer; inference/kv_cache.py implements it."""

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Append (B, H, T, D) keys and values; return all of them, and the mask of what each token may attend to."""


class KeysValues(Protocol):
    """What the model needs from a key/value cache."""

    @property
    def layers(self) -> Sequence[LayerKeysValues]: ...

    def advance(self, tokens: int) -> Tensor:
        """Make room for `tokens` more tokens in every row; return their positions, (T,) or (B, T)."""

    def remember(self, tokens: Tensor, hidden: Tensor) -> None:
        """Store (B, T) tokens and (B, T, C) hidden states for a copy head."""


class CausalSelfAttention(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)
        attention_dropout = config.attention_dropout
        self.attn_dropout = Dropout(config.dropout if attention_dropout is None else attention_dropout)
        self.resid_dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, cache: LayerKeysValues | None = None, rotation: Rotation | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C). With a cache, x continues the cached tokens."""
        B, T, C = x.shape
        qkv, head_size = self.c_attn(x), C // self.n_head
        small = cache is None and head_size < LARGE_HEAD and torch.is_grad_enabled()
        if small and rotation is not None and fused.applies(qkv):
            q, k, v = fused.into_heads(qkv, rotation, self.n_head)
        else:
            q, k, v = (part.view(B, T, self.n_head, head_size).transpose(1, 2) for part in qkv.split(C, dim=2))
            if rotation is not None:
                q, k = rotation(q), rotation(k)  # (B, H, T, D)
        if cache is not None:
            k, v, mask = cache.extend(k, v)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        elif self.training and self.attn_dropout.p > 0.0:
            y = self.attention_with_dropout(q, k, v)
        else:
            y = causal_attention(q, k, v)
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).reshape(B, T, C)))  # type: ignore[no-any-return]

    def attention_with_dropout(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention written out, because the fused kernel draws its dropout from the global generator."""
        T = q.size(-2)
        future = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.size(-1))  # (B, H, T, T)
        weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
        return self.attn_dropout(weights) @ v  # type: ignore[no-any-return]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """(B, H, T, D) each -> the same shape.

    Small heads are trained in float32 on a CPU: torch's kernel for bfloat16 takes two to ten times as long backwards.
    """
    if q.device.type == "cpu" and q.size(-1) < LARGE_HEAD and torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=True)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class MLP(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = mlp_width(config.mlp, config.n_embd)
        self.kind = config.mlp
        self.c_fc = nn.Linear(config.n_embd, 2 * width if config.mlp == "swiglu" else width)
        self.c_proj = nn.Linear(width, config.n_embd)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(self.activation(self.c_fc(x))))  # type: ignore[no-any-return]

    def activation(self, x: Tensor) -> Tensor:
        """(B, T, width) -> the same; of SwiGLU (B, T, 2 width), gate and value, -> (B, T, width)."""
        if self.kind == "swiglu":
            if x.dtype == torch.bfloat16 and fused.applies(x):
                return fused.swiglu(x)
            gate, value = x.chunk(2, dim=-1)
            return F.silu(gate) * value
        return F.gelu(x, approximate="tanh" if self.kind == "gelu_tanh" else "none")


def _norm(config: GPTConfig, *, last: bool = False) -> nn.LayerNorm | nn.RMSNorm:
    """last: what comes out is used as float32."""
    if config.norm == "rms":
        return (nn.RMSNorm if last else fused.RMSNorm)(config.n_embd, eps=NORM_EPS)
    return nn.LayerNorm(config.n_embd, eps=NORM_EPS)


class Block(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = _norm(config)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = _norm(config)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cache: LayerKeysValues | None = None, rotation: Rotation | None = None) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache, rotation)
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Token and position embeddings, `n_layer` blocks, a final norm, and an output matrix tied to the embedding.

    Beyond GPT-2, it has a head that copies from the window if the configuration asks for one.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.n_vocab, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd) if config.positions == "learned" else None
        self.drop = Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = _norm(config, last=True)
        self.lm_head = nn.Linear(config.n_embd, config.n_vocab, bias=False)
        self.wte.weight = self.lm_head.weight
        self.decode_head = DecodeHead(self.lm_head)
        self.copy_head = CopyHead(config.n_embd) if config.copy_head else None
        self.mixture: Mixture | None = None  # not part of the network: `generate` mixes it into the predictions

    def forward(self, idx: Tensor, cache: KeysValues | None = None) -> Tensor:
        """Token ids (B, T), T <= block_size -> final hidden states (B, T, C), the input of the output matrix."""
        T = idx.size(1)
        positions = torch.arange(T, device=idx.device) if cache is None else cache.advance(T)  # (T,) or (B, T)
        if self.wpe is not None:
            rotation, embedded = None, embed(idx, self.wte.weight, self.wpe(positions))
        else:
            rotation = Rotation(positions, self.config.n_embd // self.config.n_head)
            embedded = embed(idx, self.wte.weight)
        x = self.drop(embedded)
        for layer, block in enumerate(self.h):
            x = block(x, cache.layers[layer] if cache is not None else None, rotation)
        hidden: Tensor = self.ln_f(x)
        if cache is not None and self.copy_head is not None:
            cache.remember(idx, hidden)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, C) -> (…, V), before the softmax."""
        return F.linear(hidden, self.lm_head.weight)

    def loss(self, idx: Tensor, targets: Tensor, *, first: int = 0, bf16: bool = False) -> Tensor:
        """Mean cross-entropy of targets (B, T) given idx (B, T), in nats per token; a scalar.

        first: index of the first target in each row that counts; the tokens before it are only context.
        """
        if self.copy_head is not None:
            return self.token_losses(idx, targets, first=first, bf16=bf16).mean()
        hidden = self._hidden(idx, bf16=bf16)[:, first:]
        return linear_cross_entropy(
            hidden.reshape(-1, self.config.n_embd), self.lm_head.weight, targets[:, first:].reshape(-1), bf16=bf16
        )

    def token_losses(self, idx: Tensor, targets: Tensor, *, first: int = 0, bf16: bool = False) -> Tensor:
        """The same for each target separately, (B, T - first)."""
        hidden, targets = self._hidden(idx, bf16=bf16), targets[:, first:]
        losses = token_cross_entropy(
            hidden[:, first:].reshape(-1, self.config.n_embd), self.lm_head.weight, targets.reshape(-1), bf16=bf16
        ).view(targets.shape)
        if self.copy_head is None:
            return losses
        mixed: Tensor = self.copy_head(idx, hidden.float(), targets, losses)
        return mixed

    def distributions(self, idx: Tensor, *, first: int = 0, bf16: bool = False) -> Iterator[Tensor]:
        """The probabilities of the token after each of idx (B, T) from place `first` on, row by row of the batch.

        In pieces of a few tokens, (n, V) float32 each, B · (T − first) in all.
        """
        hidden = self._hidden(idx, bf16=bf16)
        n = idx.size(1) - first
        own, weights = (None, None) if self.copy_head is None else self.copy_head.shares(idx, hidden.float(), n)
        kind = torch.bfloat16 if bf16 else self.lm_head.weight.dtype
        matrix = self.lm_head.weight.to(kind)
        at_once = max(1, LOGITS_AT_ONCE // self.config.n_vocab)
        for row in range(idx.size(0)):
            for start in range(first, idx.size(1), at_once):
                at = slice(start, start + at_once)
                p = F.linear(hidden[row, at].to(kind), matrix).float().softmax(dim=-1)
                if own is not None and weights is not None:
                    places = slice(start - first, start - first + at_once)
                    p = own[row, places, None] * p
                    p.scatter_add_(1, idx[row].expand(len(p), -1), weights[row, places])
                yield p

    def _hidden(self, idx: Tensor, *, bf16: bool) -> Tensor:
        with torch.autocast(idx.device.type, torch.bfloat16, enabled=bf16):
            hidden: Tensor = self(idx)
        return hidden

    @property
    def networks(self) -> list[GPT]:
        """Those that predict together: this one alone; of an ensemble, its members."""
        return [self]

    @property
    def device(self) -> torch.device:
        return self.lm_head.weight.device

    def freeze(self, n_layers: int) -> None:
        """Leave the embeddings, the output matrix, which is one of them, and the lowest blocks as they are.

        They get no gradients, and nothing is kept for a backward pass through them.
        """
        for module in (self.wte, self.wpe, *self.h[:n_layers]):
            if module is not None:
                module.requires_grad_(False)

    def use_dropout_generator(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    def drop_in(self, part: Part) -> None:
        """From now on, what it is called with is this part of a batch."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.part = part

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name, as a checkpoint stores them: the tied matrix once, as `lm_head.weight`."""
        return {name: tensor for name, tensor in self.state_dict().items() if name != "wte.weight"}

    def parameters_by_part(self) -> dict[str, int]:
        """Parameter counts: the token embedding (tied, counted once), the position embedding, and everything else."""
        total = sum(p.numel() for p in self.parameters())
        token, position = self.wte.weight.numel(), 0 if self.wpe is None else self.wpe.weight.numel()
        return {"token_embedding": token, "position_embedding": position, "body": total - token - position}


def initial_gpt(config: GPTConfig, seed: int) -> GPT:
    """A new model with GPT-2's initialisation, drawn from the global torch generator in the published script's order.

    The layers' default initialisation draws first; then every matrix ~ N(0, 0.02), children before parents, so that
    the tied matrix is drawn twice; then the projections onto the residual stream ~ N(0, 0.02 / sqrt(2 layers)).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPT(config)
        model.apply(_draw_initial_values)
        for name, parameter in model.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(parameter, mean=0.0, std=0.02 / math.sqrt(2 * config.n_layer))
        if model.copy_head is not None:
            model.copy_head.draw_initial_values()
    return model


class _NothingDrawn(TorchFunctionMode):
    """Leaves new parameters as they are. To draw them without memory, torch imports its compiler: a whole second."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def gpt_from_tensors(config: GPTConfig, tensors: Mapping[str, Tensor], *, copy: bool = True) -> GPT:
    """The model with these parameters, named as in `GPT.tensors`, after their names, shapes and values are checked.

    copy: False if the tensors may become the model's own.

    Raises ValueError before any memory is allocated for the model.
    """
    with torch.device("meta"), _NothingDrawn():  # shapes without memory
        model = GPT(config)
    expected = {name: tensor.shape for name, tensor in model.tensors().items()}
    if missing := expected.keys() ^ tensors.keys():
        raise ValueError(f"parameter {min(missing)} is missing or does not belong to this model")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name] or tensor.dtype != torch.float32:
            raise ValueError(
                f"{name} is {tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}; "
                f"the model requires {tuple(expected[name])} float32"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} contains values that are not finite")
    own = {name: tensor.clone() if copy else tensor for name, tensor in tensors.items()}
    model.load_state_dict(own, strict=False, assign=True)
    model.wte.weight = model.lm_head.weight
    if not _predicts_numbers(model):
        raise ValueError("its weights are so large that what it predicts overflows")
    return model


@torch.no_grad()
def _predicts_numbers(model: GPT) -> bool:
    """Whether it does after a few tokens from all over the vocabulary."""
    config = model.config
    tokens = torch.linspace(0, config.n_vocab - 1, min(TOKENS_TRIED, config.block_size)).long()[None]
    was_training = model.training
    try:
        hidden = model.eval()(tokens)
    finally:
        model.train(was_training)
    found = [hidden, model.lm_head(hidden[:, -1])]
    if model.copy_head is not None:
        found += model.copy_head.shares(tokens, hidden, 1)
    return all(bool(torch.isfinite(one).all()) for one in found)


def _draw_initial_values(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, mean=0.0, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
