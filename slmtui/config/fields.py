"""The kinds of value that a phase holds, and the one form in which a wrong value is complained about.

Numbers are taken as numbers only: TOML has no excuse for `"5"` or `true` where five is meant, while `6e8`
may stand for a whole number. A text may stand for a list of one.
"""

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError


def broken_rule(wrong: str, allowed: str = "", got: str = "", beside: str = "") -> PydanticCustomError:
    """An error in the house form `wrong (got …), allowed: …`.

    Left empty, `allowed` and `got` are the field's own words and the value found. `beside` is the key of
    the same section that the value does not agree with: where this field was not written, that one's line is
    shown.
    """
    context = {"wrong": wrong, "allowed": allowed, "got": got, "beside": beside}
    return PydanticCustomError("broken_rule", "{wrong}, allowed: {allowed}", context)


def _whole(value: object) -> int:
    """Let whole numbers through, whole floats such as 6e8 as what they are."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise broken_rule("not a whole number")


def _number(value: object) -> object:
    """Let finite numbers through."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise broken_rule("not a number")
    try:
        finite = math.isfinite(value)  # an int too large for a float raises
    except OverflowError:
        finite = False
    if not finite:
        raise broken_rule("not a finite number")
    return value


def _one_or_more(value: object) -> object:
    """Take a single text for a list of one."""
    return (value,) if isinstance(value, str) else value


def _pair(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise broken_rule("not two numbers")
    return value


def _share_below_one(value: float) -> float:
    if not 0 <= value < 1:
        raise broken_rule("out of range")
    return value


def _threads(value: object) -> object:
    """Let "auto" and a number of threads through, before pydantic complains once for each."""
    if value == "auto":
        return value
    threads = _whole(value)
    if not 1 <= threads <= 1024:
        raise broken_rule("out of range")
    return threads


def _compiles(expression: str) -> str:
    try:
        re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise broken_rule(f"not a regular expression: {error}") from error
    return expression


def _without_nul(path: str) -> str:
    if "\0" in path:
        raise broken_rule("a path with a NUL character")
    return path


def _at_least_one(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:  # not min_length, which counts the valid ones and so complains of a wrong item twice
        raise broken_rule("an empty list")
    return paths


Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Decay = Annotated[Number, AfterValidator(_share_below_one)]
Decays = Annotated[tuple[Decay, Decay], BeforeValidator(_pair)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Texts = Annotated[tuple[NonEmpty, ...], BeforeValidator(_one_or_more)]
SourcePath = Annotated[NonEmpty, AfterValidator(_without_nul)]
SourcePaths = Annotated[tuple[SourcePath, ...], BeforeValidator(_one_or_more), AfterValidator(_at_least_one)]
Threads = Annotated[Literal["auto"] | int, BeforeValidator(_threads)]
RegularExpression = Annotated[str, AfterValidator(_compiles)]
