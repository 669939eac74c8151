"""The sections of a report on one run: what was trained, what came of it, and how to do it again."""

from __future__ import annotations

import math
import shlex
from typing import Any

from slmtui.config.limits import SHORTEST_COPY
from slmtui.insight.estimates import PerToken
from slmtui.insight.judging.examination import (
    command,
    places_by_heart,
    summary_lines,
    usefulness_header,
    usefulness_rows,
    verdict,
)
from slmtui.insight.report.blocks import Bullets, Code, Figure, Heading, Paragraph, ReportBlock, Table
from slmtui.insight.report.figures import run_figure
from slmtui.insight.report.run_facts import RunFacts
from slmtui.insight.report.words import clipped, one_of
from slmtui.runs.lines import rates_line
from slmtui.training.events import Evaluation, Sample, Warned, mixtures
from slmtui.words import number, percent, plural

MOST_ROWS = 30  # of the loss table
SHOWN_SETTINGS = ("data", "tokenizer", "model", "optimizer", "training", "evaluation", "early_stopping", "gate")


def configuration(facts: RunFacts, level: int) -> list[ReportBlock]:
    """Parameters by part, and the settings that differ from what a phase has by default."""
    parameters = facts.started.parameters
    total = parameters["total"]
    rows = [(part.replace("_", " "), f"{n:,}", percent(n / total)) for part, n in parameters.items() if part != "total"]
    return [
        Heading("Configuration", level),
        Table(("part", "parameters", "share"), (*rows, ("all", f"{total:,}", percent(1.0)))),
        Paragraph(_per_token(PerToken.of(total, facts.data.train_tokens))),
        Table(("setting", "value"), tuple(_settings(facts)), left=frozenset({0, 1})),
        Paragraph("All other settings are the defaults; the frozen phase at the end has every one of them."),
    ]


def _per_token(found: PerToken) -> str:
    """As a house rule, never as a fault: none of the published phases keeps it, and their gaps do not follow it."""
    kept = "is kept" if found.place == "inside" else "is not kept, which by itself says little"
    return f"{found.ratio:,.0f} parameters per training token; the house rule of {found.least} to {found.most} {kept}."


def _settings(facts: RunFacts) -> list[tuple[str, str]]:
    values: dict[str, Any] = facts.phase.values()
    plain: dict[str, Any] = type(facts.phase).model_validate({"phase": {"name": "plain"}}).values()
    found = []
    for section in SHOWN_SETTINGS:
        for key, value in values.get(section, {}).items():
            if key != "patterns" and value != plain.get(section, {}).get(key):
                found.append((f"{section}.{key}", _value(value)))
    return found or [("everything", "as by default")]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def data(facts: RunFacts, level: int) -> list[ReportBlock]:
    """What was learned from and judged on, and what is known about how far the two are apart."""
    known = facts.data
    rows = []
    sides = [("training", known.train_tokens, known.train_bytes), ("validation", known.val_tokens, known.val_bytes)]
    if known.test_tokens is not None:
        sides.append(("test", known.test_tokens, known.test_bytes))
    for name, tokens, n_bytes in sides:
        per_token = f"{n_bytes / tokens:.2f}" if n_bytes else "–"
        rows.append((name, f"{tokens:,}", f"{n_bytes:,}" if n_bytes else "–", per_token))
    blocks: list[ReportBlock] = [
        Heading("Data", level),
        Table(("side", "tokens", "bytes", "bytes/token"), tuple(rows)),
        Paragraph(
            f"Vocabulary: {known.n_vocab:,} tokens ({known.tokenizer}). In {facts.step:,} steps the training "
            f"text was seen {number(facts.epochs, '.1f')} times on average."
        ),
    ]
    blocks += [Paragraph(f"{known.source[:1].upper()}{known.source[1:]}.")] if known.source else []
    notes = [Paragraph(note) for note in (*known.left_out, *known.notes)]
    blocks += [Bullets(tuple(notes))] if notes else []
    return [*blocks, *_baseline(facts, level + 1), *_leakage(facts, level + 1)]


def _baseline(facts: RunFacts, level: int) -> list[ReportBlock]:
    baseline = facts.baseline
    if baseline is None:
        return []
    rows = [(bar.title, f"{bar.loss:.4f}", f"{bar.bits_per_byte:.2f}") for bar in baseline.bars]
    if not math.isnan(baseline.unigram):
        rows.append(("unigram", f"{baseline.unigram:.4f}", number(baseline.bits(baseline.unigram), ".2f")))
    rows.append(("uniform", f"{baseline.uniform:.4f}", number(baseline.bits(baseline.uniform), ".2f")))
    if facts.best is not None:
        best, name = facts.best, "the network alone" if facts.is_mixed else "this model"
        rows.append((f"{name}, step {best.step:,}", f"{best.val_loss:.4f}", f"{best.bits_per_byte:.2f}"))
        for what, loss, bits in mixtures(best):
            name = "mixed with an n-gram model" if what == "mixed" else f"counts mixed in, {what}"
            rows.append((name, number(loss, ".4f"), number(bits, ".2f")))
    blocks: list[ReportBlock] = [
        Heading("What counting reaches", level),
        Table(("model", "nats/token", "bits/byte"), tuple(rows)),
    ]
    return [*blocks, Paragraph(f"{baseline.note}.")] if baseline.note else blocks


