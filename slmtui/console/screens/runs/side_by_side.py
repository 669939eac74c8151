"""Two runs side by side: what differs in their results, their data and their configuration."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from slmtui.config.errors import shown
from slmtui.config.phase import Phase
from slmtui.console.dialogs.help import AROUND, MOST_WIDTH
from slmtui.console.dialogs.question import Message
from slmtui.console.key_names import key
from slmtui.console.screens.runs.columns import COLUMNS, cells
from slmtui.console.text.columns import cut, fit
from slmtui.errors import UserError
from slmtui.insight.estimates import differences
from slmtui.output import visible
from slmtui.runs.index import RunListing
from slmtui.runs.summary import bits_above
from slmtui.runs.tags import BASELINE
from slmtui.training.data_record import DataRecord
from slmtui.words import NOTHING, number

if TYPE_CHECKING:
    from textual.app import App

ALWAYS = ("state", "val", "gap", "verdict", "bpb")  # results that are told even where they are the same
NOT_RESULTS = ("run", "phase", "tag", "baseline", "parameters", "tokens")
MOST_NAME = 24  # columns of what is compared
GAP = 2


@dataclass(frozen=True)
class _Row:
    what: str
    one: str
    other: str


async def compare(
    app: App[Any], run: RunListing, marked: Sequence[RunListing], runs: Sequence[RunListing], say: Callable[..., None]
) -> None:
    """Show two runs side by side: those that are marked; one that is, and `run`; or the baseline and `run`."""
    chosen = list(marked) if len(marked) > 1 else [*marked, run]
    if len(marked) < 2 and (not marked or marked[0].name == run.name):
        chosen = [*(one for one in runs if BASELINE in one.tags and one.name != run.name), run]
    if len(chosen) != 2:
        mark, pin = key("runs.mark", "space"), key("runs.baseline", "b")
        few = f"mark the run to compare this one with ({mark}), or have one as the baseline ({pin})"
        say(f"{len(marked)} runs are marked; two can be compared" if len(chosen) > 2 else few, wrong=True)
        return
    one, other = chosen
    phases = await to_thread(lambda: [_phase(one), _phase(other)])
    width = min(MOST_WIDTH, app.size.width - AROUND)
    text = side_by_side(one, other, phases, width)
    await app.push_screen(Message(text, title="side by side"))


def _phase(run: RunListing) -> Phase | str:
    try:
        return run.run.phase()
    except (UserError, OSError) as error:
        return str(error)


def side_by_side(one: RunListing, other: RunListing, phases: Sequence[Phase | str], width: int) -> str:
    """phases: those of both, or why one cannot be read. width: columns of the text."""
    parts = {
        "result": list(_results(one, other)),
        "data": list(_data(one, other)),
        "configuration": list(_configuration(phases[0], phases[1])),
    }
    name = min(MOST_NAME, max(len(row.what) for rows in parts.values() for row in rows) + 2)
    each = max(8, (width - name - 2 * GAP) // 2)
    lines = [_line(" " * name, visible(one.name), visible(other.name), name, each)]
    for title, rows in parts.items():
        lines += ["", title]
        for row in rows:
            lines += _wrapped(row, name, each)
        if not rows:
            wrong = [phase for phase in phases if isinstance(phase, str)] if title == "configuration" else []
            lines += [line for words in wrong or ["no difference"] for line in wrap(f"  {visible(words)}", width)]
    return "\n".join([*wrap(verdict(one, other), width), "", *lines])


def verdict(one: RunListing, other: RunListing) -> str:
    """Which is better, in the number that decides; or why that cannot be said."""
    names = visible(one.name), visible(other.name)
    for run, name in zip((one, other), names, strict=True):
        if run.summary.judged_bits_per_byte is None:
            return f"{name} has no evaluation yet, so the two cannot be compared by their results."
    distance = bits_above(one.summary, other.summary)
    if distance is None:
        return "Their validation texts differ, so their losses say nothing about one another."
    if number(abs(distance), ".2f") == "0.00":
        return "Neither is better: they differ by less than 0.01 bits per byte."
    better, worse = names if distance < 0 else names[::-1]
    by = f"{better} is better than {worse} by {abs(distance):.2f} bits per byte."
    return f"{by} Whether that is more than noise, two runs cannot tell."


def _results(one: RunListing, other: RunListing) -> Iterator[_Row]:
    mixes = any(run.summary.best_mixed_loss is not None for run in (one, other))
    learns_on = any(run.summary.best_adaptive_loss is not None for run in (one, other))
    for column, (mine, _), (its, _) in zip(COLUMNS, cells(one), cells(other), strict=True):
        if (column.mixed and not mixes) or (column.adaptive and not learns_on):
            continue
        if column.key in ALWAYS or (column.key not in NOT_RESULTS and mine != its):
            yield _Row(column.label, mine or NOTHING, its or NOTHING)


def _data(one: RunListing, other: RunListing) -> Iterator[_Row]:
    if one.data is None or other.data is None:
        yield _Row("data", *("not known yet" if run.data is None else "known" for run in (one, other)))
        return
    for (what, mine), its in zip(_of_data(one.data).items(), _of_data(other.data).values(), strict=True):
        if mine != its:
            yield _Row(what, mine or NOTHING, its or NOTHING)
    mine, its = one.summary.parent or "", other.summary.parent or ""
    if mine != its:
        yield _Row("started from", mine or NOTHING, its or NOTHING)


def _of_data(data: DataRecord) -> dict[str, str]:
    """What is told of it; of texts so much of their fingerprints as tells them apart."""
    return {
        "source": data.source,
        "training tokens": f"{data.train_tokens:,}",
        "validation tokens": f"{data.val_tokens:,}",
        "tokenizer": data.tokenizer,
        "vocabulary": f"{data.n_vocab:,}",
        "all text": data.corpus[:12],
        "validation text": data.val_text[:12],
        "text and tokens": data.fingerprint[:12],
        "to beat, nats": number(data.baseline.static.loss, ".4f") if data.baseline else "",
    }


def _configuration(one: Phase | str, other: Phase | str) -> Iterator[_Row]:
    if isinstance(one, str) or isinstance(other, str):
        return
    for found in differences(other, one):
        yield _Row(found.key, _value(found.was), _value(found.now))


def _value(value: object) -> str:
    return "unset" if value is None else value if isinstance(value, str) else shown(value)


def _wrapped(row: _Row, name: int, each: int) -> list[str]:
    """A row, in as many lines as its longer value needs."""
    one, other = (wrap(visible(text), each) or [""] for text in (row.one, row.other))
    return [
        _line(
            f"  {row.what}" if at == 0 else "", one[at] if at < len(one) else "", other[at] if at < len(other) else "",
            name, each,
        )
        for at in range(max(len(one), len(other)))
    ]  # fmt: skip


def _line(what: str, one: str, other: str, name: int, each: int) -> str:
    return f"{fit(what, name)}{' ' * GAP}{fit(one, each)}{' ' * GAP}{cut(other, each)}".rstrip()
