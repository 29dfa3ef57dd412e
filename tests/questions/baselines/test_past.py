"""What a rival learns from: snapshots, periods behind the origin, and the series, by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.past import NEVER, past_of
from funnelsim.questions.baselines.series import series_of

Told = Callable[..., DealHistory]

# Windows of 10 days from 2026-01-01: the cutoff is the end of 2026-02-09.
MOVES = [
    ("a", "A", "2026-01-02"),
    ("a", "B", "2026-01-08"),
    ("a", "won", "2026-01-15"),
    ("b", "A", "2026-01-05"),
    ("b", "lost", "2026-01-11"),
    ("c", "A", "2026-01-09"),
    ("c", "won", "2026-01-25"),
    ("d", "A", "2026-01-13"),
    ("d", "B", "2026-01-13"),
    ("d", "won", "2026-01-30"),
    ("e", "A", "2026-01-22"),
    ("e", "B", "2026-02-05"),
    ("f", "A", "2026-02-02"),
    ("f", "won", "2026-02-09"),
]
AMOUNTS = {"a": 10.0, "c": 30.0, "d": None, "e": 5.0, "f": 80.0}
USUAL = (10.0 + 30.0 + 80.0) / 3  # of d, which has no amount


@pytest.fixture
def seen(told: Told) -> DealHistory:
    return told(MOVES, AMOUNTS, "2026-02-09", window_start="2026-01-01")


def ten_days(seen: DealHistory, n_periods: int) -> np.ndarray:
    return seen.cutoff_step + 1 + 10 * np.arange(n_periods + 1)


def test_periods_behind_the_origin_begin_with_the_window(seen: DealHistory, told: Told) -> None:
    past = past_of(seen, ten_days(seen, 2), "wins")
    first = int(seen.clock.step_of(np.datetime64("2026-01-01")))
    assert past.edges.tolist() == [first, first + 10, first + 20, first + 30, first + 40]
    later = told(MOVES, AMOUNTS, "2026-02-09", window_start="2026-01-02")
    assert len(past_of(later, ten_days(later, 2), "wins").edges) == 4  # a part of a period is none
    without = told(MOVES, AMOUNTS, "2026-02-09")
    assert len(past_of(without, ten_days(without, 2), "wins").edges) == 4  # its first move is on January 2


def test_calendar_months_ahead_have_calendar_months_behind(told: Told) -> None:
    seen = told(MOVES, AMOUNTS, "2026-02-28", window_start="2025-11-15")
    months = np.array(["2026-03", "2026-04", "2026-05"], dtype="datetime64[M]")
    past = past_of(seen, seen.clock.step_of(months), "wins")
    behind = np.array(["2025-12", "2026-01", "2026-02", "2026-03"], dtype="datetime64[M]")
    assert past.edges.tolist() == seen.clock.step_of(behind).tolist()


def test_snapshots_hold_the_deals_open_at_the_end_of_a_step(seen: DealHistory) -> None:
    past = past_of(seen, ten_days(seen, 2), "wins")
    then = past.open_at(int(past.origins[1]))  # 2026-01-10: a in B since the 8th, b and c in A
    assert then.deal.tolist() == [0, 1, 2]
    assert then.stage.tolist() == [1, 0, 0]
    assert then.age_steps.tolist() == [2, 5, 1]
    assert then.deal_age_steps.tolist() == [8, 5, 1]
    period = past.period_won(then.deal, then.step)
    assert period[0] == 0
    assert period[2] == 1
    assert period[1] >= 2
    now = past.open_at(seen.cutoff_step)
    assert seen.pipeline().deal_ids.tolist() == ["e"]
    assert (now.deal.tolist(), now.stage.tolist(), now.age_steps.tolist()) == ([4], [1], [4])


def test_a_won_deal_without_amount_is_worth_the_mean_of_the_others(seen: DealHistory) -> None:
    past = past_of(seen, ten_days(seen, 2), "bookings")
    assert past.worth == pytest.approx([10.0, USUAL, 30.0, USUAL, 5.0, 80.0])
    assert (past.won_step == NEVER).tolist() == [False, True, False, False, True, False]


def test_new_business_after_past_origins(seen: DealHistory) -> None:
    """Deals that arrived after an origin, by the period in which they were won; what is not over is NaN."""
    found = past_of(seen, ten_days(seen, 3), "bookings").new_business()
    expected = [
        [0.0, 10.0, 30.0 + USUAL],  # after 2025-12-31: a on the 15th, c on the 25th, d on the 30th
        [0.0, USUAL, 0.0 + 80.0],  # after 2026-01-10: d (arrived the 13th), f (February 9)
        [0.0, 80.0, np.nan],
        [80.0, np.nan, np.nan],
    ]
    np.testing.assert_allclose(found, expected)


def test_the_series_counts_wins_by_their_date(seen: DealHistory) -> None:
    assert series_of(seen, ten_days(seen, 1), "wins", 1, at_least=1).totals.tolist() == [0, 1, 2, 1]
    money = series_of(seen, ten_days(seen, 1), "bookings", 1, at_least=1)
    assert money.totals == pytest.approx([0.0, 10.0, 30.0 + USUAL, 80.0])


def test_periods_of_unequal_length_are_compared_by_step(seen: DealHistory) -> None:
    """Ahead 5 and 15 days, behind them 15 and 5 by turns, oldest first; all as if they had 10."""
    edges = seen.cutoff_step + 1 + np.array([0, 5, 20])
    found = series_of(seen, edges, "wins", 1, at_least=1)
    assert found.stretch.tolist() == [0.5, 1.5]
    # [1-5 Jan], [6-20 Jan]: a; [21-25]: c; [26 Jan - 9 Feb]: d, f
    assert found.totals == pytest.approx([0.0, 1 * 10 / 15, 1 * 10 / 5, 2 * 10 / 15])


@pytest.mark.parametrize(
    ("step", "length", "season"), [("day", 7, 52), ("day", 91, 4), ("month", 3, 4), ("week", 13, 4)]
)
def test_the_season_is_a_year(step: str, length: int, season: int, told: Told) -> None:
    seen = told(MOVES, AMOUNTS, "2026-12-31", step=step, window_start="2026-01-01")
    edges = seen.cutoff_step + 1 + length * np.arange(2)
    assert series_of(seen, edges, "wins", 1, at_least=1).season == season
