"""A tiny run to export, and its vocabulary in each kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.runs.run import Run
from slmtui.session import begin
from tests.conftest import MakePhase

os.environ["HF_HUB_OFFLINE"] = "1"  # before anybody imports it

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(make_phase: MakePhase, tmp_path: Path) -> MakeRun:
    """A tiny run that is trained to its end: make_run("tokenizer.kind='bytes'")."""

    def make(*overrides: str) -> Run:
        session = begin(make_phase("tokenizer.kind='bpe'", "tokenizer.vocab_size=300", *overrides), tmp_path / "runs")
        for _ in session.events:
            pass
        return session.run

    return make
