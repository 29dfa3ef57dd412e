"""Chance as rivals use it: a coin for each open deal, and new business as it came after past origins."""

from __future__ import annotations

import numpy as np

from funnelsim.questions.baselines.protocol import Floats, RivalError

_MOST_AT_ONCE = 2_000_000
_LEAST_ORIGINS = 2


def coin_flips(chance: Floats, worth: Floats, n_samples: int, rng: np.random.Generator) -> Floats:
    """Totals by period when every deal is a coin of its own.

    Parameters
    ----------
    chance : ndarray of shape (n_deals, n_periods)
        Chance that a deal is won in each period; the rest to 1 is that it is won in none.
    worth : ndarray of shape (n_deals,)
    n_samples : int
    rng : Generator

    Returns
    -------
    ndarray of shape (n_samples, n_periods)

    Notes
    -----
    One uniform number for each deal and future decides the period, so no deal is won twice.
    """
    may_win = chance.sum(axis=1) > 0
    up_to, worth = np.minimum(np.cumsum(chance[may_win], axis=1), 1.0), worth[may_win]
    totals = np.zeros((n_samples, chance.shape[1]))
    block = max(_MOST_AT_ONCE // max(len(worth), 1), 1)
    for start in range(0, n_samples, block):
        stop = min(start + block, n_samples)
        luck = rng.random((stop - start, len(worth)))
        before = np.zeros(luck.shape, dtype=bool)
        for period in range(chance.shape[1]):
            by_then = luck < up_to[:, period]
            totals[start:stop, period] = (by_then & ~before) @ worth
            before = by_then
    return totals


def draw_new_business(seen_after: Floats, n_samples: int, rng: np.random.Generator) -> Floats:
    """Futures of business that is not in the pipeline yet: what came after past origins, drawn at random.

    Parameters
    ----------
    seen_after : ndarray of shape (n_past, n_periods)
        Of each past origin; NaN where a period had not ended.
    n_samples : int
    rng : Generator

    Returns
    -------
    ndarray of shape (n_samples, n_periods)
        Around the mean of the past origins. A future follows one past origin through all periods; where that
        one had not ended, another that had steps in.

    Raises
    ------
    RivalError
        If a period has ended after fewer than two past origins.

    Notes
    -----
    Deviations from the mean are stretched by ``sqrt((n + 1) / (n - 1))``: the variance of the next value
    about the mean of `n` is ``(1 + 1 / n)`` times the unbiased variance. Totals below 0 become 0.
    """
    is_known = np.isfinite(seen_after)
    n_known = is_known.sum(axis=0)
    if (n_known < _LEAST_ORIGINS).any():
        raise RivalError(
            f"only {n_known.min()} past origins were followed by {seen_after.shape[1]} whole periods, and "
            f"{_LEAST_ORIGINS} are needed to learn new business; use a later origin, or fewer periods"
        )
    mean = np.nanmean(seen_after, axis=0)
    origin = rng.integers(len(seen_after), size=n_samples)
    drawn = seen_after[origin]
    for period in range(seen_after.shape[1]):
        ended = seen_after[is_known[:, period], period]
        stand_in = ended[rng.integers(len(ended), size=n_samples)]
        drawn[:, period] = np.where(is_known[origin, period], drawn[:, period], stand_in)
    return np.maximum(mean + (drawn - mean) * np.sqrt((n_known + 1) / (n_known - 1)), 0.0)
