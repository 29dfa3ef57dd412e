"""What the dates themselves say about the log: from when endings are complete, until when arrivals are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int64]

STILL_OPEN = -1
_SURELY = 7.0  # none seen where 7 were expected: one chance in a thousand
_CHANCE = 1e-6


class LateStart(NamedTuple):
    """The first ending of a log, and how many endings should have been seen before it."""

    first_end_step: int
    n_expected: float

    @property
    def is_late(self) -> bool:
        """Whether endings before the first one must have been left out of the log."""
        return self.n_expected > _SURELY


def late_start(start_step: Steps, end_step: Steps, cutoff_step: int) -> LateStart | None:
    """Endings to expect before the first one recorded; None when no deal has ended.

    Parameters
    ----------
    start_step, end_step : ndarray of int, shape (n_deals,)
        Steps of the first and the last move; `STILL_OPEN` as the end of an open deal.
    cutoff_step : int

    Notes
    -----
    The hazard of ending at each age is the number of endings over the number of deals at risk, each at risk
    from the age it had at the first ending (delayed entry), so that it is right whether or not earlier
    endings were left out. The deals that arrived before the first ending then carry this hazard, summed over
    the ages they had before it: in a complete log that is the number of endings to expect.

    Examples
    --------
    >>> late_start(np.array([0, 9, 9]), np.array([10, 10, STILL_OPEN]), 12)
    LateStart(first_end_step=10, n_expected=0.5)
    """
    has_ended = end_step != STILL_OPEN
    if not has_ended.any():
        return None
    first_end = int(end_step[has_ended].min())
    age_at_first_end = np.maximum(first_end - start_step, 0)
    last_age = np.where(has_ended, end_step, cutoff_step) - start_step
    is_seen = last_age >= age_at_first_end
    n_ages = int(last_age.max(initial=0)) + 2
    enters = np.bincount(age_at_first_end[is_seen], minlength=n_ages)
    leaves = np.bincount(last_age[is_seen] + 1, minlength=n_ages)
    at_risk = np.cumsum(enters - leaves)
    ends = np.bincount(last_age[is_seen & has_ended], minlength=n_ages)
    hazard = ends / np.maximum(at_risk, 1)
    hazard_before_age = np.concatenate(([0.0], np.cumsum(hazard)))
    return LateStart(first_end, float(hazard_before_age[age_at_first_end].sum()))


def last_arrival_before_silence(
    start_step: Steps, cutoff_step: int, *, lookback_steps: int = 90
) -> int | None:
    """Step of the last arrival, if the silence since then cannot be chance; else None.

    Parameters
    ----------
    start_step : ndarray of int, shape (n_deals,)
    cutoff_step : int
    lookback_steps : int
        Steps up to the last arrival from which the usual rate is taken.

    Notes
    -----
    After n arrivals in m steps, the chance of g steps without any is (m / (m + g))**n: that of a Poisson
    process whose rate is known no better than those arrivals tell it. A silence is no chance when it is
    below one in a million, and longer than any other silence in those steps: weekends are silent too.

    Examples
    --------
    >>> last_arrival_before_silence(np.arange(100), 120)
    99
    >>> last_arrival_before_silence(np.arange(100), 110) is None
    True
    """
    last = int(start_step.max())
    recent = start_step[start_step > last - lookback_steps]
    n_steps = min(lookback_steps, last - int(start_step.min()) + 1)
    gap_steps = cutoff_step - last
    chance = (n_steps / (n_steps + gap_steps)) ** len(recent)
    longest_before = np.diff(np.unique(recent)).max(initial=1) - 1
    return None if chance >= _CHANCE or gap_steps <= longest_before else last
