"""Scores of chances of single deals: Brier, its skill, ranking (AUC), calibration error and reliability."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_BINS = 10


def brier(won: npt.ArrayLike, chance: npt.ArrayLike) -> float:
    """Mean square of chance less outcome: 0 is perfect, 0.25 is what always saying one half gets.

    Parameters
    ----------
    won : array_like of bool or 0/1, shape (n_deals,)
    chance : array_like of float, shape (n_deals,)
        Forecast chances of that outcome, 0 to 1.

    Raises
    ------
    ValueError
        If shapes do not fit, there is no deal, an outcome is neither 0 nor 1, or a chance is no chance.

    References
    ----------
    .. [1] Brier (1950), Verification of forecasts expressed in terms of probability, *Monthly Weather Review*
       78, 1-3.

    Examples
    --------
    >>> round(brier([1, 0, 0, 1], [0.8, 0.1, 0.4, 0.6]), 4)
    0.0925
    """
    outcome, said = _checked(won, chance)
    return float(((said - outcome) ** 2).mean())


def brier_skill(won: npt.ArrayLike, chance: npt.ArrayLike, reference: npt.ArrayLike | None = None) -> float:
    """Share of a reference's Brier score that the chances save; 0 is no better, negative is worse.

    Parameters
    ----------
    won : array_like of bool or 0/1, shape (n_deals,)
    chance : array_like of float, shape (n_deals,)
    reference : float, or array_like of float, shape (n_deals,), optional
        Chances to compare with. By default the pooled share won among these very deals, for all of them: that
        is hindsight, which no forecaster had at the time, so skill against it errs on the low side.

    Returns
    -------
    float
        NaN if the reference made no error, as when all deals were won, or none.

    Raises
    ------
    ValueError
        As :func:`brier`; also for the reference.

    Examples
    --------
    >>> round(brier_skill([1, 0, 0, 1], [0.8, 0.1, 0.4, 0.6]), 4)
    0.63
    """
    outcome, said = _checked(won, chance)
    usual = np.asarray(outcome.mean() if reference is None else reference, dtype=float)
    if usual.ndim and usual.shape != outcome.shape:
        raise ValueError(f"reference {usual.shape} must be one, or one for each of {len(outcome)} deals")
    _check_chances("reference", usual)
    worst = float(((usual - outcome) ** 2).mean())
    return 1.0 - float(((said - outcome) ** 2).mean()) / worst if worst > 0 else float("nan")


def auc(won: npt.ArrayLike, chance: npt.ArrayLike) -> float:
    """Chance that a deal that was won had been ranked above one that was not; ties count one half.

    Parameters
    ----------
    won : array_like of bool or 0/1, shape (n_deals,)
    chance : array_like of float, shape (n_deals,)

    Returns
    -------
    float
        0.5 is no ranking, 1 a perfect one; NaN if all deals were won, or none. It says nothing of whether the
        chances are right: half of every chance ranks as well.

    Raises
    ------
    ValueError
        As :func:`brier`.

    Notes
    -----
    The Mann-Whitney statistic by mean ranks [1]_.

    References
    ----------
    .. [1] Hanley, McNeil (1982), The meaning and use of the area under a receiver operating characteristic
       curve, *Radiology* 143, 29-36.

    Examples
    --------
    >>> auc([1, 0, 1, 0], [0.9, 0.3, 0.3, 0.1])
    0.875
    """
    outcome, said = _checked(won, chance)
    _, group, size = np.unique(said, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    n_won = outcome.sum()
    pairs = n_won * (len(outcome) - n_won)
    above = float(rank[outcome == 1].sum() - n_won * (n_won + 1) / 2)
    return float(above / pairs) if pairs else float("nan")


def expected_calibration_error(
    won: npt.ArrayLike, chance: npt.ArrayLike, *, n_bins: int = N_BINS, split_ties: bool = True
) -> float:
    """How far chances and shares won lie apart on average, over groups of deals of like chance.

    Parameters
    ----------
    won : array_like of bool or 0/1, shape (n_deals,)
    chance : array_like of float, shape (n_deals,)
    n_bins : int
    split_ties : bool
        Whether deals of one chance may fall into two bins, in the order in which they are given. Then the
        error depends on that order where many chances are equal; without, it does not.

    Returns
    -------
    float
        0 to 1. Chance alone makes it positive: about ``0.8 sqrt(rate (1 - rate) n_bins / n_deals)`` for
        perfect chances, so compare it only on the same deals.

    Raises
    ------
    ValueError
        As :func:`brier`, or if `n_bins` is no whole number of at least 1.

    Notes
    -----
    Deals are sorted by chance and cut into `n_bins` bins of equal count, the first ones one larger if the
    number does not divide; the error is ``sum_bins |sum chance - sum won| / n_deals`` [1]_. With fewer deals
    than bins each deal is a bin.

    References
    ----------
    .. [1] Nguyen, O'Connor (2015), Posterior calibration and exploratory analysis for natural language
       processing models, *EMNLP*, 1587-1598: equal-count bins ("adaptive binning"), here with absolute gaps.

    Examples
    --------
    >>> round(expected_calibration_error([1, 0, 0, 1], [0.8, 0.1, 0.4, 0.6], n_bins=2), 4)
    0.275
    """
    outcome, said = _checked(won, chance)
    bins = _bins(said, n_bins, split_ties)
    return float(np.abs(np.bincount(bins, said - outcome)).sum() / len(outcome))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Chances beside shares won, bin by bin, lowest chance first.

    Parameters
    ----------
    n_deals : ndarray of int, shape (n_bins,)
    chance : ndarray of shape (n_bins,)
        Mean forecast chance.
    rate : ndarray of shape (n_bins,)
        Share won.
    low, high : ndarray of shape (n_bins,)
        Interval of the rate if deals were independent.
    """

    n_deals: Ints
    chance: Floats
    rate: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.flags.writeable = False


