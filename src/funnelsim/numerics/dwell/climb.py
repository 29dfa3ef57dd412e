"""Climbing a log-likelihood: a bounded quasi-Newton search, then Newton steps on the observed information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from funnelsim.numerics.dwell.distribution import Floats
from funnelsim.vocabulary.errors import FunnelsimError

Objective = Callable[[Floats], tuple[float, Floats]]  # log-likelihood and its gradient

_MOST_UNITS = 12.0
_MOST_NEWTON_STEPS = 25
_CLOSE_ENOUGH = 1e-11  # of a maximum, in units of log-likelihood
_WIDEST_ERROR = 50.0  # a standard error of so many units says that the data do not determine a parameter
_WORST = -1e25  # stands for a likelihood that overflows


class DwellFitError(FunnelsimError):
    """No maximum of the likelihood was found, or there is none; the message says what to do instead."""


@dataclass(frozen=True, eq=False)
class Summit:
    """A maximum of a log-likelihood."""

    theta: Floats
    loglik: float
    covariance: Floats  # inverse of the observed information


def search(objective: Objective, start: Floats, units: Floats, most_steps: int) -> tuple[float, Floats]:
    """Bounded quasi-Newton search from `start`; gives the best point, converged or not."""
    scale = max(abs(_guarded(objective, start)[0]), 1.0)

    def downhill(move: Floats) -> tuple[float, Floats]:
        value, gradient = _guarded(objective, start + units * move)
        return -value / scale, -gradient * units / scale

    reach = _MOST_UNITS * np.maximum(1.0, 1.0 / units)
    found = optimize.minimize(
        downhill,
        np.zeros(len(start)),
        jac=True,
        method="L-BFGS-B",
        bounds=optimize.Bounds(-reach, reach),
        options={"maxiter": most_steps, "maxfun": 4 * most_steps, "ftol": 1e-13, "gtol": 1e-9},
    )
    return -float(found.fun) * scale, start + units * np.asarray(found.x)


def polish(objective: Objective, start: Floats, units: Callable[[Floats], Floats]) -> Summit:
    """Newton steps from near a maximum until none is worth taking.

    Raises
    ------
    DwellFitError
        If the likelihood goes on rising, or the data do not determine a parameter.
    """
    theta = start
    value, gradient = _guarded(objective, theta)
    for _ in range(_MOST_NEWTON_STEPS):
        unit = units(theta)
        information = _information(objective, theta, unit)
        curvature, axes = np.linalg.eigh(information * np.outer(unit, unit))
        along = axes.T @ (gradient * unit)
        move = along / np.maximum(np.abs(curvature), 1e-12)
        if curvature[0] > 0 and 0.5 * float(along @ move) < _CLOSE_ENOUGH:
            return _summit(theta, value, unit, curvature, axes)
        step = unit * (axes @ move) / max(1.0, float(np.abs(move).max()))
        theta, value, gradient, is_higher = _uphill(objective, theta, value, gradient, step)
        if not is_higher:
            break
    # rounding may end the climb a hair below the stated closeness: judge the place itself
    unit = units(theta)
    curvature, axes = np.linalg.eigh(_information(objective, theta, unit) * np.outer(unit, unit))
    along = axes.T @ (gradient * unit)
    if curvature[0] > 0 and 0.5 * float(along @ (along / curvature)) < 1e-7:
        return _summit(theta, value, unit, curvature, axes)
    raise DwellFitError(
        "the likelihood goes on rising towards an extreme shape, most often for want of distinct exit ages; "
        "use a family with fewer parameters, or more data"
    )


def _summit(theta: Floats, value: float, unit: Floats, curvature: Floats, axes: Floats) -> Summit:
    covariance = (axes / curvature) @ axes.T
    widest = float(np.sqrt(covariance.diagonal().max()))
    if widest > _WIDEST_ERROR:
        raise DwellFitError(
            "the data do not determine every parameter: the likelihood is flat, or rises without end; use a "
            "family with fewer parameters, or more data"
        )
    return Summit(theta, value, covariance * np.outer(unit, unit))


def _uphill(
    objective: Objective, theta: Floats, value: float, gradient: Floats, step: Floats
) -> tuple[Floats, float, Floats, bool]:
    """The first of step, step/2, step/4 ... that does not lead down."""
    for _ in range(30):
        new_value, new_gradient = _guarded(objective, theta + step)
        if new_value >= value:
            return theta + step, new_value, new_gradient, True
        step = step / 2
    return theta, value, gradient, False


def _information(objective: Objective, theta: Floats, unit: Floats) -> Floats:
    """Observed information, by central differences of the analytic gradient."""
    rows = []
    for j, size in enumerate(1e-4 * unit):
        shift = np.zeros(len(theta))
        shift[j] = size
        rows.append(
            (_guarded(objective, theta - shift)[1] - _guarded(objective, theta + shift)[1]) / (2 * size)
        )
    information = np.array(rows)
    return (information + information.T) / 2


def _guarded(objective: Objective, theta: Floats) -> tuple[float, Floats]:
    """The objective, or a very low value without slope where a trial step makes it overflow."""
    with np.errstate(all="ignore"):
        value, gradient = objective(theta)
    if value > _WORST and np.isfinite(gradient).all():
        return value, gradient
    return _WORST, np.zeros(len(theta))
