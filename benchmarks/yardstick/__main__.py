"""Measure texts, keep the rows, and write the page: python -m benchmarks.yardstick [OPTIONS]"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.yardstick import measure
from benchmarks.yardstick.compressors import ppmd_price, zpaq_price
from benchmarks.yardstick.page import page, tables
from benchmarks.yardstick.rows import FILE, TextRow, joined, read_rows, write_rows
from benchmarks.yardstick.texts import ORDER, QUICK, SHAKESPEARE, Text, all_texts, in_folder, own_texts
from slmtui.config.limits import SEED
from slmtui.errors import UserError

PAGE = Path("docs/yardstick.md")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.page:
        PAGE.write_text(page(read_rows(FILE).values()), encoding="utf-8")
        return 0
    own = own_texts([path for folder in options.texts for path in in_folder(folder)] + options.text)
    texts = own or all_texts(options.shakespeare)
    if options.quick:
        texts = [text for text in texts if text.own or text.name in QUICK]
    if options.only:
        if unknown := set(options.only) - {text.name for text in texts}:
            known = ", ".join(text.name for text in texts)
            sys.exit(f"{', '.join(sorted(unknown))}: no such text; there are {known}")
        texts = [text for text in texts if text.name in options.only]
    say_what_is_missing(options.shakespeare)
    rows, measured = read_rows(options.rows), []
    for number, text in enumerate(texts, 1):
        say(f"{text.name} ({number} of {len(texts)}) …")
        began = time.monotonic()
        try:
            row = measured_row(text, seeds=0 if options.no_training else options.seeds)
        except UserError as error:
            say(f"    left out: {error}")
            continue
        say(f"    {time.monotonic() - began:.0f} s")
        measured.append(row)
        if not text.own or options.rows != FILE:  # at once, since the next one may take an hour
            rows[row.name] = joined(rows.get(row.name), row)
            write_rows(options.rows, rows, ORDER)
    if not own and options.rows == FILE:
        PAGE.write_text(page(read_rows(FILE).values()), encoding="utf-8")
    sys.stdout.write(tables(measured) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.yardstick", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="a text by name; may be repeated")
    parser.add_argument("--quick", action="store_true", help=f"the smallest texts alone: {', '.join(QUICK)}")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each text (default: 3)")
    parser.add_argument("--no-training", action="store_true", help="compressors and counting alone")
    parser.add_argument(
        "--texts", action="append", type=Path, default=[], metavar="FOLDER",
        help="instead of ours, each file and each folder in FOLDER as a text; or a file",
    )  # fmt: skip
    parser.add_argument(
        "--text", action="append", type=Path, default=[], metavar="PATH", help="a file or a folder as one text"
    )
    parser.add_argument("--page", action="store_true", help=f"measure nothing, and make {PAGE} of the rows again")
    parser.add_argument("--shakespeare", type=Path, metavar="FILE", help=f"tinyshakespeare (default: {SHAKESPEARE})")
    parser.add_argument(
        "--rows", type=Path, default=FILE, metavar="FILE",
        help=f"where rows are kept (default: {FILE}, which has no texts of one's own, and is made into {PAGE})",
    )  # fmt: skip
    return parser


def measured_row(text: Text, seeds: int) -> TextRow:
    """Everything that can be measured here of a text."""
    with TemporaryDirectory() as folder:
        phase, dataset = measure.suggested_phase(text.make(Path(folder)), text.overrides, timed=seeds > 0)
        train, val = (measure.side_bytes(dataset, side) for side in (dataset.train, dataset.val))
        row = dataclasses.replace(
            measure.row_of(text.name, phase, dataset),
            ppmd=ppmd_price(train, val),
            zpaq=zpaq_price(train, val),
            counting=measure.counting(dataset),
        )
        for seed in range(SEED, SEED + seeds):
            row.trained[str(seed)] = measure.trained(phase, seed)
            say(f"    seed {seed}: {row.trained[str(seed)].static:.3f} bits per byte")
    return row


def say_what_is_missing(shakespeare: Path | None) -> None:
    """What the table will lack, and how to have it."""
    if importlib.util.find_spec("pyppmd") is None:
        say("no PPMd: pyppmd is not installed (pip install 'slmtui[bench]')")
    if shutil.which("zpaq") is None:
        say("no zpaq: it is not installed (apt-get install zpaq)")
    if not (shakespeare or SHAKESPEARE).is_file():
        say(f"no tinyshakespeare: {shakespeare or SHAKESPEARE} is not there; name it with --shakespeare FILE")


def say(*lines: str) -> None:
    """How far it has come."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
