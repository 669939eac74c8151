"""The model that a training starts from (`model.init_from`): its weights and its vocabulary, and nothing else of it.

What a phase says of the network and of the vocabulary must be what the parent has; what it leaves out, it takes from
the parent. Everything else is free: the data, the optimizer, dropout, what is mixed in, and the block size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from torch import Tensor

from slmtui.config.errors import PhaseError, Problem, explain, key_text, shown
from slmtui.config.model_section import ModelSection
from slmtui.config.phase import Phase, TokenizerSection
from slmtui.config.phase_file import problem_of
from slmtui.data.tokenizer import Tokenizer

NOT_OF_THE_NETWORK = {"ngram_mix", "context_mixing", "init_from"}  # keys of [model] that the network does not know
FREE = NOT_OF_THE_NETWORK | {"block_size", "dropout", "attention_dropout"}  # of [model]: need not be the parent's


@dataclass(frozen=True)
class Parent:
    """A model to start from. name: as logs have it, `quick-003@400`; source: as `model.init_from` finds it again.

    tensors: as `GPT.tensors` has them; they become those of the training that starts with them.
    """

    name: str
    source: str
    model: ModelSection
    vocabulary: TokenizerSection
    tokenizer: Tokenizer
    tensors: Mapping[str, Tensor]

    def settle(self, phase: Phase) -> Phase:
        """The phase with what it leaves out taken from this parent, which it names for good.

        PhaseError for what does not fit, all of it.
        """
        values, problems = phase.values(), []
        mine: tuple[tuple[str, ModelSection | TokenizerSection, dict[str, Any]], ...] = (
            ("model", phase.model, self.model.model_dump(exclude=FREE - {"block_size"})),
            ("tokenizer", phase.tokenizer, self.vocabulary.model_dump(mode="json")),
        )
        for section, asked, right in mine:
            for key, value in right.items():
                if key not in asked.model_fields_set:
                    values[section][key] = value
                elif key not in FREE and getattr(asked, key) != value:
                    problems.append(self._problem(phase, f"{section}.{key}", getattr(asked, key), value))
        if problems:
            raise PhaseError(problems, phase.origin.text)
        if (phase.data.join == "published") != (self.tokenizer.end is None):
            right_join = "published" if self.tokenizer.end is None else "documents"
            problem = self._problem(phase, "data.join", phase.data.join, right_join)
            raise PhaseError([problem], phase.origin.text)
        values["model"]["init_from"] = self.source
        try:
            return Phase.model_validate(values).read_from(phase.origin)
        except ValidationError as error:
            found = error.errors(include_url=False)
        raise PhaseError([problem_of(phase, _key(one), explain(one)) for one in found], phase.origin.text)

    def copied(self) -> Parent:
        """The same with tensors of its own, for a training whose weights are thrown away."""
        return replace(self, tensors={name: tensor.clone() for name, tensor in self.tensors.items()})

    def _problem(self, phase: Phase, key: str, found: object, right: object) -> Problem:
        remedy = f"{shown(right)}, or leave it out" if not key.startswith("data.") else shown(right)
        message = f"does not fit the model to start from, {self.name} (got {shown(found)}), allowed: {remedy}"
        return problem_of(phase, key, message)

    def tensors_for(self, block_size: int) -> dict[str, Tensor]:
        """The weights for windows of this length.

        Of learned positions, the first ones serve a shorter window. A longer one has the parent's again and again, as
        in Longformer (Beltagy et al. 2020): up to the parent's block size nothing changes, and behind it attention
        finds its neighbours where it had them.
        """
        tensors = dict(self.tensors)
        if (positions := tensors.get("wpe.weight")) is not None:
            tensors["wpe.weight"] = positions.repeat(-(-block_size // len(positions)), 1)[:block_size]
        return tensors


def _key(error: ErrorDetails) -> str:
    rule = error.get("ctx", {}) if error["type"] == "broken_rule" else {}
    return key_text((*error["loc"], rule["key"]) if rule.get("key") else error["loc"])
