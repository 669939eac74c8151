"""The keys of a phase as a table: what docs, forms and error messages say about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from slmtui.config.phase import Phase

Kind = Literal[
    "whole number", "number", "true or false", "string", "choice", "list of strings", "pair of numbers", "table"
]


@dataclass(frozen=True)
class Key:
    """One key of a phase.

    `default` is a Python value, None for an optional or a required key; `choices` is empty except for kind "choice";
    `allowed` is how error messages describe the valid values.
    """

    section: str
    name: str
    kind: Kind
    required: bool
    default: Any
    choices: tuple[str, ...]
    allowed: str
    description: str
    by_hand: bool = True  # whether a person sets it


def describe_schema() -> tuple[Key, ...]:
    """All keys of all sections, in the order of the schema."""
    return tuple(keys().values())


@cache
def keys() -> dict[tuple[str, str], Key]:
    """All keys by (section, name)."""
    return {(key.section, key.name): key for key in _walk()}


@cache
def sections() -> dict[str, str]:
    """The sections, each with one line on what it is about."""
    return {name: (model.__doc__ or "") for name, model in _section_models()}


def _section_models() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Phase.model_fields.items():
        model: Any = field.annotation
        yield name, model


def _walk() -> Iterator[Key]:
    for section, model in _section_models():
        for name, field in model.model_fields.items():
            kind, choices = _kind(field.annotation)
            required = field.is_required()
            yield Key(
                section=section,
                name=name,
                kind=kind,
                required=required,
                default=None if required else field.get_default(call_default_factory=True),
                choices=choices,
                allowed=allowed_words(field),
                description=field.description or "",
                by_hand=not isinstance(extra := field.json_schema_extra, dict) or bool(extra.get("by_hand", True)),
            )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    """The kind of a field, and its choices."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "choice", arguments
    if origin is dict:
        return "table", ()
    if origin is tuple:
        return ("list of strings" if arguments[-1] is Ellipsis else "pair of numbers"), ()
    if NoneType in arguments:  # Annotated[int, …] | None, or Literal["a", "b"] | None
        if get_origin(arguments[0]) is Literal:
            return _kind(arguments[0])
        annotation = get_args(arguments[0])[0]
    elif arguments:  # Literal["auto"] | int
        annotation = arguments[-1]
    kinds: dict[Any, Kind] = {int: "whole number", float: "number", bool: "true or false", str: "string"}
    return kinds[annotation], ()


def allowed_words(field: FieldInfo) -> str:
    """What a field takes, as an error message ends."""
    kind, choices = _kind(field.annotation)
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["allowed"])
    if kind == "choice":
        quoted = [f'"{choice}"' for choice in choices]
        return " or ".join((", ".join(quoted[:-1]), quoted[-1]))
    if kind in ("whole number", "number"):
        return f"a {kind}{_range(field)}"
    words = {"list of strings": "a string or a list of strings", "true or false": "true or false"}
    return words.get(kind, f"a {kind}")


def _range(field: FieldInfo) -> str:
    """The bounds of a number, as in ` of at least 0 and below 1`; all our numbers have a lower one."""
    low = high = ""
    for bound in field.metadata:
        if isinstance(bound, Ge):
            low = f" of at least {bound.ge:,}"
        elif isinstance(bound, Gt):
            low = f" above {bound.gt:,}"
        elif isinstance(bound, Le):
            low, high = low.replace(" of at least", " from"), f" to {bound.le:,}"
            high = high if low.startswith(" from") else f" and at most {bound.le:,}"
        elif isinstance(bound, Lt):
            high = f" and below {bound.lt:,}"
    return low + high
