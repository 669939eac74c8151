"""Predict by counting in many contexts at once, bit by bit, with weights that are learned while the text is read.

This is context mixing as in the PAQ compressors (Mahoney 2005, "Adaptive Weighing of Context Models for Lossless Data
Compression"), with the chains of ZPAQ (Mahoney 2015, "The ZPAQ Open Standard Format"): the bits of the next byte are
predicted in contexts of the last bytes, of words, lines and columns, and of earlier places that match; each context
says how likely a 1 is, and a small network without hidden layers mixes what they say, in the logistic domain. After
each bit everything that predicted it learns from it.

A neural network's prediction takes part as one more input. Its distribution is over tokens, so a token is decided as
a path through the tree of all tokens' bytes: does the token end here, and if not, the eight bits of its next byte.
What the vocabulary leaves no choice about costs nothing.

    vocabulary   the tokens as a sorted list of byte strings: the tree
    tables       everything that is counted and learned, as arrays
    contexts     what the next byte is looked up under
    lending      the tables for compiled functions, without what numba would spend on owning them
    mixing       one bit: predict, learn
    kernels      whole texts, and the distribution of the next token
    successors   which tokens never follow which
    static       how counts are mixed that stay as they are
    branch       a completion that goes on with them, and learns from its prompt
    mixer        the class that the rest of slmtui uses
"""
