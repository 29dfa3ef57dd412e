"""The sheet of a workbook with cash: invoices, payments and what is unpaid, by period, with ranges."""

from __future__ import annotations

from funnelsim.faces.report.content import Told
from funnelsim.faces.report.sections_ahead import BALANCES, cash
from funnelsim.faces.report.workbook_cells import Cell, Column, Sheet
from funnelsim.faces.report.workbook_sheets import measured
from funnelsim.vocabulary.language import known, tr

_RANGE = ("p10", "p50", "p90")


def cash_rows(sheet: Sheet, told: Told) -> None:
    """Each period in a row; of each balance the median and the range around it."""
    section, table = cash(told), told.cash
    assert section is not None
    assert table is not None
    sheet.line(section.title, "title")
    sheet.line(measured(told.outlook), "asked")
    for text in section.sentences:
        sheet.line(text)
    sheet.gap()
    columns = [Column(tr("period"))]
    columns += [Column(f"{tr(name)} {q.upper()}", "money") for name in BALANCES.values() for q in _RANGE]
    rows: list[list[Cell]] = [
        [known(str(label)), *(float(table[part, q].iloc[i]) for part in BALANCES for q in _RANGE)]
        for i, label in enumerate(table.index)
    ]
    sheet.table(columns, rows, is_main=True)
