"""What a deal asks of reps: how many hours, with which place in the queue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.team import Rule

Floats = npt.NDArray[np.float64]


def queue_key(
    rule: Rule, asked_at: float, began_at: float, win_rate: float, amount: float, hours: float
) -> float:
    """Place of a deal in the queue under a rule: the lowest goes first.

    Parameters
    ----------
    rule : Rule
    asked_at, began_at : float
        When it asked for this work, and when it entered the funnel, in steps.
    win_rate : float
        Chance that a deal of its stage is won in the end.
    amount : float
    hours : float
        Mean hours of work of its stage, or of the check before it.

    Examples
    --------
    >>> queue_key("value per hour", 3.0, 1.0, 0.5, 1000.0, 4.0)
    -125.0
    """
    if rule == "first come":
        return asked_at
    if rule == "oldest":
        return began_at
    if rule == "strongest intent":
        return -win_rate
    if rule == "largest value":
        return -amount
    return -amount * win_rate / hours


def hours_sampler(spread: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    """Hours over their mean: gamma with a given standard deviation over mean."""
    if spread == 0.0:
        return lambda rng, shape: np.ones(shape)
    shape_of = 1.0 / spread**2
    return lambda rng, shape: rng.standard_gamma(shape_of, shape) / shape_of
