"""AdamW, gradient clipping and the learning-rate schedule (Loshchilov & Hutter 2019; Pascanu et al. 2013)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from slmtui.config.phase import OptimizerSection, TrainingSection
from slmtui.model.gpt import GPT

# The published script's gradient scaler, active on the CPU too: it starts at 2^16 and doubles after 2,000 good steps.
PUBLISHED_SCALE = 2.0**16
PUBLISHED_GROWTH_INTERVAL = 2000


@dataclass(frozen=True)
class Group:
    """Parameters with the same weight decay."""

    parameters: tuple[Tensor, ...]
    weight_decay: float


class AdamW:
    """The fused update of `torch.optim.AdamW`, bit for bit, for parameters on CPU, CUDA or MPS.

    That class imports torch's compiler when it is constructed, which costs 1.4 seconds and 72 MB before the first step
    and is not used here.
    """

    def __init__(self, groups: Iterable[Group], *, betas: tuple[float, float], eps: float) -> None:
        self.groups = tuple(groups)
        self.betas, self.eps = betas, eps
        self.state: dict[Tensor, dict[str, Tensor]] = {}  # empty before the first update

    def zero_grad(self) -> None:
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float, decay_factor: float = 1.0) -> None:
        """One update of every parameter that has a gradient.

        decay_factor: what each group's weight decay is multiplied by, besides the learning rate.
        """
        for group in self.groups:
            decay = group.weight_decay * decay_factor
            parameters = [p for p in group.parameters if p.grad is not None]
            gradients = [p.grad for p in parameters if p.grad is not None]
            states = [self._state(p) for p in parameters]
            _fused_update(parameters, gradients, states, learning_rate, self.betas, decay, self.eps)
            # The fused update does not increment the parameters' version, by which copies of a weight are refreshed.
            torch.autograd.graph.increment_version(parameters)

    def _state(self, parameter: Tensor) -> dict[str, Tensor]:
        if parameter not in self.state:
            self.state[parameter] = _initial_state(parameter)
        return self.state[parameter]


class PublicAdamW(AdamW):
    """The same updates and state from `torch.optim.AdamW` itself, for a torch without the private operators."""

    def __init__(self, groups: Iterable[Group], *, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, betas=betas, eps=eps)
        named = [{"params": list(group.parameters), "weight_decay": group.weight_decay} for group in self.groups]
        self._adamw = torch.optim.AdamW(named, lr=0.0, betas=betas, eps=eps, fused=True)
        self.state = self._adamw.state

    @torch.no_grad()
    def step(self, learning_rate: float, decay_factor: float = 1.0) -> None:
        for group, own in zip(self._adamw.param_groups, self.groups, strict=True):
            group["lr"], group["weight_decay"] = learning_rate, own.weight_decay * decay_factor
        self._adamw.step()
        changed = [p for group in self.groups for p in group.parameters if p.grad is not None]
        torch.autograd.graph.increment_version(changed)


def _initial_state(parameter: Tensor) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), device=parameter.device),
        "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
    }


def _fused_update(
    parameters: list[Tensor],
    gradients: list[Tensor],
    states: list[dict[str, Tensor]],
    learning_rate: float,
    betas: tuple[float, float],
    weight_decay: float,
    eps: float,
) -> None:
    steps = [state["step"] for state in states]
    torch._foreach_add_(steps, 1.0)
    torch._fused_adamw_(
        parameters,
        gradients,
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        steps,
        lr=learning_rate,
        beta1=betas[0],
        beta2=betas[1],
        weight_decay=weight_decay,
        eps=eps,
        amsgrad=False,
        maximize=False,
    )


def _fused_update_works() -> bool:
    """Whether this torch has the private operators that `AdamW` calls, with the arguments that it passes."""
    one = torch.zeros(1)
    try:
        with torch.no_grad():
            _fused_update([one], [torch.zeros(1)], [_initial_state(one)], 0.0, (0.9, 0.95), 0.0, 1e-8)
    except (AttributeError, TypeError, RuntimeError):
        return False
    return True


def build_optimizer(model: GPT, settings: OptimizerSection) -> AdamW:
    """AdamW over all parameters that are not frozen.

    `decay_on = "matrices"` exempts biases and LayerNorms from decay, as GPT-2 did.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = tuple(p for p in parameters if settings.decay_on == "all" or p.dim() >= 2)
    undecayed = tuple(p for p in parameters if settings.decay_on != "all" and p.dim() < 2)
    groups = [Group(some, rate) for some, rate in ((decayed, settings.weight_decay), (undecayed, 0.0)) if some]
    kind = AdamW if _fused_update_works() else PublicAdamW
    return kind(groups, betas=(settings.betas[0], settings.betas[1]), eps=settings.eps)


