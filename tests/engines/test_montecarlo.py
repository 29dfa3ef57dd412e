"""Moments of the drawn futures against formulas, and pipelines at the edge of what is possible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.chances import Positions, batch_chances
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import ForecastError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

SEED = 23
DAY = fs.Clock("day")
WIN, LOSE = 0.02, 0.03
AMOUNTS = Amounts(np.array([0.0, 4.0, 10.0, 60.0]), np.array([1.0, 4.0, 4.0, 1.0]) / 6, is_certain=True)
AMOUNTS_MEAN = (0 + 16 + 40 + 60) / 10
AMOUNTS_SQUARE = (0 + 64 + 400 + 3600) / 10


def won_within(steps: object) -> np.ndarray:
    """Chance of a deal open now to be won within so many steps, at a constant hazard."""
    return WIN / (WIN + LOSE) * (1 - (1 - WIN - LOSE) ** np.maximum(np.asarray(steps, dtype=float), 0))


def constant_funnel(rate_per_day: float = 0.0, dispersion: float = 0.0, has_money: bool = True) -> fs.Funnel:
    """One stage, hazards the same at every age, all parameters certain."""
    hazards = np.array([[0, WIN, LOSE], [0, WIN, LOSE]])
    return fs.Funnel(
        fs.Stages.named(["s"]),
        DAY,
        (StageHazards(np.array([0, 1]), hazards, np.ones(2), np.array([0, 0.4, 0.6]), is_certain=True),),
        Arrivals(7, 7 * rate_per_day, np.inf, dispersion, np.array([1.0])),
        AMOUNTS if has_money else None,
        unit="EUR",
    )


def pipeline_of(
    amount: object, stage: object = None, age: object = None, cutoff: str = "2026-09-30", **won: object
) -> fs.Pipeline:
    amount = np.array(amount, dtype=float)
    n = len(amount)
    return fs.Pipeline(
        clock=DAY,
        cutoff_step=int(DAY.step_of(cutoff)),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, np.int64) if stage is None else np.array(stage, np.int64),
        age_steps=np.arange(n) % 50 if age is None else np.array(age, np.int64),
        amount=amount,
        won_step=DAY.step_of(np.array(won.get("won_on", []), dtype="datetime64[D]")),
        won_amount=np.array(won.get("won_amount", []), dtype=float),
    )


def run(
    funnel: fs.Funnel,
    pipeline: fs.Pipeline,
    periods: object,
    n_futures: int = 20_000,
    n_draws: int = 2,
    target: float | None = None,
) -> fs.Forecast:
    engine = fs.MonteCarlo(n_futures=n_futures, n_draws=n_draws)
    measure = None if funnel.amounts else "wins"
    return fs.forecast(
        funnel, pipeline, periods=periods, engine=engine, seed=SEED, target=target, measure=measure
    )


def assert_means(draws: np.ndarray, expected: object, sd: object = None) -> None:
    """Every column's mean within 4 standard errors; the error rate is shared among the columns."""
    draws = draws.reshape(len(draws), -1)
    expected = np.asarray(expected, dtype=float).reshape(-1)
    error = (draws.std(axis=0, ddof=1) if sd is None else np.asarray(sd)) / np.sqrt(len(draws))
    gap = np.abs(draws.mean(axis=0) - expected) / error
    assert gap.max() < stats.norm.isf(3.2e-5 / len(expected)), f"{gap.max():.1f} standard errors: {gap}"


# --- all moments of wins and bookings of open and new deals, over all periods, jointly ----------------------


def uncertain_funnel() -> fs.Funnel:
    """Two stages, hazards worth few exits, arrivals over-dispersed with an uncertain rate, few wins."""
    first_age = np.array([0, 1, 11])
    at_risk = np.array([60.0, 500.0, 200.0])
    exits = (
        np.array([[0, 3.0, 0, 2], [0, 12, 1, 9], [0, 1, 0, 2]]),
        np.array([[0, 0, 2.0, 1], [1, 0, 9, 7], [0, 0, 2, 3]]),
    )
    hazards = tuple(StageHazards(first_age, e, at_risk, e.sum(axis=0) / e.sum()) for e in exits)
    return fs.Funnel(
        fs.Stages.named(["a", "b"]),
        DAY,
        hazards,
        Arrivals(7, 6.0, 9.0, 0.25, np.array([5.0, 2.0])),
        Amounts(np.array([0.0, 4.0, 10.0, 60.0]), np.array([1.0, 4.0, 4.0, 1.0])),
    )


