"""Rules about a dataset and the size of a model. They need no training, only its first event and some facts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from slmtui.data.text_measures import LEAST_TEXT, NEARLY_NOTHING, is_noise
from slmtui.insight.rules.advice import (
    BPE,
    BY_DOCUMENT,
    COMPACT,
    EXCLUDED,
    HOLD_BACK_MORE,
    MORE_TEST,
    MORE_TEXT,
    NAMED_FILES,
    NARROWER,
    OTHER_SPLIT,
    SHALLOWER,
    SMALLER_BPE,
    SMALLER_VOCABULARY,
    WITHOUT_COPIES,
    WITHOUT_REPEATS,
    Advice,
)
from slmtui.insight.rules.data_facts import val_uncertainty
from slmtui.insight.rules.limits import (
    LARGE_GAP,
    LEAK,
    MANY_UNSEEN,
    SERIOUS_LEAK,
    SMALL_VALIDATION,
    SOME_UNSEEN,
    TINY_VALIDATION,
)
from slmtui.insight.rules.rule import ALWAYS, END, START, Diagnosis, Evidence, Live, Rule
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.insight.rules.sources import CHINCHILLA, KAPLAN, SPREAD_OF_LOSS
from slmtui.training.events import Confidence

DUPLICATES = 0.2  # of all tokens
LARGE_EMBEDDING = 0.5  # of all parameters
USED_VOCABULARY = 0.5  # of its tokens; below, most rows of the embedding are never trained
TOO_LARGE, FAR_TOO_LARGE = 100.0, 300.0  # parameters of the body per training token
NEGATIVE_GAP = -0.3  # nats


def repeated_files(trace: RunTrace) -> Evidence | None:
    facts = trace.facts
    if facts is None or facts.duplicate_share < DUPLICATES:
        return None
    return Evidence(values={"share": facts.duplicate_share}, number=facts.duplicate_share)


def leakage(trace: RunTrace) -> Evidence | None:
    """Text that stands on both sides of the split."""
    facts = trace.facts
    if facts is None or facts.repeated_share < LEAK:
        return None
    return Evidence(
        values={
            "share": facts.repeated_share, "shortest": facts.shortest_repeat, "longest": facts.longest_repeat,
            "val": facts.longest_val, "train": facts.longest_train,
        },
        number=facts.repeated_share,
    )  # fmt: skip


def easier_or_seen_validation(trace: RunTrace) -> Evidence | None:
    """Where the texts are not known: a gap that stays well below zero gives leakage away."""
    return _stays_below(trace) if trace.facts is None else None


def easier_validation(trace: RunTrace) -> Evidence | None:
    """Where the texts are known to share little, so that a gap that stays well below zero is the split's doing."""
    return _stays_below(trace) if trace.facts is not None and leakage(trace) is None else None


def _stays_below(trace: RunTrace) -> Evidence | None:
    gaps = sorted(one.gap for one in trace.evaluations[-3:])
    if len(gaps) < 3 or gaps[1] > NEGATIVE_GAP or not trace.gap_counts:
        return None
    share = trace.facts.repeated_share if trace.facts is not None else None
    return Evidence(values={"below": -gaps[1], "share": share}, number=gaps[1])


def noise(trace: RunTrace) -> Evidence | None:
    """Neither counting nor compressing finds more in the text than the frequencies of its bytes give."""
    facts, n_bytes = trace.facts, trace.data.train_bytes
    if facts is None or facts.baseline is None or facts.frequency_bits is None or facts.compressed_bits is None:
        return None
    ngram = facts.baseline.bits_per_byte
    best = min(ngram, facts.compressed_bits, math.inf if facts.whole_bits is None else facts.whole_bits)
    if n_bytes is None or not is_noise(n_bytes, facts.frequency_bits, best):
        return None
    values = {"frequencies": facts.frequency_bits, "ngram": ngram, "compressed": facts.compressed_bits}
    if trace.best is not None:
        values["bits"] = trace.best.judged_bits_per_byte
    return Evidence(values=values, number=facts.frequency_bits)


