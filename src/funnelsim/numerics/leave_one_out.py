"""The law of a sum without one of its parts: the chance of a target if a deal is lost, or won."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_TERMS, _MORE_TERMS = 60, 400
_CLOSE = 0.15  # to one half, where errors shrink slowly


def chances_if_lost_and_won(
    reaches: Callable[[Floats], Floats], target: float, chance: Floats, amount: Floats
) -> tuple[Floats, Floats]:
    """Chance that a sum reaches a target if each of its deals in turn is lost, and if it is won.

    Parameters
    ----------
    reaches : callable
        Chance that the whole sum reaches amounts of shape (n_deals,), by draw; 1 up to an amount of 0.
    target : float
    chance : ndarray of shape (n_draws, n_deals)
        Chance of each deal to be won.
    amount : ndarray of shape (n_deals,)

    Returns
    -------
    lost, won : ndarray of shape (n_draws, n_deals)

    Notes
    -----
    With S the chance that all reach an amount and G that the others do: ``S(x) = p G(x - a) + (1 - p) G(x)``.
    Solved for G it is a recursion in steps of the deal's amount: downwards where p is at most one half (G is
    1 from 0 down), upwards otherwise (far above the target nobody reaches it). Errors shrink by the odds with
    each step; after 60 steps (400 where p lies close to one half), which only deals far smaller than the
    target need, the deal is taken as too small to matter there.
    """
    lost, won = np.empty_like(chance), np.empty_like(chance)
    close = (np.abs(chance - 0.5) < _CLOSE).any(axis=0)
    for some, n_terms in ((~close, _TERMS), (close, _MORE_TERMS)):
        p, a = chance[:, some], amount[some]
        down, up = _downwards(reaches, target, p, a, n_terms), _upwards(reaches, target, p, a, n_terms)
        lost[:, some], won[:, some] = (np.where(p <= 0.5, d, u) for d, u in zip(down, up, strict=True))
    return np.clip(lost, 0.0, 1.0), np.clip(won, 0.0, 1.0)


def _downwards(
    reaches: Callable[[Floats], Floats], target: float, chance: Floats, amount: Floats, n_terms: int
) -> tuple[Floats, Floats]:
    p = np.minimum(chance, 0.5)
    others = below = reaches(target - n_terms * amount)
    for k in range(n_terms - 1, -1, -1):
        below, at = others, target - k * amount
        others = np.where(at <= 0, 1.0, (reaches(at) - p * below) / (1.0 - p))
    return others, below


def _upwards(
    reaches: Callable[[Floats], Floats], target: float, chance: Floats, amount: Floats, n_terms: int
) -> tuple[Floats, Floats]:
    p = np.maximum(chance, 0.5)
    others = reaches(target + n_terms * amount)
    for k in range(n_terms, 0, -1):
        others = (reaches(target + k * amount) - (1.0 - p) * others) / p
    return others, (reaches(np.full_like(amount, target)) - (1.0 - p) * others) / p
