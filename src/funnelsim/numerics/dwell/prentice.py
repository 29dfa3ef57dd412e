"""Prentice's standard variable: density and both tails with derivatives, smooth through the lognormal limit.

``W = (log T - mu) / sigma`` has log density ``-log(2 pi)/2 - delta(Q) - w**2 phi2(Q w)`` with
``phi2(x) = (e**x - 1 - x)/x**2`` and ``delta`` the remainder of Stirling's formula for ``log Gamma(Q**-2)``:
nothing is divided by Q, so Q = 0 (the normal density) is an ordinary point. The mode is 0 and the density is
log-concave; mirroring W turns the sign of Q, so one tail beyond the mode gives the whole distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NODES, _WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0
_N_GRID = 80
_GRID = np.cos(np.pi * (np.arange(_N_GRID) + 0.5) / _N_GRID)  # Chebyshev points on (-1, 1)
_TO_COEFFICIENTS = 2 / _N_GRID * np.cos(np.arange(_N_GRID)[:, None] * np.arccos(_GRID))
_TO_COEFFICIENTS[0] /= 2
_DROP = 40.0  # a tail is cut where the density has fallen by e**-40
_LARGEST_EXPONENT = 600.0
_SERIES_FROM = 0.5  # |Q| from which the heavy tail has a short series

# Taylor series of phi1(x) = (e**x - 1)/x, of phi2, and of their slopes; 20 terms for |x| <= 1
_PHI1 = [1.0 / math.factorial(n + 1) for n in range(20)]
_PHI2 = [1.0 / math.factorial(n + 2) for n in range(20)]
_PHI1_SLOPE, _PHI2_SLOPE = ([n * c for n, c in enumerate(series)][1:] for series in (_PHI1, _PHI2))
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


class LogTerm(NamedTuple):
    """A log density or log probability at w, and its derivatives by w and by Q."""

    value: Floats
    by_w: Floats
    by_q: Floats


def log_density(w: Floats, q_shape: float) -> LogTerm:
    """Log density of the standard variable."""
    x = np.minimum(q_shape * w, _LARGEST_EXPONENT)
    remainder, slope = stirling_remainder(q_shape)
    return LogTerm(
        -0.5 * math.log(2 * math.pi) - remainder - w**2 * phi2(x),
        -w * phi1(x),
        -slope - w**3 * phi2_slope(x),
    )


def log_survival(w: Floats, q_shape: float) -> LogTerm:
    """Log of ``P(W > w)``: beyond the mode its tail, before it ``log(1 - F)`` from the other tail."""
    result = LogTerm(*np.empty((3, len(w))))
    is_beyond = w >= 0
    for row, part in zip(result, _log_tail(w[is_beyond], q_shape), strict=True):
        row[is_beyond] = part
    left = _log_tail(-w[~is_beyond], -q_shape)
    odds = np.exp(left.value) / -np.expm1(left.value)
    parts = (np.log1p(-np.exp(left.value)), left.by_w * odds, left.by_q * odds)
    for row, part in zip(result, parts, strict=True):
        row[~is_beyond] = part
    return result


def _log_tail(w: Floats, q_shape: float) -> LogTerm:
    """Log of ``P(W > w)`` for w >= 0."""
    return _tail_by_series(w, q_shape) if q_shape <= -_SERIES_FROM else _tail_by_quadrature(w, q_shape)


def _tail_by_quadrature(w: Floats, q_shape: float) -> LogTerm:
    """Density at w times Mills' ratio, the integral over u of ``g(w + u)/g(w)``."""
    density = log_density(w, q_shape)
    log_mills, mean_fall_by_q = _mills_on_grid(w, q_shape) if len(w) > 3 * _N_GRID else _mills(w, q_shape)
    return LogTerm(density.value + log_mills, -np.exp(-log_mills), density.by_q - mean_fall_by_q)


def _mills_on_grid(w: Floats, q_shape: float) -> Floats:
    """`_mills` read off a Chebyshev interpolant: both rows are smooth in w, and many stays need few nodes.

    Where the last coefficients have not died out (a trial step far away), every w is computed.
    """
    half = float(w.max()) / 2
    rows = _mills(half * (1 + _GRID), q_shape)
    coefficients = _TO_COEFFICIENTS @ rows.T
    is_resolved = np.abs(coefficients[-4:]).max() <= 1e-13 * (1 + np.abs(coefficients).max())
    if not is_resolved:
        return _mills(w, q_shape)
    return np.asarray(np.polynomial.chebyshev.chebval(w / half - 1, coefficients))


