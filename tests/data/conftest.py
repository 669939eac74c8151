"""The corpus that the golden losses were measured on."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden_corpus() -> Path:
    return Path(__file__).parent.parent / "golden" / "corpus.txt"
