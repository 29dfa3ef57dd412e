"""Tails of amounts: a log-normal body, a generalised Pareto above a threshold, and what exceeds all seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]

LEAST_SHAPE, MOST_SHAPE = -0.5, 1.0
LEAST_ABOVE = 20
_LEAST_DIFFERENT = 10
_GRID, _REACH = 81, 7.0  # nodes a side, and standard errors that the grid spans on either side
_EXPONENTIAL = 1e-9  # a shape nearer to 0 is 0
_EXTRA_PARAMETERS = 2  # of the Pareto tail, beyond those that the log-normal law has anyway


class TailError(ValueError):
    """Amounts that say nothing of their tail."""


def log_survival(excess: Floats, shape: float | Floats, scale: float | Floats) -> Floats:
    r"""Logarithm of the chance that a generalised Pareto excess is larger: ``-log(1 + k y / s) / k``.

    Parameters
    ----------
    excess : ndarray
        Amount above the threshold, >= 0.
    shape, scale : float or ndarray
        k and s > 0; they broadcast with `excess`. With k = 0 the law is exponential, ``-y / s``; with k < 0
        nothing exceeds ``-s / k`` (minus infinity beyond).

    Returns
    -------
    ndarray
    """
    k, ratio = np.broadcast_arrays(np.asarray(shape, dtype=float), excess / scale)
    is_flat = np.abs(k) < _EXPONENTIAL
    safe = np.where(is_flat, 1.0, k)
    inside = np.maximum(1.0 + safe * ratio, 0.0)
    with np.errstate(divide="ignore"):
        curved = np.where(inside > 0, -np.log(inside) / safe, -np.inf)
    found: Floats = np.where(is_flat, -ratio, curved)
    return found


def log_likelihood(excess: Floats, shape: float, scale: float) -> float:
    """Log-likelihood of excesses under the generalised Pareto law; minus infinity beyond its end."""
    logs = log_survival(excess, shape, scale)
    if np.isneginf(logs).any():
        return -np.inf
    return float((1.0 + shape) * logs.sum() - len(excess) * np.log(scale))


@dataclass(frozen=True, eq=False)
class Tail:
    """Log-normal body and generalised Pareto tail of amounts, with the posterior of the tail on a grid.

    Parameters
    ----------
    threshold : float
        Amount above which the tail begins.
    n_amounts, n_above : int
        Amounts used, and those above the threshold.
    shape, scale : float
        Most likely; scale in units of the amounts.
    log_mean, log_sd : float
        Of the log-normal law fitted to all amounts, natural logarithms.
    largest : float
        Largest amount seen.
    aic_gain : float
        AIC of the log-normal law above the threshold less that of the Pareto tail; > 0 favours the latter.
    heavier : bool
        Whether the Pareto tail puts more above the largest amount seen than the log-normal law does.
    shapes, scales, weight : ndarray of shape (n_nodes,)
        Posterior: flat on the shape within its bounds, and on the logarithm of the scale.
    """

    threshold: float
    n_amounts: int
    n_above: int
    shape: float
    scale: float
    log_mean: float
    log_sd: float
    largest: float
    aic_gain: float
    heavier: bool
    shapes: Floats
    scales: Floats
    weight: Floats

    def __post_init__(self) -> None:
        for column in (self.shapes, self.scales, self.weight):
            column.flags.writeable = False

    @property
    def share_above(self) -> float:
        """Share of the amounts above the threshold."""
        return self.n_above / self.n_amounts

    def shape_interval(self, share: float = 0.8) -> tuple[float, float]:
        """Bounds that hold the given share of the posterior of the shape."""
        order = np.argsort(self.shapes, kind="stable")
        total = np.cumsum(self.weight[order])
        ends = np.searchsorted(total, [(1 - share) / 2, (1 + share) / 2]).clip(max=len(total) - 1)
        low, high = self.shapes[order][ends]
        return float(low), float(high)

    def draw(self, rng: np.random.Generator, n_draws: int) -> tuple[Floats, Floats, Floats]:
        """Posterior draws of the shape, the scale and the share above the threshold, each (n_draws,)."""
        node = rng.choice(len(self.weight), size=n_draws, p=self.weight)
        above = rng.beta(self.n_above + 0.5, self.n_amounts - self.n_above + 0.5, size=n_draws)
        return self.shapes[node], self.scales[node], above

    def exceedance(self, amounts: Floats) -> Floats:
        """Chance that an amount is larger than each of those given, most likely values; shape as given."""
        logs = log_survival(np.maximum(amounts - self.threshold, 0.0), self.shape, self.scale)
        return np.where(amounts >= self.threshold, self.share_above * np.exp(logs), self._body(amounts))

    def exceedance_draws(self, amounts: Floats, rng: np.random.Generator, n_draws: int) -> Floats:
        """Posterior draws of the same above the threshold, shape (n_draws, n_amounts)."""
        shape, scale, above = (column[:, None] for column in self.draw(rng, n_draws))
        return above * np.exp(log_survival(np.maximum(amounts - self.threshold, 0.0), shape, scale))

    def gap(self, amounts: Floats) -> float:
        """Largest distance between the shares of the tail's amounts and the fitted law, 0 to 1.

        Times the root of `n_above`, it stays below 1.3 in 99 of 100 samples of an exponential tail whose
        scale is fitted (Stephens 1974, *JASA* 69, 730-737), and lower still when the shape is fitted too.
        """
        above = np.sort(amounts[amounts > self.threshold])
        below = -np.expm1(log_survival(above - self.threshold, self.shape, self.scale))
        rank = np.arange(len(above) + 1) / len(above)
        return float(max(np.max(rank[1:] - below), np.max(below - rank[:-1])))

    def lognormal_exceedance(self, amounts: Floats) -> Floats:
        """Chance that an amount is larger, under the log-normal law fitted to all amounts."""
        return special.ndtr(-self._z(amounts))

    def _z(self, amounts: Floats) -> Floats:
        return (np.log(np.maximum(amounts, 1e-300)) - self.log_mean) / self.log_sd

    def _body(self, amounts: Floats) -> Floats:
        """The log-normal law below the threshold, scaled so that it meets the share above."""
        below = float(special.ndtr(self._z(np.array(self.threshold))))
        return 1.0 - (1.0 - self.share_above) * np.minimum(special.ndtr(self._z(amounts)) / below, 1.0)

    def chance_of_record(self, n_wins: Floats, rng: np.random.Generator) -> Floats:
        """Chance that some win exceeds the largest seen, by posterior draw.

        Parameters
        ----------
        n_wins : ndarray of shape (n_draws,)
            Expected wins of each draw; their number is Poisson.
        rng : Generator

        Returns
        -------
        ndarray of shape (n_draws,)
            ``1 - exp(-n P(X > largest))``.
        """
        each = self.exceedance_draws(np.array([self.largest]), rng, len(n_wins))[:, 0]
        return -np.expm1(-n_wins * each)


def fit_tail(amounts: Floats, share: float = 0.1) -> Tail:
    r"""Fit the tail of amounts by maximum likelihood, with its posterior on a grid.

    Parameters
    ----------
    amounts : ndarray of shape (n_amounts,)
        Positive amounts, in any order.
    share : float
        Share of the amounts that makes the tail; 20 amounts at least.

    Returns
    -------
    Tail

    Raises
    ------
    TailError
        If there are fewer than 40 amounts, or fewer than 10 different ones in the tail.

    Notes
    -----
    Above a high threshold u, excesses of nearly every law tend to
    ``P(X > u + y | X > u) = (1 + k y / s) ** (-1 / k)`` [1]_. The shape is held within -0.5 and 1: below,
    likelihood has no regular maximum [2]_; above, amounts have no mean. The rival is the log-normal law
    fitted to *all* amounts, seen above the threshold; the Pareto tail pays for its two parameters.

    References
    ----------
    .. [1] Pickands (1975), Statistical inference using extreme order statistics, *Annals of Statistics* 3(1),
       119-131.
    .. [2] Smith (1985), Maximum likelihood estimation in a class of nonregular cases, *Biometrika* 72, 67-90.

    Examples
    --------
    >>> even = (np.arange(2000) + 0.5) / 2000
    >>> tail = fit_tail(10 * (1 - even) ** -0.5)  # Pareto: shape 1/2
    >>> round(tail.shape, 1), tail.heavier
    (0.5, True)
    """
    x = np.sort(np.asarray(amounts, dtype=float))
    if not (np.isfinite(x) & (x > 0)).all():
        raise TailError("amounts must be finite and positive")
    n_tail = max(round(share * len(x)), LEAST_ABOVE)
    if len(x) < 2 * n_tail:
        raise TailError(f"{len(x)} amounts are too few for a tail of {n_tail}")
    threshold = float(x[-n_tail - 1])
    above = x[x > threshold]
    if len(np.unique(above)) < _LEAST_DIFFERENT:
        raise TailError(f"only {len(np.unique(above))} different amounts lie above {threshold:,.6g}")
    excess, logs = above - threshold, np.log(x)
    shape, scale = _most_likely(excess)
    mean, sd = float(logs.mean()), float(logs.std())
    z = (np.log(np.append(threshold, above)) - mean) / sd
    normal = -0.5 * (z[1:] ** 2 + np.log(2 * np.pi)) - np.log(sd * above) - special.log_ndtr(-z[0])
    gain = 2 * (log_likelihood(excess, shape, scale) - float(normal.sum())) - 2 * _EXTRA_PARAMETERS
    beyond = float(log_survival(excess[-1:], shape, scale)[0])
    is_heavier = beyond > float(special.log_ndtr(-z[-1]) - special.log_ndtr(-z[0]))
    nodes = _posterior(excess, shape, scale)
    return Tail(threshold, len(x), len(above), shape, scale, mean, sd, float(x[-1]), gain, is_heavier, *nodes)


def _most_likely(excess: Floats) -> tuple[float, float]:
    """Shape and scale of the largest likelihood within the bounds of the shape."""
    unit = float(excess.mean())

    def at(shape: float) -> tuple[float, float]:
        least = max(-shape * float(excess.max()) / unit, 1e-3) * (1 + 1e-9)
        found = optimize.minimize_scalar(
            lambda log_scale: -log_likelihood(excess / unit, shape, float(np.exp(log_scale))),
            bounds=(np.log(least), np.log(least) + 10.0),
            method="bounded",
            options={"xatol": 1e-8},
        )
        return float(-found.fun), float(np.exp(found.x)) * unit

    best = optimize.minimize_scalar(
        lambda shape: -at(shape)[0],
        bounds=(LEAST_SHAPE, MOST_SHAPE),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(best.x), at(float(best.x))[1]


def _posterior(excess: Floats, shape: float, scale: float) -> tuple[Floats, Floats, Floats]:
    """Nodes of shape and scale with their weights, around the most likely."""
    error = (1.0 + max(shape, 0.0)) / np.sqrt(len(excess))
    ends = np.clip([shape - _REACH * error, shape + _REACH * error], LEAST_SHAPE, MOST_SHAPE)
    shapes = np.linspace(ends[0], ends[1], _GRID)
    spread = _REACH * np.sqrt(2.0 * (1.0 + max(shape, 0.0)) / len(excess))
    scales = scale * np.exp(np.linspace(-spread, spread, _GRID))
    logs = np.stack(
        [
            (1.0 + k) * log_survival(excess, k, scales[:, None]).sum(axis=1) - len(excess) * np.log(scales)
            for k in shapes
        ]
    )
    weight = np.exp(logs - logs.max()).ravel()
    k, s = (axis.ravel() for axis in np.meshgrid(shapes, scales, indexing="ij"))
    return k, s, weight / weight.sum()
