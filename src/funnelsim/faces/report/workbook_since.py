"""The sheet of a workbook on what has changed: the last report beside this one, and the causes."""

from __future__ import annotations

from funnelsim.faces.report.content import Told
from funnelsim.faces.report.sections_since import changed, verdict, window_name
from funnelsim.faces.report.since import Window
from funnelsim.faces.report.workbook_cells import Cell, Column, Live, Sheet
from funnelsim.faces.report.workbook_sheets import measured, money_style
from funnelsim.questions.revision import Revision
from funnelsim.vocabulary.language import known, tr

_RANGE = ("P10", "P50", "P90")


def since_rows(sheet: Sheet, told: Told) -> None:
    """Windows of the last report, then and now; and the waterfall, where the records tell it."""
    section, since = changed(told), told.since
    assert section is not None
    assert since is not None
    sheet.line(section.title, "title")
    sheet.line(measured(told.outlook), "asked")
    for text in section.sentences:
        sheet.line(text)
    sheet.gap()
    if section.tables:
        style = money_style(told.outlook)
        columns = [Column(tr("period"))]
        columns += [Column(f"{name} {when}", style) for when in (tr("then"), tr("now")) for name in _RANGE]
        columns += [Column(tr("what came"), style), Column(tr("median moves by"), f"{style}_change")]
        columns.append(Column(tr("± of that"), style))
        columns.append(Column(tr("in words"), "prose"))
        windows = list(since.periods)
        if since.joint is not None and since.joint not in windows:
            windows.append(since.joint)
        first = sheet.next + 2
        sheet.table(
            columns,
            [_row(window, first + i) for i, window in enumerate(windows)],
            is_main=not isinstance(told.why, Revision),
        )
    if isinstance(told.why, Revision):
        sheet.gap()
        _causes(sheet, told.why, money_style(told.outlook))


def _row(window: Window, at: int) -> list[Cell]:
    then, now = window.then, window.now or (None, None, None)
    moved: Cell = None if window.moved is None else Live(f"=F{at}-C{at}", window.moved)
    return [
        window_name(window), then.p10, then.p50, then.p90, *now, window.came, moved, window.moved_error,
        verdict(window),
    ]  # fmt: skip


def _causes(sheet: Sheet, why: Revision, style: str) -> None:
    """The waterfall of the mean; each level is the one above it and the change beside it."""
    sheet.line(tr("Why the forecast has moved"), "heading")
    table = why.table()
    columns = [
        Column(tr("cause")),
        Column(tr("change of the mean"), f"{style}_change"),
        Column(tr("mean after it"), style),
    ]
    columns.append(Column(tr("deals"), "count"))
    first, n = sheet.next + 2, len(table)
    rows: list[list[Cell]] = []
    for i, (cause, row) in enumerate(zip(table.index, table.to_dict("records"), strict=True)):
        at, level = first + i, float(row["level"])
        counted: Cell = int(row["n_deals"]) or None
        after: Cell = level if i == 0 else Live(f"=C{at - 1}+B{at}", level)
        change: Cell = None if i in (0, n - 1) else float(row["change"])
        if i == n - 1:
            after = Live(f"=C{at - 1}", level)
        rows.append([known(str(cause)), change, after, counted])
    sheet.table(columns, rows, mark_last=True)
