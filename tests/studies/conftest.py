"""A study of a tiny phase, whose trials take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.config.study import Study, load_study
from slmtui.studies.claims import CLAIMS

MakeStudy = Callable[..., Study]
HEAD = """\
[study]
name = "small"
phase = "base.toml"
seeds = [1, 2]
{more}
[set]
training.max_iters = {steps}
evaluation.interval = 2
sampling.prompts = []
{rest}
"""
GRID = "[grid]\nmodel.n_embd = [8, 16]\n"


@pytest.fixture
def study_file(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes small.toml: `more` goes on in [study], `rest` after [set]."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(tiny_toml)

    def write(more: str = "", rest: str = GRID, steps: int = 6) -> Path:
        path = tmp_path / "small.toml"
        path.write_text(HEAD.format(more=more, rest=rest, steps=steps))
        return path

    return write


@pytest.fixture
def make_study(study_file: Callable[..., Path]) -> MakeStudy:
    def make(more: str = "", rest: str = GRID, steps: int = 6) -> Study:
        return load_study(study_file(more, rest, steps), CLAIMS)

    return make
