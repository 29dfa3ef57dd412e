"""Paths of futures: on the way they may be anything that ends in the law of the periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import EngineError

ENGINE = fs.MonteCarlo(n_futures=4_000, n_draws=20)
SEED = 4


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(SEED, start="2025-01-01", as_of="2026-05-20", window_start="2025-03-01")


@pytest.fixture(scope="module")
def funnel(history: fs.DealHistory) -> fs.Funnel:
    return fs.fit(history)


@pytest.fixture(scope="module")
def paths(funnel: fs.Funnel, history: fs.DealHistory) -> fs.FuturePaths:
    return fs.future_paths(funnel, history.pipeline(), periods="2Q", engine=ENGINE, seed=SEED)


def at_quarters(paths: fs.FuturePaths) -> np.ndarray:
    ends = np.array(["2026-07-01", "2026-10-01"], dtype="datetime64[s]")
    return np.flatnonzero(np.isin(paths.by, ends))


def test_points_are_a_week_apart_and_hold_the_ends_of_the_periods(paths: fs.FuturePaths) -> None:
    days = np.diff(paths.by).astype("timedelta64[D]").astype(int)
    assert days.max() == 7
    assert len(at_quarters(paths)) == 2
    assert paths.by[-1] == np.datetime64("2026-10-01")
    assert paths.wins.shape == paths.bookings.shape == (4_000, len(paths.by))


def test_nothing_that_is_won_is_lost_again(paths: fs.FuturePaths, history: fs.DealHistory) -> None:
    assert (np.diff(paths.wins, axis=1) >= 0).all()
    assert (np.diff(paths.bookings, axis=1) >= 0).all()
    since = history.clock.step_of("2026-04-01")
    realised = (history.pipeline().won_step >= since).sum()
    assert realised > 0
    assert paths.wins[:, 0].min() >= realised


def test_paths_end_each_period_in_the_law_of_a_forecast(
    paths: fs.FuturePaths, funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    """Mean and spread by the exact engine of the same draws. d: 1.5 % of wins, 10 % of the sd."""
    exact = fs.forecast(funnel, history.pipeline(), periods="2Q", engine=fs.Exact(n_draws=20), seed=SEED)
    for measure, found in (("wins", paths.wins), ("bookings", paths.bookings)):
        for n, column in enumerate(at_quarters(paths), start=1):
            sd = exact.sd(n, measure)
            assert abs(found[:, column].mean() - float(exact.mean(n, measure))) < 4.5 * sd / np.sqrt(4_000)
            assert found[:, column].std() == pytest.approx(sd, rel=0.1)
    late = np.diff(paths.wins[:, at_quarters(paths)], axis=1)[:, 0]
    assert late.std() == pytest.approx(exact.sd(slice(1, 2), "wins"), rel=0.06)


def test_open_deals_are_won_in_the_very_futures_of_the_forecast(
    funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    nobody = replace(funnel, arrivals=funnel.arrivals.scaled(1e-12), pace=None)
    plain = fs.forecast(nobody, history.pipeline(), periods="2Q", engine=ENGINE, seed=SEED)
    paths = fs.future_paths(nobody, history.pipeline(), periods="2Q", engine=ENGINE, seed=SEED)
    by_period = np.cumsum(plain.draws("wins"), axis=1)
    np.testing.assert_array_equal(paths.wins[:, at_quarters(paths)], by_period)


def test_the_table_is_tidy(paths: fs.FuturePaths) -> None:
    frame = paths.table()
    assert frame.columns.tolist() == ["future", "draw", "by", "wins", "bookings"]
    assert len(frame) == paths.wins.size
    last = frame[frame["by"] == "2026-10-01"].set_index("future")
    np.testing.assert_array_equal(last["bookings"], paths.bookings[:, -1])
    assert last["draw"].value_counts().eq(200).all()


def test_without_amounts_there_are_wins_only(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    counts = replace(funnel, amounts=None, revisions=())
    found = fs.future_paths(counts, history.pipeline(), periods="1Q", every_steps=30)
    assert "bookings" not in found.table()
    assert found.bookings.shape == (0, len(found.by))


def test_a_first_period_after_the_cutoff_begins_there(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    found = fs.future_paths(funnel, history.pipeline(), periods=["2026-07-01", "2026-08-01"])
    assert found.by[0] == np.datetime64("2026-07-08")


@pytest.mark.parametrize("wrong", [{"every_steps": 0}, {"engine": fs.MonteCarlo(until_se=0.01)}])
def test_what_makes_no_paths_is_refused(
    funnel: fs.Funnel, history: fs.DealHistory, wrong: dict[str, object]
) -> None:
    with pytest.raises(EngineError, match=r"MonteCarlo\(n_futures"):
        fs.future_paths(funnel, history.pipeline(), **wrong)
