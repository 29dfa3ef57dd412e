"""Why a forecast changed: the causes add up to the cent, and each is what its deals say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.forecast import ForecastError
from funnelsim.nouns.history import DealHistory, HistoryError

SINCE, WINDOW = "2026-06-30", ["2026-07-01", "2027-01-01"]


@pytest.fixture(scope="module")
def history() -> DealHistory:
    return fs.simulate_history(seed=1)


@pytest.fixture(scope="module")
def revised(history: DealHistory) -> fs.Revision:
    return fs.revision(history, SINCE, window=WINDOW, n_draws=30)


@pytest.mark.parametrize("measure", ["bookings", "wins"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.thorough
def test_causes_add_up_to_the_cent(measure: str, seed: int) -> None:
    some = fs.simulate_history(seed=seed)
    changed = fs.revision(some, SINCE, window=WINDOW, n_draws=20, measure=measure)  # type: ignore[arg-type]
    table = changed.table()
    assert table["level"].iloc[0] == pytest.approx(changed.before.mean().value, rel=1e-12)
    assert table["level"].iloc[-1] == pytest.approx(changed.after.mean().value, rel=1e-12)
    assert abs(table["level"].iloc[-2] - table["level"].iloc[-1]) < 0.005
    assert changed.moved.value == pytest.approx(table["change"].sum())


def test_the_forecasts_are_those_of_the_two_dates(history: DealHistory, revised: fs.Revision) -> None:
    then = history.as_of(SINCE)
    alone = fs.forecast(fs.fit(then), then.pipeline(), periods=WINDOW, engine=fs.Exact(n_draws=30))
    assert revised.before.mean().value == alone.mean().value
    assert revised.after.realised_bookings > 0
    assert revised.before.realised_bookings == 0


def test_the_error_of_the_whole_change_is_what_other_seeds_show(history: DealHistory) -> None:
    """The spread over 12 seeds has an error of a fifth: an error twice too large or small would fail."""
    seeds = [fs.revision(history, SINCE, window=WINDOW, n_draws=40, seed=seed).moved for seed in range(12)]
    changes, errors = np.array(seeds).T
    assert 0.55 < np.sqrt(np.mean(errors**2)) / changes.std(ddof=1) < 1.8


def test_every_deal_is_told_once_and_by_what_became_of_it(history: DealHistory, revised: fs.Revision) -> None:
    then, now = history.as_of(SINCE).deals, history.deals
    open_then, open_now = (set(d["deal_id"][d["outcome"] == "open"]) for d in (then, now))
    won = now[(now["outcome"] == "won") & (now["closed_at"] > pd.Timestamp(SINCE) + pd.Timedelta(days=1))]
    by_cause = {cause: set(rows["deal_id"]) for cause, rows in revised.deals.groupby("cause")}
    assert by_cause["won"] == set(won["deal_id"]) & open_then
    assert by_cause["lost"] == open_then - open_now - set(won["deal_id"])
    assert by_cause["moved on"] | by_cause["moved back"] | by_cause["slipped"] == open_then & open_now
    assert by_cause["new"] == (open_now - open_then) | (set(won["deal_id"]) - open_then)
    stage = {name: code for code, name in enumerate(history.stages.names)}
    place_then, place_now = (d.set_index("deal_id")["place"].map(stage) for d in (then, now))
    assert all(place_now[deal] > place_then[deal] for deal in by_cause["moved on"])
    assert all(place_now[deal] == place_then[deal] for deal in by_cause["slipped"])
    lost = revised.deals[revised.deals["cause"] == "lost"]
    assert (lost["change"] <= 0).all()


def test_an_amount_that_changed_counts_at_the_earlier_chance(history: DealHistory) -> None:
    """One deal's amount is recorded as 100,000 before the date and 250,000 after it."""
    then = history.as_of(SINCE)
    base = fs.revision(history, SINCE, window=WINDOW, n_draws=20)
    deal = base.deals[base.deals["cause"] == "moved on"]["deal_id"].iloc[0]
    row = int(np.flatnonzero(history.records.deals["deal_id"] == deal)[0])
    moves = history.records.moves.copy()
    mine = moves["deal"] == row
    moves.loc[mine, "amount"] = np.where(
        moves.loc[mine, "entered_at"] <= pd.Timestamp("2026-07-01"), 1e5, 2.5e5
    )
    deals = history.records.deals.copy()
    deals.loc[row, "amount"] = 2.5e5
    changed = replace(history, records=replace(history.records, deals=deals, moves=moves))
    # Without laws of revision, which one deal cannot teach.
    told = fs.revision(changed, SINCE, window=WINDOW, n_draws=20)
    repriced = told.deals[told.deals["cause"] == "re-priced"]
    assert repriced["deal_id"].tolist() == [deal]
    chance = told.before.by_deal().set_index("deal_id")["chance"][deal]
    assert repriced["change"].iloc[0] == pytest.approx(1.5e5 * chance, rel=1e-6)
    table = told.table()
    assert abs(table["level"].iloc[-2] - table["level"].iloc[-1]) < 0.005
    assert then.n_deals < history.n_deals


def test_nothing_has_changed_on_the_same_day(history: DealHistory) -> None:
    table = fs.revision(history, "2026-08-31", window=WINDOW, n_draws=20).table()
    assert (table["change"].abs() < 1e-6).all()


def test_what_cannot_be_compared_is_refused(history: DealHistory) -> None:
    with pytest.raises(ForecastError, match="give two dates"):
        fs.revision(history, SINCE, window="4Q")
    with pytest.raises(HistoryError, match="after the cutoff"):
        fs.revision(history, "2027-01-31", window=WINDOW)
