"""The keys of the Runs screen, in the order of the bottom line."""

from __future__ import annotations

from textual.binding import Binding, BindingType

NEED_A_RUN = {
    "mark", "resume", "continue", "report", "export", "serve", "complete", "delete", "copy", "pause", "stop", "sort",
    "turn", "tag", "note", "baseline", "compare", "archive",
}  # fmt: skip
NEED_RUNS = {"means", "metric", "columns", "filter", "open_group"}  # or groups of them

KEYS: list[BindingType] = [
    Binding("space", "mark", "mark", tooltip="draw this run's curve with the others'"),
    Binding("f", "metric", "metric", show=False, tooltip="the next metric: losses, gradient norm, rate, speed, memory"),
    Binding("s", "resume", "resume", tooltip="resume a run that was stopped or crashed"),
    Binding(
        "plus,equals_sign",
        "continue",
        "more steps",
        show=False,
        key_display="+",
        tooltip="train a finished run on, as a run of its own",
    ),
    Binding("P,f8", "pause", "pause", show=False, tooltip="pause a run that is alive, or resume it"),
    Binding("s", "stop", "stop", tooltip="stop a run that is alive; it is saved first"),
    Binding("o", "report", "report", tooltip="write a report: of this run, or of the marked ones together"),
    Binding("e", "export", "export", show=False, tooltip="export this run's model or curves for other programs"),
    Binding("V", "serve", "serve", show=False, tooltip="serve this run's model to editors, over HTTP"),
    Binding("C,1", "complete", "complete", tooltip="talk to this run's model"),
    Binding("x,delete", "delete", "delete", tooltip="delete this run, or the marked ones (asks first)"),
    Binding("u", "undo", "undo", show=False, tooltip="bring back the run that was deleted last"),
    Binding("X", "empty_trash", "empty trash", show=False, tooltip="delete for good what u would bring back"),
    Binding("y", "copy", "copy path", show=False, tooltip="copy the path of this run's folder"),
    Binding("a", "tag", "tag", show=False, tooltip="give this run tags, which name it on the command line, too"),
    Binding("b", "baseline", "baseline", show=False, tooltip="compare all others with this run, or no longer"),
    Binding(
        "v",
        "compare",
        "versus",
        show=False,
        tooltip="what differs between two runs: the marked ones, or one and the baseline",
    ),
    Binding("N", "note", "note", show=False, tooltip="note something of this run"),
    Binding("A", "archive", "archive", show=False, tooltip="leave this run, or the marked ones, out of the list"),
    Binding("m", "means", "means", show=False, tooltip="means of phases, then of studies, then the runs again"),
    Binding("h", "columns", "columns", show=False, tooltip="choose the columns of the list"),
    Binding("z", "sort", "sort", tooltip="sort by the next column; after the last one, the newest first"),
    Binding("Z", "turn", "turn", show=False, tooltip="turn the order round"),
]
