"""The sheet of a workbook to check by: mean, weighted pipeline and course formula as live formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from funnelsim.faces.plots.style import plain
from funnelsim.faces.report.content import Told
from funnelsim.faces.report.workbook_cells import Cell, Column, Live, Sheet
from funnelsim.faces.report.workbook_deals import DealPlaces, RatePlaces
from funnelsim.faces.report.workbook_sheets import PeriodPlaces, measured, money_style
from funnelsim.faces.tables import number
from funnelsim.nouns.forecast import Classical
from funnelsim.numerics.strata import stratum
from funnelsim.vocabulary.language import known, tr
from funnelsim.vocabulary.randomness import Streams

_COIN = 1.2816  # standard deviations to each side of the coin-flip range of 80 %
_N_DRAWS = 200


def recomputed(sheet: Sheet, told: Told, rates: RatePlaces, deals: DealPlaces, periods: PeriodPlaces) -> str:
    """What a person can recompute: mean, course formula, and the weighted pipeline, whose cell it tells."""
    sheet.line(tr("Recompute it"), "title")
    sheet.line(tr("Formulas over the other sheets, beside the figures of the engine"), "asked")
    sheet.line(
        tr(
            "Chances of a target and quantiles cannot be recomputed by formulas of cells: they come from the "
            "joint law of all deals, and would need that law. What can be recomputed stands here, with the "
            "difference."
        )
    )
    sheet.gap()
    _mean(sheet, told, deals, periods)
    weighted = _classical(sheet, told, rates, deals, periods)
    _course(sheet, told, rates)
    return weighted


def _mean(sheet: Sheet, told: Told, deals: DealPlaces, periods: PeriodPlaces) -> None:
    """Realised + open deals + deals yet to come, beside the engine's mean."""
    outlook, style = told.outlook, money_style(told.outlook)
    sheet.line(tr("Realised + expected of open deals + expected of deals yet to come"), "heading")
    parts = _parts_of_mean(told, deals, periods)
    rows: list[list[Cell]] = [[name, live, None, said] for name, live, said in parts]
    first = sheet.next + 2
    last = first + len(rows) - 1
    total, engine = float(sum(float(live.value) for _, live, _ in parts)), outlook.mean()
    rows.append([tr("sum"), Live(f"=SUM(B{first}:B{last})", total), None, tr("the mean, recomputed")])
    rows.append([tr("mean of the engine"), engine.value, engine.standard_error, tr("± one standard error")])
    difference = Live(f"=B{last + 1}-B{last + 2}", total - engine.value)
    rows.append([tr("difference"), difference, None, _why_apart(told)])
    sheet.table(_check_columns(measured(outlook), style), [_spread_out(row) for row in rows])
    sheet.gap()


def _parts_of_mean(told: Told, deals: DealPlaces, periods: PeriodPlaces) -> list[tuple[str, Live, str]]:
    """What the mean is the sum of, each from the sheet that holds it."""
    outlook, table = told.outlook, told.outlook.table().iloc[:-1]

    def of_periods(name: str, column: int) -> Live:
        return Live(f"=SUM({periods.rows.column(column)})", float(table[name].sum()))

    parts = [(tr("realised"), of_periods("realised", periods.realised), tr("known: no error"))]
    if periods.won >= 0:
        parts.append((tr("won before"), of_periods("won_before", periods.won), tr("part of the mean")))
    open_part = of_periods("open_deals", periods.open_deals)
    said = tr("sum over the sheet of periods")
    if deals.n_deals and outlook.measure in ("bookings", "wins"):  # of cash a deal has no row of its own
        column = deals.expected if outlook.is_money else deals.chance
        open_part = Live(f"=SUM({deals.rows.column(column)})", float(deals.expected_values.sum()))
        said = tr("sum over the sheet of deals")
    new = of_periods("new_deals", periods.new_deals)
    parts.append((tr("open deals"), open_part, said))
    return [*parts, (tr("deals yet to come"), new, tr("of the engine: they are no rows yet"))]


def _check_columns(measure: str, style: str) -> list[Column]:
    """What, figure, error, and a note; two columns between are for the course formula below."""
    columns = [Column(tr("what"), "prose"), Column(measure, style), Column("±", f"{style}_error")]
    return [*columns, Column(""), Column(""), Column(tr("remark"), "prose")]


def _spread_out(row: list[Cell]) -> list[Cell]:
    what, figure, error, note = row
    return [what, figure, "" if error is None else error, "", "", note]


def _why_apart(told: Told) -> str:
    """What the difference is made of."""
    outlook = told.outlook
    if outlook.n_futures is not None:
        return tr(
            "simulated futures: the difference is luck of the simulation, and smaller with more futures"
        )
    if outlook.is_money and (outlook.deals.is_imputed.any() or any(told.funnel.revisions)):
        return tr(
            "rounding, and amounts that are drawn where none is listed or listed ones are still revised"
        )
    return tr("rounding")


