"""Moments as written: what the clock on the wall showed, and the offset beside it if there was one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.intake.tables import Flags, Numbers, Positions, Texts

Wall = npt.NDArray[np.datetime64]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
OTHER_MONTH = (
    "no month of this name: months are read in English; write the date as 2026-03-05 or 5 Mar 2026, or say "
    "how it is written with date_format="
)
_REPRESENTABLE_MONTHS = (-23640, 96359)  # years 0 to 9999, counted from 1970-01
_FIRST, _END = np.datetime64("1900-01-01", "us"), np.datetime64("2200-01-01", "us")


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments as written, before any time zone.

    Parameters
    ----------
    wall : ndarray of datetime64[us]
        What a clock on the wall showed; NaT where empty or not understood.
    offset_minutes : ndarray of float
        Offset from UTC that was written; NaN where none was.
    has_time : ndarray of bool
        Whether a time of day was written.
    problem : ndarray of str
        What is wrong with a value and the way out; ``""`` where nothing is.
    """

    wall: Wall
    offset_minutes: Numbers
    has_time: Flags
    problem: Texts

    @classmethod
    def nothing(cls, size: int) -> Moments:
        """Moments still to be filled in."""
        return cls(
            np.full(size, np.datetime64("NaT"), "datetime64[us]"),
            np.full(size, np.nan),
            np.zeros(size, bool),
            np.full(size, "", object),
        )

    def put(self, at: Positions, other: Moments) -> None:
        """Fill in the moments at some positions."""
        for name in ("wall", "offset_minutes", "has_time", "problem"):
            getattr(self, name)[at] = getattr(other, name)

    def take(self, at: Positions) -> Moments:
        """Moments at these positions."""
        return Moments(self.wall[at], self.offset_minutes[at], self.has_time[at], self.problem[at])

    @property
    def is_aware(self) -> Flags:
        """Whether an offset from UTC is known."""
        return ~np.isnan(self.offset_minutes) & ~np.isnat(self.wall)

    @property
    def needs_zone(self) -> Flags:
        """Whether a time of day was written without an offset.

        Midnights need no zone where no other time occurs: a column of them holds dates.
        """
        is_local = self.has_time & ~self.is_aware & ~np.isnat(self.wall)
        local = self.wall[is_local]
        return is_local & bool((local != local.astype("datetime64[D]")).any())

    def in_our_time(self) -> Moments:
        """The same, without years that only a slip (0216) or a stand-in for "never" (9999) can mean."""
        is_strange = (self.wall < _FIRST) | (self.wall >= _END)
        message = "the year is not between 1900 and 2199; correct it, or leave the date empty"
        wall = np.where(is_strange, np.datetime64("NaT", "us"), self.wall)
        return replace(self, wall=wall, problem=np.where(is_strange, message, self.problem))


def moments_of(fields: pd.DataFrame) -> Moments:
    """Moments from text fields; a problem where the calendar or the clock has no such moment."""
    moments = Moments.nothing(len(fields))
    if not len(fields):
        return moments
    year, day = fields["year"].to_numpy(int), fields["day"].to_numpy(int)
    month = fields["month"].to_numpy(int) if "month" in fields else _month_numbers(fields["name"])
    hour, minute, second = (_whole(fields[name]) for name in ("hour", "minute", "second"))
    hour, is_hour = _hours(hour, fields["half"])
    first_of_month = np.clip((year - 1970) * 12 + month - 1, *_REPRESENTABLE_MONTHS).astype("datetime64[M]")
    first_day, next_first_day = (
        first_of_month.astype("datetime64[D]"),
        (first_of_month + 1).astype("datetime64[D]"),
    )
    n_days = (next_first_day - first_day).astype(np.int64)
    is_date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= n_days)
    is_time = is_hour & (minute < 60) & (second < 60)
    micros = fields["fraction"].fillna("").str.ljust(6, "0").str[:6].to_numpy(int)
    of_day = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
    wall = first_day.astype("datetime64[us]") + (day - 1) * np.timedelta64(1, "D") + of_day.astype("m8[us]")
    is_good = is_date & is_time
    moments.wall[is_good] = wall[is_good]
    moments.offset_minutes[:] = _offsets(fields["offset"])
    moments.has_time[:] = fields["hour"].notna()
    moments.problem[~is_time] = "no such time of day; correct it"
    moments.problem[~is_date] = "there is no such day in the calendar; correct it"
    if "month" not in fields:
        moments.problem[month == 0] = OTHER_MONTH
    return moments


def _whole(field: pd.Series) -> npt.NDArray[np.int64]:
    return field.fillna("0").to_numpy(dtype=np.int64)


def _hours(hour: npt.NDArray[np.int64], half: pd.Series) -> tuple[npt.NDArray[np.int64], Flags]:
    """Hours of 24, from clocks of 24 or of 12 hours, and whether the clock shows such an hour."""
    halves = half.str.lower().to_numpy(object)
    is_twelve = half.notna().to_numpy(bool)
    is_hour = np.where(is_twelve, (hour >= 1) & (hour <= 12), hour < 24)
    return np.where(is_twelve, hour % 12 + np.where(halves == "pm", 12, 0), hour), is_hour


def _month_numbers(names: pd.Series) -> npt.NDArray[np.int64]:
    """Numbers of months that are written out or cut short; 0 for any other word."""
    return np.array([_month_number(str(name).lower()) for name in names], dtype=np.int64)


def _month_number(name: str) -> int:
    return next((number for number, month in enumerate(_MONTHS, start=1) if month.startswith(name)), 0)


def _offsets(offset: pd.Series) -> Numbers:
    parts = offset.str.extract(r"^(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")
    minutes = _whole(parts["hours"]) * 60 + _whole(parts["minutes"])
    signed = np.where(parts["sign"] == "-", -minutes, minutes).astype(float)
    return np.where(offset.isna(), np.nan, signed)


def is_before(earlier: Wall, later: Wall) -> Flags:
    """Whether a moment lies before another; a plain date is not before a time on the same day."""
    day = earlier.astype("datetime64[D]")
    is_same_date = (earlier == day) & (day == later.astype("datetime64[D]"))
    return (earlier < later) & ~is_same_date
