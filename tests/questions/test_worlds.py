"""Simulated histories: the truth they claim to follow, the late start of the log, queues without a server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.questions.worlds import WorldError

SEED = 8
PLAIN = {"segments": False, "season": False, "window_start": None}


def assert_same_records(one: fs.DealHistory, other: fs.DealHistory) -> None:
    pd.testing.assert_frame_equal(one.records.deals, other.records.deals)
    pd.testing.assert_frame_equal(one.records.moves, other.records.moves)


def at_rate(rate_per_day: float, dispersion: float = 0.0) -> fs.Funnel:
    truth = fs.sample_funnel()
    arrivals = Arrivals(7, 7 * rate_per_day, np.inf, dispersion, truth.arrivals.entry_counts)
    return replace(truth, arrivals=arrivals)


# --- seeds and refusals -------------------------------------------------------------------------------------


def test_same_seed_same_records() -> None:
    assert_same_records(fs.simulate_history(SEED), fs.simulate_history(SEED))
    assert_same_records(
        fs.simulate_history(np.random.default_rng(SEED)), fs.simulate_history(np.random.default_rng(SEED))
    )
    assert len(fs.simulate_history(SEED).paths.deal) != len(fs.simulate_history(SEED + 1).paths.deal)
    assert fs.simulate_history(None).n_deals > 0


def test_arrivals_do_not_depend_on_what_deals_are_like() -> None:
    """Streams of their own: with or without segments the same deals arrive on the same days."""
    with_segments = fs.simulate_history(SEED, segments=True, window_start=None)
    without = fs.simulate_history(SEED, segments=False, window_start=None)
    np.testing.assert_array_equal(with_segments.deals["created_at"], without.deals["created_at"])
    assert {"owner", "region", "source", "product"} <= set(with_segments.deals.columns)
    assert not {"owner", "region", "source", "product"} & set(without.deals.columns)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": "2026-01-01", "as_of": "2026-01-01"}, "as_of 2026-01-01 must lie after start 2026-01-01"),
        ({"funnel": at_rate(0.0)}, "no deal arrived"),
    ],
)
def test_worlds_without_deals_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(WorldError, match=said):
        fs.simulate_history(SEED, **settings)


def test_nothing_happens_before_the_start_or_after_the_end() -> None:
    history = fs.simulate_history(SEED, start="2025-02-03", as_of="2025-11-20", window_start="2025-04-01")
    entered = history.records.moves["entered_at"]
    assert entered.min() >= pd.Timestamp("2025-02-03")
    assert entered.max() <= pd.Timestamp("2025-11-20 23:59:59")
    assert entered.max() >= pd.Timestamp("2025-11-19")  # up to the last day, not a step short
    assert not history.issues["level"].isin(["left out", "repaired"]).any()


# --- the late start of the log ------------------------------------------------------------------------------


def test_window_drops_exactly_the_deals_that_ended_before_it() -> None:
    whole = fs.simulate_history(SEED, window_start=None).deals
    opens = whole["closed_at"].dropna().sort_values().iloc[300]  # a day on which a deal ended: it stays in
    cut_history = fs.simulate_history(SEED, window_start=str(opens.date()))
    cut, ended_before = cut_history.deals, whole["closed_at"] < opens
    assert 250 < ended_before.sum() <= 300
    assert (cut["closed_at"] == opens).any()
    pd.testing.assert_frame_equal(cut, whole[~ended_before].reset_index(drop=True))
    assert cut_history.window_start == np.datetime64(opens)
    assert (cut["created_at"] < opens).any()  # those still alive then came from before it


# --- the truth of the records -------------------------------------------------------------------------------


def test_exits_follow_the_hazards_of_the_truth() -> None:
    """Every (stage, band of age, destination) of the sample funnel: exits against stays at risk x hazard.

    d: 4 to 15 % of most hazards, with some 20,000 deals; 63 comparisons share the error rate.
    """
    truth = at_rate(25.0)
    history = fs.simulate_history(SEED, funnel=truth, **PLAIN)
    spells, scores = history.spells, []
    for stage, hazards in enumerate(truth.hazards):
        here = spells.stage == stage
        dwell, target = (spells.exit_step - spells.entry_step)[here], spells.destination[here]
        longest = int(dwell.max()) + 1
        at_risk = np.bincount(dwell, minlength=longest)[::-1].cumsum()[::-1]
        band = np.searchsorted(hazards.first_age, np.arange(longest), side="right") - 1
        for i, row in enumerate(hazards.exits):
            for place in range(len(row)):
                expected = row[place] * at_risk[band == i].sum()
                left = ((target == place) & (band[dwell] == i)).sum()
                if row[place] == 0:
                    assert left == 0
                elif expected > 30:
                    scores.append((left - expected) / np.sqrt(expected * (1 - row[place])))
    assert len(scores) > 60
    assert np.abs(scores).max() < stats.norm.isf(3.2e-5 / len(scores))


@pytest.mark.parametrize(("step", "start"), [("week", "1990-01-01"), ("month", "1926-01-01")])
def test_other_clocks_count_the_same_truth_in_their_own_steps(step: str, start: str) -> None:
    """Constant hazards a step, watched to the very last step. d: 2 to 4 % of a hazard."""
    hazards = np.array([[0, 0.03, 0.05]] * 2)
    truth = fs.Funnel(
        fs.Stages.named(["deal"]),
        fs.Clock(step),
        (StageHazards(np.array([0, 1]), hazards, np.ones(2), np.array([0, 0.375, 0.625]), True),),
        Arrivals(1, 40.0, np.inf, 0.0, np.array([1.0])),
    )
    history = fs.simulate_history(SEED, funnel=truth, start=start, as_of="2026-03-31", **PLAIN)
    spells = history.spells
    at_risk = (spells.exit_step - spells.entry_step + 1).sum()
    for place, chance in ((1, 0.03), (2, 0.05)):
        exits = (spells.destination == place).sum()
        assert abs(exits - chance * at_risk) < 4 * np.sqrt(chance * (1 - chance) * at_risk)
    assert spells.entry_step.max() == history.cutoff_step  # forty deals come a step, as many go
    assert spells.exit_step[spells.destination >= 0].max() == history.cutoff_step


def test_amounts_and_entry_stages_have_the_shares_of_the_truth() -> None:
    """d: 1.3 points of an entry share, 0.6 points of missing amounts, 1.7 % of the mean amount."""
    truth = at_rate(25.0)
    history = fs.simulate_history(SEED, funnel=truth, missing_amounts=0.05, **PLAIN)
    n_deals = history.n_deals
    first = history.paths.keep(history.paths.is_first)
    shares = np.bincount(first.place, minlength=7) / n_deals
    assert shares[2:].sum() == 0
    assert abs(shares[0] - 0.9) < 4 * np.sqrt(0.09 / n_deals)
    amount = history.deals["amount"]
    assert abs(amount.isna().mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / n_deals)
    points = truth.amounts.points
    assert abs(amount.mean() - points.mean()) < 4 * points.std() / np.sqrt(amount.notna().sum())
    known = amount.dropna().to_numpy()
    assert np.isin(known, points).all()
    counts = np.bincount(np.searchsorted(np.unique(points), known))
    expected = np.unique(points, return_counts=True)[1] / 200 * len(known)
    assert stats.chisquare(counts, expected).pvalue > 6e-5


def test_weekly_arrivals_are_overdispersed_as_stated() -> None:
    """Variance of a week's count = m + phi m^2. d: 4 % of the mean, 20 % of the variance."""
    rate, dispersion, n_weeks = 5.0, 0.06, 1000
    last = np.datetime64("2001-01-01") + (7 * n_weeks - 1)
    history = fs.simulate_history(
        SEED, funnel=at_rate(rate, dispersion), start="2001-01-01", as_of=str(last), **PLAIN
    )
    day = (history.deals["created_at"].to_numpy("datetime64[D]") - np.datetime64("2001-01-01")).astype(int)
    counts = np.bincount(day // 7, minlength=n_weeks)
    mean, variance = 7 * rate, 7 * rate + dispersion * (7 * rate) ** 2
    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / n_weeks)
    excess = 6 * dispersion + 1 / variance  # of the negative binomial
    assert abs(counts.var(ddof=1) - variance) < 4 * variance * np.sqrt((2 + excess) / n_weeks)


