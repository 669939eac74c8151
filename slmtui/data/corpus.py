"""The text to train on: a folder, several files, or one file, as a list of documents.

    corpus = open_corpus("notes")                                            # each file is a document
    corpus = open_corpus("posts.jsonl", form=DocumentForm(field="text"))     # each record is one

Opening a corpus reads it once (is it text? its hash); `Corpus.chunks` reads it again, one chunk at a time, so a corpus
may be larger than memory. In the published form (published.py) the files are one text, with a header before each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path

from slmtui.config.source_path import source_path
from slmtui.data.chunks import chunks
from slmtui.data.documents import FILES, Chunk, DocumentForm, LeftOut, documents_of, in_chunks, occurs, read_file
from slmtui.data.encoding import UTF_8, Encoding, find_encoding, to_bytes
from slmtui.data.errors import DataError
from slmtui.data.folder import Found, Skipped, find_files, pattern_for
from slmtui.data.gpt2 import END_OF_TEXT
from slmtui.data.kept_corpus import KeptCorpus
from slmtui.data.published import FOOTER, header_of, split_sections
from slmtui.data.records import RECORD_FILES, holds_records, is_text_file
from slmtui.data.secrets import Secret, Secrets, find_secrets
from slmtui.data.several_folders import for_folder, prefixes
from slmtui.data.text_file import NotText, check_file, file_size, file_state
from slmtui.words import plural

RECORD_TEXTS = (".jsonl", ".ndjson", ".csv", ".tsv")  # by name; JSON is more often one object than records
Progress = Callable[[int, int], None]  # what is told of how far it is: bytes so far, and of how many
MARKS = (END_OF_TEXT.decode(), FOOTER)


@dataclass(frozen=True)
class CorpusFile:
    """One file; in the published form, one section of a text that was joined before."""

    name: str
    path: Path
    state: tuple[int, ...]  # device, inode, size and modification time of the file when it was opened
    content_hash: str  # without the header, so that copies are recognised
    lines_before: int = 0  # lines before the file's first line in the published form: the header
    header: str = ""  # prepended to what is read; "" if the text has its own, or none
    preamble: bool = False  # the text before the first header of a joined corpus
    encoding: Encoding = UTF_8


@dataclass(frozen=True)
class Corpus:
    """Files, not their text. `fingerprint`: SHA-256 of the text in UTF-8 and of where its documents end.

    `secrets`: what looks like a key, a token or a password.
    """

    source: str
    files: tuple[CorpusFile, ...]
    skipped: tuple[Skipped, ...]
    fingerprint: str
    form: DocumentForm
    n_documents: int
    n_bytes: int  # of text, in UTF-8
    secrets: Secrets
    marks: tuple[tuple[str, int], ...] = ()  # texts that often separate documents, and how often they occur
    lacks_separator: bool = False  # the form's, which separates nothing if no file has it

    @property
    def notes(self) -> tuple[str, ...]:
        """Separators and records that the text has and the form does not know, or the other way about."""
        if self.lacks_separator:
            return (f"data.separator: {json.dumps(self.form.separator)} stands nowhere in the text",)
        if self.is_published or not self.one_document_a_file:
            return ()
        offers = [_offer(mark, count) for mark, count in self.marks if count]
        if records := [file.name for file in self.files if file.path.suffix.lower() in RECORD_TEXTS]:
            more = f" and {len(records) - 1:,} more" if len(records) > 1 else ""
            offers.append(
                f"{records[0]}{more}: records, read as plain text; to train on a field of theirs, name it in data.field"
            )
        return tuple(offers)

    @property
    def text_key(self) -> str:
        """Names the text and how `chunks` cuts it, which the fingerprint does not tell."""
        hashes = [file.content_hash for file in self.files]
        return hashlib.sha256(repr((self.fingerprint, self.form, hashes)).encode()).hexdigest()

    @property
    def is_published(self) -> bool:
        """Whether its files are joined to one text, as in the published experiment."""
        return self.form.join == "published"

    @property
    def one_document_a_file(self) -> bool:
        return self.is_published or (self.form.documents == "files" and not self.form.field + self.form.separator)

    def chunks(self) -> Iterator[Chunk]:
        """The text, about half a million characters at a time.

        Tokenised one by one, they give the tokens of the whole documents (see chunks.py); in the published form, of the
        whole text, without an end anywhere. Raises DataError if a file has changed since the corpus was opened.
        """
        if self.is_published:
            for index, parts in groupby(self._published(), key=itemgetter(0)):
                for text in chunks(text for _, text in parts):
                    yield Chunk(index, (text,), (), ends=False)
            return
        for index, file in enumerate(self.files):
            with _as_opened(file):
                yield from in_chunks(index, documents_of(file.path, file.encoding.codec, self.form, LeftOut()))

    def _published(self) -> Iterator[tuple[int, str]]:
        for index, file in enumerate(self.files):
            if not file.header and index > 0:
                return  # the sections of one file are read together
            with _as_opened(file):
                if file.header:
                    for text in chain([file.header], read_file(file.path, file.encoding.codec), [FOOTER]):
                        yield index, text
                else:
                    yield from self._sections()

    def _sections(self) -> Iterator[tuple[int, str]]:
        index = 0 if self.files[0].preamble else -1
        for name, text in split_sections(read_file(self.files[0].path, self.files[0].encoding.codec)):
            index += name is not None
            yield max(index, 0), text  # blank lines before the first header belong to its document


@contextmanager
def _as_opened(file: CorpusFile) -> Iterator[None]:
    """DataError if the file has changed since it was opened, or can no longer be read."""
    try:
        if file_state(file.path) != file.state:
            raise NotText("changed while it was being read; start again")
        yield
    except NotText as error:
        raise DataError(f"{file.path}: {error}") from None


def open_corpus(
    source: str | Path | Sequence[str | Path],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    default_excludes: bool = True,
    form: DocumentForm = FILES,
    progress: Progress | None = None,
) -> Corpus:
    """Open a folder, a file, or several of them. Patterns, as in .gitignore, select among the files of folders.

    default_excludes: leave out what default_excludes.py tells of. progress: is told now and then how many bytes have
    been read, and of how many; what it raises ends the reading.

    Raises DataError if a file does not exist, nothing matches, all files are empty, or a single file is not text.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    if not sources:
        raise DataError("the corpus has no source: name a folder or a file")
    paths = list(dict.fromkeys(map(source_path, sources)))
    if len(paths) == 1 and not paths[0].is_dir():
        check_file(paths[0])
        if form.join == "published":
            return _open_joined(paths[0], form)
        return _open_files(str(paths[0]), [Found(paths[0].name, paths[0])], [], form, alone=True, progress=progress)

    found: list[Found] = []
    skipped: list[Skipped] = []
    for prefix, path in zip(prefixes(paths), paths, strict=True):
        if path.is_dir():
            files, left_out = find_files(
                path, include=for_folder(include, prefix), exclude=for_folder(exclude, prefix),
                default_excludes=default_excludes,
            )  # fmt: skip
            for item in left_out:
                take_in = item.take_in and pattern_for(prefix + item.path)
                skipped.append(replace(item, path=prefix + item.path, take_in=take_in))
            for file in files:
                name = prefix + file.name
                if form.field and not holds_records(file.path):
                    skipped.append(Skipped(name, f"holds no records: not {', '.join(RECORD_FILES)}"))
                else:
                    found.append(Found(name, file.path))
        else:
            check_file(path)
            found.append(Found(path.as_posix(), path))
    return _open_files(
        ", ".join(map(str, paths)), found, skipped, form, has_patterns=bool(include or exclude), progress=progress
    )


