"""Weibull dwell: the hazard is a power of age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms


@dataclass(frozen=True)
class Weibull(Dwell):
    """``S(t) = exp(-(t / scale)**shape)``.

    Parameters
    ----------
    shape : float
        Above 1 deals leave faster the older they are, below 1 slower.
    scale : float
        Age by which 63 % have left.

    Examples
    --------
    >>> Weibull(shape=2.0, scale=10.0).survival([5.0, 10.0]).round(4)
    array([0.7788, 0.3679])
    """

    shape: float
    scale: float

    family = "weibull"
    is_positive = (True, True)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """Minus the cumulative hazard ``exp(u)``, ``u = shape (log t - log scale)``."""
        shape = np.exp(theta[0])
        u = shape * (log_age - theta[1])
        value = -np.exp(u)
        return Terms(value, np.stack([value * u, -shape * value]))

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """``log shape + u - log t - exp(u)``."""
        shape = np.exp(theta[0])
        u = shape * (log_age - theta[1])
        hazard_sum = np.exp(u)
        gradient = np.stack([1.0 + u * (1.0 - hazard_sum), shape * (hazard_sum - 1.0)])
        return Terms(theta[0] + u - log_age - hazard_sum, gradient)

    @staticmethod
    def units(theta: Floats) -> Floats:
        """The log scale moves by the spread of log ages, ``1/shape``."""
        return np.array([1.0, np.exp(-theta[0])])

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """The spread of log ages is 1.28/shape, their mean .58/shape below the log scale."""
        shape = 1.28 / start.spread
        return [np.array([np.log(shape), start.centre + 0.58 / shape])]

    def mean(self) -> float:
        """``scale Gamma(1 + 1/shape)``."""
        with np.errstate(over="ignore"):
            return float(np.exp(np.log(self.scale) + special.gammaln(1.0 + 1.0 / self.shape)))

    def _log_quantile(self, prob: Floats) -> Floats:
        return np.log(self.scale) + np.log(-np.log1p(-prob)) / self.shape
