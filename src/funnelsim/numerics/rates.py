"""Rates, the scale on which factors act: cumulative hazards per step by cause, and the chances they make."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LARGEST_HAZARD = 1.0 - 1e-12


def rates_of(hazards: Floats, axis: int = -1) -> Floats:
    """Cumulative hazard per step by cause: ``-log(1 - h) h_j / h``, with h the sum of the h_j.

    Parameters
    ----------
    hazards : ndarray of float
        Chances per step of each cause.
    axis : int
        Along which the causes stand.

    Returns
    -------
    ndarray of float, of the same shape
        Rates multiplied by any factors still make chances between 0 and 1 (complementary log-log link).
    """
    total = hazards.sum(axis=axis, keepdims=True)
    cumulative = -np.log1p(-np.minimum(total, _LARGEST_HAZARD))
    rates: Floats = cumulative * np.divide(hazards, total, out=np.zeros_like(hazards), where=total > 0)
    return rates


def chances_of(rates: Floats, axis: int = -1) -> Floats:
    """Chance of each cause within a step, from the rates of all causes: the inverse of :func:`rates_of`."""
    total = rates.sum(axis=axis, keepdims=True)
    per_rate = np.divide(-np.expm1(-total), total, out=np.ones_like(total), where=total > 0)
    return rates * per_rate
