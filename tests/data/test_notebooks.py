"""Notebooks give the text of their cells, and nothing of their outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from slmtui.data.corpus import open_corpus
from tests.data.test_corpus import names, skipped, text_of, write

OUTPUT = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo" * 1000}}
CELLS: list[dict[str, Any]] = [
    {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "Some *text*."]},
    {
        "cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [OUTPUT],
        "source": ["x = 1\n", "print(x)"],
    },
    {"cell_type": "raw", "metadata": {}, "source": "raw"},
    {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": ""},
]  # fmt: skip
TEXT = "# Title\nSome *text*.\n\nx = 1\nprint(x)\n"
OLD = [
    CELLS[0],
    {"cell_type": "code", "metadata": {}, "language": "python", "outputs": [], "input": ["x = 1\n", "print(x)"]},
]


@pytest.mark.parametrize(
    "notebook",
    [
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": CELLS},
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"metadata": {}, "cells": OLD}]},
    ],
)
def test_a_notebook_is_the_text_of_its_cells(tmp_path: Path, notebook: object) -> None:
    corpus = open_corpus(write(tmp_path, {"a.ipynb": json.dumps(notebook), "b.txt": "b"}))
    assert names(corpus) == ["a.ipynb", "b.txt"]
    assert text_of(corpus) == TEXT + "b"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"nbformat": 4, "cells": [1]}', '{"nbformat": 4, "cells": 1}']
)
def test_what_is_no_notebook_is_left_out_with_its_reason(tmp_path: Path, content: str) -> None:
    corpus = open_corpus(write(tmp_path, {"a.ipynb": content, "b.txt": "b"}))
    assert names(corpus) == ["b.txt"]
    assert skipped(corpus)["a.ipynb"].startswith("not a notebook that can be read")


def test_without_nbformat_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nbformat", None)
    corpus = open_corpus(write(tmp_path, {"a.ipynb": "{}", "b.txt": "b"}))
    assert skipped(corpus) == {"a.ipynb": "a notebook; to read its cells: pip install 'slmtui[notebooks]'"}
