"""The command line: what was asked for, and who does it. Nothing heavy is imported before that is known."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slmtui import __version__, openmp
from slmtui.commands.options import add_checkpoints_option, add_set_option
from slmtui.errors import TrainingFailed, UserError
from slmtui.output import ExitStatus, StreamError, fill_closed_streams, put, say, silence
from slmtui.project import DEFAULT_CHECKPOINTS

if TYPE_CHECKING:
    from slmtui.config.phase import Phase
    from slmtui.runs.run import Run

COMMANDS = {
    "check": "say whether phase files are right, and what is wrong with them",
    "inspect": "count what a corpus or a phase's dataset holds",
    "suggest": "suggest a phase for a corpus, with reasons",
    "complete": "complete prompts with the model of a run",
    "examine": "count what a run's model writes, and test what it knows by heart",
    "watch": "print what a run does as it happens, here or in another process",
    "runs": "list the runs and what became of them",
    "report": "report on a run, or compare several, as Markdown or HTML",
    "init": "set up a new project folder with phases and a sample corpus",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    openmp.set_wait_policy()
    fill_closed_streams()
    try:
        return _status_of(arguments)
    except BrokenPipeError:  # whoever read our output has seen enough
        silence(1)
        return ExitStatus.DONE
    except StreamError as error:
        silence(1)
        with suppress(OSError):  # it may be stderr itself
            say(f"slmtui: {error.strerror}")
        return ExitStatus.USAGE


def _status_of(arguments: Sequence[str]) -> int:
    """Do what was asked for; whatever went wrong is said."""
    try:
        if arguments and arguments[0] in COMMANDS:
            command = importlib.import_module(f"slmtui.commands.{arguments[0]}")
            return int(command.main(arguments[1:]))
        return start(arguments)
    except UserError as error:
        say(f"slmtui: {error}" if "\n" not in str(error) else str(error))
        return ExitStatus.USAGE
    except TrainingFailed as error:
        say(f"slmtui: training failed: {error}")
        return ExitStatus.FAILED
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED


def start(arguments: Sequence[str]) -> int:
    """`slmtui [PHASE.toml …]`: train phases headless."""
    parser = main_parser()
    options = parser.parse_args(arguments)
    from slmtui.config.phase_file import PhaseError, load_phase
    from slmtui.project import default_phase_file
    from slmtui.runs.run import find_run

    if options.resume and (options.phases or options.set):
        parser.error("--resume goes on with a run as it was; it takes no phases and no --set")
    if options.detach and (options.headless or options.json):
        parser.error("--detach prints nothing of the training; watch it with: slmtui watch RUN")
    headless = options.headless or options.json or options.resume or options.detach
    on_screen = not headless and has_terminal()
    paths = options.phases
    if not paths and not on_screen and not options.resume:
        paths = [default_phase_file()]
        reason = "no phase named" if headless else "no terminal"
        say(f"{reason}: training {paths[0]} headless")
    phases, mistakes = [], []
    for path in paths:
        try:
            phases.append(load_phase(path, options.set))
        except PhaseError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    if on_screen:
        from slmtui.console.start import run_console

        return run_console(phases, options.checkpoints, mouse=not options.no_mouse, glyphs=options.glyphs)
    runs = [find_run(options.checkpoints, name) for name in options.resume]
    if options.detach:
        return detach(phases, runs, options.checkpoints)
    from slmtui.commands.headless import resume_runs, train_phases

    if runs:
        return resume_runs(runs, as_json=options.json)
    return train_phases(phases, options.checkpoints, as_json=options.json)


def detach(phases: Sequence[Phase], runs: Sequence[Run], checkpoints: Path) -> int:
    """Train without a terminal; says what was begun, and how to see it."""
    from slmtui.detach import resume_detached, start_detached

    if runs:
        process = resume_detached(runs, checkpoints)
    else:
        runs, process = start_detached(phases, checkpoints)
    elsewhere = "" if checkpoints == DEFAULT_CHECKPOINTS else f" --checkpoints {checkpoints}"
    for run in runs:
        put(f"{run.name}: trained by process {process}; watch it with: slmtui watch {run.name}{elsewhere}")
    return ExitStatus.DONE


def has_terminal() -> bool:
    """Can a screen be shown here?"""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def main_parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  slmtui {name:<10} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="slmtui",
        description="Train a small language model on your own text, and see whether it learns or memorises.",
        epilog=f"commands, each with a --help of its own:\n{commands}\n\n"
        "exit status: 0 done, gate passed · 1 gate failed · 2 usage, phase or data at fault · "
        "3 training failed · 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("phases", nargs="*", type=Path, metavar="PHASE.toml", help="phases to train, in order")
    parser.add_argument("--headless", action="store_true", help="train without a screen, for CI")
    parser.add_argument("--json", action="store_true", help="print the events, one JSON line each")
    parser.add_argument(
        "--resume", action="append", default=[], metavar="RUN",
        help="go on with an interrupted run, or with the latest; may be given again",
    )  # fmt: skip
    parser.add_argument("--detach", action="store_true", help="train without a terminal, and return at once")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument(
        "--glyphs", choices=("braille", "block", "ascii"),
        help="letters that the terminal can show (default: block on the Linux console, else braille)",
    )  # fmt: skip
    add_set_option(parser)
    add_checkpoints_option(parser)
    parser.add_argument("--version", action="version", version=f"slmtui {__version__}")
    return parser
