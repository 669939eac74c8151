"""A chart as a file: a drawing, a picture, or its numbers, of what is in view and of nothing else."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from slmtui.console.charts.exporting import exported, file_stem
from slmtui.console.charts.run_charts import verdict_bands
from slmtui.console.charts.spec import ChartSpec, Mark, ReferenceLine, Series
from slmtui.console.charts.zoom import Zoom


def losses() -> ChartSpec:
    xs, at = np.arange(1.0, 601.0), np.arange(0.0, 601.0, 100.0)
    return ChartSpec(
        title="loss (nats per token)",
        series=[
            Series("", xs, 1 + 600 / xs, "train-raw"),
            Series("_train", xs, 2 + 100 / xs, "train"),
            Series("val", at, 3 + at / 100, "val", bold=True),
        ],
        x_limits=(0.0, 1000.0),
        levels=[ReferenceLine("7-gram 0.44", 0.44)],
        marks=[Mark("best", 300, 6.0)],
        about="balance-001",
    )


def rows(spec: ChartSpec) -> list[list[str]]:
    return list(csv.reader(io.StringIO(exported(spec, ".csv").decode())))


def test_the_table_has_all_points_in_view_with_their_lines() -> None:
    table = rows(losses())
    assert table[0] == ["line", "steps", "loss (nats per token)"]
    assert len(table) == 1 + 600 + 600 + 7 + 2
    assert ["val", "300", "6.0"] in table
    assert table[-2:] == [["best", "300", "6.0"], ["7-gram 0.44", "", "0.44"]]
    part = rows(Zoom(x=(250.0, 420.0), y=(5.5, 6.5)).of(losses()))
    assert part[1:] == [["val", "300", "6.0"], ["best", "300", "6.0"]]


def test_the_drawing_has_names_axes_and_what_is_in_view() -> None:
    whole = exported(losses(), ".svg").decode()
    assert whole.startswith('<?xml version="1.0" encoding="utf-8"?>\n<svg')
    assert 'aria-label="loss (nats per token), balance-001"' in whole
    words = re.findall(r">([^<>]+)</text>", whole)
    names = {"steps", "loss (nats per token)", "_train", "val", "best", "7-gram 0.44", "1,000"}
    assert names <= {word.strip() for word in words}
    assert exported(losses(), ".svg").decode() == whole
    part = exported(Zoom(x=(250.0, 420.0)).of(losses()), ".svg").decode()
    assert "300" in re.findall(r">([^<>]+)</text>", part)
    assert "1,000" not in re.findall(r">([^<>]+)</text>", part)


def test_bands_time_and_logarithms_are_drawn_too() -> None:
    gap = replace(losses(), bands=verdict_bands(), signed=True, clock=True, x_label="time", levels=())
    words = re.findall(r">([^<>]+)</text>", exported(gap, ".svg").decode())
    assert {"excellent", "good", "severe", "3:20"} <= set(words)
    law = replace(losses(), series=losses().series[1:2], x_limits=(1.0, 1000.0), log_x=True, log_y=True)
    assert b"<svg" in exported(law, ".svg")


def test_the_picture_is_one() -> None:
    picture = Image.open(io.BytesIO(exported(losses(), ".png"))).convert("RGB")
    assert picture.size == (1280, 720)
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert (0xE0, 0x80, 0x1F) in {colour for _, colour in picture.getcolors(1 << 20) or []}  # val


@pytest.mark.parametrize(
    ("title", "about", "stem"),
    [
        ("loss (nats per token)", "balance-001", "balance-001-loss"),
        ("gap = val − train (nats per token)", "a", "a-gap"),
        ("gradient norm, before it is clipped", "a", "a-gradient-norm"),
        ("validation loss · bits per byte", "../a b", "..-a-b-validation-loss"),
        ("", "", "chart"),
    ],
)
def test_the_name_of_the_file_says_whose_it_is_and_what(title: str, about: str, stem: str) -> None:
    assert file_stem(replace(losses(), title=title, about=about)) == stem
