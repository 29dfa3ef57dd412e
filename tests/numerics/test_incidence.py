"""Incidence against closed forms, hand-made laws and loops; the tilt against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from funnelsim.numerics.incidence import (
    dwell_quantile,
    incidence_by_age,
    observed_routes,
    tilt_forward,
    win_rates,
)

many = settings(max_examples=100, deadline=None, derandomize=True)


def random_hazards(seed: int, n_bins: int, n_places: int, n_draws: int = 1) -> np.ndarray:
    """Chances per step that sum to less than 1, some of them 0; shape (n_draws, n_bins, n_places)."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_places + 1, 0.4), (n_draws, n_bins))[..., :-1]
    return np.where(rng.random(shares.shape) < 0.15, 0.0, shares)


def random_ages(seed: int, n_bins: int) -> np.ndarray:
    gaps = np.random.default_rng(seed).integers(1, 5, n_bins - 2)
    return np.cumsum(np.concatenate([[0, 1], gaps])).astype(np.int64)[:n_bins]


# --- incidence by age


def test_one_constant_hazard_is_the_geometric_law() -> None:
    won, lost = 0.06, 0.14
    hazards = np.tile([0.0, won, lost], (3, 1))
    incidence = incidence_by_age(np.array([0, 1, 7]), hazards, 60)
    stays = (1 - won - lost) ** np.arange(60)
    np.testing.assert_allclose(incidence, np.outer(stays, [0.0, won, lost]), rtol=1e-13)
    np.testing.assert_allclose(incidence.sum(), 1 - (1 - won - lost) ** 60, rtol=1e-13)


def test_each_bin_serves_its_ages_and_the_last_all_later_ones() -> None:
    hazards = np.array([[0.5, 0.0], [0.0, 0.1], [0.2, 0.2]])
    incidence = incidence_by_age(np.array([0, 1, 3]), hazards, 6)
    by_hand = [
        [0.5, 0],
        [0, 0.5 * 0.1],
        [0, 0.5 * 0.9 * 0.1],
        [0.405 * 0.2] * 2,
        [0.405 * 0.6 * 0.2] * 2,
        [0.405 * 0.36 * 0.2] * 2,
    ]
    np.testing.assert_allclose(incidence, by_hand, rtol=1e-13)


@many
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 4), st.integers(1, 30))
def test_incidence_is_a_share_of_those_who_enter(seed: int, n_bins: int, n_places: int, n_ages: int) -> None:
    age, hazards = random_ages(seed, n_bins), random_hazards(seed, n_bins, n_places, n_draws=3)
    incidence = incidence_by_age(age, hazards, n_ages)
    assert incidence.shape == (3, n_ages, n_places)
    assert (incidence >= 0).all()
    assert (incidence.sum(axis=(1, 2)) <= 1 + 1e-12).all()
    for draw in range(3):
        still = 1.0
        for k in range(n_ages):
            row = hazards[draw, max(i for i in range(n_bins) if age[i] <= k)]
            np.testing.assert_allclose(incidence[draw, k], still * row, atol=1e-14)
            still *= 1 - sum(row)


@many
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 12))
def test_route_then_dwell_gives_the_incidence_of_its_hazards(seed: int, n_places: int, n_ages: int) -> None:
    """A law "first the route, then the dwell of that route", turned into hazards by hand, comes back."""
    rng = np.random.default_rng(seed)
    routes = rng.dirichlet(np.ones(n_places + 1))[:-1]  # some never leave
    dwell = rng.dirichlet(np.ones(n_ages), n_places).T  # chance of each age, by route
    law = routes * dwell
    hazards, still = np.zeros((n_ages + 1, n_places)), 1.0
    for age in range(n_ages):
        hazards[age] = law[age] / still
        still -= law[age].sum()
    first_age = np.arange(n_ages + 1)
    incidence = incidence_by_age(first_age, hazards, n_ages)
    np.testing.assert_allclose(incidence, law, atol=1e-12)
    np.testing.assert_allclose(observed_routes(first_age, hazards), routes, atol=1e-12)


