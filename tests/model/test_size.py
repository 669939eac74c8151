"""The size of a model without the model: as the real one counts itself, and as was published."""

import json
from pathlib import Path
from typing import Any

import pytest

from slmtui.model.size import count_parameters

PUBLISHED = json.loads((Path(__file__).parents[1] / "golden" / "published.json").read_text())


@pytest.mark.parametrize("phase", [name for name in PUBLISHED if name.startswith("phase")])
def test_the_published_counts(phase: str) -> None:
    table = PUBLISHED[phase]
    parts = count_parameters(50_257, table["n_layer"], table["n_embd"], table["block_size"])
    assert sum(parts.values()) == table["parameters"]


@pytest.mark.parametrize(
    ("n_vocab", "n_layer", "n_head", "n_embd", "block_size"), [(7, 1, 1, 1, 1), (300, 3, 4, 8, 5), (65, 2, 1, 12, 16)]
)
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"copy_head": True},
        {"positions": "rotary"},
        {"norm": "rms"},
        {"mlp": "gelu_tanh"},
        {"mlp": "swiglu"},
        {"copy_head": True, "positions": "rotary", "norm": "rms", "mlp": "swiglu"},
    ],
    ids=lambda choices: "-".join(choices),
)
def test_as_the_model_counts_itself(
    n_vocab: int, n_layer: int, n_head: int, n_embd: int, block_size: int, choices: dict[str, Any]
) -> None:
    from slmtui.model.gpt import GPT, GPTConfig

    model = GPT(GPTConfig(n_vocab, n_layer, n_head, n_embd, block_size, **choices))
    assert count_parameters(n_vocab, n_layer, n_embd, block_size, **choices) == model.parameters_by_part()
