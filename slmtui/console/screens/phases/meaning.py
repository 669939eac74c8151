"""What a phase means before it is trained, as lines for a person: its size, its data, memory, time, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slmtui.config.errors import Problem, shown
from slmtui.config.limits import TokenizerKind
from slmtui.config.phase import Phase
from slmtui.console.key_names import key
from slmtui.insight import estimates
from slmtui.insight.estimates import DatasetCounts, NoCounts, Speed
from slmtui.words import byte_size, duration, duration_of_step

PARTS = {"token_embedding": "vocabulary", "position_embedding": "positions", "body": "body"}
VOCABULARIES: dict[TokenizerKind, str] = {
    "gpt2": "all of GPT-2's tokens",
    "gpt2-compact": "GPT-2's tokens in use, and the 256 bytes",
    "bpe": "tokens learned from the corpus",
    "characters": "the characters of the training text",
    "bytes": "the 256 bytes",
}
Tone = Literal["", "excellent", "moderate", "severe", "catastrophic"]


@dataclass(frozen=True)
class MeaningLine:
    """`label  value  remark`; the tone colours the remark, which says the same in words. share: of a bar, 0 to 1."""

    label: str
    value: str
    remark: str = ""
    tone: Tone = ""
    share: float | None = None


def meaning(
    phase: Phase, data: DatasetCounts | NoCounts | None, speed: Speed | str = "", *, memory_here: int | None = None
) -> tuple[MeaningLine, ...]:
    """All there is to say.

    data: None while it is being read. speed: or a word on why it is not known. memory_here: of the machine, in bytes.
    """
    lines: list[MeaningLine] = []
    facts = data if isinstance(data, DatasetCounts) else None
    phase = estimates.settled(phase, data)
    n_vocab = estimates.known_vocabulary(phase) if facts is None else facts.n_vocab
    if isinstance(data, NoCounts):
        lines.append(MeaningLine("data", "", data.reason, "catastrophic" if data.fault else "moderate"))
    if n_vocab is not None:
        lines += _size(phase, n_vocab)
    lines.append(_vocabulary(phase, n_vocab, counting=data is None))
    if facts is not None:
        lines += [*_tokens(facts), _per_token(phase, facts), _epochs(phase, facts)]
    if n_vocab is not None:
        lines.append(_memory(phase, n_vocab, facts.train_tokens if facts is not None else 0, memory_here))
    lines.append(_time(speed))
    return tuple(lines)


def problem_lines(problems: Sequence[Problem]) -> tuple[MeaningLine, ...]:
    """The mistakes that keep a phase from meaning anything; none: there is nothing to say."""
    if not problems:
        return ()
    lines = [MeaningLine("", "", "This panel is filled once the phase is valid:")]
    for problem in problems:
        where = f"line {problem.line}: " if problem.line else ""
        key = f"{problem.key}: " if problem.key else ""
        lines.append(MeaningLine("", "", f"{where}{key}{problem.message}", "catastrophic"))
    return tuple(lines)


def difference_lines(phase: Phase, other: Phase) -> tuple[MeaningLine, ...]:
    """What is set differently from another phase: `key  its value → this one's`, values as in TOML."""
    return tuple(
        MeaningLine(one.key, f"{_value(one.was)} → {_value(one.now)}") for one in estimates.differences(phase, other)
    )


def _size(phase: Phase, n_vocab: int) -> list[MeaningLine]:
    parts = estimates.parameters(phase, n_vocab)
    total = sum(parts.values())
    lines = [MeaningLine("parameters", f"{total:,}")]
    lines += [
        MeaningLine(f"  {PARTS[part]}", f"{count:,}", share=count / total) for part, count in parts.items() if count
    ]
    if parts["token_embedding"] > parts["body"]:
        lines.append(MeaningLine("", "", "most of it is the vocabulary, not the body that computes", "moderate"))
    return lines


def _vocabulary(phase: Phase, n_vocab: int | None, *, counting: bool) -> MeaningLine:
    unknown = "counting …" if counting else "not known"
    return MeaningLine(
        "vocabulary", f"{n_vocab:,}" if n_vocab is not None else unknown, VOCABULARIES[phase.tokenizer.kind]
    )


def _tokens(facts: DatasetCounts) -> list[MeaningLine]:
    lines = [MeaningLine("training tokens", f"{facts.train_tokens:,}", f"and {facts.val_tokens:,} to validate with")]
    return lines + [MeaningLine("", "", note, "moderate") for note in facts.notes]


def _per_token(phase: Phase, facts: DatasetCounts) -> MeaningLine:
    found = estimates.parameters_per_token(phase, facts)
    value = f"{found.ratio:,.3g}" if found.ratio < 1000 else f"{found.ratio:,.0f}"
    rule = f"parameters; {found.place} the house rule of {found.least}–{found.most}"
    match found.place:
        case "below":
            return MeaningLine("per token", value, f"{rule}: little room to learn", "moderate")
        case "inside":
            return MeaningLine("per token", value, rule, "excellent")
        case "above":
            return MeaningLine("per token", value, f"{rule}: room to learn by heart", "moderate")


def _epochs(phase: Phase, facts: DatasetCounts) -> MeaningLine:
    found = estimates.epochs(phase, facts.train_tokens, facts.train_length)
    text = f"{found.number:,.1f}" if found.number < 100 else f"{found.number:,.0f}"
    match found.worth:
        case "full":
            remark = f"up to {found.full_value}: repeats teach almost as much as new text"
            return MeaningLine("epochs", text, remark, "excellent")
        case "less":
            return MeaningLine("epochs", text, f"over {found.full_value}: repeats teach less and less")
        case "little":
            remark = f"over {found.last_value}: returns fade (Muennighoff et al. 2023)"
            return MeaningLine("epochs", text, remark, "moderate")


def _memory(phase: Phase, n_vocab: int, train_tokens: int, memory_here: int | None) -> MeaningLine:
    need = estimates.memory_needed(phase, n_vocab, train_tokens)
    total = sum(need.values())
    on_cpu = phase.training.device in ("cpu", "auto")
    if memory_here is not None and on_cpu and total > memory_here:
        return MeaningLine(
            "memory", byte_size(total), f"more than this machine has ({byte_size(memory_here)})", "catastrophic"
        )
    here = f"; this machine has {byte_size(memory_here)}" if memory_here is not None else ""
    return MeaningLine("memory", byte_size(total), f"training alone{here}")


def _time(speed: Speed | str) -> MeaningLine:
    if isinstance(speed, str):
        return MeaningLine(
            "time", "unknown", speed or f"not measured yet: {key('phases.measure', 'm')} measures a few steps"
        )
    return MeaningLine("time", duration(speed.total), f"{duration_of_step(speed.step)} a step, {speed.source}")


def _value(value: object) -> str:
    return "unset" if value is None else value if isinstance(value, str) else shown(value)
