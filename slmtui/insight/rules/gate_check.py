"""Before the first step: does the phase ask for samples without prompts, or set a limit that no training could keep?"""

from __future__ import annotations

from slmtui.config.limits import SEED
from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.data.dataset import Dataset
from slmtui.insight.judging.line_places import line_places
from slmtui.insight.judging.quality import is_python


def refuse_impossible(phase: Phase, dataset: Dataset) -> None:
    """PhaseError, before an hour is trained, for what no training of this phase could do."""
    gate = phase.gate
    if phase.sampling.samples and not phase.sampling.prompts:
        raise fault(
            phase, "sampling.prompts",
            f"empty, and sampling.samples = {phase.sampling.samples} are drawn from them; give it a prompt",
        )  # fmt: skip
    if gate.wants_rates and not phase.sampling.prompts:
        key = "min_parse_rate" if gate.min_parse_rate is not None else "max_copied_share"
        raise fault(phase, f"gate.{key}", "judges samples, and sampling.prompts is empty; give it a prompt")
    if gate.max_test_bits_per_byte is not None and dataset.test is None:
        raise fault(
            phase, "gate.max_test_bits_per_byte",
            f"a limit on the test side (got {gate.max_test_bits_per_byte:g}), and there is none; set "
            "data.test_fraction or data.test, or take the limit out",
        )  # fmt: skip
    if gate.min_characters_saved is not None and not line_places(dataset.val, dataset.tokenizer, 1, SEED):
        raise fault(
            phase, "gate.min_characters_saved",
            f"asks for completions of lines (got {gate.min_characters_saved:g}), and the validation text has none that "
            "goes on; take the limit out",
        )  # fmt: skip
    if gate.min_parse_rate is not None and not is_python(dataset):
        raise fault(
            phase, "gate.min_parse_rate",
            f"asks how many samples parse as Python (got {gate.min_parse_rate:g}), and the corpus is not Python: most "
            "of its files do not parse; take the limit out",
        )  # fmt: skip
