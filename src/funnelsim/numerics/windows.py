"""What the dates themselves say about a log: from when endings are complete, until when arrivals are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STILL_OPEN = -1
_SURELY = 7.0  # none seen where 7 were expected: one chance in a thousand
_CHANCE = 1e-6
_LOOKBACK_STEPS = {"hour": 90 * 24, "day": 90, "week": 90, "month": 90}


@dataclass(frozen=True, eq=False)
class Endings:
    """Deals at risk of ending and endings by age, each deal at risk from its age at the first ending.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_ages,)
        Deals by their age at the first ending; 0 for those that start later.
    at_risk : ndarray of int, shape (n_ages,)
    ends : ndarray of int, shape (n_ages,)
    """

    first_age: Ints
    at_risk: Ints
    ends: Ints

    def __add__(self, other: Endings) -> Endings:
        n_ages = max(len(self.ends), len(other.ends))

        def total(a: Ints, b: Ints) -> Ints:
            return np.pad(a, (0, n_ages - len(a))) + np.pad(b, (0, n_ages - len(b)))

        return Endings(
            total(self.first_age, other.first_age),
            total(self.at_risk, other.at_risk),
            total(self.ends, other.ends),
        )

    @property
    def n_expected(self) -> float:
        """Endings to expect before the first one recorded.

        The hazard of ending at each age is the number of endings over the number of deals at risk (delayed
        entry), so it is right whether or not earlier endings were left out. It gives the chance of a deal
        that arrived before the first ending to have ended by then; their sum is never more than those deals,
        so a few of them never tell of a late log.
        """
        hazard = self.ends / np.maximum(self.at_risk, 1)
        is_still_open = np.cumprod(np.append(1.0, 1.0 - hazard))[:-1]
        return float((1.0 - is_still_open) @ self.first_age)

    @property
    def is_late(self) -> bool:
        """Whether endings before the first one must have been left out of the log."""
        return self.n_expected > _SURELY


def count_endings(start_step: Ints, end_step: Ints, cutoff_step: int, first_end: int) -> Endings:
    """Count the deals of a log, or of a part of it; the counts of parts add.

    Parameters
    ----------
    start_step, end_step : ndarray of int, shape (n_deals,)
        Steps of the first and the last move; `STILL_OPEN` as the end of an open deal.
    cutoff_step : int
    first_end : int
        Step of the first ending in the whole log.

    Examples
    --------
    >>> count_endings(np.array([0, 9, 9]), np.array([10, 10, STILL_OPEN]), 12, first_end=10).n_expected
    0.5
    """
    first_age = np.maximum(first_end - start_step, 0)
    has_ended = end_step != STILL_OPEN
    last_age = np.where(has_ended, end_step, cutoff_step) - start_step
    is_seen = last_age >= first_age
    n_ages = int(max(last_age.max(initial=0), first_age.max(initial=0))) + 2
    enters = np.bincount(first_age[is_seen], minlength=n_ages)
    leaves = np.bincount(last_age[is_seen] + 1, minlength=n_ages)
    return Endings(
        first_age=np.bincount(first_age, minlength=n_ages),
        at_risk=np.cumsum(enters - leaves),
        ends=np.bincount(last_age[is_seen & has_ended], minlength=n_ages),
    )


def silent_steps(arrivals: Floats | Ints, step: str) -> int | None:
    """Steps without arrivals at the end of a log, if that silence cannot be chance; else None.

    Parameters
    ----------
    arrivals : ndarray of shape (n_steps,)
        Arrivals by step; the last is the step of the cutoff.
    step : {"hour", "day", "week", "month"}
        Step of the clock: the usual rate is taken from 90 days, weeks or months up to the last arrival.

    Notes
    -----
    After n arrivals in m steps, the chance of g steps without any is (m / (m + g))**n: that of a Poisson
    process whose rate is known no better than those arrivals tell it. A silence is no chance when it is
    below one in a million, and longer than any other silence in those steps: weekends are silent too.

    Examples
    --------
    >>> silent_steps(np.repeat([1.0, 0.0], [100, 21]), "day")
    21
    >>> silent_steps(np.repeat([1.0, 0.0], [100, 11]), "day") is None
    True
    """
    busy = np.flatnonzero(arrivals)
    if not len(busy):
        return None
    last = int(busy[-1])
    recent = busy[busy > last - _LOOKBACK_STEPS[step]]
    n_steps = min(_LOOKBACK_STEPS[step], last - int(busy[0]) + 1)
    n_silent = len(arrivals) - 1 - last
    chance = (n_steps / (n_steps + n_silent)) ** arrivals[recent].sum()
    longest_before = np.diff(recent).max(initial=1) - 1
    return None if chance >= _CHANCE or n_silent <= longest_before else n_silent
