"""The first page of a report on a run: what happened, in sentences, and what to do next."""

from __future__ import annotations

from slmtui.insight.judging.examination import knows_by_heart
from slmtui.insight.report.advice import advise, is_leaky, is_rise
from slmtui.insight.report.blocks import Bullets, Heading, Paragraph, ReportBlock
from slmtui.insight.report.run_facts import RunFacts
from slmtui.insight.report.words import val_loss
from slmtui.insight.rules.gate import limits_in_words
from slmtui.insight.rules.size import NEGATIVE_GAP
from slmtui.runs.lines import NOT_TESTED, flattery_words, kept_of
from slmtui.training.events import DIVERGED, Evaluation, FinalTest, Finding, judged_name, mixtures
from slmtui.training.gap import HANDFUL, above_baseline, compared, is_clear_rise, mixtures_against
from slmtui.training.uniform import has_learned
from slmtui.words import duration, listed, number, percent, plural

IN_THE_VERDICT = ("above_baseline",)  # findings that it says itself


def summary(facts: RunFacts, level: int) -> list[ReportBlock]:
    blocks: list[ReportBlock] = [Heading("Summary", level), Paragraph(" ".join((_trained(facts), _ended(facts))))]
    known = {
        "Tags:": listed(facts.tags),
        "Note:": facts.note,
        "Began as:": facts.started.parent,
        "Learned from:": facts.started.teacher,
    }
    blocks += [Paragraph(f"{text.rstrip('.')}.", lead=lead) for lead, text in known.items() if text]
    if facts.best is not None:
        blocks.append(Paragraph(_verdict(facts), lead="Verdict:"))
    blocks += [Paragraph(text, lead=lead) for lead, text in _results(facts)]
    if facts.phase.phase.hypothesis:
        blocks.append(Paragraph(facts.phase.phase.hypothesis, lead="What was expected beforehand:"))
    return blocks


def _verdict(facts: RunFacts) -> str:
    """The whole report in short: network, mixture and bar in a sentence, then what is wrong, the worst first."""
    found = facts.findings
    titles = listed([one.title for one in found if one.code not in IN_THE_VERDICT])
    heart = facts.examination is not None and knows_by_heart(facts.examination.extraction)
    by_heart = " It knows training text by heart: see the examination." if heart else ""
    sentence = facts.history.summary.sentence
    if titles:
        return f"{sentence} What is wrong, the worst first: {titles}.{by_heart}"
    few = facts.data.val_tokens < HANDFUL
    return f"{sentence}{by_heart}" if few or found or heart else f"{sentence} The rules find nothing wrong."


def _trained(facts: RunFacts) -> str:
    model, data = facts.phase.model, facts.phase.data
    held_back = "held back in whole files" if data.split == "by-document" else "that follow them"
    return (
        f"A GPT of {facts.started.parameters['total']:,} parameters ({plural(model.n_layer, 'layer')}, width "
        f"{model.n_embd}, looking back {plural(model.block_size, 'token')}) was trained on "
        f"{plural(facts.data.train_tokens, 'token')} of {listed(data.source)} and judged on the "
        f"{plural(facts.data.val_tokens, 'token')} {held_back}."
    )


def _ended(facts: RunFacts) -> str:
    end = facts.finished
    at = f"step {facts.step:,} of {facts.max_iters:,}"
    if end is None and facts.run.is_alive():
        return f"It is still being trained, at {at}."
    if end is None:
        return f"Its log breaks off at {at}: its process was killed, or trains it on another machine."
    took = f"after {duration(end.seconds)}"
    return {
        "completed": f"It went through all {facts.step:,} steps in {duration(end.seconds)}.",
        "early stopping": f"It stopped early, at {at}, {took}: {_why_early(facts)}.",
        "stopped": f"A person stopped it at {at}, {took}.",
        "interrupted": f"It was interrupted at {at}, {took}.",
        "diverged": f"It diverged: at {at} {DIVERGED[end.cause]}.",
        "failed": f"It failed at {at}.",
    }[end.reason]


