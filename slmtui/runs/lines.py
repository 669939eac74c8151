"""A run's events as lines for a plain terminal or a log: the published script's, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from slmtui.data.baseline import Baseline
from slmtui.output import ExitStatus, visible
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.training import events
from slmtui.training.data_record import DataRecord
from slmtui.training.events import DIVERGED, Event, judged_name, mixtures
from slmtui.training.gap import above_baseline, compared, in_words, mixtures_against
from slmtui.words import duration, number, plural

NOT_TESTED = "not looked at yet; that is done once, when the training is over"  # of a run that may be resumed

Heard = TypeVar("Heard", bound="Event | None")  # None: a look that found nothing new


def worst_first(stream: Iterable[Heard]) -> Iterator[Heard]:
    """The events as they come, but the warnings of the whole run as a report has them; a log has the worst last."""
    held: list[Heard] = []
    for event in stream:
        if isinstance(event, events.Warned) and event.of_the_run:
            held.append(event)
            continue
        if event is not None:
            yield from reversed(held)
            held.clear()
        yield event
    yield from reversed(held)


def line_of(event: Event, progress: Progress) -> str | None:
    """What is said of an event; None for the many that are left out."""
    match event:
        case events.RunStarted():
            data, parameters, machine = event.data, event.parameters, event.machine
            how = machine.get("choice") or f"{machine.get('threads')} threads, {machine.get('precision')}"
            line = (
                f"{event.phase['phase']['name']}: {parameters['total']:,} parameters "
                f"({parameters.get('token_embedding', 0):,} of them for {data.n_vocab:,} tokens), "
                f"{f'starting from {event.parent}, ' if event.parent else ''}"
                f"{f'learning from {event.teacher}, ' if event.teacher else ''}"
                f"{data.train_tokens:,} tokens to train on, {data.val_tokens:,} to validate, {_to_test(data)}"
                f"{machine.get('device')}, {how}"
            )
            return line if data.baseline is None else f"{line}\nto beat: {_bars(data.baseline)}"
        case events.Evaluation():
            speed, to_go = progress.steps_per_second, progress.seconds_to_go
            tail = "" if speed is None or to_go is None else f", {speed:.1f} it/s, eta {duration(to_go)}"
            return (
                f"step {event.step}: train loss {event.train_loss:.4f}, val loss {event.val_loss:.4f}, "
                f"gap {in_words(event.gap, event.verdict)}, {event.bits_per_byte:.2f} bits/byte"
                f"{_rest(event)}{tail}"
            )
        case events.FinalTest():
            return f"test, the best model (step {event.best_step:,}): {test_line(event)}"
        case events.CharactersSaved():
            error = "" if event.error is None else f" ± {100 * event.error:.1f}"
            return (
                f"lines completed by the best model (step {event.best_step:,}): {100 * event.share:.1f}{error} % of "
                f"their characters saved at {plural(event.places, 'place')}"
            )
        case events.Sample():
            return f"sample at step {event.step}{_label(event)}:\n{_margin(visible(event.prompt + event.text))}"
        case events.SampleRates():
            return f"step {event.step}: {visible(rates_line(event))}"
        case events.Warned():
            advice = f" → {event.advice}" if event.advice else ""
            return visible(f"{event.level} at step {event.step}: {event.message}{advice}")
        case events.Changed():
            return f"step {event.step}: {event.key} {event.was:g} -> {event.value:g}"
        case events.Paused() | events.Resumed():
            return f"step {event.step}: {event.event}"
    return None


def _bars(baseline: Baseline) -> str:
    """What counting reaches: counting (7-gram) 2.10 bits/byte; counting, adaptive 1.58 bits/byte."""
    bars = [baseline.static, *([baseline.adaptive] if baseline.adaptive is not None else [])]
    return "; ".join(f"{bar.title} {bar.bits_per_byte:.2f} bits/byte" for bar in bars)


def _to_test(data: DataRecord) -> str:
    return "" if data.test_tokens is None else f"{data.test_tokens:,} kept for the test, "


def test_line(result: events.FinalTest) -> str:
    """Losses and bits per byte on the test side: loss 3.0412, 2.10 bits/byte, mixed loss 2.6112, 1.80 bits/byte."""
    losses = f"loss {result.test_loss:.4f}, {result.bits_per_byte:.2f} bits/byte{_rest(result, 'loss')}"
    return f"{losses}; {flattery_words(result)}" if result.flattered is not None else losses


def flattery_words(result: events.FinalTest) -> str:
    """How well the loss of who predicts is known, and how far the validation loss, by which it was chosen, flattered:
    95 % interval 2.05 to 2.15; validation flattered by 0.03 (−0.02 to 0.08), no more than noise."""
    if result.flattered is None:
        return "how far validation flattered was not measured"
    what = f"validation flattered by {number(result.flattered, '.2f')}"
    low, high = result.flattered_low, result.flattered_high
    if low is None or high is None or result.low is None or result.high is None:
        return f"{what}, and how well that is known cannot be said of so little text"
    known = f"95 % interval {number(result.low, '.2f')} to {number(result.high, '.2f')}"
    return f"{known}; {what} ({number(low, '.2f')} to {number(high, '.2f')}), {flattery_verdict(low, high)}"


def flattery_verdict(low: float, high: float) -> str:
    """What the interval of a test loss less a validation loss means."""
    if low > 0:
        return "more than noise"
    return "no more than noise" if high >= 0 else "since the test text is easier"


def _label(sample: events.Sample) -> str:
    label = (sample.judgement or {}).get("label")
    return f", {label}" if label else ""


def _margin(text: str) -> str:
    """A text with a margin, by which its end is seen; without the blank lines around it."""
    return "\n".join(f"  | {line}".rstrip() for line in text.strip("\n").split("\n"))


def _rest(result: events.Evaluation | events.FinalTest, loss: str = "val loss") -> str:
    """What follows the network's loss: those of what is mixed in, where there is anything, and which of them decides.

    Which one is not said where the lower one does: that can be seen.
    """
    decides = "" if result.decides is None else judged_name(result)
    parts = [" (decides)" if decides == "network" else ""]
    for name, value, bits in mixtures(result):
        mark = " (decides)" if decides == name else ""
        parts.append(f", {name} {loss} {value:.4f}, {number(bits, '.2f')} bits/byte{mark}")
    return "".join(parts)


def summary(
    run: Run,
    started: events.RunStarted,
    finished: events.RunFinished,
    best: events.Evaluation | None,
    test: events.FinalTest | None = None,
    inherited: events.Evaluation | None = None,
    verdict: str = "",
) -> list[str]:
    """The lines that stand under a finished run. inherited: of the weights of its parent, where it has one.

    verdict: the sentence about network, mixture and bar, which comes before what there is to type.
    """
    lines = [f"{run.name}: {finished.reason} at step {finished.step:,} after {duration(finished.seconds)}"]
    if best is not None:
        gap = in_words(best.gap, best.verdict)
        lines.append(
            f"best: step {best.step:,}, val loss {best.val_loss:.4f}, gap {gap}, "
            f"{best.bits_per_byte:.2f} bits/byte{_rest(best)}, kept in {run.best_file}"
        )
        if (baseline := started.data.baseline) is not None:
            network = "the best" if best.mixed_loss is None else "the best network"
            counting = ": counting does better" if above_baseline(best.val_loss, baseline) else ""
            bar = baseline.static
            lines.append(
                f"baseline: {bar.model} has {bar.loss:.4f} on the same split; {network} is "
                f"{compared(best.val_loss, bar.loss)}{counting}"
            )
            for name, loss, against in mixtures_against(best, baseline):
                how = "the mixture" if name == "mixed" else name
                counting = "counting alone" if against == bar else against.model
                lines[-1] += f"; {how}, {compared(loss, against.loss, counting)}"
            if best.mixed_loss is not None and best.judged == "network":
                lines[-1] += ": the network alone is used"
        if inherited is not None and started.parent is not None:
            lines.append(
                f"parent: {started.parent} has {inherited.val_loss:.4f} on the same split; {kept_of(best, inherited)}"
            )
        if test is not None:
            lines.append(f"test: {test_line(test)} on {test.tokens:,} tokens, looked at once")
        elif started.data.test_tokens is not None and finished.may_go_on:
            lines.append(f"test: {NOT_TESTED}")
    if verdict:
        lines.append(f"verdict: {verdict[:1].lower()}{verdict[1:]}")
    if best is not None and best.step > 0:
        lines.append(f'try it: {run.command("complete")} "your prompt"')
    return lines


def kept_of(best: events.Evaluation, inherited: events.Evaluation) -> str:
    """What best.pt holds, beside the weights that the training started with: `the best network is 0.31 nats better`."""
    if best.step == 0:
        return "no step made it better, and best.pt still holds its weights"
    network = "the best" if best.mixed_loss is None else "the best network"
    return f"{network} is {compared(best.val_loss, inherited.val_loss)}"


def outcome(run: Run, finished: events.RunFinished, limits: Sequence[tuple[bool, str]]) -> tuple[ExitStatus, list[str]]:
    """The exit status that a finished run stands for, and why; `limits` of its gate: was it kept, and in words."""
    match finished.reason:
        case "interrupted" | "stopped":
            told = f"{finished.reason} at step {finished.step:,}; go on: {run.command('--headless', '--resume')}"
            return ExitStatus.INTERRUPTED, [f"{run.name}: {told}"]
        case "diverged":
            told = f"at step {finished.step:,} {DIVERGED[finished.cause]}; try a lower training.learning_rate"
            return ExitStatus.FAILED, [f"{run.name}: training failed: {told}"]
        case "failed":
            return ExitStatus.FAILED, [f"{run.name}: training failed at step {finished.step:,}"]
    sentences = [f"{run.name}: gate {'passed' if kept else 'failed'}: {sentence}" for kept, sentence in limits]
    return (ExitStatus.DONE if all(kept for kept, _ in limits) else ExitStatus.GATE), sentences


def rates_line(event: events.SampleRates) -> str:
    """What was found in many samples: 64 samples: 49 parse, 3 % of their tokens copied (31 domain, 33 fragments)."""
    parts = []
    if event.parse_rate is not None:
        parts.append(f"{round(event.parse_rate * event.samples):,} parse")
    if event.copied_share is not None:
        parts.append(f"{event.copied_share:.0%} of their tokens copied".replace("%", " %"))
    labels = ", ".join(f"{n:,} {label}" for label, n in event.labels.items())
    return f"{event.samples:,} samples: {', '.join(parts) or 'not judged'}" + (f" ({labels})" if labels else "")
