"""slmtui keys: the keys of the console, with the ids by which they can be changed in keys.toml.

[runs]
resume = "f5"               in the place of s; where the file is to be is said at the end
delete = ["x", "ctrl+d"]    several keys do the same
"""

from __future__ import annotations

import json

import click

from slmtui.commands.options import Job, json_option
from slmtui.output import ExitStatus, put, say
from slmtui.settings import keys_file


@click.command(cls=Job, help=__doc__)
@json_option("one JSON line for each action")
def command(as_json: bool) -> ExitStatus:
    from slmtui.console.keymap import all_bindings, keys_of_id, load_keymap  # Textual

    keymap = load_keymap(keys_file())
    actions: dict[str, tuple[dict[str, None], str]] = {}
    for owned in all_bindings():
        keys, _ = actions.setdefault(
            owned.binding.id or "", ({}, owned.binding.tooltip or owned.binding.description.lower())
        )
        keys.update(dict.fromkeys(keys_of_id(keymap, owned)))
    if as_json:
        for name, (keys, words) in actions.items():
            put(json.dumps({"id": name, "keys": [*keys], "does": words, "changed": name in keymap}))
        return ExitStatus.DONE
    widths = max(map(len, actions)), max(len(" ".join(keys)) for keys, _ in actions.values())
    for name, (keys, words) in actions.items():
        put(f"{name:<{widths[0]}}  {' '.join(keys):<{widths[1]}}  {words}".rstrip())
    say(f"{len(keymap)} changed in {keys_file()}" if keymap else f"none is changed; {keys_file()} is where they can be")
    return ExitStatus.DONE
