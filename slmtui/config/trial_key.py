"""What the phase of a study's trial is called, and what a trial is known by."""

from __future__ import annotations

import json

from slmtui.config.phase import Phase


def phase_name(study: str, cell: int) -> str:
    """Of a cell's trials; their runs are named after it."""
    return f"{study}.{cell:02}"


def trial_key(phase: Phase) -> str:
    """What a trial's run is known by: its settings, and not the number of its cell or what a variant is called.

    What a phase takes from the models that it starts or learns from, and what its gate judges it against, only its run
    knows; there the label of the cell stands for that.
    """
    values = phase.values()
    del values["phase"]["name"]
    from_others = [
        *(["model", "tokenizer"] if phase.model.init_from is not None else []),
        *(["gate"] if phase.gate.against is not None else []),
    ]
    if not from_others and not phase.training.distill_from:
        del values["phase"]["title"]
    for section in from_others:
        del values[section]
    del values["training"]["distill_from"]
    if phase.sampling.prompts_from:
        del values["sampling"]["prompts"]  # its run has those of the files among them
    if phase.training.max_minutes is not None:
        del values["training"]["max_iters"]  # as many as there was time for
    return json.dumps(values, sort_keys=True)
