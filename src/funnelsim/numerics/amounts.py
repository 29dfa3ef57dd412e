"""Amounts of won deals: at most 200 points with weights, the mean kept exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.strata import Source

Floats = npt.NDArray[np.float64]

_MOST_POINTS = 200
_LARGEST_KEPT = 20
_CELLS = 1024
LATEST_WINS = 1000
_LEAST_REVISED = 20


@dataclass(frozen=True, eq=False)
class Amounts:
    """Distribution of the amount of a won deal.

    Parameters
    ----------
    points : ndarray of float, shape (n_points,)
        Amounts, increasing.
    weights : ndarray of float, shape (n_points,)
        Number of wins each point stands for.
    is_certain : bool
        True for a hand-written distribution: the weights are used as shares, without draws.
    """

    points: Floats
    weights: Floats
    is_certain: bool = False

    def __post_init__(self) -> None:
        self.points.flags.writeable = False
        self.weights.flags.writeable = False

    @property
    def mean(self) -> float:
        """Mean amount of a won deal."""
        return float(np.average(self.points, weights=self.weights))

    def draw_shares(self, rng: Source) -> Floats:
        """One draw of the shares of the points: the Bayesian bootstrap of the wins behind them."""
        shares = self.weights if self.is_certain else rng.standard_gamma(self.weights)
        return shares / shares.sum()

    def pick(self, shares: Floats, chance: npt.NDArray[np.floating]) -> Floats:
        """Amounts at the given chances (0..1), under the given shares of the points."""
        edges = np.cumsum(shares)
        edges[-1] = np.inf  # rounding must not push a chance past the last point
        # A table of starting places, then step up: three times faster than a search for each chance.
        starts = np.searchsorted(edges, np.arange(_CELLS) / _CELLS, side="right")
        index = starts[(chance * _CELLS).astype(np.int64)]
        is_late = edges[index] <= chance
        while is_late.any():
            index += is_late
            is_late = edges[index] <= chance
        return self.points[index]


def fit_revision(ratio: Floats) -> Amounts | None:
    """Distribution of won over listed amount, from wins in order of time; None when it cannot be told.

    Fewer than 20 wins with a listed amount tell nothing; nor do ratios that are all 1, where amounts are
    never revised.
    """
    known = ratio[np.isfinite(ratio)]
    if len(known) < _LEAST_REVISED or np.allclose(known, 1.0, rtol=1e-9, atol=0.0):
        return None
    return fit_amounts(known)


def fit_amounts(won_amounts: Floats) -> Amounts | None:
    """Distribution of won amounts, from wins in order of time; None when no win has an amount.

    The latest 1,000 wins count. Up to 200 different amounts are kept as they are (a price list stays one);
    more are merged in groups of equal size whose mean stands for them, except the 20 largest wins, which stay
    as they are: a total often hangs on them.

    Parameters
    ----------
    won_amounts : ndarray of float, shape (n_won,)
        Amounts of won deals, oldest first; NaN where none is recorded.

    Returns
    -------
    Amounts or None
    """
    known = won_amounts[np.isfinite(won_amounts)][-LATEST_WINS:]
    if not len(known):
        return None
    amounts = np.sort(known)
    points, counts = np.unique(amounts, return_counts=True)
    if len(points) <= _MOST_POINTS:
        return Amounts(points, counts.astype(float))
    groups = np.array_split(amounts[:-_LARGEST_KEPT], _MOST_POINTS - _LARGEST_KEPT)
    points = np.append([group.mean() for group in groups], amounts[-_LARGEST_KEPT:])
    weights = np.append([len(group) for group in groups], np.ones(_LARGEST_KEPT))
    return Amounts(points, weights.astype(float))