@pytest.mark.parametrize("season", [True, False])
def test_season_moves_months_and_averages_out(season: bool) -> None:
    """Eight whole years at 20 a day. d: 2 % of the yearly rate, 7 % of a month's."""
    history = fs.simulate_history(
        SEED,
        funnel=at_rate(20.0),
        start="2009-01-01",
        as_of="2016-12-31",
        segments=False,
        season=season,
        window_start=None,
    )
    months = history.deals["created_at"].dt.month.value_counts().sort_index().to_numpy()
    days = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) * 8
    factor = months / (20.0 * days)
    error = 1 / np.sqrt(20.0 * days)
    assert abs(factor.mean() - 1) < 4 * np.sqrt((error**2).sum()) / 12
    if season:
        assert factor.min() < 0.85
        assert factor.max() > 1.15
        assert abs(months.sum() / (20.0 * days.sum()) - 1) < 0.02
    else:
        assert (np.abs(factor - 1) < stats.norm.isf(3.2e-5 / 12) * error).all()


def test_segments_move_odds_and_amounts_in_the_direction_stated() -> None:
    """Referrals above web above outbound, later reps above earlier ones, North above South; products differ
    in amount (0.8 to 1.2) and in nothing else. Signs at 4 standard errors with 30,000 deals."""
    deals = fs.simulate_history(SEED, funnel=at_rate(60.0), season=False, window_start=None).deals
    closed = deals[deals["outcome"] != "open"].assign(won=lambda frame: frame["outcome"] == "won")

    def gap(column: str, better: str, worse: str) -> float:
        won = [closed.loc[closed[column] == value, "won"] for value in (better, worse)]
        variance = sum(part.mean() * (1 - part.mean()) / len(part) for part in won)
        return float((won[0].mean() - won[1].mean()) / np.sqrt(variance))

    assert gap("source", "referral", "web") > 4
    assert gap("source", "web", "outbound") > 4
    assert gap("owner", "rep 8", "rep 1") > 4
    assert gap("region", "North", "South") > 4
    assert abs(gap("product", "Core", "Plus")) < 4
    amount = deals.groupby("product")["amount"].agg(["mean", "sem"])
    truth = fs.sample_funnel().amounts.mean
    assert abs(amount.loc["Plus", "mean"] / truth - 1.2) < 4 * amount.loc["Plus", "sem"] / truth
    assert abs(amount.loc["Core", "mean"] / truth - 0.8) < 4 * amount.loc["Core", "sem"] / truth