N_DRAWS, N_FUTURES = 40, 40_000
EDGES = ["2026-10-01", "2026-10-20", "2026-12-01", "2027-02-01"]


@pytest.fixture(scope="module")
def mixed_pipeline() -> fs.Pipeline:
    """Known, missing and zero amounts, young and very old deals, one larger than all others together."""
    amount = [3.0, 0.0, np.nan, 12.5, np.nan, 7.0, 60.0, 0.0, np.nan, 20.0, 5.0, np.nan]
    return pipeline_of(amount, stage=[0, 1] * 6, age=[0, 3, 8, 30, 1, 0, 5, 400, 2, 11, 10, 9])


@pytest.fixture(scope="module")
def mixed_outlook(mixed_pipeline: fs.Pipeline) -> fs.Forecast:
    return run(uncertain_funnel(), mixed_pipeline, EDGES, N_FUTURES, N_DRAWS)


def moments_given_draw(
    chance: np.ndarray, amount: np.ndarray, new_wins: np.ndarray, shares: np.ndarray, dispersion: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (open wins, open bookings, new wins, new bookings) x periods, given the draw.

    A deal won in period p adds (1, a) there and nothing elsewhere. New wins are compound Poisson with means
    that swing together within a block of arrivals.
    """
    n_periods = chance.shape[1]
    points = np.array([0.0, 4.0, 10.0, 60.0])
    mu, square = float(shares @ points), float(shares @ points**2)
    mean, cov = np.zeros(4 * n_periods), np.zeros((4 * n_periods, 4 * n_periods))
    for deal, listed in enumerate(amount):
        a, a2 = (mu, square) if np.isnan(listed) else (listed, listed**2)
        first = np.kron([1.0, a], chance[deal])
        second = np.kron(np.array([[1.0, a], [a, a2]]), np.diag(chance[deal]))
        mean[: 2 * n_periods] += first
        cov[: 2 * n_periods, : 2 * n_periods] += second - np.outer(first, first)
    total = new_wins.sum(axis=0)
    mean[2 * n_periods :] = np.kron([1.0, mu], total)
    new = np.kron(np.array([[1.0, mu], [mu, square]]), np.diag(total))
    for block in new_wins:
        swing = np.kron([1.0, mu], block)
        new += dispersion * np.outer(swing, swing)
    cov[2 * n_periods :, 2 * n_periods :] = new
    return mean, cov


def test_all_first_and_second_moments_are_those_of_the_chances(
    mixed_pipeline: fs.Pipeline, mixed_outlook: fs.Forecast
) -> None:
    """Law of total variance over the very draws the engine took: 12 means, 78 (co)variances.

    d: 3 % of the mean wins, 8 % of a variance of wins, a correlation of 0.03.
    """
    funnel, streams = uncertain_funnel(), Streams(SEED)
    periods = fs.Periods.parse(EDGES, DAY, mixed_pipeline.cutoff_step)
    positions = Positions.of(funnel, mixed_pipeline)
    chances = batch_chances(funnel, positions, periods, streams, range(N_DRAWS))
    given = [
        moments_given_draw(
            chances.open_deals[b][positions.of_deal],
            mixed_pipeline.amount,
            chances.new_wins[b],
            funnel.amount_draw(streams, b),
            0.25,
        )
        for b in range(N_DRAWS)
    ]
    means, covs = np.array([m for m, _ in given]), np.array([c for _, c in given])
    mean = means.mean(axis=0)
    expected = covs.mean(axis=0) + (means - mean).T @ (means - mean) / N_DRAWS

    o = mixed_outlook
    columns = np.hstack(
        [o.outcome.open_wins, o.outcome.open_bookings, o.outcome.new_wins, o.outcome.new_bookings]
    )
    assert_means(columns, mean, np.sqrt(np.diagonal(covs.mean(axis=0))))
    gap = columns - mean
    upper = np.triu_indices(len(mean))
    products = (gap[:, upper[0]] * gap[:, upper[1]]).reshape(N_DRAWS, -1, len(upper[0]))
    error = np.sqrt(products.var(axis=1, ddof=1).mean(axis=0) / N_FUTURES)
    scores = (products.mean(axis=(0, 1)) - expected[upper]) / error
    assert np.abs(scores).max() < stats.norm.isf(3.2e-5 / len(scores)), np.round(scores, 1)
    # Negative control: without the variance between draws the agreement must break.
    only_within = (products.mean(axis=(0, 1)) - covs.mean(axis=0)[upper]) / error
    assert np.abs(only_within).max() > 10


def test_the_drawn_rate_of_arrivals_is_as_uncertain_as_stated() -> None:
    """Gamma with mean 6 a block and variance 6 / 9; shares of entry stages Dirichlet(5, 2).

    d: 0.9 % of the rate, 9 % of its variance, one point of a share, 9 % of its variance.
    """
    funnel, n_draws = uncertain_funnel(), 4000
    drawn = [funnel.arrival_draw(Streams(SEED), b) for b in range(n_draws)]
    per_block, first_share = np.array([7 * rate for rate, _ in drawn]), np.array([s[0] for _, s in drawn])
    assert_means(per_block, 6.0, np.sqrt(6 / 9))
    share_variance = 5 / 7 * 2 / 7 / 8
    assert_means(first_share, 5 / 7, np.sqrt(share_variance))
    assert_means((first_share - 5 / 7) ** 2, share_variance)
    shape = 6.0 * 9
    variance_error = 6 / 9 * np.sqrt((2 + 6 / shape) / n_draws)
    assert abs(per_block.var(ddof=1) - 6 / 9) < 4 * variance_error


def test_the_drawn_mean_amount_is_as_uncertain_as_its_ten_wins() -> None:
    """Bayesian bootstrap: mean m and variance (sum w (a - m)^2 / W) / (W + 1). d: 1.9 % and 14 %."""
    funnel, n_draws = uncertain_funnel(), 4000
    points, weights = np.array([0.0, 4.0, 10.0, 60.0]), np.array([0.1, 0.4, 0.4, 0.1])
    drawn = np.array([funnel.amount_draw(Streams(SEED), b) @ points for b in range(n_draws)])
    mean = weights @ points
    variance = weights @ (points - mean) ** 2 / 11
    assert_means(drawn, mean, np.sqrt(variance))
    assert_means((drawn - mean) ** 2, variance)


# --- joint over periods -------------------------------------------------------------------------------------


def test_a_deal_is_won_at_most_once() -> None:
    outlook = run(constant_funnel(), pipeline_of([5.0]), "13W", 5000)
    assert set(np.unique(outlook.outcome.open_wins.sum(axis=1))) == {0, 1}
    many = run(constant_funnel(), pipeline_of([5.0] * 7), "24M", 2000)
    assert many.outcome.open_wins.sum(axis=1).max() <= 7


def test_periods_of_open_deals_are_negatively_correlated_by_the_formula() -> None:
    """cov = -n p1 p2, because a deal won early cannot be won late. d: a tenth of the covariance."""
    n_deals = 30
    outlook = run(constant_funnel(), pipeline_of([5.0] * n_deals), ["2026-10-01", "2026-10-21", "2026-12-01"])
    first, second = float(won_within(20)), float(won_within(61) - won_within(20))
    wins = outlook.outcome.open_wins - n_deals * np.array([first, second])
    expected = -n_deals * first * second
    assert expected < -0.9
    assert_means(wins.prod(axis=1), expected)
    with pytest.raises(AssertionError):  # periods drawn independently
        assert_means(wins.prod(axis=1), 0.0)


def expected_new_wins(rate: float, edges: list[int], n_days: int) -> np.ndarray:
    """Expected wins by day of arrival and period; days and edges counted from the cutoff."""
    day = np.arange(1, n_days + 1)[:, None]
    by_edge = np.where(np.array(edges) >= day, won_within(np.array(edges) - day + 1), 0.0)
    return rate * np.diff(by_edge, axis=1)


def test_overdispersed_arrivals_widen_and_correlate_periods_by_the_formula() -> None:
    """Wins of one block share its swing: var = mean + phi sum e^2, cov = phi sum e1 e2 over blocks of 7 days.

    d: 4.5 % of a variance, 6 % of the covariance (without the swing it is 0).
    """
    dispersion, rate = 0.4, 3.0
    outlook = run(
        constant_funnel(rate, dispersion), pipeline_of([]), ["2026-10-01", "2026-10-18", "2026-12-01"], 40_000
    )
    by_day = expected_new_wins(rate, [0, 17, 61], 61)
    by_block = np.add.reduceat(by_day, np.arange(0, 61, 7), axis=0)
    mean = by_day.sum(axis=0)
    cov = np.diag(mean) + dispersion * by_block.T @ by_block
    gap = outlook.outcome.new_wins - mean
    assert_means(outlook.outcome.new_wins, mean, np.sqrt(np.diagonal(cov)))
    products = np.stack([gap[:, 0] ** 2, gap[:, 1] ** 2, gap[:, 0] * gap[:, 1]], axis=1)
    assert_means(products, [cov[0, 0], cov[1, 1], cov[0, 1]])
    assert cov[0, 1] > 0.15 * np.sqrt(cov[0, 0] * cov[1, 1])
    with pytest.raises(AssertionError):  # each period with swings of its own
        assert_means(products[:, 2], 0.0)


def test_new_bookings_are_a_compound_poisson_sum() -> None:
    """Mean = m E(a), variance = m E(a^2), amounts of one future independent. d: 1.6 % and 6 %."""
    outlook = run(constant_funnel(2.0), pipeline_of([]), ["2026-10-01", "2026-11-30"])
    wins = float(expected_new_wins(2.0, [0, 60], 60).sum())
    mean, variance = wins * AMOUNTS_MEAN, wins * AMOUNTS_SQUARE
    bookings = outlook.outcome.new_bookings[:, 0]
    assert_means(bookings, mean, np.sqrt(variance))
    assert_means((bookings - mean) ** 2, variance)


# --- what is already realised in the running period ---------------------------------------------------------


def test_the_running_period_starts_from_its_realised_wins() -> None:
    pipeline = pipeline_of(
        [10.0] * 5,
        cutoff="2026-08-14",
        won_on=["2026-06-30", "2026-07-01", "2026-08-10", "2026-08-14", "2026-01-15"],
        won_amount=[1000.0, 20.0, np.nan, 0.0, 4000.0],
    )
    outlook = run(constant_funnel(), pipeline, "2Q")
    assert outlook.periods.labels == ("2026-Q3", "2026-Q4")
    assert outlook.realised_wins == 3  # 1 July counts, 30 June does not, the day of the cutoff does
    assert outlook.realised_bookings == pytest.approx(20.0 + AMOUNTS_MEAN)
    later = float(won_within(47))  # 15 August to 30 September
    assert_means(outlook.draws("wins")[:, 0], 3 + 5 * later, np.sqrt(5 * later * (1 - later)))
    assert outlook.draws("wins")[:, 0].min() == 3
    assert_means(
        outlook.draws("bookings")[:, 0],
        20 + AMOUNTS_MEAN + 50 * later,
        10 * np.sqrt(5 * later * (1 - later)),
    )
    np.testing.assert_array_equal(outlook.draws("bookings")[:, 1], outlook.outcome.open_bookings[:, 1])
    assert outlook.table()["realised"].tolist() == [outlook.realised_bookings, 0.0, outlook.realised_bookings]
    assert any("1 wins of the running period have no amount" in note for note in outlook.notes)


def test_a_first_period_after_the_cutoff_has_nothing_realised_and_misses_the_wins_before_it() -> None:
    """Wins between the cutoff and the first edge belong to no period. d: 2.5 points of the chance."""
    pipeline = pipeline_of([1.0] * 50, won_on=["2026-09-30"], won_amount=[9.0])
    outlook = run(constant_funnel(1.0), pipeline, ["2026-11-01", "2026-12-01", "2027-01-01"])
    assert outlook.realised_wins == 0
    chance = np.diff(won_within([31, 61, 92]))
    assert_means(outlook.outcome.open_wins, 50 * chance, np.sqrt(50 * chance * (1 - chance)))
    new = expected_new_wins(1.0, [31, 61, 92], 92).sum(axis=0)
    assert_means(outlook.outcome.new_wins, new, np.sqrt(new))


# --- pipelines and periods at the edge ----------------------------------------------------------------------


def assert_tables_are_whole(outlook: fs.Forecast) -> None:
    for frame in (outlook.table(), outlook.by_deal(), outlook.by_stage()):
        assert not frame.isna().any(axis=None), frame


def test_no_open_deals() -> None:
    outlook = run(constant_funnel(1.0), pipeline_of([]), "2Q", 2000)
    assert outlook.outcome.open_wins.sum() == 0
    assert outlook.outcome.open_bookings.sum() == 0
    assert len(outlook.by_deal()) == 0
    new = expected_new_wins(1.0, [0, 92, 182], 182).sum(axis=0)
    assert_means(outlook.outcome.new_wins, new, np.sqrt(new))
    assert_tables_are_whole(outlook)


def test_no_arrivals() -> None:
    outlook = run(constant_funnel(0.0), pipeline_of([3.0] * 4), "2Q", 2000)
    assert outlook.outcome.new_wins.sum() == 0
    assert outlook.outcome.new_bookings.sum() == 0
    assert_tables_are_whole(outlook)


def test_neither_open_deals_nor_arrivals_gives_nothing_for_certain() -> None:
    outlook = run(constant_funnel(0.0), pipeline_of([]), "2Q", 200, target=1.0)
    assert outlook.draws().sum() == 0
    assert outlook.chance().value == 0
    assert_tables_are_whole(outlook)


def test_one_deal_worth_more_than_all_others_makes_two_humps() -> None:
    """d: 1.4 points of the chance that the giant comes in; the two humps do not overlap."""
    outlook = run(constant_funnel(), pipeline_of([1e9] + [1e3] * 30), "1Q", target=1e9)
    chance = float(won_within(92))
    hits = int((outlook.window() >= 1e9).sum())
    assert stats.binomtest(hits, outlook.n_futures, chance).pvalue > 6e-5
    assert outlook.chance().value == pytest.approx(hits / outlook.n_futures)
    total = outlook.window()
    assert not ((total > 30e3) & (total < 1e9)).any()
    assert (outlook.outcome.open_wins[:, 0] == np.round((total % 1e9) / 1e3) + (total >= 1e9)).all()
    deals = outlook.by_deal()
    assert deals["deal_id"][0] == "D0"
    np.testing.assert_allclose(deals["expected"][0], 1e9 * chance, rtol=1e-9)


def test_amounts_of_zero_count_as_wins_and_book_nothing() -> None:
    """An amount of 0 is known, a missing one is drawn: the two must differ. d: 2 % of the mean bookings."""
    chance = float(won_within(92))
    zero = run(constant_funnel(), pipeline_of([0.0] * 25), "1Q")
    assert zero.outcome.open_bookings.sum() == 0
    assert_means(zero.outcome.open_wins, 25 * chance, np.sqrt(25 * chance * (1 - chance)))
    missing = run(constant_funnel(), pipeline_of([np.nan] * 25), "1Q")
    variance = 25 * (chance * AMOUNTS_SQUARE - (chance * AMOUNTS_MEAN) ** 2)
    assert_means(missing.outcome.open_bookings, 25 * chance * AMOUNTS_MEAN, np.sqrt(variance))
    assert_means((missing.outcome.open_bookings - 25 * chance * AMOUNTS_MEAN) ** 2, variance)  # d: 6 %
    assert missing.by_deal()["amount_is_imputed"].all()
    assert not zero.by_deal()["amount_is_imputed"].any()


def test_a_period_of_one_day() -> None:
    """d: 0.2 points of a daily chance of 2 %."""
    outlook = run(constant_funnel(5.0), pipeline_of([2.0] * 40), ["2026-10-01", "2026-10-02"])
    assert_means(outlook.outcome.open_wins, 40 * WIN, np.sqrt(40 * WIN * (1 - WIN)))
    assert_means(outlook.outcome.new_wins, 5 * WIN, np.sqrt(5 * WIN))  # arrived and won on the same day
    assert len(outlook.table()) == 2
    assert_tables_are_whole(outlook)


def test_a_hundred_and_twenty_months() -> None:
    """Ten years ahead every month must hold its own mean, the number of its days included. d: 7 %."""
    outlook = run(constant_funnel(1.0), pipeline_of([2.0] * 20), "120M", 2000)
    assert len(outlook.periods) == 120
    months = np.arange("2026-10", "2036-11", dtype="datetime64[M]").astype("datetime64[D]")
    edges = [int(n) for n in (months - months[0]).astype(int)]
    new = expected_new_wins(1.0, edges, edges[-1]).sum(axis=0)
    assert_means(outlook.outcome.new_wins, new, np.sqrt(new))
    assert outlook.outcome.open_wins[:, 24:].sum() == 0  # 0.95 ** 700 is nothing
    assert not outlook.table().isna().any(axis=None)


def test_without_amounts_only_wins_are_forecast() -> None:
    outlook = run(constant_funnel(1.0, has_money=False), pipeline_of([np.nan, 3.0]), "2Q", 500, target=3)
    assert outlook.measure == "wins"
    assert any("only the number of wins is forecast" in note for note in outlook.notes)
    np.testing.assert_array_equal(outlook.draws(), outlook.outcome.open_wins + outlook.outcome.new_wins)
    assert_tables_are_whole(outlook)
    with pytest.raises(ForecastError, match="measure='wins'"):
        outlook.draws("bookings")


def test_a_pipeline_of_another_clock_is_refused() -> None:
    pipeline = pipeline_of([1.0])
    weekly = fs.Pipeline(
        fs.Clock("week"),
        pipeline.cutoff_step,
        pipeline.deal_ids,
        pipeline.stage,
        pipeline.age_steps,
        pipeline.amount,
        pipeline.won_step,
        pipeline.won_amount,
    )
    with pytest.raises(EngineError, match=r"days.*weeks"):
        run(constant_funnel(), weekly, "13W")


# --- what is shown adds up ----------------------------------------------------------------------------------


def test_deals_and_stages_add_to_the_mean_of_open_deals(
    mixed_pipeline: fs.Pipeline, mixed_outlook: fs.Forecast
) -> None:
    deals, stages = mixed_outlook.by_deal(), mixed_outlook.by_stage()
    np.testing.assert_allclose(
        deals["chance"], deals.filter(like="chance in ").sum(axis=1), rtol=1e-12, atol=1e-15
    )
    assert stages["n_deals"].sum() == mixed_pipeline.n_deals
    np.testing.assert_allclose(stages["expected_wins"].sum(), deals["chance"].sum(), rtol=1e-12)
    np.testing.assert_allclose(stages["expected_bookings"].sum(), deals["expected"].sum(), rtol=1e-12)
    np.testing.assert_allclose(stages["amount"].sum(), deals["amount"].sum(), rtol=1e-12)
    table = mixed_outlook.table()
    np.testing.assert_allclose(table["mean"], table[["realised", "open_deals", "new_deals"]].sum(axis=1))
    np.testing.assert_allclose(table["mean"].iloc[:-1].sum(), table["mean"].iloc[-1])


def test_futures_of_open_deals_have_the_mean_of_the_chances_shown(mixed_pipeline: fs.Pipeline) -> None:
    """Chances are shown without simulation noise; futures agree. d: 2 % of the wins, 4 % of the money."""
    amount = np.nan_to_num(mixed_pipeline.amount, nan=6.0)
    pipeline = replace(mixed_pipeline, amount=amount)
    outlook = run(uncertain_funnel(), pipeline, EDGES, N_FUTURES, N_DRAWS)
    deals = outlook.by_deal()
    by_period = deals.filter(like="chance in ")
    for futures, expected in (
        (outlook.outcome.open_wins, by_period.sum()),
        (outlook.outcome.open_bookings, by_period.mul(deals["amount"], axis=0).sum()),
    ):
        within = futures.reshape(N_DRAWS, -1, 3).var(axis=1, ddof=1).mean(axis=0)
        assert_means(futures, expected, np.sqrt(within))


def test_quantiles_of_a_known_law_are_within_the_error_of_their_futures() -> None:
    """At most a share q of a binomial law lies below its q-quantile, at least q at or below it."""
    outlook = run(constant_funnel(), pipeline_of([1.0] * 60), "1Q")
    law = stats.binom(60, float(won_within(92)))
    for share in (0.1, 0.5, 0.9):
        found = float(outlook.quantile(share))
        slack = 4 * np.sqrt(share * (1 - share) / outlook.n_futures)
        assert law.cdf(found) >= share - slack
        assert law.cdf(found - 1) <= share + slack


@pytest.mark.parametrize(("n_futures", "n_draws"), [(100, 1), (10, 25)])
def test_too_few_draws_or_futures_are_refused(n_futures: int, n_draws: int) -> None:
    with pytest.raises(EngineError, match=str(n_futures)):
        fs.MonteCarlo(n_futures=n_futures, n_draws=n_draws)


def test_futures_are_rounded_up_to_a_whole_number_for_each_draw() -> None:
    outlook = run(constant_funnel(), pipeline_of([1.0]), "1Q", 101, 25)
    assert outlook.n_futures == 125


def test_a_target_of_wins_must_be_said_to_be_one() -> None:
    """An amount held against a number of wins answers nothing, and nobody would see it."""
    funnel, pipeline = constant_funnel(has_money=False), pipeline_of([np.nan])
    for target, measure in ((5e6, None), (None, "bookings"), (3, "bookings")):
        with pytest.raises(ForecastError, match="no won deal has an amount"):
            fs.forecast(funnel, pipeline, target=target, measure=measure, engine=fs.MonteCarlo(200, 10))
    with pytest.raises(ForecastError, match="'money' is unknown"):
        fs.forecast(funnel, pipeline, measure="money")


def test_wins_can_be_forecast_where_there_are_amounts() -> None:
    funnel, pipeline = constant_funnel(), pipeline_of([1e3] * 30)
    engine = fs.MonteCarlo(200, 10)
    outlook = fs.forecast(funnel, pipeline, target=4, measure="wins", engine=engine)
    assert outlook.measure == "wins"
    assert outlook.chance().value == (outlook.window(measure="wins") >= 4).mean()
    bookings = fs.forecast(funnel, pipeline, target=4e3, engine=engine)
    np.testing.assert_array_equal(bookings.draws("wins"), outlook.draws())


@pytest.mark.parametrize("per_draw", [1, 2, 5])
@pytest.mark.thorough
def test_the_error_of_simulating_is_that_of_a_share_of_independent_futures(per_draw: int) -> None:
    """With certain parameters sqrt(p (1 - p) / n), however few futures a draw has. d: a tenth of it."""
    n_draws, chance = 4_000, float(won_within(92))
    outlook = run(constant_funnel(), pipeline_of([1.0]), "1Q", n_draws * per_draw, n_draws)
    found = outlook.law().engine_error(1.0)
    assert found == pytest.approx(np.sqrt(chance * (1 - chance) / n_draws / per_draw), rel=0.05)
