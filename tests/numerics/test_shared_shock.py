"""The shared shock: recovered from residuals of known causes, shrunk to its prior, drawn with its moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.nouns.shock import Shock, ShockError
from funnelsim.numerics.shared_shock import (
    PRIOR_CORRELATION,
    PRIOR_VARIANCE,
    Residuals,
    shock_correlation,
    shock_variances,
)
from funnelsim.numerics.strata import DRAWS_PER_GROUP, stratum
from funnelsim.vocabulary.randomness import Streams


def residuals(n_origins: int, variance: float, correlation: float, seed: int = 0) -> Residuals:
    """Poisson wins with means of 40 to 160, times Gamma factors of four periods, joined."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(40, 160, (n_origins, 4))
    common, own = rng.normal(size=(n_origins, 1)), rng.normal(size=(n_origins, 4))
    z = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    sd = np.sqrt(np.log1p(variance))
    actual = rng.poisson(mean * np.exp(sd * z - sd**2 / 2)).astype(float)
    return Residuals(actual, mean, mean.copy(), mean.cumsum(axis=1))


def test_variance_and_correlation_are_recovered() -> None:
    """Means over 60 sets of 200 origins; d: .01 of a variance of .08, .1 of a correlation of .6."""
    fits = []
    for seed in range(60):
        some = residuals(200, 0.08, 0.6, seed)
        fits.append([shock_variances(some).mean(), shock_correlation(some, np.full(4, 0.08))])
    mean, error = np.mean(fits, axis=0), np.std(fits, axis=0, ddof=1) / np.sqrt(60)
    # Scaled by the larger of forecast and actual: for a log-normal factor of mean 1 and log-sd s the mean of
    # max(1, G)**2 is Phi(s / 2) + exp(s**2) Phi(3 s / 2); chance adds little to it.
    s = np.sqrt(np.log1p(0.08))
    larger = stats.norm.cdf(s / 2) + np.exp(s**2) * stats.norm.cdf(1.5 * s)
    assert abs(mean[0] - (0.08 / larger * 200 + PRIOR_VARIANCE * 4) / 204) < 4 * error[0] + 0.003
    assert abs(mean[1] - 0.59) < 4 * error[1] + 0.02
    assert 4 * error[0] < 0.01
    assert 4 * error[1] < 0.1


def test_origins_that_overlap_count_as_fewer() -> None:
    some = residuals(40, 0.3, 0.5)
    apart, overlapping = shock_variances(some), shock_variances(some, overlap=8.0)
    assert (overlapping < apart).all()
    assert (overlapping > PRIOR_VARIANCE).all()


def test_forecasts_that_start_far_too_low_make_no_shock_beyond_one() -> None:
    low = Residuals(np.full((9, 3), 100.0), np.full((9, 3), 1.0), np.full((9, 3), 1.0), np.ones((9, 3)))
    assert (shock_variances(low) < 1.0).all()


def test_without_a_shock_hardly_any_is_found() -> None:
    found = [shock_variances(residuals(40, 0.0, 0.0, seed)).mean() for seed in range(40)]
    assert np.mean(found) < 0.004  # the prior's part is .005 * 4 / 44


def test_a_short_history_keeps_near_the_prior() -> None:
    nothing = Residuals(*(np.full((3, 2), np.nan) for _ in range(4)))
    np.testing.assert_allclose(shock_variances(nothing), PRIOR_VARIANCE)
    assert shock_correlation(nothing, np.full(2, 0.02)) == PRIOR_CORRELATION
    # One origin that was met exactly: the pool is (0 + 4 * .005) / 5, and each period a fifth less again.
    exact = Residuals(*(np.full((1, 2), 100.0) for _ in range(4)))
    np.testing.assert_allclose(shock_variances(exact), 0.004 * 4 / 5)


def test_periods_that_had_not_ended_are_left_out() -> None:
    whole = residuals(30, 0.1, 0.5)
    cut = Residuals(
        *(column.copy() for column in (whole.actual, whole.mean, whole.variance, whole.sum_variance))
    )
    cut.actual[20:, 1:] = np.nan
    wrong = Residuals(cut.actual, cut.mean.copy(), cut.variance.copy(), cut.sum_variance.copy())
    wrong.mean[20:, 1:] = 1e6
    np.testing.assert_array_equal(shock_variances(cut), shock_variances(wrong))
    variances = shock_variances(cut)
    assert shock_correlation(cut, variances) == shock_correlation(wrong, variances)


def draws_of(shock: Shock, steps_ahead: np.ndarray, n: int = 4000) -> np.ndarray:
    streams = Streams(3)
    return np.array([shock.factors(stratum(streams, "shock", b), steps_ahead) for b in range(n)])


def test_factors_have_mean_one_their_variances_and_correlation() -> None:
    """d: .03 of the mean, a tenth of a variance, .06 of the correlation."""
    shock = Shock((0.05, 0.2), 0.7)
    drawn = draws_of(shock, np.array([0, 10, 20, 30]))
    np.testing.assert_allclose(drawn.mean(axis=0), 1.0, atol=0.012)
    np.testing.assert_allclose(drawn.var(axis=0), [0.05, 0.2, 0.2], rtol=0.12)
    assert np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1] == pytest.approx(0.69, abs=0.06)
    assert (drawn > 0).all()
    tenth = drawn[:DRAWS_PER_GROUP, 0]
    assert tenth.std() > 0.1  # ten draws share out the range


def test_longer_periods_average_the_factors_of_those_measured() -> None:
    """Two steps a period, forecast over six: the mean of three factors, variance (1 + 2 rho) / 3 of one's."""
    shock = Shock((0.1,), 0.4, period_steps=2)
    drawn = draws_of(shock, np.array([0, 6, 7]))
    assert drawn[:, 0].var() == pytest.approx(0.1 * (1 + 2 * 0.385) / 3, rel=0.12)
    assert drawn[:, 1].var() == pytest.approx(0.1, rel=0.12)


def test_no_shock_is_a_factor_of_one() -> None:
    np.testing.assert_array_equal(draws_of(Shock((0.0,), 0.5), np.array([0, 1, 9]), 5), np.ones((5, 2)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"variances": ()}, "variances"),
        ({"variances": (-0.1,)}, "variances"),
        ({"variances": (np.nan,)}, "variances"),
        ({"correlation": 1.5}, "correlation"),
        ({"period_steps": 0}, "period_steps"),
    ],
)
def test_numbers_that_make_no_law_are_refused(settings: dict, told: str) -> None:
    with pytest.raises(ShockError, match=told):
        Shock(**settings)
