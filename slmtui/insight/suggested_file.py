"""A suggestion as a phase file: each line with its reason as a comment."""

from __future__ import annotations

from typing import Any

import tomli_w

from slmtui.config.data_section import DataSection
from slmtui.insight.suggest import Suggestion

HEAD = """\
# A first phase for this corpus, suggested by slmtui, which measured the text. What a comment says was gained or lost is
# validation loss, in short trainings on slmtui's sample corpus and four unlike ones, all of them small.
"""


def suggested_toml(suggestion: Suggestion) -> str:
    """The file's text; it reads back as the suggestion's phase."""
    values = suggestion.phase.values()
    usual = DataSection().model_dump(mode="json")
    chosen = {(line.section, line.key) for line in suggestion.lines}
    data = {
        key: value
        for key, value in values["data"].items()
        if ("data", key) not in chosen and key != "patterns" and (key == "source" or value != usual[key])
    }
    parts = [
        HEAD,
        "[phase]\n" + tomli_w.dumps({key: value for key, value in values["phase"].items() if value}),
    ]
    for section in dict.fromkeys(["data", *(line.section for line in suggestion.lines)]):
        lines = [line for line in suggestion.lines if line.section == section]
        text = f"[{section}]\n"
        if section == "data":
            text += tomli_w.dumps(data)
        width = max((len(_entry(line.key, line.value)) for line in lines), default=0)
        text += "".join(f"{_entry(line.key, line.value):<{width}}  # {_comment(line.reason)}\n" for line in lines)
        parts.append(text)
        if section == "data" and values["data"].get("patterns"):
            parts.append("[data.patterns]\n" + tomli_w.dumps(values["data"]["patterns"]))
    return "\n".join(parts)


def _entry(key: str, value: Any) -> str:
    return tomli_w.dumps({key: value}).replace("\n", " ").strip()


def _comment(text: str) -> str:
    return " ".join(text.split())
