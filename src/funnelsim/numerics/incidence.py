"""From hazards to incidence: which way deals leave a stage, and after how long."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.staying import routes_by_bin

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def incidence_by_age(first_age: Ints, hazards: Floats, n_ages: int) -> Floats:
    """Chance that a deal entering a stage leaves it at each age to each place.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin; the last bin never ends.
    hazards : ndarray of shape (..., n_bins, n_places)
        Chance per step to leave to each place, for a deal still in the stage.
    n_ages : int
        Ages 0 to ``n_ages - 1`` are returned.

    Returns
    -------
    ndarray of shape (..., n_ages, n_places)
        Sums over ages and places to at most 1; the rest has not left by then.
    """
    by_age = hazards[..., np.searchsorted(first_age, np.arange(n_ages), side="right") - 1, :]
    survival = np.cumprod(1.0 - by_age.sum(axis=-1), axis=-1)
    before = np.concatenate([np.ones_like(survival[..., :1]), survival[..., :-1]], axis=-1)
    incidence: Floats = by_age * before[..., None]
    return incidence


def observed_routes(first_age: Ints, hazards: Floats) -> Floats:
    """Chance to leave a stage to each place within the ages at which anyone was seen to leave.

    The last bin (older than any exit) is not counted: nobody has been seen to leave from there, so what
    remains is "not decided within the ages seen", not a loss and not a win.

    Returns
    -------
    ndarray of shape (..., n_places)
    """
    routes: Floats = routes_by_bin(first_age, hazards).sum(axis=-2)
    return routes


def win_rates(routes: Floats, is_won: npt.NDArray[np.bool_]) -> Floats:
    """Chance that a deal entering each open stage is finally won, along routes of any length.

    Parameters
    ----------
    routes : ndarray of shape (..., n_open, n_places)
        Chance to leave each open stage to each place.
    is_won : ndarray of bool, shape (n_places,)

    Returns
    -------
    ndarray of shape (..., n_open)

    References
    ----------
    .. [1] Kemeny, Snell (1976), *Finite Markov Chains*, theorem 3.3.7 (absorption probabilities).
    """
    n_open = routes.shape[-2]
    direct = routes[..., is_won].sum(axis=-1)
    rates: Floats = np.linalg.solve(np.eye(n_open) - routes[..., :n_open], direct[..., None])[..., 0]
    return rates


def dwell_quantile(incidence: Floats, share: float) -> Floats:
    """Age by which a given share of those who leave have left.

    Parameters
    ----------
    incidence : ndarray of shape (..., n_ages, n_places)
    share : float
        Between 0 and 1; 0.5 gives the median.

    Returns
    -------
    ndarray of shape (...)
        Whole ages, in steps.
    """
    left = np.cumsum(incidence.sum(axis=-1), axis=-1)
    ages: Floats = (left < share * left[..., -1:] * (1 - 1e-12)).sum(axis=-1).astype(float)
    return ages


def tilt_forward(hazards: Floats, is_forward: npt.NDArray[np.bool_], log_odds: float) -> Floats:
    """Hazards whose forward share has its odds multiplied, at every age; the chance to leave stays.

    Parameters
    ----------
    hazards : ndarray of shape (..., n_bins, n_places)
    is_forward : ndarray of bool, shape (n_places,)
    log_odds : float
        Logarithm of the factor on the odds of leaving forward; 0 changes nothing.

    Returns
    -------
    ndarray of the shape of `hazards`
    """
    if log_odds == 0.0:
        return hazards
    forward = np.where(is_forward, hazards, 0.0).sum(axis=-1, keepdims=True)
    other = hazards.sum(axis=-1, keepdims=True) - forward
    scaled = forward * np.exp(log_odds)
    both = np.where(
        (forward > 0) & (other > 0), (forward + other) / np.where(scaled + other > 0, scaled + other, 1), 0
    )
    factor = np.where(is_forward, np.exp(log_odds) * both, both)
    tilted: Floats = np.where(both > 0, hazards * factor, hazards)
    return tilted
