"""A project of ten small files, as the current folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.screens.data.data_console import (
    NOUNS,
    PHASE,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten files of about 80 tokens that are much alike; the border of the dataset falls into one of them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/quick.toml").write_text(PHASE)
    (tmp_path / "phases/beta.toml").write_text(PHASE.replace("alpha", "beta").replace('"gpt2"', '"bpe"'))
    (tmp_path / "corpus").mkdir()
    for i, noun in enumerate(NOUNS):
        (tmp_path / f"corpus/{i}_{noun}.py").write_text(
            f"# All about the {noun}.\ndef load_{noun}(path, limit={i}):\n    return open(path).read()[:limit]\n\n"
            f"def {noun}_{i}_total({noun}s):\n    return sum({noun}.size for {noun} in {noun}s)\n"
        )
    return tmp_path
