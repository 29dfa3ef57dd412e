"""Multiplied rates: equal to the plain routes, to a sum over ages by hand, and to their limits."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics import multipliers as module
from funnelsim.numerics.incidence import incidence_by_age, observed_routes, win_rates
from funnelsim.numerics.multipliers import multiplied_routes, multiplied_win_rates, routes_at_common_pace

FIRST_AGE = np.array([0, 1, 4, 9])
HAZARDS = np.array([[0.2, 0.0, 0.1], [0.05, 0.1, 0.02], [0.3, 0.0, 0.3], [0.01, 0.0, 0.01]])


def test_without_multipliers_routes_are_the_plain_ones():
    routes = multiplied_routes(FIRST_AGE, HAZARDS[None], np.ones((1, 2, 3)))
    np.testing.assert_allclose(routes[0], [observed_routes(FIRST_AGE, HAZARDS)] * 2, rtol=1e-12)


def test_routes_are_the_sum_over_ages_of_multiplied_rates():
    factors = np.array([2.5, 0.3, 1.1])
    total = HAZARDS.sum(axis=1, keepdims=True)
    rates = -np.log1p(-total) * HAZARDS / total * factors
    of_all = rates.sum(axis=1, keepdims=True)
    changed = -np.expm1(-of_all) * rates / of_all
    expected = incidence_by_age(FIRST_AGE, changed, 9).sum(axis=0)
    np.testing.assert_allclose(
        multiplied_routes(FIRST_AGE, HAZARDS[None], factors[None, None])[0, 0], expected, rtol=1e-12
    )


@pytest.mark.parametrize(("factor", "left"), [(0.0, 0.0), (1e6, 1.0)])
def test_limits(factor, left):
    routes = multiplied_routes(FIRST_AGE, HAZARDS[None], np.full((1, 1, 3), factor))
    assert routes.sum() == pytest.approx(left)


def test_at_the_common_pace_only_the_split_differs():
    """As many leave as of all deals, shared out by multiplied routes; a pace cancels."""
    factors = np.array([2.5, 0.3, 1.1])
    plain = observed_routes(FIRST_AGE, HAZARDS)
    expected = plain.sum() * plain * factors / (plain * factors).sum()
    both = np.stack([factors, 7.0 * factors])
    routes = routes_at_common_pace(FIRST_AGE, HAZARDS[None], both[None])[0]
    np.testing.assert_allclose(routes, [expected, expected], rtol=1e-12)
    assert not np.allclose(multiplied_routes(FIRST_AGE, HAZARDS[None], both[None])[0], routes, rtol=0.05)


def test_who_never_took_a_way_there_is_splits_as_all_do():
    """Without any exit, and where the only way there is is one that a group never took."""
    factors = np.array([[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    plain = observed_routes(FIRST_AGE, HAZARDS)
    np.testing.assert_allclose(routes_at_common_pace(FIRST_AGE, HAZARDS[None], factors)[0, 0], plain)
    one_way = HAZARDS * [1.0, 0.0, 0.0]
    routes = routes_at_common_pace(FIRST_AGE, one_way[None], factors)[0]
    np.testing.assert_allclose(routes, [observed_routes(FIRST_AGE, one_way)] * 2, rtol=1e-12)


def test_win_rates_by_draw_do_not_depend_on_the_batches(monkeypatch):
    rng = np.random.default_rng(31)
    chances = rng.dirichlet([1, 2, 2, 20], size=(2, 6, 3))[..., :3] * [1.0, 1.0, 1.0]
    hazards, factors = list(chances), [rng.gamma(5, 0.2, size=(6, 4, 3)) for _ in range(2)]
    ages, is_won, shares = [np.array([0, 1, 5])] * 2, np.array([False, False, True]), np.array([0.7, 0.3])
    whole = multiplied_win_rates(ages, hazards, factors, is_won, shares)
    monkeypatch.setattr(module, "_LARGEST_BATCH", 1)
    np.testing.assert_array_equal(whole, multiplied_win_rates(ages, hazards, factors, is_won, shares))
    ones = [np.ones((6, 1, 3))] * 2
    routes = np.stack([observed_routes(a, h) for a, h in zip(ages, hazards, strict=True)], axis=1)
    np.testing.assert_allclose(
        multiplied_win_rates(ages, hazards, ones, is_won, shares)[:, 0],
        win_rates(routes, is_won) @ shares,
        rtol=1e-12,
    )
