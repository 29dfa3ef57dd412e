"""Origins: the past moments at which a forecast is made again, and the periods that follow each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.clock import Clock, end_of_day
from funnelsim.vocabulary.errors import FunnelsimError

Ints = npt.NDArray[np.int64]

_UNITS = {
    "D": pd.DateOffset(days=1),
    "W": pd.DateOffset(weeks=1),
    "M": pd.DateOffset(months=1),
    "Q": pd.DateOffset(months=3),
    "Y": pd.DateOffset(years=1),
}
_FORM = r"\s*(\d{1,3})\s*([DWMQY])\s*|\s*(\d{1,3})\s*X\s*(\d{1,3})\s*D\s*"
_MOST_PERIODS = 120


class BacktestError(FunnelsimError):
    """A backtest that the history cannot give."""


@dataclass(frozen=True, eq=False)
class Origin:
    """A past moment, and the periods forecast from it.

    Parameters
    ----------
    moment : datetime64
        The last that was known.
    edges : ndarray of int, shape (n_periods + 1,)
        Steps of the clock: period h covers ``edges[h] <= step < edges[h + 1]``; the first is the step after
        the origin.
    """

    moment: np.datetime64
    edges: Ints

    @property
    def day(self) -> str:
        """The origin as a date; with its time where it is not the end of a day."""
        return _day_before(self.moment + np.timedelta64(1, "us"))

    def ends(self, clock: Clock) -> tuple[str, ...]:
        """The last day of each period; with the time of its end where that is not the end of a day."""
        return tuple(_day_before(after) for after in clock.start_of(self.edges[1:]))


def origins_of(history: DealHistory, periods: str, origins: int | Sequence[object]) -> list[Origin]:
    """Origins, oldest first.

    Parameters
    ----------
    history : DealHistory
    periods : str
        Number and length of the periods after each origin, such as ``"4W"``, ``"8Q"``, ``"4x10D"``.
    origins : int or sequence of dates
        How many, one period apart, the latest one period before the end of the history; or the days at whose
        end the forecasts are made.

    Raises
    ------
    BacktestError
        If `periods` is not understood, or an origin is not before the end of the history.
    """
    n_periods, shift = _lengths(periods)
    clock = history.clock
    end = _start(clock, history.cutoff_step + 1)
    if isinstance(origins, int) and not isinstance(origins, bool):
        if origins < 1:
            raise BacktestError(f"origins={origins}: give 1 or more, or a list of days")
        starts = [end - shift * back for back in range(origins, 0, -1)]
    else:
        cutoffs = [clock.known_until(end_of_day(day)) for day in _sequence(origins)]
        starts = [_start(clock, int(clock.step_of(at)) + 1) for at in cutoffs]
    made = []
    for start in sorted(set(starts)):
        moments = np.array([start + shift * h for h in range(n_periods + 1)], dtype="datetime64[s]")
        edges = clock.step_of(moments)
        if (np.diff(edges) < 1).any():
            raise BacktestError(f"periods {periods!r} are shorter than a {clock.step}, the step of the clock")
        if edges[0] > history.cutoff_step:
            raise BacktestError(
                f"the origin {start - pd.Timedelta(days=1):%Y-%m-%d} leaves nothing to compare with: the "
                f"history ends on {np.datetime_as_string(history.cutoff, unit='D')}"
            )
        made.append(Origin(moments[0].astype("datetime64[us]") - np.timedelta64(1, "us"), edges))
    return made


def _day_before(after: np.datetime64) -> str:
    """The day that ends at a moment, or the moment."""
    if after == after.astype("datetime64[D]"):
        return str(np.datetime_as_string(after - np.timedelta64(1, "us"), unit="D"))
    return str(np.datetime_as_string(after, unit="m")).replace("T", " ")


def _start(clock: Clock, step: int) -> pd.Timestamp:
    return pd.Timestamp(clock.start_of(np.array([step]))[0])


def _sequence(origins: object) -> Sequence[object]:
    if isinstance(origins, str | bytes | bool) or not isinstance(origins, Sequence | np.ndarray | pd.Index):
        raise BacktestError(f"origins={origins!r}: give a number, or a list of days such as ['2026-03-31']")
    if not len(origins):
        raise BacktestError("origins is empty: give a number, or a list of days such as ['2026-03-31']")
    return list(origins)


def _lengths(periods: str) -> tuple[int, pd.DateOffset]:
    match = re.fullmatch(
        r"\s*(\d{1,3})\s*([DWMQY])\s*|\s*(\d{1,3})\s*[xX]\s*(\d{1,3})\s*D\s*", str(periods).upper()
    )
    if not match or not 1 <= int(match[1] or match[3]) <= _MOST_PERIODS or match[4] == "0":
        raise BacktestError(
            f"periods={periods!r}: write the number and length of the periods, such as '4W', '8Q', '3M' or "
            f"'4x10D'; at most {_MOST_PERIODS}"
        )
    if match[4]:
        return int(match[3]), pd.DateOffset(days=int(match[4]))
    return int(match[1]), _UNITS[match[2]]
