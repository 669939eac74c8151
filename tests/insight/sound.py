"""The facts of a dataset with which nothing is wrong."""

from __future__ import annotations

from slmtui.insight.rules.data_facts import DataFacts

SOUND = DataFacts(
    train_tokens=20_000,
    val_tokens=2_200,
    n_vocab=1_500,
    used_tokens=1_400,
    repeated_share=0.12,
    longest_repeat=38,
    longest_train="a.py:1",
    longest_val="b.py:2",
    unseen_share=0.03,
    duplicate_share=0.0,
    unigram=5.0,
)
