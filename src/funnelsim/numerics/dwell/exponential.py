"""Exponential dwell: the chance of leaving does not depend on age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms


@dataclass(frozen=True)
class Exponential(Dwell):
    """``S(t) = exp(-rate t)``.

    Parameters
    ----------
    rate : float
        Exits per unit of age, > 0.

    Examples
    --------
    >>> Exponential(rate=0.1).restricted_mean(10.0).__round__(4)
    6.3212
    """

    rate: float

    family = "exponential"
    is_positive = (True,)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """``-rate t``."""
        value = -np.exp(theta[0] + log_age)
        return Terms(value, value[None])

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """``log rate - rate t``."""
        log_survival = -np.exp(theta[0] + log_age)
        return Terms(theta[0] + log_survival, 1.0 + log_survival[None])

    @staticmethod
    def units(theta: Floats) -> Floats:
        """The logarithm of a rate moves by 1."""
        return np.ones(1)

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """One top only."""
        return [np.array([-start.centre])]

    def mean(self) -> float:
        """``1 / rate``."""
        return 1.0 / self.rate

    def _log_quantile(self, prob: Floats) -> Floats:
        return np.log(-np.log1p(-prob)) - np.log(self.rate)
