"""The thread that completes: what fails is told to those who wait and to whoever serves, and the next are served."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from slmtui.data.tokenizer import BpeTokenizer
from slmtui.inference.batch import Batch, Draw, Sampling
from slmtui.inference.prompt import Prompt
from slmtui.model.gpt import GPTConfig, initial_gpt
from slmtui.serve.completion import Wanted
from slmtui.serve.engine import Engine, Job, Part
from slmtui.serve.speed import Speed
from tests.patience import PATIENCE


def test_what_fails_is_told_and_the_next_one_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    model = initial_gpt(GPTConfig(n_vocab=257, n_layer=1, n_head=1, n_embd=8, block_size=32), seed=1)
    whole_step, left = Batch.step, [1]

    def step(batch: Batch) -> Draw:
        if left:
            left.pop()
            raise MemoryError("no room for\x1b[31m this")
        return whole_step(batch)

    monkeypatch.setattr(Batch, "step", step)
    said: queue.Queue[str] = queue.Queue()
    heard: queue.Queue[Part] = queue.Queue()
    engine = Engine(model.eval(), BpeTokenizer([], end=True), Speed(), said.put)
    wanted = Wanted(Prompt(np.array([1, 2])), 3, Sampling(), 0, (), None)
    engine.submit([Job(wanted, heard.put)])
    assert heard.get(timeout=PATIENCE).finish == "failed"
    assert said.get(timeout=PATIENCE) == "a completion failed: MemoryError: no room for\\u001b[31m this"
    engine.submit([Job(wanted, heard.put)])
    assert heard.get(timeout=PATIENCE).finish in ("length", "stop")
    engine.close()


def test_who_got_it_before_it_was_closed_is_served_after_that() -> None:
    """A model is replaced, or its run deleted, between the two questions that a request asks."""
    model = initial_gpt(GPTConfig(n_vocab=257, n_layer=1, n_head=1, n_embd=8, block_size=32), seed=1)
    engine = Engine(model.eval(), BpeTokenizer([], end=True), Speed(), print)
    heard: queue.Queue[Part] = queue.Queue()
    for _ in range(2):
        engine.submit([Job(Wanted(Prompt(np.array([1, 2])), 3, Sampling(), 0, (), None), heard.put)])
        assert heard.get(timeout=PATIENCE).finish in ("length", "stop")
        engine.close()
        for thread in threading.enumerate():
            if thread.name == "engine":
                thread.join(PATIENCE)
