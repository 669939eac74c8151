"""Taking a file in or out of the corpus that is shown: an edit of its phase file."""

from __future__ import annotations

from slmtui.config.editing import typed_list, with_value
from slmtui.config.schema import keys
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft
from slmtui.console.screens.data.file_table import FileRow
from slmtui.console.workers.overview import DataOverview
from slmtui.errors import UserError


def change_selection(found: DataOverview, row: FileRow) -> str:
    """Edit data.include and data.exclude of the phase file, so that the row's file is left out, or no longer.

    Returns what was done, in words. Raises UserError if it cannot be done.
    """
    from slmtui.data.selection import take_in, take_out

    draft = Draft(found.origin)
    if (phase := draft.phase) is None:
        phases = key("everywhere.switch-mode-phases", "p")
        raise UserError(f"{found.origin} cannot be changed here: {phases} shows what is wrong with it")
    data = phase.data
    selection = take_out(data, row.name) if row.left_out is None else take_in(data, row.left_out)
    for name, before, patterns in (
        ("include", data.include, selection.include), ("exclude", data.exclude, selection.exclude),
    ):  # fmt: skip
        if patterns != before:
            draft.text = with_value(draft.text, keys()["data", name], typed_list(patterns))
    draft.save()
    return f"{row.name} is {'left out' if row.left_out is None else 'taken in'} now: {found.origin}, data.exclude"
