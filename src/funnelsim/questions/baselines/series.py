"""Totals of the periods behind the origin, as one series: what methods that know no deals work with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.past import NEVER, past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError

_DAYS_A_YEAR = 365.25
_DAYS_IN = {"hour": 1.0 / 24.0, "day": 1.0, "week": 7.0, "month": _DAYS_A_YEAR / 12.0}


@dataclass(frozen=True, eq=False)
class Series:
    """Wins or bookings by period, oldest first.

    Parameters
    ----------
    totals : ndarray of shape (n_past,)
        As if every period had the mean length of those ahead; periods of one length are taken as they are.
    stretch : ndarray of shape (n_periods,)
        Length of each period ahead, in that mean length.
    season : int
        Periods in a year, to the nearest whole number; at least 1.
    """

    totals: Floats
    stretch: Floats
    season: int


def series_of(seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, *, at_least: int) -> Series:
    """The series of a history known at the origin.

    Raises
    ------
    RivalError
        If fewer than `at_least` whole periods lie behind the origin.
    """
    past = past_of(seen, edges, measure, n_samples)
    n_past = len(past.edges) - 1
    if n_past < at_least:
        raise RivalError(
            f"{n_past} whole periods lie behind the origin, and {at_least} are needed; use a later origin, "
            "or shorter periods"
        )
    won = past.won_step < NEVER
    period = np.searchsorted(past.edges, past.won_step[won], side="right") - 1
    inside = period >= 0
    totals = np.bincount(period[inside], past.worth[won][inside], minlength=n_past)
    mean_steps = float(np.diff(past.ahead).mean())
    return Series(
        totals=totals * mean_steps / np.diff(past.edges),
        stretch=np.diff(past.ahead) / mean_steps,
        season=max(round(_DAYS_A_YEAR / (mean_steps * _DAYS_IN[seen.clock.step])), 1),
    )
