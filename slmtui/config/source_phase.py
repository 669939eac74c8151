"""A phase for whatever the user names: a phase file, or sources without a phase of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slmtui.config.origin import Origin
from slmtui.config.phase import Phase
from slmtui.config.phase_file import load_phase, parse_phase
from slmtui.errors import UserError
from slmtui.project import bundled, default_phase_file

# A source without a phase is counted whole, in GPT-2 tokens.
PLAIN = '[phase]\nname = "source"\n[tokenizer]\nkind = "gpt2"\n'


def phase_of(sources: Sequence[Path], overrides: Sequence[str] = ()) -> Phase:
    """The phase that was named (none: the project's default), or one made for the given sources.

    The latter takes the patterns of the default phase if that has the same source. Raises PhaseError for an invalid
    phase, UserError if none is named and there is no default.
    """
    if not sources:
        return load_phase(default_phase_file(), overrides)
    if len(sources) == 1 and sources[0].suffix == ".toml":
        return load_phase(sources[0], overrides)
    if any(override.partition("=")[0].strip() == "data.source" for override in overrides):
        raise UserError(f"--set data.source contradicts {', '.join(map(str, sources))}; give one or the other")
    phase = parse_phase(PLAIN, "source", overrides)
    data = phase.data.model_copy(update={"source": tuple(map(str, sources))})
    if not data.patterns:
        data = data.model_copy(update={"patterns": _patterns_of(data.source)})
    origin = Origin(overrides=phase.origin.overrides)  # of no file
    return phase.model_copy(update={"data": data}).read_from(origin)


def _patterns_of(source: tuple[str, ...]) -> dict[str, str]:
    """The patterns of the project's default phase (else of slmtui's own), if its source is the same."""
    try:
        default = load_phase(default_phase_file())
    except UserError:  # no project here, or a broken one
        default = load_phase(bundled("phases/quick.toml"))
    return default.data.patterns if default.data.source == source else {}