# --- queues without a server --------------------------------------------------------------------------------

RATE, FIRST_AGE, LEAVE = 2.0, np.array([0, 1, 5, 12]), np.array([0.1, 0.2, 0.05, 1.0])
LONGEST = 12  # nobody stays longer, so that days more than 12 apart are independent


@pytest.fixture(scope="module")
def long_run() -> fs.DealHistory:
    """A century of arrivals at two a day; every deal leaves within 12 days."""
    hazards = np.outer(LEAVE, [0, 0.25, 0.75])
    funnel = fs.Funnel(
        fs.Stages.named(["deal"]),
        fs.Clock("day"),
        (StageHazards(FIRST_AGE, hazards, np.ones(4), np.array([0, 0.25, 0.75]), is_certain=True),),
        Arrivals(7, 7 * RATE, np.inf, 0.0, np.array([1.0])),
        Amounts(np.array([100.0]), np.ones(1), is_certain=True),
    )
    return fs.simulate_history(SEED, funnel=funnel, start="1970-01-01", as_of="2069-12-31", **PLAIN)


def mean_dwell() -> float:
    """Sum over k of the chance to be still there after age k: 0.9 x (1 + 0.8 + ... ), then 0.95 a day."""
    still_there, total = 0.9, 0.0
    for age in range(LONGEST):
        if age > 0:
            still_there *= 0.8 if age < 5 else 0.95
        total += still_there
    return total


def open_at(history: fs.DealHistory, steps: np.ndarray) -> np.ndarray:
    """Deals open at the end of each step."""
    spells = history.spells
    exits = np.sort(spells.exit_step[spells.destination >= 0])
    return np.searchsorted(np.sort(spells.entry_step), steps, side="right") - np.searchsorted(
        exits, steps, side="right"
    )


def test_open_deals_of_a_long_run_are_poisson(long_run: fs.DealHistory) -> None:
    """Poisson with mean rate x mean dwell, whatever the dwell. d: 2 % of the mean, 11 % of the variance."""
    days = np.arange(50, long_run.cutoff_step, LONGEST + 1)
    counts, mean = open_at(long_run, days), RATE * mean_dwell()
    assert len(counts) > 2700
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / len(counts))
    assert abs(counts.var(ddof=1) - mean) < 4 * mean * np.sqrt((2 + 1 / mean) / len(counts))
    values = np.arange(counts.max() + 1)
    gap = np.abs((counts[:, None] <= values).mean(axis=0) - stats.poisson(mean).cdf(values)).max()
    assert gap < np.sqrt(np.log(2 / 1e-6) / (2 * len(counts)))


def test_the_pipeline_is_what_is_open_at_the_cutoff(long_run: fs.DealHistory) -> None:
    assert long_run.pipeline().n_deals == open_at(long_run, np.array([long_run.cutoff_step]))[0]
    is_open = long_run.deals[long_run.deals["outcome"] == "open"]
    days = (pd.Timestamp("2069-12-31") - is_open["entered_at"]).dt.days
    np.testing.assert_array_equal(long_run.pipeline().age_steps, days)


def test_littles_law_holds_for_the_fitted_funnel(long_run: fs.DealHistory) -> None:
    """Rate x mean dwell, both as fitted, is the mean number open. d: 15 % (the rate is that of one year)."""
    funnel = fs.fit(long_run)
    incidence = funnel.incidence("deal", LONGEST + 1).sum(axis=1)
    dwell = (1 - incidence).sum()
    assert dwell == pytest.approx(mean_dwell(), rel=0.03)  # ages 11 and 12 may share a bin
    rate = funnel.arrivals.mean_per_block / funnel.arrivals.block_steps
    mean_open = open_at(long_run, np.arange(50, long_run.cutoff_step)).mean()
    assert abs(rate * dwell / mean_open - 1) < 4 / np.sqrt(364 * RATE)


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        (fs.Yield(1.2), "on amounts"),
        (fs.Speed(1.2), "on speed"),
        (fs.Subset(fs.Volume(1.2), "region", ("North",)), "classes cannot be simulated"),
    ],
)
def test_levers_that_a_whole_history_cannot_show_are_refused(lever: fs.Lever, said: str) -> None:
    funnel = fs.fit(fs.simulate_history(), classes="region", level_period=None, calendar=False)
    if not isinstance(lever, fs.Subset):
        funnel = replace(funnel, classes=None)
    with pytest.raises(fs.FunnelsimError, match=said):
        fs.simulate_history(funnel=lever.apply(funnel))
