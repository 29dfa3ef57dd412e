"""The clock: calendar moments to whole steps and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.errors import FunnelsimError

Step = Literal["hour", "day", "week", "month"]

_UNITS: dict[str, Literal["h", "D", "M"]] = {"hour": "h", "day": "D", "week": "D", "month": "M"}
_MONDAY_OFFSET = 3  # 1970-01-01 was a Thursday, three days after a Monday


class ClockError(FunnelsimError):
    """A step the clock does not know, or a moment that is not the start of a step."""


@dataclass(frozen=True)
class Clock:
    """Whole steps in which dwell times, ages and periods are counted.

    Parameters
    ----------
    step : {"hour", "day", "week", "month"}
        Length of a step. A day suits most funnels; a week or month suits funnels that take years; an hour
        suits telesales. Weeks begin on Monday.

    Notes
    -----
    Moments are naive and in the business time zone: the readers convert them. Step 0 is the step that
    holds 1970-01-01 00:00.

    Examples
    --------
    >>> Clock("day").step_of(np.array(["1970-01-03T18:00"], dtype="datetime64[s]"))
    array([2])
    """

    step: Step = "day"

    def __post_init__(self) -> None:
        if self.step not in get_args(Step):
            raise ClockError(f"step {self.step!r} is unknown; use one of {', '.join(get_args(Step))}")

    def step_of(self, moments: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Steps that hold the given moments (naive, business time zone); no NaT allowed.

        Raises
        ------
        ClockError
            If a moment is missing (NaT): a missing moment has no step.
        """
        times = np.asarray(moments, dtype="datetime64")
        if np.isnat(times).any():
            raise ClockError("a missing moment (NaT) has no step; leave it out first")
        units = times.astype(f"datetime64[{_UNITS[self.step]}]").astype(np.int64)
        return (units + _MONDAY_OFFSET) // 7 if self.step == "week" else units

    def start_of(self, steps: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """First moment of each step, as ``datetime64[s]``."""
        units = np.asarray(steps, dtype=np.int64)
        if self.step == "week":
            units = units * 7 - _MONDAY_OFFSET
        return units.astype(f"datetime64[{_UNITS[self.step]}]").astype("datetime64[s]")

    def aligned_step_of(self, moment: npt.ArrayLike) -> int:
        """Step that begins exactly at `moment`.

        Raises
        ------
        ClockError
            If `moment` falls inside a step (a month boundary on a weekly clock).
        """
        step = int(self.step_of(moment))
        if self.start_of(step) != np.asarray(moment, dtype="datetime64[s]"):
            raise ClockError(
                f"{np.datetime_as_string(np.asarray(moment, dtype='datetime64[D]'))} falls inside a "
                f"{self.step} of the clock; use periods made of whole {self.step}s, or a finer step"
            )
        return step
