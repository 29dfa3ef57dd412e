"""Chances of one batch of draws: per open deal and period, and expected wins of deals yet to arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.recursion import won_after_entry, won_from_age
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Positions:
    """Open deals grouped by stage and age: deals of one group share their chances.

    Parameters
    ----------
    stage, age : ndarray of int, shape (n_positions,)
    of_deal : ndarray of int, shape (n_deals,)
        Position of each deal.
    unrecorded_steps : int
        Latest steps whose new deals are not recorded yet.
    """

    stage: Ints
    age: Ints
    of_deal: Ints
    unrecorded_steps: int

    @classmethod
    def of(cls, funnel: Funnel, pipeline: Pipeline) -> Positions:
        """Group the deals of a pipeline; ages beyond the oldest exit are alike."""
        tails = np.array([hazards.first_age[-1] - 1 for hazards in funnel.hazards], dtype=np.int64)
        ages = np.minimum(pipeline.age_steps, tails[pipeline.stage])
        pairs, of_deal = np.unique(np.stack([pipeline.stage, ages]), axis=1, return_inverse=True)
        return cls(pairs[0], pairs[1], of_deal.reshape(-1), pipeline.unrecorded_steps)


@dataclass(frozen=True, eq=False)
class Chances:
    """What one batch of draws says, before any future is drawn.

    Parameters
    ----------
    open_deals : ndarray of shape (n_draws, n_positions, n_periods)
        Chance to be won in each period; disjoint, so a window adds them.
    new_wins : ndarray of shape (n_draws, n_blocks, n_periods)
        Expected wins in each period of deals that arrive in each block of steps after the cutoff (or after
        the last step whose arrivals are recorded).
    """

    open_deals: Floats
    new_wins: Floats


def batch_chances(
    funnel: Funnel, positions: Positions, periods: Periods, streams: Streams, draws: Sequence[int]
) -> Chances:
    """Chances by the recursion for a batch of parameter draws.

    Parameters
    ----------
    funnel : Funnel
    positions : Positions
    periods : Periods
    streams : Streams
    draws : sequence of int
        Numbers of the draws.

    Returns
    -------
    Chances
    """
    stages, is_won, ahead = funnel.rates(streams, draws), funnel.stages.is_won, periods.steps_ahead
    unrecorded = positions.unrecorded_steps
    after_entry = won_after_entry(stages, is_won, int(ahead[-1]) + unrecorded)
    within = np.zeros((len(draws), len(positions.stage), len(ahead)))
    for code, stage in enumerate(stages):
        here = positions.stage == code
        if here.any():
            within[:, here] = won_from_age(stage, positions.age[here], after_entry, is_won, ahead)
    arrivals = [funnel.arrival_draw(streams, draw) for draw in draws]
    new_wins = np.stack(
        [
            _expected_new_wins(
                _rate_by_step(rate, funnel.changes.volume, unrecorded, int(ahead[-1])),
                won @ shares,
                ahead + unrecorded,
                funnel.arrivals.block_steps,
            )
            for (rate, shares), won in zip(arrivals, after_entry, strict=True)
        ]
    )
    return Chances(np.maximum(np.diff(within, axis=2), 0.0), new_wins)


def _rate_by_step(rate: float, volume: float, unrecorded: int, ahead: int) -> Floats:
    """Arrivals by step; those not recorded yet came before the cutoff, whatever a lever on volume does."""
    return np.repeat([rate / volume, rate], [unrecorded, ahead])


def _expected_new_wins(rate_by_step: Floats, won_within: Floats, edges: Ints, block_steps: int) -> Floats:
    """Expected wins by block of arrival and period.

    Steps are counted from the last one whose arrivals are recorded: deals may arrive from the next step on,
    and the first period begins at ``edges[0]``; what they win before it is not counted. ``won_within[n]`` is
    the chance to be won within n steps of arrival.
    """
    n_steps = int(edges[-1])
    left = edges[None, :] - np.arange(1, n_steps + 1)[:, None]
    won_by_edge = np.where(left >= 0, won_within[np.maximum(left, 0)], 0.0)
    starts = np.arange(0, n_steps, block_steps)
    won = rate_by_step[:, None] * np.diff(won_by_edge, axis=1)
    expected: Floats = np.add.reduceat(won, starts, axis=0)
    return expected