def trivial(trace: RunTrace) -> Evidence | None:
    """The whole text compresses to nearly nothing."""
    facts, n_bytes = trace.facts, trace.data.train_bytes
    if facts is None or facts.whole_bits is None or n_bytes is None:
        return None
    if n_bytes < LEAST_TEXT or facts.whole_bits >= NEARLY_NOTHING:
        return None
    return Evidence(values={"whole": facts.whole_bits}, number=facts.whole_bits)


def tiny_validation(trace: RunTrace) -> Evidence | None:
    tokens = trace.data.val_tokens
    if tokens >= SMALL_VALIDATION:
        return None
    return Evidence(values={"tokens": tokens, "known_to": val_uncertainty(tokens)}, number=tokens)


def tiny_test(trace: RunTrace) -> Evidence | None:
    tokens = trace.data.test_tokens
    if tokens is None or tokens >= SMALL_VALIDATION:
        return None
    return Evidence(values={"tokens": tokens, "known_to": val_uncertainty(tokens)}, number=tokens)


def unseen(trace: RunTrace) -> Evidence | None:
    facts = trace.facts
    if facts is None or facts.unseen_share < SOME_UNSEEN:
        return None
    return Evidence(values={"share": facts.unseen_share}, number=facts.unseen_share)


def vocabulary(trace: RunTrace) -> Evidence | None:
    """The embedding is most of the model, and most of its rows are for tokens that never occur."""
    facts = trace.facts
    share = trace.parameters["token_embedding"] / trace.parameters["total"]
    used = facts.used_tokens if facts is not None else min(trace.n_vocab, trace.data.train_tokens)
    if share < LARGE_EMBEDDING or used >= USED_VOCABULARY * trace.n_vocab:
        return None
    occur = f"{used:,} of them occur" if facts is not None else f"at most {used:,} of them can occur"
    return Evidence(values={"share": share, "n_vocab": trace.n_vocab, "occur": occur}, number=share)


def too_large(trace: RunTrace) -> Evidence | None:
    """Many parameters for each token, embeddings left out. Once there are losses, they must show it, too."""
    ratio, best = trace.body_per_token, trace.best
    if ratio < TOO_LARGE or (best is not None and trace.gap_counts and best.gap < LARGE_GAP):
        return None
    seen = "" if best is None or not trace.gap_counts else f", and at its best the gap is {best.gap:.2f} already"
    confidence: Confidence = "high" if ratio >= FAR_TOO_LARGE else "medium"
    return Evidence(values={"ratio": ratio, "seen": seen}, number=ratio, confidence=confidence)


def _weight_of_tiny_validation(values: Mapping[str, Any]) -> float:
    tokens: int = values["tokens"]
    return 0.6 + 0.35 * (1 - tokens / TINY_VALIDATION) if tokens < TINY_VALIDATION else 0.42


