"""Shapley shares of levers: their joint effect shared out among them, with its errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.law import over_draws
from funnelsim.nouns.levers.protocol import Lever, LeverError
from funnelsim.numerics.shapley import added_in_orders
from funnelsim.questions.situation import Situation
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

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
    is_exact, everyone = n <= _MOST_EXACT, frozenset(range(n))
    orders = list(permutations(range(n))) if is_exact else _drawn_orders(n, n_orders)

    def of(some: frozenset[int]) -> Floats:
        outlook = situation.under(*(levers[i] for i in sorted(some)))
        return outlook.law().chance_by_draw(situation.target)

    added = added_in_orders(orders, of)
    rows = []
    for lever in range(n):
        by_order = np.stack([row[lever] for row in added])
        share = over_draws(by_order.mean(axis=0))
        error = share.standard_error
        if not is_exact:
            error = float(np.hypot(error, _error_of_orders(by_order.mean(axis=1))))
        rows.append(
            {
                "alone": float((of(frozenset({lever})) - of(frozenset())).mean()),
                "share": share.value,
                "share_se": error,
                "last": float((of(everyone) - of(everyone - {lever})).mean()),
            }
        )
    return pd.DataFrame(rows, index=pd.Index([lever.name for lever in levers], name="lever"))


def _error_of_orders(share: Floats) -> float:
    """Standard error of a mean over orders drawn in pairs of opposites: the pairs are independent."""
    by_pair = share.reshape(-1, 2).mean(axis=1)
    return float(by_pair.std(ddof=1) / np.sqrt(len(by_pair))) if len(by_pair) > 1 else float("nan")


def _drawn_orders(n: int, n_orders: int) -> list[tuple[int, ...]]:
    """Random orders, each followed by its opposite; always the same ones, so that a table is reproducible."""
    rng = Streams.of(0).generator("orders of levers")
    drawn = [tuple(rng.permutation(n).tolist()) for _ in range(n_orders // 2)]
    return [order for one in drawn for order in (one, one[::-1])]
