"""The clock: calendar moments to whole steps and back."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.errors import FunnelsimError

Step = Literal["hour", "day", "week", "month"]

_UNITS: dict[str, Literal["h", "D", "M"]] = {"hour": "h", "day": "D", "week": "D", "month": "M"}
_MONDAY_OFFSET = 3  # 1970-01-01 was a Thursday, three days after a Monday
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?", re.ASCII)
_DAY, _INSTANT = np.timedelta64(1, "D"), np.timedelta64(1, "us")


class ClockError(FunnelsimError):
    """A step the clock does not know, something that is no moment, or one that is not the start of a step."""


def end_of_day(moment: object) -> np.datetime64:
    """A moment as ``datetime64[us]``; a plain date (midnight counts as one) means the last of that day.

    Parameters
    ----------
    moment : str, date, datetime or datetime64
        Without a time zone; a text in the form 2026-09-30 or 2026-09-30 17:00.

    Raises
    ------
    ClockError
        If `moment` is missing, has a time zone, or is a text in another form: 03/04/2026 is two days.
    """
    at = _moment(moment)
    return at + _DAY - _INSTANT if at == at.astype("datetime64[D]") else at


def _moment(value: object) -> np.datetime64:
    way_out = f"{value!r} is not a moment; write it as 2026-09-30 or 2026-09-30 17:00"
    if isinstance(value, str):
        if not _ISO.fullmatch(value.strip()):
            raise ClockError(way_out)
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ClockError(f"{way_out} ({error})") from error
    if getattr(value, "tzinfo", None) is not None:
        raise ClockError(f"{value!r} has a time zone; give the moment in the business's own, without a zone")
    if not isinstance(value, dt.date | np.datetime64) or value != value:  # NaT alone differs from itself
        raise ClockError(way_out)
    return cast("np.datetime64", np.asarray(value, dtype="datetime64[us]")[()])


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

    def known_until(self, moment: npt.ArrayLike) -> np.datetime64:
        """Last moment of the latest step that is over, or nearly so, at `moment` (``datetime64[us]``).

        A running day or hour counts as over: the working day mostly is. A running week or month does not,
        and the step before it is the latest one.
        """
        at = np.datetime64(np.asarray(moment, dtype="datetime64[us]").item(), "us")
        if self.step in ("hour", "day"):
            return at
        next_step = int(self.step_of(at + _INSTANT))
        return np.datetime64(self.start_of(next_step).item(), "us") - _INSTANT

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
                f"{self.step} of the clock; use periods made of whole {self.step}s"
                f"{', such as 13W' if self.step == 'week' else ''}, or a finer step"
            )
        return step
