"""Rules about a dataset and the size of a model. They need no training, only its first event and some facts.

Each is a function that gives a finding, or None if all is well.
"""

from __future__ import annotations

from slmtui.insight.rules.data_facts import LEAKS, TINY, val_uncertainty
from slmtui.insight.rules.finding import CHINCHILLA, KAPLAN, Finding
from slmtui.insight.rules.run_trace import RunTrace

DUPLICATES = 0.2  # of all tokens
LARGE_EMBEDDING = 0.5  # of all parameters
USED_VOCABULARY = 0.5  # of its tokens; below, most rows of the embedding are never trained
TOO_LARGE, FAR_TOO_LARGE = 100.0, 300.0  # parameters of the body per training token
MEMORISED_GAP = 1.0  # nats, at the best evaluation: the gap that a model that is too large has at the least
NEGATIVE_GAP = -0.3  # nats


def repeated_files(trace: RunTrace) -> Finding | None:
    facts = trace.facts
    if facts is None or facts.duplicate_share < DUPLICATES:
        return None
    return Finding(
        code="repeated_files",
        title="files that repeat one another",
        evidence=f"{facts.duplicate_share:.0%} of the tokens are in files that nearly equal an earlier one",
        remedy="remove the copies; data.exclude takes patterns",
        confidence="high",
        weight=0.97,
        number=facts.duplicate_share,
    )


def leakage(trace: RunTrace) -> Finding | None:
    """From the texts if they are known; otherwise a gap that stays well below zero gives it away."""
    facts = trace.facts
    if facts is not None:
        if facts.repeated_share < LEAKS[-1][0]:
            return None
        return Finding(
            code="leakage",
            title="validation repeats training",
            evidence=f"{facts.repeated_share:.0%} of the validation tokens stand in the training text verbatim, in "
            f"runs of 16 or more; the longest, {facts.longest_repeat:,} tokens at {facts.longest_val}, is at "
            f"{facts.longest_train} too",
            remedy='hold other text back, with data.split = "by-file" or without the repeats; this gap means nothing',
            confidence="high",
            weight=0.95 if facts.repeated_share >= LEAKS[0][0] else 0.7,
            number=facts.repeated_share,
        )
    gaps = sorted(one.gap for one in trace.evaluations[-3:])
    if len(gaps) < 3 or gaps[1] > NEGATIVE_GAP or not trace.has_learned:
        return None
    return Finding(
        code="leakage",
        title="validation is easier than training",
        evidence=f"val has stayed {-gaps[1]:.2f} below train, which new text would not do",
        remedy='look for text that is on both sides, and try data.split = "by-file"',
        confidence="medium",
        weight=0.7,
        number=gaps[1],
    )


def tiny_validation(trace: RunTrace) -> Finding | None:
    tokens, limit = trace.data.val_tokens, TINY[0][0]
    if tokens >= limit:
        return None
    return Finding(
        code="tiny_validation",
        title="validation too small",
        evidence=f"{tokens:,} validation tokens: their loss is known to about ± {val_uncertainty(tokens):.1f} nats",
        remedy="use more text or a smaller data.train_fraction, and believe no difference smaller than that",
        confidence="high",
        weight=0.6 + 0.35 * (1 - tokens / limit),
        number=tokens,
        source="house rule: standard error of the n-gram model's loss on the bundled corpus, 8 / √tokens nats",
    )


def vocabulary(trace: RunTrace) -> Finding | None:
    """The embedding is most of the model, and most of its rows are for tokens that never occur."""
    facts = trace.facts
    share = trace.parameters["token_embedding"] / trace.parameters["total"]
    used = facts.used_tokens if facts is not None else min(trace.n_vocab, trace.data.train_tokens)
    if share < LARGE_EMBEDDING or used >= USED_VOCABULARY * trace.n_vocab:
        return None
    occur = f"{used:,} of them occur" if facts is not None else f"at most {used:,} of them can occur"
    return Finding(
        code="vocabulary",
        title="the vocabulary eats the model",
        evidence=f"{share:.0%} of the parameters are embeddings of {trace.n_vocab:,} tokens; {occur} in training",
        remedy='tokenizer.kind = "gpt2-compact" keeps the tokens in use and trains many times faster',
        confidence="high",
        weight=0.5 + 0.35 * max(0.0, (share - 0.85) / 0.15),
        number=share,
        source=KAPLAN,
    )


def too_large(trace: RunTrace) -> Finding | None:
    """Many parameters for each token, embeddings left out. Once there are losses, they must show it, too."""
    ratio = trace.body_per_token
    if ratio < TOO_LARGE or (trace.best is not None and trace.has_learned and trace.best.gap < MEMORISED_GAP):
        return None
    seen = "" if trace.best is None else f", and at its best the gap is {trace.best.gap:.2f} already"
    return Finding(
        code="too_large",
        title="model far too large for the corpus",
        evidence=f"{ratio:,.0f} parameters, embeddings left out, for each training token{seen}",
        remedy="make the model narrower and shallower (model.n_embd, model.n_layer), or use more text",
        confidence="high" if ratio >= FAR_TOO_LARGE else "medium",
        weight=0.93 if ratio >= FAR_TOO_LARGE else 0.6,
        number=ratio,
        source=CHINCHILLA,
    )
