"""Which tokens of a prefix train, which validate, and which are kept for a test.

No document is on two sides: a single document is cut, where a share of it is to validate or to test; of several, whole
ones are held back. In the published form the text is cut wherever the share ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmtui.data.corpus import Corpus
from slmtui.data.dedupe import content_digests, copies, digest
from slmtui.data.errors import DataError
from slmtui.data.folder import patterns
from slmtui.data.token_prefix import DocumentTable, PrefixPart, TokenPrefix

TRAIN, VAL, TEST, LEFT_OUT = range(4)


@dataclass(frozen=True)
class Sides:
    """The parts of a prefix on each side, in order; and what a person should know of the choice.

    by_document_differs: whether a split by document can be had in place of this one, and is another; None: not known.
    """

    train: list[PrefixPart]
    val: list[PrefixPart]
    test: list[PrefixPart]
    notes: tuple[str, ...] = ()
    by_document_differs: bool | None = False


def choose_sides(
    corpus: Corpus, prefix: TokenPrefix, *, train_fraction: float, split: str,
    validation: Sequence[str] = (), test: Sequence[str] = (), test_fraction: float = 0.0, dedupe: bool = False,
    validation_size: int | None = None,
) -> Sides:  # fmt: skip
    """The sides of a phase's settings. `validation` and `test`: names and patterns of files, as in .gitignore.
    `test_fraction`: of the tokens that are not named, the share for the test; `train_fraction` is of the others.
    `dedupe`: copies of an earlier document are on no side. `validation_size`: most tokens of the validation side: a
    smaller share is held back for it, and what its documents have beyond is on no side.

    Raises DataError for patterns that match no file or none of the prefix, if nothing is left to train on, and for a
    split by document of fewer than two different ones.
    """
    if prefix.documents is None:
        return _published_sides(corpus, prefix, train_fraction, split)
    documents = prefix.documents
    side = np.zeros(len(documents), np.int8)
    named_val = _named(corpus, documents, validation, "data.validation")
    named_test = _named(corpus, documents, test, "data.test")
    if (both := np.flatnonzero(named_val & named_test)).size:
        name = corpus.files[documents.files[both[0]]].name
        raise DataError(f"{name} is named by data.validation and by data.test; it can be on one side only")
    side[named_val], side[named_test] = VAL, TEST
    kind, notes = "files" if corpus.one_document_a_file else "documents", list[str]()
    if dedupe:
        left_out, note = copies(corpus, prefix, documents)
        side[left_out] = LEFT_OUT
        notes.append(note)
        for which, names, key in ((VAL, validation, "data.validation"), (TEST, test, "data.test")):
            if names and not (side == which).any():
                raise DataError(
                    f"{key}: dedupe left out all that {', '.join(names)} matches, because it repeats earlier "
                    "documents; name other files, or set data.dedupe = false"
                )
    rest = np.flatnonzero(side == TRAIN)
    if not len(rest):
        keys = " and ".join(key for key, names in (("data.validation", validation), ("data.test", test)) if names)
        all_of_it = f"{'take' if validation and test else 'takes'} all documents{' but copies' * dedupe}"
        raise DataError(f"{corpus.source}: nothing is left to train on: {keys} {all_of_it}; name fewer files")
    differs, cut = False, dict[int, float]()  # of a document that is cut: the share of it that each cut leaves
    to_come = ([(TEST, 1 - test_fraction)] if test_fraction else []) + ([] if validation else [(VAL, train_fraction)])
    for number, (which, kept) in enumerate(to_come):
        rest, others = np.flatnonzero(side == TRAIN), len(to_come) - number  # sides that are to have some of the rest
        if which == VAL and validation_size is not None:
            kept = train_fraction = max(kept, 1 - validation_size / max(1, int(documents.sizes[rest].sum())))
        if len(rest) == 1 and split == "contiguous":
            cut[which] = kept
        elif split == "contiguous":
            last = rest[_last(documents.sizes[rest], 1 - kept, leave=min(others, len(rest) - 1)) :]
            differs |= _by_document_differs(corpus, prefix, documents, rest, last, 1 - kept, others)
            side[last] = which
        else:
            side[rest[_held_out(corpus, prefix, documents, rest, 1 - kept, others)]] = which
    if cut:
        return _at_most(replace(_cut(prefix, documents, side, int(rest[0]), cut), notes=tuple(notes)), validation_size)
    used = side != LEFT_OUT
    asked = {TEST: test_fraction, VAL: 0.0 if validation else (1 - train_fraction) * (1 - test_fraction)}
    for which, name in ((VAL, "validation"), (TEST, "test")):
        held_out = side == which
        share = documents.sizes[held_out].sum() / max(1, documents.sizes[used].sum())
        if which == VAL or held_out.any():
            n = int(np.count_nonzero(held_out))
            notes.append(f"{name} is {n:,} of {np.count_nonzero(used):,} {kind}, {share:.1%} of the tokens")
            if asked[which] and not 0.5 <= share / asked[which] <= 2:
                notes[-1] += f" ({asked[which]:.0%} were asked for, but no {kind.removesuffix('s')} is cut; name "
                notes[-1] += f"files with data.{name} to choose)"
    train, val, held_back = (_parts(documents, prefix, side == which) for which in (TRAIN, VAL, TEST))
    return _at_most(Sides(train, val, held_back, tuple(notes), differs), validation_size)


def _at_most(sides: Sides, validation_size: int | None) -> Sides:
    """The sides with no more validation tokens than that, the first ones."""
    left, val = validation_size, list[PrefixPart]()
    if left is None or sum(part.n_tokens for part in sides.val) <= left:
        return sides
    for part in sides.val:
        if left > 0:
            val.append(replace(part, stop=min(part.stop, part.start + left)))
        left -= part.n_tokens
    note = f"validation is the first {validation_size:,} GPT-2 tokens of that (data.validation_size)"
    return replace(sides, val=val, notes=(*sides.notes, note))


def _named(corpus: Corpus, documents: DocumentTable, names: Sequence[str], key: str) -> NDArray[np.bool_]:
    """Which documents are of the files that the patterns name."""
    if (spec := patterns(names, key)) is None:
        return np.zeros(len(documents), np.bool_)
    matches = np.array([spec.match_file(file.name.removeprefix("/")) for file in corpus.files])
    if not matches.any():
        raise DataError(
            f"{key}: no file of {corpus.source} matches {', '.join(names)}; its files: "
            f"{', '.join(file.name for file in corpus.files[:5])}{' …' * (len(corpus.files) > 5)}"
        )
    named: NDArray[np.bool_] = matches[documents.files]
    if not named.any():
        first = corpus.files[int(np.flatnonzero(matches)[0])].name
        beyond = len(documents) < corpus.n_documents and np.flatnonzero(matches)[-1] > documents.files[-1]
        why = "data.dataset_size ends before it; raise or unset it, or name" if beyond else "it holds no text; name"
        raise DataError(f"{key}: {first} is not in the dataset: {why} other files")
    return named


def _last(sizes: NDArray[np.int64], share: float, leave: int) -> int:
    """Where the last documents begin that hold about a share of the tokens: at least one, and not the first `leave`."""
    from_the_end = np.cumsum(sizes[::-1])[::-1]
    return leave + int(np.argmin(np.abs(from_the_end[leave:] - share * sizes.sum())))


def _held_out(
    corpus: Corpus, prefix: TokenPrefix, documents: DocumentTable, rest: NDArray[np.int64], share: float, leave: int
) -> NDArray[np.bool_]:
    """Which of the documents `rest` are held out for one side, with about a share of their tokens, so that at least
    `leave` different ones are left.

    Copies of a document go to the same side. They are tried in the order of a hash of their places: it looks random, is
    the same everywhere, and does not change when a document is edited.
    """
    needed = f"{corpus.source}: a split by document needs {leave + 1} different documents"
    instead = 'use data.split = "contiguous", or more text'
    if len(rest) <= leave:
        raise DataError(f"{needed} (found {len(rest):,}); {instead}")
    _, first, group = np.unique(content_digests(prefix, documents, rest), return_index=True, return_inverse=True)
    if len(first) <= leave:
        alike = "all alike" if len(first) == 1 else f"{len(first)} different"
        raise DataError(f"{needed} (found {len(rest):,}, {alike}); {instead}")
    sizes = np.bincount(group, documents.sizes[rest])
    places = np.empty(len(first), "S16")
    rows = zip(documents.files[rest[first]].tolist(), documents.lines[rest[first]].tolist(), strict=True)
    for i, (file, line) in enumerate(rows):
        places[i] = digest(f"{corpus.files[file].name}:{line}".encode())
    order = np.argsort(places, kind="stable")
    held_out = _about(sizes[order], share * float(sizes.sum()), leave)
    return np.isin(group, order[held_out])


def _by_document_differs(
    corpus: Corpus, prefix: TokenPrefix, documents: DocumentTable, rest: NDArray[np.int64], last: NDArray[np.int64],
    share: float, leave: int,
) -> bool:  # fmt: skip
    try:
        return not np.array_equal(rest[_held_out(corpus, prefix, documents, rest, share, leave)], last)
    except DataError:  # they are all alike
        return False


def _about(sizes: NDArray[Any], wanted: float, leave: int = 1) -> list[int]:
    """Indices of sizes, in order, that together come near to what is wanted: at least one, and not the last `leave`."""
    taken, found = 0.0, list[int]()
    for i, size in enumerate(sizes.tolist()):
        if abs(taken + size - wanted) < abs(taken - wanted) and len(found) < len(sizes) - leave:
            found.append(i)
            taken += size
    return found or [int(np.argmin(sizes))]  # each is larger than twice what is wanted


def _cut(
    prefix: TokenPrefix, documents: DocumentTable, side: NDArray[np.int8], one: int, cut: Mapping[int, float]
) -> Sides:
    """The only document that is on no side yet, cut; the others stay whole.

    cut: for each side that gets the end of what is left of it, the share that stays.
    """
    start, stop = int(documents.starts[one]), int(documents.stops[one])
    file, border, end = int(documents.files[one]), stop, stop + int(stop < len(prefix.tokens))
    parts = {which: _parts(documents, prefix, side == which) for which in (VAL, TEST)}
    for which, kept in cut.items():
        border = start + int(kept * (border - start))
        parts[which] = [PrefixPart(file, border, end)]
        end = border
    return Sides([PrefixPart(file, start, border)], parts[VAL], parts[TEST])


def _parts(documents: DocumentTable, prefix: TokenPrefix, chosen: NDArray[np.bool_]) -> list[PrefixPart]:
    """The documents that are chosen, those of one file that follow one another together, each with its end."""
    ends = np.minimum(documents.stops + 1, len(prefix.tokens))
    chosen = chosen.astype(np.bool_)
    index = np.flatnonzero(chosen)
    if not len(index):
        return []
    new = np.r_[True, (np.diff(index) > 1) | (np.diff(documents.files[index]) > 0)]
    firsts, lasts = index[new], index[np.r_[np.flatnonzero(new)[1:] - 1, len(index) - 1]]
    rows = zip(documents.files[firsts].tolist(), documents.starts[firsts].tolist(), ends[lasts].tolist(), strict=True)
    return [PrefixPart(*row) for row in rows]


def _published_sides(corpus: Corpus, prefix: TokenPrefix, train_fraction: float, split: str) -> Sides:
    if split == "contiguous":
        border = int(train_fraction * len(prefix.tokens))
        train = [PrefixPart(part.file, part.start, min(part.stop, border)) for part in prefix.parts]
        val = [PrefixPart(part.file, max(part.start, border), part.stop) for part in prefix.parts]
        return Sides([part for part in train if part.n_tokens > 0], [part for part in val if part.n_tokens > 0], [],
                     by_document_differs=None)  # fmt: skip
    groups: dict[str, list[PrefixPart]] = {}
    for part in prefix.parts:
        groups.setdefault(corpus.files[part.file].content_hash, []).append(part)
    if len(groups) < 2:
        raise DataError(
            f"{corpus.source}: a split by document needs 2 different files in the {len(prefix.tokens):,} tokens "
            f"(found {len(prefix.parts):,}, {len(groups)} different); use the contiguous split, or more text"
        )

    def place(group: list[PrefixPart]) -> tuple[str, int]:
        name = corpus.files[group[0].file].name
        return hashlib.sha256(name.encode()).hexdigest(), group[0].file

    ordered = sorted(groups.values(), key=place)
    sizes = np.array([sum(part.n_tokens for part in group) for group in ordered])
    held_out = {part.file for i in _about(sizes, (1 - train_fraction) * len(prefix.tokens)) for part in ordered[i]}
    train = [part for part in prefix.parts if part.file not in held_out]
    val = [part for part in prefix.parts if part.file in held_out]
    share = sum(part.n_tokens for part in val) / len(prefix.tokens)
    note = f"validation is {len(val):,} of {len(prefix.parts):,} files, {share:.1%} of the tokens"
    return Sides(train, val, [], (note,))
