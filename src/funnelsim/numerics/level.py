"""Levels that move in calendar time: how fast a transition, or arrivals, run now against their usual pace.

A level is a multiplier with mean one. It is followed by a discounted gamma-Poisson filter, period by period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.numerics.strata import Source

Floats = npt.NDArray[np.float64]

DISCOUNTS = (1.0, 0.95, 0.9, 0.8, 0.65, 0.5)
TRANSIENTS = (0.0, 0.01, 0.03, 0.08, 0.2, 0.5)
_START = 8.0  # exits that the level 1 is worth before any is seen
LEAST_EXITS = 8  # a series of fewer tells nothing about its level
LAST_PERIODS = 60
_BORROWED = 0.25
FEW = 0.5  # where the expectation itself was taken from the same counts, 1 must weigh next to nothing
_LEAST_WEIGHT = 1e-3
_MOST_MOVED = 4.0
_MOST = 8.0


@dataclass(frozen=True, eq=False)
class Levels:
    """Where some series stand against their expectation, and how restless they are.

    Parameters
    ----------
    shape, rate : ndarray of float, shape (n_series,)
        The level at the end of the latest period is Gamma(shape, rate).
    discount : ndarray of float, shape (n_series,)
        Share of the evidence that lasts from one period to the next; 1 for a level that does not move.
    transient : ndarray of float, shape (n_series,)
        Variance of swings that last one period, over the mean squared.
    """

    shape: Floats
    rate: Floats
    discount: Floats
    transient: Floats

    def __post_init__(self) -> None:
        for column in (self.shape, self.rate, self.discount, self.transient):
            column.flags.writeable = False

    @property
    def mean(self) -> Floats:
        """Expected level at the end of the latest period."""
        return self.shape / self.rate

    def quantile(self, chance: float) -> Floats:
        """Quantile of the level now, shape (n_series,)."""
        return np.asarray(special.gammaincinv(self.shape, chance)) / self.rate

    @property
    def is_steady(self) -> npt.NDArray[np.bool_]:
        """Whether a level neither moves nor swings, shape (n_series,)."""
        steady: npt.NDArray[np.bool_] = (self.discount == 1.0) & (self.transient == 0.0)
        return steady

    def keep(self, which: npt.NDArray[np.bool_]) -> Levels:
        """Only the flagged series."""
        return Levels(self.shape[which], self.rate[which], self.discount[which], self.transient[which])

    @property
    def memory(self) -> Floats:
        """Periods of evidence the level remembers, shape (n_series,); infinite for one that does not move."""
        with np.errstate(divide="ignore"):
            return 1.0 / (1.0 - self.discount)

    def draw(self, rng: Source, n_periods: int) -> tuple[Floats, Floats]:
        """One draw of the levels now, and of their factors in the periods ahead.

        Returns
        -------
        now : ndarray of shape (n_series,)
        ahead : ndarray of shape (n_series, n_periods)
            Levels of the coming periods, transient swings included.

        Notes
        -----
        A level moves from one period to the next by a Beta ratio of mean one, the law under which the
        discount of the filter is exact (gamma-beta random walk); moved more than fourfold, or eightfold with
        its transient swing, it is cut off.
        """
        n_series = len(self.shape)
        now = rng.standard_gamma(self.shape) / self.rate
        moved, shape = np.ones((n_series, n_periods)), self.shape.copy()
        for period in range(n_periods):
            lasts = _lasting(shape, self.discount)
            ratio = _beta(rng, lasts * shape, (1.0 - lasts) * shape) / lasts
            before = moved[:, period - 1] if period else 1.0
            moved[:, period] = np.minimum(before * ratio, _MOST_MOVED)
            shape = lasts * shape
        spread = np.broadcast_to(np.maximum(self.transient, 1e-9)[:, None], moved.shape)
        swings = rng.standard_gamma(1.0 / spread)
        swings = np.where(self.transient[:, None] > 0, swings * self.transient[:, None], 1.0)
        return now, now[:, None] * np.minimum(moved * swings, _MOST)


def _lasting(shape: Floats, discount: Floats) -> Floats:
    """Share of the evidence that lasts: the discount, but never less than one exit is left."""
    return np.maximum(discount, np.minimum(1.0 / shape, 1.0))


def _beta(rng: Source, a: Floats, b: Floats) -> Floats:
    """Beta draws; 1 where `b` is 0. Two gammas each, so that every series takes as many random numbers."""
    stays, goes = rng.standard_gamma(a), rng.standard_gamma(np.maximum(b, 0.0))
    return stays / (stays + goes)


@dataclass(frozen=True, eq=False)
class Filtered:
    """A filter run over series, one setting for each.

    Parameters
    ----------
    shape, rate : ndarray, shape (..., n_series)
        Of the level after the last period.
    log_likelihood : ndarray, shape (..., n_series)
        One-step predictive, summed over periods.
    by_period : tuple of (shape, rate)
        The same after each period.
    """

    shape: Floats
    rate: Floats
    log_likelihood: Floats
    by_period: tuple[tuple[Floats, Floats], ...]


def filter_levels(
    observed: Floats, expected: Floats, discount: Floats, transient: Floats, start: float = _START
) -> Filtered:
    """Discounted gamma-Poisson filter.

    Parameters
    ----------
    observed, expected : ndarray of float, shape (n_series, n_periods)
        Counts of each period, and what they would be at level 1.
    discount, transient : ndarray of float, shape (..., n_series) or broadcast to it
    start : float
        Counts that the level 1 is worth before any is seen.

    Returns
    -------
    Filtered

    Notes
    -----
    Before each period the evidence is discounted: Gamma(a, b) becomes Gamma(d a, d b), the mean kept. With
    mean count mu = expected a / b the count is negative binomial, of size r with 1 / r = 1 / a + phi. Then
    observed / (1 + phi mu) and expected / (1 + phi mu) are added: of a count with transient swings, only the
    share that the level explains.

    References
    ----------
    .. [1] Harvey, Fernandes (1989), Time series models for count or qualitative observations, *Journal of
       Business & Economic Statistics* 7(4), 407-417.
    .. [2] West, Harrison (1997), *Bayesian Forecasting and Dynamic Models*, 2nd ed., section 10.8.
    """
    discount, transient = np.broadcast_arrays(discount, transient)
    shape, rate = np.full((2, *discount.shape), start)
    log_likelihood, by_period = np.zeros(discount.shape), []
    for o, e in zip(observed.T, expected.T, strict=True):
        lasts = _lasting(shape, discount)
        shape, rate = shape * lasts, rate * lasts
        mean = e * shape / rate
        log_likelihood = log_likelihood + _log_negative_binomial(o, mean, 1.0 / (1.0 / shape + transient))
        kept = 1.0 / (1.0 + transient * mean)
        shape, rate = shape + o * kept, rate + e * kept
        by_period.append((shape, rate))
    return Filtered(shape, rate, log_likelihood, tuple(by_period))


def _log_negative_binomial(count: Floats, mean: Floats, size: Floats) -> Floats:
    terms: Floats = (
        special.gammaln(count + size)
        - special.gammaln(size)
        - special.gammaln(count + 1.0)
        + size * np.log(size / (size + mean))
        + special.xlogy(count, mean / (size + mean))
    )
    return terms


def fit_levels(observed: Floats, expected: Floats) -> tuple[Levels, npt.NDArray[np.bool_]]:
    """Levels of series, each with the discount and transient that predict best; and which have one at all.

    The setting of a series is chosen on a grid by its own predictive likelihood plus a quarter of that of the
    other series: with little to tell by itself a series moves as the others do. To have no level, and run as
    expected, is one more setting.

    Parameters
    ----------
    observed, expected : ndarray of float, shape (n_series, n_periods)
        Oldest period first; the latest 60 count.

    Returns
    -------
    levels : Levels
    is_apart : ndarray of bool, shape (n_series,)
        Whether the level predicts better than none.

    Notes
    -----
    A predictive likelihood charges for what has to be learnt, so none has the advantage in steady series. It
    is charged one unit against that, and so is a transient, which only widens. Without the first, drifts
    shared by all transitions of a funnel went unseen, each being small (error .25 instead of .21 in 50 worlds
    whose conversion drifts; none in 50 steady ones); without the second, a steady funnel had four idle
    swings.
    """
    observed, expected = observed[:, -LAST_PERIODS:], expected[:, -LAST_PERIODS:]
    n_series = len(observed)
    discount, transient = (
        np.repeat(grid.reshape(-1, 1), n_series, axis=1)
        for grid in np.meshgrid(DISCOUNTS, TRANSIENTS, indexing="ij")
    )
    found = filter_levels(observed, expected, discount, transient)
    none = _log_poisson(observed, expected).sum(axis=1) - 1.0
    own = np.concatenate([found.log_likelihood - (transient > 0.0), none[None]])
    score = own + _BORROWED * (own.sum(axis=1, keepdims=True) - own)
    best = score[:-1].argmax(axis=0), np.arange(n_series)
    levels = Levels(found.shape[best], found.rate[best], discount[best], transient[best])
    return levels, score[best] > score[-1]


def _log_poisson(count: Floats, mean: Floats) -> Floats:
    terms: Floats = special.xlogy(count, mean) - mean - special.gammaln(count + 1.0)
    return terms


def _n_parameters(discount: Floats, transient: Floats) -> Floats:
    """How many of discount and transient a setting uses."""
    used: Floats = (discount < 1.0).astype(float) + (transient > 0.0)
    return used


def average_levels(observed: Floats, expected: Floats) -> tuple[Floats, Levels]:
    """Levels of one series under every setting that predicts it well, with the weight of each.

    For a series that stands alone, such as arrivals: one setting, picked by so little, would be too sure of
    itself.

    Parameters
    ----------
    observed, expected : ndarray of float, shape (n_periods,)
        Oldest period first; the latest 60 count.

    Returns
    -------
    weights : ndarray of shape (n_settings,)
        Akaike weights: predictive likelihoods, less one unit of their logarithm for each parameter, as
        shares; settings below one in a thousand are left out.
    levels : Levels
        One entry for each setting.
    """
    discount, transient = (g.reshape(-1, 1) for g in np.meshgrid(DISCOUNTS, TRANSIENTS, indexing="ij"))
    found = filter_levels(
        observed[None, -LAST_PERIODS:], expected[None, -LAST_PERIODS:], discount, transient, FEW
    )
    score = found.log_likelihood - _n_parameters(discount, transient)
    weights = np.exp(score - score.max())[:, 0]
    kept = weights >= _LEAST_WEIGHT * weights.sum()
    levels = Levels(*(column[kept, 0] for column in (found.shape, found.rate, discount, transient)))
    return weights[kept] / weights[kept].sum(), levels


def block_steps_for(exits_by_step: Floats, sizes: Sequence[int], least_median: float = 20.0) -> int:
    """Shortest block whose median number of exits reaches `least_median`; the longest if none does."""
    for size in sizes:
        n_blocks = len(exits_by_step) // size
        recent = exits_by_step[len(exits_by_step) - n_blocks * size :].reshape(n_blocks, size)
        if n_blocks and np.median(recent.sum(axis=1)) >= least_median:
            return size
    return sizes[-1]
