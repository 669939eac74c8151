"""slmtui examine RUN: count what a run's model writes, over many samples, test what it knows by heart, and how useful
it is to somebody who writes: how much of a line it completes rightly, at many places of the validation text.

slmtui examine latest                     samples judged; text asked for, lines completed
slmtui examine phase2-001 --tokens 32     32 tokens given, are the next 32 exact?
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, json_option, run_argument, saved_model, seed_option, whole
from slmtui.errors import UserError
from slmtui.insight.judging import examination
from slmtui.insight.judging.examination import Examination, Questions
from slmtui.output import ExitStatus, put, put_json, say, visible
from slmtui.runs.run import find_run

NETWORK_ALONE = "what it knows by heart was asked of the network alone, without the n-gram model mixed into it"
USUAL = Questions()


@click.command(cls=Job, help=__doc__)
@run_argument
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
    examined = find_run(checkpoints, run)
    last = last or _names_the_last(run)
    from slmtui.insight.judging.examiner import dataset_of, examine  # torch, which --help does not need
    from slmtui.runs.checkpoint import load_model

    path = saved_model(examined, last=last)
    saved = load_model(path)
    asked = Questions(samples=samples, places=places, prefix=tokens, length=tokens, seed=seed, bleu=bleu)
    say(f"{path}: step {saved.step:,}, {saved.losses}")
    found = examine(saved, dataset_of(saved), asked)
    if as_json:
        put_json(json.dumps({"run": examined.name, "checkpoint": str(path), **found.to_dict()}))
    else:
        show(found)
        if saved.model.mixture is not None:
            put(NETWORK_ALONE)
    if not last:
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
        raise UserError(f"{run} is neither the best.pt nor the last.pt of a run; only these are examined")
    return path.name == "last.pt"
