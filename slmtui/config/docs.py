"""docs/phases.md, written from the schema: `python -m slmtui.config.docs > docs/phases.md`."""

import json
import sys
from typing import Any

from slmtui.config.errors import PhaseError
from slmtui.config.phase_file import parse_phase
from slmtui.config.schema import Key, describe_schema, sections

EXAMPLE = """\
[phase]
name = "notes"
title = "My notes, a small model"

[data]
source = ["notes", "todo.txt"]
exclude = ["drafts/"]
patterns.headings = '(?m)^#+ '

[model]
n_layer = 3

[training]
max_iters = 2000
learning_rate = 5e-4

[gate]
max_gap = 1.0
"""

MISTAKES = """\
[phase]
name = "notes"

[model]
n_layers = 3
n_embd = 130
learning_rate = 5e-4
"""

INTRODUCTION = f"""\
# Phases

<!-- Written by `python -m slmtui.config.docs` from slmtui/config/phase.py: change that. -->

A phase is a configuration to train, in a TOML file. Every key has a default but `[phase] name`:

```toml
{EXAMPLE}```

`slmtui check PHASE.toml` says all that is wrong with a phase, and what would be right:

```text
{{mistakes}}
```

`--set section.key=value` puts a value over the file's: `--set training.max_iters=200`,
`--set data.source=some/file.txt`, `--set 'data.patterns."my hits"=foo\\('`. The value is
written as in TOML; a text needs no quotes.
"""


def phases_page() -> str:
    """The text of docs/phases.md."""
    parts = [INTRODUCTION.format(mistakes=_complaint(MISTAKES))]
    for section, about in sections().items():
        rows = [_row(key) for key in describe_schema() if key.section == section]
        table = ["| key | default | allowed | |", "|---|---|---|---|", *rows]
        parts.append("\n".join([f"## [{section}]", "", about, "", *table, ""]))
    return "\n".join(parts)


def _complaint(text: str) -> str:
    try:
        parse_phase(text, "notes.toml")
    except PhaseError as error:
        return str(error)
    raise AssertionError("the example of mistakes has none")


def _row(key: Key) -> str:
    default = "required" if key.required else "absent" if key.default is None else f"`{_toml(key.default)}`"
    return f"| `{key.name}` | {default} | {key.allowed} | {key.description} |"


def _toml(value: Any) -> str:
    """A default as it would be written in a phase. JSON's texts, truths and lists are TOML's, too."""
    if isinstance(value, dict):
        return "{}"
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(phases_page())
