"""A run, its server, and OpenAI's client for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from slmtui.runs.run import Run
from slmtui.serve.running import address_of, listen, serve
from slmtui.session import begin
from tests.conftest import TINY


def trained(folder: Path, *overrides: str) -> Run:
    """A run of a tiny phase, whose corpus says something."""
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for noun in ("order", "ticket", "invoice", "sensor", "route", "parcel"):
        (corpus / f"{noun}s.py").write_text(
            f"import json\n\n\ndef load_{noun}(path):\n    with open(path) as file:\n        return json.load(file)\n"
            f"\n\ndef count_{noun}s({noun}s, limit):\n"
            f"    return sum(1 for {noun} in {noun}s if {noun}.size > limit)  # é\n"
        )
    phase: Phase = parse_phase(TINY.format(source=corpus), "tiny.toml", ["model.block_size=32", *overrides])
    session = begin(phase, folder / "checkpoints")
    for _ in session.events:
        pass
    return session.run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("served"))


class Server:
    """`slmtui serve` in a thread of this process."""

    def __init__(self, address: str, said: list[str]) -> None:
        self.address, self.said = address, said
        self.port = int(address.rpartition(":")[2])


@contextmanager
def serving(checkpoints: Path, *names: str, api_key: str | None = None) -> Iterator[Server]:
    ready, until, said, failures = threading.Event(), threading.Event(), list[str](), list[BaseException]()

    def work() -> None:
        try:
            serve(listening, checkpoints, names, said.append, api_key=api_key, ready=ready.set, until=until)
        except BaseException as error:
            failures.append(error)
            ready.set()

    with listen("127.0.0.1", 0) as listening:
        server = Server(address_of(listening), said)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert ready.wait(120)
        try:
            if not failures:
                yield server
        finally:
            until.set()
            thread.join(120)
            assert not thread.is_alive()
        if failures:
            raise failures[0]


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[Server]:
    with serving(run.folder.parent) as server:
        yield server
