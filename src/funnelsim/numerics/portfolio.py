"""Portfolios: all that may be won in a window, as independent parts whose moments have closed forms.

The first axis of every array of chances is the draw of the parameters. Given a draw, deals are independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lumps:
    """Independent deals, each worth a fixed amount if it is won.

    Parameters
    ----------
    chance : ndarray of shape (n_draws, n_lumps)
    amount : ndarray of shape (n_lumps,)
    count : ndarray of int, shape (n_lumps,)
        Deals that are alike.
    """

    chance: Floats
    amount: Floats
    count: Ints

    def keep(self, which: npt.NDArray[np.bool_] | Ints) -> Lumps:
        """Some of the lumps."""
        return Lumps(self.chance[:, which], self.amount[which], self.count[which])


@dataclass(frozen=True, eq=False)
class Prizes:
    """Amount of a win, drawn from points.

    Parameters
    ----------
    points : ndarray of shape (n_points,)
    shares : ndarray of shape (n_draws, n_points)
    """

    points: Floats
    shares: Floats

    def moment(self, power: int) -> Floats:
        """Expected amount to a power, shape (n_draws,)."""
        return np.asarray(self.shares @ self.points**power)


@dataclass(frozen=True, eq=False)
class Unsure:
    """Independent deals whose amount, if won, is a factor times a prize.

    Parameters
    ----------
    chance : ndarray of shape (n_draws, n_deals)
    factor : ndarray of shape (n_deals,)
    count : ndarray of int, shape (n_deals,)
        Deals that are alike.
    prizes : Prizes
    """

    chance: Floats
    factor: Floats
    count: Ints
    prizes: Prizes


@dataclass(frozen=True, eq=False)
class Arriving:
    """Wins of deals yet to arrive, in blocks: Poisson, or negative binomial where a block swings as a whole.

    Parameters
    ----------
    expected : ndarray of shape (n_draws, n_blocks)
    dispersion : ndarray of shape (n_draws,)
        Variance of the swing of a block; 0 is Poisson.
    prizes : Prizes
    """

    expected: Floats
    dispersion: Floats
    prizes: Prizes


@dataclass(frozen=True, eq=False)
class Portfolio:
    """All that may be won in a window: what the law of the sum is asked of."""

    lumps: Lumps
    unsure: tuple[Unsure, ...]
    arriving: Arriving

    def mean(self) -> Floats:
        """Expected sum by draw, in closed form."""
        lumps, new = self.lumps, self.arriving
        mean = lumps.chance @ (lumps.amount * lumps.count) + new.expected.sum(axis=1) * new.prizes.moment(1)
        for some in self.unsure:
            mean = mean + some.chance @ (some.factor * some.count) * some.prizes.moment(1)
        return np.asarray(mean)

    def variance(self) -> Floats:
        """Variance of the sum by draw, in closed form."""
        lumps, new = self.lumps, self.arriving
        variance = (lumps.chance * (1 - lumps.chance)) @ (lumps.amount**2 * lumps.count)
        variance = variance + new.expected.sum(axis=1) * new.prizes.moment(2)
        variance = variance + new.dispersion * (new.expected**2).sum(axis=1) * new.prizes.moment(1) ** 2
        for some in self.unsure:
            weight = some.factor**2 * some.count
            variance = variance + (some.chance @ weight) * some.prizes.moment(2)
            variance = variance - (some.chance**2 @ weight) * some.prizes.moment(1) ** 2
        return np.asarray(np.maximum(variance, 0.0))

    def none_won(self) -> Floats:
        """Chance that nothing of a positive amount is won, by draw."""
        lumps, new = self.lumps, self.arriving
        nothing = lumps.amount == 0
        log_none = np.log1p(-np.where(nothing, 0.0, lumps.chance)) @ lumps.count
        for some in self.unsure:
            worth = some.factor[:, None] * some.prizes.points > 0
            pays = some.chance * (some.prizes.shares @ worth.T.astype(float))
            log_none = log_none + np.log1p(-pays) @ some.count
        paying = new.expected * (new.prizes.shares @ (new.prizes.points > 0).astype(float))[:, None]
        return np.asarray(np.exp(log_none - blocks(paying, new.dispersion[:, None]).sum(axis=1)))

    def largest(self) -> float:
        """Largest amount that a single deal, the lumps apart, may bring."""
        points = [some.factor.max(initial=0.0) * some.prizes.points.max(initial=0.0) for some in self.unsure]
        return float(max([self.arriving.prizes.points.max(initial=0.0), *points]))


def blocks(expected: Floats, dispersion: Floats) -> Floats:
    """``log(1 + phi x) / phi``, which is x when the dispersion phi is 0."""
    swings = dispersion > 0
    safe = np.where(swings, dispersion, 1.0)
    return np.where(swings, np.log1p(safe * expected) / safe, expected)


def no_lumps(n_draws: int) -> Lumps:
    """Lumps that are not there."""
    return Lumps(np.zeros((n_draws, 0)), np.zeros(0), np.zeros(0, dtype=np.int64))
