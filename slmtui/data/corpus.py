"""The text to train on: a folder, several files, or one file.

A corpus is a sequence of documents, and its text is theirs, concatenated. In a folder or several sources, each file is
a document, with a line `# File: name` before it and a line of 50 `=` after it. A single file is used as it is; if it
has such header lines, each begins a document, so a corpus that was joined earlier still knows its files.

Opening a corpus reads it once (is it text? what are its documents? its hash); `Corpus.chunks` reads it again, one
chunk at a time, so a corpus may be larger than memory.
"""

import codecs
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path

from slmtui.data.chunks import chunks
from slmtui.data.errors import DataError
from slmtui.data.folder import Skipped, find_files

FOOTER = "\n" + "=" * 50 + "\n"

_READ = 1 << 19  # bytes
_LONGEST_NAME = 400
_HEADER = re.compile(rf"\n# File: ([^\n]{{1,{_LONGEST_NAME}}})(?=\n|\Z)")
_FIRST_HEADER = re.compile(_HEADER.pattern.removeprefix(r"\n"))
_HEADER_SPACE = _LONGEST_NAME + 100


@dataclass(frozen=True)
class CorpusFile:
    """One document."""

    name: str
    path: Path
    state: tuple[int, ...]  # device, inode, size and modification time of the file when it was opened
    content_hash: str  # without the header, so that copies are recognised
    lines_before: int  # lines of the document's text before the file's first line: the header
    header: str = ""  # prepended to what is read; "" if the text has its own, or none
    preamble: bool = False  # the text before the first header of a joined corpus


@dataclass(frozen=True)
class Corpus:
    """Documents, not their text. `fingerprint`: SHA-256 of the text in UTF-8."""

    source: str
    files: tuple[CorpusFile, ...]
    skipped: tuple[Skipped, ...]
    fingerprint: str

    def chunks(self) -> Iterator[tuple[int, str]]:
        """The text, in chunks of at most half a million characters, each with the index of its file.

        Tokenised one by one, they give the tokens of the whole text (see chunks.py).
        Raises DataError if a file has changed since the corpus was opened.
        """
        for index, parts in groupby(self._parts(), key=itemgetter(0)):
            for piece in chunks(text for _, text in parts):
                yield index, piece

    def _parts(self) -> Iterator[tuple[int, str]]:
        for index, file in enumerate(self.files):
            try:
                if _state(file.path) != file.state:
                    raise _NotText("changed while it was being read; start again")
                if file.header:
                    for text in chain([file.header], _read(file.path), [FOOTER]):
                        yield index, text
                elif index == 0:
                    yield from self._sections()
            except _NotText as error:
                raise DataError(f"{file.path}: {error}") from None

    def _sections(self) -> Iterator[tuple[int, str]]:
        index = 0 if self.files[0].preamble else -1
        for name, text in _split_sections(_read(self.files[0].path)):
            index += name is not None
            yield max(index, 0), text  # blank lines before the first header belong to its document


