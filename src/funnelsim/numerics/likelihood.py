"""Climbing a log-likelihood with its score, and the errors that its curvature implies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

_Floats = npt.NDArray[np.float64]

WEAK_INFORMATION = 1e-4  # of a logarithm: a standard error above 100, which is to know nothing


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where a log-likelihood is largest: place, value, observed information, and whether it was reached."""

    at: _Floats
    value: float
    information: _Floats
    is_converged: bool

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell the user, empty if the maximum was reached."""
        return () if self.is_converged else ("the search stopped before it reached a maximum",)


def maximise(
    loglik_and_score: Callable[[_Floats], tuple[float, _Floats]],
    start: _Floats,
    bounds: list[tuple[float, float]],
) -> Maximum:
    """Climb a log-likelihood with its score: truncated Newton within bounds, then up to five full steps."""

    def descend(at: _Floats) -> tuple[float, _Floats]:
        value, score = loglik_and_score(at)
        return -value, -score

    # Not L-BFGS-B: scipy's calls a threaded library for its tiny matrices, 20 times slower on a busy machine.
    result = optimize.minimize(
        descend, start, jac=True, method="TNC", bounds=bounds, options={"maxfun": 1000, "ftol": 1e-12}
    )
    at, (low, high) = result.x, np.transpose(bounds)
    value, score = loglik_and_score(at)
    for _ in range(5):
        information = observed_information(lambda x: loglik_and_score(x)[1], at)
        values, vectors = np.linalg.eigh(information)
        strong = values > WEAK_INFORMATION
        step = vectors[:, strong] @ ((score @ vectors[:, strong]) / values[strong])
        ahead = np.clip(at + step, low, high)
        is_converged = bool(np.abs(ahead - at).max(initial=0.0) < 1e-5 and values.min(initial=0.0) > -1e-2)
        new_value, new_score = loglik_and_score(ahead)
        is_better = new_value > value
        if is_better:
            at, value, score = ahead, new_value, new_score
        if is_converged or not is_better:
            break
    return Maximum(at, value, information, is_converged)


def observed_information(score: Callable[[_Floats], _Floats], at: _Floats) -> _Floats:
    """Minus the derivative of a score, shape (n, n), by central differences; for logarithms."""
    steps = 1e-4 * np.eye(len(at))
    slopes = [(score(at - step) - score(at + step)) / 2e-4 for step in steps]
    information = np.reshape(slopes, (len(at), len(at)))
    result: _Floats = (information + information.T) / 2
    return result


def delta_method_se(jacobian: _Floats, information: _Floats) -> _Floats:
    """Standard errors of functions of parameters, ``sqrt(J I**-1 J')``; ``inf`` where the data say nothing.

    `jacobian` has shape (n_functions, n_parameters), `information` is that of logarithms of parameters. A
    function that leans on a direction with almost no information has no finite error.
    """
    values, vectors = np.linalg.eigh(information)
    weak, loads = values < WEAK_INFORMATION, jacobian @ vectors
    size = np.linalg.norm(jacobian, axis=1, keepdims=True)
    is_lost = (np.abs(loads[:, weak]) > 1e-3 * size).any(axis=1)
    return np.where(is_lost, np.inf, np.sqrt(loads[:, ~weak] ** 2 @ (1 / values[~weak])))
