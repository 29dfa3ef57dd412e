"""Cause: what a verdict on a plan names, and when it names chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

CLEAR = 0.01  # of luck in a factor: four or five are looked at, so 5 % in all
USUAL = 0.05  # chance alone is no reason for what it brings less often

_WORDS = {"aim": "the plan was not what could be expected", "chance": "no factor, but chance"}


def named_cause(changes: pd.Series, luck: Mapping[str, float], chance_alone: float) -> str:
    """What most of a deviation comes from, in words.

    Parameters
    ----------
    changes : Series
        Of the aim, each factor and chance, in order; they add up to the deviation.
    luck : mapping of str to float
        For each factor the chance that luck alone brings it so far.
    chance_alone : float
        The chance that luck alone brings the total so far from what was expected.

    Returns
    -------
    str

    Notes
    -----
    A factor may be named if luck alone brings it so far in less than 1 % of cases; the aim always may, for it
    is no luck. If the largest share in the direction of the deviation is one of these, it is the cause.
    Otherwise the largest share is luck, and chance is named, but never for what it hardly does: if it brings
    such totals in less than 5 % of cases there is no single cause, and the largest factor is told.

    Examples
    --------
    >>> told = pd.Series({"aim": 0.0, "volume": 40.0, "yield": 50.0, "chance": 10.0})
    >>> named_cause(told, {"volume": 0.3, "yield": 1e-4}, 0.02)
    'most of it: yield (50 % of it)'
    >>> named_cause(told, {"volume": 0.3, "yield": 0.2}, 0.02)
    'no single factor; the largest is yield (50 % of it)'
    """
    whole = float(changes.sum())
    share = changes / whole if whole else changes * 0.0
    factors = share.drop("chance")
    clear = factors[[name == "aim" or luck.get(str(name), 1.0) < CLEAR for name in factors.index]]
    if len(clear) and clear.max() == share.max() and share.max() > 0:
        told = _told(clear)
        return f"most of it: {told}" if clear.max() >= 0.5 else f"the largest part of it: {told}"
    if chance_alone >= USUAL:
        return f"most of it: {_WORDS['chance']}"
    largest = factors[factors > 0]
    if not len(largest):
        return "no single factor"
    return f"no single factor; the largest is {_told(largest)}"


def _told(shares: pd.Series) -> str:
    """The largest of some shares, and how large it is."""
    name = str(shares.idxmax())
    return f"{_WORDS.get(name, name)} ({np.round(100 * shares.max()):.0f} % of it)"
