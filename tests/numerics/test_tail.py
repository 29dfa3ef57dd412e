"""Tails: known laws are found again, records come as often as theory says, few amounts are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.numerics.bootstrap import bootstrap_summary, weighted_quantiles
from funnelsim.numerics.tail import TailError, fit_tail, log_likelihood, log_survival


def pareto(shape: float, n: int, seed: int, scale: float = 3.0) -> np.ndarray:
    """Generalised Pareto excesses, by inversion."""
    chance = np.random.default_rng(seed).random(n)
    return scale * (-np.log(chance) if shape == 0 else (chance**-shape - 1) / shape)


# --- formulas


@pytest.mark.parametrize("shape", [-0.3, 0.0, 1e-12, 0.4])
def test_likelihood_is_that_of_scipy(shape):
    excess = np.array([0.1, 0.7, 2.0, 3.9])
    law = stats.genpareto(shape, scale=2.0)
    assert log_likelihood(excess, shape, 2.0) == pytest.approx(law.logpdf(excess).sum())
    np.testing.assert_allclose(log_survival(excess, shape, 2.0), law.logsf(excess))


def test_nothing_lies_beyond_the_end_of_a_light_tail():
    assert log_survival(np.array([4.0, 5.0]), -0.5, 2.0).tolist() == [-np.inf, -np.inf]
    assert log_likelihood(np.array([1.0, 5.0]), -0.5, 2.0) == -np.inf


def test_a_shape_near_zero_meets_the_exponential():
    excess = np.array([0.5, 20.0])
    np.testing.assert_allclose(log_survival(excess, 1e-7, 2.0), log_survival(excess, 0.0, 2.0), rtol=1e-5)


# --- recovery


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3, 0.6])
def test_shape_is_recovered_within_a_tenth(shape):
    """Smallest error that matters: d = 0.1. Smith (1987): var = (1 + k)^2 / n, so n = (7.1 (1 + k) / d)^2."""
    n = round((7.1 * (1 + max(shape, 0)) / 0.1) ** 2 / 4)  # four samples
    found = np.array([fit_tail(10.0 + pareto(shape, 2 * n, seed), 0.5).shape for seed in range(4)])
    error = (1 + shape) / np.sqrt(4 * n)
    assert abs(found.mean() - shape) < 4 * error
    assert abs(found.mean() - (shape + 0.1)) > 4 * error  # an error of a tenth would be seen


def test_the_interval_of_the_shape_holds_it_as_often_as_it_says():
    held = 0
    for seed in range(60):
        low, high = fit_tail(5.0 + pareto(0.25, 300, seed), 0.4).shape_interval(0.8)
        held += low <= 0.25 <= high
    assert stats.binomtest(held, 60, 0.8).pvalue > 1e-4
    assert stats.binomtest(held, 60, 0.5).pvalue < 1e-2


def test_amounts_in_other_units_give_the_same_shape():
    amounts = 5.0 + pareto(0.3, 1000, 1)
    small, large = fit_tail(amounts), fit_tail(1e6 * amounts)
    assert large.shape == pytest.approx(small.shape, abs=1e-4)
    assert large.scale == pytest.approx(1e6 * small.scale, rel=1e-3)
    assert large.aic_gain == pytest.approx(small.aic_gain, abs=1e-3)


def test_log_normal_amounts_are_seldom_called_heavier():
    rng = np.random.default_rng(3)
    found = [fit_tail(np.exp(rng.normal(10, 0.8, 400))) for _ in range(60)]
    called = sum(tail.aic_gain > 4 for tail in found)
    assert called <= 5  # 1 of 50 by chance, so 6 or more of 60 in 1 of 1,000


def test_a_pareto_tail_on_a_log_normal_body_is_called_heavier():
    rng = np.random.default_rng(4)
    amounts = np.exp(rng.normal(3, 0.3, 2000))
    threshold = np.quantile(amounts, 0.9)
    amounts[amounts > threshold] = threshold + pareto(0.6, int((amounts > threshold).sum()), 5, scale=10.0)
    tail = fit_tail(amounts)
    assert tail.aic_gain > 4
    assert tail.heavier


# --- what lies beyond


def test_records_come_as_often_as_among_exchangeable_amounts():
    """Of one law, m new amounts hold the largest with chance m / (m + n), whatever the law (d = 0.05)."""
    rng = np.random.default_rng(6)
    chances = []
    for _ in range(80):
        tail = fit_tail(np.exp(rng.normal(4, 1, 300)))
        chances.append(tail.chance_of_record(np.full(200, 60.0), rng).mean())
    expected = 60 / 360
    assert abs(np.mean(chances) - expected) < 0.05
    assert np.mean(chances) > 0.5 * expected


def test_exceedance_falls_from_one_and_meets_the_share_at_the_threshold():
    tail = fit_tail(np.exp(np.random.default_rng(7).normal(4, 1, 800)))
    at = np.geomspace(0.1, 100 * tail.largest, 200)
    chance = tail.exceedance(at)
    assert (np.diff(chance) <= 1e-12).all()
    assert chance[0] == pytest.approx(1.0, abs=1e-3)
    near = tail.exceedance(np.array([tail.threshold * (1 - 1e-9), tail.threshold]))
    np.testing.assert_allclose(near, tail.share_above, rtol=1e-6)
    draws = tail.exceedance_draws(at[at > tail.threshold], np.random.default_rng(0), 50)
    assert ((draws >= 0) & (draws <= 1)).all()
    assert tail.weight.sum() == pytest.approx(1.0)


def test_the_posterior_is_that_of_plain_integration():
    amounts = 5.0 + pareto(0.2, 120, 9)
    tail = fit_tail(amounts, 0.4)
    excess = np.sort(amounts)[-tail.n_above :] - tail.threshold
    best = log_likelihood(excess, tail.shape, tail.scale)

    shapes, logs = np.linspace(-0.5, 1.0, 151), np.log(tail.scale) + np.linspace(-2, 2, 161)
    density = np.array(
        [[np.exp(log_likelihood(excess, k, float(np.exp(s))) - best) for s in logs] for k in shapes]
    ).sum(axis=1)
    expected = density[shapes > 0.2].sum() / density.sum()
    assert tail.weight[tail.shapes > 0.2].sum() == pytest.approx(expected, abs=0.02)


def test_a_law_that_does_not_fit_shows_in_its_gap():
    fitting = [5.0 + pareto(0.25, 400, seed) for seed in range(30)]
    gaps = np.array([fit_tail(amounts, 0.4).gap(amounts) for amounts in fitting])
    assert (gaps * np.sqrt(160) < 1.3).all()
    tail = fit_tail(fitting[0], 0.4)
    law = stats.genpareto(tail.shape, tail.threshold, tail.scale)
    above = fitting[0][fitting[0] > tail.threshold]
    assert tail.gap(fitting[0]) == pytest.approx(stats.kstest(above, law.cdf).statistic)
    two_heaps = np.concatenate([np.linspace(1, 2, 800), np.linspace(9, 9.5, 60)])
    assert fit_tail(two_heaps).gap(two_heaps) * np.sqrt(86) > 1.3


# --- refusals


def test_few_or_equal_or_impossible_amounts_are_refused():
    with pytest.raises(TailError, match="30 amounts are too few"):
        fit_tail(np.arange(1.0, 31.0))
    with pytest.raises(TailError, match="different amounts"):
        fit_tail(np.repeat([10.0, 20.0, 30.0], 100))
    with pytest.raises(TailError, match="positive"):
        fit_tail(np.append(np.zeros(1), np.arange(1.0, 100.0)))


# --- the Bayesian bootstrap


def test_equal_weights_give_the_usual_quantiles():
    values = np.array([1.0, 2.0, 4.0, 8.0, 9.0])
    chances = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(
        weighted_quantiles(values, np.full(5, 0.3), chances), np.quantile(values, chances, method="hazen")
    )


def test_the_spread_of_the_mean_is_that_of_theory():
    """Under Dirichlet(1, ..., 1) the mean has variance s^2 / (n + 1), s^2 with divisor n."""
    values = np.sort(np.random.default_rng(0).exponential(5.0, 100))
    estimate, draws = bootstrap_summary(values, np.array([0.5]), np.random.default_rng(1), 4000)
    assert estimate[0] == pytest.approx(values.mean())
    expected = values.std() / np.sqrt(101)
    assert draws[:, 0].std() == pytest.approx(expected, rel=4 * np.sqrt(1 / 8000))
