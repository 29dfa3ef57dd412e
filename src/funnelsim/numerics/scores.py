"""Scores of forecasts of one number: CRPS of samples, points and curves; pinball, intervals, PIT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_SUM_SLACK = 1e-9  # by which chances may miss 1, or fall, through rounding


def crps_ensemble(observed: npt.ArrayLike, samples: npt.ArrayLike) -> Floats:
    r"""Fair CRPS of simulated totals: how far they lie from what came, less how far they lie apart.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    samples : array_like of float, shape (n_cells, n_samples)
        At least two for each cell, in any order.

    Returns
    -------
    ndarray of shape (n_cells,)
        In the unit of the amounts; smaller is better. A cell may be negative: only its expectation is not.

    Raises
    ------
    ValueError
        If shapes do not fit, nothing or a single sample is given, or a number is not finite.

    Notes
    -----
    ``mean |x - y| - sum_{i<j} |x_i - x_j| / (n (n - 1))``, the second part by ranks of the sorted samples.
    Its expectation is the CRPS of the law that was sampled, however few samples [1]_; dividing by ``n^2``
    instead favours methods that draw more.

    References
    ----------
    .. [1] Ferro (2014), Fair scores for ensemble forecasts, *Quarterly Journal of the Royal Meteorological
       Society* 140, 1917-1923.

    Examples
    --------
    >>> crps_ensemble([3.0], [[1.0, 2.0, 6.0]]).round(4)
    array([0.3333])
    """
    seen, drawn = _observed(observed), _finite("samples", samples)
    if drawn.ndim != 2 or len(drawn) != len(seen) or drawn.shape[1] < 2:
        raise ValueError(f"samples {drawn.shape} must be two or more for each of {len(seen)} observed cells")
    apart = np.sort(drawn - seen[:, None], axis=1)  # from what came: large amounts keep their digits
    n = apart.shape[1]
    rank = 2.0 * np.arange(1, n + 1) - n - 1.0
    return np.asarray(np.abs(apart).mean(axis=1) - apart @ rank / (n * (n - 1)))


def crps_points(observed: npt.ArrayLike, points: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Exact CRPS of a law that has finitely many values.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    points : array_like of float, shape (n_cells, n_points) or (n_points,)
        Possible values in any order, repeated or not; one row if all cells have the same.
    weights : array_like of float, shape (n_cells, n_points) or (n_points,)
        Chances of the points, which sum to 1.

    Returns
    -------
    ndarray of shape (n_cells,)
        Never negative. For equal weights it is the CRPS of samples that is *not* fair.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, a weight is negative, or weights do not sum to 1.

    Notes
    -----
    The integral of ``(F(x) - 1{y <= x})^2``, between the points and `observed` one after the other [1]_.

    References
    ----------
    .. [1] Gneiting, Raftery (2007), Strictly proper scoring rules, prediction, and estimation, *Journal of
       the American Statistical Association* 102, 359-378, section 4.2.

    Examples
    --------
    >>> crps_points([3.0], [0.0, 10.0], [0.75, 0.25]).round(4)
    array([2.125])
    """
    seen = _observed(observed)
    values = _rows("points", _finite("points", points), len(seen))
    chances = _rows("weights", _finite("weights", weights), len(seen))
    if values.shape != chances.shape:
        raise ValueError(f"points {values.shape} and weights {chances.shape} must have one shape")
    if (chances < 0).any():
        raise ValueError(f"weights must not be negative, not {chances.min():g}")
    total = chances.sum(axis=1)
    if (np.abs(total - 1.0) > _SUM_SLACK).any():
        raise ValueError(f"weights must sum to 1, not {total[np.abs(total - 1.0).argmax()]:.12g}")
    order = np.argsort(values, axis=1)
    values, chances = np.take_along_axis(values, order, 1), np.take_along_axis(chances, order, 1)
    at = np.cumsum(chances, axis=1)
    return _integral(seen, values, at[:, :-1], at[:, :-1])


