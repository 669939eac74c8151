"""The fused loss against F.cross_entropy on full logits: same loss, same gradients, in every shape and
precision."""

import threading

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from slmtui.model import kernels
from slmtui.model.size import ROWS

TILE = 2048  # vocabulary rows in a tile of a full chunk

# (rows, width, vocabulary): one row; below, at and past the chunk, the tile and the block; GPT-2's vocabulary.
SHAPES = [
    (1, 32, 50257),
    (64, 32, 50257),
    (300, 16, 5003),
    (ROWS, 8, 2 * TILE),
    (ROWS + 1, 24, 2 * TILE + 1),
    (2 * ROWS + 1, 40, 2 * TILE - 1),
    (2 * ROWS, 24, kernels.BLOCK - 1),
    (ROWS + 1, 24, kernels.BLOCK),
    (100, 32, 257),
]


def problem(rows: int, width: int, vocabulary: int, *, scale: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows + width + vocabulary)
    hidden = torch.randn(rows, width, generator=generator)
    weight = torch.randn(vocabulary, width, generator=generator) * scale
    targets = torch.randint(0, vocabulary, (rows,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def reference(hidden: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss and gradients by the plain formula in double precision."""
    hidden, weight = (tensor.detach().double().requires_grad_() for tensor in (hidden, weight))
    loss = F.cross_entropy(F.linear(hidden, weight), targets)
    hidden_grad, weight_grad = torch.autograd.grad(loss, (hidden, weight))
    return loss.detach(), hidden_grad, weight_grad


def error(found: Tensor, exact: Tensor) -> float:
    return ((found.double() - exact).abs().max() / exact.abs().max()).item()


@pytest.mark.parametrize(("rows", "width", "vocabulary"), SHAPES)
def test_loss_and_gradients_are_those_of_the_plain_formula(rows: int, width: int, vocabulary: int) -> None:
    hidden, weight, targets = problem(rows, width, vocabulary)
    loss = kernels.linear_cross_entropy(hidden, weight, targets)
    found = torch.autograd.grad(loss, (hidden, weight))
    exact, hidden_grad, weight_grad = reference(hidden, weight, targets)
    assert abs(loss.item() - exact.item()) < 2e-6
    assert error(found[0], hidden_grad) < 1e-5
    assert error(found[1], weight_grad) < 1e-5


@pytest.mark.parametrize(("rows", "width", "vocabulary"), SHAPES)
def test_bf16_products_stay_near(rows: int, width: int, vocabulary: int) -> None:
    hidden, weight, targets = problem(rows, width, vocabulary)
    loss = kernels.linear_cross_entropy(hidden, weight, targets, bf16=True)
    found = torch.autograd.grad(loss, (hidden, weight))
    exact, hidden_grad, weight_grad = reference(hidden, weight, targets)
    assert found[1].dtype == torch.float32
    assert abs(loss.item() - exact.item()) < 0.01
    assert error(found[0], hidden_grad) < 0.02
    assert error(found[1], weight_grad) < 0.02


@pytest.mark.parametrize("bf16", [False, True])
def test_without_gradients_the_loss_is_the_same(bf16: bool) -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    trained = kernels.linear_cross_entropy(hidden, weight, targets, bf16=bf16)
    with torch.no_grad():
        evaluated = kernels.linear_cross_entropy(hidden, weight, targets, bf16=bf16)
    assert evaluated.item() == trained.item()
    assert not evaluated.requires_grad


def test_in_double_precision_the_gradients_are_exact_and_scale_with_the_loss() -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    hidden, weight = (tensor.detach().double().requires_grad_() for tensor in (hidden, weight))
    loss = kernels.linear_cross_entropy(hidden, weight, targets)
    found = torch.autograd.grad(3.0 * loss, (hidden, weight))
    exact, hidden_grad, weight_grad = reference(hidden, weight, targets)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-12)
    assert error(found[0], 3.0 * hidden_grad) < 1e-12
    assert error(found[1], 3.0 * weight_grad) < 1e-12


@pytest.mark.parametrize("scale", [40.0, 4000.0])
def test_logits_outside_the_range_of_exp(scale: float) -> None:
    hidden, weight, targets = problem(300, 16, 5003, scale=scale)
    loss = kernels.linear_cross_entropy(hidden, weight, targets)
    found = torch.autograd.grad(loss, (hidden, weight))
    exact, hidden_grad, weight_grad = reference(hidden, weight, targets)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
    assert error(found[0], hidden_grad) < 1e-3
    assert error(found[1], weight_grad) < 1e-3


def test_a_loss_that_is_not_a_number_is_reported_as_such() -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    with torch.no_grad():
        hidden[7, 3] = float("nan")
        assert kernels.linear_cross_entropy(hidden, weight, targets).isnan()


def test_one_input_alone_may_want_a_gradient() -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    _, hidden_grad, weight_grad = reference(hidden, weight, targets)
    (only_hidden,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight.detach(), targets), hidden)
    (only_weight,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden.detach(), weight, targets), weight)
    assert error(only_hidden, hidden_grad) < 1e-5
    assert error(only_weight, weight_grad) < 1e-5


def test_threads_do_not_share_buffers() -> None:
    problems = [problem(300, 16, 5003 + 16 * number) for number in range(4)]
    expected = [kernels.linear_cross_entropy(*each).item() for each in problems]
    found: dict[int, list[float]] = {}

    def repeat(number: int) -> None:
        found[number] = [kernels.linear_cross_entropy(*problems[number]).item() for _ in range(20)]

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [loss] * 20 for number, loss in enumerate(expected)}


def test_the_buffers_are_kept_between_calls() -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    kernels.linear_cross_entropy(hidden, weight, targets)
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, profile_memory=True) as profile:
        kernels.linear_cross_entropy(hidden, weight, targets)
    allocated = max(event.self_cpu_memory_usage for event in profile.events() or [])
    assert allocated < 300 * 5003 * 4 / 10  # bytes: the logits are not held anew


def test_a_gradient_still_held_is_not_overwritten() -> None:
    hidden, weight, targets = problem(300, 16, 5003)
    (first,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight, targets), weight)
    copy = first.clone()
    (second,) = torch.autograd.grad(kernels.linear_cross_entropy(2 * hidden, weight, targets), weight)
    assert first.equal(copy)
    assert not second.equal(first)
    del second, first
    (third,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight, targets), weight)
    assert third.equal(copy)
    kept = third.data_ptr()
    del third
    (fourth,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight, targets), weight)
    assert fourth.data_ptr() == kept


@pytest.mark.parametrize("positions_shape", [(7, 16), (3, 7, 16)])
@pytest.mark.parametrize("vocabulary", [11, 5003])
def test_a_tied_embedding_gives_the_gradient_of_the_plain_one(
    positions_shape: tuple[int, ...], vocabulary: int
) -> None:
    _, weight, targets = problem(3 * 7 * 20, 16, vocabulary)
    idx = targets[: 3 * 7].view(3, 7)
    gradients: list[tuple[Tensor, Tensor]] = []
    for embed, loss in (
        (lambda i, w, p: F.embedding(i, w) + p, lambda h, w, t: F.cross_entropy(F.linear(h, w), t)),
        (kernels.embed, kernels.linear_cross_entropy),
    ):
        weight.grad = None
        positions = torch.full(positions_shape, 0.3, requires_grad=True)
        hidden = embed(idx, weight, positions).tanh().repeat(20, 1, 1).view(-1, 16)
        # Of two passes, the second adds to what the first one left.
        for inputs, outputs in (
            (hidden, targets),
            (embed(idx, weight, positions).view(-1, 16), idx.flatten()),
        ):
            loss(inputs, weight, outputs).backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        assert positions.grad is not None
        gradients.append((weight.grad, positions.grad))
    (weight_grad, positions_grad), found = gradients
    assert error(found[0], weight_grad.double()) < 1e-5
    assert error(found[1], positions_grad.double()) < 1e-5


def test_an_embedding_without_gradients() -> None:
    _, weight, targets = problem(7, 16, 11)
    positions = torch.ones(7, 16, requires_grad=True)
    with torch.no_grad():
        found = kernels.embed(targets.view(1, 7), weight, positions)
        assert found.equal(F.embedding(targets.view(1, 7), weight) + positions)
    assert weight.grad is None


def test_shapes_that_do_not_fit_are_named() -> None:
    hidden, weight, targets = problem(4, 3, 11)
    with pytest.raises(ValueError, match=r"\(4, 3\), \(11, 3\), \(3,\)"):
        kernels.linear_cross_entropy(hidden, weight, targets[:3])


@pytest.mark.parametrize(("rows", "width"), [(1, 8), (1, 7), (3, 8)])
def test_the_logits_of_few_rows_are_those_of_the_layer(rows: int, width: int) -> None:
    torch.manual_seed(0)
    output, hidden = torch.nn.Linear(width, 50, bias=False), torch.randn(rows, width)
    with torch.no_grad():
        assert torch.allclose(kernels.DecodeHead(output)(hidden), output(hidden), atol=1e-6)


def test_the_logits_of_a_row_follow_a_weight_that_is_changed_or_replaced() -> None:
    torch.manual_seed(0)
    output, hidden = torch.nn.Linear(8, 50, bias=False), torch.randn(1, 8)
    few = kernels.DecodeHead(output)
    with torch.no_grad():
        few(hidden)
        output.weight.mul_(2.0)
        assert torch.allclose(few(hidden), output(hidden), atol=1e-6)
        output.weight = torch.nn.Parameter(torch.randn(50, 8))  # as when a checkpoint is loaded
        assert torch.allclose(few(hidden), output(hidden), atol=1e-6)


@pytest.mark.parametrize("rows", [ROWS, ROWS + 1])
def test_what_a_diverged_step_left_in_the_kept_memory_is_overwritten(rows: int) -> None:
    hidden, weight, targets = problem(rows, 16, 2 * kernels.BLOCK + 5)
    (left,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight, targets), weight)
    left.fill_(torch.nan)
    del left
    loss = kernels.linear_cross_entropy(hidden, weight, targets)
    hidden_grad, weight_grad = torch.autograd.grad(loss, (hidden, weight))
    _, exact_hidden, exact_weight = reference(hidden, weight, targets)
    assert error(hidden_grad, exact_hidden) < 1e-5
    assert error(weight_grad, exact_weight) < 1e-5


def test_where_torch_does_not_count_users_each_gradient_has_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_storage_Use_Count")
    hidden, weight, targets = problem(ROWS, 16, 2 * kernels.BLOCK + 5)
    _, _, exact = reference(hidden, weight, targets)
    for _ in range(2):  # from the second on, there is memory that might be taken again
        (found,) = torch.autograd.grad(kernels.linear_cross_entropy(hidden, weight, targets), (weight,))
        assert error(found, exact) < 1e-5
