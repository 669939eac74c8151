"""In which encoding a file is read: as its byte order mark says, as a phase says, UTF-8, or as its bytes suggest.

A file that is UTF-8 but for a few bytes is read as UTF-8. Those bytes are kept: they stand in the text as Python's
"surrogateescape" has them, and become tokens of one byte. Whatever the size of a file, it is read in blocks.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from slmtui.data.text_file import NotText, read_blocks
from slmtui.words import plural

KEEP = "slmtui-keep"  # how the decoders below handle errors: bytes that are wrong are kept

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# The legacy encodings of the WHATWG Encoding Standard (encoding.spec.whatwg.org), the usual ones first, without those
# that are so rare that a guess at them would be wrong more often than right.
_LEGACY = (
    "cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "cp949", "euc_jp", "koi8_r", "cp866", "cp1253", "cp1254",
    "cp1255", "cp1256", "iso8859_2", "iso8859_5", "iso8859_7", "cp874", "mac_roman", "iso2022_jp",
)  # fmt: skip

_BINARY = (  # what they begin with, where that says more than that they are no text
    (b"%PDF-", "a PDF; its text can be taken out with pdftotext"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive, or a document in one, such as DOCX"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"SQLite format 3", "an SQLite database"),
)

_RARE = 10_000  # one wrong byte in so many is a fault in a UTF-8 file rather than another encoding
_SAMPLE = 1 << 16  # bytes that a guess looks at
_CONTROL = re.compile(rb"[^\t\n\f\r -\x7e\xa0-\xff]")
_CONTROL_CHARACTER = re.compile("[\0-\b\v\x0e-\x1f\x7f-\x9f]")
_SHORTEST_UTF_16 = 32  # bytes; fewer may be numbers
_STRAY = re.compile("[\udc80-\udcff]")
_STRAY_OR_REPLACED = re.compile("[\udc80-\udcff\ufffd]")


@dataclass(frozen=True)
class WrongBytes:
    """Bytes that are not of the file's encoding: how many, and the line of the first, from 1.

    `offset`: how many bytes stand before the first; `value`: that byte. Both are None but for UTF-8.
    """

    count: int
    line: int
    offset: int | None = None
    value: int | None = None


@dataclass(frozen=True)
class Encoding:
    """How a file is read. `decided_by`: what says so."""

    codec: str = "utf-8"
    decided_by: Literal["content", "mark", "phase", "guess"] = "content"
    wrong: WrongBytes | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, and what is wrong, as a person should know it."""
        notes = [f"read as {self.codec}, a guess; data.encoding can name another"] * (self.decided_by == "guess")
        if self.wrong is not None:
            notes.append(f"not {self.codec.upper()}: {_wrong(self.wrong)}, kept as such")
        return tuple(notes)


def _wrong(wrong: WrongBytes) -> str:
    place = f"line {wrong.line:,}" if wrong.offset is None else f"line {wrong.line:,}, offset {wrong.offset:,}"
    value = "" if wrong.value is None else f"0x{wrong.value:02x}, "
    first = "" if wrong.count == 1 else "the first: "
    return f"{plural(wrong.count, 'byte')} ({first}{value}{place})"


UTF_8 = Encoding()


def decoded(blocks: Iterable[bytes], codec: str) -> Iterator[str]:
    """The text of blocks of bytes, without a byte order mark, line ends as "\\n"."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(KEEP), translate=True)
    begun = False
    with _refusing(codec):
        for data in blocks:
            if text := decoder.decode(data):
                yield text if begun else text.removeprefix("\ufeff")
                begun = True
        yield decoder.decode(b"", final=True)


@contextmanager
def _refusing(codec: str) -> Iterator[None]:
    """NotText for what a codec refuses whatever handles its errors: "utf-16" without a byte order mark, for one."""
    try:
        yield
    except UnicodeError as error:
        raise NotText(f"not {codec.upper()}: {error}; data.encoding can name another encoding") from None


def to_bytes(text: str) -> bytes:
    """A text in UTF-8, with the bytes that were kept."""
    return text.encode("utf-8", "surrogateescape")


def _keep(error: UnicodeError) -> tuple[str, int]:
    """Wrong bytes as "surrogateescape" has them; where it cannot, since one is below 0x80, U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    kept = "".join(chr(0xDC00 + byte) for byte in wrong) if min(wrong, default=0) >= 0x80 else "\ufffd"
    return kept, error.end


codecs.register_error(KEEP, _keep)


