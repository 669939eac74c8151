"""What was found out of a large corpus, kept for the next time: nobody reads a gigabyte again to know its fingerprint.

It is known by its files as they were: names, places, sizes and times of change (kept_tokens.py has the folder).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmtui.atomic_files import atomic_write
from slmtui.data.documents import DocumentForm
from slmtui.data.encoding import Encoding, WrongBytes
from slmtui.data.folder import Found, Skipped
from slmtui.data.kept_tokens import KEPT_FROM, folder, make_room
from slmtui.data.secrets import Secret, Secrets
from slmtui.data.text_file import NotText, file_state

if TYPE_CHECKING:
    from slmtui.data.corpus import Corpus

SETTLED = 2.0  # seconds since a file was changed: within them, it may change again and look the same

_VERSION = 1


class KeptCorpus:
    """The place of a corpus that is made of these files, or None if it is too small, or still changes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @staticmethod
    def of(found: Sequence[Found], form: DocumentForm, *, alone: bool) -> KeptCorpus | None:
        try:
            states = [file_state(path) for _, path in found]
        except NotText:
            return None
        if sum(size for _, _, size, _ in states) < KEPT_FROM:
            return None
        if max(changed for _, _, _, changed in states) > (time.time() - SETTLED) * 1e9:
            return None
        files = [(name, str(path.absolute()), state) for (name, path), state in zip(found, states, strict=True)]
        name = hashlib.sha256(repr((_VERSION, form, alone, files)).encode("utf-8", "surrogateescape"))
        try:
            return KeptCorpus(folder() / f"{name.hexdigest()[:32]}.json")
        except OSError:
            return None

    def read(
        self, source: str, skipped: Sequence[Skipped], found: Sequence[Found], form: DocumentForm
    ) -> Corpus | None:
        """The corpus of that source as it was kept, with what was skipped before; None if it is not there."""
        try:
            values = json.loads(self._path.read_text("utf-8", "surrogateescape"))
            os.utime(self._path)  # used just now
            return _corpus(values, source, skipped, dict(found), form)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, corpus: Corpus, n_skipped: int) -> None:
        """n_skipped: how many of what it has skipped were so before it was read. Without room, nothing is kept."""
        values = {key: value for key, value in asdict(corpus).items() if key not in ("source", "form")}
        values["skipped"] = values["skipped"][n_skipped:]
        for file in values["files"]:
            del file["path"]
        data = json.dumps(values).encode("utf-8", "surrogateescape")
        with suppress(OSError):
            make_room(self._path.parent, len(data))
            with atomic_write(self._path) as file:
                file.write(data)


def _corpus(
    values: dict[str, Any], source: str, skipped: Sequence[Skipped], paths: dict[str, Path], form: DocumentForm
) -> Corpus:
    from slmtui.data.corpus import Corpus, CorpusFile  # which opens with the help of this

    files = []
    for file in values["files"]:
        wrong = file["encoding"]["wrong"]
        encoding = Encoding(**file["encoding"] | {"wrong": wrong and WrongBytes(**wrong)})
        path = paths[file["name"]]
        files.append(CorpusFile(**file | {"path": path, "state": tuple(file["state"]), "encoding": encoding}))
    more = (Skipped(**one) for one in values["skipped"])
    secrets = Secrets(tuple(Secret(**one) for one in values["secrets"]["first"]), values["secrets"]["count"])
    marks = tuple((mark, count) for mark, count in values["marks"])
    return Corpus(
        **values | {
            "source": source, "files": tuple(files), "skipped": (*skipped, *more), "form": form, "secrets": secrets,
            "marks": marks,
        }
    )  # fmt: skip
