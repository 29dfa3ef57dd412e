"""Quotas: amounts in whole cents, or whole wins, that add up exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from funnelsim.nouns.law import Measure
from funnelsim.vocabulary.errors import FunnelsimError


class TargetError(FunnelsimError):
    """A target that cannot be shared out, paid or followed as asked."""


def units_in_one(measure: Measure) -> int:
    """Cents in an amount of 1; a win is a whole unit."""
    return 1 if measure == "wins" else 100


def is_paid_later(measure: Measure | None) -> bool:
    """Whether a measure follows wins with a delay (revenue, cash); only drawn futures know of it."""
    return measure not in (None, "wins", "bookings")


def whole_units(amount: float, measure: Measure) -> int:
    """An amount in cents, a number of wins in wins; rounded."""
    return round(Fraction(amount) * units_in_one(measure))


def amount_of(units: int, measure: Measure) -> float:
    """Cents as an amount, wins as a number."""
    return units / units_in_one(measure)


def share_out(total: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers in proportion to weights that add up to `total`: largest remainder.

    Parameters
    ----------
    total : int
        0 or more.
    weights : sequence of float
        0 or more; if all are 0 the parts are equal.

    Returns
    -------
    tuple of int
        Each lies within 1 of its exact share. Of equal remainders the first ones are rounded up.

    Raises
    ------
    TargetError
        If there is no weight, or one is negative or no number.

    Examples
    --------
    >>> share_out(100, [1, 1, 1])
    (34, 33, 33)
    """
    if not weights or not all(0.0 <= weight < float("inf") for weight in weights):
        raise TargetError(f"weights {list(weights)!r} cannot share out a target; give numbers of 0 or more")
    exact = [Fraction(weight) for weight in weights]  # sums of fractions have no rounding
    if not any(exact):
        exact = [Fraction(1)] * len(exact)
    ideal = [total * weight / sum(exact) for weight in exact]
    parts = [int(share) for share in ideal]
    by_remainder = sorted(range(len(parts)), key=lambda k: parts[k] - ideal[k])
    for k in by_remainder[: total - sum(parts)]:
        parts[k] += 1
    return tuple(parts)
