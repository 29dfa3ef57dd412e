"""Answers to the exercises: by hand, by theory; and what their words claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.faces.workshop import exercises
from funnelsim.faces.workshop.answers import LEVERS

pytestmark = pytest.mark.thorough


def test_the_formula_by_hand() -> None:
    found = exercises.by_hand()
    assert (found.wins, found.bookings, found.cash) == (6, 48_000, 43_200)
    assert found.gains == pytest.approx([0.1] * 5)


def test_backwards_by_hand() -> None:
    found = exercises.backwards()
    assert found.needed == pytest.approx(30 / 0.06, rel=1e-3)
    assert found.each.value == pytest.approx(500 / 26 / 5, rel=1e-3)
    assert found.each.is_certain


def test_closed_deals_alone_are_too_low_for_months() -> None:
    found = exercises.closed_only()
    assert found.truth == pytest.approx(0.06, rel=1e-3)
    assert max(found.closed) < 0.06
    assert found.closed[0] < 0.04
    held = [one.low <= 0.06 <= one.high for one in found.all_deals]
    assert all(held)
    widths = [one.high - one.low for one in found.all_deals]
    assert widths[0] > widths[-1]


def test_waits_are_those_of_the_steps() -> None:
    """Mean days of a customer: the median of an exponential stay is its mean times log 2; four stays."""
    found = exercises.waits()
    mean = sum((7, 10, 16, 10)) / np.log(2)
    assert 0.6 * mean < found.half < 1.1 * mean  # right-skewed: half need less than the mean
    shares = [one.value for one in found.closed]
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert round(found.half / 30) < round(found.nine / 30)


def test_coins_hold_too_seldom_and_miss_deals_yet_to_come() -> None:
    found = exercises.coins()
    assert found.n_quarters == 14  # as the question says
    assert round(0.8 * found.n_quarters) == 11
    assert found.coins.high < 0.8 <= found.forecast.high
    assert found.missed < 0


def test_the_best_month_is_what_luck_makes_of_the_best() -> None:
    found = exercises.fast_month()
    assert len(found.closes) == 43  # as the question says
    assert 6 <= found.mean <= 7
    by_chance = stats.poisson(found.mean).cdf(np.arange(40)) ** 43
    low, high = (int(np.argmax(by_chance >= share)) for share in (0.1, 0.9))
    assert (found.luck.low, found.luck.high) == (low, high)
    assert low <= found.best <= high
    assert found.after < found.best


def test_the_last_step_comes_first_within_six_months() -> None:
    found = exercises.first_lever()
    steps = [name for name in found.names if name.startswith("conversion")]
    assert steps == [LEVERS[3], LEVERS[2], LEVERS[1]]
    assert found.names[0] == LEVERS[3]
    assert set(found.names) == set(LEVERS)


def test_more_leads_for_a_full_team_are_few_more_orders() -> None:
    found = exercises.saturation()
    assert found.growth < 0.3  # 60 % more numbers to call
    assert found.used[0].value < found.used[1].value < 1
    assert found.wait[1].value > 2 * found.wait[0].value
