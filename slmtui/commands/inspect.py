"""slmtui inspect [SOURCE … | PHASE.toml]: count what a corpus or a phase's dataset holds.

The source is a folder, a file or several, or a phase; without one, it is the project's default phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmtui.commands.options import Job, json_option, set_option, source_argument
from slmtui.config.errors import printable
from slmtui.config.source_phase import phase_of
from slmtui.output import ExitStatus, put, say, visible
from slmtui.words import NOTHING, percent

if TYPE_CHECKING:
    from slmtui.data.baseline import Baseline
    from slmtui.data.inspection import Inspection
    from slmtui.data.scripts import ScriptShare
    from slmtui.data.split_stats import DatasetLeakage

FILES_SHOWN = 40


@click.command(cls=Job, help=__doc__)
@source_argument
@json_option("one JSON object")
@set_option
def command(source: tuple[Path, ...], as_json: bool, overrides: tuple[str, ...]) -> ExitStatus:
    phase = phase_of(source, overrides)
    from slmtui.data.inspection import inspect_corpus  # numpy, which --help does not need
    from slmtui.data.reading import what_is_read, what_to_know
    from slmtui.training.prepare import dataset_settings, phase_corpus

    corpus = phase_corpus(phase)
    for line in (what_is_read(corpus), *what_to_know(corpus)):  # what is left out is in the table
        say(line)
    inspection = inspect_corpus(corpus, dataset_settings(phase), phase.data.patterns)
    for note in inspection.notes:
        say(note)
    if phase.model.init_from is not None:
        say(f"counted in a vocabulary of the phase's own; a training has that of {printable(phase.model.init_from)}")
    put(inspection.to_json() if as_json else table(inspection))
    return ExitStatus.DONE


def table(inspection: Inspection) -> str:
    """The counts as aligned lines, then the files and the most frequent tokens."""
    counts = [
        ("characters", f"{inspection.characters:,}"),
        ("lines", f"{inspection.lines:,}"),
        ("tokens (GPT-2)", f"{inspection.tokens:,}"),
        ("unique tokens", f"{inspection.unique_tokens:,}"),
        ("characters per token", f"{inspection.characters_per_token:.2f}"),
        ("files", f"{inspection.files:,}"),
        *_document_rows(inspection),
        ("functions", f"{inspection.functions:,}"),
        *((name, f"{hits:,}") for name, hits in inspection.patterns.items()),
        ("training tokens", f"{inspection.train_tokens:,}"),
        ("validation tokens", f"{inspection.val_tokens:,}"),
        ("  never seen in training", f"{inspection.unseen_val_tokens:,}"),
        *([("test tokens", f"{inspection.test_tokens:,}")] if inspection.test_tokens is not None else []),
        *_leakage_rows(inspection.leakage),
        *_baseline_rows(inspection.baseline),
    ]
    label, value = (max(len(row[i]) for row in counts) for i in (0, 1))
    lines = [f"{name:<{label}}  {number:>{value}}" for name, number in counts]
    shown = inspection.file_tokens[:FILES_SHOWN]
    width = max([len(file.name) for file in shown] + [4])
    lines += ["", f"{'file':<{width}}  {'characters':>10}  {'tokens':>8}  {'functions':>9}  side"]
    lines += [
        f"{visible(f.name):<{width}}  {f.characters:>10,}  {f.tokens:>8,}  {f.functions:>9,}  {f.side or '–'}"
        for f in shown
    ]
    if more := len(inspection.file_tokens) - len(shown):
        lines.append(f"… and {more:,} more")
    lines += [f"{visible(item.path)}: skipped, {item.reason}" for item in inspection.skipped]
    lines += script_rows(inspection.scripts)
    if inspection.frequent_characters:  # tokens that are parts of characters tell nothing
        lines += ["", "most frequent characters"]
        lines += [f"{found.count:>8,}  {found.character!r}" for found in inspection.frequent_characters]
    else:
        lines += ["", "most frequent tokens"]
        lines += [f"{token.count:>8,}  {token.token!r}" for token in inspection.frequent_tokens]
    return "\n".join(lines)


def script_rows(scripts: Sequence[ScriptShare]) -> list[str]:
    """A table of what each script costs; none for a text in a single one."""
    if not scripts:
        return []
    rows = [("script", "of the text", "bytes/token", "n-gram bits/byte")]
    for one in scripts:
        bits = f"{one.bits_per_byte:.3f}" if one.bits_per_byte is not None else NOTHING
        rows.append((one.script, percent(one.share), f"{one.bytes_per_token:.2f}", bits))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [
        "",
        *(
            f"{row[0]:<{widths[0]}}{''.join(f'  {c:>{w}}' for c, w in zip(row[1:], widths[1:], strict=True))}"
            for row in rows
        ),
    ]


def _document_rows(inspection: Inspection) -> list[tuple[str, str]]:
    """Where there are other documents than the files."""
    if inspection.documents in (None, inspection.files):
        return []
    return [("documents", f"{inspection.documents:,}")]


def _leakage_rows(leakage: DatasetLeakage | None) -> list[tuple[str, str]]:
    if leakage is None:
        return []
    rows = [(f"  in repeats of {leakage.shortest} tokens or more", f"{leakage.repeated_share:.1%}")]
    if leakage.longest:
        places = f"{visible(leakage.longest_val)} like {visible(leakage.longest_train)}"
        rows.append(("longest repeat", f"{leakage.longest:,} tokens, {places}"))
    return rows


def _baseline_rows(baseline: Baseline | None) -> list[tuple[str, str]]:
    """Losses in nats per token."""
    if baseline is None:
        return []
    bars = baseline.bars
    return [
        *((bar.title, f"{bar.loss:.3f} nats per token, {bar.bits_per_byte:.3f} bits per byte") for bar in bars),
        ("unigram loss", f"{baseline.unigram:.3f} nats per token"),
        ("uniform loss", f"{baseline.uniform:.3f} nats per token"),
    ]
