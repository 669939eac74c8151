"""All rules, one entry for each way to know something: when it is judged, how much it weighs, and what is said.

A condition is a function of the run so far, in size, stability, learning or overfitting. The level follows from the
weight (0.9 serious, 0.5 a warning, else a note), so it is the same while a run trains and at its end; where it depends
on the numbers, the weight is a function of the evidence's values. Several entries may have one code: the first that
applies speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slmtui.insight.rules import learning, overfitting, size, stability
from slmtui.insight.rules.advice import (
    BPE,
    BY_DOCUMENT,
    COMPACT,
    COSINE,
    EXCLUDED,
    FEWER_STEPS,
    HOLD_BACK_MORE,
    LARGER_MODEL,
    LESS_DECAY,
    LESS_DROPOUT,
    LESS_PATIENCE,
    MORE_DECAY,
    MORE_DROPOUT,
    MORE_TEXT,
    NAMED_FILES,
    NARROWER,
    OTHER_SPLIT,
    PATIENCE,
    SHALLOWER,
    SMALLER_BPE,
    SMALLER_MODEL,
    SMALLER_VOCABULARY,
    TRAIN_ON_MORE_TEXT,
    TRAIN_TO_THE_BEST,
    WITHOUT_COPIES,
    WITHOUT_REPEATS,
    Advice,
    Option,
    will_be_stopped,
)
from slmtui.insight.rules.limits import FULL_VALUE, MANY_UNSEEN, SERIOUS_LEAK, TINY_VALIDATION
from slmtui.insight.rules.rule import Diagnosis, Live, Moment, Rule
from slmtui.insight.rules.sources import ADAM, CHINCHILLA, KAPLAN, KNESER_NEY, MUENNIGHOFF, SPREAD_OF_LOSS
from slmtui.training.gap import WORST

START: frozenset[Moment] = frozenset({"start"})
ALWAYS: frozenset[Moment] = frozenset({"start", "diagnosis"})  # of the data and the size
STEP: frozenset[Moment] = frozenset({"step"})
EVALUATION: frozenset[Moment] = frozenset({"evaluation"})
ANYWHERE: frozenset[Moment] = frozenset({"step", "evaluation", "diagnosis"})
EVALUATION_AND_END: frozenset[Moment] = frozenset({"evaluation", "diagnosis"})
END: frozenset[Moment] = frozenset({"diagnosis"})

TRAIN_ENDED = "train ended at {train:.2f}, token frequencies alone give {unigram:.2f}"
ALONE_AND_MIXED = (
    "the val loss of the network alone is {val:.2f}; on the same tokens, a {ngram} model has {baseline:.2f}, and the "
    "two mixed have {mixed:.2f}"
)
DO_AS_SAID = Advice("{advice}")
LOWER_RATE = Advice("train again with training.learning_rate = {lower:.0e}")
START_GENTLY = Advice("train again with training.learning_rate = {lower:.0e}{gently}")
COUNTING_WOULD_DO = "counting alone would do: "
USE_OTHER_TEXT = Advice(
    COUNTING_WOULD_DO + "use {options}, or do what the other findings say", (MORE_TEXT, *SMALLER_VOCABULARY)
)


def of_tiny_validation(values: Mapping[str, Any]) -> float:
    tokens: int = values["tokens"]
    return 0.6 + 0.35 * (1 - tokens / TINY_VALIDATION) if tokens < TINY_VALIDATION else 0.42


OF_THE_DATA = (
    Rule(
        code="leakage", when=ALWAYS, applies=size.leakage,
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
        code="leakage", when=END, applies=size.easier_or_seen_validation, weight=0.7, confidence="medium",
        diagnosis=Diagnosis(
            title="validation is easier than training",
            evidence="val has stayed {below:.2f} below train, which new text would not do",
            remedy=Advice("look for text that is on both sides, or validate on other text: {options}", OTHER_SPLIT),
        ),
    ),
    Rule(
        code="gap", when=END, applies=size.easier_validation, weight=0.6,
        diagnosis=Diagnosis(
            title="validation is easier than training",
            evidence="val has stayed {below:.2f} below train, and only {share:.1%} of it stands in the training text",
            remedy=Advice(
                "the gap of this split says nothing of new text; validate on other text: {options}", OTHER_SPLIT
            ),
        ),
    ),
    Rule(
        code="unseen", when=START, applies=size.unseen,
        weight=lambda values: 0.5 if values["share"] >= MANY_UNSEEN else 0.3,
        live=Live(
            message="{share:.0%} of the validation tokens never occur in training; no model can have learned them",
            advice=Advice("use {options}", (MORE_TEXT, *SMALLER_VOCABULARY)),
        ),
    ),
    Rule(
        code="noise", when=ALWAYS, applies=size.noise, weight=0.6,
        diagnosis=Diagnosis(
            title="nothing to learn but frequencies",
            evidence="the frequencies of bytes alone give {frequencies:.2f} bits per byte, and neither an n-gram model "
            "({ngram:.2f}) nor a compressor ({compressed:.2f}) finds more in the text",
            remedy=Advice("train on text that is not random; no model and no number of steps can do better"),
        ),
    ),
    Rule(
        code="trivial", when=ALWAYS, applies=size.trivial, weight=0.6,
        diagnosis=Diagnosis(
            title="next to nothing to learn",
            evidence="the text repeats itself: it compresses to {whole:.3f} bits per byte",
            remedy=Advice("train on a text that says more than the same again and again"),
        ),
    ),
    Rule(
        code="tiny_validation", when=ALWAYS, applies=size.tiny_validation, source=SPREAD_OF_LOSS,
        weight=of_tiny_validation,
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
        code="repeated_files", when=ALWAYS, applies=size.repeated_files, weight=0.97,
        diagnosis=Diagnosis(
            title="files that repeat one another",
            evidence="{share:.0%} of the tokens are in files that nearly equal an earlier one",
            remedy=Advice("{options}", (WITHOUT_COPIES, EXCLUDED)),
        ),
    ),
    Rule(
        code="vocabulary", when=ALWAYS, applies=size.vocabulary, source=KAPLAN,
        weight=lambda values: 0.5 + 0.35 * max(0.0, (values["share"] - 0.85) / 0.15),
        diagnosis=Diagnosis(
            title="the vocabulary eats the model",
            evidence="{share:.0%} of the parameters are embeddings of {n_vocab:,} tokens; {occur} in training",
            remedy=Advice("use {options}", (COMPACT, BPE, SMALLER_BPE, MORE_TEXT)),
        ),
    ),
    Rule(
        code="too_large", when=ALWAYS, applies=size.too_large, source=CHINCHILLA,
        weight=lambda values: 0.93 if values["ratio"] >= size.FAR_TOO_LARGE else 0.6,
        diagnosis=Diagnosis(
            title="model far too large for the corpus",
            evidence="{ratio:,.0f} parameters, embeddings left out, for each training token{seen}",
            remedy=Advice("use {options}", (NARROWER, SHALLOWER, MORE_TEXT)),
        ),
    ),
)  # fmt: skip

OF_STABILITY = (
    Rule(
        code="diverged", when=ANYWHERE, applies=stability.not_finite, weight=1.0,
        live=Live(message="the loss is not a number at step {step:,}", advice=DO_AS_SAID),
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="the loss is not a number at step {step:,}; the learning rate went up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="diverged", when=EVALUATION_AND_END, applies=stability.exploded, weight=1.0,
        live=Live(
            message="train is {train:.2f}, above the {uniform:.2f} of a model that knows nothing",
            advice=DO_AS_SAID,
        ),
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="train is {train:.2f}, and a model that knows nothing has {uniform:.2f}; the learning rate went "
            "up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="diverged", when=END, applies=stability.ended_diverged, weight=1.0,
        diagnosis=Diagnosis(
            title="training diverged",
            evidence="at step {step:,} {cause}; the learning rate went up to {rate:.1e}",
            remedy=START_GENTLY,
        ),
    ),
    Rule(
        code="never_improved", when=END, applies=stability.never_improved, weight=0.99,
        diagnosis=Diagnosis(
            title="nothing was learned",
            evidence="no evaluation was better than the one before the first step: val was {best:.2f} then and "
            "{val:.2f} at step {step:,}, with train at {train:.2f}",
            remedy=Advice(
                "do not use this model: best.pt was never trained; train again with what the other findings say, or "
                "with a learning rate of a tenth"
            ),
        ),
    ),
    Rule(
        code="rate_too_high", when=EVALUATION_AND_END, applies=stability.train_rises, weight=0.9,
        live=Live(
            message="train has risen to {train:.2f}; it was {best:.2f} at step {at:,}: the steps are too large",
            advice=DO_AS_SAID,
        ),
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence="train rose from {best:.2f} at step {at:,} to {train:.2f}",
            remedy=LOWER_RATE,
        ),
    ),
    Rule(
        code="rate_too_high", when=STEP, applies=stability.spikes, weight=0.9, over=stability.is_calm,
        live=Live(message="the batch loss has shot up to {loss:.2f}; it was about {usual:.2f}", advice=DO_AS_SAID),
    ),
    Rule(
        code="rate_too_high", when=END, applies=stability.has_spiked, weight=0.9,
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence="the batch loss shot up at step {at:,}",
            remedy=LOWER_RATE,
        ),
    ),
    Rule(
        code="rate_too_high", when=END, applies=stability.long_path, weight=0.9, confidence="medium",
        diagnosis=Diagnosis(
            title="learning rate too high",
            evidence=TRAIN_ENDED + ", after {steps:,} steps at up to {rate:.0e}",
            remedy=LOWER_RATE,
        ),
    ),
)  # fmt: skip

OF_LEARNING = (
    Rule(
        code="rate_too_low", when=END, applies=learning.rate_too_low, weight=0.9, source=ADAM,
        diagnosis=Diagnosis(
            title="learning rate too low",
            evidence=TRAIN_ENDED + "; at {rate:.0e} a weight moves by {path:.2g} at most in all these steps",
            remedy=Advice("train again with training.learning_rate = {usual:.0e}"),
        ),
    ),
    Rule(
        code="too_few_steps", when=END, applies=learning.too_few_steps, weight=0.9, source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="too few steps",
            evidence=TRAIN_ENDED + ", after {steps:,} steps and {epochs:.1f} epochs",
            remedy=Advice("train anew, for {more:,} steps{guarded} (training.max_iters = {more})"),
        ),
    ),
    Rule(
        code="too_small", when=END, applies=learning.too_small, weight=0.9, source=CHINCHILLA,
        diagnosis=Diagnosis(
            title="model far too small for the corpus",
            evidence=TRAIN_ENDED + "; it has {ratio:.2g} parameters, embeddings left out, for each training token",
            remedy=Advice("make the model wider and deeper (model.n_embd, model.n_layer)"),
        ),
    ),
    Rule(
        code="underfitting", when=END, applies=learning.underfitting, weight=0.8, confidence="medium",
        diagnosis=Diagnosis(
            title="under-fitting",
            evidence=TRAIN_ENDED,
            remedy=Advice("{first}{options}", (LARGER_MODEL, LESS_DROPOUT, LESS_DECAY)),
        ),
    ),
    Rule(
        code="stopped_too_early", when=END, applies=learning.stopped_too_early, weight=0.7,
        diagnosis=Diagnosis(
            title="stopped too early",
            evidence="val was still falling: by {fall:.0%} in the last fifth of the steps, to {val:.2f}",
            remedy=Advice("train anew, for {more:,} steps or more{guarded} (training.max_iters)"),
        ),
    ),
    Rule(
        code="too_few_epochs", when=END, applies=learning.too_few_epochs, weight=0.45, source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="part of the text was never seen",
            evidence="{steps:,} steps are {epochs:.2f} epochs, and val was best at the end",
            remedy=Advice(
                f"train for up to {FULL_VALUE} epochs; repeated text is nearly as good as new up to there"
            ),
        ),
    ),
)  # fmt: skip

OF_OVERFITTING = (
    Rule(
        code="gap", when=EVALUATION, applies=overfitting.negative_gap, weight=0.6, over=overfitting.no_gap,
        live=Live(
            message="val is {below:.2f} below train: the validation text {why}",
            advice=Advice("{first}validate on other text: {options}", OTHER_SPLIT),
        ),
    ),
    Rule(
        code="gap", when=EVALUATION, applies=overfitting.moderate_gap, weight=0.3, over=overfitting.no_gap,
        live=Live(
            message="the gap is {word}, {gap:.2f} ({span}): training text is known better than new text",
            advice=Advice("fine as long as val falls"),
        ),
    ),
    Rule(
        code="gap", when=EVALUATION, applies=overfitting.severe_gap, over=overfitting.no_gap,
        weight=lambda values: 0.3 if values["stops"] else 0.9 if values["word"] == WORST else 0.6,
        live=Live(
            message="the gap is {word}, {gap:.2f} ({span}): the training text is being memorised",
            advice=Advice(
                "{options}", (MORE_TEXT, SMALLER_MODEL, MORE_DROPOUT),
                Option("early stopping ends the run; best.pt has the best", will_be_stopped),
            ),
        ),
    ),
    Rule(
        code="val_rising", when=EVALUATION, applies=overfitting.val_rising,
        weight=lambda values: 0.3 if values["stops"] else 0.6,
        live=Live(
            message="val {does} for {n} evaluations ({losses}); the best was {best:.4f} at step {step:,}",
            advice=Advice(
                "stop here, best.pt has it",
                instead=Option("early stopping ends the run if it stays so; best.pt has it", will_be_stopped),
            ),
        ),
    ),
    Rule(
        code="overfitting", when=END, applies=overfitting.overfitting,
        weight=lambda values: 0.65 + 0.27 * min(1.0, values["rise"]),
        diagnosis=Diagnosis(
            title="overfitting",
            evidence="val was {best:.4f} at step {step:,} and has risen by {rise:.2f} since, while train fell from "
            "{was:.2f} to {is:.2f}",
            remedy=Advice(
                "use best.pt, which has step {step:,}; next time {options}",
                (PATIENCE, LESS_PATIENCE, MORE_TEXT, SMALLER_MODEL, MORE_DROPOUT, MORE_DECAY),
            ),
        ),
    ),
    Rule(
        code="wasted", when=EVALUATION_AND_END, applies=overfitting.wasted, weight=0.5,
        live=Live(
            message="{after:,} of {all:,} steps came after the best, step {best:,}",
            advice=Advice("stop here; next time use {options}", (PATIENCE, LESS_PATIENCE, FEWER_STEPS)),
        ),
        diagnosis=Diagnosis(
            title="time wasted after the best",
            evidence="{after:,} of {all:,} steps came after the best, step {best:,}",
            remedy=Advice("next time use {options}", (PATIENCE, LESS_PATIENCE, FEWER_STEPS)),
        ),
    ),
    Rule(
        code="plateau", when=EVALUATION_AND_END, applies=overfitting.plateau, weight=0.45, confidence="medium",
        over=overfitting.moves_again,
        live=Live(
            message="neither loss has moved for {n} evaluations (train {train:.2f}, val {val:.2f})",
            advice=Advice("stop here, lower the learning rate, or make the model larger"),
        ),
        diagnosis=Diagnosis(
            title="plateau",
            evidence="from step {since:,} to {step:,} neither loss fell by {least:g} % (train {train:.2f}, val "
            "{val:.2f})",
            remedy=Advice("next time use {options}", (COSINE, FEWER_STEPS, LARGER_MODEL)),
        ),
    ),
    Rule(
        code="too_many_epochs", when=END, applies=overfitting.too_many_epochs, weight=0.3, confidence="medium",
        source=MUENNIGHOFF,
        diagnosis=Diagnosis(
            title="far too many epochs",
            evidence="the text was seen {epochs:.0f} times; val was best after {at_best:.0f}",
            remedy=Advice("{options}", (TRAIN_TO_THE_BEST, TRAIN_ON_MORE_TEXT)),
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=overfitting.above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better",
            evidence="the best val loss is {val:.2f}; on the same tokens, a {ngram} model has {baseline:.2f}",
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=overfitting.mixture_above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=USE_OTHER_TEXT,
        ),
    ),
    Rule(
        code="above_baseline", when=END, applies=overfitting.network_above_baseline, weight=0.4, source=KNESER_NEY,
        diagnosis=Diagnosis(
            title="counting does better than the network alone",
            evidence=ALONE_AND_MIXED,
            remedy=Advice(
                "use it mixed only, as it is; for a better network, use {options}", (MORE_TEXT, *SMALLER_VOCABULARY)
            ),
        ),
    ),
    Rule(
        code="mixture", when=END, applies=overfitting.mixture_hurts, weight=0.3,
        diagnosis=Diagnosis(
            title="the mixture predicts worse",
            evidence="the best val loss is {val:.3f} for the network alone and {mixed:.3f} mixed with the n-gram "
            "model, so the network alone is used",
            remedy=Advice("set model.ngram_mix below {share:g}, or to 0"),
        ),
    ),
)  # fmt: skip

RULES = (*OF_THE_DATA, *OF_STABILITY, *OF_LEARNING, *OF_OVERFITTING)
