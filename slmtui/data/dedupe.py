"""Copies among the documents of a prefix, which `data.dedupe` leaves out: of several, the first is kept."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.corpus import Corpus
from slmtui.data.duplicates import DOCUMENT_LIMIT, near_duplicates
from slmtui.data.token_file import LetGo
from slmtui.data.token_prefix import DocumentTable, TokenPrefix

SHORTEST_NEAR = 50  # tokens; in fewer, one word that differs may be all that a document says
TOKEN_LIMIT = 10_000_000  # of the documents that are compared; in more text, only identical ones are found

_DIGEST = "S16"


def copies(corpus: Corpus, prefix: TokenPrefix, documents: DocumentTable) -> tuple[NDArray[np.bool_], str]:
    """Which documents repeat an earlier one that is kept, (n,), and how many do, in a sentence.

    Identical ones, and near-duplicates (duplicates.py) of `SHORTEST_NEAR` tokens or more, if there are not too many.
    """
    digests = content_digests(prefix, documents, np.arange(len(documents)))
    _, first = np.unique(digests, return_index=True)
    found = np.ones(len(documents), np.bool_)
    found[first] = False
    identical = int(np.count_nonzero(found))
    distinct, example = np.flatnonzero(~found & (documents.sizes >= SHORTEST_NEAR)), ""
    comparable = len(distinct) <= DOCUMENT_LIMIT and int(documents.sizes[distinct].sum()) <= TOKEN_LIMIT
    if comparable:
        tokens = np.asarray(prefix.tokens)
        ranges = zip(documents.starts[distinct].tolist(), documents.stops[distinct].tolist(), strict=True)
        pairs = near_duplicates([tokens[start:stop] for start, stop in ranges])
        for pair in sorted(pairs, key=lambda pair: (pair.second, pair.first)):
            earlier, later = distinct[pair.first], distinct[pair.second]
            # Documents with the same shingles are paired with the first of them alone, whatever becomes of that.
            if not found[earlier] or pair.similarity == 1.0:
                if not found[later] and not example:
                    example = f": {_place(corpus, documents, later)} is like {_place(corpus, documents, earlier)}"
                found[later] = True
    near = int(np.count_nonzero(found)) - identical
    kind = "files" if corpus.one_document_a_file else "documents"
    share = documents.sizes[found].sum() / max(1, documents.sizes.sum())
    how = f"{identical:,} identical, {near:,} nearly{example}" if comparable else f"{identical:,} identical"
    note = f"dedupe left out {identical + near:,} of {len(documents):,} {kind} that repeat an earlier one ({how}), "
    note += f"{share:.1%} of the tokens"
    if not comparable:
        note += f"; near-duplicates are looked for among {DOCUMENT_LIMIT:,} {kind} of {TOKEN_LIMIT:,} tokens at most"
    return found, note


def _place(corpus: Corpus, documents: DocumentTable, document: int) -> str:
    name = corpus.files[documents.files[document]].name
    return name if corpus.one_document_a_file else f"{name}:{documents.lines[document]}"


def content_digests(prefix: TokenPrefix, documents: DocumentTable, chosen: NDArray[np.int64]) -> NDArray[Any]:
    """A digest of the tokens of each document that is chosen, (n,): equal for copies."""
    found, tokens, let_go = np.empty(len(chosen), _DIGEST), np.asarray(prefix.tokens), LetGo(prefix.tokens)
    rows = zip(documents.starts[chosen].tolist(), documents.stops[chosen].tolist(), strict=True)
    for i, (start, stop) in enumerate(rows):
        found[i] = digest(tokens[start:stop].tobytes())
        let_go.after(stop - start)
    return found


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
