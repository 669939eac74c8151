"""The Data screen's panels of numbers, as text. Pure functions of what was found, and of a panel's width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from slmtui.config.errors import shown
from slmtui.console.key_names import key
from slmtui.console.text.columns import cut, cut_left
from slmtui.console.text.token_rows import label, token_text
from slmtui.insight.rules.limits import LEAK, MANY_UNSEEN, SERIOUS_LEAK, SOME_UNSEEN
from slmtui.output import visible
from slmtui.words import NOTHING, percent, plural

if TYPE_CHECKING:
    from slmtui.console.screens.data.file_table import FileRow
    from slmtui.console.workers.overview import DataOverview

COPIES_SHOWN = 5
EIGHTHS = " ▏▎▍▌▋▊▉"


def no_text(row: FileRow, found: DataOverview) -> str:
    """Why there is no text of a file to be seen."""
    if row.left_out is not None:
        how = f"\n\n{key('data.take', 'space')}, in the list of files, takes it in" if row.left_out.take_in else ""
        return f"{row.left_out.path}\nis left out: {row.left_out.reason}{how}"
    if found.counting:
        return "This file can be read here\nwhen all of them have been counted."
    asked = found.phase.data.dataset_size or 0
    why = {
        "empty": "there is no text in it.",
        "copy": "all of it repeats earlier documents,\nwhich data.dedupe leaves out.",
        "beyond": f"data.dataset_size, {asked:,} GPT-2 tokens,\nends before it.",
    }.get(row.absent)
    if why is not None:
        return f"This file is not in the dataset:\n{why}"
    notes = "\n".join(found.counted.inspection.notes)
    return f"There is nothing to train on here:\n{notes}"


def holds(found: DataOverview, width: int) -> Content:
    """The counts: of the corpus, then of the dataset that the phase makes of it."""
    counted, dataset = found.counted.inspection, found.dataset
    rows = [
        ("characters", f"{counted.characters:,}"),
        ("lines", f"{counted.lines:,}"),
        ("GPT-2 tokens", f"{counted.tokens:,}"),
        ("unique tokens", f"{counted.unique_tokens:,}"),
        ("characters/token", f"{counted.characters_per_token:.2f}"),
        ("files", f"{counted.files:,}"),
        ("functions", f"{counted.functions:,}"),
        *((name, f"{hits:,}") for name, hits in counted.patterns.items()),
    ]
    files, records = sum(not item.records for item in counted.skipped), sum(item.records for item in counted.skipped)
    rows += [(f"{what} left out", f"{n:,}") for what, n in (("files", files), ("records", records)) if n]
    lines = [_row(name, number, width) for name, number in rows]
    if dataset is not None:
        lines += [
            _heading(f"in {dataset.tokenizer.kind} tokens", width),
            _row("vocabulary", f"{dataset.tokenizer.n_vocab:,}", width),
            _row("training", f"{counted.train_tokens:,}", width, "$train"),
            _row("validation", f"{counted.val_tokens:,}", width, "$val"),
        ]
    return _join([*lines, *_scripts(found, width), *_notes(counted.notes, width)])


def _scripts(found: DataOverview, width: int) -> list[Content]:
    """What each script costs, where there are several."""
    if not found.scripts:
        return []
    lines = [_heading("by script", width), _row("", "share B/tok bits/B", width)]
    for one in found.scripts:
        bits = f"{one.bits_per_byte:.2f}" if one.bits_per_byte is not None else NOTHING
        lines.append(_row(one.script, f"{percent(one.share):>5}{one.bytes_per_token:6.2f}{bits:>7}", width))
    return lines


def frequent(found: DataOverview, width: int) -> Content:
    """The most frequent tokens of the corpus, longest bar first; characters where most tokens are parts of them."""
    counted = found.counted.inspection
    tokens = [(one.token, one.count) for one in counted.frequent_tokens]
    if counted.frequent_characters:
        tokens = [(one.character, one.count) for one in counted.frequent_characters]
    most = max((count for _, count in tokens), default=1)
    names = [cut(label(token), 14) for token, _ in tokens]
    name_width = max(map(cell_len, names))
    count_width = len(f"{most:,}")
    room = max(1, width - name_width - count_width - 2)
    return _join(
        [
            Content.assemble(
                set_cell_size(name, name_width + 1),
                (bar(count / most, room), "$train"),
                (f" {count:>{count_width},}", "$quiet"),
            )
            for name, (_, count) in zip(names, tokens, strict=True)
        ]
    )


def validation(found: DataOverview, width: int) -> Content:
    """Whether the validation side can be trusted, and what counting alone reaches on it."""
    from slmtui.insight.rules.data_facts import val_uncertainty

    if found.counting:
        return _join(_notes(["not known yet: the text is still being counted"], width))
    if (dataset := found.dataset) is None:
        return _join(_notes(found.counted.inspection.notes, width))
    n_val = dataset.val.n_text_tokens
    share = dataset.val.n_bytes / (dataset.val.n_bytes + dataset.train.n_bytes)
    if dataset.val.lines is not None and (dataset.n_documents or 0) > 1:
        one_a_file = found.corpus.one_document_a_file
        held_back = plural(len(dataset.val.lines), "file" if one_a_file else "document")
    elif found.phase.data.split == "contiguous":
        held_back = "the end of the text"
    else:
        held_back = plural(sum(1 for file in dataset.files if len(file.val)), "whole file")
    text = f"{n_val:,} tokens, {share:.0%}: {held_back}"
    return _join(
        [
            Content.assemble((text, "$val")),
            _row("loss known to", f"± {val_uncertainty(n_val):.2f} nats", width),
            *_repeats(found, width),
            *_unseen(found, n_val, width),
            *_near_copies(found, width),
            *_baseline(found, width),
        ]
    )


def _repeats(found: DataOverview, width: int) -> list[Content]:
    if (leakage := found.leakage) is None:
        return [_row("repeats of training", "…", width)]
    share = leakage.repeated_share
    verdict = "catastrophic" if share >= SERIOUS_LEAK else "severe" if share >= LEAK else ""
    lines = [_row("repeats of training", f"{share:.0%}{' !' * bool(verdict)}", width, f"${verdict}" if verdict else "")]
    if verdict:
        lines.append(Content.assemble(("a small gap means little here", f"${verdict}")))
    if leakage.longest:
        lines += [
            _row("longest repeat", f"{leakage.longest:,} tokens", width),
            Content.assemble("  val   ", (cut_left(visible(leakage.longest_val), width - 8), "$val")),
            Content.assemble("  train ", (cut_left(visible(leakage.longest_train), width - 8), "$train")),
        ]
    return [*lines, *_notes([leakage.note], width)]


def _near_copies(found: DataOverview, width: int) -> list[Content]:
    """How many documents are near-copies of others, and which: first where one trains and the other does not."""
    if found.near_copies is None:
        return []
    copies, notes = found.near_copies.pairs, _notes([found.near_copies.note], width)
    if not copies:
        return [_row("near-copies", "none", width), *notes] if notes else []
    across = sum(copy.across for copy in copies)
    words = f"{len(copies):,}{f', {across:,} across !' if across else ''}"
    lines = [_row("near-copies", words, width, "$severe" if across else "")]
    for copy in copies[:COPIES_SHOWN]:
        for mark, place, side in (("  ", copy.copy, copy.copy_side), ("≈ ", copy.of, copy.of_side)):
            style = "$train" if side == "train" else "$val"
            share = f" {percent(copy.similarity)}" if mark == "≈ " else ""
            name = cut_left(visible(place), width - 2 - len(share))
            lines.append(Content.assemble((mark, "$quiet"), (name, style), (share, "$quiet")))
    if len(copies) > COPIES_SHOWN:
        lines.append(Content.assemble((f"  … and {len(copies) - COPIES_SHOWN:,} more", "$quiet")))
    return [*lines, *notes]


def _unseen(found: DataOverview, n_val: int, width: int) -> list[Content]:
    if found.counts is None or found.dataset is None:
        return [_row("never seen in training", "…", width)]
    share = found.counts.unseen_tokens / n_val
    style = "$severe" if share >= MANY_UNSEEN else "$moderate" if share >= SOME_UNSEEN else ""
    lines = [_row("never seen in training", f"{share:.1%}", width, style)]
    if kinds := found.counts.unseen_kinds:
        tokens = [found.dataset.tokenizer.token_bytes(token) for token in found.counts.unseen]
        names = " ".join(cut(token_text(token).replace("\n", ""), 12) for token in tokens)
        text = f"{found.counts.unseen_tokens:,} tokens, {plural(kinds, 'kind')}: {names}"
        lines += _indented(text, width, max_lines=3)
    return lines


def _baseline(found: DataOverview, width: int) -> list[Content]:
    heading = _heading("to beat, nats and bits/byte", width)
    if (baseline := found.baseline) is None:
        return [heading, _row("counting", "too short" if found.complete else "…", width)]
    rows = [(bar.title, bar.loss, "$best") for bar in baseline.bars]
    rows += [("unigram", baseline.unigram, "$baseline"), ("uniform", baseline.uniform, "$baseline")]
    return [
        heading,
        *(_row(name, f"{loss:.3f}{baseline.bits(loss):6.3f}", width, style) for name, loss, style in rows),
        *_notes([baseline.note], width),
    ]


def suggestion(found: DataOverview, width: int) -> Content:
    """Each setting with its reason."""
    if found.suggestion is None:
        return Content("nothing: too short to train on" if found.complete else "…")
    lines = [Content(line) for line in textwrap.wrap(visible(found.suggestion.summary), width)]
    if found.facts is not None and found.facts.note:
        lines += [Content.assemble((line, "$severe")) for line in textwrap.wrap(visible(found.facts.note), width)]
    for line in found.suggestion.lines:
        value = line.value if isinstance(line.value, str) else shown(line.value)
        lines.append(Content.assemble((f"{line.section}.{line.key} ", "$quiet"), (visible(value), "bold")))
        lines += _indented(visible(line.reason), width)
    return _join(lines)


def bar(share: float, width: int) -> str:
    """A bar of up to `width` cells, to the eighth of a cell, padded."""
    eighths = max(1, round(share * width * 8))
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()).ljust(width)


def _row(name: str, number: str, width: int, style: str = "") -> Content:
    name = cut(visible(name), max(4, width - len(number) - 1))
    return Content.assemble((name, "$quiet"), " " * max(1, width - cell_len(name) - len(number)), (number, style))


def _heading(text: str, width: int) -> Content:
    line = " " + "─" * max(0, width - len(text) - 3)
    return Content.assemble(("─ ", "$frame"), text, (line, "$frame"))


def _indented(text: str, width: int, max_lines: int | None = None) -> list[Content]:
    parts = textwrap.wrap(text, max(8, width - 2), max_lines=max_lines, placeholder=" …")
    return [Content.assemble((f"  {part}", "$quiet")) for part in parts]


def _notes(notes: Sequence[str], width: int) -> list[Content]:
    lines = [line for note in notes for line in textwrap.wrap(visible(note), max(8, width))]
    return [Content.assemble((line, "$moderate")) for line in lines]


def _join(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
