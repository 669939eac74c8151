"""slmtui complete RUN ["prompt" …]: complete prompts with the model of a run.

Prompts may come from a pipe, one a line; with neither, at a terminal, a line-by-line prompt.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from slmtui.commands.options import MOST_SEED, add_checkpoints_option, real, whole
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, put_json, say
from slmtui.runs.run import find_run


def main(arguments: Sequence[str]) -> ExitStatus:
    options = parser().parse_intermixed_args(arguments)  # prompts may stand before and after options
    from slmtui.inference.generation import Sampling, complete  # torch, which --help does not need
    from slmtui.runs.checkpoint import load_checkpoint

    path = checkpoint_path(options.run, options.checkpoints, last=options.last)
    saved = load_checkpoint(path)
    settings = saved.phase.sampling
    sampling = Sampling(
        temperature=settings.temperature if options.temperature is None else options.temperature,
        top_k=settings.top_k if options.top_k is None else options.top_k,
        top_p=settings.top_p if options.top_p is None else options.top_p,
    )
    n_tokens = settings.tokens if options.tokens is None else options.tokens
    say(f"{path}: step {saved.step:,}, {saved.losses}")
    for number, prompt in enumerate(prompts(options.prompts)):
        if number and not options.json:
            put("")  # a completion may have lines of its own
        pieces = complete(saved.model, saved.tokenizer, prompt, n_tokens, sampling, options.seed)
        if options.json:
            put_json(json.dumps({"checkpoint": str(path), "step": saved.step, "seed": options.seed,
                            "prompt": prompt, "text": "".join(pieces)}, ensure_ascii=False))  # fmt: skip
            continue
        put(prompt, end="")
        for piece in pieces:
            put(piece, end="")
        put("")
    return ExitStatus.DONE


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slmtui complete", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="name of a run, latest, or a checkpoint file")
    parser.add_argument("prompts", nargs="*", metavar="prompt")
    parser.add_argument("--last", action="store_true", help="the newest checkpoint instead of the best")
    parser.add_argument("--tokens", type=whole(1), metavar="N", help="length of the completion")
    parser.add_argument("--temperature", type=real(0.0), metavar="T", help="0 takes the likeliest token")
    parser.add_argument("--top-k", type=whole(0), metavar="K", help="draw from the K likeliest; 0: from all")
    parser.add_argument(
        "--top-p", type=real(0.0, 1.0, above=True), metavar="P", help="draw from the likeliest that reach P"
    )
    parser.add_argument(
        "--seed", type=whole(0, MOST_SEED), default=42, metavar="N", help="the same seed, the same text"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON line for each prompt")
    add_checkpoints_option(parser)
    return parser


def checkpoint_path(name: str, checkpoints: Path, *, last: bool) -> Path:
    """The checkpoint that a name on the command line means."""
    if name.endswith(".pt"):
        return Path(name)
    run = find_run(checkpoints, name)
    path = run.last if last else run.best
    if not path.exists():
        raise UserError(f"{run.name} has no {path.name} yet: one is saved at its first evaluation")
    return path


def prompts(given: Sequence[str]) -> Iterable[str]:
    """What was given on the command line, else the lines of a pipe, else what a person types."""
    if given:
        for number, prompt in enumerate(given, 1):
            yield from _usable(os.fsencode(prompt), f"prompt {number}")
    elif not sys.stdin.isatty():
        for number, line in enumerate(sys.stdin.buffer, 1):
            yield from _usable(line.rstrip(b"\r\n"), f"stdin:{number}")
    else:
        yield from _ask()


def _ask() -> Iterator[str]:
    import readline  # noqa: F401  (editing and history for input())

    say("type a prompt and press enter; ctrl+d ends")
    while True:
        try:
            prompt = input("› ")
        except EOFError:
            put("")
            return
        if prompt:
            yield prompt


def _usable(raw: bytes, where: str) -> Iterator[str]:
    """The prompt, unless it is empty."""
    try:
        prompt = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8: byte 0x{raw[error.start]:02x} at {error.start + 1}") from None
    if prompt:
        yield prompt
    else:
        say("an empty prompt is left out: a completion has to begin with something")