RULES = (
    Rule(
        code="leakage", when=ALWAYS, applies=leakage,
        weight=lambda values: 0.95 if values["share"] >= SERIOUS_LEAK else 0.7,
        live=Live(
            message="{share:.0%} of the validation tokens repeat training text ({shortest} tokens or more; the "
            "longest {longest:,}, {val} like {train}), so a small gap means little",
            advice=Advice("hold other text back: {options}", (BY_DOCUMENT, NAMED_FILES, WITHOUT_REPEATS)),
        ),
        diagnosis=Diagnosis(
            title="validation repeats training",
            evidence="{share:.0%} of the validation tokens stand in the training text verbatim, in runs of {shortest} "
            "or more; the longest, {longest:,} tokens at {val}, is at {train} too",
            remedy=Advice(
                "hold other text back, with {options}; this gap means nothing",
                (BY_DOCUMENT, NAMED_FILES, WITHOUT_REPEATS),
            ),
        ),
    ),
    Rule(
        code="leakage", when=END, applies=easier_or_seen_validation, weight=0.7, confidence="medium",
        diagnosis=Diagnosis(
            title="validation is easier than training",
            evidence="val has stayed {below:.2f} below train, which new text would not do",
            remedy=Advice("look for text that is on both sides, or validate on other text: {options}", OTHER_SPLIT),
        ),
    ),
    Rule(
        code="gap", when=END, applies=easier_validation, weight=0.6,
        diagnosis=Diagnosis(
            title="validation is easier than training",
            evidence="val has stayed {below:.2f} below train, and only {share:.1%} of it stands in the training text",
            remedy=Advice(
                "the gap of this split says nothing of new text; validate on other text: {options}", OTHER_SPLIT
            ),
        ),
    ),
    Rule(
        code="unseen", when=START, applies=unseen,
        weight=lambda values: 0.5 if values["share"] >= MANY_UNSEEN else 0.3,
        live=Live(
            message="{share:.0%} of the validation tokens never occur in training; no model can have learned them",
            advice=Advice("use {options}", (MORE_TEXT, *SMALLER_VOCABULARY)),
        ),
    ),
    Rule(
        code="noise", when=ALWAYS, applies=noise, weight=0.6,
        diagnosis=Diagnosis(
            title="nothing to learn but frequencies",
            evidence="the frequencies of bytes alone give {frequencies:.2f} bits per byte, and neither an n-gram model "
            "({ngram:.2f}) nor a compressor ({compressed:.2f}) finds more in the text",
            remedy=Advice("train on text that is not random; no model and no number of steps can do better"),
        ),
    ),
    Rule(
        code="trivial", when=ALWAYS, applies=trivial, weight=0.6,
        diagnosis=Diagnosis(
            title="next to nothing to learn",
            evidence="the text repeats itself: it compresses to {whole:.3f} bits per byte",
            remedy=Advice("train on a text that says more than the same again and again"),
        ),
    ),
    Rule(
        code="tiny_validation", when=ALWAYS, applies=tiny_validation, source=SPREAD_OF_LOSS,
        weight=_weight_of_tiny_validation,
        live=Live(
            message="validation has {tokens:,} tokens: its loss is known to about ± {known_to:.1f} nats, and smaller "
            "differences mean nothing",
            advice=Advice("use {options}", (MORE_TEXT, HOLD_BACK_MORE)),
        ),
        diagnosis=Diagnosis(
            title="validation too small",
            evidence="{tokens:,} validation tokens: their loss is known to about ± {known_to:.1f} nats",
            remedy=Advice("use {options}, and believe no difference smaller than that", (MORE_TEXT, HOLD_BACK_MORE)),
        ),
    ),
    Rule(
        code="tiny_test", when=ALWAYS, applies=tiny_test, source=SPREAD_OF_LOSS, weight=_weight_of_tiny_validation,
        live=Live(
            message="the test has {tokens:,} tokens: its loss is known to about ± {known_to:.1f} nats, too little to "
            "judge by",
            advice=Advice("use {options}", (MORE_TEXT, MORE_TEST)),
        ),
        diagnosis=Diagnosis(
            title="test too small",
            evidence="{tokens:,} test tokens: their loss is known to about ± {known_to:.1f} nats",
            remedy=Advice("use {options}", (MORE_TEXT, MORE_TEST)),
        ),
    ),
    Rule(
        code="repeated_files", when=ALWAYS, applies=repeated_files, weight=0.97,
        diagnosis=Diagnosis(
            title="files that repeat one another",
            evidence="{share:.0%} of the tokens are in files that nearly equal an earlier one",
            remedy=Advice("{options}", (WITHOUT_COPIES, EXCLUDED)),
        ),
    ),
    Rule(
        code="vocabulary", when=ALWAYS, applies=vocabulary, source=KAPLAN,
        weight=lambda values: 0.5 + 0.35 * max(0.0, (values["share"] - 0.85) / 0.15),
        diagnosis=Diagnosis(
            title="the vocabulary eats the model",
            evidence="{share:.0%} of the parameters are embeddings of {n_vocab:,} tokens; {occur} in training",
            remedy=Advice("use {options}", (COMPACT, BPE, SMALLER_BPE, MORE_TEXT)),
        ),
    ),
    Rule(
        code="too_large", when=ALWAYS, applies=too_large, source=CHINCHILLA,
        weight=lambda values: 0.93 if values["ratio"] >= FAR_TOO_LARGE else 0.6,
        diagnosis=Diagnosis(
            title="model far too large for the corpus",
            evidence="{ratio:,.0f} parameters, embeddings left out, for each training token{seen}",
            remedy=Advice("use {options}", (NARROWER, SHALLOWER, MORE_TEXT)),
        ),
    ),
)  # fmt: skip
