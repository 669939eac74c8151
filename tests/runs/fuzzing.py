"""Files that were damaged, or made to do harm: how they come about, and how many of them are tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmtui.runs.run import Run
from slmtui.session import begin
from tests.conftest import MakePhase

SHORT = ("training.max_iters=4", "evaluation.interval=2", "model.n_layer=1", "model.n_embd=8")
# What a careful attacker, or a disk, would put in the place of a value.
EVIL: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, -(10**18), 1.5, float("inf"), float("nan"), "", "x", "\x1b[31m",
    "\ud800", [], {}, [[]], {"a": 1}, "a" * 5000, [1] * 500,
]  # fmt: skip


def cases(here: int, soak: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("n_cases", [here, pytest.param(soak, marks=pytest.mark.soak)])


def check_many(n_cases: int, check: Callable[..., None], **strategies: st.SearchStrategy[Any]) -> None:
    torch.set_flush_denormal(False)  # which the training of the fixture has turned on, and hypothesis will not have
    settings(
        max_examples=n_cases, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )(given(**strategies)(check))()  # fmt: skip


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A few changes to bytes: cut, flipped bits, a stretch left out, doubled, moved or overwritten."""
    edits = draw(
        st.lists(st.tuples(st.sampled_from("cfdlmo"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4)
    )

    def apply(data: bytes) -> bytes:
        for kind, first, second in edits:
            start = int(first * len(data))
            end = min(len(data), start + 1 + int(second * min(len(data) - start, 300)))
            part = data[start:end]
            match kind:
                case "c":
                    data = data[:start]
                case "f" if part:
                    data = data[:start] + bytes([part[0] ^ (1 << int(second * 7))]) + data[start + 1 :]
                case "d":
                    data = data[:end] + part + data[end:]
                case "l":
                    data = data[:start] + data[end:]
                case "m":
                    data = data[:start] + data[end:] + part
                case "o":
                    data = data[:start] + b"\0" * len(part) + data[end:]
        return data

    return apply


@st.composite
def replacement(draw: st.DrawFn) -> Callable[[Any], Any]:
    """Puts something evil somewhere into nested dicts and lists."""
    evil = draw(st.sampled_from(EVIL))
    path = draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))

    def apply(value: Any) -> Any:
        value = value.copy()
        node = value
        for i, index in enumerate(path):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            if not keys:
                break
            key = keys[index % len(keys)]
            if i == len(path) - 1 or not isinstance(node[key], dict | list):
                node[key] = evil
                break
            node[key] = node[key].copy()
            node = node[key]
        return value

    return apply


def killed_run(make_phase: MakePhase, checkpoints: Path) -> Run:
    """A run killed in its middle."""
    session = begin(make_phase(*SHORT), checkpoints)
    for _ in range(11):
        next(session.events)
    session.events.close()  # type: ignore[attr-defined]
    return session.run
