"""The corpus that the golden losses were measured on, and one of twenty poems."""

from pathlib import Path

import pytest

from tests.data.test_corpus import write


@pytest.fixture(scope="session")
def golden_corpus() -> Path:
    return Path(__file__).parent.parent / "golden" / "corpus.txt"


@pytest.fixture
def poems(tmp_path: Path) -> Path:
    return write(tmp_path / "poems", {f"{i:02}.txt": f"poem {i}\nroses are {i} times red\n" for i in range(20)})
