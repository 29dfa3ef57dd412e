"""Estimate: a figure is printed with its standard error."""

from __future__ import annotations

from funnelsim.vocabulary.estimate import Estimate


def test_estimate_prints_value_and_error_in_the_same_format() -> None:
    assert f"{Estimate(0.6213, 0.0048):.1%}" == "62.1 % ± 0.5 %"
    assert f"{Estimate(1234.5, 67.8):,.0f}" == "1,234 ± 68"
    assert str(Estimate(1234.5, 67.8)) == "1234 ± 68"


def test_estimate_is_a_number_and_a_pair() -> None:
    value, error = Estimate(0.25, 0.01)
    assert float(Estimate(0.25, 0.01)) == value == 0.25
    assert error == 0.01
