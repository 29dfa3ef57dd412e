"""Chances of winning by step when rates change with calendar time: the recursion backward in time.

Where nothing changes with time, :mod:`funnelsim.numerics.recursion` gives the same chances many times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.rates import chances_of
from funnelsim.numerics.recursion import StageRates

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Values:
    """Chance to be won by each edge, of a deal that is somewhere at some step.

    Parameters
    ----------
    entering : ndarray of shape (n_draws, n_steps + 1, n_places, n_edges)
        Of a deal that enters a place in a step.
    in_tail : ndarray of shape (n_draws, n_steps + 1, n_open, n_edges)
        Of a deal still in a stage at the end of a step, at an age that no deal is known to have left.
    """

    entering: Floats
    in_tail: Floats


def values_by_step(
    stages: Sequence[StageRates], multipliers: Sequence[Floats], is_won: Flags, edges: Ints
) -> Values:
    """Chance to be won by each edge, for entries in every step.

    Parameters
    ----------
    stages : sequence of StageRates
        One per open stage, by code.
    multipliers : sequence of ndarray, each of shape (n_draws, n_exits, n_steps + 1)
        Factor on the rate of each exit in each step 0..n_steps.
    is_won : ndarray of bool, shape (n_places,)
    edges : ndarray of int, shape (n_edges,)
        Steps by whose end wins count, increasing; the last is ``n_steps``.

    Notes
    -----
    From the last step to the first: a deal that waits in a stage leaves in the next step, to places whose
    values are known, or waits on; a deal that enters may leave in the step of entry, so the values of entries
    solve one small system a step. Ages from the tail on share one state.

    References
    ----------
    .. [1] Howard (1971), *Dynamic Probabilistic Systems*, vol. 2, ch. 10 (semi-Markov processes); here
       non-homogeneous, so solved by steps instead of by a transform.
    """
    n_open, n_steps, n_draws = len(stages), int(edges[-1]), len(stages[0].rates)
    entering = np.zeros((n_draws, n_steps + 1, len(is_won), len(edges)))
    entering[:, :, is_won] = (np.arange(n_steps + 1)[:, None] <= edges)[:, None]
    in_tail = np.zeros((n_draws, n_steps + 1, n_open, len(edges)))
    waits = [_Wait(stage, pace, n_steps, len(edges)) for stage, pace in zip(stages, multipliers, strict=True)]
    for step in range(n_steps, -1, -1):
        if step < n_steps:
            for wait in waits:
                wait.go_back(step, entering[:, step + 1, wait.places])
        in_tail[:, step] = np.stack([wait.values[:, -1] for wait in waits], axis=1)
        on_entry = np.stack([wait.values[:, 0] for wait in waits], axis=1)
        pace_now = [pace[:, :, step] for pace in multipliers]
        entering[:, step, :n_open] = _entries(stages, pace_now, entering[:, step], on_entry)
    return Values(entering, in_tail)


class _Wait:
    """Values of waiting in one stage, by steps since entry (the last: in the tail), taken back by steps."""

    def __init__(self, stage: StageRates, pace: Floats, n_steps: int, n_edges: int) -> None:
        self.places, self._pace = stage.places, pace
        until_tail = int(np.ceil(stage.tail_age / stage.speed.min(initial=1.0)))
        young = stage.step_rates(np.zeros(1, np.int64), min(until_tail, n_steps))
        in_tail = stage.step_rates(np.array([stage.tail_age]), 1)
        since_entry = np.concatenate([young, in_tail], axis=3)[:, :, 0]
        self._rates = np.ascontiguousarray(since_entry.swapaxes(1, 2))
        self.values = np.zeros((*self._rates.shape[:2], n_edges))
        self._at_pace: Floats | None = None

    def go_back(self, step: int, next_value: Floats) -> None:
        """From the end of ``step + 1`` to the end of `step`; `next_value` is that of entering each place."""
        self._take_pace(self._pace[:, :, step + 1])
        # A deal that entered since step 0 has waited no longer than `step`; of older ones the tail counts.
        young = slice(0, min(step + 1, self.values.shape[1] - 1))
        waited = self._leaves[:, young] @ next_value
        waited += self._stays[:, young] * self.values[:, 1 : young.stop + 1]
        self.values[:, young] = waited
        tail = (self._leaves[:, -1:] @ next_value)[:, 0]
        self.values[:, -1] = tail + self._stays[:, -1] * self.values[:, -1]

    def _take_pace(self, pace: Floats) -> None:
        """Chances of a step at this pace; most steps have the pace of the one before."""
        if self._at_pace is not None and np.array_equal(pace, self._at_pace):
            return
        taken = self._rates * pace[:, None, :]
        total = taken.sum(axis=2, keepdims=True)
        gone = -np.expm1(-total)
        self._leaves = taken * np.divide(gone, total, out=np.ones_like(total), where=total > 0)
        self._stays = 1.0 - gone
        self._at_pace = pace


def _entries(stages: Sequence[StageRates], pace: list[Floats], now: Floats, on_entry: Floats) -> Floats:
    """Values of entering each open stage in a step, moves within that step included."""
    n_draws, n_open = len(now), len(stages)
    system = np.broadcast_to(np.eye(n_open), (n_draws, n_open, n_open)).copy()
    right = np.empty((n_draws, n_open, now.shape[2]))
    for s, stage in enumerate(stages):
        moves = chances_of(stage.rates[:, 0] * pace[s], axis=1)
        is_open = stage.places < n_open
        system[:, s, stage.places[is_open]] -= moves[:, is_open]
        ends = (moves[:, None, ~is_open] @ now[:, stage.places[~is_open]])[:, 0]
        right[:, s] = ends + (1.0 - moves.sum(axis=1))[:, None] * on_entry[:, s]
    return np.asarray(np.linalg.solve(system, right), dtype=float)


def won_from_age_by_step(
    stage: StageRates, code: int, ages: Ints, multipliers: Floats, values: Values, start: int
) -> Floats:
    """Chance that open deals of a stage are won by each edge, given their age in the stage at step `start`.

    Parameters
    ----------
    stage : StageRates
    code : int
        Code of the stage.
    ages : ndarray of int, shape (n_ages,)
    multipliers : ndarray of shape (n_draws, n_exits, n_steps + 1)
        As for :func:`values_by_step`, of this stage.
    values : Values
    start : int
        Step at whose end the deals are in the stage: the cutoff.

    Returns
    -------
    ndarray of shape (n_draws, n_ages, n_edges)
    """
    n_ahead = values.entering.shape[1] - 1 - start
    to_tail = np.ceil((stage.tail_age - np.minimum(ages, stage.tail_age)) / stage.speed.min(initial=1.0))
    n = min(int(to_tail.max(initial=0)), n_ahead)
    span = slice(start + 1, start + n + 1)
    rates = stage.step_rates(ages, n) * multipliers[:, :, None, span]
    total = rates.sum(axis=1)
    leaving = chances_of(rates, axis=1) * np.exp(-(np.cumsum(total, axis=2) - total))[:, None]
    later = values.entering[:, span, stage.places]
    n_draws, n_routes = len(rates), n * len(stage.places)
    by_route = leaving.transpose(0, 2, 3, 1).reshape(n_draws, len(ages), n_routes)
    on_the_way: Floats = by_route @ later.reshape(n_draws, n_routes, later.shape[3])
    in_tail: Floats = np.exp(-total.sum(axis=2))[:, :, None] * values.in_tail[:, start + n, code][:, None]
    return on_the_way + in_tail
