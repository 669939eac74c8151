"""slmtui tag [RUN [NAME …]]: give a run names and a note, or list them.

slmtui tag                        the runs that have a tag or a note
slmtui tag latest                 one run: its tags, its note, and what it came from
slmtui tag latest good v1.2       a tag names one run, and moves to this one
slmtui tag latest --note "lower rate"   a note takes the place of the last one; an empty one removes it
slmtui tag --remove good          the tag names no run any more
slmtui tag latest --archive       lists leave it out from now on; --unarchive takes that back
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from slmtui.commands.options import Job, checkpoints_option, json_option, run_names, tag_names
from slmtui.errors import UserError
from slmtui.output import ExitStatus, put, say, visible
from slmtui.runs.run import Run, all_runs, find_run, newest_first
from slmtui.runs.summary import doubts_of_baseline, summarise
from slmtui.runs.tags import BASELINE, read_tags, refuse_name, set_archived, set_note, set_tags


@click.command(cls=Job, help=__doc__)
@click.argument("run", required=False, metavar="RUN", shell_complete=run_names)
@click.argument("names", nargs=-1, metavar="[NAME …]", shell_complete=tag_names)
@click.option("--note", metavar="TEXT", help="note something of the run")
@click.option("--remove", multiple=True, metavar="NAME", shell_complete=tag_names, help="remove a tag; may be repeated")
@click.option("--archive/--unarchive", default=None, help="leave the run out of lists; or no longer")
@json_option("one JSON line for each run")
@checkpoints_option
def command(
    run: str | None, names: tuple[str, ...], note: str | None, remove: tuple[str, ...], archive: bool | None,
    as_json: bool, checkpoints: Path,
) -> ExitStatus:  # fmt: skip
    found = None if run is None else find_run(checkpoints, run)
    if note is not None and found is None:
        raise click.UsageError("--note is of a run: name it")
    if archive is not None and found is None:
        raise click.UsageError(f"--{'' if archive else 'un'}archive is of a run: name it")
    if found is not None and not found.is_in(checkpoints):
        raise UserError(f"{found.folder}: not in {checkpoints}; its tags are beside it: choose --checkpoints DIR")
    there = [one.name for one in all_runs(checkpoints)]
    before = read_tags(checkpoints)
    for fault in before.faults:
        say(fault)
    for name in remove:
        if name not in before.tags:
            raise UserError(f"{name}: no such tag (there: {', '.join(sorted(before.tags)) or 'none yet'})")
    for name in names:
        refuse_name(name, there)
    for name in remove:
        set_tags(checkpoints, {name: None})
        put(f"{name}: removed from {before.tags[name]}")
    if found is not None:
        for name in names:
            was = before.tags.get(name)
            set_tags(checkpoints, {name: found.name})
            moved = "" if was in (None, found.name) else f", and no longer {was}"
            put(f"{name}: {found.name}{moved}")
            if name == BASELINE and (doubts := doubts_of_baseline(summarise(found)[0])):
                say(f"{found.name}: {doubts}; slmtui tag RUN {BASELINE} chooses another")
        if note is not None:
            set_note(checkpoints, found.name, note)
            put(f"{found.name}: noted" if note.strip() else f"{found.name}: no note any more")
        if archive is not None:
            set_archived(checkpoints, [found.name], archive)
            put(f"{found.name}: {'archived' if archive else 'in lists again'}")
    if names or remove or note is not None or archive is not None:
        return ExitStatus.DONE
    tags = read_tags(checkpoints)
    chosen = [found] if found is not None else newest_first(all_runs(checkpoints))
    shown = [one for one in chosen if found is not None or tags.of(one.name) or tags.note(one.name)]
    for one in shown:
        _put_run(one, tags.of(one.name), tags.note(one.name), as_json=as_json)
    gone = {tag: tagged for tag, tagged in tags.tags.items() if tagged not in there} if found is None else {}
    for tag, tagged in gone.items():
        say(f"{tag}: the run that it tags, {tagged}, is gone")
    if not shown and not gone:
        say(f"no run in {checkpoints} has a tag yet; give one: slmtui tag RUN NAME")
    return ExitStatus.DONE


def _put_run(run: Run, tags: tuple[str, ...], note: str, *, as_json: bool) -> None:
    summary, _ = summarise(run)
    origin = {"parent": summary.parent, "data": summary.data, "code": summary.code}
    if as_json:
        put(json.dumps({"name": run.name, "tags": tags, "note": note} | origin))
        return
    put(f"{run.name}: {', '.join(tags) or 'no tag'}")
    told = {"note": note, "from": summary.parent, "data": summary.data[:12], "slmtui": summary.code}
    for what, words in told.items():
        if words:
            put(visible(f"  {what}: {words}"))
