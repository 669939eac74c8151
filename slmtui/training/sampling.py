"""The completions drawn during a training: one sample for each prompt, and many more to estimate rates from.

A completion's seed is derived from the phase's seed, the step and its index, so a resumed run draws the same ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import cycle, islice

from slmtui.config.limits import GATE_SAMPLES
from slmtui.config.phase import SamplingSection
from slmtui.data.tokenizer import Tokenizer
from slmtui.inference.batch import Sampling
from slmtui.inference.generation import generate, rows_at_once
from slmtui.inference.prompt import DrawnText, read_prompt
from slmtui.inference.stopping import until_stop
from slmtui.model.gpt import GPT
from slmtui.model.mixture import network_alone
from slmtui.training import events
from slmtui.training.events import Event
from slmtui.training.state import Training
from slmtui.words import plural


def samples(training: Training) -> Iterator[Event]:
    """One completion of each prompt and, if [sampling] samples is set, the completions to estimate rates from.

    Of several processes, the first one draws them. BrokenOff in all of them, before any was given, if meanwhile the
    training is to end at once.
    """
    settings = training.phase.sampling
    drawn = training.ranks.first(lambda: _draw(training, max(len(settings.prompts), settings.samples)))
    if not training.ranks.is_first:
        return
    for prompt, text in drawn[: len(settings.prompts)]:
        yield events.Sample(step=training.step, prompt=prompt, text=text)
    if settings.samples and drawn:
        yield events.SampleRates(step=training.step, samples=len(drawn), completions=drawn)


def gate_rates(training: Training, *, requested: bool = False) -> Iterator[Event]:
    """At the best evaluation so far, the completions for the rates that the gate needs, unless `samples` drew them.

    requested: the evaluation was requested by a person, for which `samples` has not run. BrokenOff: as above.
    """
    settings, gate = training.phase.sampling, training.phase.gate
    if not gate.wants_rates or (settings.samples and settings.when == "evaluation" and not requested):
        return
    drawn = training.ranks.first(lambda: _draw(training, settings.samples or GATE_SAMPLES))
    if drawn and training.ranks.is_first:
        yield events.SampleRates(step=training.step, samples=len(drawn), completions=drawn)


def _draw(training: Training, n: int) -> list[tuple[str, str]]:
    begin = time.perf_counter()
    training.tell("sampling", plural(n, "completion"))
    seed = training.phase.training.seed + 1000 * training.step
    with network_alone(training.model) if training.is_network_alone else nullcontext():
        drawn = completions(
            training.model, training.dataset.tokenizer, training.phase.sampling, n, seed, training.go_on
        )
    training.seconds += time.perf_counter() - begin
    return drawn


def completions(
    model: GPT, tokenizer: Tokenizer, settings: SamplingSection, n: int, seed: int,
    each: Callable[[], object] = lambda: None,
) -> list[tuple[str, str]]:  # fmt: skip
    """`n` pairs of a prompt and its completion; the prompts take turns, and each pair's seed is one higher.

    each: called after each token of those that are drawn at once.

    At temperature 0 a prompt has only one completion, so there is at most one pair for each prompt.
    """
    if settings.temperature == 0.0:
        n = min(n, len(settings.prompts))
    prompts = list(islice(cycle(settings.prompts), n))
    texts: list[str] = []
    at_once = rows_at_once(model)
    for start in range(0, len(prompts), at_once):
        rows = prompts[start : start + at_once]
        seeds = [(seed + start + i) % 2**63 for i in range(len(rows))]
        texts += _complete(model, tokenizer, settings, rows, seeds, each)
    return list(zip(prompts, texts, strict=True))


def _complete(
    model: GPT, tokenizer: Tokenizer, settings: SamplingSection, prompts: Sequence[str], seeds: Sequence[int],
    each: Callable[[], object],
) -> list[str]:  # fmt: skip
    read = [read_prompt(tokenizer, prompt) for prompt in prompts]
    texts = [DrawnText(tokenizer, one.word) for one in read]
    rows = ["" for _ in prompts]
    going = set(range(len(prompts)))
    draws = generate(
        model,
        read,
        settings.tokens,
        Sampling(settings.temperature, settings.top_k, settings.top_p),
        seeds,
    )
    for draw in draws:
        each()
        for row, token in enumerate(draw.tokens.tolist()):
            if token == tokenizer.end:
                going.discard(row)
            elif row in going and texts[row].n_tokens < settings.tokens:
                rows[row] += texts[row].add(token)
        if not going:
            break
    drawn = (row + text.rest() for row, text in zip(rows, texts, strict=True))
    return ["".join(until_stop([text], settings.stop)) for text in drawn]