def test_observed_routes_leave_out_the_last_bin() -> None:
    hazards = np.array([[0.0, 0.25], [0.5, 0.0], [0.1, 0.9]])
    routes = observed_routes(np.array([0, 1, 3]), hazards)
    np.testing.assert_allclose(routes, [0.75 * (0.5 + 0.25), 0.25], rtol=1e-14)


def test_a_stage_that_is_left_for_certain_has_no_incidence_after_that() -> None:
    incidence = incidence_by_age(np.array([0, 1]), np.array([[0.3, 0.7], [0.3, 0.7]]), 4)
    np.testing.assert_allclose(incidence, [[0.3, 0.7], [0, 0], [0, 0], [0, 0]], atol=1e-15)


# --- win rates


def test_win_rates_of_a_chain_by_hand() -> None:
    """lead -> offer .4, lost .5; offer -> lead .1, won .5, partner .1, lost .2: two equations."""
    routes = np.array([[0.0, 0.4, 0.0, 0.5, 0.0], [0.1, 0.0, 0.5, 0.2, 0.1]])
    is_won = np.array([False, False, True, False, True])
    offer = 0.6 / (1 - 0.04)
    np.testing.assert_allclose(win_rates(routes, is_won), [0.4 * offer, offer], rtol=1e-14)


@many
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_win_rates_agree_with_walking_hop_by_hop(seed: int, n_open: int) -> None:
    """Sum over routes of any length, one hop at a time, for several draws at once."""
    n_places, n_draws = n_open + 3, 2
    rng = np.random.default_rng(seed)
    routes = rng.dirichlet(np.ones(n_places + 1), (n_draws, n_open))[..., :-1]
    is_won = np.array([False] * n_open + [True, False, True])
    rates = win_rates(routes, is_won)
    for draw in range(n_draws):
        for start in range(n_open):
            here = [float(s == start) for s in range(n_open)]
            won = 0.0
            for _ in range(2000):
                won += sum(here[s] * routes[draw, s, j] for s in range(n_open) for j in (n_open, n_open + 2))
                here = [sum(here[s] * routes[draw, s, t] for s in range(n_open)) for t in range(n_open)]
                if sum(here) < 1e-16:
                    break
            assert rates[draw, start] == pytest.approx(won, abs=1e-12)
            assert 0 <= rates[draw, start] <= 1


# --- dwell


@pytest.mark.parametrize(
    ("share", "age"),
    [(0.0, 0), (0.1, 0), (0.1001, 2), (0.5, 2), (0.50001, 3), (0.8, 3), (0.81, 5), (1.0, 5)],
)
def test_dwell_quantile_by_hand(share: float, age: float) -> None:
    """0.05, 0, 0.2, 0.15, 0, 0.1 leave at ages 0 to 5: 0.5 in all, cumulative shares .1 .1 .5 .8 .8 1."""
    incidence = np.array([[0.05, 0.0], [0, 0], [0.1, 0.1], [0.0, 0.15], [0, 0], [0.06, 0.04]])
    assert dwell_quantile(incidence, share) == age


@many
@given(st.integers(0, 10**6), st.floats(0.01, 0.99))
def test_dwell_quantile_is_the_first_age_by_which_the_share_has_left(seed: int, share: float) -> None:
    incidence = incidence_by_age(random_ages(seed, 4), random_hazards(seed, 4, 3, n_draws=2), 25)
    found = dwell_quantile(incidence, share)
    assert found.shape == (2,)
    for draw in range(2):
        left = incidence[draw].sum(axis=1).cumsum()
        assume((np.abs(left - share * left[-1]) > 1e-9 * left[-1]).all())  # no tie within rounding
        assert found[draw] == next(age for age in range(25) if left[age] >= share * left[-1])


