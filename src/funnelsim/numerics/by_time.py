"""Exits and exposure of one stage by calendar step: what levels and calendars are learnt from.

Everything here adds over deals, as the counts by age do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.hazards import Spells
from funnelsim.numerics.rates import chances_of, rates_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StepCounts:
    """Exits and exposure of one stage by step.

    Parameters
    ----------
    exits : ndarray of shape (n_places, n_steps)
        Exits in each step to each place.
    at_risk : ndarray of shape (n_bins, n_steps)
        Stays under observation in each step whose age lies in each bin.
    """

    exits: Floats
    at_risk: Floats

    def __add__(self, other: StepCounts) -> StepCounts:
        return StepCounts(self.exits + other.exits, self.at_risk + other.at_risk)

    def expected(self, hazards: Floats, factor: Floats | None = None) -> Floats:
        """Exits to expect in each step, shape (n_places, n_steps).

        Parameters
        ----------
        hazards : ndarray of shape (n_bins, n_places)
            Chances per step.
        factor : ndarray of shape (n_places, n_steps), optional
            Factor on the cumulative hazard of each cause in each step; chances stay below 1 under it.
        """
        if factor is None:
            return np.asarray(hazards.T @ self.at_risk)
        expected = np.zeros_like(factor)
        for of_bin, there in zip(rates_of(hazards), self.at_risk, strict=True):
            expected += chances_of(of_bin[:, None] * factor, axis=0) * there
        return expected


def count_steps(
    spells: Spells, stage: int, n_places: int, first_age: Ints, span: tuple[int, int]
) -> StepCounts:
    """Exits and exposure by step for one stage, with censoring and delayed entry.

    Parameters
    ----------
    spells : Spells
    stage : int
    n_places : int
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin; begins with 0; the last bin never ends.
    span : (int, int)
        First and last step counted, both included. A stay that began before the first is watched from there.

    Returns
    -------
    StepCounts
        Summed over steps, the exposure and the exits of :func:`~funnelsim.numerics.hazards.count_ages`
        with the first step as the start of the window.
    """
    first, last = span
    n_steps = last - first + 1
    chosen = (spells.stage == stage) & (spells.exit_step >= first) & (spells.entry_step <= last)
    entry, exit_ = spells.entry_step[chosen], spells.exit_step[chosen]
    destination = spells.destination[chosen]
    left = (destination >= 0) & (exit_ <= last)
    cells = np.bincount(destination[left] * n_steps + exit_[left] - first, minlength=n_places * n_steps)
    next_first = np.append(first_age[1:], np.iinfo(np.int32).max)
    at_risk = np.empty((len(first_age), n_steps))
    for i, (begins, ends) in enumerate(zip(first_age, next_first, strict=True)):
        enters = np.maximum(entry + begins, first)
        leaves = np.minimum(np.minimum(exit_, last) + 1, entry + ends)
        there = leaves > enters
        change = np.bincount(enters[there] - first, minlength=n_steps + 1) - np.bincount(
            leaves[there] - first, minlength=n_steps + 1
        )
        at_risk[i] = np.cumsum(change)[:n_steps]
    return StepCounts(cells.reshape(n_places, n_steps).astype(float), at_risk)


def sum_by_block(by_step: Floats, block_steps: int) -> Floats:
    """Sums over blocks of steps counted back from the last step; the oldest, incomplete block is dropped."""
    n_blocks = by_step.shape[-1] // block_steps
    whole = by_step[..., by_step.shape[-1] - n_blocks * block_steps :]
    blocks: Floats = whole.reshape(*whole.shape[:-1], n_blocks, block_steps).sum(axis=-1)
    return blocks
