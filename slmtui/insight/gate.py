"""The gate: limits of a phase that make a run fail in CI, judged at the best evaluation, the one that best.pt holds."""

from __future__ import annotations

from slmtui.training.events import Evaluation
from slmtui.training.phase import GateSection


def broken_limits(gate: GateSection, best: Evaluation | None) -> list[str]:
    """One sentence for each limit that was not kept; an empty list is a pass."""
    measured = (
        ("max_gap", gate.max_gap, None if best is None else abs(best.gap)),
        ("max_val_loss", gate.max_val_loss, None if best is None else best.judged_loss),
        ("max_bits_per_byte", gate.max_bits_per_byte, None if best is None else best.judged_bits_per_byte),
    )
    mixed = ", mixed" if best is not None and best.mixed_loss is not None else ""
    return [
        f"{key} = {limit:g} is not kept: "
        + (
            "there was no evaluation"
            if value is None
            else f"{value:.4f}{mixed if key != 'max_gap' else ''} at the best evaluation"
        )
        for key, limit, value in measured
        if limit is not None and (value is None or not value <= limit)
    ]
