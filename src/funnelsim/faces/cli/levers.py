"""``funnelsim levers``: which change moves the chance of the target most."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.options import (
    Drawing,
    Question,
    drawing_options,
    output_options,
    plot_option,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.reach import Reach, Reached, reach_options
from funnelsim.faces.cli.situation import Asked, Case, case_options
from funnelsim.faces.cli.source import Source
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import decimals_for, heading, number, paragraph, percent, text_table

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.levers.protocol import Lever
    from funnelsim.questions.compare import LeverComparison

_EPILOG = """\b
Examples:
  funnelsim levers
  funnelsim levers --scenario account_selling --chance 0.8
  funnelsim levers deals.csv stage_history.csv --target 5M --factor 1.2
  funnelsim levers deals.csv stage_history.csv --target 5M --plot levers.png --format csv -o levers.csv
"""


@click.command(epilog=_EPILOG, short_help="Which change moves the chance of the target most?")
@case_options
@drawing_options
@output_options
@click.option(
    "--factor",
    type=float,
    metavar="FACTOR",
    help="Improve each of the three levers by this: 1.1 is a tenth.  [default: 1.1, or as a scenario says]",
)
@reach_options
@plot_option("Also draw the effects as bars")
def levers(
    asked: Asked,
    drawing: Drawing,
    output: Output,
    reach: Reach,
    factor: float | None,
    plot: Path | None,
) -> None:
    """Compare levers by what they do to the chance of the target: more deals, conversion, speed.

    Each lever runs on the same draws of the parameters as the funnel without it, so that what is
    compared is the lever and not luck. --target is needed, except with the embedded sample. As CSV only
    the comparison is written.
    """
    output.check(plot, inputs=asked.inputs)
    target = None if asked.scenario is not None else target_of(asked.source, asked.question, output)
    case = asked.case(output)
    wanted = target or case.question.target
    assert wanted is not None  # a scenario has one, and _target asks for it elsewhere
    chosen = levers_of(case, factor)
    comparison = compared(case, drawing, wanted, chosen, output)
    output.give(_Compared(case, comparison, Reached.of(reach, case, chosen, wanted, drawing, output)))
    if plot is not None:
        from funnelsim.faces.cli.plotting import write_bars

        write_bars(comparison, plot, output)


def target_of(source: Source, question: Question, output: Output) -> float:
    """The target asked for; the sample has one of its own."""
    if question.target is not None:
        return question.target
    if question.measure == "wins" or not source.is_sample:
        raise click.UsageError("levers are compared by the chance of a target: add one, such as --target 5M")
    from funnelsim.questions.worlds import SAMPLE_TARGET

    output.say(f"no --target given: using {number(SAMPLE_TARGET)}")
    return SAMPLE_TARGET


def levers_of(case: Case, factor: float | None) -> tuple[Lever, ...]:
    """The levers of the scenario, or the three classical ones; for cash, faster payments as well."""
    from funnelsim.nouns.levers.cash import Collection
    from funnelsim.nouns.levers.rates import three_levers

    own = case.scenario.levers if case.scenario is not None and factor is None else ()
    moved = 1.1 if factor is None else factor
    paid_sooner = (Collection(faster=moved),) if case.question.measure == "cash" and moved != 1.0 else ()
    return own or (*three_levers(moved), *paid_sooner)


def compared(
    case: Case, drawing: Drawing, target: float, chosen: tuple[Lever, ...], output: Output
) -> LeverComparison:
    """Compare levers by the chance of a target."""
    from funnelsim.questions.compare import compare_levers

    output.progress(f"forecasting as it is and under {len(chosen)} levers")
    return compare_levers(
        case.funnel,
        case.pipeline,
        target=target,
        measure=case.question.measure,
        levers=chosen,
        periods=case.question.edges,
        fiscal_start_month=case.question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )


@dataclass(frozen=True, eq=False)
class _Compared:
    """A comparison of levers in its three forms."""

    case: Case
    comparison: LeverComparison
    reached: Reached

    def frame(self) -> pd.DataFrame:
        """The table of levers."""
        return self.comparison.table().reset_index()

    def json(self) -> bytes:
        """The forecast without any lever, and the levers."""
        told = facts.heading("levers", self.case.files) | self.case.facts
        told |= facts.outlook_facts(self.comparison.base)
        return json_bytes(told | {"levers": self.frame()} | self.reached.facts())

    def lines(self) -> list[str]:
        """The screen."""
        base = self.comparison.base
        blocks = [
            self.case.lines,
            parts.chance_lines(base),
            [
                heading("Change of that chance under each lever, in percentage points"),
                *parts.lever_lines(self.comparison),
            ],
            [*self._table_lines(), *paragraph(_LEGEND), *parts.like_for_like(self.comparison)],
            *self.reached.blocks(),
            parts.note_lines(base.notes),
            [parts.run_line(base)],
        ]
        return parts.spaced(blocks)

    def _table_lines(self) -> list[str]:
        table = self.comparison.table()
        decimals = decimals_for(table["p90"])
        rows = [
            [name, percent(row["chance"]), *(number(row[key], decimals=decimals) for key in _FIGURES)]
            for name, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        return text_table(["Lever", "Chance", *_FIGURES.values()], rows, "lr" + "r" * len(_FIGURES))


_FIGURES = {
    "change_of_mean": "Mean moves",
    "change_of_mean_se": "± SE",
    "p10": "P10",
    "p50": "P50",
    "p90": "P90",
}
_LEGEND = (
    "All levers run on the same draws of the parameters. ±, the shaded end of a bar and SE are one standard "
    "error of what was computed. They do not say how hard a lever is to move, or what it costs."
)
