"""Lognormal dwell: the hazard rises, then falls for good."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms

_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Lognormal(Dwell):
    """``log T`` is normal.

    Parameters
    ----------
    meanlog, sdlog : float
        Mean and standard deviation of the log age.

    Examples
    --------
    >>> Lognormal(meanlog=0.0, sdlog=1.0).median()
    1.0
    """

    meanlog: float
    sdlog: float

    family = "lognormal"
    is_positive = (False, True)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """``log Phi(-z)``; the slope is minus the inverse Mills ratio, formed from logarithms."""
        sdlog = np.exp(theta[1])
        z = (log_age - theta[0]) / sdlog
        value = special.log_ndtr(-z)
        ratio = np.exp(-0.5 * z**2 - _LOG_ROOT_TWO_PI - value)
        return Terms(value, np.stack([ratio / sdlog, ratio * z]))

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """``-log t - log sdlog - log(2 pi)/2 - z**2/2``."""
        sdlog = np.exp(theta[1])
        z = (log_age - theta[0]) / sdlog
        value = -log_age - theta[1] - _LOG_ROOT_TWO_PI - 0.5 * z**2
        return Terms(value, np.stack([z / sdlog, z**2 - 1.0]))

    @staticmethod
    def units(theta: Floats) -> Floats:
        """The mean moves by the standard deviation."""
        return np.array([np.exp(theta[1]), 1.0])

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """One top only."""
        return [np.array([start.centre, np.log(start.spread)])]

    def mean(self) -> float:
        """``exp(meanlog + sdlog**2 / 2)``."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.meanlog + np.square(self.sdlog) / 2))

    def _log_quantile(self, prob: Floats) -> Floats:
        return self.meanlog + self.sdlog * special.ndtri(prob)
