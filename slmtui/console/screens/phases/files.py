"""What a person does with phase files on the Phases screen: save, copy, delete, train; and what is asked first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from slmtui.config.editing import new_phase, with_value
from slmtui.config.schema import keys
from slmtui.config.values import check_value
from slmtui.console.beginning import begin
from slmtui.console.dialogs.input import InputDialog
from slmtui.console.dialogs.question import Message, Question
from slmtui.console.host import Host
from slmtui.console.key_names import key
from slmtui.console.phase_drafts import Draft, Drafts, free_name
from slmtui.errors import UserError
from slmtui.files import is_there
from slmtui.output import visible
from slmtui.trash import bring_back


class PhaseFiles:
    """Save, copy, delete and train phase files, asking what has to be asked. `refresh` shows what became of them."""

    def __init__(self, host: Host, drafts: Drafts, refresh: Callable[[], None]) -> None:
        self._host, self._drafts, self._refresh = host, drafts, refresh

    async def save_and_say(self, draft: Draft) -> None:
        if await self.save(draft):
            self._host.notify(f"saved {draft.path}")

    async def copy(self, draft: Draft) -> None:
        """Save what is in the editor as a new phase."""
        free = free_name(self._drafts.folder, draft.path.stem)
        name = await self._ask_name(f"Save {draft.path} as a new phase. Its name:", "copy", free)
        if name is not None:
            try:
                self._go_to(self._drafts.create(name, with_value(draft.text, keys()["phase", "name"], name)))
            except UserError as error:
                self._say(error, "copy")

    async def new(self) -> None:
        """Begin a phase with the defaults of the schema."""
        name = await self._ask_name("A new phase, with the default for every key. Its name:", "new phase", "")
        if name is not None:
            try:
                self._go_to(self._drafts.create(name, new_phase(name)))
            except UserError as error:
                self._say(error, "new phase")

    async def delete(self, draft: Draft) -> None:
        answer = await self._question(
            f"Delete {draft.path}? Its runs stay, and {key('phases.undo', 'u')} brings it back"
            + (", without what is not saved." if draft.changed else "."),
            {"delete": "Delete it", "keep": "Keep it"},
            title="delete a phase",
            destroys=("delete",),
        )
        if answer == "delete":
            try:
                self._drafts.delete(draft.path)
            except UserError as error:
                self._say(error, "delete a phase")
            self._refresh()

    async def undo(self, draft: Draft | None) -> None:
        """Forget what was not saved of a phase; if all of it is, bring back the phase that was deleted last."""
        if draft is not None and draft.changed:
            await self._revert(draft)
            return
        try:
            back = bring_back(self._drafts.folder)
        except UserError as error:
            self._host.notify(visible(str(error)))
            return
        self._drafts.look()
        self._go_to(back)
        self._host.notify(visible(f"{back} is back"))

    async def _revert(self, draft: Draft) -> None:
        answer = await self._question(
            f"Undo all changes to {draft.path} that are not saved?",
            {"undo": "Undo them", "cancel": "Cancel"},
            title="undo changes",
            destroys=("undo",),
        )
        if answer == "undo":
            draft.reload()
            self._drafts.look()
            self._refresh()

    async def begin(self) -> None:
        """Choose a text, and have a phase suggested for it."""
        if await begin(self._host):
            self._drafts.look()
            self._refresh()

    async def train(self, paths: list[Path]) -> bool:
        """Queue phases, once all are valid and it is clear what to do with unsaved changes. Are they queued?"""
        drafts = [self._drafts[path] for path in paths]
        if broken := [draft.complaint for draft in drafts if draft.phase is None]:
            await self._host.push_screen_wait(Message("\n\n".join(broken), title="cannot be trained"))
            return False
        if changed := [draft for draft in drafts if draft.changed]:
            answer = await self._question(
                f"{', '.join(str(draft.path) for draft in changed)}: unsaved changes.",
                {"save": "Save and train", "train": "Train without saving", "cancel": "Cancel"},
                title="train",
            )
            if answer not in ("save", "train"):
                return False
            for draft in changed if answer == "save" else ():
                if not await self.save(draft):
                    return False
        phases = [draft.phase for draft in drafts]  # what is written there now; the files may change meanwhile
        self._refresh()
        for phase in phases:
            if phase is not None:
                self._host.train(phase)
        return True

    async def save(self, draft: Draft) -> bool:
        """Save, asking first about mistakes and about a file that somebody else has changed. Is it saved?"""
        if draft.unreadable is not None:
            self._say(draft.unreadable, "save")
            return False
        if draft.problems:
            answer = await self._question(
                f"{draft.complaint}\n\nIt cannot be trained like this. Save it anyway?",
                {"save": "Save", "cancel": "Cancel"},
                title=f"{draft.path} has mistakes",
            )
            if answer != "save":
                return False
        if draft.changed_on_disk():
            there = is_there(draft.path)
            answer = await self._question(
                f"{draft.path} was {'changed' if there else 'deleted'} by another program since it was read here.",
                {"overwrite": "Overwrite it" if there else "Write it again", "reload": "Reload it and lose my changes",
                 "cancel": "Cancel"},
                title="changed on disk",
                destroys=("overwrite", "reload") if there else (),
            )  # fmt: skip
            if answer == "reload":
                draft.reload()
                self._drafts.look()
                self._refresh()
            if answer != "overwrite":
                return False
        try:
            draft.save()
        except UserError as error:
            self._say(error, "save")
            return False
        self._refresh()
        return True

    async def _ask_name(self, question: str, title: str, value: str) -> str | None:
        def wrong(name: str) -> str:
            try:
                check_value("phase", "name", name)
            except ValueError:
                return f"allowed: {keys()['phase', 'name'].allowed}" if name else ""
            return f"phases/{name}.toml already exists" if is_there(self._drafts.folder / f"{name}.toml") else ""

        answer = await self._host.push_screen_wait(InputDialog(question, title=title, value=value, wrong=wrong))
        return answer or None

    async def _question(
        self, question: str, answers: dict[str, str], *, title: str, destroys: Collection[str] = ()
    ) -> str | None:
        return await self._host.push_screen_wait(Question(question, answers, title=title, destroys=destroys))

    def _go_to(self, path: Path) -> None:
        self._host.phase_file = path
        self._refresh()

    def _say(self, error: UserError, title: str) -> None:
        self._host.push_screen(Message(str(error), title=title))
