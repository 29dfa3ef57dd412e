"""Sheets of a workbook with stages and open deals: rates, chances, and the amounts that formulas add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.faces.plots.style import plain
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.parts import whole_name
from funnelsim.faces.report.sections_ahead import without_hours
from funnelsim.faces.report.workbook_cells import Block, Cell, Column, Live, Sheet
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import known, tr

Floats = npt.NDArray[np.float64]

MOST_PERIODS_BY_DEAL = 24  # columns; more are for a table by period


@dataclass(frozen=True)
class RatePlaces:
    """Where the rates by stage stand, and the table they come from."""

    table: pd.DataFrame
    rows: Block
    conversion: int
    nominal: int
    closed: int


def stage_rates(sheet: Sheet, told: Told) -> RatePlaces:
    """Conversion and win rate by stage with their ranges, beside the nominal and the closed-only rate."""
    funnel, table = told.funnel, told.funnel.table()
    sheet.line(tr("Stages"), "title")
    sheet.line(
        tr(f"Rates of the funnel: {known(funnel.origin)}") if funnel.origin else tr("Rates of the funnel"),
        "asked",
    )
    sheet.line(
        tr(
            "Low and high hold four fifths of what the rates may be. Nominal rates are what the company "
            "says, without an error of their own; closed-only rates forget the deals that are still open."
        )
    )
    sheet.gap()
    ranges = (tr("low"), tr("high"))
    columns = [Column("#", "index"), Column(tr("stage"), "prose"), Column(tr("exits seen"), "count")]
    columns += [Column(tr("conversion"), "share"), *(Column(end, "share") for end in ranges)]
    columns += [Column(tr("nominal conversion"), "share"), Column(tr("win rate"), "share")]
    columns += [*(Column(end, "share") for end in ranges), Column(tr("nominal win rate"), "share")]
    columns += [
        Column(tr("won, of closed"), "count"),
        Column(tr("closed"), "count"),
        Column(tr("closed-only win rate"), "share"),
    ]
    keys = ["conversion", "conversion_low", "conversion_high", "nominal_conversion", "win_rate"]
    keys += ["win_rate_low", "win_rate_high", "nominal"]
    closed, rows, first = funnel.closed, [], sheet.next + 2
    for i, (name, row) in enumerate(zip(table.index, table.to_dict("records"), strict=True)):
        won, of = (None, None) if closed is None else (closed.n_won[i], closed.n_closed[i])
        rate = None
        if closed is not None:
            rate = Live(f"=IF(M{first + i}>0,L{first + i}/M{first + i},0)", float(closed.rates[i]))
        rows.append([i + 1, whole_name(name), row["n_exits"], *(row[key] for key in keys), won, of, rate])
    block = sheet.table(columns, rows)
    return RatePlaces(table, block, conversion=3, nominal=10, closed=13)


@dataclass(frozen=True)
class DealPlaces:
    """Where the open deals stand; columns are -1 where there are none.

    Parameters
    ----------
    rows : Block
    n_deals : int
    stage, chance, listed, counted, expected, closed, nominal : int
        Columns: number of the stage, chance, listed amount, amount counted, what is expected, closed-only
        and nominal rate.
    listed_amounts, expected_values : ndarray
        In the order of the rows.
    order : ndarray of int
        Deals by row.
    """

    rows: Block
    n_deals: int
    listed_amounts: Floats
    expected_values: Floats
    order: npt.NDArray[np.int64]
    stage: int = 2
    chance: int = 4
    listed: int = -1
    counted: int = -1
    expected: int = -1
    closed: int = -1
    nominal: int = -1


def listed_amounts(told: Told) -> Floats:
    """Amounts as the records list them, 0 where none is: what is counted, without levers and revisions."""
    deals, funnel = told.outlook.deals, told.funnel
    factor = funnel.changes.open_amount * funnel.mean_revision()[deals.stage]
    listed = np.divide(
        deals.amount, factor, out=np.zeros(len(factor)), where=~deals.is_imputed & (factor > 0)
    )
    # Twelve digits: what division adds beyond them was in no record.
    return np.array([float(f"{amount:.12g}") for amount in listed])


def deal_rows(sheet: Sheet, told: Told, rates: RatePlaces) -> DealPlaces:
    """Every open deal with its chance, by what is expected of it."""
    outlook, deals = told.outlook, told.outlook.deals
    sheet.line(tr("Open deals"), "title")
    n, total, is_money = len(deals.stage), deals.chance.sum(axis=1), outlook.is_money
    worth = deals.amount * total if is_money else total
    order = np.argsort(-worth, kind="stable")
    listed = listed_amounts(told)[order] if is_money else np.zeros(n)
    places = DealPlaces(Block(sheet.quoted, 0, 0), n, listed, worth[order], order)
    if not n:
        sheet.line(tr("There are no open deals."))
        return places
    sheet.line(tr(f"All {n:,} open deals, by what is expected of each within the periods"), "asked")
    for text in _deal_notes(outlook, told):
        sheet.line(text)
    sheet.gap()
    columns, places = _deal_columns(outlook, told, places)
    head, first = sheet.next + 1, sheet.next + 3
    hanging = _hanging(told)
    rows = [
        _deal_cells(told, places, rates, deal, row, first + row) + hanging[str(deals.deal_ids[deal])]
        for row, deal in enumerate(order)
    ]
    _deal_totals(sheet, places, is_money, head)
    sheet.next = head
    block = sheet.table(columns, rows, is_main=True)
    sheet.page.autofilter(head, 0, head + n, len(columns) - 1)
    return replace(places, rows=block)


def _deal_notes(outlook: Forecast, told: Told) -> list[str]:
    notes = [
        tr(
            "± of a chance is one standard deviation of the chance itself, in points, from what is not known "
            "of the rates; whether a deal is won then is still chance."
        )
    ]
    if outlook.is_money:
        notes.append(
            tr(
                "Expected is chance times the amount counted: as listed, as amounts of its stage are usually "
                "revised, or the mean of won deals where none is listed. The rates at the right give the "
                "classical figure."
            )
        )
    notes += without_hours(told)
    if len(outlook.periods) > MOST_PERIODS_BY_DEAL:
        notes.append(tr(f"Chances by period are left out: there are {len(outlook.periods):,} periods."))
    return notes


def _deal_columns(outlook: Forecast, told: Told, places: DealPlaces) -> tuple[list[Column], DealPlaces]:
    columns = [Column(tr("deal")), Column(tr("stage")), Column(tr("stage #"), "index")]
    columns += [
        Column(tr(f"age in stage, {told.funnel.clock.step}s"), "count"),
        Column(tr("chance within the periods"), "share"),
        Column("±", "points_error"),
    ]
    at: dict[str, Any] = {}
    if outlook.is_money:
        at = {"listed": 6, "counted": 7, "expected": 9}
        columns += [Column(tr("amount listed"), "deal_money"), Column(tr("amount counted"), "deal_money")]
        columns += [Column(tr("amount is")), Column(tr("expected"), "deal_money")]
        if told.funnel.closed is not None:
            at["closed"] = len(columns)
            columns.append(Column(tr("closed-only win rate"), "share"))
        if all(stage.nominal_win_rate is not None for stage in told.funnel.stages.open):
            at["nominal"] = len(columns)
            columns.append(Column(tr("nominal win rate"), "share"))
    if len(outlook.periods) <= MOST_PERIODS_BY_DEAL:
        columns += [Column(tr(f"chance in {known(label)}"), "share") for label in outlook.periods.labels]
    titles = {
        "won_p10": tr("likely won from"), "won_p90": tr("likely won to"),
        "costs_if_lost": tr("losing it costs (points)"), "gains_if_won": tr("winning it adds (points)"),
    }  # fmt: skip
    hangs = [key for key in titles if key in told.deals]
    columns += [Column(titles[key], "day" if key.startswith("won") else "points") for key in hangs]
    return columns, replace(places, **at)


def _deal_cells(
    told: Told, places: DealPlaces, rates: RatePlaces, deal: int, row: int, at: int
) -> list[Cell]:
    deals, outlook = told.outlook.deals, told.outlook
    stage = int(deals.stage[deal])
    chance = float(deals.chance[deal].sum())
    cells: list[Cell] = [
        plain(deals.deal_ids[deal]), whole_name(deals.stage_names[stage]), stage + 1,
        int(deals.age_steps[deal]), chance, 100 * float(deals.chance_sd[deal]),
    ]  # fmt: skip
    if outlook.is_money:
        is_imputed, listed = bool(deals.is_imputed[deal]), float(places.listed_amounts[row])
        counted = float(deals.amount[deal])
        is_same = abs(counted - listed) <= 1e-9 * max(counted, 1.0)
        source = (
            tr("mean of won deals")
            if is_imputed
            else tr("as listed")
            if is_same
            else tr("as usually revised")
        )
        cells += [None if is_imputed else listed, counted, source]
        cells.append(Live(f"=E{at}*H{at}", float(places.expected_values[row])))
        closed = told.funnel.closed
        if places.closed >= 0 and closed is not None:
            rate = f"=INDEX({rates.rows.column(rates.closed)},C{at})"
            cells.append(Live(rate, float(closed.rates[stage])))
        if places.nominal >= 0:
            rate = f"=INDEX({rates.rows.column(rates.nominal)},C{at})"
            cells.append(Live(rate, float(told.funnel.stages.open[stage].nominal_win_rate or 0.0)))
    if len(outlook.periods) <= MOST_PERIODS_BY_DEAL:
        cells += deals.chance[deal].tolist()
    return cells


def _hanging(told: Told) -> dict[str, list[Cell]]:
    """When each deal is likely won, and what losing or winning it does to the chance; by its id."""
    table = told.deals
    dates = [key for key in ("won_p10", "won_p90") if key in table]
    effects = [(key, sign) for key, sign in (("costs_if_lost", -100), ("gains_if_won", 100)) if key in table]
    return {
        str(row["deal_id"]): [
            *(None if pd.isna(row[key]) else np.datetime64(row[key], "D") for key in dates),
            *(sign * float(row[key]) for key, sign in effects),
        ]
        for row in table.to_dict("records")
    }


def _deal_totals(sheet: Sheet, places: DealPlaces, is_money: bool, head: int) -> None:
    """Sums of the rows that a filter leaves, above the titles."""
    top, first, last = head - 1, head + 2, head + 1 + places.n_deals
    sheet.put(top, 0, tr("total of the rows shown"), "text:total")
    summed: Sequence[tuple[int, Floats, str]] = (
        [
            (places.listed, places.listed_amounts, "deal_money"),
            (places.expected, places.expected_values, "deal_money"),
        ]
        if is_money
        else [(places.chance, places.expected_values, "decimal")]
    )
    for column in range(1, (places.expected if is_money else places.chance) + 1):
        sheet.put(top, column, "", "text:total")
    for column, values, style in summed:
        letter = chr(ord("A") + column)
        live = Live(f"=SUBTOTAL(109,{letter}{first}:{letter}{last})", float(values.sum()))
        sheet.put(top, column, live, f"{style}:total")


def open_by_stage(sheet: Sheet, told: Told, deals: DealPlaces) -> Block | None:
    """Open deals by stage, as formulas over the sheet of deals."""
    if not deals.n_deals:
        return None
    outlook = told.outlook
    sheet.gap()
    sheet.line(tr("Open deals by stage, from the sheet of deals"), "heading")
    table = outlook.by_stage()
    by_number = deals.rows.column(deals.stage)
    columns = [Column("#", "index"), Column(tr("stage"), "prose"), Column(tr("open deals"), "count")]
    columns += [Column(tr("expected wins"), "decimal"), Column(tr("± sd"), "decimal_error")]
    if outlook.is_money:
        columns += [Column(tr("amount listed"), "money"), Column(tr("expected bookings"), "money")]
    rows: list[list[Cell]] = []
    stage_of_row = outlook.deals.stage[deals.order]
    for code, name in enumerate(outlook.deals.stage_names):
        at, is_here = sheet.next + 2 + code, stage_of_row == code
        row = table.loc[name].to_dict() if is_here.any() else None
        cells: list[Cell] = [
            code + 1,
            whole_name(name),
            Live(f"=COUNTIF({by_number},A{at})", float(is_here.sum())),
        ]
        wins = 0.0 if row is None else float(row["expected_wins"])
        spread = 0.0 if row is None else float(row["expected_wins_sd"])
        cells += [Live(f"=SUMIF({by_number},A{at},{deals.rows.column(deals.chance)})", wins), spread]
        for column, values in ((deals.listed, deals.listed_amounts), (deals.expected, deals.expected_values)):
            if outlook.is_money:
                formula = f"=SUMIF({by_number},A{at},{deals.rows.column(column)})"
                cells.append(Live(formula, float(values[is_here].sum())))
        rows.append(cells)
    return sheet.table(columns, rows)
