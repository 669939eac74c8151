"""Records of JSONL, CSV and Parquet files as documents: one field of each, or several in a template."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from slmtui.data.documents import DocumentForm, LeftOut, Part, cut_at
from slmtui.data.encoding import read_text
from slmtui.data.errors import DataError
from slmtui.data.text_file import NotText
from slmtui.words import plural

RECORD_FILES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
LONGEST_RECORD = 1 << 26  # characters of a line that is read as one record

_PLACE = re.compile(r"\{([^{}]+)\}")
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # of a character, which JSON can escape

Row = tuple[int, Mapping[str, Any] | str]  # its line or number, from 1, and its fields, or what is wrong with it


def holds_records(path: Path) -> bool:
    """Whether a file of a folder is read as records, by its name."""
    return path.suffix.lower() in RECORD_FILES


def is_text_file(path: Path, form: DocumentForm) -> bool:
    """Whether a file is read as text: a table in Parquet is not."""
    return not (form.field and path.suffix.lower() == ".parquet")


def records(path: Path, codec: str, form: DocumentForm, left_out: LeftOut) -> Iterator[Part]:
    """Each record's text, a document. A file that is neither CSV, TSV nor Parquet by its name is read as JSONL."""
    rows = _READERS.get(path.suffix.lower(), _jsonl)
    template = form.field if _PLACE.search(form.field) else f"{{{form.field}}}"
    for line, row in rows(path, codec):
        try:
            text = _filled(template, row)
        except _Broken as error:
            if form.broken_records == "refuse":
                raise DataError(
                    f"{path}:{line}: {error}; correct the record, or leave such records out "
                    'with data.broken_records = "skip"'
                ) from None
            left_out.add(line, str(error))
            continue
        left_out.blank += not text or text.isspace()
        yield Part(text, line, begins=True, ends=True)


class _Broken(Exception):
    """A record without the text that was asked for; the message says what is wrong."""


def _filled(template: str, row: Mapping[str, Any] | str) -> str:
    """The template with the record's values; numbers as Python writes them."""
    if isinstance(row, str):
        raise _Broken(row)
    values: dict[str, str] = {}
    for name in _PLACE.findall(template):
        if name not in row:
            outer = name.partition(".")[0]
            nested = f"; fields in {outer!r} cannot be named" if isinstance(row.get(outer), dict) else ""
            raise _Broken(f"no field {name!r}; it has {', '.join(map(repr, list(row)[:8])) or 'none'}{nested}")
        value = row[name]
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            nested = "; fields in it cannot be named" if isinstance(value, dict) else ""
            raise _Broken(f"field {name!r} is {_kind(value)}, not text{nested}")
        values[name] = str(value)
    return _HALF.sub("\ufffd", _PLACE.sub(lambda place: values[place[1]], template))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null", str: "a text"}
    names |= {int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _jsonl(path: Path, codec: str) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    held = ""
    for part in cut_at(read_text(path, codec), "\n"):
        held += part.text
        if len(held) > LONGEST_RECORD:
            raise NotText(f"line {part.line:,} is longer than {LONGEST_RECORD:,} characters: not one record per line")
        if not part.ends:
            continue
        text, held = held, ""
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            reason = error.msg.removesuffix(" at")
            yield part.line, f"not JSON: {reason[:1].lower()}{reason[1:]} at character {error.pos + 1:,}"
            continue
        except RecursionError:
            yield part.line, "not JSON that can be read: nested too deeply"
            continue
        except ValueError:
            yield part.line, f"a number of more than {sys.get_int_max_str_digits():,} digits, which cannot be read"
            continue
        yield part.line, row if isinstance(row, dict) else f"{_kind(row)}, not an object with fields"


def _separated(path: Path, codec: str, delimiters: str) -> Iterator[Row]:
    """A table whose first line names the columns. delimiters: one of these, the one that the first line has most of."""
    csv.field_size_limit(LONGEST_RECORD)
    lines = _lines(read_text(path, codec))
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=max(delimiters, key=first.count), strict=True)
    before = 0
    columns: list[str] = []
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if not columns:
                raise NotText(f"line {reader.line_num:,}: not a table: {error}") from None
            line, before = before + 1, reader.line_num
            is_open = "unexpected end" in str(error)
            reason = "a quote opens here that nothing closes" if is_open else f"not a row: {error}"
            yield line, reason + (f"; left out up to line {before:,}" if before > line else "")
            continue
        if cells is None:
            return
        line, before = before + 1, reader.line_num
        if not columns:
            columns = cells
        elif cells:
            fits = len(cells) == len(columns)
            wrong = f"{plural(len(cells), 'cell')} where the first line names {plural(len(columns), 'column')}"
            yield line, dict(zip(columns, cells, strict=True)) if fits else wrong


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines with their ends, as the csv module reads them."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line + "\n"
        if len(rest) > LONGEST_RECORD:
            raise NotText(f"a line is longer than {LONGEST_RECORD:,} characters: not a table")
    if rest:
        yield rest


def _parquet(path: Path, _codec: str) -> Iterator[Row]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{path}: to read Parquet files, install pyarrow: pip install 'slmtui[parquet]'") from None
    try:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise NotText(f"not a Parquet file that can be read: {str(error).splitlines()[0]}") from None


_READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    ".csv": partial(_separated, delimiters=",;\t|"),
    ".tsv": partial(_separated, delimiters="\t"),
    ".parquet": _parquet,
}
