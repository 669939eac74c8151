"""slmtui predict PHASE.toml --study FILE: the loss that a phase will reach, from a study's trials, as an interval.

It also says what twice the text, or twice the parameters, would bring. Beyond four times what was measured, nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from slmtui.commands.options import PATH, Job, checkpoints_option, json_option, phase_files, set_option
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, put_json, say
from slmtui.words import listed


@click.command(cls=Job, help=__doc__)
@click.argument("phase_file", type=PATH, metavar="PHASE.toml", shell_complete=phase_files)
@click.option(
    "--study", "study_file", type=PATH, metavar="FILE", required=True, help="the study whose trials are asked"
)
@json_option("one JSON object")
@set_option
@checkpoints_option
def command(
    phase_file: Path, study_file: Path, as_json: bool, overrides: tuple[str, ...], checkpoints: Path
) -> ExitStatus:
    from slmtui.config.phase_file import load_phase
    from slmtui.config.study import load_study
    from slmtui.insight import estimates
    from slmtui.parents import with_parent
    from slmtui.studies.claims import CLAIMS
    from slmtui.studies.laws import Prediction, fit_law
    from slmtui.studies.reading import read_results
    from slmtui.training.prepare import prepare_dataset

    phase, study = load_phase(phase_file, overrides), load_study(study_file, CLAIMS)
    law = fit_law(read_results(study, checkpoints))
    if isinstance(law, str):
        raise UserError(f"{study_file}: {law}")
    phase, parent = with_parent(phase, checkpoints)
    others = [
        each.key
        for each in estimates.differences(phase, study.trials[0].phase)
        if each.key not in VARIED and each.key not in {key.rpartition(".")[2] for key in study.cells[0].values}
    ]
    if others:
        say(f"{phase_file} also differs from the study's trials in {listed(others)}, which the law knows nothing of")
    dataset = prepare_dataset(phase, None if parent is None else parent.tokenizer)
    n_train = dataset.train.n_text_tokens
    parameters = sum(estimates.parameters(phase, dataset.tokenizer.n_vocab).values())
    passes = estimates.epochs(phase, n_train, len(dataset.train.tokens)).number
    found = {
        "as it is": law.predict(parameters, n_train, passes),
        "with twice the text": law.predict(parameters, 2 * n_train, passes / 2),
        "with twice the parameters": law.predict(2 * parameters, n_train, passes),
    }
    if isinstance(here := found["as it is"], str):
        raise UserError(f"{phase_file}: {here}")
    if as_json:
        losses = {
            name: vars(each) if isinstance(each, Prediction) else {"unknown": each} for name, each in found.items()
        }
        constants = vars(law.fitted) | {"form": law.form, "leave_one_out_error": law.error, "cells": len(law.points)}
        put_json(
            json.dumps({"parameters": parameters, "train_tokens": n_train, "bits_per_byte": losses, "law": constants})
        )
        return ExitStatus.DONE
    for name, each in found.items():
        words = each if isinstance(each, str) else f"{each.loss:.2f} bits per byte ({each.low:.2f} to {each.high:.2f})"
        put(f"{name}: {words}")
    put(
        f"by a law of {len(law.points)} cells of {study.name}, off by {law.error:.2f} where one is left out; "
        f"{parameters:,} parameters, {n_train:,} training tokens, {passes:.3g} passes"
    )
    return ExitStatus.DONE


# Of a phase's keys, what a law knows of, and what changes no loss.
VARIED = {
    "source", "include", "exclude", "dataset_size", "train_fraction", "validation", "n_layer", "n_head", "n_embd",
    "seed", "threads", "prompts", "max_iters", "interval", "when", "tokens", "temperature", "samples", "patterns",
    "patience",
}  # fmt: skip
