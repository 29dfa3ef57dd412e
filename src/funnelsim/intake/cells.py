"""Columns of a table to typed values; what cannot be used is reported with its row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.intake.amounts import (
    LARGEST_AMOUNT,
    TOO_LARGE,
    AmbiguousAmount,
    Amounts,
    Decimal,
    parse_amounts,
)
from funnelsim.intake.currencies import NO_RATES, Rates
from funnelsim.intake.dates import AmbiguousDate, parse_dates
from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Moments, Wall
from funnelsim.intake.scales import in_single_units
from funnelsim.intake.tables import Numbers, Table, Texts
from funnelsim.intake.zones import Local, ZoneError, Zones
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.scales import scale_of

_LONG_YEARS = 30  # longer than the records of a business reach back


@dataclass(frozen=True)
class Cells:
    """How dates and amounts are written, and whom to tell of those that are not.

    Parameters
    ----------
    findings : Findings
    zones : Zones
    date_format : str, optional
    decimal : {".", ","}, optional
    rates : Rates
        They may hold the scale of amounts that a title states; then it is not counted twice.
    unit : str
        That of the forecast; ``""`` where it is not stated.
    """

    findings: Findings
    zones: Zones
    date_format: str | None = None
    decimal: Decimal | None = None
    rates: Rates = NO_RATES
    unit: str = ""

    def dates(self, table: Table, column: str) -> Wall:
        """Naive moments in the business's time zone; NaT where empty, faulty, or without such a column."""
        nothing = np.full(len(table), np.datetime64("NaT"), "datetime64[us]")
        if column not in table:
            return nothing
        try:
            moments = self._moments(table, column).in_our_time()
        except AmbiguousDate as error:
            self._refuse("ambiguous date", english(error), table, column, error.examples)
            return nothing
        self._report("date", moments.problem, table, column)
        self._note_utc(moments, table, column)
        try:
            local = self.zones.to_business(moments)
        except ZoneError as error:
            self._refuse("no time zone", english(error), table, column, moments.needs_zone.nonzero()[0][:1])
            return nothing
        self._list_clock_changes(local, table, column)
        self._note_placeholders(local.wall, table, column)
        return local.wall

    def _moments(self, table: Table, column: str) -> Moments:
        cells = table.frame[column]
        if pd.api.types.is_datetime64_any_dtype(cells.dtype):
            return _typed_moments(cells)
        return parse_dates(
            table.text(column), date_format=self.date_format, has_serial_dates=table.has_serial_dates
        )

    def _list_clock_changes(self, local: Local, table: Table, column: str) -> None:
        message = "this local time was skipped when clocks went forward; the next one that exists is taken"
        self.findings.repaired("clock change", message, table, local.is_skipped, column)
        message = "this local time came twice when clocks went back; the first is taken"
        self.findings.repaired("clock change", message, table, local.is_repeated, column)

    def _note_placeholders(self, wall: Wall, table: Table, column: str) -> None:
        """Note dates such as 1900-01-01, which systems write for "unknown"; they are used as they stand."""
        known = np.sort(wall[~np.isnat(wall)])
        if len(known):
            message = (
                f"more than {_LONG_YEARS} years before most dates of the column: it looks like a "
                "placeholder; correct it, or leave it empty when unknown"
            )
            is_placeholder = wall < known[len(known) // 2] - np.timedelta64(round(_LONG_YEARS * 365.25), "D")
            self.findings.remark("placeholder date", message, table, is_placeholder, column)

    def _note_utc(self, moments: Moments, table: Table, column: str) -> None:
        if moments.is_aware.any() and not (self.zones.business or self.zones.file):
            self.findings.note(
                "time zone",
                "no business time zone was given: days begin at midnight UTC; give tz= to change that",
                file=table.name,
                column=table.title(column),
            )

    def amounts(self, table: Table, column: str) -> Amounts:
        """Amounts >= 0 in single units of money; NaN where empty, faulty, or without such a column."""
        if column not in table:
            return _no_amounts(len(table))
        amounts, title = self._amounts_as_given(table, column), table.title(column)
        scale = scale_of(title)
        if scale == 1.0:
            return amounts
        if self.rates.hold_scale(scale, self.unit):
            message = f"the title {title!r} counts in {scale:,g}, as the rates do already; it is counted once"
            self.findings.note("scale of amounts", message, file=table.name, column=title)
            return amounts
        return in_single_units(amounts, scale, table, column, self.findings)

    def _amounts_as_given(self, table: Table, column: str) -> Amounts:
        cells = table.frame[column]
        if pd.api.types.is_bool_dtype(cells.dtype) or not pd.api.types.is_numeric_dtype(cells.dtype):
            return self._written_amounts(table, column)
        number = cells.to_numpy(float, na_value=np.nan)
        problem = _why_not(number)
        self._report("amount", problem, table, column)
        return Amounts(np.where(problem == "", number, np.nan), np.full(len(table), "", object), problem)

    def _written_amounts(self, table: Table, column: str) -> Amounts:
        is_number = np.array([_is_number(cell) for cell in table.frame[column]], dtype=bool)
        texts = table.text(column)
        try:
            written = parse_amounts(np.where(is_number, "", texts), decimal=self.decimal)
        except AmbiguousAmount as error:
            self._refuse("ambiguous amount", english(error), table, column, error.examples)
            return _no_amounts(len(table))
        # Numbers of a spreadsheet are not texts: they say nothing about the marks, and need no reading.
        typed = np.where(is_number & (texts != ""), texts, "nan").astype(float)
        number = np.where(is_number, typed, written.number)
        problem = np.where(is_number, _why_not(typed), written.problem).astype(object)
        self._report("amount", problem, table, column)
        return Amounts(np.where(problem == "", number, np.nan), written.currency, problem)

    def _report(self, rule: str, problem: Texts, table: Table, column: str) -> None:
        for message in pd.unique(problem[problem != ""]):
            self.findings.fault(rule, message, table, problem == message, column)

    def _refuse(
        self, rule: str, message: str, table: Table, column: str, examples: npt.NDArray[np.int64]
    ) -> None:
        values = table.text(column, examples)
        for row, value in zip(table.rows[examples], values, strict=True):
            self.findings.refuse(
                rule, message, file=table.name, row=int(row), column=table.title(column), value=value
            )


def _typed_moments(cells: pd.Series) -> Moments:
    moments = Moments.nothing(len(cells))
    is_aware = cells.dt.tz is not None
    utc = cells.dt.tz_convert("UTC").dt.tz_localize(None) if is_aware else cells
    moments.wall[:] = utc.to_numpy("datetime64[us]")
    moments.has_time[:] = cells.notna()
    if is_aware:
        moments.offset_minutes[:] = 0.0
    return moments


def _no_amounts(size: int) -> Amounts:
    return Amounts(np.full(size, np.nan), np.full(size, "", object), np.full(size, "", object))


def _why_not(number: Numbers) -> Texts:
    problem = np.full(len(number), "", object)
    problem[number < 0] = "an amount must not be negative; correct it, or leave it empty when unknown"
    problem[np.abs(number) > LARGEST_AMOUNT] = TOO_LARGE
    problem[np.isinf(number)] = "an amount must be finite; correct it, or leave it empty when unknown"
    return problem


def _is_number(cell: object) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)