def _classical(sheet: Sheet, told: Told, rates: RatePlaces, deals: DealPlaces, periods: PeriodPlaces) -> str:
    """The weighted pipeline at each kind of rate, with its coin-flip range."""
    outlook = told.outlook
    figures = outlook.classical if outlook.measure == "bookings" else ()
    if not figures:
        sheet.line(
            tr(
                "No weighted pipeline: its formula counts bookings, by rates of the stages that are not "
                "given here."
            )
        )
        sheet.gap()
        return ""
    sheet.line(tr("Classical weighted pipeline: realised + sum of amount x stage rate"), "heading")
    sheet.line(
        tr(
            "It leaves out deals yet to come, deals without an amount, when deals close and how long they "
            "have waited. Its range takes every open deal as one coin and the rates as known, so it is too "
            "narrow."
        )
    )
    made = [
        _one_classical(told, figure, deals, periods, sheet.next + 1 + 6 * i)
        for i, figure in enumerate(figures)
    ]
    columns = _check_columns(measured(outlook), "money")
    block = sheet.table(columns, [_spread_out(row) for rows in made for row in rows])
    sheet.gap()
    return block.cell(0, 1)


def _one_classical(
    told: Told, figure: Classical, deals: DealPlaces, periods: PeriodPlaces, at: int
) -> list[list[Cell]]:
    """Six rows: by deals, by the engine, their difference, standard deviation, and both ends of the range."""
    is_nominal = figure.label.endswith("nominal")
    rate, name = (
        (deals.nominal, tr("weighted pipeline at nominal rates")) if is_nominal
        else (deals.closed, tr("weighted pipeline at closed-only rates"))
    )  # fmt: skip
    realised = f"SUM({periods.rows.column(periods.realised)})"
    amounts, chances = deals.rows.column(deals.listed), deals.rows.column(rate)
    formula = f"={realised}+SUMPRODUCT({amounts},{chances})" if deals.n_deals else f"={realised}"
    coin = f"=SQRT(SUMPRODUCT({amounts},{amounts},{chances},1-{chances}))" if deals.n_deals else "=0"
    # A dash stands where no amount is listed: products take text for 0, powers do not.
    low, high = figure.figure - _COIN * figure.sd, figure.figure + _COIN * figure.sd
    return [
        [name, Live(formula, figure.figure), None, tr("realised + SUMPRODUCT of amount and rate")],
        [tr("of the engine"), figure.figure, None, known(figure.formula)],
        [tr("difference"), Live(f"=B{at + 1}-B{at + 2}", 0.0), None, tr("rounding")],
        [
            tr("coin-flip standard deviation"),
            Live(coin, figure.sd),
            None,
            tr("root of the sum of amount² x rate x (1 - rate)"),
        ],
        [tr("coin-flip range of 80 %: from"), Live(f"=B{at + 1}-{_COIN}*B{at + 4}", low), None, ""],
        [tr("to (upper end)"), Live(f"=B{at + 1}+{_COIN}*B{at + 4}", high), None, ""],
    ]


def _course(sheet: Sheet, told: Told, rates: RatePlaces) -> None:
    """Leads x conversions x yield x collection, with inputs to overwrite."""
    funnel, outlook = told.funnel, told.outlook
    sheet.line(tr("Course formula: leads x conversion x ... x yield x collection"), "heading")
    sheet.line(
        tr(
            "Overwrite a shaded cell to try another factor; the other sheets stay as they are. The formula "
            "has no time: part of what these leads bring is won after the last period, so it is more than "
            "deals yet to come bring here. Each deal is taken to enter at the first stage and to pass every "
            "other; low and high hold four fifths of what a factor may be."
        )
    )
    first = sheet.next + 2
    table, is_money = rates.table, outlook.is_money and funnel.amounts is not None
    rows, came = _course_counts(told, rates, first)
    for name, (value, low, high), counted in _worth(told) if is_money else ():
        came *= value
        at = first + len(rows)
        rows.append([name, value, low, high, Live(f"=E{at - 1}*B{at}", came), counted])
    columns = [Column(tr("factor"), "prose"), Column(tr("value"), "share"), Column(tr("low"), "share")]
    columns += [Column(tr("high"), "share"), Column(tr("what is left"), "decimal")]
    columns.append(Column(tr("counts"), "prose"))
    last = first + len(rows) - 1
    sheet.table(columns, [])
    _place_course(sheet, rows, first, is_money)
    _beside_course(sheet, told, table, first, last)


