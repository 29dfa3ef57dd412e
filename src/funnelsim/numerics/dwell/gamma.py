"""Gamma dwell: a sum of exponential waits; the hazard levels off with age."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from funnelsim.numerics.dwell import prentice
from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms
from funnelsim.numerics.dwell.generalised_gamma import standard_quantile


@dataclass(frozen=True)
class Gamma(Dwell):
    """Density ``rate**shape t**(shape - 1) exp(-rate t) / Gamma(shape)``.

    Computed as the generalised gamma with ``sigma = Q = shape**-1/2``, ``mu = log(shape / rate)``: its tails
    come with their derivative by shape, and a large shape is no trouble.

    Parameters
    ----------
    shape : float
    rate : float
        Per unit of age.

    Examples
    --------
    >>> Gamma(shape=2.0, rate=0.1).survival([10.0]).round(4)  # (1 + x) exp(-x)
    array([0.7358])
    """

    shape: float
    rate: float

    family = "gamma"
    is_positive = (True, True)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """Log survival of Prentice's W at ``w = sqrt(shape) (log t + log rate - log shape)``."""
        w, q_shape = _standard(theta, log_age)
        return _by_params(prentice.log_survival(w, q_shape), w, q_shape)

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """Log density of W at w, less ``log(sigma t)``."""
        w, q_shape = _standard(theta, log_age)
        terms = _by_params(prentice.log_density(w, q_shape), w, q_shape)
        terms.gradient[0] += 0.5
        return Terms(terms.value + theta[0] / 2 - log_age, terms.gradient)

    @staticmethod
    def units(theta: Floats) -> Floats:
        """A large shape makes both parameters sharp."""
        return np.full(2, min(1.0, math.exp(-theta[0] / 2)))

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """The standard deviation of log ages is about ``shape**-1/2``."""
        log_shape = min(-2 * math.log(start.spread), 8.0)
        return [np.array([log_shape, log_shape - start.centre])]

    def mean(self) -> float:
        """``shape / rate``."""
        return self.shape / self.rate

    def _log_quantile(self, prob: Floats) -> Floats:
        q_shape = self.shape**-0.5
        return math.log(self.shape / self.rate) + q_shape * standard_quantile(prob, q_shape)


def _standard(theta: Floats, log_age: Floats) -> tuple[Floats, float]:
    q_shape = math.exp(-theta[0] / 2)
    return (log_age + theta[1] - theta[0]) / q_shape, q_shape


def _by_params(term: prentice.LogTerm, w: Floats, q_shape: float) -> Terms:
    """Chain rule: w moves by ``w/2 - 1/Q`` and Q by ``-Q/2`` for a unit of log shape."""
    by_log_shape = term.by_w * (w / 2 - 1 / q_shape) - term.by_q * q_shape / 2
    return Terms(term.value, np.stack([by_log_shape, term.by_w / q_shape]))
