"""Chance as rivals use it: a coin for each open deal, or futures that go as it went after past origins."""

from __future__ import annotations

from collections.abc import Sequence

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


def follow_past_origins(
    tables: Sequence[Floats], n_samples: int, rng: np.random.Generator
) -> tuple[Floats, ...]:
    """Futures that go as it went after past origins drawn at random.

    Parameters
    ----------
    tables : sequence of ndarray, each of shape (n_past, n_periods)
        What was seen by past origin and period, such as new business; NaN where it is not known.
    n_samples : int
    rng : Generator

    Returns
    -------
    tuple of ndarray, each of shape (n_samples, n_periods)
        Around the mean of each table. A future follows one past origin through all periods and tables; where
        that one is not known, another that is steps in.

    Raises
    ------
    RivalError
        If a period is known of fewer than two past origins.

    Notes
    -----
    Deviations from the mean are stretched by ``sqrt((n + 1) / (n - 1))``: the variance of the next value
    about the mean of `n` is ``(1 + 1 / n)`` times the unbiased variance. What falls below 0 becomes 0.
    """
    is_known = np.asarray(np.isfinite(tables).all(axis=0))
    n_known = is_known.sum(axis=0)
    if (n_known < _LEAST_ORIGINS).any():
        raise RivalError(
            f"only {n_known.min()} past origins were followed by {is_known.shape[1]} whole periods, and "
            f"{_LEAST_ORIGINS} are needed to learn from; use a later origin, or fewer periods"
        )
    origin = np.repeat(rng.integers(len(is_known), size=n_samples)[:, None], is_known.shape[1], axis=1)
    for period in range(is_known.shape[1]):
        known = np.flatnonzero(is_known[:, period])
        stand_in = known[rng.integers(len(known), size=n_samples)]
        origin[:, period] = np.where(is_known[origin[:, period], period], origin[:, period], stand_in)
    stretch = np.sqrt((n_known + 1) / (n_known - 1))
    drawn = []
    for table in tables:
        mean = np.where(is_known, table, 0.0).sum(axis=0) / n_known
        away = np.take_along_axis(table, origin, axis=0) - mean
        drawn.append(np.maximum(mean + away * stretch, 0.0))
    return tuple(drawn)
