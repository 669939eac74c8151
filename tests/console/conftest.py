"""What tests of screens look at: a small project with two runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.console.screens.complete import HISTORY
from tests.console.tiny_runs import tiny_phase, train_tiny, write_corpus


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and two runs of 4 steps, the second with another seed."""
    folder = tmp_path_factory.mktemp("project")
    corpus = write_corpus(folder / "corpus")
    train_tiny(folder / "checkpoints", tiny_phase(corpus))
    train_tiny(folder / "checkpoints", tiny_phase(corpus, seed=2))
    return folder


@pytest.fixture
def checkpoints(project: Path) -> Path:
    """The runs' folder, without what a test typed before."""
    (project / "checkpoints" / HISTORY).unlink(missing_ok=True)
    return project / "checkpoints"
