"""slmtui complete RUN ["prompt" …]: complete prompts with the model of a run.

Prompts may come from a pipe, one a line; with neither, at a terminal, they are asked for line by line. The first
completion is drawn with the seed, each further one with the next. The path of a checkpoint file may stand for the run,
and STUDY/CELL for the seeds of a study's cell, whose networks then predict together.
A model that learns on ([model] context_mixing, where "adaptive" decides, as it does unless [evaluation] decides says
otherwise) also learns from the files named with --context.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from slmtui.commands.options import (
    Job,
    checkpoints_option,
    json_option,
    named_model,
    run_or_cell_argument,
    seed_option,
    setting,
)
from slmtui.config.errors import printable
from slmtui.config.limits import LARGEST_SEED
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.inference.context_file import decoded, read_context
from slmtui.inference.sample_set import read_prompts
from slmtui.output import ExitStatus, put, put_json, said_if_slow, say
from slmtui.runs.cells import Cell
from slmtui.words import duration

READING = 20e-6  # seconds that counts take to learn a byte


@click.command(cls=Job, help=__doc__)
@run_or_cell_argument
@click.argument("given", nargs=-1, metavar='["prompt" …]')
@click.option("--last", is_flag=True, help="the newest checkpoint instead of the best")
@click.option("--tokens", type=setting("tokens"), metavar="N", help="length of the completion")
@click.option(
    "--temperature", "temperatures", type=setting("temperature"), multiple=True, metavar="T",
    help="0 takes the likeliest token; several, to compare: --temperature 0 --temperature 1",
)  # fmt: skip
@click.option("--prompts", "sample_set", metavar="FILE", help="complete the prompts of a sample set (JSON lines), too")
@click.option("--top-k", type=setting("top_k"), metavar="K", help="draw from the K likeliest; 0: from all")
@click.option("--top-p", type=setting("top_p"), metavar="P", help="draw from the likeliest that reach P")
@click.option(
    "--context", multiple=True, metavar="FILE", help="text to read before each prompt; can be given again and again"
)
@click.option("--stop", multiple=True, metavar="TEXT", help="stop before TEXT; can be given again and again")
@click.option("--samples", type=click.IntRange(1, 1000), default=1, metavar="N", help="completions of each prompt")
@seed_option("text")
@json_option("one JSON line for each prompt")
@checkpoints_option
def command(
    run: str,
    given: tuple[str, ...],
    last: bool,
    tokens: int | None,
    temperatures: tuple[float, ...],
    sample_set: str | None,
    top_k: int | None,
    top_p: float | None,
    context: tuple[str, ...],
    stop: tuple[str, ...],
    samples: int,
    seed: int,
    as_json: bool,
    checkpoints: Path,
) -> ExitStatus:
    named, paths = (run, [Path(run)]) if run.endswith(".pt") else named_model(run, checkpoints, last=last)
    if not is_there(paths[0]):
        raise UserError(f"{printable(run, limit=200)}: no such checkpoint")
    if "" in context:
        raise UserError('--context "": names no file')
    before = [read_context(Path(name), "--context ") for name in context]
    of_set = [] if sample_set is None else read_prompts(Path(sample_set))
    from slmtui.inference.batch import Sampling
    from slmtui.inference.generation import complete  # torch, which a wrong name need not wait for
    from slmtui.runs.ensemble import load_models

    shown = str(named) if isinstance(named, Cell) else str(paths[0])
    with said_if_slow(f"{shown}: loading the model"):
        saved = load_models(paths)
    settings = saved.phase.sampling
    top_k, top_p = settings.top_k if top_k is None else top_k, settings.top_p if top_p is None else top_p
    samplings = [Sampling(temperature=one, top_k=top_k, top_p=top_p) for one in temperatures or (settings.temperature,)]
    n_tokens = settings.tokens if tokens is None else tokens
    stops = tuple(text for text in stop if text) or settings.stop
    say(f"{shown}: step {saved.step:,}, {saved.losses}")
    learns = saved.phase.decides == "adaptive"
    if before and not learns:
        why = (
            f'evaluation.decides = "{saved.phase.decides}"' if saved.phase.model.context_mixing else "no context_mixing"
        )
        say(f"warning: this model learns nothing from --context ({why}); it goes by the last tokens before each word")
    asked = ((where, prompt) for where, prompt in prompts(given, of_set) for _ in range(samples))
    drawn = ((number, *one, sampling) for number, one in enumerate(asked) for sampling in samplings)
    for number, where, prompt, sampling in drawn:
        if not as_json and (number or sampling is not samplings[0]):
            put("")  # a completion may have lines of its own
        if len(samplings) > 1:
            say(f"temperature {sampling.temperature:g}:")
        n = sum(len(saved.tokenizer.encode(text)) for text in (*before, prompt))
        if n > (most := saved.model.config.block_size) and sampling is samplings[0]:
            who, counts = ("network", "; the counts learn from all of them") if learns else ("model", "")
            seconds = READING * sum(len(text.encode()) for text in (*before, prompt))
            if learns and seconds >= 3:
                counts += f" first, which takes about {duration(seconds)}"
            say(f"{where}: {n:,} tokens, of which the {who} reads the last {most:,} (block_size){counts}")
        own_seed = (seed + number) % (LARGEST_SEED + 1)
        pieces = complete(saved.model, saved.tokenizer, prompt, n_tokens, sampling, own_seed, stops, before)
        if as_json:
            record = {"checkpoint": shown, "step": saved.step, "seed": own_seed, "temperature": sampling.temperature}
            put_json(json.dumps(record | {"prompt": prompt, "text": "".join(pieces)}, ensure_ascii=False))
            continue
        with said_if_slow(f"{where}: reading the prompt"):
            begin = next(pieces, "")
        put(prompt + begin, end="")
        for piece in pieces:
            put(piece, end="")
        put("")
    return ExitStatus.DONE


def prompts(given: Sequence[str], of_set: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What was given on the command line and those of a sample set, else the lines of a pipe, else what a person types;
    each with its place."""
    if given or of_set:
        for number, prompt in enumerate(given, 1):
            yield f"prompt {number}", decoded(os.fsencode(prompt), f"prompt {number}")
        yield from ((f"prompt {number}", prompt) for number, prompt in enumerate(of_set, len(given) + 1))
    elif not sys.stdin.isatty():
        for number, line in enumerate(sys.stdin.buffer, 1):
            yield f"stdin:{number}", decoded(line.rstrip(b"\r\n"), f"stdin:{number}")
    else:
        yield from _ask()


def _ask() -> Iterator[tuple[str, str]]:
    import readline  # noqa: F401  (editing and history for input())

    say("type a prompt and press enter; ctrl+d ends")
    while True:
        try:
            yield "prompt", input("› ")
        except EOFError:
            put("")
            return
