"""Shapley shares: a joint effect shared out among the levers that made it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.law import over_draws
from funnelsim.nouns.levers.protocol import Lever, LeverError
from funnelsim.questions.situation import Situation
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_EXACT = 5  # 32 forecasts; the sixth lever would make them 64


def shapley_shares(situation: Situation, levers: Sequence[Lever], *, n_orders: int) -> pd.DataFrame:
    """Share of each lever in the change of the chance that all of them make together.

    Parameters
    ----------
    situation : Situation
    levers : sequence of Lever
    n_orders : int
        Orders of pulling more than five levers, an even number; of fewer every order counts.

    Returns
    -------
    DataFrame
        Index: lever; ``alone``, ``share``, ``share_se``, ``last``.

    Raises
    ------
    LeverError
        If `n_orders` is no even number of 2 or more.
    """
    n = len(levers)
    if isinstance(n_orders, bool) or not isinstance(n_orders, int) or n_orders < 2 or n_orders % 2:
        raise LeverError(f"n_orders={n_orders!r} must be an even number of 2 or more")
    is_exact = n <= _MOST_EXACT
    orders = np.array(list(permutations(range(n)))) if is_exact else _drawn_orders(n, n_orders)
    chance: dict[frozenset[int], Floats] = {}

    def of(some: frozenset[int]) -> Floats:
        if some not in chance:
            outlook = situation.under(*(levers[i] for i in sorted(some)))
            chance[some] = outlook.law().chance_by_draw(situation.target)
        return chance[some]

    added = np.zeros((len(orders), n, len(of(frozenset()))))
    for row, order in enumerate(orders.tolist()):
        for place, lever in enumerate(order):
            before = frozenset(order[:place])
            added[row, lever] = of(before | {lever}) - of(before)
    nothing, everything = of(frozenset()), of(frozenset(range(n)))
    rows = []
    for lever in range(n):
        share = over_draws(added[:, lever].mean(axis=0))
        # Opposite orders are drawn in pairs: the pairs, not the orders, are independent.
        by_pair = added[:, lever].mean(axis=1).reshape(-1, 2).mean(axis=1) if not is_exact else np.zeros(2)
        of_orders = by_pair.std(ddof=1) / np.sqrt(len(by_pair)) if len(by_pair) > 1 else np.nan
        rows.append(
            {
                "alone": float((of(frozenset({lever})) - nothing).mean()),
                "share": share.value,
                "share_se": float(np.hypot(share.standard_error, of_orders)),
                "last": float((everything - of(frozenset(range(n)) - {lever})).mean()),
            }
        )
    return pd.DataFrame(rows, index=pd.Index([lever.name for lever in levers], name="lever"))


def _drawn_orders(n: int, n_orders: int) -> Ints:
    """Random orders, each followed by its opposite; always the same ones, so that a table is reproducible."""
    rng = Streams.of(0).generator("orders of levers")
    return np.array([order for _ in range(n_orders // 2) for order in _both_ways(rng.permutation(n))])


def _both_ways(order: Ints) -> tuple[Ints, Ints]:
    return order, order[::-1]
