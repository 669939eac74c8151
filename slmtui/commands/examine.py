"""slmtui examine RUN: count what a run's model writes, over many samples, and test what it knows by heart.

slmtui examine latest                     samples judged; training and validation text asked for
slmtui examine phase2-001 --tokens 32     32 tokens given, are the next 32 exact?
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from slmtui.commands.options import add_checkpoints_option, whole
from slmtui.output import ExitStatus, put, put_json, say, visible
from slmtui.runs.run import find_run

HEART_SHOWN = 10


def main(arguments: Sequence[str]) -> ExitStatus:
    options = parser().parse_args(arguments)
    run = find_run(options.checkpoints, options.run)
    from slmtui.commands.complete import checkpoint_path
    from slmtui.insight.judging import examination
    from slmtui.insight.judging.examiner import Questions, dataset_of, examine  # torch, which --help does not need
    from slmtui.runs.checkpoint import load_checkpoint

    path = checkpoint_path(run.name, options.checkpoints, last=options.last)
    saved = load_checkpoint(path)
    asked = Questions(
        samples=options.samples, places=options.places, prefix=options.tokens, length=options.tokens, seed=options.seed
    )
    say(f"{path}: step {saved.step:,}, {saved.losses}")
    found = examine(saved, dataset_of(saved), asked)
    if not options.last:
        examination.keep(run, found)
        say(f"kept in {run.folder / examination.FILE}, where slmtui report {run.name} finds it")
    if options.json:
        put_json(json.dumps({"run": run.name, "checkpoint": str(path), **found}))
        return ExitStatus.DONE
    for line in examination.summary_lines(found):
        put(visible(line))
    put(examination.verdict(found))
    if places := found["by_heart"]:
        more = f" and {len(places) - HEART_SHOWN:,} more" if len(places) > HEART_SHOWN else ""
        put(visible(f"by heart: {', '.join(places[:HEART_SHOWN])}{more}"))
    return ExitStatus.DONE


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slmtui examine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="name of a run, or latest")
    parser.add_argument("--last", action="store_true", help="the newest checkpoint instead of the best; not kept")
    parser.add_argument("--samples", type=whole(0, 10_000), default=200, metavar="N", help="samples to judge")
    parser.add_argument("--places", type=whole(1, 10_000), default=200, metavar="N", help="places of each text to ask")
    parser.add_argument(
        "--tokens", type=whole(1, 1_000), default=16, metavar="K", help="tokens given, and tokens asked for"
    )
    parser.add_argument("--seed", type=whole(0), default=42, metavar="N", help="the same seed, the same places")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_checkpoints_option(parser)
    return parser
