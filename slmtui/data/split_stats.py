"""How the two sides of a dataset relate: repeats, unseen tokens, what counting reaches.

Everything here is bounded: of large sides only a part is used, and a note says which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slmtui.config.limits import SHORTEST_COPY
from slmtui.data.baseline import Baseline
from slmtui.data.dataset import Dataset, Side
from slmtui.data.heading import SharedText
from slmtui.data.leakage import leakage
from slmtui.data.mixer_baseline import QUICK, WHOLE, with_mixer
from slmtui.data.ngram_baseline import ScoredTokens, scored_baseline
from slmtui.data.scripts import ScriptShare, script_shares
from slmtui.data.token_file import blocks
from slmtui.data.tokenizer import gpt2_tokenizer

COMPARED_TOKENS = 1_000_000  # of each side, from its start; more would take minutes and gigabytes
UNIT_TOKENS = 50_000  # of training: what a token is worth is seen in them
UNSEEN_SHOWN = 8
LINE_SHOWN = 50  # characters of the first line of what documents share


@dataclass(frozen=True)
class DatasetLeakage:
    """Training text that validation repeats word for word, white space aside. Places are "file:line".

    All counts are of tokens that are not white space. The ranges are of the longest repeat's tokens on each side.
    """

    shortest: int  # only repeats of at least this many tokens count
    repeated_tokens: int
    repeated_share: float  # of the validation tokens that were compared
    longest: int  # tokens of the longest repeat; 0: the sides have no token in common, and the places are ""
    longest_train: str
    longest_val: str
    longest_train_range: range
    longest_val_range: range
    note: str  # what was left out, or ""
    heading: str = ""  # that nearly all documents share, in words; it is left out of all of the above
    footer: str = ""  # the same at their end

    @property
    def left_out(self) -> tuple[str, ...]:
        """Heading and footer, where there are any."""
        return tuple(filter(None, (self.heading, self.footer)))


@dataclass(frozen=True)
class TokenCounts:
    """How often each token of text occurs on each side, (n_vocab,); and the first tokens missing from training."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    unseen: tuple[int, ...]  # ids in order of appearance in validation, at most UNSEEN_SHOWN

    @property
    def unseen_kinds(self) -> int:
        return int(np.count_nonzero((self.val > 0) & (self.train == 0)))

    @property
    def unseen_tokens(self) -> int:
        return int(self.val[self.train == 0].sum())


def dataset_leakage(dataset: Dataset) -> DatasetLeakage:
    """Compare the two sides, white space aside: indentation repeats in every program.

    Takes about a second for a million tokens, and 300 MB at most.
    """
    solid = ~dataset.tokenizer.is_space
    train, val = (side.tokens[:COMPARED_TOKENS] for side in (dataset.train, dataset.val))
    places = [np.flatnonzero(solid[side]) for side in (train, val)]
    if min(map(len, places)) < 1:
        return DatasetLeakage(SHORTEST_COPY, 0, 0.0, 0, "", "", range(0), range(0), "")
    shared = leakage(train[places[0]], val[places[1]], shortest_copy(dataset), end=dataset.tokenizer.end)
    parts = [
        f"{len(part):,} of {len(side.tokens):,} {name} tokens"
        for part, side, name in ((train, dataset.train, "training"), (val, dataset.val, "validation"))
        if len(part) < len(side.tokens)
    ]
    ranges = [range(0), range(0)]
    if shared.longest:
        starts = (shared.longest_train, shared.longest_val)
        ranges = [range(int(at[i]), int(at[i + shared.longest - 1]) + 1) for at, i in zip(places, starts, strict=True)]
    return DatasetLeakage(
        shortest=shared.shortest,
        repeated_tokens=shared.repeated_tokens,
        repeated_share=shared.repeated_share,
        longest=shared.longest,
        longest_train=_place(dataset, "train", ranges[0].start) if shared.longest else "",
        longest_val=_place(dataset, "val", ranges[1].start) if shared.longest else "",
        longest_train_range=ranges[0],
        longest_val_range=ranges[1],
        note=f"leakage checked in the first {' and '.join(parts)}" if parts else "",
        heading=_shared_text(dataset, shared.heading, places[1], "begin with the same heading"),
        footer=_shared_text(dataset, shared.footer, places[1], "end with the same footer"),
    )


