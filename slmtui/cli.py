"""The command line: what was asked for, and who does it. Nothing heavy is imported before that is known."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

import click
from click.shell_completion import shell_complete

from slmtui import openmp
from slmtui.commands import COMMANDS, completion, train
from slmtui.commands.together import keep_status
from slmtui.errors import TrainingFailed, UserError
from slmtui.output import ExitStatus, StreamError, fill_closed_streams, say, silence_broken

TRAIN = ""  # the job of a command line without a command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    openmp.set_wait_policy()
    fill_closed_streams()
    try:
        return keep_status(_status_of(arguments))
    except BrokenPipeError:  # whoever read our output has seen enough
        silence_broken()
        return ExitStatus.DONE
    except StreamError as error:
        with suppress(OSError):  # it may be stderr itself
            say(f"slmtui: {error.strerror}")
        silence_broken()
        return ExitStatus.USAGE


def _status_of(arguments: Sequence[str]) -> int:
    """Do what was asked for; whatever went wrong is said, after the name of the program, in one line or several."""
    program = Program(name="slmtui")
    try:
        if instruction := os.environ.get(completion.VARIABLE):
            return _completions(program, instruction)
        with program.make_context("", list(arguments)) as context:
            return int(program.invoke(context))
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx is not None else "slmtui"
        say(f"{asked}: {_what_is_wrong(error)}\nSee what it takes: {asked} --help")
        return ExitStatus.USAGE
    except UserError as error:
        say(f"slmtui: {error}")
        return ExitStatus.USAGE
    except TrainingFailed as error:
        say(f"slmtui: training failed: {error}")
        return ExitStatus.FAILED
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED


def _completions(program: Program, instruction: str) -> int:
    try:
        return shell_complete(program, {}, "slmtui", completion.VARIABLE, instruction)
    except (KeyError, ValueError):  # click reads them as they are
        raise UserError(
            f"{completion.VARIABLE} is for completion scripts, which set COMP_WORDS and COMP_CWORD, too; unset it"
        ) from None


def _what_is_wrong(error: click.UsageError) -> str:
    """An option of the training that a command was given is not taken for a mistyped one."""
    if isinstance(error, click.NoSuchOption) and any(error.option_name in p.opts for p in train.command.params):
        return f"takes no {error.option_name}."
    return error.format_message()


class Program(click.Group):
    """Finds the command among the arguments, and imports no other; without one, it is `train`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _command_first(args))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002
        module = "train" if cmd_name == TRAIN else cmd_name
        command = importlib.import_module(f"slmtui.commands.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str, click.Command, list[str]]:
        return f"slmtui {args[0]}".strip(), self.get_command(ctx, args[0]), args[1:]


def _command_first(arguments: list[str]) -> list[str]:
    """The command, or TRAIN, then all other arguments: options may stand before a command, too.

    >>> _command_first(["--checkpoints", "old", "runs", "--json"])
    ['runs', '--checkpoints', 'old', '--json']
    """
    taking_a_value = {
        name
        for option in train.command.params
        if isinstance(option, click.Option) and not option.is_flag
        for name in option.opts
    }
    words: Iterator[tuple[int, str]] = enumerate(arguments)
    for place, word in words:
        if word in taking_a_value:
            next(words, None)
        elif not word.startswith("-"):
            if word in COMMANDS:
                return [word, *arguments[:place], *arguments[place + 1 :]]
            break
        elif word == "--":
            break
    return [TRAIN, *arguments]
