"""Log-logistic dwell: a hazard that may rise and fall, with a tail as heavy as a power of age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms


@dataclass(frozen=True)
class Loglogistic(Dwell):
    """``S(t) = 1 / (1 + (t / scale)**shape)``.

    Parameters
    ----------
    shape : float
        The survival falls like ``t**-shape``; up to 1 the mean is infinite.
    scale : float
        The median.

    Examples
    --------
    >>> Loglogistic(shape=1.0, scale=10.0).mean()
    inf
    """

    shape: float
    scale: float

    family = "loglogistic"
    is_positive = (True, True)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """``-log(1 + e**u)``, ``u = shape (log t - log scale)``."""
        shape = np.exp(theta[0])
        u = shape * (log_age - theta[1])
        gone = special.expit(u)
        return Terms(-np.logaddexp(0.0, u), np.stack([-gone * u, shape * gone]))

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """``log shape - log t + u - 2 log(1 + e**u)``."""
        shape = np.exp(theta[0])
        u = shape * (log_age - theta[1])
        balance = 1.0 - 2.0 * special.expit(u)
        value = theta[0] - log_age + u - 2.0 * np.logaddexp(0.0, u)
        return Terms(value, np.stack([1.0 + balance * u, -shape * balance]))

    @staticmethod
    def units(theta: Floats) -> Floats:
        """The log scale moves by the spread of log ages, ``1/shape``."""
        return np.array([1.0, np.exp(-theta[0])])

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """The standard deviation of log ages is ``pi / sqrt(3) / shape``."""
        return [np.array([np.log(1.81 / start.spread), start.centre])]

    def mean(self) -> float:
        """``scale (pi/shape) / sin(pi/shape)``; infinite for a shape up to 1."""
        angle = np.pi / self.shape
        return float(self.scale * angle / np.sin(angle)) if self.shape > 1 else np.inf

    def _log_quantile(self, prob: Floats) -> Floats:
        return np.log(self.scale) + special.logit(prob) / self.shape