def _leakage(facts: RunFacts, level: int) -> list[ReportBlock]:
    found = facts.data.facts
    if found is None:
        return []
    longest = f"The longest repeat has {plural(found.longest_repeat, 'token')}: {found.longest_val} repeats "
    longest += f"{found.longest_train}."
    items = [
        Paragraph(
            f"{percent(found.repeated_share)} of the validation tokens lie in a verbatim repeat of training text of "
            f"at least {found.shortest_repeat} tokens."
        ),
        Paragraph(longest if found.longest_repeat else "Both sides have no token in common, blanks aside."),
    ]
    unseen = percent(found.unseen_share)
    items.append(Paragraph(f"{unseen} of the validation tokens are of a kind that training never has."))
    if found.duplicate_share:
        items.append(Paragraph(f"{percent(found.duplicate_share)} of all tokens are in copies of other files."))
    return [Heading("What both sides share", level), Bullets(tuple(items))]


def losses(facts: RunFacts, level: int) -> list[ReportBlock]:
    """The curves and the loss table; of many evaluations an even choice, with the first, the best and the last."""
    if not facts.evaluations:
        return [Heading("Losses", level), Paragraph("The run was never evaluated.")]
    shown = one_of(facts.evaluations, MOST_ROWS, keep=facts.best)
    kinds = [name for name, _, _ in mixtures(facts.best)] if facts.best is not None else []
    mixed = [column for name in kinds for column in (name, f"{name} bits/byte")]
    blocks: list[ReportBlock] = [
        Heading("Losses", level),
        Figure(run_figure(facts), "Training and validation loss, and the gap between them on the house scale."),
        Table(
            ("step", "train", "val", "gap", "verdict", "bits/byte", *mixed, ""),
            tuple(_loss_row(evaluation, facts, len(mixed)) for evaluation in shown),
            left=frozenset({4, 6 + len(mixed)}),
        ),
    ]
    words = "Nats per token; the gap is validation minus training."
    if "adaptive" in kinds and facts.best is not None:
        words += " “static” is with counts of the training text mixed in, “adaptive” where these learn on; the best "
        words += f"goes by “{facts.best.judged}”. The rest is the network's alone."
    elif facts.is_mixed:
        words += " “mixed” is the n-gram model mixed in, which the best goes by; the rest is the network's alone."
    if facts.phase.evaluation.method == "sampled":
        words += " Each loss is the mean of a few random windows, so it wavers from one evaluation to the next."
    if len(shown) < len(facts.evaluations):
        words += f" {len(shown)} of {len(facts.evaluations):,} evaluations."
    return [*blocks, Paragraph(words)]


def _loss_row(evaluation: Evaluation, facts: RunFacts, n_mixed: int) -> tuple[str, ...]:
    """n_mixed: so many columns are of mixtures."""
    mixed = (
        number(evaluation.mixed_loss, ".4f"), number(evaluation.mixed_bits_per_byte, ".2f"),
        number(evaluation.adaptive_loss, ".4f"), number(evaluation.adaptive_bits_per_byte, ".2f"),
    )  # fmt: skip
    note = "best" if evaluation is facts.best else "asked for" if evaluation.requested else ""
    return (
        f"{evaluation.step:,}", number(evaluation.train_loss, ".4f"), number(evaluation.val_loss, ".4f"),
        number(evaluation.gap, "+.2f"), evaluation.verdict or "–", number(evaluation.bits_per_byte, ".2f"),
        *mixed[:n_mixed], note,
    )  # fmt: skip


def samples(facts: RunFacts, level: int) -> list[ReportBlock]:
    """What the model wrote, the last time it was asked, and what that is worth."""
    if not facts.samples:
        return []
    blocks: list[ReportBlock] = [Heading(f"Samples, step {facts.samples[0].step:,}", level)]
    labels = [str(s.judgement["label"]) for s in facts.samples if s.judgement and "label" in s.judgement]
    if labels:
        counts = ", ".join(f"{labels.count(label)} × {label}" for label in dict.fromkeys(labels))
        blocks.append(Paragraph(f"{plural(len(labels), 'sample')}: {counts if len(labels) > 1 else labels[0]}."))
    if facts.rates:
        rates = facts.rates[-1]
        blocks.append(Paragraph(f"Over many, at step {rates.step:,}: {rates_line(rates)}."))
    for sample in facts.samples:
        judged = _judgement(sample)
        blocks.append(Paragraph(judged, lead=f"“{clipped(sample.prompt, 60) or repr(sample.prompt)[1:-1]}”"))
        blocks.append(Code(sample.prompt + sample.text))
    return blocks


