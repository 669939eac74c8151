"""Under another torch, digits are compared with a wider bound, and it is said."""

from __future__ import annotations

import pytest

from tests import digits


def test_the_torch_of_the_digits_has_the_narrow_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "version", lambda _: f"{digits.torch_of_the_digits()}+cpu")
    assert digits.other_torch() == ""
    assert digits.bound(0.0005) == 0.0005


def test_another_torch_has_a_wider_one_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "version", lambda _: "2.9.1+cpu")
    assert digits.bound(0.0005) == pytest.approx(0.005)
    assert f"torch {digits.torch_of_the_digits()}, and this is torch 2.9.1" in digits.other_torch()
