"""Fair shares of a change that several factors made together: all orders averaged, so that they add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import permutations
from math import factorial

from funnelsim.numerics.shapley import added_in_orders


def fair_shares(
    names: Sequence[str], value: Callable[[frozenset[str]], float | Fraction]
) -> dict[str, Fraction]:
    """Shapley shares of the change from nothing replaced to everything replaced.

    Parameters
    ----------
    names : sequence of str
        Factors; seven at most, for all orders are gone through.
    value : callable
        Total when some factors are as they came and the others as they were planned.

    Returns
    -------
    dict of str to Fraction
        They add up exactly: nothing is rounded on the way.

    Examples
    --------
    >>> came = {"leads": 120, "rate": 2}
    >>> shares = fair_shares(
    ...     ["leads", "rate"],
    ...     lambda some: (120 if "leads" in some else 100) * (2 if "rate" in some else 1),
    ... )
    >>> {name: int(share) for name, share in shares.items()}
    {'leads': 30, 'rate': 110}
    """
    added = added_in_orders(permutations(names), lambda some: Fraction(value(some)))
    return {name: sum((row[name] for row in added), Fraction(0)) / factorial(len(names)) for name in names}
