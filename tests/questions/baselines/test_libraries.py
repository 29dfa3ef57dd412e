"""Rivals of optional libraries against what these libraries say themselves."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.questions.baselines import RivalError
from funnelsim.questions.baselines.cohorts import Cohorts
from funnelsim.questions.baselines.series import Series


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- chainladder

# UK motor claims, cumulative: the sample of the library's own documentation, which prints the figures below.
UK_MOTOR = [
    [3511, 6726, 8992, 10704, 11763, 12350, 12690],
    [4001, 7703, 9981, 11161, 12117, 12746],
    [4355, 8287, 10233, 11755, 12993],
    [4295, 7750, 9773, 11093],
    [4150, 7897, 10217],
    [5102, 9650],
    [6283],
]
ULTIMATE = 12690.0 + 13096.902024 + 14030.536767 + 13137.859861 + 13880.404483 + 16812.150646 + 20679.919151
MACK_ERROR = 1424.531543


def uk_motor() -> np.ndarray:
    cumulative = np.full((7, 7), np.nan)
    for row, values in enumerate(UK_MOTOR):
        cumulative[row, : len(values)] = values
    return np.diff(cumulative, axis=1, prepend=0.0)


def test_mack_drawn_step_by_step_has_the_published_mean_and_error() -> None:
    pytest.importorskip("chainladder")
    from funnelsim.questions.baselines.chain_ladder import _grown, _growth

    won = uk_motor()
    n = 40_000
    ultimate = _grown(won, _growth(won, 0), n, rng()).sum(axis=(1, 2))
    assert ultimate.mean() == pytest.approx(ULTIMATE, abs=4 * MACK_ERROR / np.sqrt(n))
    assert ultimate.std() == pytest.approx(MACK_ERROR, rel=0.02)  # Mack's error is of first order


def test_ages_at_which_cohorts_are_empty_are_skipped() -> None:
    """With a factor from nothing the library would leave the empty cohorts out and halve what comes."""
    pytest.importorskip("chainladder")
    from funnelsim.questions.baselines.chain_ladder import ChainLadder, _first_age, _growth

    won = np.where(np.add.outer(np.arange(8), np.arange(8)) < 8, 0.0, np.nan)
    won[:, 2] += 6.0
    won[::2, 3] += 2.0
    won[0, 0] = 1.0
    start = _first_age(won)
    assert start == 2
    growth = _growth(won, start)
    assert growth.factor[0] == pytest.approx((6 * 5 + 1 + 2 * 3) / (6 * 5 + 1))
    cohorts = Cohorts(won, np.full(8, 10.0))
    arrived, unborn = ChainLadder()._drawn(cohorts, growth, 20_000, 3, rng())
    assert arrived.shape == unborn.shape == (20_000, 3)
    assert arrived[:, 0].mean() == pytest.approx(6.0 + 6.0 * (growth.factor[0] - 1), rel=0.1)
    with pytest.raises(RivalError, match="no factor of growth"):
        _first_age(np.where(np.isfinite(won), np.arange(8)[:, None] == 0, np.nan))


# --- statsforecast


@pytest.mark.parametrize("name", ["AutoETS", "AutoTheta"])
def test_futures_agree_with_the_library_s_own_interval(name: str) -> None:
    models = pytest.importorskip("statsforecast.models")
    from funnelsim.questions.baselines.time_series import _paths

    noise = rng(9).normal(size=60)
    totals = 200.0 + np.cumsum(3.0 * noise) + 8.0 * rng(10).normal(size=60)
    drawn = _paths(name, Series(totals, np.ones(4), season=52), 20_000, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = getattr(models, name)(season_length=1).fit(totals).predict(h=4, level=[80])
    low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
    width = said["hi-80"] - said["lo-80"]
    np.testing.assert_allclose(drawn.mean(axis=0), said["mean"], atol=0.05 * width.max())
    np.testing.assert_allclose(high - low, width, rtol=0.2)  # Theta's own interval is of a few hundred paths
    assert np.corrcoef(drawn.T)[0, 1] > 0.02  # futures wander: neighbours are not independent


def test_a_season_needs_two_years_and_few_periods() -> None:
    pytest.importorskip("statsforecast")
    from funnelsim.questions.baselines.time_series import _season

    ones = np.ones(4)
    assert _season(Series(np.ones(24), ones, season=12)) == 12
    assert _season(Series(np.ones(23), ones, season=12)) == 1
    assert _season(Series(np.ones(200), ones, season=52)) == 1


def test_a_series_of_nothing_forecasts_nothing() -> None:
    pytest.importorskip("statsforecast")
    from funnelsim.questions.baselines.time_series import _paths

    for name in ("AutoETS", "AutoTheta"):
        assert (_paths(name, Series(np.zeros(12), np.ones(3), season=12), 20, seed=1) == 0).all()


# --- scikit-learn


def test_the_classifier_learns_what_stage_and_age_tell() -> None:
    pytest.importorskip("sklearn")
    from funnelsim.questions.baselines.win_within_period import WinWithinPeriod

    draw = rng(4)
    rows = np.column_stack(
        (draw.integers(0, 2, 4_000), draw.integers(0, 100, 4_000), np.zeros(4_000))
    ).astype(float)
    chance = np.where(rows[:, 0] == 1, 0.6, np.where(rows[:, 1] < 50, 0.3, 0.05))
    is_won = draw.random(4_000) < chance
    asked = np.array([[1, 20, 0], [0, 20, 0], [0, 80, 0]], dtype=float)
    found = WinWithinPeriod(n_trees=30)._predicted(rows, is_won, asked)
    np.testing.assert_allclose(found, [0.6, 0.3, 0.05], atol=0.15)
    few = WinWithinPeriod()._predicted(rows[:40], np.arange(40) < 3, asked)
    assert few == pytest.approx([3 / 40] * 3)


def test_wins_are_learnt_where_no_deal_has_an_amount(simulated: DealHistory) -> None:
    pytest.importorskip("sklearn")
    from funnelsim.questions.baselines.win_within_period import WinWithinPeriod

    deals = simulated.records.deals.assign(amount=np.nan)
    seen = replace(simulated, records=Records(deals, simulated.records.moves))
    edges = seen.cutoff_step + 1 + 30 * np.arange(3)
    found = WinWithinPeriod(n_trees=5).forecast(seen, edges, "wins", 20, rng())
    assert found.deal_chance is not None
    assert found.deal_chance.std() > 0.05