def by_heart(facts: RunFacts, level: int) -> list[ReportBlock]:
    """What `slmtui examine` found: rates over many samples, and the extraction test."""
    found = facts.examination
    if found is None:
        return []
    step, best = found.step, facts.best.step if facts.best is not None else None
    since = "" if step == best else " The run has gone on since: examine it again."
    alone = " By heart means the network alone, without what is mixed in." if facts.is_mixed else ""
    items = tuple(Paragraph(f"{line}.") for line in summary_lines(found))
    blocks: list[ReportBlock] = [
        Heading(f"Examination, step {step:,}", level),
        Paragraph(f"{verdict(found.extraction)} Asked with: {command(facts.run, found.asked)}.{since}{alone}"),
        Bullets(items),
    ]
    if found.by_heart:
        blocks.append(Paragraph(f"Came out exactly after: {places_by_heart(found)}."))
    return [*blocks, *_usefulness(facts, level + 1)]


def _usefulness(facts: RunFacts, level: int) -> list[ReportBlock]:
    found = facts.examination.usefulness if facts.examination is not None else None
    if found is None:
        return []
    words = (
        f"Lines were completed at {plural(found.places, 'place')} of the validation text, "
        f"{plural(found.characters, 'character')} in all; after ± the standard error. “saved”: the share of these "
        "characters that somebody need not type who takes a completion up to its first wrong character. “top-1” and "
        "“top-5”: the token that stands there is the likeliest, or one of five."
    )
    header = usefulness_header(found)
    return [Heading("How useful it is", level), Paragraph(words), Table(header, tuple(usefulness_rows(found)))]


def _judgement(sample: Sample) -> str:
    found = sample.judgement
    if not found or "label" not in found:
        return ""
    parts = [str(found["label"])]
    if isinstance(found.get("parses"), bool):
        parts.append("parses" if found["parses"] else "does not parse")
    if found.get("made_up"):
        parts.append(f"names made up: {', '.join(map(str, found['made_up'][:5]))}")
    if found.get("doubled"):
        parts.append(f"stammers: {', '.join(map(str, found['doubled'][:3]))}")
    if (longest := found.get("longest_copy") or 0) >= (found.get("shortest_copy") or SHORTEST_COPY):
        source = found.get("copied_from")
        parts.append(f"longest copy {plural(longest, 'token')}" + (f" from {source}" if source else ""))
    return " · ".join(parts)


def warnings(facts: RunFacts, level: int) -> list[ReportBlock]:
    """What was said while it trained, each thing once, and what a person changed."""
    diagnosed = {finding.code for finding in facts.findings}
    told = [w for w in facts.warnings if not w.of_the_run and w.code not in diagnosed]  # the rest is in the diagnosis
    said = {(w.code, w.message): w for w in told}.values()
    items = [Paragraph(_said(w), lead=f"step {w.step:,} · {w.code}") for w in said]
    items += [
        Paragraph(f"{change.key} from {change.was:g} to {change.value:g}", lead=f"step {change.step:,} · changed")
        for change in facts.changes
    ]
    return [Heading("Said while it trained", level), Bullets(tuple(items))] if items else []


def _said(warning: Warned) -> str:
    message = warning.message.rstrip(".") + "."
    return f"{message} To do: {warning.advice.rstrip('.')}." if warning.advice else message


def _chosen(facts: RunFacts) -> str:
    """What "auto" came to, as options: measured again, it may come to something else, and to other digits."""
    machine, settings = facts.started.machine, facts.phase.training
    chosen = [key for key in ("threads", "precision") if getattr(settings, key) == "auto" and key in machine]
    return "".join(f" --set {shlex.quote(f'training.{key}={machine[key]}')}" for key in chosen)


def repeating(facts: RunFacts, level: int) -> list[ReportBlock]:
    """The command, the frozen phase, and what the digits depend on."""
    name = facts.phase.phase.name
    machine, versions = facts.started.machine, facts.started.versions
    where = ", ".join(
        f"{key} {machine[key]}" for key in ("device", "precision", "threads", "processor") if key in machine
    )
    if machine.get("choice"):
        where += f" (measured at the start: {machine['choice']})"
    what = ", ".join(f"{name} {version}" for name, version in versions.items())
    blocks: list[ReportBlock] = [
        Heading("How to repeat it", level),
        Paragraph(f"Save the phase below as phases/{name}.toml, then, in the folder that data.source starts from:"),
        Code(f"slmtui --headless phases/{name}.toml{_chosen(facts)}", "sh"),
        Paragraph(
            f"The digits come out the same on the same machine with the same versions. Here: {where}; {what}. The "
            f"fingerprint of the data was {(facts.data.fingerprint or 'not written down')[:12]}."
        ),
    ]
    if facts.resumed:
        steps = ", ".join(f"{event.step:,}" for event in facts.resumed)
        blocks.append(Paragraph(f"The run was taken up again at step {steps}; that leaves no trace in the digits."))
    if facts.changes:
        blocks.append(Paragraph("A person changed settings while it trained: the phase alone will not repeat it."))
    return [*blocks, Code(facts.phase_text, "toml", folded=f"phases/{name}.toml")]
