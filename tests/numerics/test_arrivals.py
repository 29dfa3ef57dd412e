"""Arrivals: blocks counted by hand, dispersion against a scan of scipy's law, draws against theory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from funnelsim.numerics.arrivals import Arrivals, fit_arrivals, fit_dispersion, poisson_quantile

many = settings(max_examples=100, deadline=None, derandomize=True)


def counted(step: np.ndarray, stage: np.ndarray, n_open: int, first: int, last: int) -> np.ndarray:
    """Arrivals by step and stage within the given steps."""
    counts = np.zeros((last - first + 1, n_open))
    inside = (step >= first) & (step <= last)
    np.add.at(counts, (step[inside] - first, stage[inside]), 1.0)
    return counts


# --- blocks


def steps_of(counts_by_step: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals, all into stage 0, with so many at each step."""
    step = np.repeat(list(counts_by_step), list(counts_by_step.values())).astype(np.int64)
    return step, np.zeros(len(step), dtype=np.int64)


@pytest.mark.parametrize(
    ("step", "span", "block", "n_blocks"),
    [
        ("day", 2000, 28, 13),  # a whole year of four-week blocks, however long the record
        ("day", 364, 28, 13),
        ("day", 363, 28, 12),
        ("day", 336, 28, 12),
        ("day", 335, 7, 47),  # less than twelve blocks of four weeks: weeks
        ("day", 84, 7, 12),
        ("day", 83, 1, 83),  # less than twelve weeks: days
        ("day", 5, 1, 5),
        ("day", 1, 1, 1),
        ("week", 400, 4, 13),
        ("week", 48, 4, 12),
        ("week", 47, 1, 47),
        ("month", 40, 1, 12),
        ("month", 7, 1, 7),
        ("hour", 9000, 672, 13),
        ("hour", 8063, 168, 47),
        ("hour", 2015, 24, 83),
        ("hour", 24, 24, 1),
        ("hour", 10, 10, 1),  # less than a day on record: all of it
    ],
)
def test_blocks_follow_the_length_of_the_record(step: str, span: int, block: int, n_blocks: int) -> None:
    """Two arrivals a step everywhere: whatever is counted, the rate is two; how much is counted shows."""
    entry_step, entry_stage = steps_of(dict.fromkeys(range(1000 - 9500, 1020), 2))
    law = fit_arrivals(counted(entry_step, entry_stage, 1, 1000 - span + 1, 1000), step)
    assert law.block_steps == block
    assert law.entry_counts.tolist() == [2 * block * n_blocks]
    assert law.dispersion == 0.0
    assert law.worth_blocks == n_blocks
    assert law.mean_per_block == pytest.approx(2 * block, abs=0.5 / n_blocks + 1e-9)


def test_blocks_by_hand() -> None:
    """Fourteen weeks on record: too few for blocks of four, enough for weeks; the last ends today."""
    entry_step = np.array([-5, 0, 1, 1, 83, 90, 90, 97, 97, 97, 98, 104, 120])
    entry_stage = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 2, 2])
    law = fit_arrivals(counted(entry_step, entry_stage, 3, 0, 97), "day")  # 98 days
    assert law.block_steps == 7
    counts = [3, 2, 1, *[0] * 10, 3]  # weeks back from day 97: 91-97, 84-90, 77-83, ..., 0-6
    assert law.mean_per_block == pytest.approx(sum(counts) / 14, abs=0.5 / 14 + 1e-9)
    assert law.entry_counts.tolist() == [5, 4, 0]
    assert law.dispersion == pytest.approx(fit_dispersion(counts))
    assert law.worth_blocks == pytest.approx(14 / (1 + law.dispersion * law.mean_per_block))


