"""What commands share: their kind, options that several of them have, types that say what they want, and completion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from slmtui.config.limits import SEED
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.output import put, say
from slmtui.project import DEFAULT_CHECKPOINTS, project_phases
from slmtui.words import plural

if TYPE_CHECKING:
    from slmtui.runs.cells import Cell
    from slmtui.runs.run import Run

F = TypeVar("F", bound=Callable[..., Any])


def _show_help(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        put(ctx.get_help())
        ctx.exit()


USAGE = re.compile(r"\Aslmtui [^:]*: ")  # at the beginning of a command's docstring
RUN_HELP = (
    "RUN is the name of a run, a tag, the path of its folder, wherever that is, or one of two words: latest, and best, "
    "the one with the fewest bits per byte of those with the newest one's validation text. complete, examine, serve, "
    "report and distill also take STUDY/CELL, such as recipes/02: the seeds of a study's cell."
)

HELP = click.Option(
    ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
    help="show this message and exit",
)  # fmt: skip


class Job(click.Command):
    """A command whose help is data, written as all data is; lines of examples in it stay as they are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # whose help is pointed to
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            Path.cwd()
        except FileNotFoundError:
            raise UserError("the current folder no longer exists; change to another one with cd") from None
        return super().invoke(ctx)

    def get_help_option(self, ctx: click.Context) -> click.Option:  # noqa: ARG002
        return HELP

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        text = USAGE.sub("", self.help or "")  # click says it, in the line above
        self.help = (text[:1].upper() + text[1:]).replace("\n\nslmtui ", "\n\n\b\nslmtui ")
        super().format_help_text(ctx, formatter)
        arguments = [param for param in self.params if isinstance(param, click.Argument)]
        if any(str(argument.metavar).lstrip("[").startswith("RUN") for argument in arguments):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(RUN_HELP)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or not least <= int(text) <= most:
            raise click.BadParameter(f"{text!r} is not a whole number from {least} to {most:,}.")
        return int(text)

    return parse


def setting(name: str) -> Callable[[str], float]:
    """What is typed for a setting of a completion, by the rules of a phase's [sampling]."""

    def parse(text: str) -> float:
        from slmtui.config.values import setting_from_text  # pydantic, which --help does not need

        try:
            return setting_from_text(name, text)
        except ValueError as error:
            _, _, wrong = str(error).partition(": ")  # click names the option
            raise click.BadParameter(f"{wrong}.") from None

    return parse


def run_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs of the folder that was chosen, their tags, latest and best; where none begins so, files."""
    return _or_files(_named_runs(ctx), incomplete)


def run_and_cell_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, and the cells of studies."""
    from slmtui.runs.cells import cell_names  # pydantic, which --help does not need

    names = _named_runs(ctx)
    return _or_files([*names, *cell_names(_checkpoints(ctx))] if names else [], incomplete)


def _named_runs(ctx: click.Context) -> list[str]:
    from slmtui.runs.run import all_runs  # pydantic, which --help does not need
    from slmtui.runs.tags import WORDS

    try:
        names = [run.name for run in all_runs(_checkpoints(ctx))]
    except UserError:
        return []
    return [*names, *_tags(ctx), *WORDS] if names else []


def tag_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tags of the runs in the folder that was chosen."""
    return [CompletionItem(tag) for tag in _tags(ctx) if tag.startswith(incomplete)]


def _tags(ctx: click.Context) -> list[str]:
    from slmtui.runs.tags import read_tags

    return sorted(read_tags(_checkpoints(ctx)).tags)


def _checkpoints(ctx: click.Context) -> Path:
    return ctx.params.get("checkpoints") or DEFAULT_CHECKPOINTS


def named_model(name: str, checkpoints: Path, *, last: bool = False) -> tuple[Run | Cell, list[Path]]:
    """The run or cell that a name means, and the checkpoints of its model; UserError if there are none."""
    from slmtui.runs.cells import find_cell  # pydantic, which --help does not need
    from slmtui.runs.run import find_run

    if (cell := find_cell(checkpoints, name)) is not None:
        return cell, models_of(cell, last=last)
    run = find_run(checkpoints, name)
    return run, [saved_model(run, last=last)]


def models_of(cell: Cell, *, last: bool = False) -> list[Path]:
    """The best models of a cell, which predict together; UserError where the `last` are asked for."""
    from slmtui.runs.recounting import tell_of_counts  # pydantic, which --help does not need

    if last:
        raise UserError(f"{cell}: the runs of a cell predict with their best models, and --last asks for the newest")
    if cell.unfinished:
        say(f"{cell}: {plural(cell.unfinished, 'seed')} did not come to its end yet, and is left out")
    tell_of_counts(cell.runs[0], say)
    return list(cell.files)


def saved_model(run: Run, *, last: bool) -> Path:
    """The checkpoint of a run that is asked for: its best, or its `last`; UserError if there is none yet."""
    from slmtui.runs.recounting import tell_of_counts  # pydantic, which --help does not need

    path = run.last_file if last else run.best_file
    if not is_there(path):
        raise UserError(f"{run.name} has no {path.name} yet: one is saved at its first evaluation")
    tell_of_counts(run, say)
    return path


def phase_files(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The project's phases; where none begins so, any file."""
    return _or_files([str(path) for path in project_phases()], incomplete)


def _or_files(names: list[str], incomplete: str) -> list[CompletionItem]:
    items = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


def _folders(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


class _PathType(click.Path):
    """A path of whatever kind: who opens it says what is wrong with it. An empty one would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty path; the current folder is called .", param, ctx)
        return super().convert(value, param, ctx)


PATH = _PathType(path_type=Path, readable=False)

set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="override a key of the phase, such as training.max_iters=200; may be repeated",
)  # fmt: skip

checkpoints_option = click.option(
    "--checkpoints", type=PATH, default=DEFAULT_CHECKPOINTS, metavar="DIR", shell_complete=_folders,
    help="folder that runs are kept in (default: checkpoints)",
)  # fmt: skip

nproc_option = click.option(
    "--nproc", type=click.IntRange(1, 256), default=1, metavar="N",
    help="train in N processes together, on this machine; torchrun does so on several",
)  # fmt: skip

# A folder, a file or several, or a phase; none: the project's default phase.
source_argument = click.argument(
    "source", nargs=-1, type=PATH, metavar="[SOURCE … | PHASE.toml]", shell_complete=phase_files
)

run_argument = click.argument("run", metavar="RUN", shell_complete=run_names)
run_or_cell_argument = click.argument("run", metavar="RUN", shell_complete=run_and_cell_names)


def json_option(prints: str) -> Callable[[F], F]:
    """--json; `prints` says what a line of it is."""
    return click.option("--json", "as_json", is_flag=True, help=f"print {prints}")


def seed_option(same: str) -> Callable[[F], F]:
    """--seed, of all that a random generator takes; `same` says what stays the same with it."""
    return click.option(
        "--seed",
        type=setting("seed"),
        default=str(SEED),
        metavar="N",
        help=f"the same seed, the same {same} (default: {SEED})",
    )
