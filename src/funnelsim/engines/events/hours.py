"""Working hours as a clock of their own: when a rep who starts now has worked so many hours."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SLACK = 1e-9  # hours: what sums of decimals lose must not push the end of a task past the last hour


class WorkClock:
    """Hours that a rep can work by each moment; within a step they are spread evenly.

    A task of so many hours ends when this clock has gained them. So nights, weekends, holidays and ramps
    cost no events: a task that spans them just ends later.

    Parameters
    ----------
    hours_by_step : ndarray of float, shape (n_steps,)
        Hours in each step from the start; none after the last.

    Examples
    --------
    >>> clock = WorkClock(np.array([8.0, 0.0, 4.0]))
    >>> clock.hours_by(0.5), clock.when(10.0)
    (4.0, 2.5)
    """

    __slots__ = ("_so_far",)

    def __init__(self, hours_by_step: Floats) -> None:
        self._so_far: list[float] = [0.0, *np.cumsum(hours_by_step).tolist()]

    @property
    def total(self) -> float:
        """Hours in all."""
        return self._so_far[-1]

    def hours_by(self, moment: float) -> float:
        """Hours worked by a moment, in steps from the start."""
        so_far = self._so_far
        step = int(moment)
        if step >= len(so_far) - 1:
            return so_far[-1]
        return so_far[step] + (moment - step) * (so_far[step + 1] - so_far[step])

    def when(self, hours: float) -> float:
        """First moment by which so many hours are worked; infinite when they never are."""
        so_far = self._so_far
        if hours > so_far[-1]:
            if hours > so_far[-1] + _SLACK:
                return np.inf
            hours = so_far[-1]
        end = bisect_left(so_far, hours)
        if end == 0:
            return 0.0
        before = so_far[end - 1]
        return end - 1 + (hours - before) / (so_far[end] - before)