def _course_counts(told: Told, rates: RatePlaces, first: int) -> tuple[list[list[Cell]], float]:
    """New deals, and what each conversion leaves of them; the last count is that of wins."""
    came, low, high = _leads(told)
    name = tr("new deals in these periods")
    rows: list[list[Cell]] = [[name, came, low, high, Live(f"=B{first}", came), tr("new deals")]]
    records = rates.table.to_dict("records")
    for i, (stage, row) in enumerate(zip(rates.table.index, records, strict=True)):
        factor = float(row["conversion"])
        came *= factor
        counted = tr("wins") if i == len(records) - 1 else tr("move on")
        link = Live(f"={rates.rows.cell(i, rates.conversion)}", factor)
        left = Live(f"=E{first + i}*B{first + i + 1}", came)
        ends = (row["conversion_low"], row["conversion_high"])
        rows.append([tr(f"conversion of {plain(stage)}"), link, *ends, left, counted])
    return rows, came


def _place_course(sheet: Sheet, rows: list[list[Cell]], first: int, is_money: bool) -> None:
    """Rows of which each has its own kind of figure."""
    n_rates = len(rows) - 1 - (2 if is_money else 0)
    kinds = ["decimal", *["share"] * n_rates, *(["money", "share"] if is_money else [])]
    left = ["decimal"] * (n_rates + 1) + (["money", "money"] if is_money else [])
    for i, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        styles = ("prose", f"{kind}:input", kind, kind, left[i], "prose")
        for column, (value, style) in enumerate(zip(row, styles, strict=True)):
            sheet.put(first - 1 + i, column, value, style)
    sheet.next = first - 1 + len(rows)


def _leads(told: Told) -> tuple[float, float | None, float | None]:
    """New deals expected in the periods at the usual rate, and where four fifths of what it may be lie."""
    funnel, n_steps = told.funnel, int(told.outlook.periods.steps_ahead[-1])
    law, streams = funnel.arrivals.scaled(funnel.changes.volume), Streams.of(0)
    mean = law.mean_per_block / law.block_steps * n_steps
    if not np.isfinite(law.worth_blocks):
        return mean, None, None
    drawn = [law.draw(stratum(streams, "arrival rate", b))[0] * n_steps for b in range(_N_DRAWS)]
    low, high = np.quantile(drawn, [0.1, 0.9]).tolist()
    return mean, low, high


def _worth(told: Told) -> list[tuple[str, tuple[float, float | None, float | None], str]]:
    """Yield and collection, each with its range where it has one."""
    funnel, streams = told.funnel, Streams.of(0)
    assert funnel.amounts is not None  # as the caller has checked
    factor, points = funnel.changes.new_amount, funnel.amounts.points
    low: float | None
    high: float | None
    low, high = None, None
    if not funnel.amounts.is_certain:
        drawn = [float(funnel.amount_draw(streams, b) @ points) * factor for b in range(_N_DRAWS)]
        low, high = np.quantile(drawn, [0.1, 0.9]).tolist()
    paid = 1.0 if funnel.collections is None else 1.0 - funnel.collections.never_paid
    said = tr("collection (not known: taken as 1)") if funnel.collections is None else tr("collection")
    return [
        (tr("yield, mean amount of a win"), (factor * funnel.amounts.mean, low, high), known("bookings")),
        (said, (paid, None, None), known("cash")),
    ]


def _beside_course(sheet: Sheet, told: Told, table: pd.DataFrame, first: int, last: int) -> None:
    """What the funnel itself says, and the leads a target asks for."""
    outlook, n = told.outlook, len(table)
    per_lead = float(np.prod(table["conversion"].to_numpy(float)))
    sheet.gap()
    rows: list[tuple[str, Cell, str, str]] = [
        (
            tr("wins per new deal by the formula"),
            Live(f"=IF(E{first}=0,0,E{first + n}/E{first})", per_lead),
            "share",
            tr("product of the conversions"),
        ),
        (
            tr("win rate of the first stage in the funnel"),
            float(table["win_rate"].iloc[0]),
            "share",
            tr("with skips, steps back and losses as they are; its range is on the sheet of stages"),
        ),
    ]
    new = float(outlook.table()["new_deals"].iloc[-1])
    style = money_style(outlook)
    rows.append((tr("deals yet to come, by the engine, in these periods"), new, style, measured(outlook)))
    if outlook.target is not None and outlook.measure in ("bookings", "wins"):
        at = last - 1 if outlook.is_money and told.funnel.amounts is not None else last
        leads = _leads(told)[0]
        bookings = leads * per_lead * (_worth(told)[0][1][0] if at < last else 1.0)
        needed = outlook.target * leads / bookings if bookings else float("nan")
        formula = f'=IF(E{at}=0,"–",{outlook.target!r}*E{first}/E{at})'
        live = Live(formula, needed if needed == needed else "–")
        rows.append(
            (
                tr(f"new deals that {number(outlook.target)} asks for by the formula"),
                live,
                "decimal",
                tr("without the open deals and without time"),
            )
        )
    for row in rows:
        sheet.put(sheet.next, 0, row[0], "prose")
        sheet.put(sheet.next, 1, row[1], row[2])
        sheet.put(sheet.next, 5, row[3], "prose")
        sheet.next += 1
