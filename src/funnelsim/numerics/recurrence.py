"""Times until something returns, watched to the end of sight: rates of clusters and lags, resampled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def seen_lags(lag: Ints, is_event: Flags, least_at_risk: int) -> int:
    """Longest lag at which something returned while enough were still watched; 0 if there is none."""
    order = np.sort(lag)
    at_risk = len(order) - np.searchsorted(order, lag, side="left")
    return int(lag[is_event & (at_risk >= least_at_risk)].max(initial=0))


def lag_summary(lag: Ints, is_event: Flags, weights: Floats, longest: int, chances: Floats) -> Floats:
    r"""Chance to return within the seen lags, and quantiles of the lag of those that do.

    Parameters
    ----------
    lag : ndarray of int, shape (n_spans,)
        Steps until the return, or until the end of sight, >= 0.
    is_event : ndarray of bool, shape (n_spans,)
        Whether it returned then.
    weights : ndarray of shape (n_spans,)
    longest : int
        Longest lag that counts.
    chances : ndarray of shape (n_chances,)

    Returns
    -------
    ndarray of shape (1 + n_chances,)
        ``F(longest)``, then the first lags at which ``F(lag) / F(longest)`` reaches each chance.

    Notes
    -----
    ``F = 1 - prod(1 - d / r)`` over the lags of returns: Kaplan and Meier [1]_. A span that ends unseen at a
    lag counts as watched to the end of that step.

    References
    ----------
    .. [1] Kaplan, Meier (1958), Nonparametric estimation from incomplete observations, *JASA* 53, 457-481.
    """
    returned = np.bincount(lag, weights * is_event, minlength=longest + 1)
    at_risk = np.cumsum(np.bincount(lag, weights, minlength=longest + 1)[::-1])[::-1]
    share = np.divide(returned, at_risk, out=np.zeros_like(returned), where=at_risk > 0)
    chance = 1.0 - np.cumprod(1.0 - np.minimum(share[: longest + 1], 1.0))
    first = np.searchsorted(chance, np.asarray(chances) * chance[-1] * (1 - 1e-12))
    return np.append(chance[-1], first)


def cluster_rate_draws(events: Floats, exposure: Floats, rng: np.random.Generator, n_draws: int) -> Floats:
    """Rates of all clusters together under the Bayesian bootstrap of the clusters, shape (n_draws,).

    Parameters
    ----------
    events, exposure : ndarray of shape (n_clusters,)
        The exposures are >= 0 and not all 0.
    rng : Generator
    n_draws : int
    """
    weights = (rng.standard_exponential(len(events)) for _ in range(n_draws))
    return np.array([(w @ events) / (w @ exposure) for w in weights])
