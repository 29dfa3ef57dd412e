"""What became of the reps' hours and of the deals that waited, counted in each future."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from funnelsim.engines.events.hours import WorkClock

Floats = npt.NDArray[np.float64]


class Tally:
    """Counts of one future, by period.

    Parameters
    ----------
    edges : sequence of float
        Moments at which periods begin and end, in steps from the cutoff.
    n_open, n_reps : int
    """

    def __init__(self, edges: Sequence[float], n_open: int, n_reps: int) -> None:
        self._edges, n_periods = list(edges), len(edges) - 1
        self._n_periods = n_periods
        self.waited, self.asked, self.neglected = (
            [[0.0] * n_periods for _ in range(n_open)] for _ in range(3)
        )
        self.worked = [[0.0] * n_periods for _ in range(n_reps)]
        self.waiting_deals, self.waiting_hours = [0.0] * n_periods, [0.0] * n_periods
        self.disqualified, self.left_with_rep = [0.0] * n_periods, [0.0] * n_periods

    def period(self, moment: float) -> int:
        """Period that holds a moment; -1 before the first and after the last."""
        at = bisect_right(self._edges, moment) - 1
        return at if at < self._n_periods else -1

    def count(self, by_period: list[float], moment: float) -> None:
        """One more in the period of a moment."""
        at = self.period(moment)
        if at >= 0:
            by_period[at] += 1.0

    def wait(self, stage: int, start: float, end: float) -> None:
        """Steps that a deal has waited, in each period they fall in."""
        by_period = self.waited[stage]
        for i, (begin, stop) in self._parts(start, end):
            by_period[i] += stop - begin

    def work(self, rep: int, clock: WorkClock, start: float, end: float) -> None:
        """Hours that a rep has worked between two moments, by period."""
        by_period = self.worked[rep]
        for i, (begin, stop) in self._parts(start, end):
            by_period[i] += clock.hours_by(stop) - clock.hours_by(begin)

    def _parts(self, start: float, end: float) -> list[tuple[int, tuple[float, float]]]:
        edges = self._edges
        at = bisect_right(edges, start) - 1
        if 0 <= at < self._n_periods and end <= edges[at + 1]:
            return [(at, (start, end))]
        parts = [(i, (max(start, edges[i]), min(end, edges[i + 1]))) for i in range(self._n_periods)]
        return [(i, (begin, stop)) for i, (begin, stop) in parts if stop > begin]
