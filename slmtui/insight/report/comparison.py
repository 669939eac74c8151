"""Several runs beside one another. One table shows them all, but only runs judged on the same text are compared."""

from __future__ import annotations

from collections.abc import Sequence

from slmtui.insight.report.advice import is_leaky
from slmtui.insight.report.blocks import Figure, Heading, Paragraph, ReportBlock, Table
from slmtui.insight.report.figures import overlay_figure
from slmtui.insight.report.run_facts import RunFacts
from slmtui.training.data_record import same_vocabulary
from slmtui.training.events import judged_name
from slmtui.training.gap import standing
from slmtui.words import listed, number, plural


def comparison(runs: Sequence[RunFacts], level: int) -> list[ReportBlock]:
    groups: dict[str, list[RunFacts]] = {}
    for run in runs:
        groups.setdefault(run.data.val_text, []).append(run)
    ranked = [sorted(group, key=_rank) for group in groups.values()]
    blocks: list[ReportBlock] = [Heading("Comparison", level)]
    if len(ranked) > 1:
        blocks.append(
            Paragraph(
                f"These runs were judged on {len(ranked)} different validation texts, which the table numbers. A loss "
                "on one text says nothing about a loss on another: compare rows of the same number only.",
                lead="Not comparable as a whole.",
            )
        )
    blocks.append(_table(ranked))
    if against := _against_counting(runs):
        blocks.append(Paragraph(against, lead="Against counting:"))
    for index, group in enumerate(ranked, start=1):
        text = f"On text {index}, {plural(group[0].data.val_bytes or 0, 'byte')}:" if len(ranked) > 1 else ""
        blocks += [Paragraph(sentence, lead=text) for sentence in _sentences(group)[:1]]
        blocks += [Paragraph(sentence) for sentence in _sentences(group)[1:]]
        blocks += _curves(group)
    return blocks


def _against_counting(runs: Sequence[RunFacts]) -> str:
    """Each run against counting in its own text: the one thing that can be said across different texts."""
    margins = sorted(
        (run.best.bits_per_byte - run.bar.bits_per_byte, run.name, standing(run.best.val_loss, run.bar.loss))
        for run in runs
        if run.best and run.bar
    )
    if not margins:
        return ""
    alone = " as networks alone" if any(run.is_mixed for run in runs) else ""
    better = [(margin, name) for margin, name, word in margins if word == "better"]
    alike = [name for _, name, word in margins if word == "as good"]
    margin, nearest = better[0] if better else margins[0][:2]
    ties = f" {listed(alike)} {'is' if len(alike) == 1 else 'are'} as good." if alike else ""
    if not better:
        near = f"; {nearest} comes nearest, {margin:.2f} bits per byte above it." if not alike else f".{ties}"
        return f"none of {len(margins)} does better than counting in its own text{alone}{near}"
    names = listed([name for _, name in better])
    return (
        f"{len(better)} of {len(margins)} do better than counting in their own text{alone}: {names}; "
        f"{nearest} by most, {-margin:.2f} bits per byte.{ties}"
    )


def _rank(run: RunFacts) -> tuple[bool, float, str]:
    return (run.best is None, run.best.judged_bits_per_byte if run.best else 0.0, run.name)


