"""Arrivals of new deals: a rate with its uncertainty, over-dispersion, and the stages they enter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from funnelsim.numerics.strata import Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_BLOCKS = 12
_MOST_DISPERSION = 10.0
_WALKED_MEAN = 64.0
_WALKED_COUNT = 200  # beyond it a count of mean 64 has a chance below 1e-40
_BLOCKS = {"hour": (672, 168, 24), "day": (28, 7, 1), "week": (4, 1), "month": (1,)}
_STEPS_A_YEAR = {"hour": 8736, "day": 364, "week": 52, "month": 12}
FEWEST_STEPS = {"hour": 168, "day": 7, "week": 1, "month": 1}  # a week holds working days and others


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Law of new deals per block of steps: negative binomial, with an uncertain mean.

    Parameters
    ----------
    block_steps : int
        Steps in a block.
    mean_per_block : float
        Expected arrivals in a block.
    worth_blocks : float
        How many independent blocks of observation the mean is worth; infinite when the mean and the shares of
        the entry stages are taken as certain.
    dispersion : float
        Variance of a block beyond chance, over the mean squared; 0 is Poisson.
    entry_counts : ndarray of float, shape (n_open,)
        Arrivals that entered at each open stage.
    """

    block_steps: int
    mean_per_block: float
    worth_blocks: float
    dispersion: float
    entry_counts: Floats

    def scaled(self, factor: float) -> Arrivals:
        """The same law with `factor` times as many arrivals, as certain as before."""
        return replace(
            self,
            mean_per_block=self.mean_per_block * factor,
            worth_blocks=self.worth_blocks / max(factor, 1e-300),
        )

    def draw(self, rng: Source, *, has_level: bool = False) -> tuple[float, Floats]:
        """One draw of the mean rate per step and of the shares of the entry stages.

        With a level of its own beside it the mean is taken as it stands: the level holds the uncertainty.
        """
        mean, entries = self.mean_per_block, self.entry_counts
        if np.isfinite(self.worth_blocks):
            drawn = (
                float(rng.standard_gamma(np.array(max(mean * self.worth_blocks, 1e-9)))) / self.worth_blocks
            )
            mean = mean if has_level else drawn
            entries = rng.standard_gamma(entries)
        return mean / self.block_steps, entries / max(entries.sum(), 1e-300)


def fit_arrivals(counts: Floats, step: str) -> Arrivals:
    """Arrival law from the latest year of complete blocks.

    A whole year, so that peak and slack months weigh as they should; less where the record is shorter. A
    block is four weeks (or a month) when twelve of them are on record, else a week, else a day: longer
    blocks show the slow swings that matter to a forecast of several months. The uncertainty of the mean
    counts over-dispersion. Half an arrival is added to their number (the Jeffreys prior of a Poisson rate),
    so that a year without any does not promise none.

    Parameters
    ----------
    counts : ndarray of float, shape (n_steps, n_open)
        Arrivals by step and stage of entry, over the steps in which they are recorded completely.
    step : {"hour", "day", "week", "month"}
        Step of the clock.

    Returns
    -------
    Arrivals
    """
    span, sizes = len(counts), _BLOCKS[step]
    size = next((size for size in sizes if span >= _LEAST_BLOCKS * size), min(sizes[-1], span))
    n_blocks = min(span, _STEPS_A_YEAR[step]) // size
    recent = counts[span - n_blocks * size :]
    by_block = recent.sum(axis=1).reshape(n_blocks, size).sum(axis=1)
    mean = (by_block.sum() + 0.5) / n_blocks
    dispersion = fit_dispersion(by_block)
    return Arrivals(size, mean, n_blocks / (1.0 + dispersion * mean), dispersion, recent.sum(axis=0))


def fit_dispersion(counts: npt.ArrayLike) -> float:
    """Over-dispersion of counts: maximum likelihood of the negative binomial with the sample mean.

    Parameters
    ----------
    counts : array_like of int, shape (n_blocks,)

    Returns
    -------
    float
        ``phi`` in ``variance = mean + phi * mean**2``; 0 when Poisson fits as well, or with fewer than
        three blocks, which cannot tell.

    References
    ----------
    .. [1] Cameron, Trivedi (2013), *Regression Analysis of Count Data*, 2nd ed., section 3.3 (NB2).
    """
    y = np.asarray(counts, dtype=float)
    mean = y.mean()
    if len(y) < 3 or mean == 0 or y.var(ddof=1) <= mean:
        return 0.0

    def loss(log_dispersion: float) -> float:
        r = np.exp(-log_dispersion)
        terms = (
            special.gammaln(y + r)
            - special.gammaln(r)
            + r * np.log(r / (r + mean))
            + y * np.log(mean / (r + mean))
        )
        return -float(terms.sum())

    found = optimize.minimize_scalar(loss, bounds=(np.log(1e-6), np.log(_MOST_DISPERSION)), method="bounded")
    return float(np.exp(found.x))


def poisson_quantile(chance: Floats, mean: Floats) -> Ints:
    """Smallest count whose Poisson distribution function reaches `chance`.

    Counts by inversion rise with the mean for one and the same chance; so the futures of two scenarios are
    paired even where their means differ.
    """
    count = np.zeros(chance.shape, dtype=np.int64)
    small, large = mean <= _WALKED_MEAN, mean > _WALKED_MEAN
    count[small] = _walk_up(chance[small], mean[small])
    by_inverse = np.ceil(special.pdtrik(chance[large], mean[large]))
    below = np.maximum(by_inverse - 1, 0)
    count[large] = np.where(special.pdtr(below, mean[large]) >= chance[large], below, by_inverse)
    return count


def _walk_up(chance: Floats, mean: Floats) -> Ints:
    """Counts one by one until each chance is reached; many times faster than an inverse for small means."""
    term = np.exp(-mean)
    reached = term.copy()
    count = np.zeros(chance.shape, dtype=np.int64)
    for k in range(1, _WALKED_COUNT):
        is_more = chance > reached
        if not is_more.any():
            break
        count += is_more
        term *= mean / k
        reached += term
    return count
