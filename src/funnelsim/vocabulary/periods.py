"""Calendar periods of a forecast, as edges in steps."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.clock import Clock, Step
from funnelsim.vocabulary.errors import FunnelsimError

_MONTHS_IN = {"M": 1, "Q": 3, "Y": 12}
_MAX_PERIODS = 1200
_FORMS = (
    f"not understood; write a number (at most {_MAX_PERIODS}) and W, M, Q or Y, such as '4Q', '6M', '13W', "
    "or give a list of dates"
)


class PeriodsError(FunnelsimError):
    """Periods that cannot be understood, or that do not fit the clock."""


@dataclass(frozen=True, eq=False)
class Periods:
    """Consecutive calendar periods; the first may have begun before the cutoff.

    Parameters
    ----------
    edges : ndarray of int, shape (n_periods + 1,)
        Period ``p`` covers the steps ``edges[p] <= step < edges[p + 1]``.
    labels : tuple of str
    cutoff_step : int
        Last step whose events are known. What lies between ``edges[0]`` and it is already realised.
    """

    edges: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    cutoff_step: int

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.labels) + 1 or (np.diff(self.edges) <= 0).any():
            raise PeriodsError("period edges must increase, one more than there are labels")
        if self.edges[-1] <= self.cutoff_step + 1:
            raise PeriodsError("the periods end at or before the cutoff: nothing is left to forecast")
        if self.edges[1] <= self.cutoff_step + 1:
            raise PeriodsError(f"period {self.labels[0]} has ended by the cutoff; begin with a later one")
        self.edges.flags.writeable = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def steps_ahead(self) -> npt.NDArray[np.int64]:
        """Steps after the cutoff at which each edge lies, never negative; shape (n_periods + 1,)."""
        return np.maximum(self.edges - 1 - self.cutoff_step, 0)

    def period_of(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Index of the period that holds each step; -1 or ``len(self)`` where none does."""
        return np.searchsorted(self.edges, steps, side="right") - 1

    @classmethod
    def parse(
        cls, text: str | Sequence[object], clock: Clock, cutoff_step: int, *, fiscal_start_month: int = 1
    ) -> Periods:
        """Periods from ``"4Q"``, ``"6M"``, ``"13W"``, ``"2Y"``, or from a list of dates (the edges).

        The first period is the one that holds the first step after the cutoff.

        Parameters
        ----------
        text : str or sequence of dates
        clock : Clock
        cutoff_step : int
            Last step whose events are known.
        fiscal_start_month : int
            Month (1..12) in which the fiscal year begins; a fiscal year is named after the year it ends in.

        Raises
        ------
        PeriodsError
            If `text` is not understood or the dates do not increase.
        ClockError
            If a period edge falls inside a step of the clock.

        Examples
        --------
        >>> clock = Clock("day")
        >>> cutoff = int(clock.step_of("2026-09-29"))
        >>> Periods.parse("2Q", clock, cutoff, fiscal_start_month=4).labels
        ('FY2027-Q2', 'FY2027-Q3')
        """
        if (
            isinstance(fiscal_start_month, bool)
            or not isinstance(fiscal_start_month, int)
            or not 1 <= fiscal_start_month <= 12
        ):
            raise PeriodsError(f"fiscal_start_month must be 1..12, not {fiscal_start_month!r}")
        if isinstance(text, str):
            edges, labels = _calendar(text, clock.start_of(cutoff_step + 1), fiscal_start_month)
        else:
            edges, labels = _from_dates(text)
        return cls(np.array([clock.aligned_step_of(edge) for edge in edges]), labels, cutoff_step)


def _calendar(
    text: str, first_moment: npt.NDArray[np.datetime64], fiscal_start_month: int
) -> tuple[npt.NDArray[np.datetime64], tuple[str, ...]]:
    match = re.fullmatch(r"\s*(\d{1,9})\s*([WMQY])\s*", text.upper())
    if not match or not 1 <= int(match[1]) <= _MAX_PERIODS:
        raise PeriodsError(f"periods {text!r:.60} are {_FORMS}")
    n, unit = int(match[1]), match[2]
    if unit == "W":
        monday = Clock("week").start_of(Clock("week").step_of(first_moment))
        edges = monday + np.arange(n + 1) * np.timedelta64(7, "D")
        return edges, tuple(_week_label(edge) for edge in edges[:-1])
    length = _MONTHS_IN[unit]
    shift = (fiscal_start_month - 1) % length if unit == "Q" else fiscal_start_month - 1 if unit == "Y" else 0
    month = int(first_moment.astype("datetime64[M]").astype(np.int64))
    first = (month - shift) // length * length + shift
    months = first + np.arange(n + 1) * length
    labels = tuple(_month_label(int(m), unit, fiscal_start_month) for m in months[:-1])
    return months.astype("datetime64[M]").astype("datetime64[s]"), labels


def _month_label(month: int, unit: str, fiscal_start_month: int) -> str:
    year, month_of_year = 1970 + month // 12, month % 12 + 1
    if unit == "M":
        return f"{year}-{month_of_year:02d}"
    months_into_year = (month_of_year - fiscal_start_month) % 12
    ends_in = year + (fiscal_start_month > 1 and month_of_year >= fiscal_start_month)
    name = f"FY{ends_in}" if fiscal_start_month > 1 else f"{ends_in}"
    return f"{name}-Q{months_into_year // 3 + 1}" if unit == "Q" else name


def _week_label(monday: np.datetime64) -> str:
    year, week, _ = monday.astype("datetime64[D]").item().isocalendar()
    return f"{year}-W{week:02d}"


def _from_dates(dates: Sequence[object]) -> tuple[npt.NDArray[np.datetime64], tuple[str, ...]]:
    if not isinstance(dates, Iterable):
        raise PeriodsError(f"periods {dates!r:.60} are {_FORMS}")
    edges = np.array([_edge(date) for date in dates], dtype="datetime64[s]")
    if len(edges) < 2 or (np.diff(edges) <= np.timedelta64(0)).any():
        raise PeriodsError("a list of period edges needs at least two dates, in increasing order")
    days = np.datetime_as_string(edges, unit="D")
    return edges, tuple(f"{a} to {b}" for a, b in zip(days[:-1], days[1:], strict=True))


def _edge(date: object) -> np.datetime64:
    """A moment; NumPy would take 5 for the year 5, and drop the offset of a time zone with a mere warning."""
    text = str(date)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            edge = np.datetime64(text, "s")
    except (ValueError, OverflowError, Warning) as error:
        raise PeriodsError(f"period edge {text!r:.60} is no ISO date; write it as 2026-03-05") from error
    if np.isnat(edge) or len(text) < len("2026"):
        raise PeriodsError(f"period edge {text!r:.60} is no ISO date; write it as 2026-03-05")
    return edge


def step_of(periods: Periods) -> str:
    """The step of the clock that periods are counted in: that which puts them in the years of their names."""
    year = re.search(r"\d{4}", periods.labels[0])
    for step in get_args(Step) if year else ():
        start = Clock(step).start_of(periods.edges[:1]).astype("datetime64[Y]").astype(int)[0] + 1970
        if abs(int(start) - int(year[0])) <= 1:  # type: ignore[index]  # it is there
            return str(step)
    return "step"
