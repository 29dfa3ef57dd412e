"""Generalised gamma dwell (Prentice): one family that holds Weibull, gamma and lognormal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from funnelsim.numerics.dwell import prentice
from funnelsim.numerics.dwell.distribution import Dwell, Floats, Start, Terms


@dataclass(frozen=True)
class GeneralisedGamma(Dwell):
    """``log T = mu + sigma W`` with Prentice's W; Q = 0 lognormal, Q = 1 Weibull, Q = sigma gamma.

    Parameters
    ----------
    mu, sigma : float
        Place and width on the log scale.
    Q : float
        Shape; below 0 the tail is as heavy as a power of age.

    References
    ----------
    .. [1] Prentice (1974), "A log gamma model and its maximum likelihood estimation", Biometrika 61, 539-544.

    Examples
    --------
    >>> GeneralisedGamma(mu=0.0, sigma=0.5, Q=1.0).survival([0.5, 1.0]).round(4)  # Weibull of shape 2
    array([0.7788, 0.3679])
    """

    mu: float
    sigma: float
    Q: float

    family = "gengamma"
    is_positive = (False, True, False)

    @staticmethod
    def log_survival_terms(theta: Floats, log_age: Floats) -> Terms:
        """Log survival of W at ``w = (log t - mu)/sigma``."""
        w = (log_age - theta[0]) * np.exp(-theta[1])
        return _by_params(prentice.log_survival(w, float(theta[2])), w, theta)

    @staticmethod
    def log_density_terms(theta: Floats, log_age: Floats) -> Terms:
        """Log density of W at w, less ``log(sigma t)``."""
        w = (log_age - theta[0]) * np.exp(-theta[1])
        terms = _by_params(prentice.log_density(w, float(theta[2])), w, theta)
        terms.gradient[1] -= 1.0
        return Terms(terms.value - theta[1] - log_age, terms.gradient)

    @staticmethod
    def units(theta: Floats) -> Floats:
        """The place moves by the width."""
        return np.array([np.exp(theta[1]), 1.0, 1.0])

    @staticmethod
    def starts(start: Start) -> list[Floats]:
        """From heavy tails, from the lognormal and from the Weibull."""
        spread = math.log(start.spread)
        return [
            np.array([start.centre - 0.5 * start.spread, spread - 0.2, -1.0]),
            np.array([start.centre, spread, 0.0]),
            np.array([start.centre + 0.45 * start.spread, spread - 0.25, 1.0]),
        ]

    def mean(self) -> float:
        """``e**mu q**-s Gamma(q + s)/Gamma(q)``, ``s = sigma/Q``; infinite when ``sigma Q <= -1``."""
        x = self.sigma * self.Q
        return math.inf if x <= -1 else _exp(self.mu + log_mean_of_power(self.sigma, self.Q))

    def _log_quantile(self, prob: Floats) -> Floats:
        return self.mu + self.sigma * standard_quantile(prob, self.Q)


def _by_params(term: prentice.LogTerm, w: Floats, theta: Floats) -> Terms:
    return Terms(term.value, np.stack([-term.by_w * np.exp(-theta[1]), -term.by_w * w, term.by_q]))


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def log_mean_of_power(sigma: float, q_shape: float) -> float:
    """``log E exp(sigma W)`` for ``sigma Q > -1``, with Stirling's terms cancelled by hand for small Q.

    ``log Gamma(q + s) - log Gamma(q) - s log q`` with ``q = Q**-2``, ``s = sigma/Q``, ``x = s/q = sigma Q``
    is ``sigma**2 (log1p(x)/x + (log1p(x) - x)/x**2) - log1p(x)/2`` plus a difference of remainders.
    """
    x = sigma * q_shape
    if abs(x) > 0.1 or abs(q_shape) > 0.3:
        q = q_shape**-2.0
        return float(
            special.gammaln(q + sigma / q_shape) - special.gammaln(q) - sigma / q_shape * math.log(q)
        )
    # log1p(x)/x + (log1p(x) - x)/x**2 = sum of (-x)**n / ((n + 1)(n + 2)): 1/2 - x/6 + x**2/12 ...
    power = sum((-x) ** n / ((n + 1) * (n + 2)) for n in range(16))
    shifted = q_shape / math.sqrt(1 + x)  # (q + s)**-1/2
    remainders = prentice.stirling_remainder(shifted)[0] - prentice.stirling_remainder(q_shape)[0]
    return sigma**2 * power - 0.5 * math.log1p(x) + remainders


def standard_quantile(prob: Floats, q_shape: float) -> Floats:
    """The w below which W lies with each probability in (0, 1), to full precision by Newton on a tail.

    The upper tail is used above the median and the lower one below it: both are log-concave.
    """
    w = _rough_quantile(prob, q_shape)
    is_upper = prob > 0.5
    target = np.where(is_upper, np.log1p(-prob), np.log(prob))
    side = np.where(is_upper, 1.0, -1.0)
    for _ in range(6):
        for sign in (1.0, -1.0):
            chosen = side == sign
            tail = prentice.log_survival(sign * w[chosen], sign * q_shape)
            w[chosen] -= sign * (tail.value - target[chosen]) / tail.by_w
    return w


def _rough_quantile(prob: Floats, q_shape: float) -> Floats:
    if abs(q_shape) < 0.05:
        z = special.ndtri(prob)
        return np.asarray(z - q_shape * (z**2 + 2) / 6)  # Cornish-Fisher: mean about -Q/2, skewness -Q
    q = q_shape**-2.0
    x = special.gammaincinv(q, prob) if q_shape > 0 else special.gammainccinv(q, prob)
    lower = np.log(prob if q_shape > 0 else -np.expm1(np.log(prob)))
    log_x = np.where(x > 1e-200, np.log(np.maximum(x, 1e-200)), (lower + special.gammaln(q + 1)) / q)
    return np.asarray((log_x - math.log(q)) / q_shape)
