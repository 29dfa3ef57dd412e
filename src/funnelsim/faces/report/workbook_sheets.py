"""Sheets of a workbook with the forecast itself: ranges by period, and levers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import in_unit, whole_name
from funnelsim.faces.report.workbook_cells import Block, Cell, Column, Live, Sheet
from funnelsim.faces.report.workbook_charts import fan_chart, lever_chart
from funnelsim.faces.report.workbook_looks import number_format
from funnelsim.faces.tables import number
from funnelsim.nouns.forecast import Forecast
from funnelsim.questions.compare import LeverComparison
from funnelsim.questions.targets.attainable import quantiles_with_errors
from funnelsim.vocabulary.language import known, tr

Floats = npt.NDArray[np.float64]

_RANGES = ("p10", "p50", "p90")


@dataclass(frozen=True)
class PeriodPlaces:
    """Where the table by period stands, and its columns.

    Parameters
    ----------
    rows : Block
        Without the total.
    ends : Block
        Sums up to the end of each period.
    realised, won, open_deals, new_deals : int
        Columns; `won` is -1 where the measure has none.
    mean : str
        The cell with the mean of the total.
    mean_value : float
    """

    rows: Block
    ends: Block
    realised: int
    won: int
    open_deals: int
    new_deals: int
    mean: str
    mean_value: float


def measured(outlook: Forecast) -> str:
    """What is forecast, with its unit."""
    return f"{tr(outlook.measure.capitalize())}{in_unit(outlook)}"


def money_style(outlook: Forecast) -> str:
    """The style of what is forecast: an amount, or a number of wins."""
    return "money" if outlook.is_money else "decimal"


def with_total(formula: str, values: Floats) -> Live:
    """A sum of a column, as formula and value."""
    return Live(formula, float(np.sum(values)))


def period_rows(sheet: Sheet, outlook: Forecast) -> PeriodPlaces:
    """Ranges by period and in total, then sums up to the end of each period with the fan."""
    sheet.line(tr("By period"), "title")
    sheet.line(measured(outlook), "asked")
    sheet.line(
        tr(
            "Quantiles do not add: P10, P50 and P90 of the total come from joint draws and are not the sums "
            "of the rows above them. Means do add, and are formulas here."
        )
    )
    sheet.gap()
    places = _by_period(sheet, outlook)
    sheet.line(
        tr(
            "One future in ten ends below P10, half below P50, one above P90. ± is one standard error of "
            "what was computed; sd, the standard deviation, says how far reality may lie from the mean."
        )
    )
    sheet.gap()
    return replace(places, ends=_up_to_ends(sheet, outlook))


def _by_period(sheet: Sheet, outlook: Forecast) -> PeriodPlaces:
    table, style = outlook.table(), money_style(outlook)
    windows: list[str | None] = [*outlook.periods.labels, None]
    errors = [quantiles_with_errors(outlook, np.array([0.1, 0.5, 0.9]), window)[1] for window in windows]
    has_won = "won_before" in table
    parts = ["realised", *(["won_before"] if has_won else []), "open_deals", "new_deals"]
    names = {
        "realised": tr("realised"), "won_before": tr("won before"), "open_deals": tr("open deals"),
        "new_deals": tr("new deals"),
    }  # fmt: skip
    columns = [Column(tr("period")), *(Column(names[part], style) for part in parts)]
    columns += [Column(tr("mean"), style), Column("±", f"{style}_error"), Column(tr("sd"), style)]
    for name in _RANGES:
        columns += [Column(name.upper(), style), Column("±", f"{style}_error")]
    first, n = sheet.next + 1, len(outlook.periods)
    last_part = chr(ord("A") + len(parts))
    rows: list[list[Cell]] = []
    for i, (label, row) in enumerate(zip(table.index, table.to_dict("records"), strict=True)):
        at = first + i + 1
        cells: list[Cell] = [known(str(label))]
        for j, part in enumerate(parts):
            letter = chr(ord("B") + j)
            values = table[part].to_numpy(float)[:n]
            total = with_total(f"=SUM({letter}{first + 1}:{letter}{first + n})", values)
            cells.append(total if i == n else float(row[part]))
        summed = float(sum(table[part].to_numpy(float)[:n].sum() if i == n else row[part] for part in parts))
        cells += [Live(f"=SUM(B{at}:{last_part}{at})", summed), float(row["mean_se"]), float(row["sd"])]
        for q, name in enumerate(_RANGES):
            cells += [float(row[name]), float(errors[i][q])]
        rows.append(cells)
    block = sheet.table(columns, rows, mark_last=True)
    won = 2 if has_won else -1
    mean = block.cell(n, len(parts) + 1)
    rows_of_periods = Block(block.sheet, block.first, n)
    return PeriodPlaces(rows_of_periods, block, 1, won, len(parts) - 1, len(parts), mean, summed)


def _up_to_ends(sheet: Sheet, outlook: Forecast) -> Block:
    """Ranges of sums up to the end of each period; the fan stands on them."""
    style, levels = money_style(outlook), (0.1, 0.25, 0.5, 0.75, 0.9)
    labels = list(outlook.periods.labels)
    sheet.line(tr("Added up to the end of each period"), "heading")
    realised = {
        "bookings": outlook.realised_bookings, "wins": outlook.realised_wins,
        "revenue": outlook.realised_revenue, "cash": outlook.realised_cash,
    }[outlook.measure]  # fmt: skip
    ends = [[realised] * len(levels)]
    ends += [outlook.quantile(levels, window=i + 1).tolist() for i in range(len(labels))]
    columns = [Column(tr("by the end of"))]
    columns += [Column(f"P{100 * level:.0f}", style) for level in levels] + [Column(tr("target"), style)]
    columns += [Column(name, style) for name in (tr("below P10"), "P10–P25", "P25–P75", "P75–P90")]
    rows: list[list[Cell]] = []
    for i, (label, values) in enumerate(zip([tr("the cutoff"), *map(known, labels)], ends, strict=True)):
        at = sheet.next + 2 + i
        heights = [
            Live(f"=B{at}", values[0]), Live(f"=C{at}-B{at}", values[1] - values[0]),
            Live(f"=E{at}-C{at}", values[3] - values[1]), Live(f"=F{at}-E{at}", values[4] - values[3]),
        ]  # fmt: skip
        rows.append([label, *values, outlook.target, *heights])
    block = sheet.table(columns, rows)
    sheet.line(
        tr("The last four columns are the heights of the bands in the chart: differences of the others.")
    )
    sheet.gap()
    draw_fan(sheet, outlook, block)
    return block


def draw_fan(sheet: Sheet, outlook: Forecast, block: Block) -> None:
    """The fan on a sheet, from a table of sums up to the ends."""
    low, high = (number(value) for value in outlook.quantile([0.1, 0.9]).tolist())
    chart = fan_chart(
        sheet.book, block, outlook.target is not None,
        title=tr("Ranges of the sum by the end of each period"),
        y_name=measured(outlook), y_format=number_format(0),
    )  # fmt: skip
    sheet.chart(chart, tr(f"In four futures out of five the total lies between {low} and {high}."))


def lever_rows(sheet: Sheet, told: Told) -> None:
    """What each lever does to the chance of the target, with the chart."""
    comparison = told.comparison
    sheet.line(tr("Levers"), "title")
    if comparison is None or not comparison.levers:
        sheet.line(tr("No levers were compared."))
        return
    sheet.line(tr(f"Chance of {number(comparison.target)} under each lever"), "asked")
    sheet.line(
        tr(
            "All levers run on the same draws of the parameters, so a change is surer than two chances look. "
            "Effects on a chance do not add. Nothing here says how hard a lever is to move, or what it costs."
        )
    )
    sheet.gap()
    rows = _lever_cells(comparison, sheet.next + 2)
    block = sheet.table(_lever_columns(money_style(comparison.base)), rows, is_main=True)
    sheet.line(
        tr(
            "± is one standard error; that of a change is of the paired difference. The first row is the "
            "yardstick."
        )
    )
    sheet.gap()
    n, title = len(comparison.levers), tr("Change of the chance of the target, in points")
    changes = comparison.table()["change_of_chance"].iloc[1 : n + 1]
    alt = "; ".join(f"{row[0]} {100 * change:+.1f}" for row, change in zip(rows[1:], changes, strict=False))
    sheet.chart(lever_chart(sheet.book, block, n, title=title), alt, height=max(200, 90 + 42 * n))


def _lever_columns(style: str) -> list[Column]:
    columns = [Column(tr("lever"), "prose"), Column(tr("chance"), "share")]
    columns += [Column(tr("± points"), "points_error"), Column(tr("change in points"), "points")]
    columns += [Column(tr("± points"), "points_error"), Column(tr("mean moves by"), f"{style}_change")]
    columns.append(Column("±", f"{style}_error"))
    for name in _RANGES:
        columns += [Column(name.upper(), style), Column("±", f"{style}_error")]
    return columns


def _lever_cells(comparison: LeverComparison, first: int) -> list[list[Cell]]:
    """The rows of the comparison; changes are formulas over the chances, `first` is the row of the first."""
    table, levers = comparison.table(), range(len(comparison.levers))
    ranked = sorted(levers, key=lambda i: -comparison.effect(i).value)  # as the table ranks them
    outlooks = [comparison.base, *(comparison.outlooks[i] for i in ranked)]
    outlooks += [comparison.joint] if len(table) > len(outlooks) else []
    chances = [outlook.chance(comparison.target) for outlook in outlooks]
    rows: list[list[Cell]] = []
    for i, (name, row) in enumerate(zip(table.index, table.to_dict("records"), strict=True)):
        change = Live(f"=100*(B{first + i}-B${first})", 100 * (chances[i].value - chances[0].value))
        cells: list[Cell] = [whole_name(name), chances[i].value, 100 * chances[i].standard_error]
        cells += [change, 100 * row["change_se"], row["change_of_mean"], row["change_of_mean_se"]]
        for quantile in _RANGES:
            cells += [row[quantile], row[f"{quantile}_se"]]
        rows.append(cells)
    return rows
