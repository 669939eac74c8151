"""How many trials this machine trains at once; known without torch, so that a question need not wait for it."""

from __future__ import annotations

import psutil

from slmtui.config.phase import Phase
from slmtui.config.study import Study
from slmtui.cores import usable_cores
from slmtui.data.gpt2 import N_VOCAB
from slmtui.data.ngram_baseline import TOKEN_LIMIT
from slmtui.insight.estimates import memory_needed

PROGRAM = 350 * 10**6  # bytes of a process that has imported torch


def workers_for(study: Study) -> int:
    """How many trials at once: a core each, as far as the largest fit into half of the memory that is free.

    That is a rule, and not measured on each machine: with a thread each, no trial waits for others of its own.
    """
    cores = usable_cores()
    largest = max(memory_of(trial.phase) for trial in study.trials)
    fit = psutil.virtual_memory().available // 2 // largest
    return max(1, min(cores, fit, len(study.trials)))


def memory_of(phase: Phase) -> int:
    """Bytes that a process takes which trains this phase."""
    n_vocab = phase.tokenizer.vocab_size or N_VOCAB
    return PROGRAM + sum(memory_needed(phase, n_vocab, TOKEN_LIMIT).values())
