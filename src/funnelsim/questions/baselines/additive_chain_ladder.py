"""Additive chain ladder: every cohort wins, at each age, the same number or amount per arrived deal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.cohorts import Cohorts, by_period_ahead, cohorts_of, gamma_of
from funnelsim.questions.baselines.past import past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples

_MOST_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class AdditiveChainLadder:
    """Wins or bookings per arrived deal by age, the same for all cohorts; needs no library.

    Parameters
    ----------
    n_recent : int
        Periods whose arrivals those to come resemble.

    Notes
    -----
    ``m_k = sum_i X[i, k] / sum_i n_i`` over the cohorts known at age ``k``: ``X[i, k]`` is won at age ``k``
    from arrival period ``i``, ``n_i`` is how many deals arrived. ``X[i, k] = n_i m_k``; nothing comes after
    the oldest age. Unlike Mack's factors it holds where a cohort has won nothing yet.

    Range: ``X[i, k]`` is gamma with variance ``n_i s_k^2``, ``s_k^2 = sum_i n_i (X[i, k] / n_i - m_k)^2 /
    (I_k - 1)``, and ``m_k`` normal with variance ``s_k^2 / sum_i n_i``, not below 0. An age known of one
    cohort alone takes the mean ratio of ``s^2`` to ``m``. Arrivals to come are those of recent periods drawn
    at random. Deals that arrived before the window belong to no cohort.

    References
    ----------
    .. [1] Schmidt (2006), Methods and models of loss reserving based on run-off triangles: a unifying survey,
       *Casualty Actuarial Society Forum*, Fall 2006, section on the additive method.
    """

    n_recent: int = 12

    def __post_init__(self) -> None:
        if self.n_recent < 1:
            raise RivalError(f"n_recent must be at least 1, not {self.n_recent}")

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "chain ladder (additive)"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            "arrived deals x mean won per arrived deal at each age, arrivals to come as the last "
            f"{self.n_recent} periods; process and parameter error from the cells of the triangle"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals are the cohorts that have arrived.

        Raises
        ------
        RivalError
            If the cohorts are fewer than four, or none of their deals is won.
        """
        past = past_of(seen, edges, measure, n_samples)
        cohorts = cohorts_of(past)
        mean, variance = _per_deal(cohorts)
        n_cohorts, n_periods = len(cohorts.won), past.n_periods
        recent = cohorts.n_arrived[-self.n_recent :]
        parts = []
        at_once = max(_MOST_AT_ONCE // (n_cohorts * (n_cohorts + n_periods)), 1)
        for done in range(0, n_samples, at_once):
            size = min(at_once, n_samples - done)
            rate = mean + np.sqrt(variance / _exposure(cohorts)) * rng.standard_normal((size, n_cohorts))
            coming = recent[rng.integers(len(recent), size=(size, n_periods))]
            arrived = np.concatenate((np.tile(cohorts.n_arrived, (size, 1)), coming), axis=1)
            cells = arrived[:, :, None] * np.maximum(rate, 0.0)[:, None, :]
            drawn = gamma_of(cells, arrived[:, :, None] * variance, rng)
            age = np.concatenate((cohorts.n_known, -np.arange(n_periods)))
            parts.append(
                (
                    by_period_ahead(drawn[:, :n_cohorts], age[:n_cohorts], n_periods),
                    by_period_ahead(drawn[:, n_cohorts:], age[n_cohorts:], n_periods),
                )
            )
        seen_part, later = (np.concatenate(part) for part in zip(*parts, strict=True))
        stretch = np.diff(past.ahead) / np.diff(past.ahead).mean()
        return Samples((seen_part + later) * stretch, seen_part * stretch)


def _exposure(cohorts: Cohorts) -> Floats:
    """Deals that arrived in the cohorts known at each age, at least 1."""
    return np.maximum(np.cumsum(cohorts.n_arrived)[::-1], 1.0)


def _per_deal(cohorts: Cohorts) -> tuple[Floats, Floats]:
    """Won per arrived deal by age, and its variance for one deal: each of shape (n_ages,)."""
    arrived, known = cohorts.n_arrived[:, None], np.isfinite(cohorts.won)
    mean = np.nansum(cohorts.won, axis=0) / _exposure(cohorts)
    ratio = np.divide(cohorts.won, arrived, out=np.full_like(cohorts.won, np.nan), where=arrived > 0)
    squares = np.nansum(arrived * (ratio - mean) ** 2, axis=0)
    n_used = (known & (arrived > 0)).sum(axis=0)
    variance = squares / np.maximum(n_used - 1, 1)
    several = n_used > 1
    pooled = variance[several].sum() / max(mean[several].sum(), 1e-300)
    return mean, np.where(several, variance, pooled * mean)
