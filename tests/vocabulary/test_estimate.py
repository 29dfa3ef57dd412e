"""Estimate: a figure is printed with its standard error."""

from __future__ import annotations

from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import use_language


def test_estimate_prints_value_and_error_in_the_same_format() -> None:
    assert f"{Estimate(0.6213, 0.0048):.1%}" == "62.1 % ± 0.5 points"
    assert f"{Estimate(1234.5, 67.8):,.0f}" == "1,234 ± 68"
    assert str(Estimate(1234.5, 67.8)) == "1234 ± 68"


def test_the_error_of_a_share_is_in_points_in_both_languages() -> None:
    """27.9 % ± 4.6 %: of what? A reader takes the second for a share of the first."""
    chance = Estimate(0.279, 0.0461)
    assert f"{chance:.0%}" == "28 % ± 5 points"
    with use_language("zh"):
        assert f"{chance:.1%}" == "27.9 % ± 4.6 个百分点"
        assert chance.in_english(".1%") == "27.9 % ± 4.6 points"


def test_estimate_is_a_number_and_a_pair() -> None:
    value, error = Estimate(0.25, 0.01)
    assert float(Estimate(0.25, 0.01)) == value == 0.25
    assert error == 0.01
