"""A sample set: prompts in a file, for the samples of trainings and for `slmtui complete`. JSON lines, each a prompt or
a completion, as `slmtui complete --json` prints it and Complete saves it:

    "def load_"
    {"checkpoint": "checkpoints/quick-001/best.pt", "seed": 42, "temperature": 0.8, "prompt": "def load_", "text": "…"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from slmtui.config.errors import printable
from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.errors import UserError
from slmtui.files import open_to_append
from slmtui.inference.context_file import read_context


def read_prompts(path: Path) -> list[str]:
    """The prompts of a sample set, each once, in their order; UserError, with the line, for a file that is none."""
    prompts = []
    for number, line in enumerate(read_context(path).split("\n"), start=1):
        if not line.strip():
            continue
        match _parsed(line):
            case str(prompt) | {"prompt": str(prompt)} if prompt:
                prompts.append(prompt)
            case _:
                where = f"{printable(str(path), limit=200)}:{number}"
                raise UserError(
                    f'{where}: no prompt (got {printable(line, limit=40)}), allowed: a text in JSON, such as "def ", '
                    'or an object with one, {"prompt": "def "}'
                )
    if not prompts:
        raise UserError(f"{printable(str(path), limit=200)}: no prompts in it")
    return list(dict.fromkeys(prompts))


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def add_completion(path: Path, completion: Mapping[str, object]) -> None:
    """Write a completion, with its "prompt", at the end of a sample set; UserError if that cannot be done."""
    try:
        with open_to_append(path) as file:
            file.write(json.dumps(completion, ensure_ascii=False) + "\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{printable(str(path), limit=200)}: cannot be written ({reason})") from None


def with_prompts(phase: Phase) -> Phase:
    """The phase with the prompts of the files that `sampling.prompts_from` names, after its own; these are those that
    it sets, and not the default. PhaseError for what cannot be read."""
    sampling = phase.sampling
    if not sampling.prompts_from:
        return phase
    own = sampling.prompts if "prompts" in sampling.model_fields_set else ()
    try:
        read = [prompt for name in sampling.prompts_from for prompt in read_prompts(Path(name))]
    except UserError as error:
        raise fault(phase, "sampling.prompts_from", str(error)) from None
    prompts = tuple(dict.fromkeys((*own, *read)))
    return phase.model_copy(update={"sampling": sampling.model_copy(update={"prompts": prompts})})
