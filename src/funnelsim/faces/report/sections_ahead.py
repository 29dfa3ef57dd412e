"""Sections of a report that look ahead: periods, open deals, levers and cash."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from funnelsim.faces.plots.chance import plot_chance
from funnelsim.faces.plots.levers import plot_levers
from funnelsim.faces.plots.open_deals import plot_open_deals
from funnelsim.faces.plots.receivables import plot_receivables
from funnelsim.faces.plots.units import period_name
from funnelsim.faces.report.parts import (
    Drawing,
    Section,
    Table,
    amount,
    chance_said,
    in_unit,
    name,
    points,
    points_with_error,
)
from funnelsim.faces.report.wording import TOTAL_IS_JOINT
from funnelsim.faces.tables import decimals_for, number, percent
from funnelsim.vocabulary.language import known, tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

_MOST_DEALS = 25
_FIGURES = {
    "realised": "realised",
    "won_before": "won before",
    "open_deals": "from open deals",
    "new_deals": "from new deals",
    "mean": "mean",
    "p10": "P10",
    "p50": "median",
    "p90": "P90",
}
BALANCES = {
    "invoiced": "invoiced",
    "paid": "paid",
    "open": "unpaid at the end",
    "overdue30": "over 30 days late",
}
Row = Mapping[Hashable, Any]


def periods(told: Told) -> Section:
    """What each period may bring, and the classical figure beside it."""
    outlook = told.outlook
    notes = [
        tr(TOTAL_IS_JOINT),
        tr("One future in ten ends below P10, one above P90."),
        tr("The columns before the mean add up to it, means of periods to the total's, but for rounding."),
        *_classical(told),
    ]
    drawing = Drawing("chance", tr("Which target is attainable?"), plot_chance, outlook)
    return Section("periods", tr("Ranges by period"), tuple(notes), (drawing,), (_by_period(told),))


def _by_period(told: Told) -> Table:
    outlook = told.outlook
    table = outlook.table()
    columns = [column for column in _FIGURES if column in table]
    decimals = decimals_for(table["p90"])
    rows = [
        (
            period_name(known(str(label))),
            *(number(float(row[column]), decimals=decimals) for column in columns),
        )
        for label, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    titles = (tr("period"), *(tr(_FIGURES[column]) for column in columns))
    return Table(
        f"{tr(outlook.measure.capitalize())}{in_unit(outlook)}", titles, tuple(rows), last_is_sum=True
    )


def _classical(told: Told) -> list[str]:
    """The weighted pipeline in words; it counts bookings and nothing else."""
    outlook = told.outlook
    if outlook.measure != "bookings" or not outlook.classical:
        return []
    figure = outlook.classical[0]
    low, high = figure.interval80
    missing = int(outlook.deals.is_imputed.sum())
    return [
        tr(
            f"The classical weighted pipeline, with what is realised, is {amount(outlook, figure.figure)}; "
            f"its coin-flip 80 % range (each open deal one coin) goes from {number(low)} to {number(high)}. "
            "It leaves out deals yet to come, and when deals close."
        ),
        *([tr(f"It also leaves out the {missing:,} open deals without an amount.")] if missing else []),
    ]


def deals(told: Told) -> Section:
    """The open deals on which most hangs."""
    title, table = tr("Open deals that matter"), told.deals
    if not len(table):
        return Section("deals", title, (tr("There are no open deals."),))
    shown = table.head(_MOST_DEALS)
    drawing = Drawing("open", tr("Open deals by age and chance"), plot_open_deals, told.outlook)
    notes = (*_of_deals(table, shown), *without_hours(told))
    return Section("deals", title, notes, (drawing,), (_deal_table(told, shown),))


def without_hours(told: Told) -> list[str]:
    """Which figures of deals do not know that reps run out of hours, where the forecast does."""
    if told.outlook.capacity is None or "won_p10" not in told.deals:
        return []
    return [
        tr(
            "What losing or winning a deal does, and when it is likely won, are computed as if the reps had "
            "hours for every deal; the chances know that they run out."
        )
    ]


def _of_deals(table: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    """How the deals are sorted, and what share of them is shown."""
    told = []
    if "costs_if_lost" in table:
        told.append(
            tr("Sorted by what losing a deal costs: the points by which the chance of the target would fall.")
        )
    elif "expected" in table:
        told.append(tr("Sorted by what each deal brings on average: its amount times its chance."))
    else:
        told.append(tr("Sorted by chance."))
    if (shown["chance_sd"] > 0).any():
        told.append(
            tr(
                "Chance: to be won within the periods; ± is one standard deviation, from how far the rates "
                "are known and, where reps are followed, from the number of futures."
            )
        )
    if "won_p10" in table:
        told.append(
            tr(
                "Likely won: four out of five of a deal's wins, later ones as well, fall between these two "
                "dates."
            )
        )
    if "amount_is_imputed" in shown and shown["amount_is_imputed"].any():
        told.append(tr("An amount with * is not listed: it is the mean of won deals."))
    by = "expected" if "expected" in table else "chance"
    whole = float(table[by].sum())
    if len(shown) < len(table) and whole > 0:
        share = percent(float(shown[by].sum()) / whole, decimals=0)
        told.append(
            tr(
                f"Shown are {len(shown):,} of {len(table):,}; they bring {share} of what open deals bring on "
                "average."
            )
        )
    return told


def _deal_table(told: Told, shown: pd.DataFrame) -> Table:
    titles, words = [tr("deal"), tr("stage")], [1]
    if "amount" in shown:
        titles.append(tr("amount"))
    titles.append(tr("chance"))
    if "won_p10" in shown:
        titles.append(tr("likely won"))
    if "costs_if_lost" in shown:
        titles += [tr("losing it costs (points)"), tr("winning it adds (points)")]
    rows = [_deal_row(row) for row in shown.to_dict("records")]
    return Table(f"{tr('Open deals')}{in_unit(told.outlook)}", tuple(titles), tuple(rows), tuple(words))


def _deal_row(row: Row) -> tuple[str, ...]:
    cells = [name(row["deal_id"]), name(row["stage"])]
    if "amount" in row:
        cells.append(number(row["amount"]) + ("*" if row["amount_is_imputed"] else ""))
    spread = f" ± {number(100 * row['chance_sd'])}" if row["chance_sd"] > 0 else ""  # rates may be certain
    said = chance_said(row["chance"], decimals=0)
    cells.append(said if said[0] in "<>" else said + spread)
    if "won_p10" in row:
        cells.append(_window(row["won_p10"], row["won_p90"]))
    if "costs_if_lost" in row:
        cells += [points(-row["costs_if_lost"]), points(row["gains_if_won"])]
    return tuple(cells)


def _window(first: pd.Timestamp, last: pd.Timestamp) -> str:
    if pd.isna(first) or pd.isna(last):
        return tr("hardly ever")
    return f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"


def levers(told: Told) -> Section | None:
    """What each lever does to the chance of the target."""
    comparison = told.comparison
    if comparison is None:
        return None
    table = comparison.table()
    decimals = decimals_for(table["p50"])
    rows = [
        (
            name(label),
            chance_said(row["chance"]),
            points_with_error(row["change_of_chance"], row["change_se"]) if i else "–",
            number(row["p50"], decimals=decimals),
            number(row["change_of_mean"], decimals=decimals) if i else "–",
        )
        for i, (label, row) in enumerate(zip(table.index, table.to_dict("records"), strict=True))
    ]
    titles = (tr("lever"), tr("chance"), tr("change in points"), tr("median"), tr("mean moves by"))
    notes = (
        tr("All levers are compared in the same futures; ± is one standard error of the computation."),
        tr("Effects on a chance do not add, and say nothing of how hard or dear a lever is to move."),
    )
    drawing = Drawing("levers", tr("Change of the chance under each lever"), plot_levers, comparison)
    caption = tr(f"Chance of {amount(comparison.base, comparison.target)} under each lever")
    return Section("levers", tr("Levers"), notes, (drawing,), (Table(caption, titles, tuple(rows)),))


def cash(told: Told) -> Section | None:
    """Invoices and payments, where the forecast followed them."""
    table = told.cash
    if table is None:
        return None
    decimals = decimals_for(table["open", "p90"])
    rows = []
    for i, label in enumerate(table.index):
        figures = [table[part, q].iloc[i] for part in BALANCES for q in ("p10", "p50", "p90")]
        texts = [number(float(figure), decimals=decimals) for figure in figures]
        spans = [f"{texts[k + 1]} ({texts[k]}–{texts[k + 2]})" for k in range(0, len(texts), 3)]
        rows.append((period_name(label), *spans))
    titles = (tr("period"), *(tr(title) for title in BALANCES.values()))
    notes = [
        *_unpaid_now(told),
        tr("Medians (P50), with the range from P10 to P90 that holds four futures out of five."),
        tr("Balances of periods do not add. What is written off is no longer unpaid."),
    ]
    if told.outlook.periods.edges[0] <= told.outlook.periods.cutoff_step:
        first = period_name(told.outlook.periods.labels[0])
        notes.append(tr(f"Of {first} only what lies after {told.as_of} is shown here as invoiced and paid."))
    drawing = Drawing("cash", tr("Unpaid invoices"), plot_receivables, told.outlook)
    caption = f"{tr('Invoices and payments')}{in_unit(told.outlook)}"
    return Section("cash", tr("Cash"), tuple(notes), (drawing,), (Table(caption, titles, tuple(rows)),))


def _unpaid_now(told: Told) -> list[str]:
    """What is unpaid when the forecast begins, where invoices tell it."""
    position = told.known_position
    if position is None or position.receivables is None:
        return []
    known, day = position.receivables, told.funnel.clock.start_of(position.cutoff_step + 1)
    month_ago = told.funnel.clock.step_of(day - np.timedelta64(30, "D"))
    is_late = (known.due_step >= 0) & (known.due_step < month_ago)
    total, late = (amount(told.outlook, float(known.amount[which].sum())) for which in (slice(None), is_late))
    n = len(known.amount)
    return [tr(f"Unpaid at {told.as_of}: {total} in {n:,} invoices; more than 30 days late: {late}.")]
