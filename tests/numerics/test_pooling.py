"""Gamma empirical Bayes: recovery, the negative binomial itself, the test for differences, verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.numerics.pooling import log_ratio, more_than_luck, poisson_interval, pool


def gamma_poisson(rng, nu, expected):
    theta = rng.gamma(nu, 1 / nu, size=len(expected))
    return theta, rng.poisson(theta * expected).astype(float)


def log_nu_standard_error(nu: float, expected: float, n_groups: int) -> float:
    """From the expected information of the negative binomial, summed over its whole range."""
    k = np.arange(2000)

    def logpmf(log_nu: float) -> np.ndarray:
        size = np.exp(log_nu)
        return stats.nbinom.logpmf(k, size, size / (size + expected))

    step = 1e-4
    slope = (logpmf(np.log(nu) + step) - logpmf(np.log(nu) - step)) / (2 * step)
    information = (np.exp(logpmf(np.log(nu))) * slope**2).sum()
    return float(1 / np.sqrt(n_groups * information))


@pytest.mark.parametrize(("nu", "expected"), [(4.0, 30.0), (25.0, 60.0), (0.8, 12.0)])
def test_nu_is_recovered_to_a_third(nu, expected):
    """Smallest error to be caught: a factor of 4/3 in nu, that is 7 to 15 % in the spread."""
    n_groups = 3000
    _, observed = gamma_poisson(np.random.default_rng(11), nu, np.full(n_groups, expected))
    found = pool(observed, np.full(n_groups, expected))
    error = log_nu_standard_error(nu, expected, n_groups)
    assert 7.1 * error < np.log(4 / 3)
    assert abs(np.log(found.nu / nu)) < 4 * error
    assert found.chance_of_none < 1e-6
    assert found.p_value < 1e-6


def test_multipliers_are_recovered_with_the_error_that_theory_gives():
    """Smallest errors: 0.03 of a multiplier, a tenth of the mean squared error, 3.5 points of coverage."""
    rng, nu = np.random.default_rng(12), 8.0
    expected = rng.uniform(2.0, 60.0, size=3000)
    theta, observed = gamma_poisson(rng, nu, expected)
    found = pool(observed, expected)
    gap = found.shrunk() - theta
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(3000) < 0.03
    risk = (1 / (nu + expected)).mean()  # posterior variance (O + nu) / (E + nu)^2, averaged over O
    error = (gap**2).std() / np.sqrt(3000)
    assert abs((gap**2).mean() - risk) < 4 * error < 0.1 * 1.6 * risk
    assert (gap**2).mean() < 0.75 * ((observed / expected - theta) ** 2).mean()
    low, high = found.interval(0.8)
    inside = int(((low <= theta) & (theta <= high)).sum())
    assert stats.binomtest(inside, 3000, 0.8).pvalue > 1e-4
    above = found.above_one()
    misses = (theta > 1).sum() - above.sum()
    assert abs(misses) < 4 * np.sqrt((above * (1 - above)).sum())


def test_likelihood_is_the_negative_binomial_of_scipy_and_its_optimum():
    rng = np.random.default_rng(13)
    expected = rng.uniform(1.0, 40.0, size=25)
    _, observed = gamma_poisson(rng, 3.0, expected)

    def by_scipy(nu: float) -> float:
        whole = stats.nbinom.logpmf(observed, nu, nu / (nu + expected)).sum()
        return whole - stats.poisson.logpmf(observed, expected).sum()

    for nu in (0.3, 3.0, 170.0, 5e4):
        assert float(log_ratio(nu, observed, expected)) == pytest.approx(by_scipy(nu), rel=1e-8, abs=1e-7)
    grid = np.exp(np.linspace(np.log(0.3), np.log(100.0), 4001))
    values = [by_scipy(nu) for nu in grid]
    best = int(np.argmax(values))
    found = pool(observed, expected)
    assert found.nu == pytest.approx(grid[best], rel=2 * (grid[1] / grid[0] - 1))
    assert found.log_ratio == pytest.approx(values[best], abs=1e-5)
    np.testing.assert_allclose(found.most_likely(), (observed + found.nu) / (expected + found.nu))


def test_no_differences_give_a_half_half_p_value():
    """Smallest error: 7 points in the share of ratios that are 0, 3.5 in the share of p-values to 0.05."""
    rng, n = np.random.default_rng(14), 600
    p_values = np.array(
        [pool(rng.poisson(60.0, 300).astype(float), np.full(300, 60.0)).p_value for _ in range(n)]
    )
    assert stats.binomtest(int((p_values == 1.0).sum()), n, 0.5).pvalue > 1e-4
    assert stats.binomtest(int((p_values <= 0.05).sum()), n, 0.05).pvalue > 1e-4


def test_less_variation_than_luck_gives_no_differences():
    found = pool(np.full(9, 40.0), np.full(9, 40.0))
    assert np.isinf(found.nu)
    assert found.p_value == 1.0
    np.testing.assert_array_equal(found.most_likely(), 1.0)
    np.testing.assert_allclose(found.shrunk(), 1.0, atol=0.01)
    assert found.chance_of_none > 0.5


def test_draws_agree_with_the_closed_forms():
    """Smallest error: 2 % of a multiplier."""
    observed, expected = np.array([3.0, 40.0, 90.0, 0.0]), np.array([10.0, 40.0, 60.0, 0.0])
    found, n = pool(observed, expected), 40_000
    draws = found.draw(np.random.default_rng(15), np.broadcast_to(expected, (n, 4)))
    error = draws.std(axis=0) / np.sqrt(n)
    assert (np.abs(draws.mean(axis=0) - found.shrunk()) < 4 * error).all()
    share = (draws > 1).mean(axis=0)
    assert (np.abs(share - found.above_one()) < 4 * np.sqrt(0.25 / n)).all()
    for bound, chance in zip(found.interval(0.8), (0.1, 0.9), strict=True):
        inside = (draws <= bound).mean(axis=0) - chance
        jump = np.where(np.isclose(bound, 1.0), found.chance_of_none, 0.0)
        assert (inside > -4 * np.sqrt(0.09 / n)).all()
        assert (inside < 4 * np.sqrt(0.09 / n) + jump).all()


def test_a_group_alone_and_groups_without_exposure():
    alone = pool(np.array([7.0]), np.array([2.0]))
    assert alone.shrunk().tolist() == [1.0]
    assert alone.interval() == ([pytest.approx(1.0)], [pytest.approx(1.0)])
    unseen = pool(np.zeros(3), np.zeros(3))
    assert unseen.p_value == 1.0
    np.testing.assert_allclose(unseen.shrunk(), 1.0)
    assert np.isfinite(unseen.interval()).all()


@pytest.mark.parametrize(
    ("observed", "expected", "said"),
    [
        ([1.0, 2.0], [1.0], "two rows of one length"),
        ([-1.0, 2.0], [1.0, 1.0], "not -1.0"),
        ([1.0, 2.0], [1.0, np.nan], "expected exits must be finite"),
    ],
)
def test_bad_numbers_are_refused(observed, expected, said):
    with pytest.raises(ValueError, match=said):
        pool(np.array(observed), np.array(expected))


def test_exact_interval_of_garwood():
    """Table of Garwood (1936), as printed in later books: 95 % limits of 0, 1 and 10 events."""
    low, high = poisson_interval(np.array([0.0, 1.0, 10.0]), np.ones(3), 0.95)
    np.testing.assert_allclose(low, [0.0, 0.0253, 4.795], atol=0.0005)
    np.testing.assert_allclose(high, [3.689, 5.572, 18.39], atol=0.005)
    low, high = poisson_interval(np.array([0.0]), np.array([0.0]))
    assert (low[0], high[0]) == (0.0, np.inf)


def test_each_verdict_keeps_the_limit():
    above, below = np.array([0.95, 0.89, 0.02, 0.4, 0.5]), np.array([0.05, 0.11, 0.97, 0.2, 0.5])
    assert more_than_luck(above, below).tolist() == [1, 0, -1, 0, 0]
    assert more_than_luck(above, below, 0.2).tolist() == [1, 1, -1, 0, 0]
