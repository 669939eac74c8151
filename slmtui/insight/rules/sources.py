"""Where rules come from, as findings name it."""

from __future__ import annotations

HOUSE = "house rule"
MUENNIGHOFF = (
    "Muennighoff et al. 2023, Scaling Data-Constrained Language Models: 4 epochs are nearly as good as new text, "
    "little is gained past 16; found with models a hundred times as large, extrapolated to this size"
)
CHINCHILLA = (
    "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models: about 20 tokens of new text per parameter; "
    "found with models a thousand times as large, extrapolated to this size"
)
KAPLAN = (
    "Kaplan et al. 2020, Scaling Laws for Neural Language Models: embeddings do not count towards what a model can "
    "learn; extrapolated to this size"
)
COUNTING = (
    "Chen & Goodman 1999 (interpolated Kneser–Ney) and Mahoney 2005 (context mixing): what counting reaches on the "
    "same text"
)
ADAM = "house rule: Adam moves a weight by about the learning rate per step (Kingma & Ba 2015)"
SPREAD_OF_LOSS = "house rule: standard error of the n-gram model's loss on the bundled corpus, 8 / √tokens nats"
