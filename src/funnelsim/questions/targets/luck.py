"""Luck in what came: how far a factor is held back for it, and the chance that it does all of it."""

from __future__ import annotations

import numpy as np
from scipy import special

from funnelsim.nouns.law import Law

WORTH = 4.0  # events' worth of "as expected": the weight of a prior law of factors with a deviation of a half
LARGEST_FACTOR = 20.0


def held_back(ratio: float, relative_variance: float) -> float:
    """The factor that a ratio of came to expected tells, given how much luck such a ratio holds.

    Parameters
    ----------
    ratio : float
        Came over expected.
    relative_variance : float
        Of the ratio, by luck, if the factor is 1.

    Returns
    -------
    float
        At most 20, and no less than a twentieth.

    Notes
    -----
    The best linear estimate of a factor whose prior law has mean 1 and variance 1/4: its weight is
    ``(1/4) / (1/4 + v)`` [1]_. For a count of n where E were expected, v is 1/E and the estimate
    ``(n + 4) / (E + 4)``: four events' worth, as rates of stages are held back. For a sum of n amounts with
    the coefficient of variation c, v is ``c**2 / n``: the more amounts differ, the more wins it takes.

    References
    ----------
    .. [1] Buehlmann, Gisler (2005), *A Course in Credibility Theory and its Applications*, section 3.1.

    Examples
    --------
    >>> held_back(120 / 100, 1 / 100) == (120 + 4) / (100 + 4)
    True
    """
    told = 1.0 + (ratio - 1.0) / (1.0 + WORTH * relative_variance)
    return float(min(max(told, 1.0 / LARGEST_FACTOR), LARGEST_FACTOR))


def two_sided_luck(miss: float, standard_deviation: float) -> float:
    """Chance that luck alone misses by as much, either way, by the normal law.

    Parameters
    ----------
    miss : float
        Came less expected.
    standard_deviation : float
        Of what luck does; with 0 any miss is none of it.

    Returns
    -------
    float

    Examples
    --------
    >>> round(two_sided_luck(-1.96, 1.0), 3)
    0.05
    """
    if standard_deviation <= 0:
        return 1.0 if abs(miss) < 1e-9 else 0.0
    return float(2.0 * special.ndtr(-np.abs(miss) / standard_deviation))


def two_sided(law: Law, total: float) -> float:
    """Twice the smaller chance of reaching a total, or of not exceeding it; at most 1."""
    beside = 4e-9 * max(abs(total), 1.0)  # beyond what counts as reaching it
    reaches = float(law.chance_by_draw(total).mean())
    exceeds = float(law.chance_by_draw(total + beside).mean())
    return float(np.clip(2.0 * min(reaches, 1.0 - exceeds), 0.0, 1.0))