def crps_of_cdf(observed: npt.ArrayLike, amounts: npt.ArrayLike, below: npt.ArrayLike) -> Floats:
    r"""Exact CRPS of a law whose distribution function is linear between given amounts.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    amounts : array_like of float, shape (n_cells, n_amounts) or (n_amounts,)
        Not decreasing. An amount given twice is a jump: the chance below it, then the chance up to it. One
        row if all cells have the same.
    below : array_like of float, shape (n_cells, n_amounts) or (n_amounts,)
        ``P(X <= amount)``, not decreasing. What the first one holds lies on the first amount: nothing is
        below it. The last one must be 1.

    Returns
    -------
    ndarray of shape (n_cells,)
        Never negative.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, `amounts` or `below` decrease, a chance lies outside 0
        to 1, or the last one is not 1: a tail that was left out has no score.

    Notes
    -----
    The integral of ``(F(x) - 1{y <= x})^2`` piece by piece: over a width ``w`` in which the root goes from
    ``u`` to ``v`` it is ``w (u^2 + u v + v^2) / 3``. Nothing is approximated but the law itself: if it is not
    linear between the amounts, the error of the score is at most twice the integral of the gap.

    Examples
    --------
    Nothing with chance 0.4, else any amount up to 10:

    >>> crps_of_cdf([3.0], [0.0, 0.0, 10.0], [0.0, 0.4, 1.0]).round(4)
    array([1.14])
    """
    seen = _observed(observed)
    knots = _rows("amounts", _finite("amounts", amounts), len(seen))
    at = _rows("below", _finite("below", below), len(seen))
    if knots.shape != at.shape:
        raise ValueError(f"amounts {knots.shape} and below {at.shape} must have one shape")
    if (np.diff(knots, axis=1) < 0).any():
        raise ValueError(f"amounts must not decrease, as by {-np.diff(knots, axis=1).min():g}")
    _check_chances("below", at)
    if (np.diff(at, axis=1) < -_SUM_SLACK).any():
        raise ValueError(f"below must not decrease, as by {-np.diff(at, axis=1).min():g}")
    if (at[:, -1] < 1.0 - _SUM_SLACK).any():
        raise ValueError(f"below must reach 1, not {at[:, -1].min():.12g}: give amounts further out")
    return _integral(seen, knots, at[:, :-1], at[:, 1:])


def _integral(observed: Floats, knots: Floats, start: Floats, end: Floats) -> Floats:
    """Integral of ``(F(x) - 1{y <= x})^2`` for an F that goes from `start` to `end` between its knots."""
    y, low, high = observed[:, None], knots[:, :-1], knots[:, 1:]
    width = high - low
    cut = np.clip(y, low, high)
    share = np.divide(cut - low, width, out=np.zeros_like(width), where=width > 0)
    middle = start + (end - start) * share
    up_to = (cut - low) * _squares(start, middle) + (high - cut) * _squares(1.0 - middle, 1.0 - end)
    outside = np.maximum(knots[:, 0] - observed, 0.0) + np.maximum(observed - knots[:, -1], 0.0)
    return np.asarray(up_to.sum(axis=1) + outside)


def _squares(first: Floats, last: Floats) -> Floats:
    """Mean square of a line from `first` to `last`."""
    return (first * first + first * last + last * last) / 3.0


def pinball(observed: npt.ArrayLike, quantile: npt.ArrayLike, level: npt.ArrayLike) -> Floats:
    """Pinball loss of quantiles: what an amount costs that is too low, or too high, at the odds of its level.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    quantile : array_like of float, shape (n_cells,) or (n_cells, n_levels)
    level : float, or array_like of float, shape (n_levels,)
        Chances of staying below, between 0 and 1.

    Returns
    -------
    ndarray of the shape of `quantile`
        ``level (y - q)`` if ``y >= q``, else ``(1 - level) (q - y)``; there is no factor 2. The mean over all
        levels is half the CRPS.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a level does not lie between 0 and 1.

    References
    ----------
    .. [1] Koenker, Bassett (1978), Regression quantiles, *Econometrica* 46, 33-50.

    Examples
    --------
    >>> pinball([7.0], [[5.0, 10.0]], [0.1, 0.9]).round(4)
    array([[0.2, 0.3]])
    """
    seen, levels = _observed(observed), _finite("level", level)
    amounts = _beside("quantile", quantile, seen)
    if levels.ndim and levels.shape != amounts.shape[1:]:
        raise ValueError(f"level {levels.shape} must be one, or one for each column of {amounts.shape}")
    if ((levels <= 0) | (levels >= 1)).any():
        bad = levels[(levels <= 0) | (levels >= 1)].flat[0]
        raise ValueError(f"level must lie between 0 and 1, not {bad:g}")
    gap = _column(seen, amounts) - amounts
    return np.where(gap >= 0, levels * gap, (levels - 1.0) * gap)


