"""What must be there for a phase's mixture to be evaluated, and to decide."""

from typing import Literal

from slmtui.config.fields import broken_rule

# Who predicts: the network alone; a mixture that knows the training text and its window; or one that also learns from
# each token after it has predicted it.
Decides = Literal["network", "static", "adaptive"]


def refuse_what_is_missing(*, decides: Decides | None, method: str, ngram_mix: float, context_mixing: bool) -> None:
    """Raises the error about a key of [evaluation] that does not go with what [model] mixes in."""
    if context_mixing and method == "sampled":
        raise broken_rule(
            "has no meaning with model.context_mixing, which learns from a text in its order",
            got='"sampled" with model.context_mixing = true',
            allowed='method = "full", or model.context_mixing = false',
            key="method",
        )
    mixes = context_mixing or ngram_mix > 0
    if decides == "adaptive" and not context_mixing:
        raise broken_rule(
            "needs model.context_mixing",
            got='"adaptive" with model.context_mixing = false',
            allowed='"network"' + (' or "static"' if mixes else "") + ", or model.context_mixing = true",
            key="decides",
        )
    if decides == "static" and not mixes:
        raise broken_rule(
            "needs a mixture",
            got='"static" with neither model.ngram_mix nor model.context_mixing',
            allowed='"network", or model.ngram_mix above 0 or model.context_mixing = true',
            key="decides",
        )
