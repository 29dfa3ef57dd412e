"""The canonical tables to typed columns: the deals, and the log of their moves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from funnelsim.intake.cells import Cells
from funnelsim.intake.currencies import Rates, check_currencies, settle_signs, stated_currency
from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Wall
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.places import Codes, Places, read_outcomes, stage_codes
from funnelsim.intake.tables import Numbers, Table

_NO_MOVES: dict[str, str] = {
    "deal": "int64",
    "stage": "int64",
    "entered_at": "M8[us]",
    "recorded_at": "M8[us]",
    "amount": "float64",
    "row": "int64",
}


def parse_deals(table: Table, places: Places, outcome_values: Mapping[str, str], cells: Cells) -> Parsed:
    """Typed columns of the deals table; what cannot be used is reported."""
    _check_ids(table, cells.findings)
    outcomes = read_outcomes(table, places, outcome_values, cells.findings)
    amounts = cells.amounts(table, "amount")
    values = {
        **{column: cells.dates(table, column) for column in ("created_at", "closed_at", "updated_at")},
        "amount": amounts.number,
        "currency": stated_currency(table, amounts),
        "stage": _current_stage(table, places, cells.findings),
        "outcome": outcomes.code,
        "is_guess": outcomes.is_guess,
    }
    return Parsed(table, pd.DataFrame(values))


def _check_ids(table: Table, findings: Findings) -> None:
    ids = table.ids
    findings.fault("empty id", "the row has no deal id; fill it in", table, ids == "", "deal_id")
    is_repeated = pd.Series(ids).duplicated(keep=False).to_numpy(bool) & (ids != "")
    message = "several rows have this id; keep one row a deal (a log of its changes is the history)"
    findings.fault("duplicate id", message, table, is_repeated, "deal_id")


def _current_stage(table: Table, places: Places, findings: Findings) -> Codes:
    if "stage" not in table or places.stages.n_open == 1:
        return np.full(len(table), -1)
    # Without an outcome column the stage is read as the outcome, and reported there.
    return stage_codes(table, "stage", places, findings if "outcome" in table else Findings())


def parse_log(table: Table, entered_at: Wall, places: Places, cells: Cells) -> Parsed:
    """Typed columns of the stage history, in the order of its sequence numbers where it has them."""
    findings = cells.findings
    ids = table.ids
    findings.fault("empty id", "the row has no deal id; fill it in", table, ids == "", "deal_id")
    message = "a move without a stage; name it, or delete the row"
    findings.fault("empty stage", message, table, table.text("stage") == "", "stage")
    message = "a move without a date; fill it in, or delete the row"
    is_empty = np.isnat(entered_at) & (table.text("entered_at") == "")
    findings.fault("empty date", message, table, is_empty, "entered_at")
    amounts = cells.amounts(table, "amount")
    values = pd.DataFrame(
        {
            "stage": stage_codes(table, "stage", places, findings),
            "entered_at": entered_at,
            "recorded_at": cells.dates(table, "recorded_at"),
            "amount": amounts.number,
            "currency": amounts.currency,
            "row": table.rows,
        }
    )
    if "seq" not in table:
        return Parsed(table, values)
    return Parsed(table, values.assign(seq=_sequence(table, findings))).sorted_by("seq")


def _sequence(table: Table, findings: Findings) -> Numbers:
    texts: pd.Series = pd.Series(table.text("seq"), dtype=object)
    seq = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    message = "not a sequence number; number the moves of a deal 1, 2, 3, or leave the column out"
    findings.fault("sequence", message, table, np.isnan(seq), "seq")
    return seq


def empty_log(name: str) -> Parsed:
    """The log of a funnel that is known by its deals table only."""
    table = Table(name, pd.DataFrame({"deal_id": []}, dtype=object), np.zeros(0, dtype=np.int64))
    return Parsed(table, pd.DataFrame({column: np.array([], kind) for column, kind in _NO_MOVES.items()}))


def in_one_currency(
    deals: Parsed, log: Parsed, rates: Rates, unit: str, findings: Findings
) -> tuple[Parsed, Parsed, str]:
    """Amounts of deals and moves in one unit; a move without a currency has that of its deal."""
    currency = deals.values["currency"].to_numpy(object)
    amount, moved = deals.values["amount"].to_numpy(float), log.values["amount"].to_numpy(float)
    if "amount" not in deals.table and "amount" not in log.table:
        findings.note("no amount", "there is no column 'amount'; amounts are unknown", file=deals.table.name)
    rates = rates.in_unit(unit)
    of_log = log.values["currency"].to_numpy(object) if len(log.values) else np.zeros(0, object)
    currency = settle_signs(currency, {unit, *of_log}, rates, deals.table, findings)
    unit = check_currencies(deals.table, amount, currency, rates, unit, findings)
    if not len(log.values):
        return deals.with_amount(amount * rates.factor(currency)), log, unit
    of_deal = currency[log.codes("deal")]
    in_log = np.where(of_deal != "", of_deal, of_log)
    in_log = settle_signs(in_log, {unit, *currency}, rates, log.table, findings)
    unit = check_currencies(log.table, moved, in_log, rates, unit, findings)
    moved = moved * rates.factor(in_log)
    if "amount" not in deals.table:
        amount, currency = _last_amounts(log, moved, len(amount)), np.full(len(amount), "", object)
    return deals.with_amount(amount * rates.factor(currency)), log.with_amount(moved), unit


def _last_amounts(log: Parsed, moved: Numbers, n_deals: int) -> Numbers:
    """Last amount in the log of each deal, for a deals table that has none."""
    latest = log.values.assign(amount=moved).sort_values("entered_at", kind="stable")
    return latest.groupby("deal")["amount"].last().reindex(range(n_deals)).to_numpy(float)
