"""The files that are read before each prompt on Complete: which they are, and their text."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual.widgets import Static

from slmtui.console.dialogs.input import SelectDialog
from slmtui.console.dialogs.source import SourceDialog
from slmtui.console.host import Host
from slmtui.inference.context_file import read_context
from slmtui.inference.streaming import Request
from slmtui.output import visible

TITLE = "read before the prompt"


class FilesBefore(Static):
    """Names them in a line, which is gone while there are none."""

    DEFAULT_CSS = "FilesBefore { height: 1; color: $quiet; padding: 0 1; display: none; }"

    def __init__(self, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self.files: list[Path] = []

    async def change(self, host: Host) -> None:
        """Add a file, or forget one, whichever is chosen."""
        names = ["read another file", *(f"forget {visible(str(path))}" for path in self.files)]
        chosen = await host.push_screen_wait(SelectDialog(names, title=TITLE)) if self.files else 0
        if chosen:
            del self.files[chosen - 1]
        elif chosen == 0 and (path := await host.push_screen_wait(SourceDialog(TITLE, only_files=True))) is not None:
            self.files.append(path)
        self.display = bool(self.files)
        self.update(visible(f"reads first: {', '.join(map(str, self.files))}"))

    async def put_before(self, request: Request) -> Request:
        """The request with their text, of any size, before its prompt; UserError if one cannot be read."""
        return replace(request, before=tuple([await asyncio.to_thread(read_context, path) for path in self.files]))
