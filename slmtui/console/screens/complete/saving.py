"""Saving a completion in a sample set, a file that trainings and `slmtui complete` take prompts from."""

from __future__ import annotations

from asyncio import to_thread
from typing import TYPE_CHECKING

from slmtui.config.source_path import source_path
from slmtui.console.dialogs.input import InputDialog
from slmtui.errors import UserError
from slmtui.inference.sample_set import add_completion
from slmtui.output import visible

if TYPE_CHECKING:
    from slmtui.console.host import Host
    from slmtui.console.screens.complete.completion_panel import CompletionPanel

SAMPLE_SET = "complete.sample_set"  # the file that completions were saved in last


async def save_completion(host: Host, panel: CompletionPanel) -> None:
    """Ask for the file, and write what the panel shows at its end."""
    assert panel.request is not None, "Complete's why_not lets nobody save before there is a completion"
    drawn = panel.request.settings
    completion = {
        "checkpoint": str(panel.model), "seed": drawn.seed, "temperature": drawn.temperature,
        "prompt": panel.request.prompt, "text": panel.completion,
    }  # fmt: skip
    dialog = InputDialog(
        "Add the completion to this file (JSON lines). [sampling] prompts_from in a phase, and\n"
        "slmtui complete --prompts, take their prompts from it.",
        title="save", value=host.ui_state.text(SAMPLE_SET, "samples.jsonl"),
        wrong=lambda typed: "" if typed.strip() else "the name of a file",
    )  # fmt: skip
    if (typed := await host.push_screen_wait(dialog)) is None:
        return
    typed = typed.strip()
    try:
        await to_thread(add_completion, source_path(typed), completion)
    except UserError as error:
        host.notify(visible(str(error)), severity="error")
        return
    host.ui_state.remember(SAMPLE_SET, typed)
    host.notify(visible(f"saved in {typed}"))