def _mills(w: Floats, q_shape: float) -> Floats:
    """Log of Mills' ratio ``integral of exp(-fall)``, and the mean of the slope of the fall in Q.

    The fall is that of the log density from w to w + u. With ``D(w) = w**2 phi2(Q w)`` it is
    ``u D'(w) + exp(Q w) u**2 phi2(Q u)``, all terms positive.
    """
    x = np.minimum(q_shape * w, _LARGEST_EXPONENT)
    slope, curvature = w * phi1(x), np.exp(x)
    slope_by_q, curvature_by_q = w**2 * phi1_slope(x), w * curvature
    reach = _reach(slope, curvature, q_shape)
    u = reach[:, None] * _NODES
    bend, bend_slope = phi2(q_shape * u), phi2_slope(q_shape * u)
    weight = np.exp(-u * slope[:, None] - u**2 * bend * curvature[:, None]) * _WEIGHTS
    bend_by_q = bend * curvature_by_q[:, None] + u * bend_slope * curvature[:, None]
    fall_by_q = u * slope_by_q[:, None] + u**2 * bend_by_q
    total = weight.sum(axis=1)
    return np.stack([np.log(reach * total), (weight * fall_by_q).sum(axis=1) / total])


def _reach(slope: Floats, curvature: Floats, q_shape: float) -> Floats:
    """A distance by which the log density has surely fallen by `_DROP`, and not by much more.

    For Q > 0 from the bounds ``e**y - 1 - y >= y**2/2`` and ``>= e**y/4`` (y >= 1); for Q < 0 from
    ``phi2(-y) >= 1/(2 + y)``, a quadratic whose leading coefficient is 1.
    """
    if q_shape <= 0:
        half = _DROP * -q_shape / 2 - slope
        return half + np.sqrt(half**2 + 2 * _DROP)
    by_square = np.sqrt(2 * _DROP / curvature)
    by_exponential = np.log(np.maximum(4 * _DROP * q_shape**2 / curvature, math.e)) / q_shape
    by_line = _DROP / np.maximum(slope, 1e-300)
    return np.minimum(np.minimum(by_square, by_exponential), by_line)


def _tail_by_series(w: Floats, q_shape: float) -> LogTerm:
    """The heavy tail (Q <= -1/2): incomplete gamma ``P(q, x)``, q = Q**-2, ``x = q exp(Q w) <= q <= 4``.

    ``P(q, x) = x**q e**-x / Gamma(q + 1) * sum of x**n / ((q + 1) ... (q + n))``, and its derivative by q
    term by term.
    """
    q = q_shape**-2.0
    log_x = math.log(q) + q_shape * w
    x = np.exp(log_x)
    term, term_by_q = np.ones_like(w), np.zeros_like(w)
    total, total_by_q = term.copy(), term_by_q.copy()
    for n in range(1, 40):
        ratio = x / (q + n)
        term, term_by_q = term * ratio, (term_by_q - term / (q + n)) * ratio
        total += term
        total_by_q += term_by_q
    by_order = log_x - float(special.psi(q + 1)) + total_by_q / total
    return LogTerm(
        q * log_x - x - math.lgamma(q + 1) + np.log(total),
        1.0 / (q_shape * total),
        -2 * q_shape**-3.0 * by_order + q / total * (w - 2 / q_shape),
    )


def stirling_remainder(q_shape: float) -> tuple[float, float]:
    """``log Gamma(q) - (q - 1/2) log q + q - log(2 pi)/2`` at ``q = Q**-2``, and its slope in Q."""
    if q_shape**2 < 0.1:
        powers = [q_shape ** (4 * n + 1) for n in range(len(_STIRLING))]
        value = sum(c * p * q_shape for c, p in zip(_STIRLING, powers, strict=True))
        return value, sum((4 * n + 2) * c * p for n, (c, p) in enumerate(zip(_STIRLING, powers, strict=True)))
    q = q_shape**-2.0
    value = math.lgamma(q) - (q - 0.5) * math.log(q) + q - 0.5 * math.log(2 * math.pi)
    by_order = float(special.psi(q)) - math.log(q) + 0.5 / q
    return value, -2 * by_order * q_shape**-3.0


def phi1(x: Floats) -> Floats:
    """``(e**x - 1)/x``."""
    return _near_zero(x, _PHI1, lambda y: np.expm1(y) / y)


def phi2(x: Floats) -> Floats:
    """``(e**x - 1 - x)/x**2``."""
    return _near_zero(x, _PHI2, lambda y: (np.expm1(y) - y) / y**2)


def phi1_slope(x: Floats) -> Floats:
    """Derivative of `phi1`."""
    return _near_zero(x, _PHI1_SLOPE, lambda y: (y * np.exp(y) - np.expm1(y)) / y**2)


def phi2_slope(x: Floats) -> Floats:
    """Derivative of `phi2`."""
    return _near_zero(x, _PHI2_SLOPE, lambda y: (y * np.expm1(y) - 2 * (np.expm1(y) - y)) / y**3)


def _near_zero(x: Floats, series: Sequence[float], formula: Callable[[Floats], Floats]) -> Floats:
    """`formula`, and its Taylor series where ``|x| <= 1`` and the formula would cancel."""
    result = np.empty_like(x)
    is_near = np.abs(x) <= 1
    result[is_near] = np.polynomial.polynomial.polyval(x[is_near], series)
    result[~is_near] = formula(x[~is_near])
    return result
