"""slmtui inspect [SOURCE | PHASE.toml]: count what a corpus or a phase's dataset holds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui.cli import add_set_option
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, say, visible
from slmtui.project import bundled, default_phase_file
from slmtui.training.phase import Phase
from slmtui.training.phase_file import load_phase, parse_phase

if TYPE_CHECKING:
    from slmtui.data.inspection import Inspection

FILES_SHOWN = 40
# A source without a phase is counted whole, in GPT-2's tokens.
PLAIN = '[phase]\nname = "inspect"\n[tokenizer]\nkind = "gpt2"\n'


def main(arguments: Sequence[str]) -> ExitStatus:
    parser = argparse.ArgumentParser(prog="slmtui inspect", description=__doc__)
    parser.add_argument(
        "source", nargs="*", type=Path, metavar="SOURCE | PHASE.toml",
        help="a folder, a file or several, or a phase; none: the project's default phase",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_set_option(parser)
    options = parser.parse_args(arguments)
    phase = phase_to_inspect(options.source, options.set)
    from slmtui.data.inspection import inspect_corpus  # numpy, which --help does not need
    from slmtui.training.prepare import dataset_settings, phase_corpus

    inspection = inspect_corpus(phase_corpus(phase), phase.data.patterns, **dataset_settings(phase))
    for note in inspection.notes:
        say(note)
    put(inspection.to_json() if options.json else table(inspection))
    return ExitStatus.DONE


def phase_to_inspect(sources: Sequence[Path], overrides: Sequence[str]) -> Phase:
    """The phase that was named, or one made up for the sources, with the default phase's patterns."""
    if not sources:
        return load_phase(default_phase_file(), overrides)
    if len(sources) == 1 and sources[0].suffix == ".toml":
        return load_phase(sources[0], overrides)
    phase = parse_phase(PLAIN, "inspect", overrides)
    data = phase.data.model_copy(update={"source": tuple(map(str, sources))})
    if not data.patterns:
        data = data.model_copy(update={"patterns": _default_patterns()})
    return phase.model_copy(update={"data": data})


def _default_patterns() -> dict[str, str]:
    try:
        return load_phase(default_phase_file()).data.patterns
    except UserError:  # no project here, or a broken one: the patterns that come with slmtui
        return load_phase(bundled("phases/quick.toml")).data.patterns


def table(inspection: Inspection) -> str:
    """The counts as aligned lines, then the files and the most frequent tokens."""
    counts = [
        ("characters", f"{inspection.characters:,}"),
        ("lines", f"{inspection.lines:,}"),
        ("tokens (GPT-2)", f"{inspection.tokens:,}"),
        ("unique tokens", f"{inspection.unique_tokens:,}"),
        ("characters per token", f"{inspection.characters_per_token:.2f}"),
        ("files", f"{inspection.files:,}"),
        ("functions", f"{inspection.functions:,}"),
        *((name, f"{hits:,}") for name, hits in inspection.patterns.items()),
        ("training tokens", f"{inspection.train_tokens:,}"),
        ("validation tokens", f"{inspection.val_tokens:,}"),
        ("  never seen in training", f"{inspection.unseen_val_tokens:,}"),
    ]
    label, value = (max(len(row[i]) for row in counts) for i in (0, 1))
    lines = [f"{name:<{label}}  {number:>{value}}" for name, number in counts]
    shown = inspection.file_tokens[:FILES_SHOWN]
    width = max([len(file.name) for file in shown] + [4])
    lines += ["", f"{'file':<{width}}  {'characters':>10}  {'tokens':>8}  {'functions':>9}"]
    lines += [f"{visible(f.name):<{width}}  {f.characters:>10,}  {f.tokens:>8,}  {f.functions:>9,}" for f in shown]
    if more := len(inspection.file_tokens) - len(shown):
        lines.append(f"… and {more:,} more")
    lines += [f"{visible(item.path)}: skipped, {item.reason}" for item in inspection.skipped]
    lines += ["", "most frequent tokens"]
    lines += [f"{token.count:>8,}  {token.token!r}" for token in inspection.frequent_tokens]
    return "\n".join(lines)