def shortest_copy(dataset: Dataset) -> int:
    """How many tokens are about as much text as SHORTEST_COPY tokens of GPT-2, white space aside."""
    tokenizer, gpt2 = dataset.tokenizer, gpt2_tokenizer()
    if tokenizer.kind in ("gpt2", "gpt2-compact"):
        return SHORTEST_COPY
    tokens = dataset.train.tokens[:UNIT_TOKENS]
    tokens = tokens[tokens != tokenizer.end]
    solid = int(np.count_nonzero(~tokenizer.is_space[tokens]))
    in_gpt2 = np.asarray(gpt2.encode(tokenizer.decode(tokens)), np.int64)
    solid_gpt2 = int(np.count_nonzero(~gpt2.is_space[in_gpt2]))
    return max(1, round(SHORTEST_COPY * solid / max(1, solid_gpt2)))


def _shared_text(dataset: Dataset, shared: SharedText | None, solid: NDArray[np.int64], do: str) -> str:
    """What is left out: how many documents do what with it, and its first line. solid: places of what was compared.

    What is left of a line that begins otherwise says little: the next one is shown.
    """
    if shared is None:
        return ""
    start, last = solid[max(0, shared.val_start - 1)], solid[min(shared.val_start + shared.tokens, len(solid)) - 1]
    first, decode = solid[shared.val_start], dataset.tokenizer.decode
    before, text = decode(dataset.val.tokens[start:first]), decode(dataset.val.tokens[first : last + 1])
    is_cut = before.rstrip(" \t")[-1:] not in ("", "\n") and not text.startswith("\n")
    rest = text.split("\n", 1)[-1].strip() if is_cut else ""
    line = (rest or text.strip()).split("\n", 1)[0].strip()
    line = line if len(line) <= LINE_SHOWN else line[: LINE_SHOWN - 1] + "…"
    return f"{shared.n_documents:,} of {shared.of:,} documents {do}, {line!r}"


def dataset_baseline(dataset: Dataset) -> Baseline | None:
    """The n-gram baseline of a dataset; None if a side is too short for one."""
    scored = _scored_baseline(dataset)
    return scored[0] if scored is not None else None


def whole_baseline(dataset: Dataset) -> Baseline | None:
    """The same with what a context mixer reaches, as a run is compared with it: up to half a minute."""
    baseline = dataset_baseline(dataset)
    return None if baseline is None else with_mixer(baseline, dataset, WHOLE)


def baseline_and_scripts(dataset: Dataset) -> tuple[Baseline | None, tuple[ScriptShare, ...]]:
    """The baseline, with a context mixer on a part of a large text, and what each script costs where there are several.

    For a look at a corpus, which should not take long.
    """
    scored = _scored_baseline(dataset)
    if scored is None:
        return None, script_shares(dataset, None)
    return with_mixer(scored[0], dataset, QUICK), script_shares(dataset, scored[1])


def _scored_baseline(dataset: Dataset) -> tuple[Baseline, ScoredTokens] | None:
    train, val = dataset.train, dataset.val
    if min(train.n_text_tokens, val.n_text_tokens) < 2:
        return None
    tokenizer = dataset.tokenizer
    return scored_baseline(train.tokens, val.tokens, tokenizer.n_vocab, val.n_bytes, tokenizer.end)


def token_counts(dataset: Dataset) -> TokenCounts:
    train, val = _count(dataset, "train"), _count(dataset, "val")
    unseen: list[int] = []
    for block in blocks(dataset.val.tokens):
        new, first = np.unique(block[(train[block] == 0) & (block != dataset.tokenizer.end)], return_index=True)
        unseen += [token for token in new[np.argsort(first)].tolist() if token not in unseen]
        if len(unseen) >= UNSEEN_SHOWN:
            break
    return TokenCounts(train, val, tuple(unseen[:UNSEEN_SHOWN]))


def _count(dataset: Dataset, side: Side) -> NDArray[np.int64]:
    counts = np.zeros(dataset.tokenizer.n_vocab, np.int64)
    for block in blocks(dataset.side(side).tokens):
        counts += np.bincount(block, minlength=len(counts))
    if dataset.tokenizer.end is not None:
        counts[dataset.tokenizer.end] = 0
    return counts


def _place(dataset: Dataset, side: Side, token: int) -> str:
    file, line = dataset.locate(side, token)
    return f"{file}:{line}"