def reliability(
    won: npt.ArrayLike, chance: npt.ArrayLike, *, n_bins: int = N_BINS, interval: float = 0.9
) -> Reliability:
    """Reliability curve: of deals given about the same chance, which share was won.

    Parameters
    ----------
    won : array_like of bool or 0/1, shape (n_deals,)
    chance : array_like of float, shape (n_deals,)
    n_bins : int
        Of about equal count, at most; deals of one chance stay together, so there may be fewer.
    interval : float
        Share that each interval of a rate holds, at least.

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        As :func:`brier`, or if `n_bins` is no whole number of at least 1, or `interval` not between 0 and 1.

    Notes
    -----
    Intervals are exact binomial [1]_: they hold their share or more at any rate, also of no wins at all. They
    take deals for independent; a deal that is scored at several origins is not, and counts once for each.

    References
    ----------
    .. [1] Clopper, Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the
       binomial, *Biometrika* 26, 404-413.

    Examples
    --------
    >>> curve = reliability([0, 0, 1, 1, 0, 1], [0.1, 0.1, 0.1, 0.7, 0.8, 0.9], n_bins=2)
    >>> curve.n_deals, curve.chance.round(2), curve.rate.round(2), curve.low.round(2)
    (array([3, 3]), array([0.1, 0.8]), array([0.33, 0.67]), array([0.02, 0.14]))
    """
    if not 0 < interval < 1:
        raise ValueError(f"interval must lie between 0 and 1, not {interval!r}")
    outcome, said = _checked(won, chance)
    _, bins = np.unique(_bins(said, n_bins, split_ties=False), return_inverse=True)
    n, n_won = np.bincount(bins), np.asarray(np.bincount(bins, outcome), dtype=float)
    low, high = _binomial_interval(n_won, n.astype(float), interval)
    return Reliability(n, np.bincount(bins, said) / n, n_won / n, low, high)


def _binomial_interval(n_won: Floats, n_deals: Floats, interval: float) -> tuple[Floats, Floats]:
    """Exact (Clopper-Pearson) interval of a share."""
    n_lost, tail = n_deals - n_won, (1.0 - interval) / 2
    low = np.where(n_won > 0, special.betaincinv(np.maximum(n_won, 1.0), n_lost + 1.0, tail), 0.0)
    high = np.where(n_lost > 0, special.betaincinv(n_won + 1.0, np.maximum(n_lost, 1.0), 1.0 - tail), 1.0)
    return low, high


def _bins(chance: Floats, n_bins: int, split_ties: bool) -> Ints:
    """Bin of each deal, from 0: of equal count by rank; if ties stay together, that of their middle one."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be a whole number of at least 1, not {n_bins!r}")
    n = len(chance)
    size = np.full(n_bins, n // n_bins) + (np.arange(n_bins) < n % n_bins)
    of_rank = np.repeat(np.arange(n_bins), size)
    if split_ties:
        bins = np.empty(n, dtype=np.int64)
        bins[np.argsort(chance, kind="stable")] = of_rank
        return bins
    _, group, count = np.unique(chance, return_inverse=True, return_counts=True)
    return of_rank[(np.cumsum(count) - (count + 1) // 2)][group]


def _checked(won: npt.ArrayLike, chance: npt.ArrayLike) -> tuple[Floats, Floats]:
    outcome, said = np.asarray(won, dtype=float), np.asarray(chance, dtype=float)
    if outcome.ndim != 1 or outcome.shape != said.shape or not outcome.size:
        raise ValueError(f"won {outcome.shape} and chance {said.shape} must be two rows of one length")
    neither = (outcome != 0) & (outcome != 1)
    if neither.any():
        raise ValueError(f"won must be 0 or 1, not {outcome[neither][0]:g}")
    _check_chances("chance", said)
    return outcome, said


def _check_chances(name: str, chances: Floats) -> None:
    bad = ~((chances >= 0) & (chances <= 1))
    if bad.any():
        raise ValueError(f"{name} must lie between 0 and 1, not {chances[bad].flat[0]:g}")
