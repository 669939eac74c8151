"""A million records of JSONL, 1 GB, in bounded memory; in the ordinary tests a hundred of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

BUDGET = 600  # MB, of a process that inspects a text of 1 GB

# Inspects the records of a file and makes a dataset of them; prints seconds and the peak of the process's memory in MB.
MEASURE = """
import re, resource, sys, time
from pathlib import Path
from slmtui.data.corpus import open_corpus
from slmtui.data.dataset import DatasetSettings, build_dataset
from slmtui.data.documents import DocumentForm
from slmtui.data.inspection import inspect_corpus
def done(what):
    status = Path("/proc/self/status")  # getrusage counts the memory of the process that this one was forked from
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 1024 if status.exists() else (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    )
    print(what, time.perf_counter() - begin, peak, flush=True)
begin = time.perf_counter()
corpus = open_corpus(sys.argv[1], form=DocumentForm(field="text"))
done("opened")
build_dataset(corpus, DatasetSettings(kind="bpe", split="by-document"))
done("built")
inspection = inspect_corpus(corpus, DatasetSettings(kind="gpt2-compact", split="by-document"))
done("inspected")
assert inspection.documents == int(sys.argv[2]), inspection.documents
"""


def write_records(path: Path, count: int) -> None:
    """Records of about 1,000 characters, of words that a corpus has in common and of some that it has not."""
    random.seed(1)
    words = ["".join(random.choices("etaoinshrdlu", k=random.randint(2, 9))) for _ in range(20_000)]
    with path.open("w") as file:
        for number in range(count):
            text = " ".join(random.choices(words, k=144))
            file.write(json.dumps({"id": number, "text": f"{text} {number}"}) + "\n")


@pytest.mark.parametrize("count", [100, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_memory_stays_bounded(tmp_path: Path, count: int) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, count)
    megabytes = path.stat().st_size / 1e6
    output = subprocess.run([sys.executable, "-c", MEASURE, str(path), str(count)], stdout=subprocess.PIPE, text=True)
    assert output.returncode == 0
    before = 0.0
    for what, seconds, peak in (line.split() for line in output.stdout.splitlines()):
        spent, before = float(seconds) - before, float(seconds)
        print(f"{what}: {megabytes / spent:.1f} MB/s, {float(peak):.0f} MB")  # noqa: T201
        assert float(peak) < BUDGET
