"""Drift: the expectation of the fit, moves found where they were made, stationary histories left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.fitting import fit as fitting
from funnelsim.fitting.pace import Timed, fit_pace
from funnelsim.fitting.tally import Tally, count_by_step
from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.numerics.by_time import sum_by_block
from funnelsim.numerics.calendar import Factors
from funnelsim.questions.drift import STAYED, Drift, DriftError
from funnelsim.questions.worlds import sample_funnel

SHORT = {"start": "2025-06-01", "as_of": "2026-05-31", "window_start": None}


def sped_up(slow: float, after: str, seed: int) -> DealHistory:
    """A history whose deals leave Proof `slow` times as late, unless they entered it after a date.

    Made from stays: those that began before the date are drawn longer, and so is all that follows.
    """
    history = fs.simulate_history(seed, segments=False, season=False, start="2024-07-01", window_start=None)
    moves = history.records.moves.sort_values(["deal", "row"]).copy()
    proof = history.stages.codes["Proof"]
    follows = moves["deal"].eq(moves["deal"].shift(-1))
    stay = (moves["entered_at"].shift(-1) - moves["entered_at"]).where(follows)
    longer = stay * (slow - 1)
    counts = moves["stage"].eq(proof) & (moves["entered_at"] < pd.Timestamp(after))
    delay = longer.where(counts, pd.Timedelta(0)).fillna(pd.Timedelta(0))
    shifted = delay.groupby(moves["deal"]).cumsum() - delay
    moves["entered_at"] = (moves["entered_at"] + shifted).dt.floor("D")
    moves = moves[moves["entered_at"] <= pd.Timestamp(history.cutoff)]
    return replace(history, records=Records(history.records.deals, moves))


def assert_all_stated(found: Drift) -> None:
    """No number is missing, and every interval holds its estimate."""
    table = found.table()
    assert not table.isna().any().any()
    assert np.isfinite(table.select_dtypes("number").to_numpy()).all()
    for name in ("before", "after", "ratio"):
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()
    assert (table["level_low"] < table["level_high"]).all()
    assert (table["earliest"] <= table["changed_after"]).all()
    assert (table["changed_after"] <= table["latest"]).all()
    assert (table["p_value"] <= table["p_adjusted"]).all()
    assert table.index[-1] == "arrivals"
    assert (table["observed"].iloc[:-1] >= 8).all()


@pytest.fixture(scope="module")
def history() -> DealHistory:
    return fs.simulate_history(3)


@pytest.fixture(scope="module")
def funnel(history: DealHistory) -> fs.Funnel:
    return fs.fit(history)


# --- the expectation is that of the fit


@pytest.mark.parametrize("has_calendar", [True, False])
def test_counts_and_levels_are_those_of_the_fit(history, funnel, has_calendar):
    late = (Factors("month of quarter", np.array([0.5, 0.9, 1.6]), np.zeros(3)),)
    known = Calendar({"wins": late, "moves": late, "arrivals": late}) if has_calendar else None
    funnel = replace(funnel, calendar=known)
    found = fs.drift(history, funnel=funnel, n_simulations=1)
    setting, counted = fitting.Setting.of(history), Tally.of(history)
    first = fitting._first_step(setting, counted)
    complete = fitting._complete_arrivals(setting, counted).sum(axis=1)
    counts = count_by_step(history, funnel.hazards, first)
    steps = Timed(history.clock, first, counts, complete, setting.last_arrival_step)
    size = found.block_steps
    is_on = funnel.calendar is not None and funnel.calendar.moves_deals
    factor = funnel.calendar.by_place(history.stages, steps.moments) if is_on else None
    for stage, of_stage in enumerate(counts):
        expected = sum_by_block(of_stage.expected(funnel.hazards[stage].mean_hazards(), factor), size)
        for place, name in enumerate(history.stages.names):
            seen = sum_by_block(of_stage.exits[place], size)
            if seen.sum() >= 8:
                series = found.course(f"{history.stages.open[stage].name} > {name}").series
                np.testing.assert_allclose(series.expected, expected[place])
                np.testing.assert_array_equal(series.observed, seen)
    arrivals = found.course("arrivals").series
    np.testing.assert_array_equal(arrivals.observed, sum_by_block(complete, size))
    pace = fit_pace(steps, funnel.hazards, funnel.arrivals, funnel.calendar, history.stages, "auto")
    assert pace.block_steps == size
    for i, (stage, place) in enumerate(zip(pace.stage, pace.place, strict=True)):
        course = found.course(f"{history.stages.open[stage].name} > {history.stages.names[place]}")
        assert course.level[-1] == pytest.approx(pace.levels.mean[i])
        assert course.level_quantile(0.1)[-1] == pytest.approx(pace.levels.quantile(0.1)[i])
    if funnel.arrivals.block_steps == size:
        assert found.course("arrivals").level[-1] == pytest.approx(pace.arrivals.mean)


def test_level_of_arrivals_holds_its_share_over_all_settings(history, funnel):
    """The quantile of the mixture, put back into its distribution function."""
    course = fs.drift(history, funnel=funnel, n_simulations=1).course("arrivals")
    for chance in (0.1, 0.9):
        at = course.level_quantile(chance)
        each = stats.gamma.cdf(at, course.shape, scale=1 / course.rate)
        np.testing.assert_allclose(course.weights @ each, chance, atol=1e-9)
    assert (course.level_quantile(0.05) < course.level).all()


# --- moves


def test_a_stage_that_became_faster_is_told_with_its_time():
    """Stays in Proof take 2.5 times as long until 2025-09-01: the date is found to within two months."""
    found = fs.drift(sped_up(2.5, "2025-09-01", seed=5), n_simulations=199)
    assert_all_stated(found)
    row = found.table().loc["Proof > Close"]
    assert row["verdict"].startswith("moved: faster since about 2025-")
    assert abs(row["changed_after"] - pd.Timestamp("2025-09-01")) < pd.Timedelta(62, "D")
    assert row["ratio_low"] > 1.3
    assert found.surest.startswith("Proof > ")
    assert found.surest in repr(found)


def test_arrivals_that_fall_are_told():
    """Of deals that came after 2025-12-01 every second one is dropped: told to within a month."""
    history = fs.simulate_history(4, segments=False, season=False, **SHORT)
    moves = history.records.moves
    first = moves.groupby("deal")["entered_at"].min()
    dropped = first.index[(first >= pd.Timestamp("2025-12-01")) & (first.index % 2 == 0)]
    kept = Records(history.records.deals, moves[~moves["deal"].isin(dropped)])
    row = fs.drift(replace(history, records=kept), n_simulations=199).table().loc["arrivals"]
    assert row["verdict"] == f"moved: fewer since about {row['changed_after'] + pd.Timedelta(1, 'D'):%Y-%m}"
    assert abs(row["changed_after"] - pd.Timestamp("2025-11-30")) < pd.Timedelta(31, "D")
    assert 0.35 < row["ratio"] < 0.7  # standard error of its log: .07


def doubled_after(n_days: int, seed: int) -> DealHistory:
    """1,200 deals of one stage in 600 days, won at 0.03 a day and twice that after `n_days`, lost at 0.02."""
    rng, days = np.random.default_rng(seed), 600
    begun = rng.integers(days, size=1200)
    at, outcome = begun.copy(), np.full(1200, "open", dtype=object)
    for day in range(days):
        win = 0.06 if day >= n_days else 0.03
        chance, here = rng.random(1200), (begun <= day) & (outcome == "open")
        outcome[here & (chance < win + 0.02)] = "lost"
        outcome[here & (chance < win)] = "won"
        at[here] = day
    closed = np.where(outcome == "open", np.timedelta64("NaT"), at.astype("timedelta64[D]"))
    day0 = np.datetime64("2024-01-01")
    deals = pd.DataFrame(
        {
            "deal_id": [f"D{i}" for i in range(1200)],
            "created_at": day0 + begun.astype("timedelta64[D]"),
            "closed_at": day0 + closed.astype("timedelta64[D]"),
            "outcome": outcome,
        }
    )
    return fs.read_deals(deals, stages=fs.Stages.named(["open"]), as_of="2025-08-22", tz="UTC")


@pytest.mark.thorough
def test_the_date_of_a_change_within_a_period_is_held():
    """25 worlds whose win rate doubles on a random day, counted by 28 days; dates at their ends held 25 %.

    An interval that holds 80 % holds fewer than 13 of 25 once in 5,000, one of 25 % holds 13 once in 1,000.
    """
    rng, n_held = np.random.default_rng(5), 0
    for seed in range(25):
        n_days = int(rng.integers(150, 450))
        history = doubled_after(n_days, seed)
        usual = fs.fit(history, level_period=None, calendar=False)
        row = fs.drift(history, funnel=usual, n_simulations=19, period="month").table().loc["open > won"]
        last_day = pd.Timestamp("2024-01-01") + pd.Timedelta(n_days - 1, "D")
        n_held += bool(row["earliest"] <= last_day <= row["latest"])
        assert row["earliest"] < row["latest"]
    assert n_held >= 14


@pytest.mark.parametrize("n", [12, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.thorough
def test_stationary_histories_are_left_alone(n):
    """Histories of a year: a tenth may be called moved; so many that luck says 1 in 1,000 may not."""
    n_moved = 0
    for seed in range(n):
        history = fs.simulate_history(seed, segments=False, season=False, **SHORT)
        found = fs.drift(history, funnel=fs.fit(history, calendar=False), n_simulations=199)
        n_moved += bool((found.table()["verdict"] != STAYED).any())
    assert stats.binomtest(n_moved, n, 0.1, alternative="greater").pvalue > 1e-3


def test_the_calendar_of_the_funnel_is_part_of_what_is_usual(history, funnel):
    """A calendar written by hand, half in spring and half as much again in autumn, scales the expectation."""
    by_month = np.where(np.arange(12) < 6, 0.5, 1.5)
    known = Calendar({"arrivals": (Factors("month of year", by_month, np.zeros(12)),)})
    plain, aware = (
        fs.drift(history, funnel=replace(funnel, calendar=calendar), n_simulations=1)
        .course("arrivals")
        .series
        for calendar in (None, known)
    )
    share = aware.expected / plain.expected
    middle = aware.last_day - np.timedelta64(6, "D")
    same_half = middle.astype("datetime64[M]") == aware.last_day.astype("datetime64[M]")
    is_late = aware.last_day.astype("datetime64[M]").astype(int) % 12 >= 6
    np.testing.assert_allclose(share[same_half], np.where(is_late, 1.5, 0.5)[same_half])


def test_the_seed_alone_decides(history, funnel):
    one, again, other = (
        fs.drift(history, funnel=funnel, n_simulations=99, seed=seed).table() for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, again)
    assert (one["p_value"] != other["p_value"]).any()


def test_an_earlier_funnel_tells_how_things_run_against_then(history):
    then = fs.fit(history.as_of("2026-01-31"))
    found = fs.drift(history, funnel=then, n_simulations=19)
    assert_all_stated(found)


def test_british_onshore_wind_stopped_applying_in_2015(shared):
    """Support for onshore wind in England ended in 2015-16: applications fell to about a third."""
    folder = shared("data/uk_repd_2021")
    projects = pd.read_parquet(folder / "projects.parquet")
    moves = pd.read_parquet(folder / "stage_history.parquet")
    wind = projects[projects["technology"] == "Wind Onshore"]
    stages = Path(__file__).parents[1] / "cases" / "repd.toml"
    whole = fs.read_deals(wind, moves[moves["ref_id"].isin(wind["ref_id"])], stages=stages)
    decade = replace(whole.as_of("2019-12-31"), window_start=np.datetime64("2010-01-01"))
    row = fs.drift(decade, period="quarter", n_simulations=199).table().loc["arrivals"]
    assert row["verdict"].startswith("moved: fewer")
    assert pd.Timestamp("2015-06-30") <= row["earliest"] <= row["latest"] <= pd.Timestamp("2016-06-30")
    assert 0.25 < row["ratio"] < 0.5


# --- little to go by


def test_few_deals_give_finite_answers_or_a_clear_error():
    """Worlds of a tenth and of a hundredth of the deals, and of a few weeks."""
    few = sample_funnel().with_changes(replace(sample_funnel().changes, volume=0.1))
    for seed in range(3):
        history = fs.simulate_history(seed, funnel=few, **SHORT)
        assert_all_stated(fs.drift(history, period="week", n_simulations=19))
    for period in ("week", "month", "quarter"):
        history = fs.simulate_history(1, start="2026-01-01", as_of="2026-03-15", window_start=None)
        if period == "week":
            assert_all_stated(fs.drift(history, period=period, n_simulations=19))
            continue
        with pytest.raises(DriftError, match=r"whole .*were watched.*choose a shorter period"):
            fs.drift(history, period=period)


def test_no_new_deal_on_record_leaves_arrivals_at_nothing(history):
    """All deals that entered after the window began are dropped: zeros for arrivals, and no NaN."""
    moves = history.records.moves
    first = moves.groupby("deal")["entered_at"].min()
    old = first.index[first < pd.Timestamp(history.window_start)]
    only_old = replace(history, records=Records(history.records.deals, moves[moves["deal"].isin(old)]))
    found = fs.drift(only_old, period="quarter", n_simulations=19)
    assert_all_stated(found)
    row = found.table().loc["arrivals"]
    assert (row["observed"], row["p_value"], row["verdict"]) == (0, 1.0, STAYED)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"period": "day"}, "period='day' is unknown on a clock of days; use 'auto', 'week'"),
        ({"n_simulations": 0}, "n_simulations 0 must be a whole number"),
        ({"n_simulations": True}, "n_simulations True must be"),
        ({"false_discoveries": 1.0}, "false_discoveries 1.0 must lie between 0 and 1"),
    ],
)
def test_odd_settings_are_refused(history, funnel, settings, said):
    with pytest.raises(DriftError, match=said):
        fs.drift(history, funnel=funnel, **settings)


def test_another_funnel_and_levers_are_refused(history, funnel):
    more = funnel.with_changes(replace(funnel.changes, volume=1.2))
    with pytest.raises(DriftError, match="leave the levers out"):
        fs.drift(history, funnel=more)
    with pytest.raises(DriftError, match="give one of such data"):
        fs.drift(history, funnel=replace(funnel, clock=fs.Clock("week")))


def test_unknown_transition_names_those_there_are(history, funnel):
    found = fs.drift(history, funnel=funnel, n_simulations=1)
    with pytest.raises(
        DriftError, match="'Proof > nowhere' is not in the table; it holds 'Qualify > Develop'"
    ):
        found.course("Proof > nowhere")
