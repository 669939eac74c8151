"""Numbers and choices that the schema shares with code that has no use for the rest of it; nothing is imported here."""

from typing import Literal, get_args

TokenizerKind = Literal["gpt2", "gpt2-compact", "bpe", "characters", "bytes"]
SplitKind = Literal["contiguous", "by-document"]
Join = Literal["documents", "published"]
DocumentKind = Literal["files", "lines"]
BrokenRecords = Literal["skip", "refuse"]
PositionKind = Literal["learned", "rotary"]
NormKind = Literal["layer", "rms"]
MlpKind = Literal["gelu", "gelu_tanh", "swiglu"]
TOKENIZER_KINDS: tuple[TokenizerKind, ...] = get_args(TokenizerKind)

SMALLEST_VOCABULARY, LARGEST_VOCABULARY = 257, 16_384  # tokens that are learned
MOST_HEADS = 64  # of attention, in a block
UINT16_VALUES = 65_536  # tokens that 16 bits can number
SHORTEST_COPY = 16  # tokens of GPT-2; what two texts share and is shorter is how a language goes
GATE_PLACES = 200  # of the validation text where lines are completed for gate.min_characters_saved, at most
GATE_SAMPLES = 64  # drawn for a gate that needs rates, if [sampling] samples is 0
SEED, LARGEST_SEED = 42, 2**63 - 1  # of completions: the usual one, and what a random generator takes
