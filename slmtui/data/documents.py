"""What one file's documents are: the file itself, its lines, its records, or the sections between a separator.

Documents come in parts, so that one of them may be larger than memory. A part that is cut is cut where no token changes
(chunks.py). A document of nothing but white space is left out: there is nothing to learn from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from slmtui.config.limits import BrokenRecords, DocumentKind, Join
from slmtui.data.chunks import CHUNK_CHARACTERS, chunks, safe_cut
from slmtui.data.encoding import read_text
from slmtui.data.notebooks import is_notebook, read_notebook


@dataclass(frozen=True)
class DocumentForm:
    """How the files of a corpus become documents: the keys of [data] with these names.

    join: "documents" keeps them apart by a token; "published" is the form of published.py. field: a field of JSONL, CSV
    or Parquet, or a template such as "{title}: {text}"; each record is a document. separator: what stands between two
    documents of a file. With neither, `documents` says whether a file or a line is one. encoding: "auto", or the codec
    that all files are in.
    """

    join: Join = "documents"
    documents: DocumentKind = "files"
    field: str = ""
    separator: str = ""
    broken_records: BrokenRecords = "skip"
    encoding: str = "auto"

    @property
    def keeps_lines(self) -> bool:
        """Whether the line breaks of a document are those of its file; a record may be one line, whatever it says."""
        return not self.field

    @property
    def separator_read(self) -> str:
        """The separator, with line ends as those of the text are read."""
        return self.separator.replace("\r\n", "\n").replace("\r", "\n")


FILES = DocumentForm()  # each file is a document


class Part(NamedTuple):
    """Some or all of a document."""

    text: str
    line: int  # of the file, from 1: where the document begins
    begins: bool
    ends: bool


@dataclass
class LeftOut:
    """Records that could not be read: how many, and the first of them with their line and what is wrong.

    blank: how many were read, but have no text.
    """

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)
    shown: int = 5
    blank: int = 0

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.first) < self.shown:
            self.first.append((line, reason))


def documents_of(path: Path, codec: str, form: DocumentForm, left_out: LeftOut) -> Iterator[Part]:
    """The documents of a file, in order. `left_out` is told of broken records.

    Raises NotText for a file that cannot be read as such, DataError for a broken record if the form refuses them.
    """
    if form.field:
        from slmtui.data.records import records

        parts: Iterator[Part] = records(path, codec, form, left_out)
    elif form.separator:
        parts = cut_at(read_file(path, codec), form.separator_read)
    elif form.documents == "lines":
        parts = cut_at(read_file(path, codec), "\n")
    else:
        parts = _whole(read_file(path, codec))
    return (part for part in parts if not (part.begins and part.ends and (not part.text or part.text.isspace())))


def read_file(path: Path, codec: str) -> Iterator[str]:
    """The text of a file, or of a notebook's cells. Raises NotText."""
    return read_notebook(path) if is_notebook(path) else read_text(path, codec)


def _whole(texts: Iterable[str]) -> Iterator[Part]:
    """All of the texts as one document; none if they are empty."""
    held, begins = "", True
    for text in chunks(texts):
        if held:
            yield Part(held, 1, begins, ends=False)
            begins = False
        held = text
    if held:
        yield Part(held, 1, begins, ends=True)


def occurs(wanted: str, texts: Iterable[str]) -> bool:
    """Whether the texts, one after the other, hold this one."""
    rest = ""
    for text in texts:
        if wanted in (rest := rest + text):
            return True
        rest = rest[max(0, len(rest) - len(wanted) + 1) :]
    return False


def cut_at(texts: Iterable[str], separator: str) -> Iterator[Part]:
    """The texts between the separators, which are left out."""
    rest, at, begins = "", 1, True  # at: the line that has been reached
    line = at
    for text in chain(texts, [None]):
        *whole, rest = (rest + (text or "")).split(separator)
        for piece in whole:
            yield Part(piece, line, begins, ends=True)
            at += piece.count("\n") + separator.count("\n")
            line, begins = at, True
        while len(rest) > CHUNK_CHARACTERS + len(separator):
            cut = safe_cut(rest, 0, CHUNK_CHARACTERS)
            yield Part(rest[:cut], line, begins, ends=False)
            at, rest, begins = at + rest.count("\n", 0, cut), rest[cut:], False
    if rest or not begins:
        yield Part(rest, line, begins, ends=True)


class Chunk(NamedTuple):
    """Consecutive texts of one file, together about `CHUNK_CHARACTERS` at most.

    Each is the rest of a document, or, the last one, what there is of it so far. `lines`: where the documents begin
    that begin in this chunk; the first text goes on with an earlier one if there are fewer lines than texts.
    """

    file: int  # its index in the corpus
    texts: tuple[str, ...]
    lines: tuple[int, ...]
    ends: bool  # the last text ends its document

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))


def in_chunks(file: int, parts: Iterable[Part]) -> Iterator[Chunk]:
    """The parts of a file's documents, some thousands of short ones at a time."""
    texts: list[str] = []
    lines: list[int] = []
    size, ends = 0, True
    for part in parts:
        if texts and size + len(part.text) > CHUNK_CHARACTERS:
            yield Chunk(file, tuple(texts), tuple(lines), ends)
            texts, lines, size = [], [], 0
        texts.append(part.text)
        if part.begins:
            lines.append(part.line)
        size, ends = size + len(part.text), part.ends
    if texts:
        yield Chunk(file, tuple(texts), tuple(lines), ends)
