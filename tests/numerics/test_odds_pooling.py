"""Pooled odds: recovery, coverage, and silence where there is nothing to tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from funnelsim.numerics.odds_pooling import pool_odds

SHARES = np.array([0.5, 0.7, 0.2])


def simulated(rng, spread, n_groups, n_exits):
    x = rng.normal(0.0, spread, n_groups)
    exits = rng.poisson(n_exits, size=(n_groups, 3)).astype(float)
    forward = rng.binomial(exits.astype(int), special.expit(special.logit(SHARES) + x[:, None])).astype(float)
    return x, forward, exits


def test_odds_and_their_spread_are_recovered():
    """Smallest errors: a sixth of the spread, 5 points of coverage, 0.06 of a log odds ratio."""
    n = 1500
    x, forward, exits = simulated(np.random.default_rng(21), 0.3, n, 15)
    found = pool_odds(forward, exits, np.broadcast_to(SHARES, exits.shape))
    noise = 1 / (exits * SHARES * (1 - SHARES)).sum(axis=1).mean()
    error = (0.09 + noise) / 0.3 / np.sqrt(2 * n)  # of the spread, as if all were normal
    assert abs(found.mean_spread - 0.3) < 4 * error < 0.3 / 6
    assert found.p_value < 1e-9
    gap = found.shrunk() - x
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(n) < 0.06
    assert gap.std() < 1.05 * np.sqrt(0.09 * noise / (0.09 + noise))  # no better is possible
    low, high = np.quantile(found.draw(np.random.default_rng(22), 2000), [0.1, 0.9], axis=0)
    assert stats.binomtest(int(((low <= x) & (x <= high)).sum()), n, 0.8).pvalue > 1e-4


@pytest.mark.parametrize(("n_groups", "n_exits"), [(150, 1.3), (20, 12)])
@pytest.mark.thorough
def test_intervals_of_groups_that_differ_hold_what_they_say_where_each_has_little(n_groups, n_exits):
    """20 worlds of a spread of 0.5: 80 % intervals hold 70 to 88 %, given that groups differ.

    With an even chance of none, as verdicts have it, they hold 53 % where groups have four exits.
    """
    rng, inside = np.random.default_rng(25), []
    for _ in range(20):
        x, forward, exits = simulated(rng, 0.5, n_groups, n_exits)
        found = pool_odds(forward, exits, np.broadcast_to(SHARES, exits.shape))
        low, high = np.quantile(found.draw(rng, 400, if_any=True), [0.1, 0.9], axis=0)
        inside.append(((low <= x) & (x <= high)).mean())
    assert 0.70 < np.mean(inside) < 0.88


def test_draws_have_the_mean_of_the_closed_form():
    """Smallest error: 0.02 of a log odds ratio."""
    _, forward, exits = simulated(np.random.default_rng(23), 0.5, 6, 20)
    found = pool_odds(forward, exits, np.broadcast_to(SHARES, exits.shape))
    draws = found.draw(np.random.default_rng(24), 20_000)
    error = draws.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(draws.mean(axis=0) - found.shrunk()) < 4 * error).all()


def test_groups_alike_are_said_to_be_alike():
    exits = np.full((12, 3), 100.0)
    found = pool_odds(exits * SHARES, exits, np.broadcast_to(SHARES, exits.shape))
    assert (found.p_value, found.likeliest_spread, found.log_ratio) == (1.0, 0.0, 0.0)
    assert found.chance_of_none > 0.8
    np.testing.assert_allclose(found.shrunk(), 0.0, atol=1e-3)


def test_a_group_alone_and_groups_without_exits():
    alone = pool_odds(np.array([[9.0]]), np.array([[10.0]]), np.array([[0.5]]))
    for if_any in (False, True):
        assert alone.draw(np.random.default_rng(0), 5, if_any=if_any).tolist() == [[0.0]] * 5
    nothing = pool_odds(np.zeros((4, 2)), np.zeros((4, 2)), np.full((4, 2), 0.3))
    assert nothing.p_value == 1.0
    np.testing.assert_allclose(nothing.shrunk(), 0.0, atol=1e-12)


def test_a_group_that_never_moves_on_stays_finite():
    exits = np.full((5, 1), 500.0)
    forward = np.array([[0.0], [500.0], [250.0], [240.0], [260.0]])
    found = pool_odds(forward, exits, np.full((5, 1), 0.5))
    assert found.shrunk()[0] < -2 < 2 < found.shrunk()[1] < 6.01
    assert np.isfinite(found.draw(np.random.default_rng(0), 100)).all()
    assert found.mean_spread == pytest.approx(2.5, abs=1.0)
