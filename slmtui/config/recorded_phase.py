"""The phase of a run or a checkpoint, from what was written down when it was trained."""

from typing import Any

from slmtui.config.phase import Phase


def recorded_phase(values: dict[str, Any]) -> Phase:
    """The phase of a run or a checkpoint from its values, all of which were written down.

    What was trained before there were documents lacks `data.join`, and had its files joined as the published phases do;
    what was trained before there were default excludes had none.
    """
    data = values.get("data", {})
    before = {"join": "published", "default_excludes": False}
    return Phase.model_validate({**values, "data": {**before, **data}} if isinstance(data, dict) else values)
