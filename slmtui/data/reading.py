"""What was read of a corpus and what was left out, in a few lines for the start of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slmtui.words import byte_size, plural

if TYPE_CHECKING:  # numpy, which reading a log does not need
    from slmtui.data.corpus import Corpus

NAMES_SHOWN, LINES_SHOWN = 3, 10


def what_is_read(corpus: Corpus) -> str:
    """One line: the source, how many files and documents, how many bytes of text."""
    counts = [plural(sum(not file.preamble for file in corpus.files), "file")]
    if not corpus.one_document_a_file:
        counts.append(plural(corpus.n_documents, "document"))
    size = plural(corpus.n_bytes, "byte") if corpus.n_bytes < 1000 else byte_size(corpus.n_bytes, decimals=1)
    return f"reading {corpus.source}: {', '.join(counts)}, {size} of text"


def what_is_left_out(corpus: Corpus) -> tuple[str, ...]:
    """A line for each reason, with the first names; what cannot be read comes before what a rule leaves out."""
    by_reason: dict[str, list[str]] = {}
    for item in sorted(corpus.skipped, key=lambda item: bool(item.take_in)):
        by_reason.setdefault(item.reason, []).append(item.path)
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        lines.append(f"left out: {', '.join(names[:NAMES_SHOWN])}{more} ({reason})")
    if len(lines) > LINES_SHOWN:
        rest = sum(len(names) for names in list(by_reason.values())[LINES_SHOWN:])
        lines[LINES_SHOWN:] = [f"left out: {rest:,} more; slmtui inspect lists them all"]
    return tuple(lines)


def what_to_know(corpus: Corpus) -> tuple[str, ...]:
    """A line for each file that was read with a guess or has wrong bytes, and for each place that looks secret."""
    files = {file.path: file for file in corpus.files}.values()  # the sections of one file are read alike
    odd = [f"{file.name}: {note}" for file in files for note in file.encoding.notes]
    lines = odd[:LINES_SHOWN]
    if more := len(odd) - len(lines):
        lines.append(f"{more:,} more files were read with a guess or with bytes that are wrong")
    secret = [f"{found.file}:{found.line}: looks like {found.kind}" for found in corpus.secrets.first[:LINES_SHOWN]]
    if more := corpus.secrets.count - len(secret):
        secret.append(f"{more:,} more places look like keys, tokens or passwords")
    if secret:
        secret.append(
            "a model can write what it was trained on: take secrets out, or leave their files out (data.exclude)"
        )
    return (*lines, *secret)


def at_start(corpus: Corpus) -> tuple[str, ...]:
    """All that is said before anything else is done with a corpus."""
    return (what_is_read(corpus), *what_is_left_out(corpus), *what_to_know(corpus))
