"""Process: the truth of a synthetic world, day by day, before and after the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.rates import chances_of, rates_of
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLOCK = Clock("day")
_QUANTILE90 = 1.2815515655446004  # of the normal law


def tilted(stages: Stages, chances: Floats, log_odds: Floats) -> Floats:
    """Chances with the odds of leaving forward multiplied, each stage by its own; the chance to leave stays.

    Parameters
    ----------
    stages : Stages
    chances : ndarray of shape (..., n_open, n_bins, n_places)
    log_odds : ndarray of shape (n_open,)

    Returns
    -------
    ndarray of the shape of `chances`
    """
    is_forward = np.stack([stages.is_forward(stage) for stage in range(stages.n_open)])
    factor: Floats = np.where(is_forward, np.exp(log_odds)[:, None], 1.0)
    after: Floats = chances * factor[:, None, :]
    before, total = chances.sum(axis=-1, keepdims=True), after.sum(axis=-1, keepdims=True)
    scale: Floats = np.divide(before, total, out=np.ones(total.shape), where=total > 0)
    return np.asarray(after * scale, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class AmountLaw:
    """Amounts of deals: log-normal, by class, with a Pareto tail if one is given.

    Parameters
    ----------
    log_mean : ndarray of shape (n_classes,)
        Mean of the logarithm of the log-normal body.
    log_sd : float
    tail_index : float
        The share of amounts beyond x falls as ``x ** -tail_index``; infinite for no tail.
    tail_share : float
        Share of the deals whose amount is the body's 90 % quantile times a Pareto factor.
    """

    log_mean: Floats
    log_sd: float
    tail_index: float = np.inf
    tail_share: float = 0.0

    def draw(self, klass: Ints, rng: np.random.Generator) -> Floats:
        """Amount of one deal of each given class, rounded to cents."""
        n = len(klass)
        normal, is_large, factor = rng.standard_normal(n), rng.random(n) < self.tail_share, rng.random(n)
        body = np.exp(self.log_mean[klass] + self.log_sd * normal)
        if self.tail_share > 0:
            start = np.exp(self.log_mean[klass] + _QUANTILE90 * self.log_sd)
            body = np.where(is_large, start * (1.0 - factor) ** (-1.0 / self.tail_index), body)
        return np.asarray(np.round(body, 2), dtype=np.float64)

    @property
    def mean(self) -> Floats:
        """Mean amount by class; infinite for a tail index of 1 or less."""
        body = np.exp(self.log_mean + self.log_sd**2 / 2)
        if self.tail_share == 0:
            return np.asarray(body)
        excess = self.tail_index / (self.tail_index - 1.0) if self.tail_index > 1 else np.inf
        tail = np.exp(self.log_mean + _QUANTILE90 * self.log_sd) * excess
        return np.asarray((1 - self.tail_share) * body + self.tail_share * tail)


@dataclass(frozen=True)
class Desks:
    """A limit on the deals that are worked at once: the others wait, first come, first served.

    Parameters
    ----------
    n_desks : int
        Deals worked at once. A deal keeps its desk until it ends.
    leaving_chance : float
        Chance a day that a waiting customer gives up: the deal is lost.
    """

    n_desks: int
    leaving_chance: float


@dataclass(frozen=True, eq=False)
class Process:
    """How deals of a world arrive, move and end on every day: what only the oracle knows.

    Parameters
    ----------
    stages : Stages
    first_age : ndarray of int, shape (n_bins,)
        First age in days of each bin; the last bin never ends.
    chances : ndarray of shape (n_classes, n_open, n_bins, n_places)
        Chance a day to leave each stage for each place, in ordinary times.
    start_step, cutoff_step, end_step : int
        First day with arrivals, last day that is known, last day that is simulated.
    arrival_rate : ndarray of shape (n_steps,)
        Expected arrivals on each day from `start_step` to `end_step`.
    class_shares : ndarray of shape (n_steps, n_classes)
        Share of each class among them.
    entry_shares : ndarray of shape (n_open,)
        Share that enters at each stage.
    cause_factors : ndarray of shape (n_steps, n_places)
        Factors on the rates of leaving for each place, by day.
    forward_log_odds : ndarray of shape (n_steps,)
        What is added, by day, to the log-odds of leaving forward; the chance to leave at all stays.
    amounts : AmountLaw
    swing_steps : int
        Days that share one swing of the arrivals; counted from the cutoff, both ways.
    dispersion : float
        Variance of that swing, which is Gamma with mean 1; 0 for Poisson arrivals.
    class_names : tuple of str
        As recorded in the attribute ``source``; empty if the records do not tell classes apart.
    window_start_step : int, optional
        Deals that ended before it are not in the records.
    desks : Desks, optional
    """

    stages: Stages
    first_age: Ints
    chances: Floats
    start_step: int
    cutoff_step: int
    end_step: int
    arrival_rate: Floats
    class_shares: Floats
    entry_shares: Floats
    cause_factors: Floats
    forward_log_odds: Floats
    amounts: AmountLaw
    swing_steps: int = 7
    dispersion: float = 0.0
    class_names: tuple[str, ...] = ()
    window_start_step: int | None = None
    desks: Desks | None = None

    @property
    def n_classes(self) -> int:
        """Classes of deals."""
        return len(self.chances)

    @property
    def bin_of_age(self) -> Ints:
        """Bin of each age up to the first of the last bin, shape (n_ages,); older deals count as such."""
        ages = np.arange(self.first_age[-1] + 1)
        return np.searchsorted(self.first_age, ages, side="right") - 1

    def chances_on(self, step: int) -> Floats:
        """Chances to leave on one day, shape (n_classes, n_open, n_bins, n_places)."""
        day = step - self.start_step
        log_odds, factors, chances = self.forward_log_odds[day], self.cause_factors[day], self.chances
        if log_odds:
            chances = tilted(self.stages, chances, np.full(self.stages.n_open, log_odds))
        if (factors != 1.0).any():
            chances = chances_of(rates_of(chances) * factors)
        return chances

    def routes(self, step: int) -> Floats:
        """Share of the deals of each class and stage that leave for each place if every day were like `step`.

        Returns
        -------
        ndarray of shape (n_classes, n_open, n_places)
            Sums to less than 1 where some never leave.
        """
        chances = self.chances_on(step)
        total = chances.sum(axis=-1)
        stays = (1.0 - total[..., :-1]) ** np.diff(self.first_age)
        reaches = np.concatenate([np.ones_like(total[..., :1]), np.cumprod(stays, axis=-1)], axis=-1)
        leaves = reaches * np.append(1.0 - stays, np.where(total[..., -1:] > 0, 1.0, 0.0), axis=-1)
        share = leaves[..., None] * np.divide(
            chances, total[..., None], out=np.zeros_like(chances), where=total[..., None] > 0
        )
        return np.asarray(share.sum(axis=-2))

    def visits(self, step: int) -> Floats:
        """Expected visits to each stage of a deal that enters each, shape (n_classes, n_open, n_open)."""
        n_open = self.stages.n_open
        return np.asarray(np.linalg.inv(np.eye(n_open) - self.routes(step)[:, :, :n_open]), dtype=float)

    def win_chance(self, step: int) -> Floats:
        """Chance of each class to be won in the end if every day were like `step`, shape (n_classes,)."""
        won = self.routes(step)[:, :, self.stages.is_won].sum(axis=-1)
        return np.asarray(np.einsum("s,csj,cj->c", self.entry_shares, self.visits(step), won))

    def mean_stay(self, step: int) -> Floats:
        """Expected days in each stage of one visit, by class; shape (n_classes, n_open). Tails must end."""
        total = self.chances_on(step).sum(axis=-1)
        ages = self.bin_of_age[:-1]
        still_there = np.cumprod(1.0 - total[..., ages], axis=-1)
        return np.asarray(
            still_there.sum(axis=-1) + still_there[..., -1] * (1.0 - total[..., -1]) / total[..., -1]
        )
