"""What an examination found, in words, and the file that keeps it beside its run (examiner.py does it).

`examination.json` is where the report finds it.
"""

from __future__ import annotations

import json
from typing import Any

from slmtui.config.limits import SHORTEST_COPY
from slmtui.errors import UserError
from slmtui.files import open_to_read
from slmtui.insight.judging.proportion import counted
from slmtui.runs.atomic_files import atomic_write
from slmtui.runs.run import Run

FILE = "examination.json"


def summary_lines(found: dict[str, Any]) -> list[str]:
    """What came out, in sentences with their counts."""
    counts, asked = found["rates"], found["asked"]
    lines = []
    if counts["samples"]:
        labels = ", ".join(f"{n:,} {label}" for label, n in counts["labels"].items())
        lines.append(f"{counts['samples']:,} samples: {labels}")
        if counts["parse_rate"] is not None:
            parsed = round(counts["parse_rate"] * counts["samples"])
            lines.append(f"of the samples, {counted(parsed, counts['samples'])} parse as Python")
        if counts["copied_share"] is not None:
            copied = f"{counts['copied_share']:.1%}".replace("%", " %")
            lines.append(f"{copied} of their tokens are in copies of {SHORTEST_COPY} or more from the training text")
    given = f"given {asked['prefix']} tokens, the next {asked['length']} came out exactly"
    for side, name in (("train", "training"), ("val", "validation")):
        one = found["extraction"][side]
        where = counted(one["exact"], one["places"]) if one["places"] else "no place: the text is too short"
        lines.append(f"{name} text: {given} at {where}")
    return lines


def knows_by_heart(found: dict[str, Any]) -> bool:
    """Does it give training text away more often than it guesses text that it has not seen?"""
    train, val = found["extraction"]["train"], found["extraction"]["val"]
    return bool(train["places"] and train["interval"][0] > (val["interval"][1] if val["places"] else 0.0))


def verdict(found: dict[str, Any]) -> str:
    """What the extraction means, in one sentence."""
    train = found["extraction"]["train"]
    if not train["places"]:
        return "The training text is too short for the test."
    if knows_by_heart(found):
        return "It knows training text by heart, well beyond what it can tell of text it has not seen."
    if train["exact"] == 0:
        return "It gives away nothing of its training text."
    return "It gives no more of its training text than of text that it has not seen, as far as so many places can tell."


def command(name: str, found: dict[str, Any]) -> str:
    """What asks the best model of the run `name` the same again."""
    asked = found["asked"]
    return (
        f"slmtui examine {name} --samples {asked['samples']:d} --places {asked['places']:d} "
        f"--tokens {asked['prefix']:d} --seed {asked['seed']:d}"
    )


def keep(run: Run, found: dict[str, Any]) -> None:
    """Write it beside the run; UserError if that cannot be done."""
    path = run.folder / FILE
    try:
        with atomic_write(path) as file:
            file.write((json.dumps(found, indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def kept(run: Run) -> dict[str, Any] | None:
    """What was found before; None if the run was never examined, or the file is none of ours."""
    try:
        with open_to_read(run.folder / FILE, follow=False) as file:
            found = json.load(file)
        summary_lines(found)
        verdict(found)
        command(run.name, found)
        int(found["step"])
        [str(place) for place in found["by_heart"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return dict(found)
