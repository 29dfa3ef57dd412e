"""Chain ladder by arrival cohort (Mack) by chainladder: the only module that imports it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from funnelsim.nouns.history import DealHistory
from funnelsim.questions.baselines.cohorts import Cohorts, by_period_ahead, cohorts_of, gamma_of
from funnelsim.questions.baselines.past import past_of
from funnelsim.questions.baselines.protocol import Floats, Ints, Measure, RivalError, Samples, require

LIBRARY = "chainladder"
_FIRST_YEAR = 1900  # cohorts go by made-up years: the library knows calendars, and any grain fits in years
_MOST_EMPTY = 0.1
_LEAST_SHARE = 0.1
_LEAST_AT_START = 3
_MOST_AT_ONCE = 4_000_000  # cells of the triangles of one batch of futures


@dataclass(frozen=True)
class ChainLadder:
    """Cohorts of arrival grow by the same factors as earlier ones did; new cohorts become like recent ones.

    Parameters
    ----------
    n_recent : int
        Cohorts whose mean ultimate a new cohort has.

    Notes
    -----
    ``C[i, k]``: won from arrival period ``i`` up to age ``k``. ``f_k = sum_i C[i, k + 1] / sum_i C[i, k]``
    over the cohorts known at both ages; ``C[i, k + 1] = f_k C[i, k]``; nothing comes after the oldest age.
    ``f_k``, ``sigma_k`` and the error of ``f_k`` are those of the library.

    Range: Mack's model drawn step by step, with ``f_k`` normal about its estimate (not below 1) and the
    increase of a cohort gamma with mean ``(f_k - 1) C`` and variance ``sigma_k^2 C``: the two parts of Mack's
    standard error, jointly over cohorts and periods. A cohort yet to come follows, in the same future, one of
    the last `n_recent` cohorts drawn at random.

    A factor is not defined where a cohort has won nothing yet (the library leaves such a cohort out), and
    grows wild where it has won next to nothing. Ages therefore begin at the first by which at most a tenth of
    the cohorts are empty and, on average, a tenth of what a cohort brings has come; younger cohorts count as
    yet to come. Deals that arrived before the window belong to no cohort.

    References
    ----------
    .. [1] Mack (1993), Distribution-free calculation of the standard error of chain ladder reserve
       estimates, *ASTIN Bulletin* 23(2), 213-225.
    .. [2] Bogaardt and others, *chainladder-python*.
    """

    n_recent: int = 12

    def __post_init__(self) -> None:
        if self.n_recent < 1:
            raise RivalError(f"n_recent must be at least 1, not {self.n_recent}")

    @property
    def name(self) -> str:
        """What the method is called in tables."""
        return "chain ladder (Mack)"

    @property
    def formula(self) -> str:
        """What is computed, and how its range comes about."""
        return (
            "cohorts of arrival grow by volume-weighted age-to-age factors, new cohorts as the last "
            f"{self.n_recent}; process and parameter error by Mack"
        )

    def forecast(
        self, seen: DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples by period; open deals are the cohorts that have arrived.

        Raises
        ------
        RivalError
            If chainladder is not installed, or the cohorts are too few or too empty.
        """
        require(LIBRARY, self.name)
        past = past_of(seen, edges, measure, n_samples)
        cohorts = cohorts_of(past)
        start = _first_age(cohorts.won)
        growth = _growth(cohorts.won, start)
        at_once = max(_MOST_AT_ONCE // cohorts.won.size, 1)
        sizes = [min(at_once, n_samples - done) for done in range(0, n_samples, at_once)]
        drawn = [self._drawn(cohorts, growth, size, past.n_periods, rng) for size in sizes]
        arrived, unborn = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        stretch = np.diff(past.ahead) / np.diff(past.ahead).mean()
        return Samples((arrived + unborn) * stretch, arrived * stretch)

    def _drawn(
        self, cohorts: Cohorts, growth: _Growth, n_samples: int, n_periods: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """What the cohorts that have arrived, and those yet to come, bring by period."""
        grown = _grown(cohorts.won, growth, n_samples, rng)
        n_cohorts, n_mature = len(cohorts.won), grown.shape[1]
        n_copies = n_cohorts - n_mature + n_periods
        source = rng.integers(max(n_mature - self.n_recent, 0), n_mature, size=(n_samples, n_copies))
        copies = grown[np.arange(n_samples)[:, None], source]
        rows = np.concatenate((grown, copies), axis=1)
        age = np.concatenate((cohorts.n_known, -np.arange(n_periods)))
        arrived = by_period_ahead(rows[:, :n_cohorts], age[:n_cohorts], n_periods)
        return arrived, by_period_ahead(rows[:, n_cohorts:], age[n_cohorts:], n_periods)


@dataclass(frozen=True, eq=False)
class _Growth:
    """From age `start` on: age-to-age factors, their sigma and standard errors, each of shape (n_steps,)."""

    start: int
    factor: Floats
    sigma: Floats
    error: Floats


def _first_age(won: Floats) -> int:
    """First age by which nearly every cohort so old has won something, and something that matters."""
    known = np.cumsum(won, axis=1)
    share = np.cumsum(np.nanmean(won, axis=0)) / np.nanmean(won, axis=0).sum()
    for age in range(len(won) - _LEAST_AT_START + 1):
        is_empty = known[: len(won) - age, age] == 0
        if is_empty.mean() <= _MOST_EMPTY and share[age] >= _LEAST_SHARE:
            return age
    raise RivalError("most cohorts of arrival have won nothing yet, so no factor of growth is defined")


def _growth(won: Floats, start: int) -> _Growth:
    import chainladder as library

    ladder: Any = library  # it names its types for people, not for checkers

    grown = np.cumsum(won, axis=1)[: len(won) - start, start:]
    cohort, age = np.nonzero(np.isfinite(grown))
    frame = pd.DataFrame(
        {
            "origin": (_FIRST_YEAR + cohort).astype(str),
            "development": (_FIRST_YEAR + cohort + age).astype(str),
            "won": grown[cohort, age],
        }
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of its own dependencies
        triangle = ladder.Triangle(
            frame,
            origin="origin",
            development="development",
            columns="won",
            origin_format="%Y",
            development_format="%Y",
            cumulative=True,
        )
        fitted = ladder.Development().fit(triangle)
    found = (fitted.ldf_.values, fitted.sigma_.values, fitted.std_err_.values)
    factor, sigma, error = (np.asarray(values, dtype=float).reshape(-1) for values in found)
    if len(factor) != len(grown) - 1:
        raise RivalError(f"{len(grown)} cohorts gave {len(factor)} factors of growth; use longer periods")
    return _Growth(
        start, np.where(np.isfinite(factor), factor, 1.0), np.nan_to_num(sigma), np.nan_to_num(error)
    )


def _grown(won: Floats, growth: _Growth, n_samples: int, rng: np.random.Generator) -> Floats:
    """Cohorts that have reached the first age, completed: shape (n_samples, n_mature, n_ages)."""
    start, n_mature = growth.start, len(won) - growth.start
    n_steps = len(growth.factor)
    rows = np.repeat(won[None, :n_mature], n_samples, axis=0)
    total = np.nansum(won[:n_mature, : start + 1], axis=1) * np.ones((n_samples, 1))
    factor = np.maximum(growth.factor + growth.error * rng.standard_normal((n_samples, n_steps)), 1.0)
    for step in range(n_steps):
        age = start + 1 + step
        unknown = n_mature - 1 - step  # cohorts from here on have not reached this age
        mean = (factor[:, step, None] - 1.0) * total[:, unknown:]
        rows[:, unknown:, age] = gamma_of(mean, growth.sigma[step] ** 2 * total[:, unknown:], rng)
        total = total + rows[:, :, age]
    return rows
