"""One change of level: found where it was put, not found where there is none, whatever the dispersion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.numerics.change_point import Change, adjust_p_values, find_change

SPLIT, N_PERIODS = 35, 60


def series(
    rng: np.random.Generator, expected: np.ndarray, level: np.ndarray | float = 1.0, dispersion: float = 0.0
) -> np.ndarray:
    swings = rng.standard_gamma(1 / dispersion, len(expected)) * dispersion if dispersion else 1.0
    return rng.poisson(expected * level * swings)


def numbers(change: Change) -> np.ndarray:
    single = [change.n_before, change.earliest, change.latest, change.gain, change.p_value, change.dispersion]
    return np.array([*single, *change.before, *change.after, *change.ratio, *change.chance_by_time])


def assert_sound(change: Change, n_periods: int) -> None:
    assert np.isfinite(numbers(change)).all()
    assert 0 < change.earliest < change.n_before < change.latest < n_periods
    for value, low, high in (change.before, change.after, change.ratio):
        assert 0 < low <= value <= high
    assert 0 < change.p_value <= 1
    assert change.chance_by_time.sum() == pytest.approx(1.0)


# --- a change that is there


def test_ratio_and_time_are_recovered_to_5_percent_and_half_a_period() -> None:
    """100 series of 60 periods of about 100 whose level rises from 0.8 to 1.2.

    One ratio has a relative error of sqrt(1/2800 + 1/3000) = .026; the mean of 100 one of .0026, so a bias of
    5 % would be 19 of them. The time is off by less than one period in most series.
    """
    rng = np.random.default_rng(1)
    expected = 100 * rng.uniform(0.5, 1.5, N_PERIODS)
    level = np.where(np.arange(N_PERIODS) < SPLIT, 0.8, 1.2)
    found = [find_change(series(rng, expected, level), expected, rng, n_simulations=19) for _ in range(100)]
    log_ratio = np.log([change.ratio.value for change in found])
    assert abs(log_ratio.mean() - np.log(1.5)) < 4 * 0.0027
    assert np.median([abs(change.n_before - SPLIT) for change in found]) <= 0.25
    assert abs(np.mean([change.n_before for change in found]) - SPLIT) < 0.5
    assert abs(np.mean([change.before.value for change in found]) - 0.8) < 0.01
    assert max(change.p_value for change in found) == 0.05


@pytest.mark.parametrize(("ratio", "dispersion"), [(1.4, 0.0), (0.55, 0.1)])
def test_80_percent_intervals_cover_the_time_and_the_ratio(ratio: float, dispersion: float) -> None:
    """100 series each. The time is that of the end of a period, to which the interval adds an eighth.

    Binomial limits beyond which a correct interval falls once in 10,000: 64 for 80 %, 98 for 90 %.
    """
    rng = np.random.default_rng(2)
    expected = 25 * rng.uniform(0.5, 1.5, N_PERIODS)
    covers = np.zeros(2)
    for _ in range(100):
        split = int(rng.integers(8, 53))
        level = np.where(np.arange(N_PERIODS) < split, 1.0, ratio)
        observed = series(rng, expected, level, dispersion)
        change = find_change(observed, expected, rng, n_simulations=1)
        covers += [change.earliest <= split <= change.latest, change.ratio.low <= ratio <= change.ratio.high]
    assert 64 <= covers[0] <= 98
    assert 64 <= covers[1] <= 93


@pytest.mark.parametrize(("ratio", "dispersion"), [(2.0, 0.0), (1.4, 0.0), (2.0, 0.05)])
def test_a_change_within_a_period_is_held_by_the_intervals_too(ratio: float, dispersion: float) -> None:
    """200 series of 21 periods of about 30, the change at any time: 80 % intervals hold 72 to 92 %.

    With times at the ends of periods only they held 23, 65 and 45 % of the times.
    """
    rng, covers = np.random.default_rng(12), np.zeros(2)
    for _ in range(200):
        expected, time = 30 * rng.uniform(0.5, 1.5, 21), rng.uniform(5.0, 16.0)
        before = np.clip(time - np.arange(21), 0.0, 1.0)
        observed = series(rng, expected, before + (1 - before) * ratio, dispersion)
        change = find_change(observed, expected, rng, n_simulations=1)
        covers += [change.earliest <= time <= change.latest, change.ratio.low <= ratio <= change.ratio.high]
    assert (covers >= 0.72 * 200).all()
    assert (covers <= 0.92 * 200).all()


def test_times_are_weighed_as_the_definition_says() -> None:
    """By brute force for a Poisson series: both log-levels integrated out on a grid, time by time.

    Laplace's method is what differs: for counts of 20 and more on either side by less than a point.
    """
    expected = np.full(12, 20.0)
    observed = np.array([17, 21, 18, 20, 16, 22, 25, 21, 27, 23, 26, 24])
    change = find_change(observed, expected, np.random.default_rng(3), n_simulations=1)
    assert change.dispersion == 0.0
    level = np.exp(np.linspace(-1.5, 1.5, 151))
    exact = []
    for time in np.arange(1, 48) / 4:
        before = np.clip(time - np.arange(12), 0.0, 1.0)[:, None, None]
        mean = 20.0 * (before * level[:, None] + (1 - before) * level)
        exact.append(np.exp(stats.poisson.logpmf(observed[:, None, None], mean).sum(axis=0) + 30).sum())
    weight = np.array(exact) / np.sum(exact)
    middle = slice(3, 44)  # a side of less than a period has fewer counts
    found = change.chance_by_time[middle] / change.chance_by_time[middle].sum()
    np.testing.assert_allclose(found, weight[middle] / weight[middle].sum(), atol=0.01)


def test_dispersion_is_told_from_the_change() -> None:
    """40 series whose level doubles: the mean dispersion is .2 again, to a fifth, not that of the step."""
    rng = np.random.default_rng(4)
    expected, level = np.full(N_PERIODS, 50.0), np.where(np.arange(N_PERIODS) < 30, 1.0, 2.0)
    found = [
        find_change(series(rng, expected, level, 0.2), expected, rng, n_simulations=1).dispersion
        for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(0.2, abs=0.04)


# --- no change


@pytest.mark.parametrize(("dispersion", "mean"), [(0.0, 10.0), (0.15, 10.0), (0.0, 1.0)])
@pytest.mark.thorough
def test_p_values_are_uniform_without_a_change(dispersion: float, mean: float) -> None:
    """200 series. Largest gap below sqrt(log(2 / 1e-6) / 400) = .19; a twentieth of them below .05, or so."""
    rng = np.random.default_rng(5)
    expected = mean * rng.uniform(0.5, 1.5, N_PERIODS)
    p = [
        find_change(series(rng, expected, 1.0, dispersion), expected, rng, n_simulations=99).p_value
        for _ in range(200)
    ]
    sorted_p = np.sort(p)
    assert np.abs(sorted_p - (np.arange(200) + 0.5) / 200).max() < 0.19
    assert stats.binomtest(int((sorted_p <= 0.05).sum()), 200, 0.05, alternative="greater").pvalue > 1e-4


def test_p_values_depend_on_the_seed_alone() -> None:
    rng = np.random.default_rng(6)
    expected = np.full(20, 6.0)
    observed = series(rng, expected, 1.0, 0.3)
    one, again, other = (
        numbers(find_change(observed, expected, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_what_is_usual_need_not_be_1() -> None:
    """Ten times the expectation changes the levels by ten, and nothing else."""
    rng = np.random.default_rng(7)
    expected = np.full(30, 40.0)
    observed = series(rng, expected, np.where(np.arange(30) < 12, 1.0, 1.3))
    one, other = (find_change(observed, e, np.random.default_rng(1)) for e in (expected, 10 * expected))
    assert one.n_before == other.n_before
    assert other.after.value == pytest.approx(one.after.value / 10, rel=0.01)
    assert other.ratio.value == pytest.approx(one.ratio.value, rel=0.01)


# --- little to go by


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        ([0, 0, 0, 0, 0], [5, 5, 5, 5, 5]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
        ([0, 0, 9, 0], [0, 0, 8, 0]),
        ([1, 0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1, 0.1]),
        ([0, 0, 0, 900, 900, 900], [1, 1, 1, 1, 1, 1]),
        ([9e6, 9e6, 9e6, 9.1e6], [9e6, 9e6, 9e6, 9e6]),
        ([0.0, 0.0, 5000.0, 0.0, 0.0, 3.0, 0.0, 800.0], [1e-9, 3.0, 1.0, 0.0, 1e3, 1e-3, 2.0, 4.0]),
    ],
)
def test_little_or_odd_data_gives_finite_numbers(observed: list[float], expected: list[float]) -> None:
    found = find_change(observed, expected, np.random.default_rng(0), n_simulations=49)
    assert_sound(found, len(observed))
    if not any(observed):
        assert found.p_value == 1.0


@pytest.mark.parametrize(
    ("observed", "expected", "said"),
    [
        ([3.0], [2.0], "1 periods are too few"),
        ([3.0] * 5, [2.0] * 4, "two rows of one length"),
        ([3.0, 3, 3, -1], [2.0] * 4, "observed counts must be finite and not negative, not -1"),
        ([3.0] * 4, [2.0, 2, 2, np.nan], "expected counts must be finite"),
        ([3.0] * 4, [2.0, 2, 2, 0], "3 counts were observed in a period where none is expected"),
    ],
)
def test_what_cannot_be_used_is_refused(observed: list[float], expected: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find_change(observed, expected, np.random.default_rng(0))


def test_adjusted_p_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(8).random(50) ** 2
    np.testing.assert_allclose(adjust_p_values(p), stats.false_discovery_control(p), rtol=1e-12)
    assert adjust_p_values([]).shape == (0,)
