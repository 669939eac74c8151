"""slmtui suggest [SOURCE … | PHASE.toml]: measure a corpus, and print a phase for it with a reason at each line.

The source is a folder, a file or several, or a phase, whose [data] is taken; without one, it is the project's default
phase.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from slmtui.atomic_files import atomic_write
from slmtui.commands.options import PATH, Job, set_option, source_argument
from slmtui.config.phase import Phase
from slmtui.config.source_phase import phase_of
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there
from slmtui.output import ExitStatus, put, say
from slmtui.words import duration, duration_of_step


@click.command(cls=Job, help=__doc__)
@source_argument
@click.option("-o", "--output", type=PATH, metavar="FILE", help="write the phase to FILE, which must not exist yet")
@set_option
def command(source: tuple[Path, ...], output: Path | None, overrides: tuple[str, ...]) -> ExitStatus:
    if output is not None:
        refuse_unwritable(output)
    text = suggested(source, overrides)
    if output is None:
        put(text.rstrip("\n"))
        return ExitStatus.DONE
    try:
        if not is_folder(output.parent):
            output.parent.mkdir(exist_ok=True)
            say(f"the folder {output.parent} was made")
        with atomic_write(output) as file:
            file.write(text.encode())
    except OSError as error:
        put(text.rstrip("\n"))  # it took a while to find
        raise UserError(f"{output}: cannot be written: {error.strerror}; the phase was printed instead") from None
    say(f"{output} is written. Train it: slmtui --headless {shlex.quote(str(output))}")
    return ExitStatus.DONE


def refuse_unwritable(output: Path) -> None:
    """UserError if the file is there already, or cannot be made as far as the system says before it is tried."""
    if is_there(output):
        raise UserError(f"{output} already exists; choose another name (nothing was changed)")
    folder = output.parent if is_there(output.parent) else output.parent.parent  # the last one may be made
    if not is_folder(folder):
        raise UserError(f"{output} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{output} cannot be written: the folder {folder} may not be changed")


def suggested(sources: Sequence[Path], overrides: Sequence[str], *, timed: bool = True) -> str:
    """The text of a phase file for the sources; overrides as in `training.max_iters=200` are kept to.

    timed: a few steps are measured, and where this machine has no time for all of them, there are fewer.
    """
    from slmtui.data.inspection import count_corpus
    from slmtui.data.reading import at_start
    from slmtui.data.split_stats import dataset_leakage
    from slmtui.insight.corpus_facts import measure_corpus
    from slmtui.insight.estimates import memory_of_machine
    from slmtui.insight.suggest import steps_in_time, suggest
    from slmtui.insight.suggested_file import suggested_toml
    from slmtui.training.prepare import dataset_settings, phase_corpus

    overrides = with_kind(overrides)
    phase = phase_of(sources, overrides)
    corpus, settings = phase_corpus(phase), dataset_settings(phase)
    for line in at_start(corpus):
        say(line)
    counted = count_corpus(corpus, {}, settings)
    if counted.refusal is not None:
        raise counted.refusal
    for note in counted.inspection.notes:
        say(note)
    if counted.dataset is None:
        raise UserError("there is nothing to suggest for a text that is too short to split")
    fixed = fixed_values(phase.values(), overrides)
    facts = measure_corpus(corpus, counted.dataset, settings, dataset_leakage(counted.dataset), fixed)
    if facts.note:
        say(f"warning: {facts.note}")
    memory = memory_of_machine() / 2  # what else runs wants some, too
    suggestion = suggest(phase.data, facts, fixed, most_memory=memory)
    if timed and (step := step_seconds(suggestion.phase)):
        suggestion = suggest(phase.data, facts, fixed, steps_in_time(facts, step), memory)
        total = duration(step * suggestion.phase.training.max_iters)
        say(f"a step takes {duration_of_step(step)} on this machine: {total} for all of them, evaluations aside")
    return suggested_toml(suggestion)


def step_seconds(phase: Phase) -> float | None:
    """How long a step takes here; a few of them are taken."""
    from slmtui.training.prepare import prepare_dataset
    from slmtui.training.speed import measure_step

    say("measuring a few steps on this machine …")
    return measure_step(phase, prepare_dataset(phase))


def with_kind(overrides: Sequence[str]) -> list[str]:
    """The overrides, with the kind of vocabulary that a vocab_size needs, whatever the source's phase has."""
    from slmtui.config.overrides import parse_overrides

    paths = {override.path for override in parse_overrides(overrides)[0]}
    needed = ("tokenizer", "vocab_size") in paths and ("tokenizer", "kind") not in paths
    return [*overrides, *(["tokenizer.kind=bpe"] if needed else [])]


def fixed_values(values: dict[str, dict[str, Any]], overrides: Sequence[str]) -> dict[tuple[str, str], Any]:
    """The values that were given, by (section, key); but for patterns, a table of its own that is in the phase."""
    from slmtui.config.overrides import parse_overrides

    given, _ = parse_overrides(overrides)
    keys = {(override.path[0], override.path[1]) for override in given}
    return {key: values[key[0]][key[1]] for key in keys - {("data", "patterns")} if key[1] in values[key[0]]}