def test_incomplete_first_block_and_older_years_do_not_count() -> None:
    rate = dict.fromkeys(range(364), 1) | dict.fromkeys(range(-300, 0), 9)
    entry_step, entry_stage = steps_of(rate)
    law = fit_arrivals(counted(entry_step, entry_stage, 1, -300, 363), "day")
    assert law.mean_per_block == pytest.approx(28, abs=0.5 / 13 + 1e-9)
    assert law.entry_counts.tolist() == [364]
    short = fit_arrivals(
        counted(entry_step, entry_stage, 1, -5, 335), "day"
    )  # 341 days: 12 blocks and 5 days more
    assert short.entry_counts.tolist() == [336]


def test_a_season_of_a_year_is_averaged_out() -> None:
    """Six months at 1 a day, six at 3: the latest months alone would say 3."""
    entry_step, entry_stage = steps_of({day: 1 if day < 182 else 3 for day in range(364)})
    law = fit_arrivals(counted(entry_step, entry_stage, 1, -500, 363), "day")
    assert law.mean_per_block / law.block_steps == pytest.approx(2.0, rel=0.01)


def test_no_arrivals_give_a_small_rate_and_no_error() -> None:
    none = np.zeros(0, dtype=np.int64)
    law = fit_arrivals(counted(none, none, 2, 0, 100), "day")
    assert 0 <= law.mean_per_block < 0.1
    assert law.entry_counts.tolist() == [0, 0]
    assert all(np.isfinite(law.draw(np.random.default_rng(1))[0]) for _ in range(5))


# --- dispersion


def scan(counts: np.ndarray, n_points: int = 4001) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood of scipy's negative binomial with the sample mean, on a grid of dispersions."""
    grid = np.exp(np.linspace(np.log(1e-5), np.log(10.0), n_points))
    size = 1.0 / grid[:, None]
    return grid, stats.nbinom.logpmf(counts, size, size / (size + counts.mean())).sum(axis=1)


@pytest.mark.parametrize("seed", range(8))
def test_dispersion_is_where_scipys_likelihood_peaks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, dispersion = rng.uniform(2, 60), rng.uniform(0.1, 1.0)
    counts = rng.poisson(mean * rng.gamma(1 / dispersion, dispersion, 13))
    if counts.var(ddof=1) <= counts.mean():
        assert fit_dispersion(counts) == 0.0
        return
    grid, likelihood = scan(counts)
    found, best = fit_dispersion(counts), int(likelihood.argmax())
    assert found <= grid[min(best + 1, 4000)]
    assert best == 0 or found >= grid[best - 1]


@pytest.mark.parametrize(
    "counts", [[0, 0, 0, 0, 0, 0, 400], [5, 60, 0, 0, 1, 0, 90, 0], [30, 10, 31, 12, 29]]
)
def test_dispersion_of_odd_counts_is_where_the_likelihood_peaks(counts: list[int]) -> None:
    grid, likelihood = scan(np.array(counts))
    assert fit_dispersion(counts) == pytest.approx(grid[likelihood.argmax()], rel=0.004)


@pytest.mark.parametrize(
    "counts",
    [[4], [1, 90], [0, 0, 0, 0], [7, 7, 7, 7], [10, 11, 9, 12, 8]],
    ids=["one", "two", "zeros", "equal", "calmer than chance"],
)
def test_dispersion_is_zero_where_chance_explains_all(counts: list[int]) -> None:
    assert fit_dispersion(counts) == 0.0


def test_dispersion_vanishes_where_the_likelihood_falls_from_zero_on() -> None:
    """Variance 25 by n - 1 but 16.7 by n, against a mean of 20: the likelihood prefers Poisson."""
    likelihood = scan(np.array([20, 25, 15]))[1]
    assert (np.diff(likelihood) < 0).all()
    assert fit_dispersion([20, 25, 15]) < 1e-5


