"""Block bootstrap over origins: intervals of scores whose cells overlap, and so depend on one another."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 2000
LEAST_ORIGINS = 4
LEAST_BLOCKS = 2.0


class BlockInterval(NamedTuple):
    """A score over all origins, with an interval that knows how few blocks of origins there are.

    Parameters
    ----------
    value : float
    low, high : float
        NaN if the origins are too few to tell.
    n_blocks : float
        Origins over the length of a block: how many independent ones they are worth, about.
    """

    value: float
    low: float
    high: float
    n_blocks: float


def origin_weights(
    n_origins: int, rng: np.random.Generator, *, block_length: int, n_resamples: int = N_RESAMPLES
) -> Floats:
    """How often each origin is drawn in each resample of blocks.

    Parameters
    ----------
    n_origins : int
    rng : Generator
    block_length : int
        Consecutive origins drawn together; after the last origin comes the first.
    n_resamples : int

    Returns
    -------
    ndarray of shape (n_resamples, n_origins)
        Whole numbers; each row sums to `n_origins`, the last block being cut.

    Raises
    ------
    ValueError
        If a number is not whole, or below 1.
    """
    numbers = {"n_origins": n_origins, "block_length": block_length, "n_resamples": n_resamples}
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {number!r}")
    start = rng.integers(0, n_origins, size=(n_resamples, -(-n_origins // block_length)))
    drawn = (start[:, :, None] + np.arange(block_length)) % n_origins
    drawn = drawn.reshape(n_resamples, -1)[:, :n_origins] + n_origins * np.arange(n_resamples)[:, None]
    count = np.bincount(drawn.ravel(), minlength=n_resamples * n_origins)
    return count.reshape(n_resamples, n_origins).astype(float)


def bootstrap_statistic(
    statistic: Callable[[Floats], Floats],
    n_origins: int,
    rng: np.random.Generator,
    *,
    block_length: int,
    interval: float = 0.9,
    n_resamples: int = N_RESAMPLES,
    within: tuple[float, float] = (-np.inf, np.inf),
    widen: bool = True,
) -> BlockInterval:
    r"""Interval of any score over origins, by a circular block bootstrap that is widened for few blocks.

    Parameters
    ----------
    statistic : callable
        From weights of the origins, shape (n_rows, n_origins), to the score under each row, shape (n_rows,).
    n_origins : int
        In order of time, evenly spaced.
    rng : Generator
        Generators of the same seed draw the same weights, so scores of methods are paired.
    block_length : int
        Consecutive origins that look at a common period: the horizon over the time between origins, rounded
        up. Shorter blocks take what overlaps for independent.
    interval : float
        Share that the interval holds.
    n_resamples : int
    within : tuple of float
        Least and largest possible score, at which the interval is cut.
    widen : bool
        Without it the bounds are plain percentiles of the resamples: far too narrow with few blocks.

    Returns
    -------
    BlockInterval
        With 1 to 3 origins, or fewer than 2 blocks, the bounds are NaN: resamples of so few are nearly alike,
        and would look precise. They are NaN also if a resample has no score (0 over 0).

    Raises
    ------
    ValueError
        If a setting is out of range, or `statistic` gives another shape.

    Notes
    -----
    Blocks are circular [2]_, so each origin counts the same; moving blocks [1]_ draw the first and last ones
    less often, which matters with few. The percentiles' distances from the value are then multiplied by
    ``sqrt(m / (m - 1)) t_(m-1) / z`` for ``m = n_origins / block_length`` blocks, as for a mean of m numbers
    [3]_, and by ``sqrt(3 b^2 / (2 b^2 + 1))`` for blocks of length b, which see only this much less of the
    dependence of sums over b overlapping periods. Nominal 90 % intervals of a mean of exponential periods,
    each origin the mean of the next 4, cover 89 % with 12, 16, 24 or 100 origins in blocks of 4; plain
    percentiles cover 60, 65, 72 and 79 %. Where origins do not overlap after all, they cover 94 to 95 %.

    References
    ----------
    .. [1] Künsch (1989), The jackknife and the bootstrap for general stationary observations, *Annals of
       Statistics* 17(3), 1217-1241.
    .. [2] Politis, Romano (1992), A circular block-resampling procedure for stationary data, in *Exploring
       the Limits of Bootstrap*, Wiley, 263-270.
    .. [3] Hesterberg (2015), What teachers should know about the bootstrap, *American Statistician* 69(4),
       371-386, on narrowness bias.

    Examples
    --------
    >>> error = np.array([3.0, 5.0, 4.0, 6.0, 5.0, 3.0, 4.0, 6.0])
    >>> mean = lambda weights: weights @ error / weights.sum(axis=1)
    >>> found = bootstrap_statistic(mean, 8, np.random.default_rng(0), block_length=2)
    >>> found.value, found.low < found.value < found.high
    (4.5, True)
    """
    if not 0 < interval < 1:
        raise ValueError(f"interval must lie between 0 and 1, not {interval!r}")
    weights = origin_weights(n_origins, rng, block_length=block_length, n_resamples=n_resamples)
    value = _scores(statistic, np.ones((1, n_origins)))[0]
    scores, n_blocks = np.sort(_scores(statistic, weights)), n_origins / block_length
    too_few = n_origins < LEAST_ORIGINS or n_blocks < LEAST_BLOCKS
    if too_few or np.isnan(scores).any() or not np.isfinite(value):
        return BlockInterval(float(value), float("nan"), float("nan"), n_blocks)
    tail = (1.0 - interval) / 2
    low = scores[int(np.floor(tail * (n_resamples - 1)))]  # a resample: infinite ones are not interpolated
    high = scores[int(np.ceil((1.0 - tail) * (n_resamples - 1)))]
    factor = _widening(n_blocks, block_length, tail) if widen else 1.0
    bounds = np.clip([value - factor * (value - low), value + factor * (high - value)], *within)
    return BlockInterval(float(value), float(bounds[0]), float(bounds[1]), n_blocks)


def bootstrap_ratio(
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    block_length: int,
    interval: float = 0.9,
    n_resamples: int = N_RESAMPLES,
    widen: bool = True,
) -> BlockInterval:
    """Interval of a ratio of sums over origins, such as nCRPS: summed CRPS over summed actuals.

    Parameters
    ----------
    numerator, denominator : array_like of float, shape (n_origins,)
        Sums over the cells of each origin, not negative.
    rng, block_length, interval, n_resamples, widen
        As for :func:`bootstrap_statistic`.

    Returns
    -------
    BlockInterval
        Never below 0; NaN if the denominators sum to 0. Use it on sums, not on means of origins: cells count
        the same wherever they stand.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is negative or not finite; as :func:`bootstrap_statistic`.

    Examples
    --------
    >>> found = bootstrap_ratio([2.0, 1.0], [10.0, 20.0], np.random.default_rng(0), block_length=1)
    >>> found.value, found.low  # two origins tell no interval
    (0.1, nan)
    """
    top, base = _checked(numerator, denominator)
    return bootstrap_statistic(
        lambda weights: _divided(weights @ top, weights @ base),
        len(top),
        rng,
        block_length=block_length,
        interval=interval,
        n_resamples=n_resamples,
        within=(0.0, np.inf),
        widen=widen,
    )


def bootstrap_skill(
    score: npt.ArrayLike,
    reference: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    block_length: int,
    interval: float = 0.9,
    n_resamples: int = N_RESAMPLES,
    widen: bool = True,
) -> BlockInterval:
    """Interval of the skill against a reference on the same cells: 1 less score over reference score.

    Parameters
    ----------
    score, reference : array_like of float, shape (n_origins,)
        Sums over the cells of each origin, such as of CRPS; a fair CRPS may be negative at an origin.
    rng, block_length, interval, n_resamples, widen
        As for :func:`bootstrap_statistic`.

    Returns
    -------
    BlockInterval
        Never above 1 (where a fair CRPS sums to less than 0, it is cut). Both methods are resampled together:
        what is hard for both does not blur it. NaN if the reference sums to less than 0, here or in a
        resample.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is not finite; as :func:`bootstrap_statistic`.
    """
    ours, theirs = _checked(score, reference, may_be_negative=True)
    return bootstrap_statistic(
        lambda weights: 1.0 - _divided(weights @ ours, weights @ theirs),
        len(ours),
        rng,
        block_length=block_length,
        interval=interval,
        n_resamples=n_resamples,
        within=(-np.inf, 1.0),
        widen=widen,
    )


def bootstrap_share(
    n_held: npt.ArrayLike,
    n_cells: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    block_length: int,
    interval: float = 0.9,
    n_resamples: int = N_RESAMPLES,
    widen: bool = True,
) -> BlockInterval:
    """Interval of a share of cells, such as those whose range held.

    Parameters
    ----------
    n_held, n_cells : array_like of float, shape (n_origins,)
        Cells of each origin that held, and all of them.
    rng, block_length, interval, n_resamples, widen
        As for :func:`bootstrap_statistic`.

    Returns
    -------
    BlockInterval
        Between 0 and 1. Where all resamples are alike, as when all cells held, or every other one with blocks
        of two, the bounds are the exact ones [1]_ of as many independent trials as there are blocks: on the
        safe side, since a block holds more than one cell.

    Raises
    ------
    ValueError
        If shapes do not fit, more cells held than there are, or a number is negative or not finite; as
        :func:`bootstrap_statistic`.

    References
    ----------
    .. [1] Clopper, Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the
       binomial, *Biometrika* 26(4), 404-413.
    """
    held, cells = _checked(n_held, n_cells)
    if (held > cells).any():
        first = int((held > cells).argmax())
        raise ValueError(f"n_held {held[first]:g} must not exceed n_cells {cells[first]:g}")
    found = bootstrap_statistic(
        lambda weights: _divided(weights @ held, weights @ cells),
        len(held),
        rng,
        block_length=block_length,
        interval=interval,
        n_resamples=n_resamples,
        within=(0.0, 1.0),
        widen=widen,
    )
    if found.low == found.high:
        low, high = _exact_bounds(found.value, found.n_blocks, (1.0 - interval) / 2)
        return found._replace(low=low, high=high)
    return found


def _exact_bounds(share: float, n_trials: float, tail: float) -> tuple[float, float]:
    """Between which shares an observed one is no surprise on either side."""
    n_held = share * n_trials
    low = special.betaincinv(n_held, n_trials - n_held + 1.0, tail) if share > 0.0 else 0.0
    high = special.betaincinv(n_held + 1.0, n_trials - n_held, 1.0 - tail) if share < 1.0 else 1.0
    return float(low), float(high)


def _widening(n_blocks: float, block_length: int, tail: float) -> float:
    """By how much distances from the value grow, for few blocks and for dependence that blocks cut."""
    freedom = n_blocks - 1.0
    of_few = np.sqrt(n_blocks / freedom) * special.stdtrit(freedom, 1.0 - tail) / special.ndtri(1.0 - tail)
    return float(of_few * np.sqrt(3.0 * block_length**2 / (2.0 * block_length**2 + 1.0)))


def _scores(statistic: Callable[[Floats], Floats], weights: Floats) -> Floats:
    scores = np.asarray(statistic(weights), dtype=float)
    if scores.shape != (len(weights),):
        raise ValueError(
            f"statistic gave {scores.shape} for {len(weights)} rows; it must give one score each"
        )
    return scores


def _divided(top: Floats, base: Floats) -> Floats:
    """Quotients; NaN where the base is negative, or both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(base < 0, np.nan, top / base)


def _checked(
    first: npt.ArrayLike, second: npt.ArrayLike, *, may_be_negative: bool = False
) -> tuple[Floats, Floats]:
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise ValueError(f"sums by origin {a.shape} and {b.shape} must be two rows of one length, not empty")
    for values in (a, b):
        bad = ~np.isfinite(values) | ((values < 0) & (not may_be_negative))
        if bad.any():
            rule = "finite" if may_be_negative else "finite and not negative"
            raise ValueError(f"sums by origin must be {rule}, not {values[bad][0]}")
    return a, b
