"""Where a deal goes from a stage and after how many steps: one draw of the funnel, ready for single deals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.rates import chances_of
from funnelsim.numerics.recursion import StageRates

Floats = npt.NDArray[np.float64]

NEVER = -1  # place of a deal that does not leave within sight
_MOST_NUMBERS = 8_000_000  # of laws kept for later deals: 64 MB


class Law:
    """Steps until a deal leaves, and its destination, drawn with one number.

    Parameters
    ----------
    leaving : ndarray of shape (n_steps, n_exits)
        Chance to leave to each place after ``first``, ``first + 1``, ... steps.
    places : sequence of int
    first : int
    """

    __slots__ = ("_edges", "_first", "_n", "_places")

    def __init__(self, leaving: Floats, places: Sequence[int], first: int) -> None:
        self._edges: Floats = np.cumsum(leaving.ravel())
        self._places, self._n, self._first = list(places), max(len(places), 1), first

    def draw(self, chance: float) -> tuple[int, int]:
        """Steps and place; the place is ``NEVER`` when the deal stays as far as can be seen."""
        at = int(self._edges.searchsorted(chance, "right"))
        if at == len(self._edges):
            return 0, NEVER
        return self._first + at // self._n, self._places[at % self._n]


class Routes:
    """Laws of leaving every open stage, under one draw of the parameters.

    Parameters
    ----------
    stages : sequence of StageRates
        Of one draw: the first axis of their rates has length 1.
    factors : sequence of ndarray, each of shape (n_places, n_steps), optional
        Factors on the rates by step, the first that of step 0; None: none. After the last they stay as
        they are in the last step.
    n_sight : int
        Steps that a stay is followed.
    start : int
        Number of the cutoff's step.

    Notes
    -----
    A stay that begins in step e and lasts k steps ends in step e + k: age 0 takes the chances of the step of
    entry, later ages the rates of :meth:`StageRates.step_rates`, times the factors of the steps they fall
    in. These are the chances the recursion works with.
    """

    def __init__(
        self, stages: Sequence[StageRates], factors: Sequence[Floats] | None, n_sight: int, start: int
    ) -> None:
        self._stages, self._factors, self._n_sight, self._start = stages, factors, n_sight, start
        self._entry: dict[tuple[int, int], Law] = {}
        self._aged: dict[tuple[int, int], Law] = {}
        young = np.zeros(1, np.int64)
        self._rates = [stage.step_rates(young, n_sight)[0, :, 0].T for stage in stages]

    def on_entry(self, stage: int, step: int) -> Law:
        """Law of a deal that enters a stage in a step."""
        key = (stage, step if self._factors is not None else 0)
        law = self._entry.get(key)
        if law is None:
            if len(self._entry) * self._n_sight * len(self._factors or ()) > _MOST_NUMBERS:
                self._entry.clear()
            law = self._entry[key] = self._entry_law(stage, step)
        return law

    def at_age(self, stage: int, age: int) -> Law:
        """Law of a deal that is still in a stage at the end of the cutoff's step; the next step counts 1."""
        law = self._aged.get((stage, age))
        if law is None:
            rates = self._stages[stage].step_rates(np.array([age]), self._n_sight)[0, :, 0].T
            rates = rates * self._factors_from(stage, self._start + 1, self._n_sight)
            law = self._aged[stage, age] = Law(_leaving(rates), self._stages[stage].places.tolist(), 1)
        return law

    def _entry_law(self, stage: int, step: int) -> Law:
        rates = self._stages[stage].rates[0, :1] * self._factors_from(stage, step, 1)
        same = chances_of(rates, axis=1)
        later = _leaving(self._rates[stage] * self._factors_from(stage, step + 1, self._n_sight))
        leaving = np.concatenate([same, (1.0 - same.sum()) * later])
        return Law(leaving, self._stages[stage].places.tolist(), 0)

    def _factors_from(self, stage: int, step: int, n_steps: int) -> Floats:
        """Factors of so many steps on the rates to the places of a stage, shape (n_steps, n_exits)."""
        places = self._stages[stage].places
        if self._factors is None:
            return np.ones((1, len(places)))
        by_step = self._factors[stage]
        steps = np.minimum(np.arange(step, step + n_steps), by_step.shape[1] - 1)
        return by_step[np.ix_(places, steps)].T


def _leaving(rates: Floats) -> Floats:
    """Chance to leave to each place in each step; rates have the shape (n_steps, n_exits)."""
    total = rates.sum(axis=1)
    before = np.cumsum(total) - total
    chances: Floats = chances_of(rates, axis=1) * np.exp(-before)[:, None]
    return chances
