"""Measure, and print a table: python -m benchmarks [NAME …] [--write]

Every row is a ratio of two sides that took turns, or a time beside what was promised of it; nothing is taken from
anywhere but the measurement. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import console, corpus, end_to_end, log, machine, quality, steps
from benchmarks.table import Row, markdown

MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "speed": console.speed,
    "latency": console.latency,
    "start": console.start,
    "headless": console.headless_loop,
    "log": log.replay,
    **{phase: partial(steps.step, phase) for phase in steps.TARGETS},
    "generation": steps.generation,
    **{f"{phase}-quality": partial(quality.reached, phase) for phase in quality.PHASES},
    "end-to-end": end_to_end.end_to_end,
    "inspection": corpus.inspection,
}
PAGE = Path("docs/benchmarks.md")
ABOUT = """\
# Benchmarks

Written by `make bench` (benchmarks/); change it there. Ratios are medians over turns (A B A B …): how many times as
fast, or as small, ours is. CPU time is that of all threads together. Each side is a process of its own, with torch's
number of threads, but ours with the number that slmtui chooses; waiting OpenMP threads soon sleep in ours, as slmtui
has them (openmp.py), and spin for milliseconds in the others, as torch has them. On a machine that is in use that alone
makes the others several times slower: believe such ratios only when idle.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure (default: all): {', '.join(MEASUREMENTS)}"
    )
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"{', '.join(sorted(unknown))}: no such measurement; there are {', '.join(MEASUREMENTS)}")
    if options.write and options.names:
        parser.error(f"--write replaces the whole of {PAGE}: leave the names out")
    used, rows = [machine.used_by_others()], []
    names = options.names or list(MEASUREMENTS)
    for number, name in enumerate(names, 1):
        say(f"{name} ({number} of {len(names)}) …")
        began = time.monotonic()
        measured = MEASUREMENTS[name]()
        say(*(f"    {row.name}: {row.value}" for row in measured), f"    {time.monotonic() - began:.0f} s")
        rows += measured
    used.append(machine.used_by_others())
    page = f"{ABOUT}\n{machine.header(used)}\n\n{markdown(rows)}\n"
    sys.stdout.write(page)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    return 0


def say(*lines: str) -> None:
    """How far it has come."""
    sys.stderr.writelines(f"{line}\n" for line in lines)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
