"""The types of value in a phase, and the form of the errors about them.

Numbers must be numbers: `"5"` and `true` are errors where 5 is meant, but `6e8` is accepted as a whole number.
A single string is accepted as a list of one.
"""

import codecs
import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from slmtui.config.limits import UINT16_VALUES, SplitKind


def broken_rule(wrong: str, allowed: str = "", got: str = "", beside: str = "", key: str = "") -> PydanticCustomError:
    """An error in the form `wrong (got …), allowed: …`.

    If empty, `allowed` and `got` are the field's own description and the value found. `beside` is a key of the same
    section that the value conflicts with: if this field is not in the file, the line of that key is shown. `key`, of a
    rule for a whole section: the key in it that is at fault.
    """
    context = {"wrong": wrong, "allowed": allowed, "got": got, "beside": beside, "key": key}
    return PydanticCustomError("broken_rule", "{wrong}, allowed: {allowed}", context)


def _whole(value: object) -> int:
    """Accept whole numbers, and floats with a whole value, such as 6e8."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise broken_rule("not a whole number")


def _number(value: object) -> object:
    """Accept finite numbers."""
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
    """Accept a single string as a list of one."""
    return (value,) if isinstance(value, str) else value


def _pair(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise broken_rule("not two numbers")
    return value


def _share_below_one(value: float) -> float:
    if not 0 <= value < 1:
        raise broken_rule("out of range")
    return value


def _split(value: object) -> object:
    return "by-document" if value == "by-file" else value  # its name while only files were documents


def _threads(value: object) -> object:
    """Accept "auto" or a number of threads; pydantic would report an error for each alternative."""
    if value == "auto":
        return value
    threads = _whole(value)
    if not 1 <= threads <= 1024:
        raise broken_rule("out of range")
    return threads


def _fits_uint16(value: object) -> object:
    if isinstance(value, int | float) and value > UINT16_VALUES:
        raise broken_rule(f"more tokens than 16 bits can number ({UINT16_VALUES:,})")
    return value


def _codec(name: str) -> str:
    """Accept "auto", or what Python can decode with, a block at a time."""
    if name == "auto":
        return name
    try:
        found = codecs.lookup(name)
        found.incrementaldecoder("strict").decode(b"")
        bytes(4).decode(name, "replace")  # LookupError for what is no encoding of text, such as base64
    except (LookupError, UnicodeError, TypeError, ValueError):
        raise broken_rule("not an encoding that Python knows") from None
    if found.name in _NOT_OF_FILES:
        raise broken_rule("not an encoding of files")
    return found.name


_NOT_OF_FILES = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")


def _braces_in_pairs(value: str) -> str:
    if re.search(r"[{}]", re.sub(r"\{[^{}]*[^{}\s][^{}]*\}", "", value)):
        raise broken_rule(
            "braces without the name of a field between them",
            allowed='the name of a field, such as "text", or a template such as "{title}: {text}"',
        )
    return value


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
    if not paths:  # not min_length, which counts only valid items and would report an invalid one twice
        raise broken_rule("an empty list")
    return paths


Whole = Annotated[int, BeforeValidator(_whole)]
VocabularySize = Annotated[Whole, BeforeValidator(_fits_uint16)]
Number = Annotated[float, BeforeValidator(_number)]
Decay = Annotated[Number, AfterValidator(_share_below_one)]
Decays = Annotated[tuple[Decay, Decay], BeforeValidator(_pair)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Texts = Annotated[tuple[NonEmpty, ...], BeforeValidator(_one_or_more)]
SourcePath = Annotated[NonEmpty, AfterValidator(_without_nul)]
SourcePaths = Annotated[tuple[SourcePath, ...], BeforeValidator(_one_or_more), AfterValidator(_at_least_one)]
Split = Annotated[SplitKind, BeforeValidator(_split)]
Threads = Annotated[Literal["auto"] | int, BeforeValidator(_threads)]
EncodingName = Annotated[str, AfterValidator(_codec)]
FieldOrTemplate = Annotated[str, AfterValidator(_braces_in_pairs)]
RegularExpression = Annotated[str, AfterValidator(_compiles)]
