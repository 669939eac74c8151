"""A tiny project to train in: a corpus of a few functions, and phases that take a fraction of a second."""

from __future__ import annotations

import gc
import os
import re
import sys

# Before anything imports torch: the tests run beside one another, so that no thread may keep a core while it waits.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from slmtui.cli import main
from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from slmtui.cores import usable_cores
from slmtui.project import set_up
from tests.digits import other_torch

# The same examples each time, and none refused for the speed of a busy machine.
UNHURRIED = (HealthCheck.too_slow, HealthCheck.filter_too_much)
settings.register_profile("slmtui", derandomize=True, deadline=None, suppress_health_check=UNHURRIED)
settings.load_profile("slmtui")

# With Python's usual thresholds, all objects of torch and Textual are looked through several times in a console's test
# for some that can go: two fifths of the processor time of such a test.
gc.set_threshold(50_000, 10, 10)

MakePhase = Callable[..., Phase]
pytest_plugins = ["tests.cpu_times", "tests.processes", "tests.compiled", "tests.counted_once"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", choices=("cpu", "cuda", "mps"), help="where tests/device trains (default: cpu)"
    )


def pytest_report_header() -> list[str]:
    return [note] if (note := other_torch()) else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: the process that begins with them leaves the rest of its share to the others."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores, since many tests wait: for a terminal, a signal, a beat of the console."""
    return usable_cores() + 1


TINY = """\
[phase]
name = "tiny"
[data]
source = "{source}"
[model]
n_layer = 2
n_head = 2
n_embd = 16
block_size = 8
[training]
max_iters = 12
batch_size = 4
learning_rate = 1e-2
device = "cpu"
precision = "fp32"
threads = 1
[evaluation]
interval = 4
[sampling]
prompts = ["def "]
tokens = 5
"""


def write_corpus(folder: Path) -> Path:
    """Into a new folder: six small Python files that differ."""
    folder.mkdir()
    for i, noun in enumerate(("order", "ticket", "invoice", "sensor", "route", "parcel")):
        (folder / f"{noun}s.py").write_text(
            f"import json\n\n\ndef load_{noun}(path):\n"
            "    with open(path) as handle:\n        return json.load(handle)\n\n"
            f"\ndef count_{noun}s({noun}s, limit={i}):\n"
            f"    return sum(1 for {noun} in {noun}s if {noun}.size > limit)\n"
        )
    return folder


def set_up_small(folder: Path) -> None:
    """What `slmtui init` makes, with a third of the corpus, and in quick.toml a sixteenth of the tokens for each step.

    Both are what most commands take their time for.
    """
    set_up(folder)
    quick = folder / "phases" / "quick.toml"
    text = re.sub(r"(?m)^block_size = \d+", "block_size = 64", quick.read_text())
    quick.write_text(re.sub(r"(?m)^batch_size = \d+", "batch_size = 4", text))
    for number, script in enumerate(sorted((folder / "data" / "chromadb").iterdir())):
        if number % 3:
            script.unlink()


def trained_project(folder: Path, *words: str) -> Path:
    """A folder with tiny.toml and a run of it, to copy to wherever a test wants one: its corpus is named from there."""
    write_corpus(folder / "corpus")
    (folder / "tiny.toml").write_text(TINY.format(source="corpus"))
    with chdir(folder):
        assert main(["--headless", "tiny.toml", *words]) == 0
    return folder


def phases_of(toml: str) -> MakePhase:
    def make(*overrides: str) -> Phase:
        return parse_phase(toml, "tiny.toml", overrides)

    return make


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of six small Python files that differ."""
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def tiny_toml(corpus: Path) -> str:
    return TINY.format(source=corpus)


@pytest.fixture
def make_phase(tiny_toml: str) -> MakePhase:
    """A tiny phase, with overrides as on the command line: make_phase("training.max_iters=3")."""
    return phases_of(tiny_toml)


@pytest.fixture(scope="module")
def make_shared_phase(tmp_path_factory: pytest.TempPathFactory) -> MakePhase:
    """The same with a corpus that the tests of a file share, for runs that are trained once for all of them."""
    return phases_of(TINY.format(source=write_corpus(tmp_path_factory.mktemp("shared") / "corpus")))


@pytest.fixture(autouse=True, scope="session")
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What whoever runs the tests has set is theirs.

    Not by a test's own `monkeypatch`, which would then be undone after what else of the test is cleaned up.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(autouse=True)
def arithmetic_as_it_was() -> Iterator[None]:
    """A training turns denormal numbers off for its whole thread; the next test, and hypothesis, expect them."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
