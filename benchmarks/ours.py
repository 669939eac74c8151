"""Our side: work for a process of its own (worker.py). torch is imported once it is settled how its threads wait."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.work import GENERATED, PROMPT, Found, Work, published, repeated
from slmtui import openmp
from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase
from slmtui.training import events

if TYPE_CHECKING:
    from slmtui.training.state import Training

ENDLESS = ("training.max_iters=10000", "evaluation.interval=10000", "sampling.prompts=[]")
PEAK_SIZE = 2048  # rows and columns of the matrices whose product is the machine's best


def step(phase: str, precision: str, threads: str = '"auto"') -> Work:
    """A step of `train()`, the generator that headless and console alike draw on."""
    training = start(published(phase, *ENDLESS, f"training.precision={precision}", f"training.threads={threads}"))
    from slmtui.training.trainer import train

    training.evaluated_at = 0  # as if the evaluation before the first step were done
    happening = train(training)
    next(happening)  # "run_started"
    return repeated(lambda: next(happening))


def tokens(phase: str, n_prompts: str) -> Work:
    """A completion of each of so many prompts at once."""
    training = start(published(phase, *ENDLESS, "training.precision=fp32"))
    from slmtui.inference.batch import Sampling
    from slmtui.inference.generation import generate

    prompts = [training.dataset.tokenizer.encode(PROMPT)] * int(n_prompts)
    return repeated(lambda: list(generate(training.model, prompts, GENERATED, Sampling(), range(len(prompts)))))


def best(phase: str) -> Work:
    """The whole of a published phase in fp32; finds its best evaluation on all of the validation text.

    The published evaluations, which are drawn from the stream of the batches, take place as well: the training is the
    published one, and what is added to it between two of its events draws nothing.
    """
    training = start(published(phase, "sampling.prompts=[]"))
    from slmtui.data.baseline import bits_per_byte
    from slmtui.training.evaluation import full_loss
    from slmtui.training.trainer import train

    val = training.dataset.val

    def work(_once: int) -> Found:
        found: Found = {}
        for event in train(training):
            if isinstance(event, events.Evaluation):
                bits = bits_per_byte(full_loss(training.model, val), len(val.tokens), val.n_bytes)
                if bits < found.get("bits", 1e9):
                    found = {"bits": bits, "step": event.step}
        return found

    return work


def reach(file: str, bits: str) -> Work:
    """Train a phase from nothing until its validation loss is at most so many bits per byte, or it ends."""
    phase, wanted = load_phase(Path(file)), float(bits)
    dataset = start(phase).dataset
    from slmtui.training.hardware import choose_machine
    from slmtui.training.state import Training
    from slmtui.training.trainer import train

    def once() -> Found:
        found: Found = {"bits": 1e9, "step": 0}
        for event in train(Training.start(phase, dataset, choose_machine(phase.training))):
            if isinstance(event, events.Evaluation) and event.bits_per_byte < found["bits"]:
                found = {"bits": event.bits_per_byte, "step": event.step}
                if event.bits_per_byte <= wanted:
                    break
        return found

    return lambda times: [once() for _ in range(times)][-1]


def peak(threads: str = "") -> Work:
    """A product of two large matrices, with all cores, or so many threads."""
    openmp.set_wait_policy()
    import torch

    torch.set_num_threads(int(threads or torch.get_num_threads()))
    left, right = torch.randn(2, PEAK_SIZE, PEAK_SIZE)
    product = torch.empty(PEAK_SIZE, PEAK_SIZE)
    return repeated(lambda: torch.mm(left, right, out=product))


def loop(phase: str, steps: str) -> Work:
    """So many turns of steps, under all that headless does around a step and without; finds the seconds of a step."""
    openmp.set_wait_policy()
    from benchmarks.loop import headless_and_bare

    return lambda turns: headless_and_bare(phase, turns, int(steps))


def inspect(path: str) -> Work:
    """The inspection of a file."""
    from slmtui.data.corpus import open_corpus
    from slmtui.data.dataset import DatasetSettings
    from slmtui.data.inspection import inspect_corpus

    def once() -> None:
        with (
            TemporaryDirectory() as cache,
            patch.dict(os.environ, {"XDG_CACHE_HOME": cache}),
        ):  # as if for the first time
            inspect_corpus(open_corpus([Path(path)]), DatasetSettings(kind="gpt2"))

    return repeated(once)


def start(phase: Phase) -> Training:
    openmp.set_wait_policy()
    from slmtui.training.hardware import choose_machine
    from slmtui.training.prepare import prepare_dataset
    from slmtui.training.state import Training

    return Training.start(phase, prepare_dataset(phase), choose_machine(phase.training))


KINDS: dict[str, Callable[..., Work]] = {
    "our-step": step,
    "our-tokens": tokens,
    "best": best,
    "reach": reach,
    "peak": peak,
    "loop": loop,
    "inspect": inspect,
}
