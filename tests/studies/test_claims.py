"""A claim is supported, contradicted or not decided as the numbers have it."""

from __future__ import annotations

import numpy as np
import pytest

from slmtui.studies.claims import judge_claims
from slmtui.studies.tables import claims_lines, table
from tests.studies.made_up import study_results


def verdict(name: str, cells: list) -> tuple[str, str]:  # type: ignore[type-arg]
    (found,) = judge_claims(study_results(cells, [name]))
    return found.word, found.evidence


def seeds(bits: float, **summary: float) -> list[dict[str, float]]:
    """Three seeds, each of which is luckier in one cell and less so in another."""
    turn = round(bits * 1000) % 3
    return [{"bits": bits + (number + turn) % 3 * 0.005, **summary} for number in range(3)]


def test_more_data() -> None:
    def cells(*bits: float) -> list:  # type: ignore[type-arg]
        amounts = zip((100, 200, 400), bits, strict=True)
        return [({"data.dataset_size": n}, seeds(b, train_tokens=n)) for n, b in amounts]

    assert verdict("more_data_is_better", cells(3.0, 2.5, 2.0))[0] == "supported"
    word, evidence = verdict("more_data_is_better", cells(3.0, 2.0, 2.5))
    assert word == "contradicted"
    assert "Of 2 steps from less data to more, 1 is shown to lower the loss, and 1 to raise it." in evidence
    assert verdict("more_data_is_better", cells(3.0, 2.5, 2.499))[0] == "not decided"
    assert verdict("more_data_is_better", cells(3.0, 2.5, 2.0)[:1])[0] == "not decided"


def test_more_data_is_not_judged_on_different_texts() -> None:
    cells = [({"data.dataset_size": n}, seeds(b, train_tokens=n)) for n, b in ((100, 3.0), (200, 2.0))]
    for each in cells[1][1]:
        each["val_text"] = "another"  # type: ignore[assignment]
    assert verdict("more_data_is_better", cells)[0] == "not decided"


@pytest.mark.parametrize(("slope", "word"), [(-np.log(22) / np.log(5), "supported"), (-0.5, "contradicted")])
def test_what_data_do_to_the_gap(slope: float, word: str) -> None:
    rng = np.random.default_rng(0)
    cells = []
    for n in (1000, 5000):
        trials = [{"bits": 2.0, "train_tokens": n, "gap": float(n**slope * np.exp(rng.normal(0, 0.05)) * 1000)}
                  for _ in range(4)]  # fmt: skip
        cells.append(({"data.dataset_size": n}, trials))
    found, evidence = verdict("data_cuts_gap", cells)
    assert found == word
    assert "Five times the data divide it by" in evidence
    if word == "contradicted":
        assert "divide it by 2." in evidence, "5 ** 0.5"


def test_the_house_rule() -> None:
    def cells(inside: float, outside: float) -> list:  # type: ignore[type-arg]
        return [
            ({"model.n_embd": 8}, seeds(inside, train_tokens=1000, parameters=50_000)),
            ({"model.n_embd": 64}, seeds(outside, train_tokens=1000, parameters=5_000_000)),
        ]

    assert verdict("house_rule_is_best", cells(2.0, 2.4))[0] == "supported"
    word, evidence = verdict("house_rule_is_best", cells(2.4, 2.0))
    assert word == "contradicted"
    assert "5e+03 parameters a token are better by" in evidence
    assert verdict("house_rule_is_best", cells(2.0, 2.001))[0] == "not decided"


def test_gap_and_quality() -> None:
    def cells(rates: list[float]) -> list:  # type: ignore[type-arg]
        return [({"model.n_embd": n}, seeds(2.0, gap=0.1 * n, parse_rate=rate)) for n, rate in enumerate(rates, 1)]

    assert verdict("gap_orders_quality", cells([0.9, 0.8, 0.6, 0.5, 0.3, 0.1]))[0] == "supported"
    assert verdict("gap_orders_quality", cells([0.1, 0.3, 0.5, 0.6, 0.8, 0.9]))[0] == "contradicted"
    assert verdict("gap_orders_quality", cells([0.5, 0.1, 0.9, 0.2, 0.7, 0.4]))[0] == "not decided"
    assert verdict("gap_orders_quality", cells([0.5] * 6))[0] == "not decided"


def test_early_stopping() -> None:
    late, over = [3.0, 2.0, *[2.1] * 6], [3.0, 2.0, *[2.1] * 9]
    found = [{"bits": 1.5 + n / 1000, "evaluations": [*late, 1.5 + n / 1000]} for n in range(3)]
    word, evidence = verdict("stopping_loses_nothing", [({}, found)])
    assert word == "contradicted"
    assert "lost 0.499" in evidence
    assert verdict("stopping_loses_nothing", [({}, [{"bits": 2.0, "evaluations": over}] * 3)])[0] == "supported"
    assert verdict("stopping_loses_nothing", [({}, [{"bits": 2.0, "evaluations": [3.0, 2.0]}] * 3)])[0] == "not decided"


def test_the_table_has_the_best_first_and_says_what_is_shown() -> None:
    cells = [
        ({"model.n_embd": 8}, seeds(2.4)), ({"model.n_embd": 16}, seeds(2.0)),
        ({"model.n_embd": 32}, [{"bits": 2.0}, {"bits": 2.02}, {"bits": 2.001}]),
    ]  # fmt: skip
    results = study_results(cells, ["more_data_is_better"])
    lines = table(results)
    assert [line.split()[2] for line in lines[1:]] == ["16", "32", "8"]
    assert lines[1].endswith("the best")
    assert "not shown (" in lines[2]
    assert "worse by 0.3" in lines[3]
    assert claims_lines(results)[1].startswith("not decided: More data always make the model better. ")
