"""Bayesian bootstrap: means and quantiles under random weights of what was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def weighted_quantiles(increasing: Floats, weights: Floats, chances: Floats) -> Floats:
    """Quantiles of values under weights, linear between the middles of the weights.

    Parameters
    ----------
    increasing : ndarray of shape (n_values,)
        Values, increasing.
    weights : ndarray of shape (n_values,)
        >= 0, not all 0.
    chances : ndarray of shape (n_chances,)

    Returns
    -------
    ndarray of shape (n_chances,)

    Notes
    -----
    With equal weights value i (from 0) has chance ``(i + 1/2) / n``: definition 5 of [1]_ ("hazen" in numpy).

    References
    ----------
    .. [1] Hyndman, Fan (1996), Sample quantiles in statistical packages, *American Statistician* 50, 361-365.
    """
    total = np.cumsum(weights)
    return np.interp(chances, (total - weights / 2) / total[-1], increasing)


def bootstrap_summary(
    increasing: Floats, chances: Floats, rng: np.random.Generator, n_draws: int
) -> tuple[Floats, Floats]:
    """Mean and quantiles of values, and draws of them under the Bayesian bootstrap.

    Parameters
    ----------
    increasing : ndarray of shape (n_values,)
        Values, increasing; at least one.
    chances : ndarray of shape (n_chances,)
    rng : Generator
    n_draws : int

    Returns
    -------
    estimate : ndarray of shape (1 + n_chances,)
        The mean, then the quantiles.
    draws : ndarray of shape (n_draws, 1 + n_chances)

    Notes
    -----
    Weights of a draw are Dirichlet(1, ..., 1): the posterior of the law when nothing else is known [1]_. It
    knows no value beyond those seen, so intervals of a mean that hangs on a heavy tail are too narrow.

    References
    ----------
    .. [1] Rubin (1981), The Bayesian bootstrap, *Annals of Statistics* 9(1), 130-134.
    """

    def of(weights: Floats) -> Floats:
        mean = weights @ increasing / weights.sum()
        return np.append(mean, weighted_quantiles(increasing, weights, chances))

    n = len(increasing)
    return of(np.ones(n)), np.stack([of(rng.standard_exponential(n)) for _ in range(n_draws)])
