"""The calendar of a history: joint with the hazards, on only where it is there, carried into forecasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.records import Records
from funnelsim.questions.worlds import WorldError
from funnelsim.vocabulary.clock import end_of_day

WEEKDAY = np.array([1.5, 1.5, 1.4, 1.3, 1.2, 0.1, 0.0])
RATE = 0.06  # cumulative hazard of leaving on an average day
STAGES = fs.Stages.named(["lead"])


def weekday_world(seed: int, n_days: int = 420, per_day: float = 12.0) -> fs.DealHistory:
    """Deals arrive mostly on Mondays and leave at a rate that follows the weekday: 40 % of exits are wins.

    Such arrivals tie ages to weekdays: one-pass ratios of observed to expected take the ones for the others.
    """
    rng, start = np.random.default_rng(seed), np.datetime64("2025-01-06")  # a Monday
    moves = []
    arrivals = np.array([5.0, 0.6, 0.4, 0.4, 0.4, 0.1, 0.1])[np.arange(n_days) % 7]
    for deal, day in enumerate(np.repeat(np.arange(n_days), rng.poisson(per_day * arrivals))):
        moves.append((deal, 0, start + day))
        later = np.arange(day + 1, n_days)
        gone = rng.random(len(later)) < -np.expm1(-RATE * WEEKDAY[later % 7])
        if gone.any():
            moves.append((deal, 1 if rng.random() < 0.4 else 2, start + later[gone.argmax()]))
    frame = pd.DataFrame(moves, columns=["deal", "stage", "entered_at"])
    frame["entered_at"] = pd.to_datetime(frame["entered_at"])
    frame["recorded_at"], frame["amount"], frame["row"] = pd.NaT, np.nan, np.arange(len(frame)) + 2
    n_deals = frame["deal"].max() + 1
    deals = pd.DataFrame({"deal_id": [f"D{i}" for i in range(n_deals)], "amount": np.nan})
    return fs.DealHistory(Records(deals, frame), STAGES, fs.Clock("day"), end_of_day(start + n_days - 1))


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return weekday_world(1)


@pytest.fixture(scope="module")
def funnel(history: fs.DealHistory) -> fs.Funnel:
    return fs.fit(history)


def test_weekdays_are_recovered_although_arrivals_tie_them_to_ages(funnel: fs.Funnel) -> None:
    """About 5,000 exits: standard errors of .03; a one-pass estimate is off by more than .3 on Tuesday.

    The shrinkage of twenty counts keeps Sunday a little above zero.
    """
    assert funnel.calendar is not None
    for group in ("wins", "losses"):
        (found,) = funnel.calendar.factors[group]
        assert found.kind == "weekday"
        np.testing.assert_allclose(found.values[:7], WEEKDAY, atol=0.14)


def test_hazards_are_those_of_an_average_day(funnel: fs.Funnel) -> None:
    """-log(1 - h) is RATE at every age from 1 on; by weekday alone it would be 0 to .09 in turn."""
    hazards = funnel.mean_hazards(0)
    ages = funnel.hazards[0].first_age
    weight = np.minimum(funnel.hazards[0].at_risk[1:-1], 1e9)
    rates = -np.log1p(-hazards[1:-1].sum(axis=1))
    assert abs(np.average(rates, weights=weight) - RATE) < 0.004
    well_known = funnel.hazards[0].exits.sum(axis=1)[1:-1] > 60
    assert np.abs(rates[well_known] - RATE).max() < 0.03
    assert len(ages) > 5


def test_what_was_tried_is_said_and_factors_have_errors(funnel: fs.Funnel) -> None:
    assert any("wins by weekday: on" in sentence for sentence in funnel.calendar.tried)
    table = funnel.calendar.table()
    assert (table["standard_error"] > 0).all()
    assert not table.isna().any(axis=None)


def test_days_of_a_forecast_follow_the_week(history: fs.DealHistory, funnel: fs.Funnel) -> None:
    """Wins of open deals day by day: none on the Sunday, and in all as many as without a calendar."""
    pipeline = history.pipeline()
    first = history.cutoff.astype("datetime64[D]") + 1
    edges = [str(first + i) for i in range(8)]
    plain = fs.fit(history, calendar=False)
    by_day, without = (
        fs.forecast(f, pipeline, periods=edges, engine=fs.MonteCarlo(2000, 20)).deals.chance.sum(axis=0)
        for f in (funnel, plain)
    )
    weekdays = (np.array(edges[:-1], dtype="datetime64[D]").astype(np.int64) + 3) % 7
    assert by_day[weekdays == 6] < 0.15 * by_day.mean()
    assert by_day[weekdays == 0] > 1.2 * by_day.mean()
    assert by_day.sum() == pytest.approx(without.sum(), rel=0.15)


def test_a_world_without_calendar_shows_none() -> None:
    """Nothing but arrivals may look like one, in few of six worlds of two years each."""
    found = [
        fs.fit(fs.simulate_history(seed=s, season=False, segments=False)).calendar.factors for s in range(6)
    ]
    assert sum(len(factors) for factors in found) <= 2


def test_a_season_of_arrivals_is_found_in_four_years() -> None:
    history = fs.simulate_history(seed=3, start="2022-01-01", as_of="2026-08-31", window_start=None)
    (season,) = [f for f in fs.fit(history).calendar.factors["arrivals"] if f.kind == "month of year"]
    assert season.values.max() / season.values.min() > 1.2


def test_a_saved_calendar_is_read_again(funnel: fs.Funnel, tmp_path: Path) -> None:
    funnel.save(tmp_path / "f.json")
    again = fs.Funnel.load(tmp_path / "f.json").calendar
    assert again.tried == funnel.calendar.tried
    for group, factors in funnel.calendar.factors.items():
        for one, other in zip(factors, again.factors[group], strict=True):
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.standard_error, other.standard_error)


def test_holidays_are_days_of_their_own(history: fs.DealHistory) -> None:
    """A holiday every fourth Friday on which everything rests: learnt apart from Fridays."""
    days = np.arange("2025-01-10", "2026-03-01", 28, dtype="datetime64[D]")
    moves = history.records.moves
    at = moves["entered_at"].to_numpy().astype("datetime64[D]")
    resting = np.isin(at, days) & (moves["stage"].to_numpy() > 0)
    shifted = moves.assign(
        entered_at=moves["entered_at"] + pd.to_timedelta(np.where(resting, 3, 0), unit="D")
    )
    shifted = shifted[shifted["entered_at"] <= pd.Timestamp(history.cutoff)]
    quiet = fs.DealHistory(Records(history.records.deals, shifted), STAGES, fs.Clock("day"), history.cutoff)
    (found,) = fs.fit(quiet, holidays=[str(day) for day in days]).calendar.factors["losses"]
    assert found.values[7] < 0.5
    assert found.values[4] > 1.0


def test_a_world_is_not_simulated_from_levels_it_would_ignore(funnel: fs.Funnel) -> None:
    with pytest.raises(WorldError, match="pace=None, calendar=None"):
        fs.simulate_history(seed=1, funnel=funnel)


@pytest.mark.usefixtures("all_threads")
def test_the_answer_is_the_same_for_any_workers_and_from_a_file(
    history: fs.DealHistory, funnel: fs.Funnel, tmp_path: Path
) -> None:
    """To the bit, with a calendar on: the recursion backward in time holds no hidden order."""
    assert not funnel.is_steady
    funnel.save(tmp_path / "f.json")
    first = history.cutoff.astype("datetime64[D]") + 1
    edges = [str(first), str(first + 7), str(first + 21)]
    ways = ((funnel, 1), (funnel, 2), (fs.Funnel.load(tmp_path / "f.json"), 1))
    one, two, read = (
        fs.forecast(f, history.pipeline(), periods=edges, engine=fs.MonteCarlo(400, 60, workers=w)).draws()
        for f, w in ways
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, read)


def test_exits_and_what_they_tell_stay_under_a_calendar(history: fs.DealHistory, funnel: fs.Funnel) -> None:
    """Scaled down, exits at rare hours would weigh less than the prior; the exposure is scaled instead."""
    plain = fs.fit(history, calendar=False).hazards[0]
    found = funnel.hazards[0]
    np.testing.assert_allclose(found.exits.sum(axis=1), plain.exits.sum(axis=1))
    assert not np.allclose(found.at_risk, plain.at_risk, rtol=0.05)
    assert (found.at_risk >= found.exits.sum(axis=1) - 1e-9).all()


FAST = {"rush": ({0: 1.2}, {0: 0.9}), "spike": ({}, {30: 2.0})}


@pytest.mark.parametrize("name", list(FAST))
def test_chances_stay_right_where_nearly_all_leave_at_once(name: str) -> None:
    """Twice the pace is not twice the exits: a day-0 rush and an expiry under strong weekdays.

    The chance of an average day is 1 - exp(-rate): .8775 on day 0, .869 at the expiry. d: .03 (4 SE of some
    1,500 deals); counting exits over the sum of the factors gave .94 to 1.
    """
    wins, losses = FAST[name]
    weekday_win = np.array([1.4, 1.4, 1.3, 1.3, 1.3, 0.2, 0.1])
    weekday_loss = np.array([1.25, 1.2, 1.1, 1.25, 1.2, 0.6, 0.4])
    rng = np.random.default_rng(12)
    n, days = 6000, 900
    start = rng.choice(days, n, p=np.resize([1.3, 1.1, 1.3, 1.2, 1.0, 0.6, 0.5], days) / np.resize(
        [1.3, 1.1, 1.3, 1.2, 1.0, 0.6, 0.5], days).sum())  # fmt: skip
    end, place = np.full(n, days), np.zeros(n, np.int64)
    still = np.ones(n, dtype=bool)
    for age in range(400):
        day = start + age
        win = wins.get(age, 0.04) * weekday_win[day % 7]
        lose = losses.get(age, 0.02) * weekday_loss[day % 7]
        goes = still & (day < days) & (rng.random(n) < 1 - np.exp(-win - lose))
        end[goes] = day[goes]
        place[goes] = np.where(rng.random(n) < win / (win + lose), 1, 2)[goes]
        still &= ~goes
    monday = np.datetime64("2024-01-01")
    deals = pd.DataFrame(
        {
            "deal_id": np.arange(n).astype(str),
            "created_at": monday + start,
            "closed_at": pd.Series(monday + end).where(place > 0),
            "outcome": np.array(["open", "won", "lost"])[place],
        }
    )
    history = fs.read_deals(deals, as_of=str(monday + days - 1), tz="UTC")
    funnel = fs.fit(history, level_period=None)
    assert set(funnel.calendar.factors) >= {"wins"}
    hazards, age = funnel.hazards[0], 0 if name == "rush" else 30
    at = int(np.searchsorted(hazards.first_age, age, side="right")) - 1
    rate = wins.get(age, 0.04) + losses.get(age, 0.02)
    assert funnel.mean_hazards(0)[at].sum() == pytest.approx(1 - np.exp(-rate), abs=0.03)