def _open_files(
    source: str, found: Sequence[Found], skipped: Sequence[Skipped], form: DocumentForm, *,
    alone: bool = False, has_patterns: bool = False, progress: Progress | None = None,
) -> Corpus:  # fmt: skip
    """A corpus of files, each opened by itself. alone: it is the only one, and must be text.

    has_patterns: some may be left out because of them.
    """
    kept = KeptCorpus.of(found, form, alone=alone)
    if kept is not None and (corpus := kept.read(source, skipped, found, form)) is not None:
        return corpus
    corpus = _read_files(source, found, list(skipped), form, alone=alone, has_patterns=has_patterns, progress=progress)
    if kept is not None:
        kept.keep(corpus, len(skipped))
    return corpus


def _read_files(
    source: str, found: Sequence[Found], skipped: list[Skipped], form: DocumentForm, *, alone: bool, has_patterns: bool,
    progress: Progress | None,
) -> Corpus:  # fmt: skip
    files: list[CorpusFile] = []
    seen: set[tuple[int, ...]] = set()
    whole, blank, marks = hashlib.sha256(), True, dict.fromkeys(MARKS, 0)
    n_documents, n_bytes, secrets = 0, 0, Secrets()
    of = 0 if progress is None else sum(file_size(path) for _, path in found)
    for name, path in found:
        header = header_of(name) if form.join == "published" else ""
        content = _Content(name, form.keeps_lines)
        all_of_it, left_out = whole.copy(), LeftOut()
        all_of_it.update(header.encode())
        try:
            state = file_state(path)
            if state in seen:  # two sources that overlap
                continue
            seen.add(state)
            encoding = find_encoding(path, form.encoding) if is_text_file(path, form) else UTF_8
            if header:
                for text in read_file(path, encoding.codec):
                    content.add(text)
                    all_of_it.update(to_bytes(text))
            else:
                for part in documents_of(path, encoding.codec, form, left_out):
                    if progress is not None:
                        progress(n_bytes + content.n_bytes, of)
                    content.add(part.text, begins_on=part.line if part.begins else 0)
                    all_of_it.update(to_bytes(part.text) + b"\xff" * part.ends)  # a byte that UTF-8 has not
        except NotText as error:
            if alone:
                raise DataError(f"{path}: {error}") from None
            skipped.append(Skipped(name, str(error)))
            continue
        _, _, size, _ = state
        if size and not (header or alone or content.n_documents or left_out.count):
            skipped.append(Skipped(name, "blank"))
            continue
        all_of_it.update(FOOTER.encode() if header else b"")
        whole, blank = all_of_it, blank and content.blank
        for mark in MARKS:
            marks[mark] += content.marks[mark]
        n_documents, n_bytes = n_documents + (1 if header else content.n_documents), n_bytes + content.n_bytes
        secrets += content.secrets
        files.append(CorpusFile(name, path, state, content.hash, header.count("\n"), header, encoding=encoding))
        skipped += _records_left_out(name, left_out)
    if alone and blank:
        why = "".join(f"\n  {item.path}: {item.reason}" for item in skipped)
        raise DataError(f"{source}: the corpus is empty: no text in this file{why and '; skipped:'}{why}")
    if not files:
        why = "".join(f"\n  {item.path}: {item.reason}" for item in skipped[:5])
        check = " (check the patterns)" if has_patterns else ""
        raise DataError(f"{source}: no text file to train on{check}; skipped:{why or ' none'}")
    if blank:
        raise DataError(f"{source}: the corpus is empty: no text in its {len(files):,} files")
    unseparated = bool(form.separator) and n_documents <= len(files)
    lacks_separator = unseparated and not any(_is_separated(file, form) for file in files)
    return Corpus(
        source, tuple(files), tuple(skipped), whole.hexdigest(), form, n_documents, n_bytes, secrets,
        tuple(marks.items()), lacks_separator,
    )  # fmt: skip


