"""``funnelsim forecast``: ranges by period, the chance of a target, the classical figure beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.options import (
    Drawing,
    drawing_options,
    output_options,
    plot_option,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Asked, Case, case_options
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import decimals_for, heading, number, paragraph, percent, text_table
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.forecast import Forecast

_MOST_DEALS = 20
_EPILOG = """\b
Examples:
  funnelsim forecast --target 5.5M
  funnelsim forecast deals.csv stage_history.csv --stages stages.toml --as-of 2026-09-30 --target 5M
  funnelsim forecast deals.csv stage_history.csv --by deal --format csv -o deals_forecast.csv
  funnelsim forecast deals.csv stage_history.csv --funnel funnel.json --plot fan.png
  funnelsim forecast deals.csv stage_history.csv --measure cash --invoices invoices.csv --periods 6M
  funnelsim forecast --scenario account_selling
"""


@click.command(epilog=_EPILOG, short_help="Bookings by period, with ranges and the chance of a target.")
@case_options
@drawing_options
@output_options
@click.option(
    "--funnel",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use a saved funnel instead of fitting one.",
)
@click.option(
    "--by",
    type=click.Choice(["period", "stage", "deal"]),
    default="period",
    show_default=True,
    help="Which table to show or write.",
)
@plot_option("Also draw the ranges as a fan")
def forecast(
    asked: Asked,
    drawing: Drawing,
    output: Output,
    funnel: Path | None,
    by: str,
    plot: Path | None,
) -> None:
    """Forecast bookings by period: ranges, chance of a target, the classical figure beside them.

    DEALS has one row a deal, HISTORY one row for each entry into a stage. Without files the embedded sample
    is used. Revenue and cash (--measure) need to know how wins are paid: --invoices, or --terms.
    """
    from funnelsim.engines.run import forecast as run

    output.check(plot, inputs=[*asked.inputs, funnel])
    case = asked.case(output, funnel)
    output.progress("forecasting")
    question = case.question
    outlook = run(
        case.funnel,
        case.pipeline,
        periods=question.edges,
        target=question.target,
        measure=question.measure,
        fiscal_start_month=question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )
    output.give(_Outlook(case, outlook, by, funnel))
    if plot is not None:
        from funnelsim.faces.cli.plotting import write_fan

        write_fan(outlook, plot, output)


@dataclass(frozen=True, eq=False)
class _Outlook:
    """A forecast in its three forms."""

    case: Case
    outlook: Forecast
    by: str
    funnel: Path | None

    def frame(self) -> pd.DataFrame:
        """The table asked for."""
        if self.by == "deal":
            return self.outlook.by_deal()
        table = self.outlook.by_stage() if self.by == "stage" else self.outlook.table()
        return table.reset_index()

    def json(self) -> bytes:
        """Everything, with the table asked for as ``rows``."""
        told = facts.heading("forecast", self.case.files) | self.case.facts
        told |= {"funnel": self.case.funnel.origin} | facts.outlook_facts(self.outlook)
        return json_bytes(told if self.by == "period" else told | {"by": self.by, "rows": self.frame()})

    def lines(self) -> list[str]:
        """The screen."""
        tables = {"period": parts.period_lines, "stage": _stage_lines, "deal": _deal_lines}
        blocks = [
            [
                *self.case.lines,
                *parts.funnel_lines(self.funnel, self.case.funnel.origin),
            ],
            parts.chance_lines(self.outlook),
            [*tables[self.by](self.outlook), *paragraph(self._legend())],
            parts.classical_lines(self.outlook),
            parts.people_lines(self.outlook),
            parts.note_lines(self.outlook.notes),
            [parts.run_line(self.outlook)],
        ]
        return parts.spaced(blocks)

    def _legend(self) -> str:
        if self.by != "period":
            return _EXACT
        return _LATER if self.outlook.measure in ("revenue", "cash") else _LEGEND


_LATER = (
    "Realised: paid, or earned, in the running period by the cutoff. Won before: what deals won and invoices "
    "sent by then will still bring; open and new deals: their share of the mean. One future in ten ends "
    "below P10, one above P90; ranges of the total are no sums of ranges. SE: one standard error."
)
_LEGEND = (
    "Realised: won before the cutoff. Open and new deals: their share of the mean. One future in ten ends "
    "below P10, one above P90; ranges of the total are no sums of ranges. SE: one standard error, of "
    "the draws of the parameters and of simulated futures, if any."
)

_EXACT = "Chances are computed; where futures are simulated, the figures by period differ by their error."


def _stage_lines(outlook: Forecast) -> list[str]:
    table, has_money = outlook.by_stage(), outlook.is_money
    rows = []
    for name, row in zip(table.index, table.to_dict("records"), strict=True):
        money = [number(row["amount"]), number(row["expected_bookings"])] if has_money else []
        rows.append(
            [name, number(row["n_deals"]), _spread(row["expected_wins"], row["expected_wins_sd"]), *money]
        )
    head = f"Open deals by stage, within {parts.span(outlook)} (±: one standard deviation)"
    titles = ["Stage", "Deals", "Wins", *(["Amount", "Bookings"] if has_money else [])]
    return [heading(head), *text_table(titles, rows, "lrrrr"[: len(titles)])]


def _spread(value: float, spread: float) -> str:
    return f"{number(value, decimals=1)} ± {number(spread, decimals=1)}"


def _deal_lines(outlook: Forecast) -> list[str]:
    table, has_money = outlook.by_deal(), outlook.is_money
    rows = []
    for row in table.head(_MOST_DEALS).to_dict("records"):
        chance = tr(f"{percent(row['chance'])} ± {number(100 * row['chance_sd'], decimals=1)} points")
        cells = [row["deal_id"], row["stage"], number(row["age_steps"]), chance]
        if has_money:
            decimals, mark = decimals_for(table["amount"]), "*" if row["amount_is_imputed"] else ""
            cells += [
                number(row["amount"], decimals=decimals) + mark,
                number(row["expected"], decimals=decimals),
            ]
        rows.append(cells)
    head = f"Open deals by what they may bring, within {parts.span(outlook)}"
    titles = ["Deal", "Stage", "Age", "Chance to win", *(["Amount", "Expected"] if has_money else [])]
    lines = [heading(head), *text_table(titles, rows, "llrrrr"[: len(titles)])]
    if len(table) > len(rows):
        more = f"... and {len(table) - len(rows):,} more deals: --by deal --format csv lists all"
        lines.append(heading(more))
    if has_money and table["amount_is_imputed"].any():
        lines.append(heading("* no amount was recorded: the mean of won deals stands for it"))
    age = "Age in steps of the clock in this stage; ±: one standard deviation of the chance itself."
    return [*lines, heading(age)]
