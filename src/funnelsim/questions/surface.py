"""Surface: the chance over shares of what can be bought, as a quadratic probit, and the climb on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import optimize, special
from scipy.stats import qmc

from funnelsim.vocabulary.progress import watched

Floats = npt.NDArray[np.float64]

_LEAST_CHANCE = 1e-6  # a probit beyond it is noise of the transform


@dataclass(frozen=True, eq=False)
class Surface:
    """Probit of the chance as a quadratic function of the shares bought, fitted to forecasts.

    Parameters
    ----------
    coefficients : ndarray of shape (n_terms,)
    n : int
    error : float
        Largest miss of the chance at shares that it was not fitted to.
    """

    coefficients: Floats
    n: int
    error: float

    def probit(self, shares: Floats) -> float:
        """Approximate probit of the chance."""
        return float(_terms(np.atleast_2d(shares))[0] @ self.coefficients)

    @classmethod
    def fitted(cls, n: int, chance_of: Callable[[Floats], float]) -> Surface:
        """Fit to corners, the middle and scattered points; judged on four points left out."""
        scattered = qmc.Sobol(n, scramble=False).random_base2(4 if n < 4 else 5)
        design = np.concatenate([np.eye(n), np.full((1, n), 0.5), np.ones((1, n)), scattered])
        held_out = qmc.Halton(n, scramble=False).random(5)[1:]
        tried = watched(design, "trying mixes", len(design))
        value = special.ndtri([_inside(chance_of(x)) for x in tried])
        found, *_ = np.linalg.lstsq(_terms(design), value, rcond=None)
        told = special.ndtr(_terms(held_out) @ found)
        error = np.max(np.abs(told - [chance_of(x) for x in held_out]))
        return cls(np.asarray(found, dtype=float), n, float(error))

    @cached_property
    def is_rough(self) -> bool:
        """Whether it misses by more than two points, so that a mix should be checked by forecasts."""
        return self.error > 0.02


def _inside(chance: float) -> float:
    return min(max(chance, _LEAST_CHANCE), 1.0 - _LEAST_CHANCE)


def _terms(shares: Floats) -> Floats:
    """Constant, linear, and all products of two shares."""
    n = shares.shape[1]
    products = [shares[:, i] * shares[:, j] for i in range(n) for j in range(i, n)]
    return np.column_stack([np.ones(len(shares)), shares, *products])


def climb(
    loss: Callable[[Floats], float], n: int, limit: Callable[[Floats], float], start_from: float
) -> Floats:
    """The best of a few climbs from different starts (SLSQP) within 0 and 1, `limit` not below 0."""
    starts = [np.full(n, abs(start_from - 0.1)), *(np.where(np.eye(n)[i] > 0, 0.9, 0.2) for i in range(n))]
    found = [
        optimize.minimize(
            loss,
            start,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * n,
            constraints=[{"type": "ineq", "fun": limit}],
            options={"maxiter": 200},
        )
        for start in starts
    ]
    feasible = [f for f in found if limit(f.x) > -1e-6] or found
    best = min(feasible, key=lambda f: float(f.fun))
    return np.asarray(np.where(best.x < 1e-4, 0.0, np.clip(best.x, 0.0, 1.0)))
