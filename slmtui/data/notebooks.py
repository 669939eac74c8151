"""Jupyter notebooks as text: their code and Markdown cells, without outputs, which are mostly base64 and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slmtui.data.encoding import decoded
from slmtui.data.text_file import NotText, read_blocks

LARGEST_NOTEBOOK = 1 << 28  # bytes; JSON is read as a whole


def is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


def read_notebook(path: Path) -> Iterator[str]:
    """The texts of the cells, an empty line between two. NotText if it is no notebook, or nbformat is missing."""
    try:
        from nbformat import reader
    except ImportError:
        raise NotText("a notebook; to read its cells: pip install 'slmtui[notebooks]'") from None
    parts, size = [], 0
    for text in decoded(read_blocks(path), "utf-8"):
        parts.append(text)
        size += len(text)
        if size > LARGEST_NOTEBOOK:
            raise NotText(f"a notebook of more than {LARGEST_NOTEBOOK:,} characters")
    try:
        notebook = reader.reads("".join(parts))  # type: ignore[no-untyped-call]
        sheets = [notebook] if "cells" in notebook else notebook["worksheets"]  # before version 4
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        texts = [cell.get("source", cell.get("input")) for cell in cells if cell["cell_type"] in ("code", "markdown")]
    except (reader.NotJSONError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise NotText(f"not a notebook that can be read: {type(error).__name__}") from None
    yield "\n".join(f"{text.strip()}\n" for text in texts if isinstance(text, str) and text.strip())
