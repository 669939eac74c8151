"""What a report advises: what the diagnosis says is wrong, and what to do next, each with its reason."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import PurePath

from slmtui.insight.report.run_facts import RunFacts
from slmtui.insight.rules import overfitting
from slmtui.insight.rules.counting import COUNTING_WOULD_DO
from slmtui.insight.rules.limits import LEAK
from slmtui.insight.suggest import is_suggested
from slmtui.training.events import judged_name

# The findings that another phase would mend.
CHANGES = {"vocabulary", "too_large", "too_small", "underfitting", "above_baseline", "rate_too_high", "rate_too_low"}
TOO_SHORT = {"too_few_steps"}  # says what "stopped too early" says, with a larger number
ABOUT_BEST = "overfitting"  # the finding whose remedy says itself to use best.pt


@dataclass(frozen=True)
class Advice:
    what: str
    why: str
    command: str = ""  # that does what is advised


def advise(facts: RunFacts) -> list[Advice]:
    """The most pressing first."""
    found, advice = facts.findings, _to_go_on(facts)
    advice += [
        Advice(_sentence(one.remedy), _sentence(f"because: {one.title}"))
        for one in found
        if one.code != "stopped_too_early" or not (advice or TOO_SHORT & {other.code for other in found})
    ]
    if CHANGES & {one.code for one in found} and not is_suggested(facts.phase):
        advice.append(
            Advice(
                "Let slmtui write the next phase:",
                "It measures the corpus and gives a reason for the size, the vocabulary and the length that it "
                "chooses.",
                command=_suggest(facts),
            )
        )
    if facts.phase.evaluation.method == "sampled" and facts.best is not None:
        advice.append(
            Advice(
                'Evaluate on the whole validation text: evaluation.method = "full".',
                "Random windows waver, and the lowest of many such losses looks better than it is.",
            )
        )
    trained = facts.best is not None and (facts.best.step > 0 or facts.best_so_far.has_learned)
    if facts.best and trained and (facts.is_over or is_rise(facts)) and ABOUT_BEST not in {one.code for one in found}:
        judged = judged_name(facts.best)
        loss = "validation loss" if judged == "network" else f"{judged} validation loss"
        advice.append(Advice(f"Use best.pt, step {facts.best.step:,}.", f"It has the lowest {loss} of the run."))
    if any(one.remedy.startswith(COUNTING_WOULD_DO) for one in found):
        unless = "If you use it all the same, use best.pt"
        advice = [replace(one, what=one.what.replace("Use best.pt", unless)) for one in advice]
    return advice


def is_rise(facts: RunFacts) -> bool:
    """Did validation loss end clearly above its best, or as no number at all?"""
    if facts.best is None:
        return False
    return overfitting.is_rise(facts.rose_after_best, facts.best.judged_loss)


def is_leaky(facts: RunFacts) -> bool:
    return facts.data.facts is not None and facts.data.facts.repeated_share >= LEAK


def _to_go_on(facts: RunFacts) -> list[Advice]:
    if facts.run.why_not_resumed(facts.finished) or is_rise(facts) or facts.run.is_alive():
        return []
    if facts.best is None:
        return [Advice("Train it up to an evaluation at least.", "Without one, nothing can be said about it.")]
    return [
        Advice(
            "If no other machine trains it, go on with it:",
            f"{facts.max_iters - facts.step:,} of {facts.max_iters:,} steps are still to come, and validation loss had "
            "not begun to rise.",
            command=facts.run.command("--headless", "--resume"),
        )
    ]


def _suggest(facts: RunFacts) -> str:
    """The command that suggests a phase for the data of this run, all of its [data] kept to.

    A phase may name sources outside the current folder only with --set, so those that may lie there are repeated.
    """
    sources = facts.phase.data.source
    value = sources[0] if len(sources) == 1 else str(list(sources))
    outside = any(source[:1] in ("/", "~") or ".." in PurePath(source).parts for source in sources)
    repeated = ["--set", f"data.source={value}"] if outside else []
    return shlex.join(["slmtui", "suggest", str(facts.run.phase_file), *repeated, "-o", "phases/next.toml"])


def _sentence(words: str) -> str:
    """With a capital letter, unless it begins with a setting's name, and a full stop."""
    first = words.split(" ")[0]
    capital = words if "." in first or "_" in first else words[:1].upper() + words[1:]
    return capital.rstrip(".") + "."
