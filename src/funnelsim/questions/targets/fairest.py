"""The fairest split: quotas that all have the same chance and add up to the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.law import Law, Measure
from funnelsim.questions.targets.quotas import amount_of, share_out, units_in_one

Floats = npt.NDArray[np.float64]

_HALVINGS = 14  # of the chance: to less than a hundredth of a point
_LEAST = 1e-6


def equal_chances(laws: Sequence[Law], total: int, measure: Measure) -> tuple[int, ...]:
    """Quotas with one common chance that add up to a target.

    Parameters
    ----------
    laws : sequence of Law
        Of each part.
    total : int
        The target in whole cents, or wins.
    measure : {"bookings", "wins"}

    Returns
    -------
    tuple of int
        They add up to `total`.

    Notes
    -----
    The common chance is found by bisection: quotas, as quantiles, fall as it rises. Between the last two
    levels they are interpolated, which is also right where amounts leave gaps: all amounts within a gap have
    the same chance. Targets beyond all that is possible are shared out as the largest quotas are.
    """

    def quotas(chance: float) -> Floats:
        return np.array([float(law.quantile(np.array(1.0 - chance))) for law in laws])

    target = amount_of(total, measure)
    easy, hard = 1.0 - _LEAST, _LEAST  # easy: a large chance, so small quotas
    small, large = quotas(easy), quotas(hard)
    if large.sum() <= target or small.sum() >= target:
        return share_out(total, (large if large.sum() <= target else small).tolist())
    for _ in range(_HALVINGS):
        middle = 0.5 * (easy + hard)
        between = quotas(middle)
        if between.sum() <= target:
            easy, small = middle, between
        else:
            hard, large = middle, between
    way = (target - small.sum()) / (large.sum() - small.sum())
    return _whole(small + way * (large - small), total, measure)


def _whole(quotas: Floats, total: int, measure: Measure) -> tuple[int, ...]:
    """Quotas in whole cents that add up: what rounding leaves goes to the largest remainders."""
    scale = units_in_one(measure)
    floors = np.floor(np.maximum(quotas, 0.0) * scale + 1e-6)
    units = [int(units) for units in floors]
    order = np.argsort(floors - quotas * scale, kind="stable")
    left = total - sum(units)
    if not 0 <= left <= len(units):  # beyond rounding
        return share_out(total, quotas.tolist())
    for k in order[:left].tolist():
        units[k] += 1
    return tuple(units)