def open_corpus(
    source: str | Path | Sequence[str | Path], *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Corpus:
    """Open a folder, a file, or several of them. Patterns, as in .gitignore, select among the files of folders.

    Raises DataError if a file does not exist, nothing matches, all files are empty, or a single file is not text.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    if not sources:
        raise DataError("the corpus has no source: name a folder or a file")
    # Unlike Path.expanduser, this leaves the home of an unknown user unchanged: reported as a missing file.
    paths = [Path(os.path.expanduser(item)) for item in sources]  # noqa: PTH111
    if len(paths) == 1 and not paths[0].is_dir():
        return _open_one(paths[0])

    found: list[tuple[str, Path]] = []
    skipped: list[Skipped] = []
    for path in paths:
        if path.is_dir():
            files, left_out = find_files(path, include=include, exclude=exclude)
            prefix = f"{path.resolve().name}/" if len(paths) > 1 else ""
            found += [(prefix + name, file) for name, file in files]
            skipped += [Skipped(prefix + item.path, item.reason) for item in left_out]
        else:
            _check_file(path)
            found.append((path.as_posix(), path))
    return _join(", ".join(map(str, paths)), found, skipped)


def _join(source: str, found: Iterable[tuple[str, Path]], skipped: list[Skipped]) -> Corpus:
    """A corpus of several files, each with its header and footer."""
    files: list[CorpusFile] = []
    seen: set[tuple[int, ...]] = set()
    whole, blank = hashlib.sha256(), True
    for name, path in found:
        header = f"\n# File: {name.rpartition('/')[2]}\n"
        document, joined = _Document(name, header.count("\n")), whole.copy()
        joined.update(header.encode())
        try:
            state = _state(path)
            if state in seen:  # two sources that overlap
                continue
            seen.add(state)
            for text in _read(path):
                document.add(text)
                joined.update(text.encode())
        except _NotText as error:
            skipped.append(Skipped(name, str(error)))
            continue
        joined.update(FOOTER.encode())
        whole, blank = joined, blank and document.blank
        files.append(document.finish(path, state, header=header))
    if not files:
        why = "".join(f"\n  {item.path}: {item.reason}" for item in skipped[:5])
        raise DataError(f"{source}: no text file to train on (check the patterns); skipped:{why or ' none'}")
    if blank:
        raise DataError(f"{source}: the corpus is empty: no text in its {len(files):,} files")
    return Corpus(source, tuple(files), tuple(skipped), whole.hexdigest())


def _open_one(path: Path) -> Corpus:
    """A corpus of one file, used as it is."""
    _check_file(path)
    whole, files, joined = hashlib.sha256(), list[CorpusFile](), False
    document = _Document(path.name, 0)
    try:
        state = _state(path)
        for header, text in _split_sections(_read(path)):
            whole.update(text.encode())
            if header is None:
                document.add(text)
                continue
            blank_lines = 0
            if joined or not document.blank:
                files.append(document.finish(path, state, preamble=not joined))
            else:
                blank_lines = document.newlines
            joined = True
            document = _Document(header, blank_lines + text.count("\n") + 1)
    except _NotText as error:
        raise DataError(f"{path}: {error}") from None
    if not joined and document.blank:
        raise DataError(f"{path}: the corpus is empty: no text in this file")
    files.append(document.finish(path, state))
    return Corpus(str(path), tuple(files), (), whole.hexdigest())


class _Document:
    """Collects the facts about a document while it is read."""

    def __init__(self, name: str, lines_before: int) -> None:
        self.name, self.lines_before = name, lines_before
        self.content, self.newlines, self.blank = hashlib.sha256(), 0, True

    def add(self, text: str) -> None:
        self.content.update(text.encode())
        self.newlines += text.count("\n")
        self.blank = self.blank and (not text or text.isspace())

    def finish(self, path: Path, state: tuple[int, ...], *, header: str = "", preamble: bool = False) -> CorpusFile:
        content = self.content.hexdigest()
        return CorpusFile(self.name, path, state, content, self.lines_before, header, preamble)


def _split_sections(texts: Iterable[str]) -> Iterator[tuple[str | None, str]]:
    """The text in parts: (name, header line without its final newline), or (None, other text).

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


class _NotText(Exception):
    """A file that cannot be read as text; the message is the reason."""


def _read(path: Path) -> Iterator[str]:
    """The text of a file: UTF-8, without a byte order mark, line ends as "\\n"."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                if b"\0" in data:
                    raise _NotText("binary: contains a NUL byte")
                yield decoder.decode(data)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _NotText(f"not UTF-8: {error.reason} (0x{error.object[error.start]:02x})") from None
    except OSError as error:
        raise _NotText(f"cannot be read: {error.strerror}") from None


def _state(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise _NotText(f"cannot be read: {error.strerror}") from None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _check_file(path: Path) -> None:
    """Refuse pipes and devices, which would be read forever, or only once."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise DataError(f"{path}: no such file or folder ({getattr(error, 'strerror', error)})") from None
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: neither a file nor a folder")
