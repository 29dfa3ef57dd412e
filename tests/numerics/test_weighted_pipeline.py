"""The classical weighted pipeline against a spreadsheet worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics.hazards import Spells
from funnelsim.numerics.weighted_pipeline import ClosedRates, closed_rates, weighted_pipeline

# deal: stages visited            closed?  won?
#   0   lead, offer               yes      yes
#   1   lead                      yes      no
#   2   lead, offer, lead, offer  yes      no     (visits count once)
#   3   offer                     yes      yes    (skipped lead)
#   4   lead, offer               no       no     (open: left out, as the classical method does)
ROWS = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 0), (2, 1), (3, 1), (4, 0), (4, 1)]
WON = np.array([True, False, False, True, False])
CLOSED = np.array([True, True, True, True, False])


def spells(rows: list[tuple[int, int]]) -> Spells:
    deal, stage = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    zero = np.zeros_like(deal)
    return Spells(deal, stage, zero, zero, zero)


def test_closed_rates_by_hand() -> None:
    rates = closed_rates(spells(ROWS), WON, CLOSED, n_open=3)
    assert rates.n_won.tolist() == [1, 2, 0]
    assert rates.n_closed.tolist() == [3, 3, 0]
    assert rates.rates.tolist() == [1 / 3, 2 / 3, 0]  # nobody closed in the third stage: 0, not an error


def test_closed_rates_do_not_depend_on_the_order_of_stays() -> None:
    shuffled = [ROWS[i] for i in np.random.default_rng(2).permutation(len(ROWS))]
    one, other = (closed_rates(spells(rows), WON, CLOSED, 2) for rows in (ROWS, shuffled))
    assert one.n_won.tolist() == other.n_won.tolist()
    assert one.n_closed.tolist() == other.n_closed.tolist()


def test_closed_rates_of_nothing_are_zero() -> None:
    nothing = closed_rates(spells([]), np.zeros(0, bool), np.zeros(0, bool), 2)
    assert nothing.rates.tolist() == [0, 0]
    assert ClosedRates(np.zeros(1), np.array([4.0])).rates.tolist() == [0]


def test_weighted_pipeline_by_hand() -> None:
    """1000 x .5 + 400 x .25 + nothing for the amount that is missing + 250 realised = 850."""
    figure, sd = weighted_pipeline(
        np.array([1000.0, 400.0, np.nan, 90.0]), np.array([0.5, 0.25, 0.9, 0.0]), realised=250.0
    )
    assert figure == pytest.approx(850.0)
    assert sd == pytest.approx((1000**2 * 0.25 + 400**2 * 0.1875) ** 0.5)


def test_coin_flip_sd_is_that_of_independent_coins() -> None:
    """Every one of the 2^4 outcomes with its chance: no formula."""
    amount, rate = np.array([3.0, 5.0, 8.0, 13.0]), np.array([0.9, 0.1, 0.5, 0.3])
    totals, chances = [], []
    for outcome in range(16):
        won = np.array([outcome >> k & 1 for k in range(4)], dtype=bool)
        totals.append(amount[won].sum())
        chances.append(np.prod(np.where(won, rate, 1 - rate)))
    mean = np.dot(totals, chances)
    figure, sd = weighted_pipeline(amount, rate, realised=0.0)
    assert figure == pytest.approx(mean)
    assert sd**2 == pytest.approx(np.dot((np.array(totals) - mean) ** 2, chances))


def test_weighted_pipeline_without_deals_is_what_is_realised() -> None:
    assert weighted_pipeline(np.zeros(0), np.zeros(0), 7.0) == (7.0, 0.0)
