"""Funnels whose answer is known: geometric stages, a chain with loops, hazards with a stated weight.

Tolerances are 4 standard errors from theory; `d` in a docstring is the smallest error the test would catch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

import funnelsim as fs
from funnelsim.engines.chances import Chances, Positions, batch_chances
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

SEED = 41
CUTOFF = "2026-09-30"  # the last day of a quarter: "2Q" begins on the next step
Q4, Q1 = 92, 90  # days of the two quarters that follow
N_FUTURES = 20_000


def arrivals_at(rate_per_day: float, n_open: int = 1) -> Arrivals:
    """Poisson arrivals into the first stage, the rate known for certain."""
    return Arrivals(7, 7 * rate_per_day, np.inf, 0.0, np.eye(n_open)[0])


def certain_funnel(names: list[str], hazards: list[list[float]], rate_per_day: float = 0.0) -> fs.Funnel:
    """Constant chances per step, the step of entry included; columns are stages, then won, lost."""
    rows = [np.array([row, row, np.zeros(len(row))]) for row in hazards]
    far = 1_000_000  # the tail bin of a table is not counted, so it begins where nobody is left
    stages = tuple(
        StageHazards(np.array([0, 1, far]), h, np.ones(3), h[0] / h[0].sum(), is_certain=True) for h in rows
    )
    arrivals = arrivals_at(rate_per_day, len(names))
    return fs.Funnel(fs.Stages.named(names), fs.Clock("day"), stages, arrivals)


def open_deals(stage: list[int], age: list[int]) -> fs.Pipeline:
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=int(fs.Clock("day").step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(len(stage))], dtype=object),
        stage=np.array(stage, dtype=np.int64),
        age_steps=np.array(age, dtype=np.int64),
        amount=np.full(len(stage), np.nan),
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
    )


def chances(funnel: fs.Funnel, pipeline: fs.Pipeline, periods: object, n_draws: int = 1) -> Chances:
    parsed = fs.Periods.parse(periods, pipeline.clock, pipeline.cutoff_step)
    return batch_chances(funnel, Positions.of(funnel, pipeline), parsed, Streams(SEED), range(n_draws))


def assert_close_in_se(value: float, expected: float, standard_error: float) -> None:
    gap = (value - expected) / standard_error
    assert abs(gap) < 4, f"{value:.6g}, expected {expected:.6g}: {gap:+.1f} standard errors"


def assert_law(draws: np.ndarray, law: object) -> None:
    """Mean, variance and every probability of whole-number draws against a law of scipy."""
    n, (mean, variance, excess) = len(draws), law.stats("mvk")
    assert_close_in_se(draws.mean(), mean, np.sqrt(variance / n))
    assert_close_in_se(draws.var(ddof=1), variance, variance * np.sqrt((excess + 2) / n))
    counts = np.arange(int(draws.max()) + 2)
    gap = np.abs((draws[:, None] <= counts).mean(axis=0) - law.cdf(counts)).max()
    assert gap < np.sqrt(np.log(2 / 1e-6) / (2 * n)), f"distribution functions differ by {gap:.4f}"


# --- one stage that deals leave at a constant rate ----------------------------------------------------------

WIN, LOSE = 0.012, 0.023
STAY = 1 - WIN - LOSE


def won_within(steps: object) -> np.ndarray:
    """Chance to be won within so many steps, for a deal that is open now."""
    return WIN / (WIN + LOSE) * (1 - STAY ** np.asarray(steps, dtype=float))


@pytest.mark.parametrize("age", [0, 1, 5, 400])
def test_chance_of_a_memoryless_deal_is_geometric_at_any_age(age: int) -> None:
    found = chances(certain_funnel(["s"], [[0, WIN, LOSE]]), open_deals([0], [age]), "2Q")
    expected = np.diff(won_within([0, Q4, Q4 + Q1]))
    np.testing.assert_allclose(found.open_deals[0, 0], expected, rtol=1e-11)


def test_expected_wins_of_new_deals_add_the_chances_of_every_day_of_arrival() -> None:
    """A deal that comes on day t may be won on that day too: n - t + 1 chances in n days."""
    found = chances(certain_funnel(["s"], [[0, WIN, LOSE]], 0.8), open_deals([], []), "2Q").new_wins[0]

    def by_end(days: int) -> float:
        return sum(0.8 * float(won_within(days - t + 1)) for t in range(1, days + 1))

    expected = [by_end(Q4), by_end(Q4 + Q1) - by_end(Q4)]
    np.testing.assert_allclose(found.sum(axis=0), expected, rtol=1e-11)


@pytest.fixture(scope="module")
def geometric_forecast() -> fs.Forecast:
    funnel, pipeline = certain_funnel(["s"], [[0, WIN, LOSE]], 0.5), open_deals([0] * 40, list(range(40)))
    engine = fs.MonteCarlo(n_futures=N_FUTURES, n_draws=2)
    return fs.forecast(funnel, pipeline, periods="2Q", engine=engine, seed=SEED)


@pytest.mark.parametrize("window", ["2026-Q4", "2027-Q1", None])
def test_wins_of_open_deals_are_binomial(geometric_forecast: fs.Forecast, window: str | None) -> None:
    """d: 0.6 % of the mean of both periods, 4 % of the variance, 0.02 of any probability."""
    periods = {"2026-Q4": (0, Q4), "2027-Q1": (Q4, Q4 + Q1), None: (0, Q4 + Q1)}
    start, end = periods[window]
    columns = geometric_forecast._columns(window)
    chance = float(won_within(end) - won_within(start))
    draws = geometric_forecast.outcome.open_wins[:, columns].sum(axis=1)
    assert_law(draws, stats.binom(40, chance))
    with pytest.raises(AssertionError):  # an error of one point in the chance must be seen
        assert_law(draws, stats.binom(40, chance + 0.01))


@pytest.mark.parametrize("window", ["2026-Q4", "2027-Q1", None])
def test_wins_of_new_deals_are_poisson(geometric_forecast: fs.Forecast, window: str | None) -> None:
    """d: 0.5 to 1 % of the mean, 4 % of the variance (extra variance of 4 % would mean a shared swing)."""

    def by_end(days: int) -> float:
        return sum(0.5 * float(won_within(days - t + 1)) for t in range(1, days + 1))

    mean = {"2026-Q4": by_end(Q4), "2027-Q1": by_end(Q4 + Q1) - by_end(Q4), None: by_end(Q4 + Q1)}[window]
    draws = geometric_forecast.outcome.new_wins[:, geometric_forecast._columns(window)].sum(axis=1)
    assert_law(draws, stats.poisson(mean))
    with pytest.raises(AssertionError):  # the step of arrival without its own chance must be seen
        assert_law(draws, stats.poisson(mean * STAY**2))


def test_forecast_of_all_wins_has_the_mean_and_variance_of_the_sum(geometric_forecast: fs.Forecast) -> None:
    """d: 0.5 % of the mean, 4 % of the variance: open and new deals must be independent given the funnel."""
    chance = float(won_within(Q4 + Q1))
    new = sum(0.5 * float(won_within(n)) for n in range(1, Q4 + Q1 + 1))
    variance = 40 * chance * (1 - chance) + new
    draws = geometric_forecast.window(None, "wins")
    assert_close_in_se(draws.mean(), 40 * chance + new, np.sqrt(variance / N_FUTURES))
    assert_close_in_se(geometric_forecast.sd(None, "wins") ** 2, variance, variance * np.sqrt(2 / N_FUTURES))


# --- a chain with skips, backward moves and loops -----------------------------------------------------------

#        a     b     c     won   lost
CHAIN = [
    [0.00, 0.10, 0.02, 0.00, 0.03],
    [0.02, 0.00, 0.08, 0.01, 0.04],
    [0.00, 0.03, 0.00, 0.09, 0.05],
]
ABSORPTION = np.array([1166, 1371, 1890]) / 3113  # solved by hand from the shares of each row


def test_long_run_chances_are_the_absorption_probabilities_of_the_chain() -> None:
    found = chances(certain_funnel(["a", "b", "c"], CHAIN), open_deals([0, 1, 2], [3, 0, 9]), "24M")
    positions = found.open_deals[0].sum(axis=1)  # sorted by stage
    np.testing.assert_allclose(positions, ABSORPTION, rtol=1e-8)


def test_table_shows_the_absorption_probabilities_and_the_forward_shares() -> None:
    funnel = certain_funnel(["a", "b", "c"], CHAIN)
    short = tuple(
        StageHazards(np.array([0, 1, 3000]), h.exits, h.at_risk, h.prior_shares, is_certain=True)
        for h in funnel.hazards
    )
    table = fs.Funnel(funnel.stages, funnel.clock, short, funnel.arrivals).table()
    np.testing.assert_allclose(table["win_rate"], ABSORPTION, rtol=1e-9)
    np.testing.assert_allclose(table["conversion"], [12 / 15, 9 / 15, 9 / 17], rtol=1e-9)
    # Ages of exit are geometric from 0: half have left by the first k with (1 - h)^(k + 1) <= 1/2.
    stay = 1 - np.sum(CHAIN, axis=1)
    np.testing.assert_array_equal(table["median_dwell"], np.ceil(np.log(0.5) / np.log(stay)) - 1)
    np.testing.assert_array_equal(table["p90_dwell"], np.ceil(np.log(0.1) / np.log(stay)) - 1)


def chain_won_by(n_steps: int) -> np.ndarray:
    """Chance won within n steps from each stage, by powers of the one-step matrix of the resting chain.

    A deal that enters a stage may leave it within the same step; M = (I - Q)^-1 counts such visits.
    """
    rates = np.array(CHAIN)
    moves, win, stay = rates[:, :3], rates[:, 3], 1 - rates.sum(axis=1)
    visits = np.linalg.inv(np.eye(3) - moves)
    step = np.zeros((4, 4))
    step[:3, :3] = np.diag(stay) + moves @ visits * stay
    step[:3, 3] = win + moves @ visits @ win
    step[3, 3] = 1
    return np.linalg.matrix_power(step, n_steps)[:3, 3]


def test_chances_by_period_are_powers_of_the_chains_matrix() -> None:
    found = chances(
        certain_funnel(["a", "b", "c"], CHAIN),
        open_deals([0, 1, 2], [0, 4, 50]),
        ["2026-10-01", "2026-10-02", "2026-10-31", "2027-04-01"],
    )
    by_edge = np.array([chain_won_by(n) for n in (0, 1, 30, 182)])
    np.testing.assert_allclose(found.open_deals[0], np.diff(by_edge, axis=0).T, rtol=1e-9)


def test_entry_stages_share_new_deals_as_written() -> None:
    """Shares 0.7 : 0.3, certain like the rate: every draw expects the same wins, the mix of both entries."""
    funnel = certain_funnel(["a", "b", "c"], CHAIN)
    funnel = replace(funnel, arrivals=Arrivals(7, 7 * 2.0, np.inf, 0.0, np.array([0.7, 0.3, 0.0])))
    new_wins = chances(funnel, open_deals([], []), ["2026-10-01", "2026-10-31"], 5).new_wins
    rates = np.array(CHAIN)
    visits, stay = np.linalg.inv(np.eye(3) - rates[:, :3]), 1 - rates.sum(axis=1)
    within = [visits @ rates[:, 3] + visits * stay @ chain_won_by(n) for n in range(30)]
    expected = 2.0 * np.sum(within, axis=0) @ [0.7, 0.3, 0.0]
    np.testing.assert_allclose(new_wins.sum(axis=(1, 2)), expected, rtol=1e-9)


# --- hazards worth a stated number of exits: draws of the parameters ----------------------------------------

STEPS = 30


def weighted_stage() -> fs.Funnel:
    """Age 0 never left in 100 steps at risk; later ages left 20 times (6 won) in 400 steps at risk."""
    exits = np.array([[0.0, 0, 0], [0, 6, 14]])
    hazards = StageHazards(np.array([0, 1]), exits, np.array([100.0, 400.0]), np.array([0, 0.3, 0.7]))
    return fs.Funnel(fs.Stages.named(["s"]), fs.Clock("day"), (hazards,), arrivals_at(0.0))


# By the specification (model.md, section 2, a = 0.5). Pooled hazard 20/500, so age 0 holds 0.5 exits against
# 100 + 0.5 (1/0.04 - 1) = 112 stays. The bin after it starts from the hazard of the later ages, 20/400, not
# from that of age 0: 20.5 exits, 6.15 of them won, against 400 - 20 + 0.5 (1/0.05 - 1) = 389.5 stays.
WON, LOST, STAYS = 6.15, 14.35, 389.5


def beta_moments(n: int) -> tuple[float, float]:
    """Mean and sd of share x (1 - (1 - h)^n): the share and h of a Dirichlet are independent."""

    def stays(steps: int) -> float:
        return float(np.exp(special.betaln(WON + LOST, STAYS + steps) - special.betaln(WON + LOST, STAYS)))

    share = WON / (WON + LOST)
    share_squared = share * (WON + 1) / (WON + LOST + 1)
    mean = share * (1 - stays(n))
    return mean, np.sqrt(share_squared * (1 - 2 * stays(n) + stays(2 * n)) - mean**2)


def test_draws_of_a_chance_have_the_moments_of_the_posterior() -> None:
    """d: 2.6 % of the chance, 6 % of its spread (sd over mean is 0.29)."""
    n_draws = 2000
    found = chances(weighted_stage(), open_deals([0], [7]), ["2026-10-01", "2026-10-31"], n_draws)
    draws = found.open_deals[:, 0, 0]
    mean, sd = beta_moments(STEPS)
    kurtosis = ((draws - draws.mean()) ** 4).mean() / draws.var() ** 2
    assert_close_in_se(draws.mean(), mean, sd / np.sqrt(n_draws))
    assert_close_in_se(draws.std(ddof=1), sd, sd * np.sqrt((kurtosis - 1) / (4 * n_draws)))


def test_forecast_reports_that_chance_and_its_spread() -> None:
    """Over both periods together. d: 2.6 % of the chance, 7 % of its spread.

    The law of wins is the mixture over draws, wider than binomial.
    """
    n_draws = 2000
    outlook = fs.forecast(
        weighted_stage(),
        open_deals([0] * 50, [3] * 50),
        periods=["2026-10-01", "2026-10-09", "2026-10-31"],
        engine=fs.MonteCarlo(n_futures=20_000, n_draws=n_draws),
        seed=SEED,
    )
    mean, sd = beta_moments(STEPS)
    deals = outlook.by_deal()
    assert_close_in_se(deals["chance"][0], mean, sd / np.sqrt(n_draws))
    assert_close_in_se(deals["chance_sd"][0], sd, sd * np.sqrt(3 / (4 * n_draws)))
    variance = 50 * (mean - mean**2 - sd**2) + 2500 * sd**2  # mean of binomial variances + variance of means
    # The tolerance of a variance over draws that share a chance: 2000 independent groups carry its error.
    by_draw = outlook.window().reshape(n_draws, -1)
    squares = ((by_draw - 50 * mean) ** 2).mean(axis=1)
    assert_close_in_se(squares.mean(), variance, squares.std(ddof=1) / np.sqrt(n_draws))
    assert variance > 1.9 * 50 * mean * (1 - mean)  # so that a forecast without draws would fail


def test_spread_of_a_walked_chance_holds_that_of_the_rates_and_the_luck_of_so_few_futures() -> None:
    """Two futures a draw cannot tell the one from the other; the exact engine knows the first, a binomial the
    second. Alike deals then differ by their luck alone.
    """
    deals, exact = (
        fs.forecast(
            weighted_stage(),
            open_deals([0] * 5, [3] * 5),
            periods=["2026-10-01", "2026-10-31"],
            engine=engine,
            seed=SEED,
        ).by_deal()
        for engine in (fs.Events(n_futures=100, n_draws=50), fs.Exact(n_draws=50))
    )
    luck = deals["chance"] * (1 - deals["chance"]) / 100
    np.testing.assert_allclose(deals["chance_sd"] ** 2, exact["chance_sd"] ** 2 + luck, rtol=1e-9)
    assert (luck > 0.1 * exact["chance_sd"] ** 2).all()  # so that leaving it out would fail


def test_spread_of_a_chance_is_that_of_all_periods_together() -> None:
    """Nobody is lost here: whoever is not won early is won late, so the spreads of the periods cancel.

    d: 9 % of the spread; the spreads of the two periods would add to twice it and more.
    """
    exits, at_risk = np.array([[0.0, 0, 0], [0, 20, 0]]), np.array([100.0, 400.0])
    hazards = (StageHazards(np.array([0, 1]), exits, at_risk, np.array([0, 1.0, 0])),)
    funnel, n_draws = replace(weighted_stage(), hazards=hazards), 2000
    engine = fs.MonteCarlo(n_futures=n_draws, n_draws=n_draws)
    edges = ["2026-10-01", "2026-10-21", "2026-11-30"]  # 20 and 40 days
    deals = fs.forecast(funnel, open_deals([0], [3]), periods=edges, engine=engine, seed=SEED).by_deal()

    def stays(steps: int) -> float:
        return float(np.exp(special.betaln(WON + LOST, STAYS + steps) - special.betaln(WON + LOST, STAYS)))

    sd = np.sqrt(stays(120) - stays(60) ** 2)
    assert_close_in_se(deals["chance"][0], 1 - stays(60), sd / np.sqrt(n_draws))
    kurtosis = 5.0  # of (1 - h)^60, which is skewed; 4.6 by a million draws of h
    assert_close_in_se(deals["chance_sd"][0], sd, sd * np.sqrt((kurtosis - 1) / (4 * n_draws)))


@pytest.mark.parametrize("n_seeds", [120, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.thorough
def test_standard_errors_are_honest(n_seeds: int) -> None:
    """Over independent seeds, (mean - truth) / SE has the sd of Student's t, sqrt(9 / 7) = 1.13.

    A hundred draws make ten independent groups. d: a standard error wrong by a third (4 sqrt(3.2 / 480)), or
    by 18 % with 400 seeds. Errors that take the draws for independent are too large by half and more.
    """
    n_draws, n_deals = 100, 30
    funnel, pipeline = weighted_stage(), open_deals([0] * n_deals, [3] * n_deals)
    share_of_exits = stats.beta(WON, LOST).ppf((np.arange(400) + 0.5) / 400)
    leaves = 1 - stats.beta(STAYS, WON + LOST).ppf((np.arange(400) + 0.5) / 400) ** STEPS
    chance_of_six = stats.binom(n_deals, np.outer(share_of_exits, leaves)).sf(5).mean()
    mean = n_deals * beta_moments(STEPS)[0]
    scores = []
    for seed in range(SEED, SEED + n_seeds):
        outlook = fs.forecast(
            funnel,
            pipeline,
            periods=["2026-10-01", "2026-10-31"],
            target=6,
            measure="wins",
            engine=fs.MonteCarlo(n_futures=1000, n_draws=n_draws),
            seed=seed,
        )
        total, chance = outlook.mean(), outlook.chance()
        scores.append(
            [
                (total.value - mean) / total.standard_error,
                (chance.value - chance_of_six) / chance.standard_error,
            ]
        )
    spread = np.std(scores, axis=0, ddof=1)
    assert 0.3 < chance_of_six < 0.7
    assert (np.abs(spread / np.sqrt(9 / 7) - 1) < 4 * np.sqrt(3.2 / (4 * n_seeds))).all(), spread
