"""Rates by layers: pace, odds and departures are each found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np

from funnelsim.numerics.group_rates import pool_groups, raw_draws, raw_ratios

# Three stages; places: three stages, won, lost. Forward is the next stage or the win.
FORWARD = np.array([[0, 1, 0, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 0]], dtype=bool)
LIKE_ALL = np.zeros((3, 5))
LIKE_ALL[[0, 0, 1, 1, 2, 2], [1, 4, 2, 4, 3, 4]] = [60.0, 40.0, 30.0, 30.0, 20.0, 10.0]


def seen(multipliers, seed=0):
    """Exits of groups whose rates are multiplied so, and those expected."""
    expected = np.broadcast_to(LIKE_ALL, multipliers.shape).copy()
    return np.random.default_rng(seed).poisson(multipliers * expected).astype(float), expected


def ones(n_groups=40):
    return np.ones((n_groups, 3, 5))


def test_groups_alike_stay_alike():
    rates = pool_groups(*seen(ones()), FORWARD)
    assert rates.pace.chance_of_none > 0.5
    assert rates.odds.chance_of_none > 0.5
    draws = rates.draw(np.random.default_rng(1), np.broadcast_to(rates.expected, (500, 40, 3, 5)))
    assert np.abs(draws.mean(axis=0)[:, LIKE_ALL > 0] - 1).max() < 0.15
    assert (draws[:, :, LIKE_ALL == 0].std(axis=0) < 0.3).all()


def test_a_pace_is_no_departure_and_no_odds():
    """Each layer's spread of 0.3 is found to within 0.1, and is not mistaken for another's."""
    theta = np.random.default_rng(2).gamma(11.0, 1 / 11.0, size=40)
    rates = pool_groups(*seen(ones() * theta[:, None, None]), FORWARD)
    assert abs(rates.pace.mean_spread - 0.3) < 0.1
    assert rates.odds.p_value > 0.01
    assert max(pool.mean_spread for pool in rates.departures.values()) < 0.12
    assert np.corrcoef(rates.pace.shrunk(), theta)[0, 1] > 0.9


def test_odds_are_no_departure_and_no_pace():
    x = np.random.default_rng(3).normal(0.0, 0.4, size=40)[:, None, None]
    share = (LIKE_ALL * FORWARD).sum(axis=1) / LIKE_ALL.sum(axis=1)
    keeps = 1 / (1 + share[:, None] * np.expm1(x))
    rates = pool_groups(*seen(np.where(FORWARD, np.exp(x) * keeps, keeps)), FORWARD)
    assert abs(rates.odds.mean_spread - 0.4) < 0.13
    assert rates.pace.p_value > 0.01
    assert max(pool.mean_spread for pool in rates.departures.values()) < 0.12
    assert np.corrcoef(rates.odds.shrunk(), x[:, 0, 0])[0, 1] > 0.9


def test_a_departure_stays_where_it_is():
    """One transition in six varies by half: the others keep their rates to within a few percent."""
    multipliers, theta = ones(), np.random.default_rng(4).gamma(4.0, 0.25, size=40)
    multipliers[:, 1, 2] = theta
    rates = pool_groups(*seen(multipliers), FORWARD)
    assert abs(rates.departures[1, 2].mean_spread - 0.5) < 0.17
    others = [pool.mean_spread for key, pool in rates.departures.items() if key != (1, 2)]
    assert max(others) < 0.15
    draws = rates.draw(np.random.default_rng(5), np.broadcast_to(rates.expected, (400, 40, 3, 5))).mean(
        axis=0
    )
    assert np.corrcoef(draws[:, 1, 2], theta)[0, 1] > 0.85
    assert np.abs(draws[:, 2, 3] - 1).mean() < 0.08
    assert np.abs(rates.odds.shrunk().mean()) < 0.05  # weights of exits do not move the odds of all


def test_raw_numbers_of_groups_with_little():
    expected = np.zeros((3, 1, 2))
    expected[0], expected[1] = [4.0, 6.0], [0.01, 0.02]
    observed = np.zeros((3, 1, 2))
    observed[0] = [8.0, 3.0]
    np.testing.assert_array_equal(raw_ratios(observed, expected)[:, 0], [[2.0, 0.5], [0.0, 0.0], [1.0, 1.0]])
    draws = raw_draws(observed, expected, np.random.default_rng(6), 4000)
    assert np.isfinite(draws).all()
    spread = np.quantile(draws[:, :, 0, 0], 0.9, axis=0) - np.quantile(draws[:, :, 0, 0], 0.1, axis=0)
    assert spread[0] < spread[2]
    assert spread[0] < spread[1]
