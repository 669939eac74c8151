"""The other end of `Worker` (workers.py): a process that does one kind of work, so much of it at a time as it is told.

    python -m benchmarks.worker our-step phase2 fp32

Numbers come in on stdin, a line each; out goes a line of JSON with what it took. A process for each side, so that
neither has the other's memory, threads or settings.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.textbook import Textbook
    from slmtui.training.state import Training

Work = Callable[[int], object]  # told how much
PROMPT = "import chromadb"
GENERATED = 100  # tokens: within the block of phase 4
ENDLESS = ("training.max_iters=10000", "evaluation.interval=10000", "sampling.prompts=[]")


def our_step(phase: str, precision: str) -> Work:
    """So many steps of `train()`, the generator that headless and console alike draw on."""
    training = _our_training(phase, precision)
    from slmtui.training.trainer import train

    training.evaluated_at = 0  # as if the evaluation before the first step were done
    happening = train(training)
    next(happening)  # "resumed"
    return lambda n: [next(happening) for _ in range(n)]


def textbook_step(phase: str, precision: str) -> Work:
    loop = _textbook(phase, precision)
    return lambda n: [loop.step() for _ in range(n)]


def our_tokens(phase: str, n_prompts: str = "1") -> Work:
    """So many completions of each of the prompts."""
    training = _our_training(phase, "fp32")
    from slmtui.model.generation import Sampling, generate

    prompts = [training.dataset.tokenizer.encode(PROMPT)] * int(n_prompts)
    return lambda n: [
        list(generate(training.model, prompts, GENERATED, Sampling(), range(len(prompts)))) for _ in range(n)
    ]


def textbook_tokens(phase: str) -> Work:
    from slmtui.data.tokenizer import gpt2_tokenizer

    loop, prompt = _textbook(phase, "fp32"), gpt2_tokenizer().encode(PROMPT)
    return lambda n: [loop.generate(prompt, GENERATED) for _ in range(n)]


def inspect(path: str) -> Work:
    """So many inspections of a file."""
    from slmtui.data.corpus import open_corpus
    from slmtui.data.inspection import inspect_corpus

    return lambda n: [inspect_corpus(open_corpus([Path(path)])) for _ in range(n)]


def _our_training(phase: str, precision: str) -> Training:
    os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"] = "PASSIVE", "0"  # as slmtui.cli does, before torch
    from slmtui.training.machine import choose_machine
    from slmtui.training.phase_file import load_phase
    from slmtui.training.prepare import prepare_dataset
    from slmtui.training.state import Training

    settings = load_phase(Path(f"phases/{phase}.toml"), [*ENDLESS, f"training.precision={precision}"])
    return Training.start(settings, prepare_dataset(settings), choose_machine(settings.training))


def _textbook(phase: str, precision: str) -> Textbook:
    from benchmarks.textbook import PUBLISHED, Textbook
    from slmtui.training.phase_file import load_phase
    from slmtui.training.prepare import prepare_dataset

    dataset = prepare_dataset(load_phase(Path(f"phases/{phase}.toml")))
    return Textbook(PUBLISHED[phase], dataset.train.tokens, dataset.val.tokens, bf16=precision == "bf16")


KINDS: dict[str, Callable[..., Work]] = {
    "our-step": our_step,
    "textbook-step": textbook_step,
    "our-tokens": our_tokens,
    "textbook-tokens": textbook_tokens,
    "inspect": inspect,
}


def peak_memory() -> int:
    """Bytes of this process at its largest."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says includes the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    kind, *arguments = sys.argv[1:]
    work = KINDS[kind](*arguments)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        work(int(line))
        taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": peak_memory()}
        sys.stdout.write(json.dumps(taken) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
