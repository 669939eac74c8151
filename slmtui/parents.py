"""The models that a phase starts from, or learns from: here the rooms meet that can read one."""

from __future__ import annotations

from pathlib import Path

from slmtui.config.phase import Phase
from slmtui.config.phase_file import fault
from slmtui.errors import UserError
from slmtui.exchange.gpt2_folder import is_gpt2_folder, parent_from_folder
from slmtui.runs.lineage import parent_from_run, teacher_from_runs
from slmtui.training.parent import Parent
from slmtui.training.teacher import Teacher


def with_parent(phase: Phase, checkpoints: Path) -> tuple[Phase, Parent | None]:
    """The phase with what it takes from its parent, and that parent; the same phase, and None, if it names none.

    checkpoints: the folder of runs that a name stands for. PhaseError if there is no such model, or it does not fit.
    """
    if phase.model.init_from is None:
        return phase, None
    try:
        folder = Path(phase.model.init_from)
        if is_gpt2_folder(folder):
            parent = parent_from_folder(folder)
        else:
            parent = parent_from_run(phase.model.init_from, checkpoints)
    except UserError as error:
        raise fault(phase, "model.init_from", str(error)) from None
    return parent.settle(phase), parent


def with_teacher(phase: Phase, checkpoints: Path) -> tuple[Phase, Teacher | None]:
    """The phase with its teachers named for good, and them as one model; the same phase, and None, if it names none.

    checkpoints: as above. PhaseError if there are no such models.
    """
    if not phase.training.distill_from:
        return phase, None
    try:
        teacher = teacher_from_runs(phase.training.distill_from, checkpoints)
    except UserError as error:
        raise fault(phase, "training.distill_from", str(error)) from None
    return teacher.settle(phase), teacher