def find_encoding(path: Path, asked: str = "auto") -> Encoding:
    """How a file is to be read; `asked`: "auto", or the codec that it is in. Raises NotText for what is no text."""
    head = next(read_blocks(path), b"")
    for beginning, kind in _BINARY:
        if head.startswith(beginning) and not (head.isascii() and beginning.isalnum()):
            raise NotText(f"binary: {kind}")
    if asked != "auto":
        return Encoding(asked, "phase", _Scan(path, asked, refuse_nul=True).wrong)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, "mark", _Scan(path, codec).wrong)
    if unmarked := _utf_16_without_mark(head):
        return Encoding(unmarked, "guess", _Scan(path, unmarked).wrong)
    found = _Scan(path, "utf-8", refuse_nul=True)
    if found.wrong is None or found.wrong.count <= max(found.continuations / 10, found.n_bytes / _RARE):
        return Encoding("utf-8", "content", found.wrong)
    if guess := _guess(bytes(found.sample)):
        return Encoding(guess, "guess", _Scan(path, guess).wrong)
    raise NotText(
        f"not UTF-8: {_wrong(found.wrong)}, and no other encoding that can be guessed; data.encoding can name it"
    )


class _Scan:
    """What reading all of a file with a codec shows."""

    def __init__(self, path: Path, codec: str, *, refuse_nul: bool = False) -> None:
        self.n_bytes, self._newlines = 0, 0
        self.wrong: WrongBytes | None = None
        self.continuations = 0  # in UTF-8: bytes that are not the first of their character
        self.sample = bytearray()  # in UTF-8: the lines from the first wrong byte on
        self._utf8 = codec == "utf-8"
        decoder = codecs.getincrementaldecoder(codec)(KEEP)
        for data in chain(read_blocks(path), [b""]):
            held = decoder.getstate()[0] if self._utf8 else b""  # the beginning of a character
            if 0 < len(self.sample) < _SAMPLE:
                self.sample += data
            with _refusing(codec):
                text = decoder.decode(data, final=not data)
            if refuse_nul and "\0" in text:  # UTF-16 has such bytes, but no such character
                raise NotText(_why_binary(path, codec, text, 1 + self._newlines))
            if not text.isascii():
                self._count(held + data, text, self.n_bytes - len(held))
            self._newlines += text.count("\n")
            self.n_bytes += len(data)

    def _count(self, block: bytes, text: str, start: int) -> None:
        """`start`: how many bytes of the file stand before the block that the text is decoded from."""
        places = [place.start() for place in (_STRAY if self._utf8 else _STRAY_OR_REPLACED).finditer(text)]
        if self._utf8:
            self.continuations += len(to_bytes(text)) - len(text)
        if not places:
            return
        if self.wrong is not None:
            self.wrong = replace(self.wrong, count=self.wrong.count + len(places))
            return
        before = text[: places[0]]
        line = 1 + self._newlines + before.count("\n")
        self.wrong = WrongBytes(len(places), line)
        if self._utf8:
            at = len(to_bytes(before))
            self.wrong = WrongBytes(len(places), line, start + at, block[at])
            self.sample += block[block.rfind(b"\n", 0, at) + 1 :]


def _why_binary(path: Path, codec: str, text: str, line: int) -> str:
    """What to say of a block with NUL characters that begins on a line: where they are, if all else is text."""
    rest = text.replace("\0", "")
    many = len(text) - len(rest) > len(text) / 100
    if many or _STRAY_OR_REPLACED.search(rest) or _CONTROL_CHARACTER.search(rest):
        return "binary: contains a NUL byte"
    line += text.count("\n", 0, text.index("\0"))
    count = sum(part.count("\0") for part in decoded(read_blocks(path), codec))
    first, them = ("", "it") if count == 1 else ("the first: ", "them")
    return f"text, but for {plural(count, 'NUL byte')} ({first}line {line:,}); take {them} out"


def _utf_16_without_mark(head: bytes) -> str | None:
    """The byte order, if every other byte of some is NUL, none of the rest is, and they are all text in it."""
    if len(head) < _SHORTEST_UTF_16 or b"\0" not in head:
        return None
    for codec, own, other in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if 0 not in other and own.count(0) >= len(own) / 20:
            text = head[: len(head) // 2 * 2].decode(codec, "replace")
            if not _CONTROL_CHARACTER.search(text) and "\ufffd" not in text[:-1]:
                return codec
    return None


def _guess(sample: bytes) -> str | None:
    """The likeliest legacy encoding of some lines; of several that are as likely, the more usual one."""
    from charset_normalizer import from_bytes

    if len(sample) > _SAMPLE:
        sample = sample[: sample.rfind(b"\n", 0, _SAMPLE) + 1] or sample[:_SAMPLE]
    likely = [
        (round(match.chaos / 0.02), -round(match.coherence, 1), _LEGACY.index(name), name)
        for match in from_bytes(sample, cp_isolation=list(_LEGACY))
        for name in match.could_be_from_charset
    ]
    if likely:
        return min(likely)[-1]
    letters = sum(byte >= 0xA0 for byte in sample) <= len(sample) / 3 and not _CONTROL.search(sample)
    return _LEGACY[0] if letters else None  # short words with many accents are taken for noise


def read_text(path: Path, codec: str) -> Iterator[str]:
    """The text of a file, as `decoded`. Raises NotText if it cannot be read."""
    return decoded(read_blocks(path), codec)