def covered(observed: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Flags:
    """Whether ranges held what came; their ends count as inside.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    low, high : array_like of float, shape (n_cells,) or (n_cells, n_intervals)

    Returns
    -------
    ndarray of bool, the shape of `low`
        Ranges of counts hold more than they promise, because an end has a chance of its own: judge these by
        :func:`pit_randomised` too.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a low end lies above the high one.
    """
    seen = _observed(observed)
    least, most = _ends(_beside("low", low, seen), _beside("high", high, seen))
    y = _column(seen, least)
    return np.asarray((least <= y) & (y <= most))


def interval_width(low: npt.ArrayLike, high: npt.ArrayLike) -> Floats:
    """Widths of ranges, of the shape of `low`; narrow is good only in ranges that hold.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a low end lies above the high one.
    """
    least, most = _ends(_finite("low", low), _finite("high", high))
    return np.asarray(most - least)


def interval_score(observed: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, share: float) -> Floats:
    """Width of ranges plus a fine for every miss: one number for narrow and right.

    Parameters
    ----------
    observed : array_like of float, shape (n_cells,)
    low, high : array_like of float, shape (n_cells,) or (n_cells, n_intervals)
        Quantiles that leave ``(1 - share) / 2`` on either side.
    share : float
        What the ranges should hold, such as 0.8.

    Returns
    -------
    ndarray of the shape of `low`
        ``high - low + 2 / (1 - share) * (how far outside)``; smaller is better.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, a low end lies above the high one, or `share` does not
        lie between 0 and 1.

    References
    ----------
    .. [1] Gneiting, Raftery (2007), *Journal of the American Statistical Association* 102, section 6.2.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, not {share!r}")
    seen = _observed(observed)
    least, most = _ends(_beside("low", low, seen), _beside("high", high, seen))
    y = _column(seen, least)
    outside = np.maximum(least - y, 0.0) + np.maximum(y - most, 0.0)
    return np.asarray(most - least + 2.0 / (1.0 - share) * outside)


def pit_randomised(below: npt.ArrayLike, at_or_below: npt.ArrayLike, rng: np.random.Generator) -> Floats:
    """Where in its law each observed number fell, 0 to 1; uniform if the laws are right, counts included.

    Parameters
    ----------
    below, at_or_below : array_like of float, shape (n_cells,)
        ``P(X < y)`` and ``P(X <= y)`` by the forecast, at the observed number ``y``.
    rng : Generator
        One uniform is drawn for each cell, whether it is needed or not.

    Returns
    -------
    ndarray of shape (n_cells,)
        Drawn between the two chances. Cells of overlapping periods are dependent: no test that takes them for
        independent holds.

    Raises
    ------
    ValueError
        If shapes do not fit, a chance lies outside 0 to 1, or `below` exceeds `at_or_below`.

    References
    ----------
    .. [1] Czado, Gneiting, Held (2009), Predictive model assessment for count data, *Biometrics* 65,
       1254-1261.
    """
    least, most = _finite("below", below), _finite("at_or_below", at_or_below)
    if least.ndim != 1 or least.shape != most.shape or not least.size:
        raise ValueError(f"below {least.shape} and at_or_below {most.shape} must be two rows of one length")
    _check_chances("below", least)
    _check_chances("at_or_below", most)
    step = most - least
    if (step < -_SUM_SLACK).any():
        worst = step.argmin()
        raise ValueError(f"below {least[worst]:g} must not exceed at_or_below {most[worst]:g}")
    return np.clip(least + rng.random(len(least)) * np.maximum(step, 0.0), 0.0, 1.0)


# --- what every score checks


def _finite(name: str, values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, not {array[~np.isfinite(array)].flat[0]}")
    return array


def _observed(values: npt.ArrayLike) -> Floats:
    array = _finite("observed", values)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"observed {array.shape} must be one row of at least one cell")
    return array


def _rows(name: str, array: Floats, n_cells: int) -> Floats:
    """One row for each cell, from a table or from one row for all."""
    if array.ndim not in (1, 2) or array.shape[-1] < 1 or (array.ndim == 2 and len(array) != n_cells):
        raise ValueError(f"{name} {array.shape} must be one row, or one for each of {n_cells} observed cells")
    return np.broadcast_to(array, (n_cells, array.shape[-1]))


def _beside(name: str, values: npt.ArrayLike, observed: Floats) -> Floats:
    array = _finite(name, values)
    if array.ndim not in (1, 2) or len(array) != len(observed):
        raise ValueError(f"{name} {array.shape} must have one row for each of {len(observed)} observed cells")
    return array


def _column(observed: Floats, beside: Floats) -> Floats:
    return observed if beside.ndim == 1 else observed[:, None]


def _ends(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    if low.shape != high.shape:
        raise ValueError(f"low {low.shape} and high {high.shape} must have one shape")
    if (low > high).any():
        raise ValueError(
            f"low {low[low > high].flat[0]:g} must not lie above high {high[low > high].flat[0]:g}"
        )
    return low, high


def _check_chances(name: str, chances: Floats) -> None:
    bad = (chances < -_SUM_SLACK) | (chances > 1.0 + _SUM_SLACK)
    if bad.any():
        raise ValueError(f"{name} must lie between 0 and 1, not {chances[bad].flat[0]:g}")
