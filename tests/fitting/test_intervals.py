"""Intervals over refits: worlds of known truth, fitted again and again; 80 % intervals must hold it as often.

A small slice of ``benchmarks/intervals.py``, which counts to a thousand.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import hazards_by_hand

N_REFITS = 100
QUANTITIES = ("conversion", "win_rate", "median_dwell", "p90_dwell")
AT_ENTRY, LATER = np.array([0.05, 0.10]), np.array([0.020, 0.015])  # chance a day to leave, by stage
#                  a    b    won  lost
SPLIT = np.array([[0.0, 0.6, 0.1, 0.3], [0.1, 0.0, 0.6, 0.3]])
FORWARD = np.array([0.7, 0.6])


def true_funnel(deals_a_week: float) -> fs.Funnel:
    chances = [
        np.outer([now, later, later], split) for now, later, split in zip(AT_ENTRY, LATER, SPLIT, strict=True)
    ]
    return fs.Funnel(
        stages=fs.Stages.named(["a", "b"]),
        clock=fs.Clock("day"),
        hazards=tuple(hazards_by_hand(np.array([0, 1, 2]), chance) for chance in chances),
        arrivals=Arrivals(7, deals_a_week, np.inf, 0.0, np.array([1.0, 0.0])),
    )


def truth(last_ages: np.ndarray) -> np.ndarray:
    """Each quantity by stage, in closed form, of the exits before the given ages; for dwell, twice these."""
    gone = 1 - (1 - AT_ENTRY) * (1 - LATER) ** (last_ages - 1)
    gone_later = 1 - (1 - AT_ENTRY) * (1 - LATER) ** (2 * last_ages - 1)
    routes = gone[:, None] * SPLIT
    win_rate = np.linalg.solve(np.eye(2) - routes[:, :2], routes[:, 2])

    def age(share: float) -> np.ndarray:
        stay = (1 - share * gone_later) / (1 - AT_ENTRY)
        return np.ceil(np.log(stay) / np.log(1 - LATER) - 1e-9)

    return np.array([gone * FORWARD, win_rate, age(0.5), age(0.9)])


def bounds_and_truth(seed: int, deals_a_week: float, window_start: str | None) -> np.ndarray:
    """Low, high and truth of one refit, shape (3, n_quantities, n_open)."""
    history = fs.simulate_history(
        seed,
        funnel=true_funnel(deals_a_week),
        start="2023-01-01",
        as_of="2025-12-31",
        window_start=window_start,
        segments=False,
        season=False,
    )
    funnel = fs.fit(history, level_period=None, calendar=False)  # neither has a say in the table
    assert min(hazards.n_exits for hazards in funnel.hazards) >= 50
    shown = funnel.table(n_draws=100, seed=seed)
    low, high = ([shown[f"{name}_{side}"] for name in QUANTITIES] for side in ("low", "high"))
    return np.array([low, high, truth(np.array([hazards.first_age[-1] for hazards in funnel.hazards]))])


def surprise(low: np.ndarray, high: np.ndarray, known: np.ndarray) -> float:
    """Smallest exact binomial p, over quantities and stages, of what so many 80 % intervals hold."""
    held = (low <= known + 1e-9) & (known <= high + 1e-9)
    counts = held.sum(axis=0).ravel()
    return min(stats.binomtest(int(count), len(held), 0.8).pvalue for count in counts)


@pytest.mark.parametrize(("deals_a_week", "window_start"), [(1.0, None), (2.3, "2024-12-01")])
@pytest.mark.thorough
def test_intervals_hold_the_truth_over_refits(deals_a_week: float, window_start: str | None) -> None:
    """100 worlds of at least 50 exits a stage; the log is complete, or starts 13 months before its end.

    d: of a single quantity a coverage of 51 % or 98 % is caught 98 times in 100, of 63 % or 94.5 % every
    other time. Over 500 other seeds each quantity was held in 76 to 82 %. Negative control: intervals half as
    wide, which hold 48 % of a normal law.
    """
    refits = [bounds_and_truth(seed, deals_a_week, window_start) for seed in range(N_REFITS)]
    low, high, known = np.array(refits).swapaxes(0, 1)
    assert surprise(low, high, known) > 1e-4, ((low <= known) & (known <= high)).mean(axis=0)
    quarter = (high - low) / 4
    assert surprise(low + quarter, high - quarter, known) < 1e-4
