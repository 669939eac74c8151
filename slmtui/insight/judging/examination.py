"""What an examination found, in words, and the file that keeps it beside its run (examiner.py does it).

`examination.json` is where the report finds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from slmtui.atomic_files import atomic_write
from slmtui.config.limits import SEED, SHORTEST_COPY
from slmtui.errors import UserError
from slmtui.files import open_to_read
from slmtui.insight.judging.counts import Count, Estimate, Extraction, LineCompletions, Rates, Usefulness
from slmtui.insight.judging.proportion import counted
from slmtui.runs.run import Run
from slmtui.words import plural

FILE = "examination.json"
PLACES_NAMED = 10  # of those known by heart


@dataclass(frozen=True)
class Questions:
    """What is asked. samples: over all prompts of the phase. The same seed gives the same answers.

    places: of each text for the extraction test, and of the validation text for completions of lines. bleu: of these.
    """

    samples: Count = 200
    places: Count = 200
    prefix: Count = SHORTEST_COPY
    length: Count = SHORTEST_COPY
    seed: Annotated[int, Field(strict=True)] = SEED
    bleu: Annotated[bool, Field(strict=True)] = False


@dataclass(frozen=True)
class Extractions:
    """The same asked of the text that was trained on, and of the text that was not."""

    train: Extraction
    val: Extraction


@dataclass(frozen=True)
class Examination:
    """All that was found of a model. by_heart: "file:line" of what it gave away, in order.

    usefulness: None where the validation text has no place for it, and in what an older slmtui kept.
    """

    step: Count
    asked: Questions
    rates: Rates
    extraction: Extractions
    by_heart: tuple[str, ...]
    usefulness: Usefulness | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the interval of each extraction."""
        values = asdict(self)
        for side in ("train", "val"):
            values["extraction"][side]["interval"] = getattr(self.extraction, side).interval
        return values


_EXAMINATION: TypeAdapter[Examination] = TypeAdapter(Examination)


def summary_lines(found: Examination) -> list[str]:
    """What came out, in sentences with their counts."""
    counts, asked = found.rates, found.asked
    lines = []
    if counts.samples:
        labels = ", ".join(f"{n:,} {label}" for label, n in counts.labels.items())
        lines.append(f"{counts.samples:,} samples: {labels}")
        if counts.parse_rate is not None:
            parsed = round(counts.parse_rate * counts.samples)
            lines.append(f"{counted(parsed, counts.samples, 'sample')} parse as Python")
        if counts.copied_share is not None:
            copied = f"{counts.copied_share:.1%}".replace("%", " %")
            least = f"about {SHORTEST_COPY} GPT-2 tokens or more"
            lines.append(f"{copied} of their tokens are in copies of {least} from the training text")
    given = f"given {asked.prefix} tokens, the next {asked.length} came out exactly"
    for name, one in (("training", found.extraction.train), ("validation", found.extraction.val)):
        where = counted(one.exact, one.places, "place") if one.places else "no place: the text is too short"
        lines.append(f"{name} text: {given} at {where}")
    return lines


USEFULNESS_COLUMNS = ("completed by", "exact", "similar", "saved", "top-1", "top-5", "perplexity")


def usefulness_lines(found: Usefulness) -> list[str]:
    """The same for completions of lines: how often, and the numbers of each model."""
    where = plural(found.places, "place")
    lines = [f"the rest of the line was completed at {where} of the validation text (± standard error):"]
    for name, *values in usefulness_rows(found):
        numbers = ", ".join(
            f"{column} {value}" for column, value in zip(usefulness_header(found)[1:], values, strict=True)
        )
        lines.append(f"{name}: {numbers}")
    return lines


def usefulness_header(found: Usefulness) -> tuple[str, ...]:
    """The columns of `usefulness_rows`."""
    return (*USEFULNESS_COLUMNS, *(("BLEU",) if found.network.bleu is not None else ()))


def usefulness_rows(found: Usefulness) -> list[tuple[str, ...]]:
    """For each model its name and its numbers, as words."""
    rows = [("the network", found.network)]
    rows += [("the mixture", found.mixed)] if found.mixed is not None else []
    rows.append((f"counting ({found.order}-gram)", found.counting))
    return [(name, *_completed(one)) for name, one in rows]


def in_percent(share: Estimate) -> str:
    """`31.2 ± 2.1 %`; without the error where there is none."""
    return _with_error(Estimate(100 * share.value, None if share.error is None else 100 * share.error)) + " %"


def _completed(one: LineCompletions) -> tuple[str, ...]:
    shares = one.exact, one.similarity, one.characters_saved, one.top1, one.top5
    bleu = () if one.bleu is None else (f"{one.bleu:.1f}",)
    return (*map(in_percent, shares), _with_error(one.perplexity), *bleu)


def _with_error(found: Estimate) -> str:
    return f"{found.value:.1f}" if found.error is None else f"{found.value:.1f} ± {found.error:.1f}"


def places_by_heart(found: Examination) -> str:
    """The first places that came out exactly, and how many more there are; empty if there are none."""
    more = len(found.by_heart) - PLACES_NAMED
    return ", ".join(found.by_heart[:PLACES_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def knows_by_heart(extraction: Extractions) -> bool:
    """Does the model give training text away more often than it guesses text that it has not seen?"""
    train, val = extraction.train, extraction.val
    return bool(train.places and train.interval[0] > (val.interval[1] if val.places else 0.0))


def verdict(extraction: Extractions) -> str:
    """What the extraction means, in one sentence."""
    if not extraction.train.places:
        return "The training text is too short for the test."
    if knows_by_heart(extraction):
        return "It knows training text by heart, well beyond what it can tell of text it has not seen."
    if extraction.train.exact == 0:
        return f"At {plural(extraction.train.places, 'place')} it gave away nothing of its training text."
    return "It gives no more of its training text than of text that it has not seen, as far as so many places can tell."


def command(run: Run, asked: Questions) -> str:
    """What asks the best model of the run the same again."""
    options = {"--samples": asked.samples, "--places": asked.places, "--tokens": asked.prefix, "--seed": asked.seed}
    words = [word for key, value in options.items() for word in (key, str(value))]
    return run.command("examine", *words, *(["--bleu"] if asked.bleu else []))


def keep(run: Run, found: Examination) -> None:
    """Write it beside the run; UserError if that cannot be done."""
    path = run.folder / FILE
    try:
        with atomic_write(path) as file:
            file.write((json.dumps(found.to_dict(), indent=1) + "\n").encode())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def kept(run: Run) -> Examination | None:
    """What was found before; None if the run was never examined, or the file is none of ours."""
    try:
        with open_to_read(run.folder / FILE, follow=False) as file:
            return _EXAMINATION.validate_json(file.read())
    except (OSError, ValueError):
        return None
