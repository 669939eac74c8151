"""What a request asks for, checked: the bodies of /v1/completions and /infill."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slmtui.config.errors import printable
from slmtui.config.limits import LARGEST_SEED
from slmtui.serve.errors import RequestError
from slmtui.serve.limits import LONGEST_STOP, MOST_CHOICES, MOST_LOGPROBS, MOST_STOPS, MOST_TOKENS

Stop = Annotated[str, Field(max_length=LONGEST_STOP)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Body(BaseModel):
    """What is not named here is ignored: clients send keys of many servers."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    model: str | None = None
    temperature: Annotated[Number | None, Field(ge=0, le=100)] = None
    top_p: Annotated[Number | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=-1, le=1 << 16)] = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    seed: Annotated[int | None, Field(ge=-1, le=LARGEST_SEED)] = None
    stream: bool | None = None

    @property
    def stops(self) -> tuple[str, ...] | None:
        """None if nothing is said of it."""
        if self.stop is None:
            return None
        return tuple(text for text in ([self.stop] if isinstance(self.stop, str) else self.stop) if text)

    def own_seed(self) -> int:
        """The one that is asked for, or a new one."""
        return random.randrange(1 << 31) if self.seed in (None, -1) else int(self.seed or 0)


class StreamOptions(BaseModel):
    include_usage: bool | None = None


class CompletionBody(_Body):
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MOST_CHOICES)] = ""
    suffix: str | None = None
    max_tokens: Annotated[int | None, Field(ge=0, le=MOST_TOKENS)] = None
    n: Annotated[int | None, Field(ge=1, le=MOST_CHOICES)] = None
    best_of: Annotated[int | None, Field(ge=1, le=MOST_CHOICES)] = None
    echo: bool | None = None
    logprobs: Annotated[int | None, Field(ge=0, le=MOST_LOGPROBS)] = None
    stream_options: StreamOptions | None = None

    @property
    def prompts(self) -> list[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


class Extra(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    text: str = ""
    filename: str | None = None


class InfillBody(_Body):
    input_prefix: str = ""
    input_suffix: str = ""
    input_extra: Annotated[list[Extra] | None, Field(max_length=1000)] = None
    prompt: str = ""  # what stands before the cursor in its line, after input_prefix
    n_predict: Annotated[int | None, Field(ge=-1, le=MOST_TOKENS)] = None
    n_cmpl: Annotated[int | None, Field(ge=1, le=MOST_CHOICES)] = None
    t_max_predict_ms: Annotated[Number | None, Field(ge=0)] = None
    response_fields: list[str] | None = None


Body = TypeVar("Body", bound=_Body)


def parsed(kind: type[Body], data: bytes) -> Body:
    """The body of a request; RequestError says what is wrong with it."""
    try:
        found: Any = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {printable(str(error), limit=200)}") from None
    if not isinstance(found, dict):
        raise RequestError("the body is not a JSON object")
    for key, usual in (("presence_penalty", 0), ("frequency_penalty", 0), ("logit_bias", {})):
        if found.get(key) not in (None, usual):
            raise RequestError(f"{key}: is not supported; leave it out", param=key)
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if str(part).isidentifier() or isinstance(part, int))
        param = str(first["loc"][0])
        message = f"{printable(where, limit=200)}: {printable(first['msg'], limit=300)}"
        raise RequestError(message, param=param) from None


def choices_of(body: CompletionBody, prompts: Sequence[str]) -> int:
    """How many completions there are of each prompt; RequestError if that is too much."""
    n = body.n or 1
    if body.best_of is not None and body.best_of != n:
        raise RequestError("best_of: must be equal to n; only n completions are drawn", param="best_of")
    if n * len(prompts) > MOST_CHOICES:
        raise RequestError(
            f"n: {n} completions of {len(prompts)} prompts are more than {MOST_CHOICES} in one request", param="n"
        )
    return n


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
