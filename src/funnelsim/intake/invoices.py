"""read_invoices: from one table of invoices, paid or not, to validated invoices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from funnelsim.intake.amounts import Decimal
from funnelsim.intake.cells import Cells
from funnelsim.intake.columns import Columns, resolve
from funnelsim.intake.currencies import Rates, check_currencies, stated_currency
from funnelsim.intake.deals import Faulty, today_in
from funnelsim.intake.files import Source, load
from funnelsim.intake.findings import Findings
from funnelsim.intake.observe import end_of, parse_moment, report_future
from funnelsim.intake.reading import Moment, Reading, ReadingError, check_kind
from funnelsim.intake.tables import Flags, Table, texts_of
from funnelsim.nouns.invoices import INVOICE_COLUMNS, Invoices
from funnelsim.vocabulary.words import key_of, listed

INVOICES = Columns(
    "columns",
    ("invoice_id", "invoiced_at", "amount"),
    ("due_at", "paid_at", "written_off_at", "customer", "disputed", "credit_class", "currency"),
)
_DATES = ("invoiced_at", "due_at", "paid_at", "written_off_at")
_EVENTS = ("invoiced_at", "paid_at", "written_off_at")
_YES, _NO = frozenset({"1", "yes", "y", "true", "t", "x"}), frozenset({"", "0", "no", "n", "false", "f"})


def read_invoices(
    invoices: Source,
    *,
    as_of: Moment | None = None,
    columns: Mapping[str, str] | None = None,
    tz: str | None = None,
    file_tz: str | None = None,
    date_format: str | None = None,
    decimal: Decimal | None = None,
    unit: str | None = None,
    rates: Mapping[str, float] | None = None,
    faulty: Faulty = "refuse",
) -> Invoices:
    """Invoices from a file or frame, checked; every repair is listed in their ``issues``.

    Parameters
    ----------
    invoices : path or DataFrame
        One row an invoice: ``invoice_id``, ``invoiced_at``, ``amount`` and, where there are such, ``paid_at``
        (empty: unpaid), ``due_at``, ``written_off_at``, ``customer``, ``disputed`` (yes or no),
        ``credit_class``, ``currency``. Other columns are not used. Files as for
        :func:`funnelsim.read_deals`.
    as_of : date, datetime or str, optional
        Moment of observation: what is dated later is not used. By default the last date on record, which is
        then noted: if nobody paid since, unpaid invoices are older than they seem.
    columns : mapping of str to str, optional
        What the file calls a column: ``{"paid_at": "Settled"}``.
    tz, file_tz, date_format, decimal, unit, rates
        As for :func:`funnelsim.read_deals`.
    faulty : {"refuse", "set aside"}
        Whether an invoice with a fault stops the reading, or is left out and listed.

    Returns
    -------
    Invoices

    Raises
    ------
    DataError
        If the records have faults; all of them are in the error's ``faults``.
    MomentError, ZoneError, RatesError, ReadingError
        If an option cannot be used.

    Notes
    -----
    What is repaired, and listed: an invoice paid before it was sent counts as paid on the day it was sent; a
    due date before the invoice is not used. A credit note (a negative amount) is a fault: take it off the
    invoice it belongs to. Payments in parts need one row each, with the part of the amount that it settles.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"Invoice ID": ["1", "2"], "Invoiced at": ["2026-01-05", "2026-02-05"], "Amount": [100, 250]}
    >>> read_invoices(pd.DataFrame(rows | {"Paid at": ["2026-02-20", ""]}), as_of="2026-03-31")
    Invoices(2 invoices, 1 unpaid, worth 250, at 2026-03-31)
    """
    if faulty not in ("refuse", "set aside"):
        raise ReadingError(f"faulty={faulty!r} is unknown; use 'refuse' or 'set aside'")
    accepted = "the path of a CSV, Parquet or Excel file, or a pandas DataFrame"
    if invoices is None:
        raise ReadingError(f"invoices is None; give {accepted}")
    check_kind("invoices", invoices, (str, Path, pd.DataFrame), accepted)
    said = Reading(
        tz=tz,
        file_tz=file_tz,
        unit=unit,
        date_format=date_format,
        decimal=decimal,
        as_of=as_of,
        deals_columns=columns or {},
    )
    return _read(invoices, said, Rates(rates or {}), sets_aside=faulty == "set aside")


def _read(source: Source, said: Reading, rates: Rates, *, sets_aside: bool) -> Invoices:
    findings, unit = Findings(), said.unit or ""
    cells = Cells(findings, said.zones, said.date_format, said.decimal, rates, unit)
    name = "invoices frame" if isinstance(source, pd.DataFrame) else Path(str(source)).name
    table = resolve(load(source, name, findings), INVOICES, said.deals_columns, findings)
    findings.stop_if_refused()
    # Findings name the record at fault by this column.
    table = replace(table, frame=table.frame.assign(deal_id=texts_of(table.frame["invoice_id"])))
    dates = {column: cells.dates(table, column) for column in _DATES}
    amounts = cells.amounts(table, "amount")
    is_disputed = _flags(table, findings)
    _check(table, dates, findings)
    amount = amounts.number
    rates, currency = rates.in_unit(unit), stated_currency(table, amounts)
    unit = check_currencies(table, amount, currency, rates, unit, findings)
    findings.stop_if_refused()
    if said.as_of is None:
        for column in _EVENTS:
            report_future(table, column, dates[column], today_in(said.zones), findings)
    frame = pd.DataFrame(
        {
            "invoice_id": table.ids,
            **dates,
            "amount": amount * rates.factor(currency),
            "customer": _texts(table, "customer"),
            "is_disputed": is_disputed,
            "credit_class": _texts(table, "credit_class"),
        }
    )
    is_sound = findings.is_sound(table)
    cutoff = _cutoff(said, dates, is_sound, table, findings)
    issues = findings.issues(set_aside=sets_aside)
    kept = frame.loc[is_sound, list(INVOICE_COLUMNS)].reset_index(drop=True)
    return Invoices(kept, _latest(kept, cutoff), unit, issues).as_of(cutoff)


def _latest(frame: pd.DataFrame, cutoff: np.datetime64) -> np.datetime64:
    """Last moment on record, or the cutoff where that is later: what comes after the cutoff is forgotten."""
    events = frame[list(_EVENTS)].max().max()
    return max(cutoff, end_of(np.datetime64(events, "us"))) if pd.notna(events) else cutoff


def _check(table: Table, dates: dict[str, np.ndarray], findings: Findings) -> None:
    """Report rows that cannot be meant; repair what has one meaning only."""
    ids, sent, paid = table.ids, dates["invoiced_at"], dates["paid_at"]
    findings.fault("empty id", "the row has no invoice id; fill it in", table, ids == "", "invoice_id")
    is_repeated = pd.Series(ids).duplicated(keep=False).to_numpy(bool) & (ids != "")
    message = "several rows have this id; keep one row an invoice, or number its parts"
    findings.fault("duplicate id", message, table, is_repeated, "invoice_id")
    message = "an invoice without a date; fill it in, or delete the row"
    is_empty = np.isnat(sent) & (table.text("invoiced_at") == "")
    findings.fault("empty date", message, table, is_empty, "invoiced_at")
    is_empty = table.text("amount") == ""
    findings.fault("empty amount", "an invoice without an amount; fill it in", table, is_empty, "amount")
    both = ~np.isnat(paid) & ~np.isnat(dates["written_off_at"])
    message = "both paid and written off; keep the date of the one that holds"
    findings.fault("two ends", message, table, both, "written_off_at")
    for column in ("paid_at", "written_off_at"):
        is_early = dates[column] < sent
        message = "before the invoice was sent; the day it was sent is taken"
        findings.repaired("settled before sent", message, table, is_early, column)
        dates[column][is_early] = sent[is_early]
    is_early = dates["due_at"] < sent
    findings.repaired("due before sent", "before the invoice; it is not used", table, is_early, "due_at")
    dates["due_at"][is_early] = np.datetime64("NaT")


def _flags(table: Table, findings: Findings) -> Flags:
    """The column of disputes as yes or no."""
    if "disputed" not in table:
        return np.zeros(len(table), dtype=bool)
    keys = np.array([key_of(text) for text in table.text("disputed")], dtype=object)
    is_yes = np.array([key in _YES for key in keys])
    is_known = is_yes | np.array([key in _NO for key in keys])
    message = f"neither yes nor no; write one of {listed(sorted(_YES))}, or {listed(sorted(_NO - {''}))}"
    findings.fault("disputed", message, table, ~is_known, "disputed")
    return is_yes


def _texts(table: Table, column: str) -> np.ndarray:
    return table.text(column) if column in table else np.full(len(table), "", object)


def _cutoff(
    said: Reading, dates: dict[str, np.ndarray], is_sound: Flags, table: Table, findings: Findings
) -> np.datetime64:
    """The moment of observation; how much came later is noted."""
    events = np.stack([dates[column] for column in _EVENTS])[:, is_sound]
    if said.as_of is None:
        known = events[~np.isnat(events)]
        last = end_of(known.max()) if len(known) else today_in(said.zones)
        message = "no as_of was given: the last date on record is taken as the moment of observation"
        findings.note("as_of", message, file=table.name, value=str(last.astype("datetime64[D]")))
        return last
    cutoff = end_of(parse_moment(said.as_of, "as_of", said.zones, said.date_format))
    n_later = int((events > cutoff).any(axis=0).sum())
    if n_later:
        message = "invoices with a date after as_of: what is dated later is not used"
        findings.note("after as_of", message, file=table.name, value=n_later)
    return cutoff
