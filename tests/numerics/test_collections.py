"""Delays of payments against their closed forms, and uniform numbers by key."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics.collections import (
    PAID,
    WRITTEN_OFF,
    delay_by_terms,
    draw_ends,
    earned_by,
    never_paid_share,
    settled_from_age,
    settled_from_issue,
)
from funnelsim.numerics.keyed import uniforms_by_key
from funnelsim.numerics.recursion import StageRates


def rates(terms: int, late: float, never: float, patience: int, pace: float = 1.0) -> StageRates:
    law = delay_by_terms(terms, late, never, patience)
    return StageRates.from_hazards(law.first_age, law.mean_hazards()[None], np.full(2, pace))


@pytest.mark.parametrize(
    ("terms", "late", "never"), [(0, 5.0, 0.0), (1, 3.0, 0.2), (30, 12.0, 0.02), (10, 0.0, 0.3)]
)
def test_payers_are_geometric_from_the_due_date_on(terms: int, late: float, never: float) -> None:
    settled = settled_from_issue(rates(terms, late, never, 200), 260)[0]
    age = np.arange(261)
    expected = (1 - never) * (1 - (late / (1 + late)) ** np.maximum(age - terms + 1, 0))
    seen = age < terms + 200
    np.testing.assert_allclose(settled[PAID, seen], expected[seen], atol=1e-9)
    assert not settled[WRITTEN_OFF, seen].any()
    assert settled[:, -1].sum() == pytest.approx(1.0)


def test_an_invoice_unpaid_at_an_age_is_conditioned_on_it() -> None:
    at_issue = settled_from_issue(rates(30, 12.0, 0.1, 180), 300)[0]
    ages = np.array([0, 29, 45, 120])
    later = settled_from_age(rates(30, 12.0, 0.1, 180), ages, 100)[0]
    for j, age in enumerate(ages):
        left = 1 - at_issue[:, age].sum()
        expected = (at_issue[PAID, age + 1 : age + 101] - at_issue[PAID, age]) / left
        np.testing.assert_allclose(later[PAID, j], expected, atol=1e-9)


def test_odds_of_never_paying_change_the_share_and_not_when_payers_pay() -> None:
    law = rates(30, 12.0, 0.1, 180)
    assert never_paid_share(law) == pytest.approx(0.1, abs=1e-6)
    usual, tilted = (settled_from_issue(law, 100, odds)[0, PAID] for odds in (1.0, 0.5))
    share = 0.5 * 0.1 / (0.9 + 0.5 * 0.1)
    assert never_paid_share(law, 0.5) == pytest.approx(share, abs=1e-6)
    np.testing.assert_allclose(tilted / (1 - share), usual / 0.9, atol=1e-6)


def test_a_quicker_pace_shortens_delays() -> None:
    """Twice as fast: the rate per step doubles, and half the terms are waited."""
    settled = settled_from_issue(rates(30, 12.0, 0.0, 300, pace=2.0), 60)[0, PAID]
    expected = 1 - (12 / 13) ** np.maximum(2 * np.arange(61) - 29, 0)
    np.testing.assert_allclose(settled, expected, atol=1e-9)


def test_draws_of_ends_follow_their_chances() -> None:
    settled = np.array([[0.2, 0.5, 0.5], [0.0, 0.1, 0.3]])
    step, is_paid = draw_ends(settled, np.array([0.0, 0.19, 0.2, 0.49, 0.5, 0.59, 0.6, 0.79, 0.8, 0.99]))
    assert step.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 3, 3]
    assert is_paid.tolist() == [True] * 4 + [False] * 6


def test_what_is_earned_grows_evenly_over_the_term() -> None:
    edges = np.array([0, 1, 4, 20])
    np.testing.assert_allclose(earned_by(edges, np.array([1]), 0, 1), [[0, 1, 1, 1]])
    np.testing.assert_allclose(earned_by(edges, np.array([1]), 0, 10), [[0, 0.1, 0.4, 1]])
    np.testing.assert_allclose(earned_by(edges, np.array([-3]), 2, 4), [[0.5, 0.75, 1, 1]])


def test_numbers_by_key_are_uniform_and_independent() -> None:
    """Largest gap to the uniform law at 100,000 numbers, and correlations of neighbours, by their bounds."""
    n = 100_000
    by_key = uniforms_by_key(7, np.arange(n), 1)
    other = uniforms_by_key(7, np.arange(n), 2)
    for numbers in (by_key, other, uniforms_by_key(8, np.arange(n), 1)):
        gap = np.abs(np.sort(numbers) - np.arange(1, n + 1) / n).max()
        assert gap < np.sqrt(np.log(2 / 1e-6) / (2 * n)) + 1 / n
    for pair in ((by_key, other), (by_key[1:], by_key[:-1]), (by_key, uniforms_by_key(8, np.arange(n), 1))):
        assert abs(np.corrcoef(*pair)[0, 1]) < 4.5 / np.sqrt(n)
    np.testing.assert_array_equal(uniforms_by_key(7, np.arange(10) + 5, 1), by_key[5:15])