def _is_separated(file: CorpusFile, form: DocumentForm) -> bool:
    with _as_opened(file):
        return occurs(form.separator_read, read_file(file.path, file.encoding.codec))


def _offer(mark: str, count: int) -> str:
    quoted, times = json.dumps(mark), {1: "once", 2: "twice"}.get(count, f"{count:,} times")
    headers = ", the line after each file of a text that was joined before," if mark == FOOTER else ""
    return f"{quoted}{headers} stands {times} in the text; if it separates documents, set data.separator = {quoted}"


def _records_left_out(name: str, left_out: LeftOut) -> list[Skipped]:
    found = [Skipped(f"{name}:{line}", reason, records=1) for line, reason in left_out.first]
    if (more := left_out.count - len(found)) > 0:
        found.append(Skipped(name, f"{more:,} more records that could not be read", records=more))
    if left_out.blank:
        found.append(Skipped(name, f"{plural(left_out.blank, 'record')} without text", records=left_out.blank))
    return found


def _open_joined(path: Path, form: DocumentForm) -> Corpus:
    """A corpus of one file, used as it is; if it has header lines, each begins a section."""
    whole, files, joined, secrets, n_bytes = hashlib.sha256(), list[CorpusFile](), False, Secrets(), 0
    name, lines_before, content = path.name, 0, _Content(path.name)
    try:
        state = file_state(path)
        encoding = find_encoding(path, form.encoding)
        for header, text in split_sections(read_file(path, encoding.codec)):
            whole.update(to_bytes(text))
            if header is None:
                content.add(text)
                continue
            blank_lines = content.newlines
            if joined or not content.blank:
                files.append(
                    CorpusFile(name, path, state, content.hash, lines_before, preamble=not joined, encoding=encoding)
                )
                blank_lines = 0
            joined, secrets, n_bytes = True, secrets + content.secrets, n_bytes + content.n_bytes + len(to_bytes(text))
            name, lines_before, content = header, blank_lines + text.count("\n") + 1, _Content(header)
    except NotText as error:
        raise DataError(f"{path}: {error}") from None
    if not joined and content.blank:
        raise DataError(f"{path}: the corpus is empty: no text in this file")
    files.append(CorpusFile(name, path, state, content.hash, lines_before, encoding=encoding))
    secrets, n_bytes = secrets + content.secrets, n_bytes + content.n_bytes
    return Corpus(str(path), tuple(files), (), whole.hexdigest(), form, len(files), n_bytes, secrets)


class _Content:
    """Collects the facts about the text of a file, or of a section, while it is read."""

    def __init__(self, name: str, keeps_lines: bool = True) -> None:
        self._name, self._hash, self._line, self._keeps_lines = name, hashlib.sha256(), 1, keeps_lines
        self.newlines, self.n_bytes, self.n_documents, self.blank = 0, 0, 0, True
        self.secrets, self.marks = Secrets(), dict.fromkeys(MARKS, 0)

    def add(self, text: str, *, begins_on: int = 0) -> None:
        """`begins_on`: the line, from 1, of a document that begins here; 0: the text goes on."""
        if begins_on:
            self._line, self.n_documents = begins_on, self.n_documents + 1
        data = to_bytes(text)
        self._hash.update(data)
        self.n_bytes += len(data)
        for mark in MARKS:
            self.marks[mark] += text.count(mark)
        self.blank = self.blank and (not text or text.isspace())
        found = tuple(
            Secret(self._name, self._line + line * self._keeps_lines, kind) for line, kind in find_secrets(text)
        )
        self.secrets += Secrets(found, len(found))
        newlines = text.count("\n")
        self._line, self.newlines = self._line + newlines * self._keeps_lines, self.newlines + newlines

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()
