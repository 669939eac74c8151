"""Phase files: reads TOML into a `Phase`, reporting every fault with its line at once, and writes it back."""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

import tomli_w
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from slmtui.config.errors import PhaseError, Problem, explain, key_text, printable
from slmtui.config.origin import Origin
from slmtui.config.overrides import Override, apply_override, parse_overrides
from slmtui.config.phase import Phase
from slmtui.config.positions import KeyPath, Spot
from slmtui.files import is_folder, open_to_read
from slmtui.project import PHASES

__all__ = [
    "PhaseError", "Problem", "dump_phase", "fault", "load_phase", "parse_phase", "problem_of", "read_phase_text",
]  # fmt: skip

MOST_EXPLAINED = 500  # faults of a file; to find the name that was meant takes a while for each
LARGEST_FILE = 1 << 20  # bytes; a typical phase has two thousand


def load_phase(path: str | FilePath, overrides: Iterable[str] = ()) -> Phase:
    """Read the phase file at `path`, with `overrides` such as `training.max_iters=200` applied.

    Raises `PhaseError` with everything that is wrong with the file, its TOML, its keys and values, or the overrides.
    """
    return parse_phase(read_phase_text(FilePath(path)), str(path), overrides)


def parse_phase(
    text: str,
    name_of_file: str = "phase.toml",
    overrides: Iterable[str | Override] = (),
    validate: Callable[[dict[str, Any]], Phase] = Phase.model_validate,
) -> Phase:
    """Parse a phase from the text of a file; error messages call the file `name_of_file`.

    Raises `PhaseError` with everything that is wrong.
    """
    text = text.replace("\r\n", "\n")
    file = printable(name_of_file, limit=200)
    document = parse_toml(text, file)
    settings, problems = parse_overrides(overrides)
    for override in settings:
        apply_override(document, override)
    origin = Origin(file, text, tuple(settings))
    document.setdefault("phase", {})  # so that the missing name is reported, not a missing section
    more = 0
    try:
        phase = validate(document)
        if not problems:
            return phase.read_from(origin)
    except ValidationError as error:
        found = error.errors(include_url=False)
        places = origin.places()
        problems += [_problem(detail, places, file) for detail in found[:MOST_EXPLAINED]]
        more = len(found[MOST_EXPLAINED:])
    problems.sort(key=lambda problem: problem.line or float("inf"))
    raise PhaseError(problems, text, more=more)


def phase_of_values(values: dict[str, dict[str, Any]], name: str, asked: Mapping[tuple[str, str], Any]) -> Phase:
    """The phase of these values, some of which, by (section, key), were asked for with --set.

    Raises `PhaseError` where they do not go together; `name` is what it calls the others.
    """
    try:
        return Phase.model_validate(values)
    except ValidationError:
        overrides = [Override(key, value, printable(f"--set {'.'.join(key)}={value}")) for key, value in asked.items()]
        return parse_phase(tomli_w.dumps(values), name, overrides)


def dump_phase(phase: Phase) -> str:
    """Write `phase` as TOML that parses back to an equal phase, with every value: no later default will change it."""
    values = phase.values()
    if not values["data"]["patterns"]:
        del values["data"]["patterns"]  # rather than an empty table
    if not values["phase"]["study"]:
        del values["phase"]["study"]
    return tomli_w.dumps({section: keys for section, keys in values.items() if keys})


def parse_toml(text: str, file: str) -> dict[str, Any]:
    if text.startswith("\ufeff"):
        raise PhaseError([Problem(f"{file}:1", "", "begins with a byte order mark; save it as UTF-8 without one")])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(str(error), text, file)
    except RecursionError:
        problem = Problem(file, "", "not valid TOML: brackets nested too deeply")
    except ValueError:  # from int(), not caught by tomllib
        problem = Problem(file, "", "not valid TOML: a number with too many digits")
    raise PhaseError([problem], text)


def _syntax_problem(message: str, text: str, file: str) -> Problem:
    """tomllib's error, with the position taken out of its message."""
    lines = text.rstrip("\n").split("\n")
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    line, column = (
        int(found[1] or len(lines)) if found else 1,
        int(found[2] or len(lines[-1]) + 1) if found else 1,
    )
    what = printable(message[: found.start()] if found else message, limit=200)
    return Problem(f"{file}:{line}", "", f"not valid TOML at column {column}: {what}", line, column)


def _problem(error: ErrorDetails, places: dict[KeyPath, Spot | Override], file: str) -> Problem:
    rule = error.get("ctx", {}) if error["type"] == "broken_rule" else {}
    path = (*error["loc"], rule["key"]) if rule.get("key") else error["loc"]
    beside = rule.get("beside")
    where = path
    if beside and path not in places:
        where = (*path[:-1], beside)
    while where and where not in places:
        where = where[:-1]
    place = places.get(where)
    message = explain(error)
    if isinstance(place, Override) and error["type"] == "missing":
        place = None  # it set another key of the section
    if isinstance(place, Override):
        return Problem(place.place, "", message)
    if place is None:
        return Problem(f"{file}:1", key_text(path), message, 1)
    column = None
    if error["type"] != "missing":
        column = place.column if error["type"] == "extra_forbidden" else place.value_column
    return Problem(f"{file}:{place.line}", key_text(path), message, place.line, column)


def fault(phase: Phase, key: str, message: str) -> PhaseError:
    """What turned out to be wrong with a key, `section.key`, of a phase that was read without fault."""
    return PhaseError([problem_of(phase, key, message)], phase.origin.text)


def problem_of(phase: Phase, key: str, message: str) -> Problem:
    """The same, as one of several. Its place is in the file that the phase was read from, if it was."""
    origin, path = phase.origin, tuple(key.split("."))
    places = origin.places()
    place = places.get(path)
    if isinstance(place, Override):
        return Problem(place.place, "", message)
    if not origin.file:
        return Problem(printable(phase.name), key, message)
    if place is not None:
        return Problem(f"{origin.file}:{place.line}", key, message, place.line, place.value_column)
    section = places.get(path[:1])  # the key has its default
    line = section.line if isinstance(section, Spot) else 1
    return Problem(f"{origin.file}:{line}", key, message, line)


def read_phase_text(path: FilePath, *, follow: bool = True) -> str:
    """The text of the file at `path`, which may be a link if `follow`. Raises `PhaseError` if it cannot be read."""
    file = printable(str(path), limit=200)

    def fault(message: str) -> PhaseError:
        return PhaseError([Problem(file, "", message)])

    try:
        with open_to_read(path, follow=follow) as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise fault(f"no such file{_nearest_file(path)}") from None
    except IsADirectoryError:
        raise fault("a folder, not a phase file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise fault(f"cannot be read: {reason}") from None
    if len(data) > LARGEST_FILE:
        raise fault("larger than 1 MiB, so not a phase; to train on this file, name it as data.source in a phase")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise fault("encoded as UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise PhaseError(
            [Problem(f"{file}:{line}", "", f"not UTF-8 (got byte 0x{byte:02x}); save it as UTF-8")]
        ) from None


def _nearest_file(path: FilePath) -> str:
    try:
        names = {other.stem: other.name for other in path.parent.glob("*.toml")}
    except OSError:
        return ""
    if path.parent == PHASES and not is_folder(PHASES):
        return (
            "; there is no phases/ here. To set up a project: slmtui init. To have a phase for a folder of yours: "
            "slmtui suggest FOLDER -o mine.toml"
        )
    near = difflib.get_close_matches(path.name.removesuffix(".toml"), names, n=1)
    return f", did you mean {printable(str(path.with_name(names[near[0]])), limit=200)}?" if near else ""
