"""The house's limits that more than one place goes by, each once."""

from __future__ import annotations

from slmtui.training.gap import SCALE

# Shares of the validation tokens that lie in repeats of training text. Scripts of one author share 7 to 19 %; the
# published split that was celebrated for its small gap, nearly all.
LEAK, SERIOUS_LEAK = 0.3, 0.6
# Shares of the validation tokens that training never has.
SOME_UNSEEN, MANY_UNSEEN = 0.2, 0.4
TINY_VALIDATION, SMALL_VALIDATION = 250, 1_000  # tokens: their loss is known to ± 0.5 and ± 0.25 nats
# Epochs up to which repeats are nearly as good as new text, and are worth much at all (Muennighoff et al. 2023).
FULL_VALUE, LAST_VALUE = 4, 16
HOUSE_RULE = (10, 100)  # parameters per training token, of the published experiment
LARGE_GAP = SCALE[1][0]  # nats: no longer "good", so that training text is being learned by heart