def _why_early(facts: RunFacts) -> str:
    settings = facts.phase.early_stopping
    if settings.target is not None and facts.best is not None and facts.best.judged_loss <= settings.target:
        return f"validation loss was as low as it was to be, {settings.target:g}"
    return f"validation loss had not improved for {plural(settings.patience, 'evaluation')}"


def _results(facts: RunFacts) -> list[tuple[str, str]]:
    best, last = facts.best, facts.last
    if best is None or last is None:
        return [("Result:", "none, since it was never evaluated.")]
    found = [
        (
            "Result:",
            f"{_lowest(best)}. Training loss was "
            f"{number(best.train_loss, '.4f')} there, which makes a gap of {number(best.gap, '+.2f')}: "
            f"{_class_of(best, facts)}.",
        )
    ]
    if course := after_the_best(facts):
        found.append(("After the best:", course))
    if facts.test is not None:
        found.append(("Test:", _tested(facts.test)))
    elif facts.data.test_tokens is not None and (facts.finished is None or facts.finished.may_go_on):
        found.append(("Test:", f"{NOT_TESTED}."))
    found.append(("Against counting:", _against_counting(facts)))
    if facts.inherited is not None:
        found.append((f"Against {facts.started.parent}:", _against_parent(facts, facts.inherited)))
    if facts.data.facts is not None and is_leaky(facts):
        share = percent(facts.data.facts.repeated_share)
        found.append(("Leakage:", f"{share} of the validation tokens repeat training text word for word. The gap and "
                      "the validation loss say little about text that is new."))  # fmt: skip
    if limits := limits_in_words(facts.phase.gate, facts.best_so_far):
        verdict = "passed" if all(limit.kept for limit in limits) else "failed"
        found.append(("Gate:", f"{verdict}: {'; '.join(limit.sentence for limit in limits)}."))
    return found


def _tested(test: FinalTest) -> str:
    losses = {"network": (test.test_loss, test.bits_per_byte)} | {name: two for name, *two in mixtures(test)}
    first = judged_name(test)
    words = _both(*losses.pop(first))
    if losses:
        words += f", {first}" if first not in ("mixed", "network") else ""
        words += "; " + listed([f"{_NAMES.get(name, name)} has {_both(*two)}" for name, two in losses.items()])
    return (
        f"on the {plural(test.tokens, 'token')} that were looked at once, at the end, the model of step "
        f"{test.best_step:,} has {words}."
    ) + (f" In bits per byte: {flattery_words(test)}." if test.flattered is not None else "")


_NAMES = {"network": "the network alone"}


def _both(loss: float, bits: float | None) -> str:
    return f"{number(loss, '.4f')} nats per token, {number(bits, '.2f')} bits per byte"


def _class_of(best: Evaluation, facts: RunFacts) -> str:
    if facts.data.val_tokens < HANDFUL:
        return "of no meaning, since so few tokens say nothing"
    steps = best.step + (facts.started.parent is not None)  # its parent's count as one
    if not has_learned(best.val_loss, facts.data.n_vocab, steps):
        return "of no meaning, since nothing was learned yet"
    if not best.verdict:
        return "small, but no praise, as counting does better than the network alone"
    if best.gap <= NEGATIVE_GAP:
        return f"{best.verdict} by its size on the house scale, but no praise, as it is below zero"
    return f"{best.verdict} on the house scale"


def _lowest(best: Evaluation) -> str:
    first = judged_name(best)
    loss = "validation loss" if first == "network" else f"{first} validation loss"
    words = f"{loss} was lowest at step {best.step:,}: {_both(best.judged_loss, best.judged_bits_per_byte)}"
    losses = {"network": (best.val_loss, best.bits_per_byte)} | {name: two for name, *two in mixtures(best)}
    del losses[first]
    if not losses:
        return words
    if first == "network" and "mixed" in losses:
        return f"{words}, by the network alone, which is used: mixed with the n-gram model it has {best.mixed_loss:.4f}"
    if first == "network":
        words += ", by the network alone, which decides"
    others = [
        f"{_NAMES.get(name, name)} has {number(value, '.4f')}, {number(bits, '.2f')} bits per byte"
        for name, (value, bits) in losses.items()
    ]
    return f"{words}; {listed(others)}"


