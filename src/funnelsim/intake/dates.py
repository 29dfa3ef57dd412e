"""Dates as people and systems write them, to moments; the order of day and month is decided by evidence."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.intake.moments import OTHER_MONTH, Moments, moments_of
from funnelsim.intake.tables import Positions, Texts
from funnelsim.vocabulary.errors import FunnelsimError, english

_TIME = (
    r"(?:[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<offset>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_YEAR_FIRST = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
)
_SETTLED = (
    *_YEAR_FIRST,
    rf"(?P<day>\d{{1,2}})[ -]{_MONTH}[ -](?P<year>\d{{4}})",
    rf"{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",  # with dots the day is always first
)
_UNSETTLED = r"(?P<one>\d{1,2})[/-](?P<other>\d{1,2})[/-](?P<year>\d{4})"
_SHORT_YEAR = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}(\D.*)?")
_OTHER_MONTH = re.compile(r"\d{1,2}\.?\s+(de\s+)?[^\W\d_]{3,}\.?\s+(de\s+)?\d{4}(\D.*)?")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_TIME_DIRECTIVES = ("%H", "%I", "%X", "%c")
_SPREADSHEET_DAY_0 = np.datetime64("1899-12-30", "us")
_SERIALS_1990_TO_2100 = (32874.0, 73051.0)
_SAY_FORMAT = "say how they are written with date_format= (such as '%d/%m/%Y')"


class AmbiguousDate(FunnelsimError):  # noqa: N818 - it names what arrived, as users will search for it
    """Day and month of a column cannot be told apart; `examples` are positions that show it."""

    def __init__(self, message: str, examples: Positions) -> None:
        super().__init__(message)
        self.examples = examples


def parse_dates(texts: Texts, *, date_format: str | None = None, has_serial_dates: bool = False) -> Moments:
    """Moments of a column of texts; ``""`` is no date.

    Parameters
    ----------
    texts : ndarray of str
    date_format : str, optional
        How dates are written, in the directives of ``strptime``. Dates with the year first need none.
    has_serial_dates : bool
        Whether a number is a spreadsheet's count of days.

    Raises
    ------
    AmbiguousDate
        If day and month can be read both ways, or are written both ways.

    Examples
    --------
    >>> parse_dates(np.array(["3/2/2026", "14/2/2026"], dtype=object)).wall.astype("datetime64[D]")
    array(['2026-02-03', '2026-02-14'], dtype='datetime64[D]')
    """
    codes, values = pd.factorize(texts)
    try:
        return _parse(_Texts(values), date_format, has_serial_dates).take(codes)
    except AmbiguousDate as error:
        rows = [np.flatnonzero(codes == value)[0] for value in error.examples]
        raise AmbiguousDate(english(error), np.array(rows, dtype=np.int64)) from None


class _Texts:
    """Distinct texts, and the moments found for them so far."""

    def __init__(self, values: npt.ArrayLike) -> None:
        self.left = pd.Series(np.asarray(values, dtype=object), dtype=object)
        self.left = self.left[self.left != ""]
        self.moments = Moments.nothing(len(np.asarray(values)))

    def fields(self, form: str) -> pd.DataFrame:
        """Fields of the texts left that are written in this form, perhaps with a time of day."""
        fields = self.left.str.extract(f"^{form}{_TIME}$")
        return fields[fields.iloc[:, 0].notna()]

    def settle(self, at: pd.Index, moments: Moments) -> None:
        """Fill in the moments of some texts; they are no longer left."""
        self.left = self.left.drop(at)
        self.moments.put(at.to_numpy(np.int64), moments)


def _parse(texts: _Texts, date_format: str | None, has_serial_dates: bool) -> Moments:
    for form in _YEAR_FIRST if date_format else _SETTLED:
        fields = texts.fields(form)
        texts.settle(fields.index, moments_of(fields))
    if has_serial_dates:
        _settle_serials(texts)
    if date_format:
        _settle_format(texts, date_format)
    else:
        fields = texts.fields(_UNSETTLED)
        texts.settle(fields.index, moments_of(_settled(fields)))
    problems = [_why_not(str(text), date_format) for text in texts.left]
    texts.moments.problem[texts.left.index] = problems
    return texts.moments


class _Order(NamedTuple):
    """The values that can be read in one order only."""

    day_first: pd.Index
    month_first: pd.Index


def _settled(fields: pd.DataFrame) -> pd.DataFrame:
    """Day and month of d/m/Y or m/d/Y, by the values of the column that can be read one way only."""
    one, other = fields["one"].astype(int), fields["other"].astype(int)
    only = _Order(fields.index[(one > 12) & (other <= 12)], fields.index[(other > 12) & (one <= 12)])
    if len(only.day_first) and len(only.month_first):
        raise AmbiguousDate(
            f"some dates have the day first, others the month; make them alike, or {_SAY_FORMAT}",
            np.array([only.day_first[0], only.month_first[0]]),
        )
    either = fields.index[(one <= 12) & (other <= 12) & (one != other)]
    if len(either) and not len(only.day_first) and not len(only.month_first):
        raise AmbiguousDate(
            f"every date can be read as day/month or as month/day; {_SAY_FORMAT}", np.array([either[0]])
        )
    day, month = ("other", "one") if len(only.month_first) else ("one", "other")
    return fields.rename(columns={day: "day", month: "month"})


def _settle_serials(texts: _Texts) -> None:
    """Numbers of a spreadsheet that count days from 1990 to 2100, to the second."""
    serial = pd.to_numeric(texts.left, errors="coerce")
    serial = serial[serial.between(*_SERIALS_1990_TO_2100)]
    moments = Moments.nothing(len(serial))
    seconds = (serial.to_numpy(float) * 86400).round().astype(np.int64)
    moments.wall[:] = _SPREADSHEET_DAY_0 + seconds.astype("m8[s]")
    moments.has_time[:] = seconds % 86400 != 0
    texts.settle(serial.index, moments)


def _settle_format(texts: _Texts, date_format: str) -> None:
    """Texts in the format given; where it has no time of day, one may follow."""
    if any(directive in date_format for directive in _TIME_DIRECTIVES):
        _settle_format_with_time(texts, date_format)
        return
    fields = texts.fields("(?P<date>.+?)")
    date = pd.to_datetime(fields["date"], format=date_format, errors="coerce").dropna()
    fields = fields.loc[date.index].assign(year=date.dt.year, month=date.dt.month, day=date.dt.day)
    texts.settle(date.index, moments_of(fields))


def _settle_format_with_time(texts: _Texts, date_format: str) -> None:
    has_offset = "%z" in date_format
    parsed = pd.to_datetime(texts.left, format=date_format, errors="coerce", utc=has_offset).dropna()
    moments = Moments.nothing(len(parsed))
    moments.wall[:] = parsed.dt.tz_localize(None) if has_offset else parsed
    moments.offset_minutes[:] = 0.0 if has_offset else np.nan
    moments.has_time[:] = True
    texts.settle(parsed.index, moments)


def _why_not(text: str, date_format: str | None) -> str:
    if _OTHER_MONTH.fullmatch(text) and (not date_format or re.search("%[bB]", date_format)):
        return OTHER_MONTH
    if date_format:
        return f"not a date written as {date_format!r}; correct it, or change date_format="
    if _NUMBER.fullmatch(text):
        return (
            "a number, not a date; if it counts seconds or milliseconds since 1970, convert it first with "
            "pandas.to_datetime(column, unit='s') (or 'ms')"
        )
    if _SHORT_YEAR.fullmatch(text):
        return "a year of two digits; say how it is written with date_format= (such as '%d/%m/%y')"
    return "not a date; write it as 2026-03-05, or say how it is written with date_format="
