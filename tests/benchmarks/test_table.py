"""Medians, percentiles and the table of the benchmarks, and when a word arrived on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import ABOUT, GROUPS
from benchmarks.kept import keep, slower
from benchmarks.table import Row, at_least, markdown, paired_ratio, percentile, seconds, spread, spread_of_least
from benchmarks.terminal import arrival


def test_a_slow_spell_that_hits_both_sides_leaves_the_ratio_alone() -> None:
    assert paired_ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2.0
    assert paired_ratio([2.0, 2.0, 90.0], [1.0, 1.0, 1.0]) == 2.0
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1.0, 2.0], [1.0])


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(20, 0, -1)]
    assert percentile(values, 95) == 19.0
    assert percentile(values, 100) == 20.0
    assert percentile([3.0], 95) == 3.0


@pytest.mark.parametrize(
    ("value", "said"), [(0.00449, "4.5 ms"), (0.0301, "30 ms"), (0.0999, "0.10 s"), (2.0, "2.00 s"), (12.4, "12 s")]
)
def test_times_have_their_unit(value: float, said: str) -> None:
    assert seconds(value) == said


def test_what_is_missed_says_so() -> None:
    assert at_least("a", "speed", 0.97, 0.97) == Row("a", "speed", "0.97×", "≥ 0.97×", met=True)
    assert at_least("a", "speed", 0.9699, 0.97).met is False


def test_rows_of_a_group_are_one_table() -> None:
    rows = [Row("A", "a|b", "1", "2", met=False), Row("A", "c", "3"), Row("B", "d", "4", met=True)]
    first, second = markdown(rows).split("\n\n## B\n")
    assert first.splitlines()[-2:] == ["| a\\|b | 1 | 2 | **no** |  |", "| c | 3 |  |  |  |"]
    assert second.endswith("| d | 4 |  | yes |  |")


def test_what_all_rows_of_a_group_share_stands_above_its_table() -> None:
    page = markdown([Row("A", "a", "1"), Row("B", "b", "2")], {"B": "In turns."})
    assert "## B\n\nIn turns.\n\n| measured |" in page
    assert page.startswith("## A\n\n| measured |")


def test_the_page_says_what_the_next_run_would_write_around_its_rows() -> None:
    page = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text()
    assert page.startswith(ABOUT)
    for group, text in GROUPS.items():
        assert f"## {group}\n\n{text}\n\n| measured |" in page


def test_what_became_slower_by_more_than_its_noise_is_said(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"

    def row(name: str, ratio: float, noise: float) -> Row:
        return Row("A", name, f"{ratio:.3g}×", ratio=ratio, spread=noise)

    before = [row("a", 2.0, 0.05), row("b", 2.0, 0.05), row("c", 2.0, 0.3), Row("A", "d", "1 s")]
    assert slower(before, "a processor", file) == "Nothing was measured on this kind of processor before."
    keep(before, "a processor", file)
    assert "Nothing became slower since" in slower(before, "a processor", file)
    assert "before." in slower(before, "another", file)
    now = [row("a", 1.8, 0.05), row("b", 1.9, 0.05), row("c", 1.8, 0.3), Row("A", "d", "9 s"), row("e", 1.0, 0.1)]
    *_, only = slower(now, "a processor", file).splitlines()
    assert only == "- a: 1.8× (± 0.05), before 2× (± 0.05)"
    keep(now[:1], "a processor", file)
    assert "Nothing became slower" in slower([row("a", 1.8, 0.05), row("b", 1.9, 0.05)], "a processor", file)


def test_a_quarter_is_said_however_large_the_noise_is_also_when_it_goes_bit_by_bit(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"

    def row(ratio: float, noise: float) -> Row:
        return Row("A", "a", f"{ratio:.3g}×", ratio=ratio, spread=noise)

    keep([row(3.1, 0.45)], "a processor", file)
    assert "Nothing became slower" in slower([row(2.4, 0.45)], "a processor", file)
    assert slower([row(2.3, 0.45)], "a processor", file).endswith("- a: 2.3× (± 0.45), before 3.1× (± 0.45)")
    for ratio in (2.8, 2.5):
        keep([row(ratio, 0.45)], "a processor", file)
    assert slower([row(2.3, 0.45)], "a processor", file).endswith(
        "- a: 2.3× (± 0.45), before 2.5× (± 0.45), at best 3.1×"
    )


def test_the_spread_of_a_ratio_of_the_least_is_that_of_other_turns() -> None:
    assert spread_of_least([2.0, 9.0, 3.0, 2.0], [1.0, 1.0, 5.0, 1.0]) == 0
    assert spread_of_least([2.0, 3.0, 9.0, 9.0], [1.0, 1.0, 1.0, 1.0]) == 0.5


def test_pairs_that_vary_have_a_spread() -> None:
    assert spread([2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]) == 0
    assert spread([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]) == 1


def test_a_word_may_arrive_in_two_pieces() -> None:
    chunks = [(1.0, b"Runs"), (2.0, b"..Ru"), (3.0, b"ns..")]
    assert arrival(chunks, b"Runs") == 1.0
    assert arrival(chunks, b"Runs", since=1.0) == 3.0
    assert arrival(chunks, b"Data") is None
