"""Deals by period of arrival and periods since: the triangle that chain ladders complete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.questions.baselines.past import Past
from funnelsim.questions.baselines.protocol import Floats, Ints, RivalError

LEAST_COHORTS = 4


@dataclass(frozen=True, eq=False)
class Cohorts:
    """Wins or bookings by cohort of arrival and age in periods.

    Parameters
    ----------
    won : ndarray of shape (n_cohorts, n_cohorts)
        Row: period of arrival, oldest first. Column: periods from arrival to the win. What lies after the
        origin is NaN: row ``i`` is known up to column ``n_cohorts - 1 - i``.
    n_arrived : ndarray of shape (n_cohorts,)
        Deals that arrived.
    """

    won: Floats
    n_arrived: Floats

    @property
    def n_known(self) -> Ints:
        """How many ages of each cohort are known, shape (n_cohorts,)."""
        return np.arange(len(self.won), 0, -1)


def cohorts_of(past: Past) -> Cohorts:
    """The triangle of the whole periods behind the origin.

    Deals that arrived before the first of them belong to no cohort.

    Raises
    ------
    RivalError
        If there are fewer than four cohorts, or none of their deals is won.
    """
    n = len(past.edges) - 1
    if n < LEAST_COHORTS:
        raise RivalError(
            f"{n} cohorts of arrival lie behind the origin, and {LEAST_COHORTS} are needed; use a later "
            "origin, or shorter periods"
        )
    cohort = np.searchsorted(past.edges, past.arrival_step, side="right") - 1
    period = np.searchsorted(past.edges, past.won_step, side="right") - 1
    counts = (cohort >= 0) & (period < n)
    won = np.zeros((n, n))
    np.add.at(won, (cohort[counts], (period - cohort)[counts]), past.worth[counts])
    if not won.any():
        raise RivalError("no deal of these cohorts is won by the origin; use a later origin")
    won[np.add.outer(np.arange(n), np.arange(n)) >= n] = np.nan
    return Cohorts(won, np.bincount(cohort[cohort >= 0], minlength=n)[:n].astype(float))


def by_period_ahead(rows: Floats, n_known: Ints, n_periods: int) -> Floats:
    """Sum cohorts over the periods ahead.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_cohorts, n_ages)
        Wins or bookings of each cohort by age.
    n_known : ndarray of int, shape (n_cohorts,)
        The age that each cohort has in the first period ahead; negative for one that arrives later.
    n_periods : int

    Returns
    -------
    ndarray of shape (n_samples, n_periods)
    """
    ages = n_known[:, None] + np.arange(n_periods)
    inside = (ages >= 0) & (ages < rows.shape[2])
    picked = np.take_along_axis(rows, np.clip(ages, 0, rows.shape[2] - 1)[None], axis=2)
    return np.asarray((picked * inside).sum(axis=1))


def gamma_of(mean: Floats, variance: Floats, rng: np.random.Generator) -> Floats:
    """Numbers of given mean and variance that are never negative; certain where either is 0."""
    is_random = (mean > 0) & (variance > 1e-12 * mean**2)
    shape = np.divide(mean**2, variance, out=np.ones_like(mean), where=is_random)
    drawn = rng.standard_gamma(shape) * np.divide(variance, mean, out=np.zeros_like(mean), where=is_random)
    return np.where(is_random, drawn, np.maximum(mean, 0.0))
