"""How records are to be read: settings that a stages file may hold, and keywords that win over them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

import numpy as np
import pandas as pd

from funnelsim.intake.amounts import Decimal
from funnelsim.intake.zones import Zones
from funnelsim.vocabulary.clock import Clock, Step
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.scales import scale_of

_DIRECTIVES = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")  # those that strptime reads
_YEARS = frozenset("yYGcx")
Moment = str | dt.date | dt.datetime | np.datetime64


class ReadingError(FunnelsimError):
    """A setting of ``read_deals`` with a value it does not know."""


@dataclass(frozen=True)
class Reading:
    """Settings of :func:`funnelsim.read_deals`, each None or empty where nothing was said.

    Parameters
    ----------
    step, tz, file_tz, unit, date_format, decimal : str, optional
    as_of, window_start, arrivals_until : date, datetime or str, optional
    deals_columns, history_columns : mapping of str to str
        Canonical name of a column to the file's name.
    outcome_values : mapping of str to str
        Value in the file's outcome column to an outcome's name, to "open", or to "" ("look in the
        history"); ``"*"`` stands for every value that is not listed.
    """

    step: Step | None = None
    tz: str | None = None
    file_tz: str | None = None
    unit: str | None = None
    date_format: str | None = None
    decimal: Decimal | None = None
    as_of: Moment | None = None
    window_start: Moment | None = None
    arrivals_until: Moment | None = None
    deals_columns: Mapping[str, str] = field(default_factory=dict)
    history_columns: Mapping[str, str] = field(default_factory=dict)
    outcome_values: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.decimal not in (None, *get_args(Decimal)):
            raise ReadingError(f"decimal={self.decimal!r} is unknown; use '.' or ','")
        for name in ("unit", "date_format"):
            check_kind(name, getattr(self, name), (str,), "text")
        for name in ("deals_columns", "history_columns", "outcome_values"):
            check_kind(name.removeprefix("deals_"), getattr(self, name), (Mapping,), "a dict of str to str")
        if self.unit and scale_of(self.unit) != 1.0:
            raise ReadingError(
                f"unit={self.unit!r} holds a scale; name the currency alone, such as 'CNY' or 'EUR': where "
                "the title of the column says 万元 or k EUR, its amounts are multiplied"
            )
        if self.date_format:
            _check_format(self.date_format)

    def or_else(self, other: Reading) -> Reading:
        """These settings, and those of `other` where these say nothing."""
        merged: dict[str, Any] = {}
        for setting in fields(self):
            mine, theirs = getattr(self, setting.name), getattr(other, setting.name)
            is_mapping = isinstance(mine, Mapping)
            merged[setting.name] = {**theirs, **mine} if is_mapping else theirs if mine is None else mine
        return Reading(**merged)

    @property
    def clock(self) -> Clock:
        """Clock of the history; days unless something else was said."""
        return Clock(self.step or "day")

    @property
    def zones(self) -> Zones:
        """Time zones of the business and of the file."""
        return Zones(self.tz, self.file_tz)


def check_kind(option: str, value: object, kinds: tuple[type, ...], accepted: str) -> None:
    """Refuse an option of a kind that cannot be used; None says nothing and is fine.

    Raises
    ------
    ReadingError
    """
    if value is not None and not isinstance(value, kinds):
        given = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
        raise ReadingError(f"{option} is {given}; give {accepted}")


def _check_format(date_format: str) -> None:
    """Refuse a format that strptime would stumble over, or that would give every date the year 1900."""
    said = f"date_format={date_format!r}"
    way_out = "write it with the directives of strptime, such as '%d/%m/%Y'"
    used = re.findall(r"%(.?)", date_format)
    unknown = [f"%{letter}" for letter in used if letter not in _DIRECTIVES or not letter]
    if unknown:
        raise ReadingError(f"{said}: {unknown[0]!r} is no directive; {way_out}")
    if not _YEARS & set(used):
        raise ReadingError(f"{said} says nothing of the year; {way_out}")
    try:
        pd.to_datetime(["2026-01-05"], format=date_format, errors="coerce")
    except (ValueError, re.error) as error:  # a directive given twice, or one that needs another beside it
        raise ReadingError(f"{said} cannot be used ({error}); {way_out}") from error
