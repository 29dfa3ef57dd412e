"""Shapley shares: what each member adds on joining in some orders; averaged, a joint effect is shared out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any


def added_in_orders(
    orders: Iterable[Sequence[Hashable]], value: Callable[[frozenset[Any]], Any]
) -> list[dict[Hashable, Any]]:
    """What each member adds in each order; the value of a set is asked for once.

    Parameters
    ----------
    orders : iterable of sequences
        Each holds every member once.
    value : callable
        From a set of members to anything that can be subtracted: a fraction, an array.

    Returns
    -------
    list of dict
        One for each order; its values add up to what all are worth beyond none.

    References
    ----------
    .. [1] Shapley (1953), A value for n-person games: the mean over all orders.

    Examples
    --------
    >>> added_in_orders([("a", "b"), ("b", "a")], lambda some: len(some) ** 2)
    [{'a': 1, 'b': 3}, {'b': 1, 'a': 3}]
    """
    known: dict[frozenset[Hashable], Any] = {}

    def of(some: frozenset[Hashable]) -> Any:
        if some not in known:
            known[some] = value(some)
        return known[some]

    return [
        {member: of(frozenset(order[: i + 1])) - of(frozenset(order[:i])) for i, member in enumerate(order)}
        for order in orders
    ]