def test_dwell_of_a_stage_nobody_leaves_is_zero() -> None:
    assert dwell_quantile(np.zeros((5, 2)), 0.5) == 0


# --- tilt


def split_of(hazards: np.ndarray, is_forward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return hazards[..., is_forward].sum(axis=-1), hazards[..., ~is_forward].sum(axis=-1)


@many
@given(st.integers(0, 10**6), st.integers(2, 5), st.floats(-4, 4))
def test_tilt_multiplies_the_odds_of_leaving_forward_and_nothing_else(
    seed: int, n_places: int, log_odds: float
) -> None:
    hazards = random_hazards(seed, 5, n_places, n_draws=2)
    is_forward = np.random.default_rng(seed + 1).random(n_places) < 0.5
    tilted = tilt_forward(hazards, is_forward, log_odds)
    np.testing.assert_allclose(tilted.sum(axis=-1), hazards.sum(axis=-1), atol=1e-14)  # pace stays
    forward, other = split_of(hazards, is_forward)
    forward_then, other_then = split_of(tilted, is_forward)
    np.testing.assert_allclose(forward_then * other, np.exp(log_odds) * forward * other_then, rtol=1e-11)
    for group in (is_forward, ~is_forward):  # within forward and within the rest, shares stay
        before, after = hazards[..., group], tilted[..., group]
        crossed = before * after.sum(axis=-1, keepdims=True) - after * before.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(crossed, 0, atol=1e-14)


def test_tilt_by_hand() -> None:
    """Odds 1 : 4 become 2 : 4, so a third of the exits go forward; 0.3 leave as before."""
    hazards = np.array([[0.02, 0.04, 0.24]])
    tilted = tilt_forward(hazards, np.array([True, True, False]), np.log(2.0))
    np.testing.assert_allclose(tilted, [[0.1 / 3, 0.2 / 3, 0.2]], rtol=1e-14)


@many
@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(-3, 3))
def test_tilts_compose_by_adding_log_odds(seed: int, first: float, second: float) -> None:
    hazards = random_hazards(seed, 4, 4)
    is_forward = np.array([True, False, True, False])
    one = tilt_forward(tilt_forward(hazards, is_forward, first), is_forward, second)
    other = tilt_forward(tilt_forward(hazards, is_forward, second), is_forward, first)
    np.testing.assert_allclose(one, tilt_forward(hazards, is_forward, first + second), atol=1e-14)
    np.testing.assert_allclose(one, other, atol=1e-14)


@pytest.mark.parametrize("log_odds", [-30.0, -0.1, 0.0, 0.1, 30.0])
@pytest.mark.parametrize(
    "hazards",
    [[0.2, 0.0, 0.0], [0.0, 0.1, 0.2], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6]],
    ids=["all forward", "none forward", "nobody leaves", "all leave forward", "all leave, none forward"],
)
def test_a_share_of_zero_or_one_cannot_be_tilted(hazards: list[float], log_odds: float) -> None:
    table = np.array([hazards, [0.1, 0.1, 0.1]])
    tilted = tilt_forward(table, np.array([True, False, False]), log_odds)
    assert tilted[0].tolist() == hazards
    assert (tilted >= 0).all()


def test_extreme_odds_stay_within_bounds() -> None:
    hazards = np.array([[0.5, 0.5], [1e-6, 0.9], [0.9, 1e-6], [0.95, 0.05]])
    for log_odds in (-30.0, 30.0):
        tilted = tilt_forward(hazards, np.array([True, False]), log_odds)
        assert (tilted > 0).all()
        np.testing.assert_allclose(tilted.sum(axis=1), hazards.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(tilted[:, 0], hazards.sum(axis=1), rtol=1e-6)


def test_the_input_is_left_as_it_was() -> None:
    hazards: Any = np.array([[0.1, 0.2]])
    tilt_forward(hazards, np.array([True, False]), 1.0)
    assert hazards.tolist() == [[0.1, 0.2]]
