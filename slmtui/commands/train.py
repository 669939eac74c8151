"""Train a small language model on your own text, and see whether it learns or memorises."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import click
from click.shell_completion import CompletionItem

from slmtui import __version__
from slmtui.commands import COMMANDS
from slmtui.commands.options import (
    PATH,
    Job,
    checkpoints_option,
    json_option,
    nproc_option,
    phase_files,
    run_names,
    set_option,
)
from slmtui.errors import UserError
from slmtui.files import is_folder, is_there
from slmtui.output import ExitStatus, put, say
from slmtui.project import default_phase_file, how_to_train, project_phases, shown_command

if TYPE_CHECKING:
    from slmtui.config.phase import Phase
    from slmtui.runs.run import Run


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)  # a phase or a run
STATUSES = (
    "exit status: 0 done, gate passed · 1 gate failed · 2 usage, phase or data at fault · "
    "3 training failed · 130 interrupted"
)


class MainJob(Job):
    """What `slmtui` does without a command; its help is that of the program, and names the commands."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands, each with a --help of its own"):
            formatter.write_dl(list(COMMANDS.items()))
        formatter.write_paragraph()
        formatter.write_text(STATUSES)


def _show_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        put(f"slmtui {__version__}")
        ctx.exit()


def _minutes_until(_ctx: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """How many minutes it is until a time of the day, today or tomorrow."""
    if value is None:
        return None
    try:
        wanted = datetime.strptime(value, "%H:%M")
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time of the day, such as 07:30") from None
    now = datetime.now()
    if (now.hour, now.minute) == (wanted.hour, wanted.minute):
        raise click.BadParameter(f"{value} is now; name a later time, such as {now + timedelta(hours=1):%H:%M}")
    then = now.replace(hour=wanted.hour, minute=wanted.minute, second=0, microsecond=0)
    return ((then - now) % timedelta(days=1)).total_seconds() / 60


def _phases_or_commands(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What may come next on a command line that has no command yet."""
    if ctx.params.get("phases"):
        return phase_files(ctx, parameter, incomplete)
    commands = [CompletionItem(name, help=what) for name, what in COMMANDS.items() if name.startswith(incomplete)]
    files = phase_files(ctx, parameter, incomplete)
    return commands + [item for item in files if item.type == "plain" or not commands]


@click.command(cls=MainJob, help=__doc__)
@click.argument("phases", nargs=-1, type=PATH, metavar="[COMMAND | PHASE.toml …]", shell_complete=_phases_or_commands)
@click.option("--headless", is_flag=True, help="train without a screen, for CI")
@json_option("the events, one JSON line each")
@click.option(
    "--resume", multiple=True, metavar="RUN", shell_complete=run_names,
    help="resume an interrupted run, or the latest; may be repeated",
)  # fmt: skip
@click.option(
    "--junit", type=PATH, metavar="FILE", help="also write how it ended, and each limit of the gate, as JUnit's XML"
)
@click.option(
    "--until", callback=_minutes_until, metavar="HH:MM",
    help="end by then: as many steps as there is time for, measured at the start",
)  # fmt: skip
@nproc_option
@click.option(
    "--on-finish", metavar="COMMAND",
    help="run this in a shell when a training has ended, with SLMTUI_RUN, SLMTUI_STATE (done, stopped or failed), "
    'SLMTUI_FOLDER and SLMTUI_MESSAGE in its environment; "" for none (default: as settings.toml says)',
)  # fmt: skip
@click.option("--detach", "detached", is_flag=True, help="train without a terminal, and return at once")
@click.option("--no-mouse", is_flag=True, help="leave the mouse to the terminal")
@click.option(
    "--glyphs", type=click.Choice(["braille", "block", "ascii"]),
    help="characters for charts (default: block on the Linux console, else braille)",
)  # fmt: skip
@set_option
@checkpoints_option
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="show the version and exit",
)  # fmt: skip
def command(
    phases: tuple[Path, ...],
    headless: bool,
    as_json: bool,
    resume: tuple[str, ...],
    junit: Path | None,
    until: float | None,
    nproc: int,
    on_finish: str | None,
    detached: bool,
    no_mouse: bool,
    glyphs: Literal["braille", "block", "ascii"] | None,
    overrides: tuple[str, ...],
    checkpoints: Path,
) -> ExitStatus:
    refuse_words(phases)
    if resume and (phases or overrides):
        raise click.UsageError("--resume continues a run exactly as it was; it takes no phases and no --set")
    if detached and (headless or as_json or junit is not None):
        raise click.UsageError("--detach prints nothing of the training; watch it with: slmtui watch RUN")
    if until is not None:
        if resume or len(phases) > 1:
            raise click.UsageError("--until is for one phase that begins: the steps of a run are fixed")
        overrides = (*overrides, f"training.max_minutes={until}")
    if nproc > 1 and detached:
        raise click.UsageError("--detach trains in one process; for --nproc: nohup slmtui --headless --nproc N … &")
    headless = headless or as_json or bool(resume) or detached or junit is not None or nproc > 1
    on_screen = not headless and has_terminal(training=bool(phases), checkpoints=checkpoints)
    if on_screen and not phases and overrides:
        raise click.UsageError("--set and --until are for phases that are named; this names none")
    if not phases and not on_screen and not resume:
        phases = (default_phase_file(),)
        say(f"no phase named: training {phases[0]} headless")
    if junit is not None:
        from slmtui.commands.outcomes import refuse_unwritable

        refuse_unwritable(junit)
    reported = not (on_screen or detached)
    from slmtui.config.phase_file import load_phase
    from slmtui.settings import load_settings

    settings = load_settings()
    if on_finish is not None:
        settings = replace(settings, on_finish=on_finish)
    loaded = load_all(
        [str(path) for path in phases], lambda path: load_phase(path, overrides), headless=reported, junit=junit
    )
    if on_screen:
        from slmtui.console.start import run_console

        return run_console(loaded, checkpoints, mouse=not no_mouse, glyphs=glyphs, settings=settings)
    from slmtui.runs.run import find_run

    runs = load_all(resume, lambda name: find_run(checkpoints, name), headless=reported, junit=junit)
    if detached:
        return detach(loaded, runs, checkpoints, settings.on_finish)
    if nproc > 1:
        from slmtui.commands.together import train_together

        options = ["--headless", f"--checkpoints={checkpoints}", *(["--json"] if as_json else [])]
        options += [] if junit is None else [f"--junit={junit}"]
        options += [] if on_finish is None else [f"--on-finish={on_finish}"]
        options += [f"--set={one}" for one in overrides] + [f"--resume={run.source(checkpoints)}" for run in runs]
        return train_together(nproc, [*options, "--", *map(str, phases)])
    from slmtui.commands.headless import resume_runs, train_phases

    if runs:
        return resume_runs(runs, as_json=as_json, junit=junit, settings=settings)
    return train_phases(loaded, checkpoints, as_json=as_json, junit=junit, settings=settings)


def refuse_words(phases: Sequence[Path]) -> None:
    """UsageError for a word that is no phase file, with what could have been meant."""
    for path in phases:
        if is_folder(path):
            phase = f"{shown_command('suggest', str(path))} -o mine.toml"
            raise click.UsageError(f"{path}: a folder, not a phase file; for a phase of its text: {phase}")
        if path.suffix == ".toml" or is_there(path):
            continue
        meanings = {name: f"slmtui {name}" for name in COMMANDS}
        for file in project_phases():
            meanings |= dict.fromkeys((file.stem, str(file)), str(file))
        meant = dict.fromkeys(meanings[name] for name in get_close_matches(str(path), meanings))
        remedy = f"Did you mean {' or '.join(meant)}?" if meant else "Commands: " + ", ".join(COMMANDS) + "."
        raise click.UsageError(f"{path}: neither a command nor a phase file. {remedy}")


def load_all(names: Sequence[str], read: Callable[[str], Named], *, headless: bool, junit: Path | None) -> list[Named]:
    """What each name stands for, or a UserError with all that is wrong; nobody may be there, and then it is reported,
    too."""
    found = [_read_or_fault(name, read) for name in names]
    faults = [error for error in found if isinstance(error, UserError)]
    if faults and headless:
        from slmtui.commands.outcomes import Outcome, report_outcomes

        outcomes = [
            Outcome(name, failure=str(one), has_begun=True) if isinstance(one, UserError) else Outcome(one.name)
            for name, one in zip(names, found, strict=True)
        ]
        for fault in report_outcomes(outcomes, junit):
            say(fault)
    if faults:
        raise UserError("\n".join(map(str, faults)))
    return [one for one in found if not isinstance(one, UserError)]


def _read_or_fault(name: str, read: Callable[[str], Named]) -> Named | UserError:
    try:
        return read(name)
    except UserError as error:
        return error


def has_terminal(*, training: bool, checkpoints: Path) -> bool:
    """Can the console be shown here? UserError, with what to do, if it cannot and no `training` was asked for."""
    kind = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and (sys.stderr.isatty() or sys.stdout.isatty())):
        wrong = "the console needs a terminal, for its keys and its screen"
    elif kind in ("", "dumb"):
        wrong = f"this terminal cannot show the console (TERM is {kind or 'not set'})"
    else:
        return True
    if not training:
        raise UserError(f"{wrong}; train without it: {', then '.join(how_to_train(checkpoints))}")
    return False


def detach(phases: Sequence[Phase], runs: Sequence[Run], checkpoints: Path, on_finish: str) -> ExitStatus:
    """Train without a terminal; says what was begun, and how to see it."""
    from slmtui.detach import HOW_TO_STOP, resume_detached, said_at_start, start_detached

    if runs:
        process = resume_detached(runs, checkpoints, on_finish)
        for line in said_at_start(runs[0]):
            say(line)
    else:
        runs, process = start_detached(phases, checkpoints, say, on_finish)
    for run in runs:
        put(f"{run.name}: trained by process {process}; watch it with: {run.command('watch')}")
    say(f"{HOW_TO_STOP}: kill {process}")
    return ExitStatus.DONE
