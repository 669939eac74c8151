"""The form in which the published experiment joined its files: `# File: name` before each, 50 `=` after it.

The header and the line are then part of the text: they are trained on, validated on and written by the model. The five
published phases need them for their digits; every other phase keeps documents apart by a token (documents.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

FOOTER = "\n" + "=" * 50 + "\n"

_LONGEST_NAME = 400
_HEADER = re.compile(rf"\n# File: ([^\n]{{1,{_LONGEST_NAME}}})(?=\n|\Z)")
_FIRST_HEADER = re.compile(_HEADER.pattern.removeprefix(r"\n"))
_HEADER_SPACE = _LONGEST_NAME + 100


def header_of(name: str) -> str:
    """What stands before a file."""
    return f"\n# File: {name.rpartition('/')[2]}\n"


def split_sections(texts: Iterable[str]) -> Iterator[tuple[str | None, str]]:
    """A text that was joined before, in parts: (name, header line without its final newline), or (None, other text).

    A header begins at the newline before its line. The last line read so far is held back while it could still become
    a header.
    """
    rest, first = "", True
    for text in chain(texts, [None]):
        ready = rest if text is None else rest + text
        keep = len(ready) if text is None else ready.rfind("\n", max(0, len(ready) - _HEADER_SPACE))
        if keep < 0:
            keep = 0 if first and len(ready) < _HEADER_SPACE else len(ready)
        ready, rest = ready[:keep], ready[keep:]
        done = 0
        if first and ready:
            first = False
            if header := _FIRST_HEADER.match(ready):
                yield header[1], header[0]
                done = header.end()
        for header in _HEADER.finditer(ready, done):
            if header.start() > done:
                yield None, ready[done : header.start()]
            yield header[1], header[0]
            done = header.end()
        if done < len(ready):
            yield None, ready[done:]