def _table(groups: Sequence[Sequence[RunFacts]]) -> Table:
    """Bits per byte for all; nats per token only where all have one vocabulary."""
    runs = [run for group in groups for run in group]
    one_vocabulary = same_vocabulary(run.data for run in runs)
    with_baseline = any(run.bar is not None for run in runs)
    header = ["run", *(["text"] if len(groups) > 1 else []), "parameters", "train tokens"]
    header += ["bits/byte"] if one_vocabulary else ["vocabulary", "bits/byte"]
    header += ["counting", "margin"] if with_baseline else []
    with_mixture = any(run.is_mixed for run in runs)
    learns_on = any(run.best is not None and run.best.adaptive_loss is not None for run in runs)
    kinds = ["static", "adaptive"] if learns_on else ["mixed"] if with_mixture else []
    header += [column for kind in kinds for column in (kind, *([f"{kind} margin"] if with_baseline else []))]
    header += [*(["best val"] if one_vocabulary else []), "at step", "gap", "verdict"]
    rows = []
    for index, group in enumerate(groups, start=1):
        for run in group:
            best, bar = run.best, run.bar
            row = [
                f"{run.name} ({', '.join(run.tags)})" if run.tags else run.name,
                *([str(index)] if len(groups) > 1 else []),
                f"{run.started.parameters['total']:,}",
            ]
            row += [f"{run.data.train_tokens:,}", *([] if one_vocabulary else [f"{run.data.n_vocab:,}"])]
            row += [number(best.bits_per_byte if best else None, ".2f")]
            if with_baseline:
                margin = best.bits_per_byte - bar.bits_per_byte if best and bar else None
                row += [number(bar.bits_per_byte if bar else None, ".2f"), number(margin, "+.2f")]
            for kind in kinds:
                found = None if best is None else best.adaptive_bits_per_byte if kind == "adaptive" else None
                mixed = best.mixed_bits_per_byte if best and kind != "adaptive" else found
                row += [number(mixed, ".2f")]
                if with_baseline:
                    its = run.baseline.bar(kind) if run.baseline else None
                    row += [number(mixed - its.bits_per_byte if mixed and its else None, "+.2f")]
            row += [number(best.val_loss if best else None, ".4f")] if one_vocabulary else []
            row += [f"{best.step:,}", number(best.gap, "+.2f"), best.verdict or "–"] if best else ["–", "–", "–"]
            rows.append(tuple(row))
    return Table(tuple(header), tuple(rows), left=frozenset({0, len(header) - 1}))


def _sentences(ranked: Sequence[RunFacts]) -> list[str]:
    """What can be said of runs that were judged on one text."""
    judged = [(run, run.best) for run in ranked if run.best is not None]
    found = []
    if len(judged) > 1:
        (first, best), (second, runner_up) = judged[:2]
        ahead = runner_up.judged_bits_per_byte - best.judged_bits_per_byte
        found.append(
            f"{first.name} is best with {best.judged_bits_per_byte:.2f} bits per byte, {ahead:.2f} ahead of "
            f"{second.name}."
            if ahead >= 0.005
            else f"{first.name} and {second.name} are best, alike to the second digit: "
            f"{best.judged_bits_per_byte:.2f} bits per byte."
        )
        if not same_vocabulary(run.data for run in ranked):
            found.append("Their vocabularies differ, so nats per token would mislead; bits per byte do not.")
    names = {run.name: judged_name(run.best) for run in ranked if run.best}
    if mixed := [name for name, judged in names.items() if judged == "mixed"]:
        found.append(f"Of {listed(mixed)}, the mixture with an n-gram model is compared, not the network alone.")
    for what in ("static", "adaptive"):
        if these := [name for name, judged in names.items() if judged == what]:
            found.append(f"Of {listed(these)}, the {what} loss is compared, with counts mixed in.")
    if leaky := [run.name for run in ranked if is_leaky(run)]:
        found.append(f"Much of this text stands word for word in the training text of {listed(leaky)}.")
    sampled = [run.name for run in ranked if run.phase.evaluation.method == "sampled"]
    if sampled and len(sampled) < len(ranked):
        found.append(f"The losses of {listed(sampled)} come from random windows of it, the others from all of it.")
    return found


def _curves(runs: Sequence[RunFacts]) -> list[ReportBlock]:
    in_nats = same_vocabulary(run.data for run in runs)
    curves = [
        (
            f"{run.name}, {judged_name(run.best)}" if run.is_mixed and run.best else run.name,
            [e.step for e in run.evaluations],
            [e.judged_loss if in_nats else e.judged_bits_per_byte for e in run.evaluations],
        )
        for run in runs
        if run.evaluations
    ]
    if len(curves) < 2:
        return []
    unit = "nats per token" if in_nats else "bits per byte"
    svg = overlay_figure(curves, unit)
    return [Figure(svg, f"Validation loss in {unit}: {listed([name for name, _, _ in curves])}.")]
