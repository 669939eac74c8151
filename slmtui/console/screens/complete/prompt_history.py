"""The prompts of a project, kept beside its runs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from slmtui.atomic_files import atomic_write
from slmtui.files import open_to_append, open_to_read

REMEMBERED = 200  # prompts


class PromptHistory:
    """Prompts, the newest last, as lines of JSON in a file. Losing it costs little: no error of it is passed on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prompts: list[str] = []
        self._place = 0  # of the one that is shown; len(prompts): the draft
        self._draft = ""
        with suppress(OSError, ValueError):
            with open_to_read(path, follow=False) as file:
                lines = file.read().decode().splitlines()
            read = [json.loads(line) for line in lines]
            self.prompts = _newest([prompt for prompt in read if isinstance(prompt, str)])
            if len(lines) > 2 * REMEMBERED:
                with atomic_write(path) as shortened:
                    shortened.write("".join(json.dumps(prompt) + "\n" for prompt in self.prompts).encode())
        self._place = len(self.prompts)

    def add(self, prompt: str) -> None:
        """Remember a prompt that was used; it is the newest now."""
        if self.prompts[-1:] != [prompt]:
            self.prompts = _newest([*self.prompts, prompt])
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with open_to_append(self.path) as file:
                    file.write(json.dumps(prompt) + "\n")
        self._place = len(self.prompts)

    def move(self, by: int, shown: str) -> str:
        """The prompt before (-1) or after (+1) the one that is shown; after the newest comes what was being typed."""
        if self._place == len(self.prompts):
            self._draft = shown
        self._place = min(max(self._place + by, 0), len(self.prompts))
        return self._draft if self._place == len(self.prompts) else self.prompts[self._place]


def _newest(prompts: list[str]) -> list[str]:
    """Each one once, where it was used last."""
    return list(reversed(list(dict.fromkeys(reversed(prompts)))))[-REMEMBERED:]
