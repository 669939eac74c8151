"""Small datasets for the tests of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import Dataset, DatasetSettings, build_dataset

SCRIPT = '''\
"""Store the tickets of shop {i}."""
import shelving


def load_tickets_{i}(path):
    """Reads all tickets."""
    with open(path) as file:
        return [shelving.parse_ticket(line) for line in file]


def count_open_{i}(tickets, shelf="front"):
    total = 0
    for ticket in tickets:
        if ticket.shelf == shelf and not ticket.closed:
            total += ticket.weight * {i}
    return total
'''
PROSE = """\
The keeper of the lighthouse wrote down what the weather did. On day {i} the wind came from the north (as it
often does in autumn), and the boats stayed in the harbour. Nobody's nets were mended. He lit the lamp at {i} past
five, drank his tea and listened to the waves against the rocks below the tower.
"""


def python_dataset(folder: Path, files: int = 12, **vocabulary: Any) -> Dataset:
    """Scripts that differ in little but their names."""
    for i in range(files):
        (folder / f"shop_{i:02}.py").write_text(SCRIPT.format(i=i))
    return build_dataset(open_corpus(folder), DatasetSettings(**{"kind": "gpt2"} | vocabulary))


def prose_dataset(folder: Path) -> Dataset:
    for i in range(12):
        (folder / f"day_{i:02}.txt").write_text(PROSE.format(i=i))
    return build_dataset(open_corpus(folder), DatasetSettings(kind="gpt2"))
