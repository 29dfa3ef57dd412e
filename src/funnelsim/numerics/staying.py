"""What hazards by bin of age say of a stay: when a share has moved on, and what lies ahead at each age."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST = 1.0 - 1e-15  # a hazard of 1 has no logarithm of staying


def routes_by_bin(first_age: Ints, hazards: Floats) -> Floats:
    """Chance that a deal entering a stage leaves it in each bin of age to each place.

    With total hazard ``h`` in a bin of ``n`` steps, ``1 - (1 - h)**n`` of those who reach it leave in it, to
    each place in proportion to its hazard. So nothing is laid out by age, however long the bins are.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin, in steps. The last bin never ends and counts as older than any exit seen.
    hazards : ndarray of shape (..., n_bins, n_places)
        Chance per step to leave to each place, for a deal still in the stage.

    Returns
    -------
    ndarray of shape (..., n_bins - 1, n_places)
        Sums to at most 1; the rest is still there at the oldest age seen.
    """
    log_stay, split = _log_stay_and_split(hazards[..., :-1, :])
    log_stay = log_stay * np.diff(first_age)
    before = np.exp(np.cumsum(log_stay, axis=-1) - log_stay)
    routes: Floats = (before * -np.expm1(log_stay))[..., None] * split
    return routes


def age_of_share(first_age: Ints, hazards: Floats, is_counted: npt.NDArray[np.bool_], share: float) -> Floats:
    """Age by which a share of those who leave to some places have left, within the ages seen.

    Parameters
    ----------
    first_age, hazards
        As in `routes_by_bin`.
    is_counted : ndarray of bool, shape (n_places,)
        Places that count, such as those ahead.
    share : float
        Between 0 and 1; 0.5 gives the median.

    Returns
    -------
    ndarray of shape (...)
        Whole steps, 0 meaning within the step of entry; infinite where the places are never reached.
    """
    counted = routes_by_bin(first_age, hazards)[..., is_counted].sum(axis=-1)
    so_far = np.cumsum(counted, axis=-1)
    target = share * so_far[..., -1] * (1 - 1e-12)
    row = np.minimum((so_far < target[..., None]).sum(axis=-1), counted.shape[-1] - 1)

    def pick(by_bin: Floats) -> Floats:
        return np.take_along_axis(by_bin, row[..., None], axis=-1)[..., 0]

    log_stay, _ = _log_stay_and_split(hazards[..., :-1, :])
    width = np.diff(first_age)[row]
    in_bin = pick(counted)
    of_bin = np.clip((target - (pick(so_far) - in_bin)) / np.where(in_bin > 0, in_bin, 1.0), 0.0, 1.0)
    rate = pick(log_stay)
    # the n-th step of the bin is the first with 1 - (1 - h)**n >= of_bin (1 - (1 - h)**width)
    needed = np.log1p(of_bin * np.expm1(rate * width)) / np.where(rate < 0, rate, 1.0)
    steps = np.clip(np.ceil(needed - 1e-9), 1, width)
    return np.where(so_far[..., -1] > 0, first_age[row] + steps - 1, np.inf)


def chance_ahead(first_age: Ints, hazards: Floats, worth: Floats, ages: Ints) -> Floats:
    """What a deal still in its stage at some age may expect, within the ages seen.

    Backward over bins, ``V = (1 - q) sum(h_j w_j) / h + q V_next`` with ``q = (1 - h)**n`` for the `n` steps
    that are left of the bin, and nothing beyond the last age at which anyone left.

    Parameters
    ----------
    first_age, hazards
        As in `routes_by_bin`.
    worth : ndarray of shape (..., n_places)
        What reaching each place is worth: its chance to be won for the chance of a win, ones for the chance
        to leave at all.
    ages : ndarray of int, shape (n_ages,)
        Ages that the deal has reached without leaving before, in steps.

    Returns
    -------
    ndarray of shape (..., n_ages)
        0 beyond the ages seen.

    Notes
    -----
    Near the oldest age few steps are left, so the chance falls towards 0 there even where the hazards do not
    change with age. Divided by the chance to leave it does not: quote both.
    """
    log_stay, split = _log_stay_and_split(hazards[..., :-1, :])
    reward = (split * worth[..., None, :]).sum(axis=-1)
    at_start = np.zeros((*log_stay.shape[:-1], len(first_age)))
    for i in range(len(first_age) - 2, -1, -1):
        stay = np.exp(log_stay[..., i] * (first_age[i + 1] - first_age[i]))
        at_start[..., i] = (1 - stay) * reward[..., i] + stay * at_start[..., i + 1]
    row = np.searchsorted(first_age, ages, side="right") - 1
    is_seen = row < len(first_age) - 1
    row = np.minimum(row, len(first_age) - 2)
    log_left = log_stay[..., row] * (first_age[row + 1] - ages)
    ahead: Floats = -np.expm1(log_left) * reward[..., row] + np.exp(log_left) * at_start[..., row + 1]
    return np.where(is_seen, ahead, 0.0)


def _log_stay_and_split(hazards: Floats) -> tuple[Floats, Floats]:
    """Log of the chance to stay a step, and the share of each place among exits (0 without exits)."""
    total = hazards.sum(axis=-1)
    split = hazards / np.where(total > 0, total, 1.0)[..., None]
    return np.log1p(-np.minimum(total, _MOST)), split
