"""The oracle: its chances against futures walked day by day, the exact engine, and what really came."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import hazards_by_hand
from funnelsim.questions.worlds import FAMILIES, WorldError, true_futures
from funnelsim.questions.worlds.oracle import true_chances
from funnelsim.questions.worlds.world import World, future_wins

SEED = 6
FREE = [name for name in FAMILIES if name != "capacity_limited"]  # deals move independently


def walked_wins(world: World, n_futures: int, n_periods: int) -> tuple[np.ndarray, np.ndarray]:
    """Wins by future and period, of open deals and of later arrivals, walked day by day."""
    edges, rng = world.edges(n_periods), np.random.default_rng(SEED)
    wins = future_wins(
        world.process, world.deals, world.amount, rng, n_futures=n_futures, until=int(edges[-1]) - 1
    )
    return wins.totals(edges, n_futures).parts("wins")


def assert_same_means(world: World, n_futures: int, n_periods: int, z: float) -> None:
    chances = true_chances(world.process, world.deals, world.edges(n_periods))
    expected = chances.open_deals.sum(axis=0), chances.new_wins.sum(axis=(0, 1))
    for walked, mean in zip(walked_wins(world, n_futures, n_periods), expected, strict=True):
        error = walked.std(axis=0, ddof=1) / np.sqrt(n_futures)
        assert (np.abs(walked.mean(axis=0) - mean) < z * error).all()


@pytest.mark.parametrize("name", FREE)
@pytest.mark.thorough
def test_the_recursion_agrees_with_futures_walked_day_by_day(name: str) -> None:
    """Two ways to the same means, 100 futures of one quarter. d: 12 % of the wins of open deals."""
    assert_same_means(FAMILIES[name].world(SEED), 100, 1, z=4.2)


@pytest.mark.slow
@pytest.mark.parametrize("name", FREE)
def test_the_recursion_agrees_over_four_quarters(name: str) -> None:
    """1,000 futures. d: 4 % of the wins of the first quarter."""
    assert_same_means(FAMILIES[name].world(SEED), 1000, 4, z=4.5)


def test_the_oracle_of_a_plain_funnel_is_the_exact_engine() -> None:
    """Written as a funnel whose parameters are certain, the same process gives the same expected wins."""
    world = FAMILIES["well_specified"].world(SEED)
    process, edges = replace(world.process, dispersion=0.0), world.edges(2)
    hazards = tuple(hazards_by_hand(process.first_age, chances) for chances in process.chances[0])
    arrivals = Arrivals(1, float(process.arrival_rate[-1]), np.inf, 0.0, process.entry_shares)
    funnel = fs.Funnel(process.stages, fs.Clock("day"), hazards, arrivals)
    days = [str(day) for day in world.history.clock.start_of(edges).astype("datetime64[D]")]
    outlook = fs.forecast(funnel, world.history.pipeline(), periods=days, measure="wins", engine="exact")
    chances = true_chances(process, world.deals, edges)
    for period in range(2):
        of_open, of_new = outlook.outcome.expected([period], "wins")
        assert of_open == pytest.approx(chances.open_deals[:, period].sum(), rel=1e-5)
        assert of_new == pytest.approx(chances.new_wins[:, :, period].sum(), rel=1e-5)


def test_samples_have_the_moments_of_the_chances() -> None:
    """20,000 futures. d: 0.6 % of the mean of wins, 1.5 % of bookings, 7 % of the variance."""
    world, n = FAMILIES["overdispersed_arrivals"].world(SEED), 20_000
    edges = world.edges(2)
    chances = true_chances(world.process, world.deals, edges)
    futures = true_futures(world, edges, n, np.random.default_rng(SEED))
    c, expected = chances.open_deals, chances.new_wins.sum(axis=1)
    phi = world.process.dispersion
    wins = {
        "open": (futures.open_wins, c.sum(axis=0), (c * (1 - c)).sum(axis=0)),
        "new": (futures.new_wins, expected.sum(axis=0), (expected + phi * expected**2).sum(axis=0)),
    }
    for drawn, mean, variance in wins.values():
        assert (np.abs(drawn.mean(axis=0) - mean) < 4 * np.sqrt(variance / n)).all()
        assert (np.abs(drawn.var(axis=0, ddof=1) / variance - 1) < 4 * np.sqrt(3 / n)).all()
    for drawn, mean in (
        (futures.open_bookings, world.amount @ c),
        (futures.new_bookings, np.einsum("bcp,c->p", chances.new_wins, world.process.amounts.mean)),
    ):
        assert (np.abs(drawn.mean(axis=0) - mean) < 4 * drawn.std(axis=0) / np.sqrt(n)).all()


def test_open_deals_are_won_in_one_period_only() -> None:
    world = FAMILIES["stable"].world(SEED)
    futures = true_futures(world, world.edges(4), 200, np.random.default_rng(SEED))
    assert futures.open_wins.sum(axis=1).max() < len(world.amount)
    together = true_futures(world, world.edges(4)[[0, 4]], 200, np.random.default_rng(SEED))
    np.testing.assert_array_equal(futures.open_wins.sum(axis=1), together.open_wins[:, 0])


def test_periods_beyond_what_is_known_are_refused() -> None:
    world = FAMILIES["small_volume"].world(SEED)
    with pytest.raises(WorldError, match="must lie after the cutoff"):
        true_futures(world, world.edges() - 1, 10, np.random.default_rng(SEED))


def standard_scores(name: str, n_worlds: int, n_futures: int) -> tuple[float, float]:
    """Mean of actual less expected, in standard errors: wins and bookings of the next quarter."""
    gaps = []
    for seed in range(n_worlds):
        world = FAMILIES[name].world(seed)
        edges = world.edges()
        actual = world.actual(edges)
        futures = true_futures(world, edges, n_futures, np.random.default_rng(seed))
        both = [sum(actual.parts(m))[0, 0] - sum(futures.parts(m)).mean() for m in ("wins", "bookings")]
        gaps.append(both)
    table = np.array(gaps)
    scores = table.mean(axis=0) / (table.std(axis=0, ddof=1) / np.sqrt(n_worlds))
    return float(scores[0]), float(scores[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_oracle_is_unbiased(name: str) -> None:
    """80 worlds of every family. d: 12 % of the wins of a quarter; heavy amounts are judged by wins alone."""
    wins, bookings = standard_scores(name, 80, 200 if name == "capacity_limited" else 1000)
    assert abs(wins) < 4.2
    if name != "heavy_amounts":
        assert abs(bookings) < 4.2
