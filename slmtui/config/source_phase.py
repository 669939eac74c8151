"""A phase for whatever a person names: a phase file, or sources that there is no phase for yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.errors import UserError
from slmtui.project import bundled, default_phase_file

# A source without a phase is counted whole, in GPT-2's tokens.
PLAIN = '[phase]\nname = "source"\n[tokenizer]\nkind = "gpt2"\n'


def phase_of(sources: Sequence[Path], overrides: Sequence[str] = ()) -> Phase:
    """The phase that was named (none: the project's default), or one made up for the sources.

    A made-up one has the default phase's patterns where it is about the same source. Raises PhaseError for a phase that
    is not right, UserError where none is named and there is no default.
    """
    if not sources:
        return load_phase(default_phase_file(), overrides)
    if len(sources) == 1 and sources[0].suffix == ".toml":
        return load_phase(sources[0], overrides)
    if any(override.partition("=")[0].strip() == "data.source" for override in overrides):
        raise UserError(f"--set data.source contradicts {', '.join(map(str, sources))}; name the one or the other")
    phase = parse_phase(PLAIN, "source", overrides)
    data = phase.data.model_copy(update={"source": tuple(map(str, sources))})
    if not data.patterns:
        data = data.model_copy(update={"patterns": _patterns_of(data.source)})
    return phase.model_copy(update={"data": data})


def _patterns_of(source: tuple[str, ...]) -> dict[str, str]:
    """Those of the project's default phase, else of slmtui's own, where it learns from the same source."""
    try:
        default = load_phase(default_phase_file())
    except UserError:  # no project here, or a broken one
        default = load_phase(bundled("phases/quick.toml"))
    return default.data.patterns if default.data.source == source else {}
