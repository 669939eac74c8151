"""Conditions on a dataset and the size of a model. They need no training, only its first event and some facts."""

from __future__ import annotations

import math

from slmtui.data.text_measures import LEAST_TEXT, NEARLY_NOTHING, is_noise
from slmtui.insight.rules.data_facts import val_uncertainty
from slmtui.insight.rules.limits import LARGE_GAP, LEAK, SMALL_VALIDATION, SOME_UNSEEN
from slmtui.insight.rules.rule import Evidence
from slmtui.insight.rules.run_trace import RunTrace
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
    if len(gaps) < 3 or gaps[1] > NEGATIVE_GAP or not trace.has_learned:
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
    if ratio < TOO_LARGE or (best is not None and trace.has_learned and best.gap < LARGE_GAP):
        return None
    seen = "" if best is None or not trace.has_learned else f", and at its best the gap is {best.gap:.2f} already"
    confidence: Confidence = "high" if ratio >= FAR_TOO_LARGE else "medium"
    return Evidence(values={"ratio": ratio, "seen": seen}, number=ratio, confidence=confidence)
