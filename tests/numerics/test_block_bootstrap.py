"""Intervals over origins that overlap: they hold what they say, and say nothing where nothing can be said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from funnelsim.numerics.block_bootstrap import (
    bootstrap_ratio,
    bootstrap_share,
    bootstrap_skill,
    bootstrap_statistic,
    origin_weights,
)

Shared = Callable[[str], Path]


def overlapping(rng: np.random.Generator, n_series: int, n_origins: int, n_periods: int) -> np.ndarray:
    """Sums of each origin over the next periods, whose errors are exponential with mean 3."""
    error = 3.0 * rng.standard_exponential((n_series, n_origins + n_periods - 1))
    return np.lib.stride_tricks.sliding_window_view(error, n_periods, axis=1).sum(axis=2)


# --- the weights


def test_weights_are_those_of_circular_blocks() -> None:
    weights = origin_weights(7, np.random.default_rng(1), block_length=3, n_resamples=500)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    again = np.random.default_rng(1)
    start = again.integers(0, 7, size=(500, 3))
    by_hand = np.zeros((500, 7))
    for row in range(500):
        drawn = [(int(first) + step) % 7 for first in start[row] for step in range(3)][:7]
        for origin in drawn:
            by_hand[row, origin] += 1
    np.testing.assert_array_equal(weights, by_hand)


def test_every_origin_counts_the_same(assert_mean: Callable[..., None]) -> None:
    """d: 1 % of a weight; moving blocks would draw the first and last of nine origins half as often."""
    weights = origin_weights(9, np.random.default_rng(2), block_length=4, n_resamples=200_000)
    for origin in range(9):
        assert 7.1 * weights[:, origin].std() / np.sqrt(200_000) < 0.02
        assert_mean(weights[:, origin], 1.0)


# --- values and agreement


def test_plain_percentiles_agree_with_the_protocol_of_the_figures(shared: Shared) -> None:
    protocol: dict[str, Any] = {}
    exec(compile(shared("design/protocol.py").read_text(), "protocol", "exec"), protocol)
    rng = np.random.default_rng(5)
    ours, theirs = overlapping(rng, 2, 15, 4)
    theirs = theirs * 1.4
    origin = np.arange(15)
    expected = protocol["skill_ci"](ours, theirs, origin, seed=0, block=4)
    found = bootstrap_skill(ours, theirs, np.random.default_rng(0), block_length=4, widen=False)
    assert found.value == pytest.approx(1 - ours.sum() / theirs.sum())
    np.testing.assert_allclose([found.low, found.high], expected, atol=0.003)  # it interpolates


def test_the_four_scores_are_one_method() -> None:
    rng = np.random.default_rng(6)
    top, base = overlapping(rng, 2, 20, 3)
    base += top
    options: dict[str, Any] = {"block_length": 3, "interval": 0.8}
    ratio = bootstrap_ratio(top, base, np.random.default_rng(9), **options)
    skill = bootstrap_skill(top, base, np.random.default_rng(9), **options)
    share = bootstrap_share(top, base, np.random.default_rng(9), **options)
    general = bootstrap_statistic(
        lambda weights: (weights @ top) / (weights @ base), 20, np.random.default_rng(9), **options
    )
    assert ratio == pytest.approx(general)
    assert share == pytest.approx(general)
    assert skill[:3] == pytest.approx((1 - ratio.value, 1 - ratio.high, 1 - ratio.low))
    assert ratio.n_blocks == pytest.approx(20 / 3)


def test_a_method_against_itself_has_no_skill_for_sure() -> None:
    score = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 2.0])
    found = bootstrap_skill(score, score, np.random.default_rng(1), block_length=2)
    assert found[:3] == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_bounds_stay_within_what_is_possible() -> None:
    held, cells = np.array([4, 0, 4, 4, 0, 4, 4, 4.0]), np.full(8, 4.0)
    share = bootstrap_share(held, cells, np.random.default_rng(1), block_length=4)
    assert 0 <= share.low < share.value < share.high == 1.0
    ratio = bootstrap_ratio(held, cells, np.random.default_rng(1), block_length=4, interval=0.99)
    assert ratio.low == 0.0
    skill = bootstrap_skill(held, cells, np.random.default_rng(1), block_length=4, interval=0.99)
    assert skill.high == 1.0


# --- intervals hold what they say


def share_held(n_origins: int, block_length: int, widen: bool, n_series: int = 700) -> int:
    rng = np.random.default_rng(21)
    held = 0
    for sums in overlapping(rng, n_series, n_origins, 4):
        found = bootstrap_ratio(
            sums, np.full(n_origins, 4.0), rng, block_length=block_length, n_resamples=300, widen=widen
        )
        held += found.low <= 3.0 <= found.high
    return held


@pytest.mark.parametrize("n_origins", [12, 40])
def test_90_percent_intervals_of_overlapping_origins_hold_85_to_95_percent(n_origins: int) -> None:
    """d: holding 75 % instead of 90 is caught 997 times in 1000.

    Binomial limits at 1e-4 around 85 and 95 % of 700 series: 558 and 684. Plain percentiles, and blocks of
    one origin, fall below them.
    """
    low, high = stats.binom.ppf(1e-4, 700, 0.85), stats.binom.isf(1e-4, 700, 0.95)
    assert low <= share_held(n_origins, 4, widen=True) <= high
    assert share_held(n_origins, 4, widen=False) < low
    assert share_held(n_origins, 1, widen=True) < low


def test_90_percent_intervals_of_shares_hold_85_percent_or_more() -> None:
    """d: as above, for ranges that hold 8 periods in 10; now and then all cells of 12 origins held."""
    rng = np.random.default_rng(22)
    hits = rng.random((700, 15)) < 0.8
    held = np.lib.stride_tricks.sliding_window_view(hits, 4, axis=1).sum(axis=2)
    found = [bootstrap_share(row, np.full(12, 4.0), rng, block_length=4, n_resamples=300) for row in held]
    n_right = sum(interval.low <= 0.8 <= interval.high for interval in found)
    assert n_right >= stats.binom.ppf(1e-4, 700, 0.85)
    assert any(interval.value == 1.0 for interval in found)


# --- few origins


@pytest.mark.parametrize("n_origins", [1, 2, 3])
def test_up_to_three_origins_tell_no_interval(n_origins: int) -> None:
    found = bootstrap_ratio(
        np.arange(1.0, n_origins + 1), np.full(n_origins, 10.0), np.random.default_rng(0), block_length=1
    )
    assert found.value == pytest.approx((n_origins + 1) / 20)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(("block_length", "tells"), [(4, True), (5, False), (8, False), (30, False)])
def test_fewer_than_two_blocks_tell_no_interval(block_length: int, tells: bool) -> None:
    """A block as long as the series makes all resamples alike: an interval of no width would be a lie."""
    score = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 2.0, 7.0, 1.0])
    for run in (bootstrap_ratio, bootstrap_skill):
        found = run(score, np.full(8, 9.0), np.random.default_rng(0), block_length=block_length)
        assert np.isfinite([found.low, found.high]).all() == tells
        assert found.n_blocks == 8 / block_length


@pytest.mark.parametrize(
    ("held", "bounds"), [(4.0, (0.05 ** (1 / 3), 1.0)), (0.0, (0.0, 1 - 0.05 ** (1 / 3)))]
)
def test_all_or_none_held_is_no_certainty(held: float, bounds: tuple[float, float]) -> None:
    """As 3 trials of 3, or none: 12 origins in blocks of 4."""
    found = bootstrap_share(np.full(12, held), np.full(12, 4.0), np.random.default_rng(0), block_length=4)
    assert (found.low, found.high) == pytest.approx(bounds)


@pytest.mark.parametrize(("held", "block_length"), [([1.0, 0.0] * 2, 2), ([1.0, 0.0, 0.0, 1.0] * 2, 4)])
def test_blocks_that_are_all_alike_are_no_certainty(held: list[float], block_length: int) -> None:
    """Every other range held: whatever two blocks are drawn, half of their ranges did. As 1 trial of 2."""
    found = bootstrap_share(held, np.ones(len(held)), np.random.default_rng(0), block_length=block_length)
    exact = stats.binomtest(1, 2).proportion_ci(0.9, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_no_actuals_at_all_or_in_some_resamples() -> None:
    rng = np.random.default_rng
    none = bootstrap_ratio(np.ones(6), np.zeros(6), rng(0), block_length=1)
    assert np.isinf(none.value)
    assert np.isnan([none.low, none.high]).all()
    one = bootstrap_ratio(np.ones(6), [0, 0, 0, 0, 0, 7.0], rng(0), block_length=1)
    assert one.value == pytest.approx(6 / 7)
    assert np.isinf(one.high)  # a third of the resamples miss the one origin with wins
    nothing = bootstrap_share(np.zeros(6), [0, 0, 0, 0, 0, 7.0], rng(0), block_length=1)
    assert np.isnan([nothing.low, nothing.high]).all()
    negative = bootstrap_skill(np.ones(6), [-1.0, -1, -1, 1, 1, 3], rng(0), block_length=1)
    assert np.isnan([negative.low, negative.high]).all()


# --- bad input


@pytest.mark.parametrize(
    ("top", "base", "options", "match"),
    [
        ([], [], {}, r"\(0,\)"),
        ([1.0, 2.0], [1.0], {}, r"\(2,\) and \(1,\)"),
        ([1.0, np.nan], [1.0, 2.0], {}, "finite and not negative, not nan"),
        ([1.0, 2.0], [1.0, -2.0], {}, "finite and not negative, not -2.0"),
        ([1.0, 2.0], [1.0, 2.0], {"block_length": 0}, "block_length.*not 0"),
        ([1.0, 2.0], [1.0, 2.0], {"block_length": 2.5}, "block_length.*not 2.5"),
        ([1.0, 2.0], [1.0, 2.0], {"n_resamples": True}, "n_resamples.*not True"),
        ([1.0, 2.0], [1.0, 2.0], {"interval": 90}, "interval.*not 90"),
    ],
)
def test_bad_input_is_refused_with_what_arrived(
    top: list[float], base: list[float], options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        bootstrap_ratio(top, base, np.random.default_rng(0), **{"block_length": 1, **options})


def test_more_held_than_cells_and_statistics_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="n_held 5 must not exceed n_cells 4"):
        bootstrap_share([3, 5.0], [4, 4.0], np.random.default_rng(0), block_length=1)
    with pytest.raises(ValueError, match=r"statistic gave \(1, 5\)"):
        bootstrap_statistic(lambda weights: weights, 5, np.random.default_rng(0), block_length=1)
    with pytest.raises(ValueError, match="must be finite, not inf"):
        bootstrap_skill([1.0, np.inf], [1.0, 1.0], np.random.default_rng(0), block_length=1)