def test_dispersion_recovers_the_truth_on_many_blocks() -> None:
    """Catches an error of 9 %: the standard error of the estimate over 20,000 blocks is 1.1 %."""
    rng = np.random.default_rng(31)
    truth, mean = 0.3, 25.0
    counts = rng.poisson(mean * rng.gamma(1 / truth, truth, 20_000))
    grid, likelihood = scan(counts[:2000], 401)
    step = np.log(grid[1] / grid[0])
    curvature = -(np.diff(likelihood, 2) / step**2)[likelihood[1:-1].argmax()]
    error = 1 / np.sqrt(curvature * 10)  # of the logarithm, by Fisher information
    gap = np.log(fit_dispersion(counts) / truth) / error
    assert abs(gap) < 4
    assert np.log(1.09) / error > 7.1


# --- draws


def test_mean_of_draws_and_its_spread_follow_the_gamma_law(
    assert_mean: Callable[..., None], assert_variance: Callable[..., None]
) -> None:
    """Mean 20 a block, worth 5 blocks: variance 20 / 5. Catches errors of 0.4 % and of 5 %."""
    law = Arrivals(7, 20.0, 5.0, 0.3, np.array([3.0, 1.0]))
    rng = np.random.default_rng(7)
    rates = np.array([law.draw(rng)[0] for _ in range(40_000)]) * 7
    assert_mean(rates, 20.0, sd=2.0)
    assert_variance(rates, 4.0, kurtosis=3 + 6 / 100)
    with pytest.raises(AssertionError):
        assert_mean(rates, 20.08, sd=2.0)
    with pytest.raises(AssertionError):
        assert_variance(rates, 4.22, kurtosis=3 + 6 / 100)


def test_spread_of_a_fitted_mean_counts_over_dispersion(assert_variance: Callable[..., None]) -> None:
    """The mean of n blocks has variance (m + phi m^2) / n; Poisson alone would give a third of it here."""
    counts = np.array([10, 31, 22, 8, 40, 19, 25, 12, 33, 21, 6, 28, 16])
    entry_step, entry_stage = steps_of({28 * i + 3: int(n) for i, n in enumerate(counts)})
    law = fit_arrivals(counted(entry_step, entry_stage, 1, 0, 363), "day")
    mean, dispersion = law.mean_per_block, law.dispersion
    assert dispersion > 0.1
    rng = np.random.default_rng(8)
    rates = np.array([law.draw(rng)[0] for _ in range(20_000)]) * 28
    variance = (mean + dispersion * mean**2) / 13
    assert_variance(rates, variance, kurtosis=3 + 6 * variance / mean**2)
    with pytest.raises(AssertionError):
        assert_variance(rates, mean / 13, kurtosis=3.1)


def test_shares_of_entry_stages_are_a_dirichlet_of_the_counts(
    assert_mean: Callable[..., None], assert_variance: Callable[..., None]
) -> None:
    """Catches errors of 1 % of a share of 0.6 and of 6 % of its variance."""
    law = Arrivals(7, 20.0, 5.0, 0.0, np.array([12.0, 0.0, 8.0]))
    rng = np.random.default_rng(9)
    shares = np.array([law.draw(rng)[1] for _ in range(40_000)])
    beta = stats.beta(12, 8)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    assert not shares[:, 1].any()
    assert_mean(shares[:, 0], 0.6, sd=beta.std())
    assert_variance(shares[:, 0], beta.var(), kurtosis=3 + beta.stats("k"))
    with pytest.raises(AssertionError):
        assert_mean(shares[:, 0], 0.606, sd=beta.std())
    with pytest.raises(AssertionError):
        assert_variance(shares[:, 0], 1.06 * beta.var(), kurtosis=3 + beta.stats("k"))


def test_a_law_known_for_certain_is_not_drawn() -> None:
    law = Arrivals(7, 20.0, np.inf, 0.3, np.array([0.9, 0.3]))
    for seed in range(3):
        rate, shares = law.draw(np.random.default_rng(seed))
        assert rate == 20.0 / 7
        np.testing.assert_allclose(shares, [0.75, 0.25], rtol=1e-15)