def optimizer_state(optimizer: AdamW, model: GPT) -> dict[str, dict[str, Tensor]]:
    """The optimizer's state of each parameter, by the parameter's name; empty before the first update."""
    return {name: dict(optimizer.state[p]) for name, p in model.named_parameters() if p in optimizer.state}


def load_optimizer_state(optimizer: AdamW, model: GPT, state: dict[str, dict[str, Tensor]]) -> None:
    """Load what `optimizer_state` returned. All other settings of the optimizer are in the phase.

    Raises ValueError if names or shapes are not those of this model's parameters, or a value is not finite.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if state and state.keys() != parameters.keys():
        raise ValueError("the optimizer's state does not belong to this model's parameters")
    for name, saved in state.items():
        parameter = parameters[name]
        shapes = {"step": torch.Size(()), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        if {key: tensor.shape for key, tensor in saved.items()} != shapes or any(
            tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()) for tensor in saved.values()
        ):
            raise ValueError(f"the optimizer's state of {name} does not have the parameter's shape, or is not finite")
        optimizer.state[parameter] = {key: tensor.to(parameter.device, copy=True) for key, tensor in saved.items()}


def learning_rate_at(step: int, settings: TrainingSection) -> float:
    """Linear warm-up over `warmup_iters`, then constant, or cosine decay to `min_lr` at `max_iters`."""
    if step < settings.warmup_iters:
        return settings.learning_rate * (step + 1) / settings.warmup_iters
    if settings.schedule == "constant":
        return settings.learning_rate
    span = max(1, settings.max_iters - settings.warmup_iters)
    progress = min(1.0, (step - settings.warmup_iters) / span)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return settings.min_lr + (settings.learning_rate - settings.min_lr) * cosine


def decay_factor(learning_rate: float, highest: float, settings: OptimizerSection) -> float:
    """By how much more the weights decay in a step than in proportion to its learning rate.

    highest: the learning rate after the warm-up. With "root" a step takes weight_decay · √(learning_rate · highest) of
    each weight, so that the decay goes on while the rate falls.
    """
    if settings.weight_decay_schedule == "rate" or learning_rate <= 0.0:
        return 1.0
    return math.sqrt(highest / learning_rate)


@torch.no_grad()
def clip_gradients(model: GPT, settings: OptimizerSection, step: int) -> Tensor:
    """Scale the gradients down to a global norm of at most `grad_clip`; return the norm before clipping, a scalar."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if settings.grad_clip > 0.0:
        # With `clip_scaled_gradients`, the norm that is compared is that of the gradients times the scaler's 2^16 or
        # more, so that clipping takes effect at every step. Everywhere else this power of two cancels out exactly.
        scale = PUBLISHED_SCALE * 2.0 ** (step // PUBLISHED_GROWTH_INTERVAL)
        seen = norm * (scale if settings.clip_scaled_gradients else 1.0)
        torch._foreach_mul_(gradients, (settings.grad_clip / (seen + 1e-6)).clamp(max=1.0))
    return norm
