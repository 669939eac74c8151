"""One value by itself, held against the declaration of its key: a setting from code, or one that a person has typed."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from slmtui.config.fields import Whole
from slmtui.config.limits import LARGEST_SEED, SEED
from slmtui.config.phase import Phase
from slmtui.config.schema import allowed_words

_SEED = FieldInfo.from_annotated_attribute(Whole, Field(SEED, ge=0, le=LARGEST_SEED))
# What is typed for a completion: keys of [sampling], and a seed, which a phase has for the whole training only.
HINTS = {
    "temperature": "0 takes the likeliest token",
    "top_k": "0 or off: all tokens",
    "top_p": "1 or off: all tokens",
    "seed": "the same seed, the same text",
    "tokens": "the length of the completion",
}
_OFF = {"top_k": 0, "top_p": 1.0}


def check_value(section: str, name: str, value: object) -> None:
    """ValueError, in one sentence, where the schema does not allow a value for a key."""
    try:
        _adapter(section, name).validate_python(value)
    except ValidationError:
        allowed = allowed_words(_field(section, name))
        raise ValueError(f"{section}.{name} must be {allowed} (got {value!r})") from None


def setting_from_text(name: str, text: str) -> float | int:
    """The value that a person typed for a setting of a completion; ValueError says what would be right."""
    text = text.strip().lower()
    if text == "off" and name in _OFF:
        return _OFF[name]
    try:
        value: float | int = _adapter("sampling", name).validate_python(_number(text))
    except ValueError:  # pydantic's is one, too
        allowed = allowed_words(_field("sampling", name))
        label = name.replace("_", "-")
        raise ValueError(f"{label}: {text or 'nothing'} is not {allowed} ({HINTS[name]})") from None
    return value


def setting_as_text(name: str, value: float | int) -> str:
    if name in _OFF and value == _OFF[name]:
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float | int:
    """Digits alone are a whole number, of any size; ValueError for what is no number."""
    if not text.isascii():
        raise ValueError
    return int(text) if text.isdecimal() else float(text)


def _field(section: str, name: str) -> FieldInfo:
    if (section, name) == ("sampling", "seed"):
        return _SEED
    model: Any = Phase.model_fields[section].annotation
    field: FieldInfo = model.model_fields[name]
    return field


@cache
def _adapter(section: str, name: str) -> TypeAdapter[Any]:
    field = _field(section, name)
    declared: Any = Annotated[field.annotation, field]
    return TypeAdapter(declared)
