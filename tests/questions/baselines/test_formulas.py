"""The formula of each rival against numbers worked out by hand, and its range against what it should hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines import (
    MeanOfRecent,
    RivalError,
    SeasonalNaive,
    WeightedPipeline,
    all_rivals,
)
from funnelsim.questions.baselines.additive_chain_ladder import _per_deal
from funnelsim.questions.baselines.chance import coin_flips, follow_past_origins
from funnelsim.questions.baselines.cohorts import cohorts_of, gamma_of
from funnelsim.questions.baselines.past import past_of
from funnelsim.questions.baselines.stage_by_time import StageByTimeInPeriod, stage_shares

Told = Callable[..., DealHistory]

CLOSED = [
    ("w", "A", "2026-01-01"),
    ("w", "B", "2026-01-05"),
    ("w", "won", "2026-01-11"),  # ten days after it arrived
    ("x", "A", "2026-01-01"),
    ("x", "lost", "2026-01-08"),
    ("y", "A", "2026-01-02"),
    ("y", "B", "2026-01-06"),
    ("y", "lost", "2026-01-12"),
    ("z", "A", "2026-01-02"),
    ("z", "won", "2026-01-22"),  # twenty days after it arrived: the mean cycle is fifteen
]
OPEN = [
    ("o", "A", "2026-01-01"),
    ("o", "B", "2026-01-20"),
    ("p", "A", "2026-01-25"),
    ("q", "A", "2026-01-30"),
]
AMOUNTS = {"w": 100.0, "z": 50.0, "o": 400.0, "p": 200.0, "q": None}
MEAN_WON = 75.0


def assert_mean(draws: np.ndarray, expected: float, z: float = 4.0) -> None:
    gap = (draws.mean() - expected) / (draws.std(ddof=1) / np.sqrt(draws.size))
    assert abs(gap) < z, f"mean {draws.mean():.6g}, expected {expected:.6g}: {gap:+.1f} SE"


def rng(seed: int = 11) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- weighted pipeline


@pytest.fixture
def seen(told: Told) -> DealHistory:
    return told(CLOSED + OPEN, AMOUNTS, "2026-01-31")


def test_weighted_pipeline_takes_closed_deals_only(seen: DealHistory) -> None:
    """Of the closed deals, 2 of 4 that visited A were won and 1 of 2 that visited B; o is in B."""
    edges = seen.cutoff_step + 1 + np.array([0, 10, 40])
    found = WeightedPipeline().forecast(seen, edges, "bookings", 20_000, rng())
    assert seen.pipeline().deal_ids.tolist() == ["o", "p", "q"]
    assert found.deal_chance == pytest.approx([0.5, 0.5, 0.5])
    expected = 0.5 * (400.0 + 200.0 + MEAN_WON)
    assert_mean(found.total[:, 0], 0.25 * expected)
    assert_mean(found.total[:, 1], 0.75 * expected)
    assert set(found.total.sum(axis=1)) == {0.0, 75.0, 200.0, 275.0, 400.0, 475.0, 600.0, 675.0}
    assert found.open_deals is not None
    assert (found.total == found.open_deals).all()


def test_rates_of_stages_differ(told: Told) -> None:
    more = [*CLOSED, ("v", "A", "2026-01-03"), ("v", "B", "2026-01-04"), ("v", "lost", "2026-01-09"), *OPEN]
    seen = told(more, AMOUNTS, "2026-01-31")
    found = WeightedPipeline().forecast(seen, seen.cutoff_step + 1 + np.array([0, 9]), "wins", 10, rng())
    assert found.deal_chance == pytest.approx([1 / 3, 2 / 5, 2 / 5])


def test_weighted_pipeline_by_cycle_puts_deals_where_they_are_due(seen: DealHistory) -> None:
    """o is overdue, p is due on February 9, q on February 14."""
    edges = seen.cutoff_step + 1 + np.array([0, 5, 10, 13])  # from February 1, 6, 11 to 13
    found = WeightedPipeline(timing="cycle").forecast(seen, edges, "bookings", 20_000, rng())
    assert found.deal_chance == pytest.approx([0.5, 0.5, 0.0])
    assert_mean(found.total[:, 0], 200.0)
    assert_mean(found.total[:, 1], 100.0)
    assert (found.total[:, 2] == 0).all()


def test_nominal_rates_are_those_of_the_stages(seen: DealHistory, simulated: DealHistory) -> None:
    edges = seen.cutoff_step + 1 + np.array([0, 10])
    with pytest.raises(RivalError, match="stage 'A' has no nominal_win_rate"):
        WeightedPipeline(rates="nominal").forecast(seen, edges, "wins", 10, rng())
    edges = simulated.cutoff_step + 1 + np.array([0, 10])
    found = WeightedPipeline(rates="nominal").forecast(simulated, edges, "wins", 10, rng())
    nominal = np.array([stage.nominal_win_rate for stage in simulated.stages.open])
    assert found.deal_chance == pytest.approx(nominal[simulated.pipeline().stage])


def test_without_recorded_losses_all_deals_count(told: Told) -> None:
    """Closed-only rates would say that every deal is won: 2 of 3 that visited A are, the third is open."""
    moves = [("w", "A", "2026-01-01"), ("w", "won", "2026-01-11"), ("z", "A", "2026-01-02"), OPEN[0]]
    seen = told([*moves, ("z", "won", "2026-01-09")], AMOUNTS, "2026-01-31")
    found = WeightedPipeline().forecast(seen, seen.cutoff_step + 1 + np.array([0, 9]), "wins", 10, rng())
    assert found.deal_chance == pytest.approx([2 / 3])


@pytest.mark.parametrize("settings", [{"rates": "guessed"}, {"timing": "never"}])
def test_unknown_settings_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(RivalError, match="unknown"):
        WeightedPipeline(**settings)  # type: ignore[arg-type]
    with pytest.raises(RivalError, match="at least 1"):
        MeanOfRecent(n_periods=0)


# --- stage by time


def test_stage_shares_by_hand(told: Told) -> None:
    """Periods of ten days. Snapshots on December 31 (none), January 10, 20 and 30.

    January 10: w (100) and y (75, its amount is missing) in B; z (50) and o (400) in A; won: w in the first
    period after it, z in the second, o in none. January 20: o in B; z in A, won in the first period. January
    30: o in B, p (200) and q (75) in A, none won.
    """
    moves = [*CLOSED, *OPEN]
    seen = told(moves, AMOUNTS, "2026-02-09", window_start="2026-01-01")
    past = past_of(seen, seen.cutoff_step + 1 + np.array([0, 10, 20]), "bookings")
    in_a = [(0 + 50) / (450 + 50 + 275), 50 / (450 + 50)]
    in_b = [100 / (175 + 400 + 400), 0.0]
    np.testing.assert_allclose(stage_shares(past), [in_a, in_b])


def test_stage_by_time_follows_past_origins(told: Told) -> None:
    """Wins of one period of ten days: A 1 of (2 + 1 + 2), B 1 of (2 + 1 + 1), as in the shares above.

    Expected after January 10, 20, 30: 2/5 + 2/4, 1/5 + 1/4, 2/5 + 1/4; won: 1, 1, 0. Now o is in B, p and q
    are in A. Nothing that arrived after an origin was won within ten days.
    """
    seen = told([*CLOSED, *OPEN], AMOUNTS, "2026-02-09", window_start="2026-01-01")
    edges = seen.cutoff_step + 1 + np.array([0, 10])
    found = StageByTimeInPeriod().forecast(seen, edges, "wins", 20_000, rng())
    assert found.deal_chance == pytest.approx([1 / 4, 1 / 5, 1 / 5])
    expected = 1 / 4 + 2 / 5
    ratio = np.array([1 / 0.9, 1 / 0.45, 0.0])
    possible = expected * np.maximum(1 + (ratio - ratio.mean()) * np.sqrt(4 / 2), 0.0)
    values, counts = np.unique(found.total[:, 0].round(9), return_counts=True)
    assert values == pytest.approx(np.sort(possible))
    assert stats.chisquare(counts).pvalue > 1e-4


# --- series


def wins_by_month(counts: list[int], told: Told) -> DealHistory:
    """A history on a clock of months from 2023-01 on, with so many wins of 10 in each month."""
    months = np.datetime64("2023-01") + np.arange(len(counts))
    days = [f"{month}-15" for month, n in zip(months, counts, strict=True) for _ in range(n)]
    names = [f"{place}" for place in range(len(days))]
    moves = [(name, "A", "2023-01-01") for name in names]
    moves += [(name, "won", day) for name, day in zip(names, days, strict=True)]
    end = f"{months[-1] + 1}-01"
    return told(
        [*moves, ("still open", "A", "2023-01-01")],
        dict.fromkeys(names, 10.0),
        str(np.datetime64(end) - 1),
        step="month",
        window_start="2023-01-01",
    )


def test_mean_of_recent_by_hand(told: Told) -> None:
    """Last two of 40, 44, 36, 42, 50: mean 46; errors ahead 36 - 42, 42 - 40, 50 - 39; s^2 = 161 / 3."""
    seen = wins_by_month([40, 44, 36, 42, 50], told)
    edges = seen.cutoff_step + 1 + np.arange(4)
    found = MeanOfRecent(n_periods=2).forecast(seen, edges, "wins", 40_000, rng())
    away = (found.total - 46.0) / np.sqrt(161 / 3)
    for period in range(3):
        assert stats.kstest(away[:, period], stats.t(3).cdf).pvalue > 1e-5
    assert stats.kstest(away[:, 0] * 1.1, stats.t(3).cdf).pvalue < 1e-5  # the check sees 10 %
    # Joint over periods: the variance of the mean of three is (2/3) / 3 + 1/3 of one period's.
    assert stats.kstest(away.mean(axis=1) / np.sqrt(5 / 9), stats.t(3).cdf).pvalue > 1e-5
    money = MeanOfRecent(n_periods=2).forecast(seen, edges, "bookings", 40_000, rng())
    np.testing.assert_allclose(money.total, 10.0 * found.total)
    assert found.open_deals is None
    assert found.deal_chance is None


def test_seasonal_naive_by_hand(told: Told) -> None:
    """Fourteen months: the first month ahead repeats March 2023; errors 45 - 40 and 44 - 50; s^2 = 61 / 2."""
    first_year = [40, 50, 60, 41, 42, 43, 44, 45, 46, 47, 48, 49]
    seen = wins_by_month([*first_year, 45, 44], told)
    edges = seen.cutoff_step + 1 + np.arange(14)
    found = SeasonalNaive().forecast(seen, edges, "wins", 40_000, rng())
    middle = np.median(found.total, axis=0)
    np.testing.assert_allclose(middle, [*first_year[2:], 45, 44, 60], atol=0.25)
    spread = np.sqrt(61 / 2)
    inside = np.abs(found.total - [*first_year[2:], 45, 44, 60]) < stats.t(2).ppf(0.75) * spread
    assert inside[:, :12].mean() == pytest.approx(0.5, abs=0.005)
    two_years = np.abs(found.total[:, 12] - 60) < stats.t(2).ppf(0.75) * spread * np.sqrt(2)
    assert two_years.mean() == pytest.approx(0.5, abs=0.01)


def test_less_than_a_year_has_no_season(told: Told) -> None:
    seen = wins_by_month([5] * 13, told)
    with pytest.raises(RivalError, match="13 whole periods lie behind the origin, and 14 are needed"):
        SeasonalNaive().forecast(seen, seen.cutoff_step + 1 + np.arange(2), "wins", 10, rng())


# --- chance


def test_coins_hold_what_they_promise_for_independent_deals() -> None:
    """80 % ranges of totals hold 80 % of the totals of deals won by their chances; 30 % too few does not."""
    chance = rng(1).dirichlet([0.5, 0.5, 3.0], size=60)[:, :2]
    worth = np.exp(rng(2).normal(size=60))
    drawn = coin_flips(chance, worth, 20_000, rng(3)).sum(axis=1)
    n = 4_000

    def held(chance_of_truth: np.ndarray) -> int:
        won = rng(4).random((n, 60)) < chance_of_truth.sum(axis=1)
        truth = won @ worth
        low, high = np.quantile(drawn, [0.1, 0.9])
        return int(((low <= truth) & (truth <= high)).sum())

    assert stats.binomtest(held(chance), n, 0.8).pvalue > 1e-4
    assert stats.binomtest(held(chance * 0.7), n, 0.8).pvalue < 1e-4


def test_a_deal_is_won_once() -> None:
    drawn = coin_flips(np.array([[0.3, 0.3, 0.4]]), np.array([7.0]), 1_000, rng())
    assert (drawn.sum(axis=1) == 7.0).all()
    counts = (drawn > 0).sum(axis=0)
    assert stats.chisquare(counts, [300, 300, 400]).pvalue > 1e-4
    assert coin_flips(np.zeros((0, 3)), np.zeros(0), 4, rng()).tolist() == [[0.0] * 3] * 4


def test_futures_vary_as_the_next_origin_would() -> None:
    table = np.array([[10.0, 1.0], [20.0, 2.0], [30.0, 3.0], [40.0, np.nan]])
    drawn, again = follow_past_origins([table, 10.0 * table], 40_000, rng())
    np.testing.assert_allclose(again, 10.0 * drawn)  # both follow the same past origin
    assert_mean(drawn[:, 0], 25.0)
    assert_mean(drawn[:, 1], 2.0)
    expected = table[:, 0].var(ddof=1) * (1 + 1 / 4)
    assert drawn[:, 0].var() == pytest.approx(expected, rel=0.03)
    follows = drawn[:, 0] < 30.0  # futures of the first two past origins, whose second period is known
    assert set(drawn[follows, 1].round(6)) == set((2.0 + np.array([-1.0, 0.0]) * np.sqrt(2)).round(6))
    with pytest.raises(RivalError, match="only 1 past origins"):
        follow_past_origins([table[2:]], 10, rng())


def test_gamma_has_the_mean_and_variance_asked_for() -> None:
    mean, variance = np.array([4.0, 0.0, 3.0]), np.array([2.0, 5.0, 0.0])
    drawn = gamma_of(np.tile(mean, (40_000, 1)), np.tile(variance, (40_000, 1)), rng())
    assert_mean(drawn[:, 0], 4.0)
    assert drawn[:, 0].var() == pytest.approx(2.0, rel=0.05)
    assert (drawn[:, 1:] == mean[1:]).all()


# --- cohorts


def test_additive_chain_ladder_by_hand(told: Told) -> None:
    """Four cohorts of ten days; wins per arrived deal at ages 0 and 1."""
    arrivals = {"2026-01-03": 4, "2026-01-13": 5, "2026-01-23": 2, "2026-02-02": 3}
    won_on = ["2026-01-09", "2026-01-15", "2026-01-19", "2026-01-24", "2026-02-09"]
    arrived_on = ["2026-01-03", "2026-01-03", "2026-01-13", "2026-01-13", "2026-02-02"]
    moves, left = [], dict(arrivals)
    for number, (start, end) in enumerate(zip(arrived_on, won_on, strict=True)):
        moves += [(f"won {number}", "A", start), (f"won {number}", "won", end)]
        left[start] -= 1
    moves += [(f"{day} {n}", "A", day) for day, rest in left.items() for n in range(rest)]
    seen = told(moves, {}, "2026-02-09", window_start="2026-01-01")
    cohorts = cohorts_of(past_of(seen, seen.cutoff_step + 1 + np.array([0, 10]), "wins"))
    assert cohorts.n_arrived.tolist() == [4, 5, 2, 3]
    known = [[1, 1, 0, 0], [1, 1, 0, np.nan], [0, 0, np.nan, np.nan], [1, np.nan, np.nan, np.nan]]
    np.testing.assert_array_equal(cohorts.won, known)
    mean, variance = _per_deal(cohorts)
    np.testing.assert_allclose(mean, [3 / 14, 2 / 11, 0.0, 0.0])
    share = np.array([1 / 4, 1 / 5, 0.0, 1 / 3])
    cells = cohorts.n_arrived @ (share - 3 / 14) ** 2
    assert variance[0] == pytest.approx(cells / 3)


# --- all together


def test_rivals_come_near_in_a_stable_world() -> None:
    """About 240 wins in 90 days, give or take 16: all but the weighted pipeline come within a quarter."""
    truth = fs.sample_funnel()
    busy = replace(truth, arrivals=replace(truth.arrivals, mean_per_block=150.0))
    world = fs.simulate_history(10, funnel=busy, segments=False, season=False, start="2023-07-01")
    seen = world.as_of("2026-05-31")
    edges = seen.cutoff_step + 1 + 30 * np.arange(4)
    won = world.deals[world.deals["outcome"] == "won"]
    step = world.clock.step_of(won["closed_at"].to_numpy())
    came = ((step >= edges[0]) & (step < edges[3])).sum()
    for rival in all_rivals():
        total = rival.forecast(seen, edges, "wins", 400, rng()).total.sum(axis=1)
        if "weighted" not in rival.name:
            assert total.mean() == pytest.approx(came, rel=0.25), rival.name