@pytest.mark.parametrize("worth", [5.0, np.inf])
@pytest.mark.parametrize("factor", [0.2, 1.0, 1.1, 30.0])
def test_scaled_arrivals_are_the_same_draws_times_a_factor(factor: float, worth: float) -> None:
    """So that a volume lever is compared within one and the same future."""
    law = Arrivals(7, 20.0, worth, 0.3, np.array([3.0, 1.0]))
    for seed in range(5):
        rate, shares = law.draw(np.random.default_rng(seed))
        scaled_rate, scaled_shares = law.scaled(factor).draw(np.random.default_rng(seed))
        assert scaled_rate == pytest.approx(factor * rate, rel=1e-12)
        assert scaled_shares.tolist() == shares.tolist()
    assert law.scaled(factor).dispersion == law.dispersion
    assert law.scaled(factor).block_steps == law.block_steps


# --- counts by inversion

MEANS = np.concatenate([[1e-300, 1e-12, 1e-3], np.geomspace(0.01, 5000.0, 60), np.arange(1.0, 40.0)])
CHANCES = np.concatenate([[1e-12, 1e-6], np.linspace(0.001, 0.999, 97), [1 - 1e-6, 1 - 1e-12]])


def test_poisson_quantile_agrees_with_scipy_over_a_grid() -> None:
    chance, mean = np.meshgrid(CHANCES, MEANS)
    count = poisson_quantile(chance, mean)
    assert count.dtype == np.int64
    assert (count == stats.poisson.ppf(chance, mean)).all()


def test_poisson_quantile_is_the_first_count_that_reaches_the_chance() -> None:
    """By adding up probabilities: no special function is shared with the code under test."""
    for mean in (0.05, 0.7, 3.0, 18.5, 60.0):
        terms = [np.exp(-mean)]
        for k in range(1, 250):
            terms.append(terms[-1] * mean / k)
        reached = np.cumsum(terms)
        for chance in CHANCES[1:-1]:
            expected = int((reached < chance).sum())
            near = np.abs(reached - chance).min() < 1e-13  # a tie within rounding proves nothing
            assert near or poisson_quantile(np.array([chance]), np.array([mean]))[0] == expected


@many
@given(st.floats(0, 1 - 1e-12), st.floats(0, 2000), st.floats(0, 2000))
def test_poisson_quantile_rises_with_the_mean(chance: float, one: float, other: float) -> None:
    less, more = poisson_quantile(np.array([chance] * 2), np.array(sorted((one, other))))
    assert less <= more


@pytest.mark.parametrize("mean", [70.0, 333.3, 2000.0])
def test_a_chance_that_is_reached_exactly_gives_the_count_that_reaches_it(mean: float) -> None:
    """Where the inverse of the law would step one too far by rounding."""
    counts = np.arange(int(mean) - 60, int(mean) + 60)
    chance = stats.poisson.cdf(counts, mean)
    assert (poisson_quantile(chance, np.full(chance.shape, mean)) == counts).all()


def test_poisson_quantile_of_nothing_is_zero() -> None:
    assert poisson_quantile(np.array([0.0, 0.3, 1 - 2**-53]), np.zeros(3)).tolist() == [0, 0, 0]
    assert poisson_quantile(np.array([0.0]), np.array([5.0])).tolist() == [0]
    assert poisson_quantile(np.full((2, 3), 0.5), np.full((2, 3), 4.0)).shape == (2, 3)


def test_counts_by_inversion_have_the_poisson_law(
    assert_mean: Callable[..., None], assert_variance: Callable[..., None]
) -> None:
    """Catches 0.04 wins of 2.5, and 7 % of the variance."""
    chance = np.random.default_rng(12).random(100_000)
    counts = poisson_quantile(chance, np.full(chance.shape, 2.5)).astype(float)
    assert_mean(counts, 2.5, sd=np.sqrt(2.5))
    assert_variance(counts, 2.5, kurtosis=3 + 1 / 2.5)
    with pytest.raises(AssertionError):
        assert_mean(counts, 2.54, sd=np.sqrt(2.5))
    with pytest.raises(AssertionError):
        assert_variance(counts, 2.675, kurtosis=3 + 1 / 2.5)
