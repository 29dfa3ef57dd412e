"""Arrivals of new deals: a rate with its uncertainty, over-dispersion, and the stages they enter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_BLOCKS = 12
_MOST_DISPERSION = 10.0
_WALKED_MEAN = 64.0
_WALKED_COUNT = 200  # beyond it a count of mean 64 has a chance below 1e-40
_BLOCKS = {"hour": (672, 168, 24), "day": (28, 7, 1), "week": (4, 1), "month": (1,)}
_STEPS_A_YEAR = {"hour": 8736, "day": 364, "week": 52, "month": 12}


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

    def draw(self, rng: np.random.Generator) -> tuple[float, Floats]:
        """One draw of the mean rate per step and of the shares of the entry stages."""
        mean, entries = self.mean_per_block, self.entry_counts
        if np.isfinite(self.worth_blocks):
            mean = rng.standard_gamma(max(mean * self.worth_blocks, 1e-9)) / self.worth_blocks
            entries = rng.standard_gamma(entries)
        return mean / self.block_steps, entries / max(entries.sum(), 1e-300)


def fit_arrivals(
    entry_step: Ints, entry_stage: Ints, n_open: int, first_step: int, last_step: int, step: str
) -> Arrivals:
    """Arrival law from the latest year of complete blocks before `last_step`.

    A whole year, so that peak and slack months weigh as they should; less where the record is shorter. A
    block is four weeks (or a month) when twelve of them are on record, else a week, else a day: longer
    blocks show the slow swings that matter to a forecast of several months. The uncertainty of the mean
    counts over-dispersion. Half an arrival is added to their number (the Jeffreys prior of a Poisson rate),
    so that a year without any does not promise none.

    Parameters
    ----------
    entry_step, entry_stage : ndarray of int, shape (n_arrivals,)
    n_open : int
        Number of open stages.
    first_step, last_step : int
        Steps between which arrivals are recorded completely, both included.
    step : {"hour", "day", "week", "month"}
        Step of the clock.

    Returns
    -------
    Arrivals
    """
    inside = (entry_step >= first_step) & (entry_step <= last_step)
    entry_step, entry_stage = entry_step[inside], entry_stage[inside]
    span = last_step - first_step + 1
    sizes = _BLOCKS[step]
    size = next((size for size in sizes if span >= _LEAST_BLOCKS * size), min(sizes[-1], span))
    counts = _latest_counts(entry_step, last_step, size, min(span, _STEPS_A_YEAR[step]) // size)
    n_blocks = len(counts)
    mean = (counts.sum() + 0.5) / n_blocks
    dispersion = fit_dispersion(counts)
    recent = entry_step > last_step - n_blocks * size
    entry_counts = np.bincount(entry_stage[recent], minlength=n_open).astype(float)
    return Arrivals(size, mean, n_blocks / (1.0 + dispersion * mean), dispersion, entry_counts)


def _latest_counts(entry_step: Ints, last_step: int, size: int, n_blocks: int) -> Ints:
    blocks_back = (last_step - entry_step) // size
    return np.bincount(blocks_back[blocks_back < n_blocks], minlength=n_blocks)


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
