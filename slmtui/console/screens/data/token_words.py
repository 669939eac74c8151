"""What Data says of the token under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slmtui.console.screens.data.file_tokens import FileTokens
from slmtui.console.text.columns import cut
from slmtui.console.text.token_rows import label

if TYPE_CHECKING:
    from slmtui.data.split_stats import TokenCounts

SIDES = {"train": "training", "val": "validation", "test": "test"}


def token_words(file: FileTokens, at: int, counts: TokenCounts | None, width: int) -> tuple[str, str]:
    """Its text, id, bytes and how often it occurs; and where it stands, in `width` columns."""
    side, _ = file.side(at)
    token = file.ids(at, at + 1)[0]
    data = file.dataset.tokenizer.token_bytes(token)
    often = f" · train {counts.train[token]:,}×, val {counts.val[token]:,}×" if counts is not None else ""
    is_end = token == file.dataset.tokenizer.end
    shown = "the end of the document" if is_end else label(data.decode("utf-8", "surrogateescape"))
    words = f"{cut(shown, 23)} id {token} · {data[:8].hex(' ')}{'…' * (len(data) > 8)}{often}"
    n_documents = len(file.documents)
    document = f"[ {file.document_of(at) + 1:,} of {n_documents:,} ] · " if n_documents > 1 else ""
    line = f"{document}line {file.line(at):,} · {'after ' * is_end}token {file.text_until(at):,}"
    place = f"{line} of {file.n_text:,} · {SIDES[side]}"
    return words, place if len(place) <= width else f"{line} · {SIDES[side]}"
