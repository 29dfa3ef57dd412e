"""Amounts: what is kept of the wins, how a point is picked, and the Bayesian bootstrap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnelsim.numerics.amounts import Amounts, fit_amounts

many = settings(max_examples=60, deadline=None, derandomize=True)
money = st.floats(0, 1e9, allow_nan=False)


def wins(n: int, seed: int = 1) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(10, 1.5, n))


# --- what is kept


@many
@given(st.integers(1, 1500), st.integers(0, 5))
def test_mean_is_kept_exactly_with_at_most_200_points(n: int, seed: int) -> None:
    amounts = wins(n, seed)
    law = fit_amounts(amounts)
    assert law is not None
    latest = amounts[-1000:]
    assert law.mean == pytest.approx(latest.mean(), rel=1e-12)
    assert len(law.points) <= 200
    assert law.weights.sum() == len(latest)
    assert (np.diff(law.points) > 0).all()


@pytest.mark.parametrize("n", [201, 205, 500, 1000, 3000])
def test_the_twenty_largest_are_kept_one_by_one(n: int) -> None:
    amounts = wins(n)
    law = fit_amounts(amounts)
    assert law is not None
    assert law.points[-20:].tolist() == np.sort(amounts[-1000:])[-20:].tolist()
    assert law.weights[-20:].tolist() == [1.0] * 20
    assert len(law.points) == 200


def test_groups_are_of_equal_size_and_stand_for_their_mean() -> None:
    law = fit_amounts(np.random.default_rng(3).permutation(np.arange(1.0, 921.0)))  # 900 below the top 20
    assert law is not None
    assert law.weights[:180].tolist() == [5.0] * 180
    assert law.points[:180].tolist() == [5.0 * i + 3 for i in range(180)]  # the mean of 5i+1 .. 5i+5
    assert law.points[180:].tolist() == list(np.arange(901.0, 921.0))


def test_up_to_200_wins_are_kept_as_they_are() -> None:
    law = fit_amounts(np.array([30.0, 10.0, np.nan, 30.0, 20.0, 30.0]))
    assert law is not None
    assert law.points.tolist() == [10, 20, 30]
    assert law.weights.tolist() == [1, 1, 3]
    many_wins = wins(200)
    kept = fit_amounts(many_wins)
    assert kept is not None
    assert kept.points.tolist() == np.sort(many_wins).tolist()


def test_only_the_latest_thousand_wins_with_an_amount_count() -> None:
    old, recent = np.full(50, 1e9), np.full(1000, 7.0)
    missing = np.full(300, np.nan)
    law = fit_amounts(np.concatenate([old, recent[:400], missing, recent[400:]]))
    assert law is not None
    assert law.mean == 7.0
    assert law.weights.sum() == 1000


@pytest.mark.parametrize("amounts", [[], [np.nan], [np.nan] * 5])
def test_wins_without_any_amount_have_no_law(amounts: list[float]) -> None:
    assert fit_amounts(np.array(amounts, dtype=float)) is None


@many
@given(st.lists(money, min_size=1, max_size=300), st.randoms(use_true_random=False))
def test_order_of_the_wins_is_irrelevant(amounts: list[float], random: object) -> None:
    shuffled = random.sample(amounts, len(amounts))  # type: ignore[attr-defined]
    one, other = fit_amounts(np.array(amounts)), fit_amounts(np.array(shuffled))
    assert one is not None
    assert other is not None
    assert one.points.tolist() == other.points.tolist()
    assert one.weights.tolist() == other.weights.tolist()


# --- picking


def test_pick_gives_each_point_its_share_of_the_chances() -> None:
    law = Amounts(np.array([10.0, 20.0, 30.0, 40.0]), np.ones(4))
    chance = np.array([0.0, 0.2499, 0.25, 0.74, 0.75, 0.999999])
    shares = np.array([0.25, 0.0, 0.5, 0.25])
    assert law.pick(shares, chance).tolist() == [10, 10, 30, 30, 40, 40]
    assert law.pick(shares, chance.reshape(2, 3)).shape == (2, 3)
    tie = Amounts(np.array([1.0, 2.0]), np.ones(2)).pick(np.array([0.3, 0.7]), np.array([0.3]))
    assert tie.tolist() == [2]  # a chance that just completes a share belongs to the next point


def test_pick_never_runs_past_the_last_point() -> None:
    """Thirds add to a little less than 1; a chance above that must not fail."""
    law = Amounts(np.arange(200.0), np.ones(200))
    shares = np.full(200, 1 / 200) * (1 - 1e-9)
    assert law.pick(shares, np.array([1 - 2**-53])).tolist() == [199]
    assert law.pick(shares, np.array([1 - 2**-24], dtype=np.float32)).tolist() == [199]


@many
@given(st.integers(0, 10**6), st.integers(1, 200), st.floats(0.02, 5.0))
def test_pick_is_the_first_point_whose_cumulative_share_exceeds_the_chance(
    seed: int, n_points: int, concentration: float
) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_points, concentration))
    chance = np.append(rng.random(50), [0.0, 1 - 2**-53])
    expected = []
    for c in chance:
        index, reached = 0, shares[0]
        while reached <= c and index < n_points - 1:
            index += 1
            reached += shares[index]
        expected.append(index)
    assert Amounts(np.arange(float(n_points)), np.ones(n_points)).pick(shares, chance).tolist() == expected


def test_picked_amounts_have_the_shares_as_their_law() -> None:
    """Exact count of a systematic sample: the k-th of n chances stands for 1 / n."""
    shares = np.array([0.1, 0.35, 0.05, 0.5])
    picked = Amounts(np.arange(4.0), np.ones(4)).pick(shares, (np.arange(1000) + 0.5) / 1000)
    assert np.bincount(picked.astype(int)).tolist() == [100, 350, 50, 500]


# --- the Bayesian bootstrap


@pytest.fixture(scope="module")
def bootstrap() -> tuple[Amounts, np.ndarray]:
    law = Amounts(np.array([10.0, 25.0, 60.0, 200.0]), np.array([12.0, 7.0, 9.0, 2.0]))
    rng = np.random.default_rng(5)
    return law, np.array([law.draw_shares(rng) for _ in range(40_000)])


def test_shares_are_a_dirichlet_of_the_weights(
    bootstrap: tuple[Amounts, np.ndarray], assert_mean: Callable[..., None]
) -> None:
    """Catches 2 % of the share of the rarest point (its standard error is 0.3 %)."""
    law, shares = bootstrap
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    assert (shares > 0).all()  # the ordinary bootstrap would leave the rarest point out now and then
    share = law.weights / 30
    for i in range(4):
        assert_mean(shares[:, i], share[i], sd=np.sqrt(share[i] * (1 - share[i]) / 31))
    with pytest.raises(AssertionError):
        assert_mean(shares[:, 3], 1.025 * share[3], sd=np.sqrt(share[3] * (1 - share[3]) / 31))


def test_mean_amount_varies_as_the_bayesian_bootstrap_says(
    bootstrap: tuple[Amounts, np.ndarray], assert_mean: Callable[..., None]
) -> None:
    """Variance of the mean: population variance over n + 1 (Rubin 1981). Catches an error of 10 %."""
    law, shares = bootstrap
    wins_behind = np.repeat(law.points, law.weights.astype(int))
    means = shares @ law.points
    assert_mean(means, wins_behind.mean())
    squares = (means - wins_behind.mean()) ** 2
    assert_mean(squares, wins_behind.var() / 31)
    with pytest.raises(AssertionError):
        assert_mean(squares, 1.1 * wins_behind.var() / 31)


def test_certain_amounts_are_used_without_draws() -> None:
    law = Amounts(np.array([10.0, 20.0]), np.array([3.0, 1.0]), is_certain=True)
    assert law.draw_shares(np.random.default_rng(1)).tolist() == [0.75, 0.25]
    assert law.mean == 12.5


def test_points_and_weights_are_read_only() -> None:
    law = Amounts(np.array([10.0, 20.0]), np.array([3.0, 1.0]))
    for column in (law.points, law.weights):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1.0


def test_a_price_list_stays_a_price_list() -> None:
    """Three prices in 600 wins: no blend of two is ever sold."""
    amounts = fit_amounts(np.repeat([99.0, 499.0, 1999.0], [300, 250, 50]))
    assert amounts is not None
    assert amounts.points.tolist() == [99.0, 499.0, 1999.0]
    assert amounts.weights.tolist() == [300.0, 250.0, 50.0]