def after_the_best(facts: RunFacts) -> str:
    """What became of the validation loss after its lowest point."""
    best, last = facts.best, facts.last
    assert best is not None
    assert last is not None
    if last is best:
        return "training ended while it was still improving." if best.step and facts.finished is not None else ""
    if not is_rise(facts):
        return f"it stayed about the same, {val_loss(last)} at step {last.step:,}."
    if not is_clear_rise(facts.rose_after_best, best.judged_loss):
        return f"it was {val_loss(last)} at step {last.step:,}, above the best by no more than evaluations waver."
    if not last.train_loss < best.train_loss:
        return (
            f"validation loss rose to {val_loss(last)} by step {last.step:,}, and training loss with it, "
            f"to {number(last.train_loss, '.4f')}: the training became unstable."
        )
    return (
        f"validation loss rose to {val_loss(last)} by step {last.step:,} while training loss fell on to "
        f"{number(last.train_loss, '.4f')}, a gap of {number(last.gap, '+.2f')}"
        f"{f' ({last.verdict})' if last.verdict else ''}. From step {best.step:,} on it memorised its training text."
    )


def _against_counting(facts: RunFacts) -> str:
    best, baseline = facts.best, facts.baseline
    assert best is not None
    if baseline is None:
        return "not measured in this run, so whether it beats a table of counts is not known."
    bar = baseline.static
    numbers = f"{bar.loss:.4f} nats per token, {bar.bits_per_byte:.2f} bits per byte"
    model = "this model" if best.mixed_loss is None else "the network alone"
    against = compared(best.val_loss, bar.loss)
    words = f"{bar.model} has {numbers} on the same text; {model} is {against}."
    words += " It has learned less than a table of counts." if above_baseline(best.val_loss, baseline) else ""
    if best.mixed_loss is None:
        return words
    beside_it = {
        name: compared(loss, other.loss, "counting alone" if other == bar else other.model)
        for name, loss, other in mixtures_against(best, baseline)
    }
    if "mixed" in beside_it:
        share = f"{facts.phase.model.ngram_mix:g} of each prediction"
        return f"{words} Mixed with an n-gram model ({share}), it is {beside_it['mixed']}."
    return f"{words} With counts mixed in, {listed([f'{name}, it is {one}' for name, one in beside_it.items()])}."


def _against_parent(facts: RunFacts, inherited: Evaluation) -> str:
    """On the child's validation text: how much better the parent became for it."""
    assert facts.best is not None
    words = f"its weights, with which this training started, have {_both(inherited.val_loss, inherited.bits_per_byte)}"
    return f"{words} on the same text; {kept_of(facts.best, inherited)}."


def next_steps(facts: RunFacts, level: int) -> list[ReportBlock]:
    """What is wrong, with the evidence, how sure it is and where the rule comes from; then what to do."""
    found = facts.findings
    blocks: list[ReportBlock] = [Heading("Diagnosis", level)]
    if found:
        blocks.append(Bullets(tuple(_finding(one) for one in found)))
    else:
        blocks.append(Paragraph("The rules find nothing wrong with this run."))
    items = tuple(Paragraph(advice.why, advice.what, advice.command) for advice in advise(facts))
    return [*blocks, Heading("What to do next", level), Bullets(items)] if items else blocks


def _finding(found: Finding) -> Paragraph:
    words = f"{found.evidence}. Confidence: {found.confidence}. Rule: {found.source}."
    return Paragraph(words, lead=f"{found.title[:1].upper()}{found.title[1:]}:")
