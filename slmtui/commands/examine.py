"""slmtui examine RUN: count what a run's model writes, over many samples, test what it knows by heart, and how useful
it is to somebody who writes: how much of a line it completes rightly, at many places of the validation text.

slmtui examine latest                     samples judged; text asked for, lines completed
slmtui examine phase2-001 --tokens 32     32 tokens given, are the next 32 exact?
slmtui examine recipes/02                 the seeds of a study's cell together, and what they gain by it
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from slmtui.commands.options import (
    Job,
    checkpoints_option,
    json_option,
    named_model,
    run_or_cell_argument,
    seed_option,
    whole,
)
from slmtui.config.errors import printable
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.insight.judging import examination
from slmtui.insight.judging.examination import Examination, Questions
from slmtui.output import ExitStatus, put, put_json, said_if_slow, say, visible
from slmtui.runs.run import Run
from slmtui.words import plural

NETWORK_ALONE = "what it knows by heart was asked of the network alone, without the n-gram model mixed into it"
USUAL = Questions()


@click.command(cls=Job, help=__doc__)
@run_or_cell_argument
@click.option("--last", is_flag=True, help="the newest checkpoint instead of the best; the result is not saved")
@click.option(
    "--samples",
    type=whole(0, 10_000),
    default=str(USUAL.samples),
    metavar="N",
    help=f"samples to judge (default: {USUAL.samples})",
)
@click.option(
    "--places",
    type=whole(1, 10_000),
    default=str(USUAL.places),
    metavar="N",
    help=f"positions of each text to test, and lines to complete, fewer of a large model (default: {USUAL.places})",
)
@click.option(
    "--tokens",
    type=whole(1, 1_000),
    default=str(USUAL.prefix),
    metavar="K",
    help=f"tokens given as a prompt, and tokens expected back (default: {USUAL.prefix})",
)
@click.option("--bleu", is_flag=True, help="also BLEU of the completed lines: pip install 'slmtui[bleu]'")
@seed_option("places")
@json_option("one JSON object")
@checkpoints_option
def command(
    run: str,
    last: bool,
    samples: int,
    places: int,
    tokens: int,
    bleu: bool,
    seed: int,
    as_json: bool,
    checkpoints: Path,
) -> ExitStatus:
    last = last or _names_the_last(run)
    named, paths = named_model(run, checkpoints, last=last)
    examined = named if isinstance(named, Run) else None
    from slmtui.insight.judging.examiner import dataset_of, examine  # torch, which --help does not need
    from slmtui.insight.judging.together import together
    from slmtui.runs.ensemble import SavedEnsemble, load_models

    path = str(paths[0] if examined is not None else named)
    with said_if_slow(f"{path}: loading the model"):
        saved = load_models(paths)
    asked = Questions(samples=samples, places=places, prefix=tokens, length=tokens, seed=seed, bleu=bleu)
    say(f"{path}: step {saved.step:,}, {saved.losses}")
    with said_if_slow(f"{path}: reading its text"):
        dataset = dataset_of(saved)
    with said_if_slow(f"{path}: completing at {plural(places, 'place')} of its validation text"):
        found = examine(saved, dataset, asked)
        gain = together(saved, dataset) if isinstance(saved, SavedEnsemble) else None
    if as_json:
        of_ensemble = {} if gain is None else {"together": dataclasses.asdict(gain)}
        what = {"run": run if examined is None else examined.name, "checkpoint": path}
        put_json(json.dumps({**what, **found.to_dict(), **of_ensemble}))
    else:
        show(found)
        if gain is not None:
            put(visible(gain.words))
        if saved.model.mixture is not None:
            put(NETWORK_ALONE)
    if examined is not None and not last:
        try:
            examination.keep(examined, found)
            say(f"kept in {examined.folder / examination.FILE}, where {examined.command('report')} finds it")
        except UserError as error:  # what was asked for is on the screen all the same
            say(f"{error}, so {examined.command('report')} will not show it")
    return ExitStatus.DONE


def show(found: Examination) -> None:
    """Print what was found, in sentences."""
    for line in examination.summary_lines(found):
        put(visible(line))
    put(examination.verdict(found.extraction))
    if found.by_heart:
        put(visible(f"by heart: {examination.places_by_heart(found)}"))
    if found.usefulness is not None:
        for line in examination.usefulness_lines(found.usefulness):
            put(line)


def _names_the_last(run: str) -> bool:
    """Whether a run was named by its last.pt; UserError for a checkpoint that is neither that nor best.pt."""
    path = Path(run)
    if path.suffix == ".pt" and path.name not in ("best.pt", "last.pt"):
        what = "is neither the best.pt nor the last.pt of a run; only these are examined"
        raise UserError(f"{printable(run, limit=200)}: {what if is_there(path) else 'no such checkpoint'}")
    return path.name == "last.pt"
