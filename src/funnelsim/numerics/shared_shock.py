"""The shared shock: how much further reality lay from past forecasts than chance and parameters explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PRIOR_VARIANCE = 0.005  # 80 % ranges then held 82 % in 700 steady worlds, 78 to 83 % in 180 that drift
PRIOR_CORRELATION = 0.5
PRIOR_WEIGHT = 4.0  # in origins
_MOST_CORRELATION = 0.95


@dataclass(frozen=True, eq=False)
class Residuals:
    """What past forecasts said and what came, for periods that had ended; NaN where one had not.

    Parameters
    ----------
    actual, mean, variance : ndarray of shape (n_origins, n_periods)
        What was won in each period; its forecast without any shock: mean, and variance by chance,
        parameters and levels.
    sum_variance : ndarray of shape (n_origins, n_periods)
        Variance of the forecast sum of the periods up to each.
    """

    actual: Floats
    mean: Floats
    variance: Floats
    sum_variance: Floats


def shock_variances(residuals: Residuals, overlap: float = 1.0) -> Floats:
    """Variance of the shock of each period ahead, shape (n_periods,).

    Parameters
    ----------
    residuals : Residuals
    overlap : float
        Origins whose periods overlap; so many count as one, as they share their errors.

    Notes
    -----
    ``phi_h = max(0, sum((y - mu)**2 - v)) / sum(max(y, mu)**2)``, shrunk with the weight of four origins to
    the same over all periods, which is shrunk with that weight to 0.005. With ``mu**2`` below, as one would
    expect, a few first forecasts that start far too low make shocks without bound; this way a variance never
    exceeds 1, and is a fifth too small where it is .08.
    """
    known = ~np.isnan(residuals.actual)
    more = np.where(known, (residuals.actual - residuals.mean) ** 2 - residuals.variance, 0.0)
    scale = np.where(known, np.maximum(residuals.mean, residuals.actual) ** 2, 0.0)
    n_origins = known.any(axis=1).sum() / overlap
    pool = _shrunk(_ratio(more.sum(), scale.sum()), n_origins, PRIOR_VARIANCE)
    by_period = [
        _shrunk(_ratio(excess, of_period), n / overlap, pool)
        for excess, of_period, n in zip(more.sum(axis=0), scale.sum(axis=0), known.sum(axis=0), strict=True)
    ]
    return np.array(by_period)


def shock_correlation(residuals: Residuals, variances: Floats, overlap: float = 1.0) -> float:
    """Correlation of the shocks of two periods, from the sums over all periods that had ended.

    Notes
    -----
    What the squared error of a sum leaves after chance and the periods' own shocks, as a share of what shocks
    that move as one would add; shrunk with the weight of four origins to one half, within 0 and 0.95.
    """
    known = ~np.isnan(residuals.actual)
    n_known = np.where((np.diff(known.astype(int), axis=1) > 0).any(axis=1), 0, known.sum(axis=1))
    left = together = 0.0
    several = np.flatnonzero(n_known > 1)
    for origin in several:
        some = slice(0, int(n_known[origin]))
        mean = residuals.mean[origin, some]
        error = float((residuals.actual[origin, some] - mean).sum())
        spread = np.sqrt(variances[some]) * mean
        apart = float((spread**2).sum())
        left += error**2 - residuals.sum_variance[origin, n_known[origin] - 1] - apart
        together += float(spread.sum()) ** 2 - apart
    raw = float(np.clip(left / together, 0.0, 1.0)) if together > 0 else PRIOR_CORRELATION
    return min(_shrunk(raw, len(several) / overlap, PRIOR_CORRELATION), _MOST_CORRELATION)


def _ratio(excess: float, scale: float) -> float:
    return max(float(excess), 0.0) / float(scale) if scale > 0 else 0.0


def _shrunk(raw: float, n: float, prior: float) -> float:
    return float((n * raw + PRIOR_WEIGHT * prior) / (n + PRIOR_WEIGHT))
