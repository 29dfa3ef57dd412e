"""``funnelsim report``: the forecast as one page to pass on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli.billing import Billing, billing_options
from funnelsim.faces.cli.levers import compared, levers_of, target_of
from funnelsim.faces.cli.options import (
    Drawing,
    Learning,
    Question,
    drawing_options,
    learning_options,
    output_options,
    question_options,
    source_options,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Case, case_of, scenario_option
from funnelsim.faces.cli.source import Source

if TYPE_CHECKING:
    from funnelsim.nouns.law import Counted
    from funnelsim.questions.backtest.result import Backtest

_ORIGINS = 8
_EPILOG = """\b
Examples:
  funnelsim report -o report.html
  funnelsim report deals.csv stage_history.csv --target 5M -o september.html --previous august.html
  funnelsim report --scenario account_selling --lang zh -o report.html
"""


@click.command(epilog=_EPILOG, short_help="One page to pass on: chance, ranges, levers, can it be believed.")
@source_options
@scenario_option
@question_options
@learning_options
@billing_options
@drawing_options
@output_options
@click.option(
    "--previous",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The last report: what has changed since.",
)
@click.option("--title", default="", metavar="TEXT", help="Title of the page.")
def report(
    source: Source,
    scenario: str | None,
    question: Question,
    learning: Learning,
    billing: Billing,
    drawing: Drawing,
    output: Output,
    previous: Path | None,
    title: str,
) -> None:
    """Write the forecast as one HTML page that needs nothing else: no script, no outside address.

    It holds the chance of the target, ranges by period, levers, open deals, stages, whether such ranges held
    at past origins, what was found in the records, and every assumption.
    """
    from funnelsim.faces.report import write_report

    output.check_page([*source.paths, billing.invoices, previous])
    assert output.file is not None  # checked
    target = None if scenario is not None else target_of(source, question, output)
    case = case_of(scenario, source, question, learning, output, billing)
    wanted = target or case.question.target
    assert wanted is not None  # a scenario has one, and target_of asks for it elsewhere
    comparison = compared(case, drawing, wanted, levers_of(case, None), output)
    page = write_report(
        output.file,
        comparison.base,
        case.funnel,
        history=case.history,
        comparison=comparison,
        test=_checked(case, output),
        previous=previous,
        title=title,
    )
    output.say(f"wrote {page}")


def _checked(case: Case, output: Output) -> Backtest | str:
    """Whether such ranges held, or the reason why that cannot be said."""
    from funnelsim.questions.backtest.origins import BacktestError
    from funnelsim.questions.backtest.run import backtest

    if case.history is None:
        return "A scenario has no past: whether such ranges hold cannot be checked."
    output.progress("forecasting again at past origins")
    counted: Counted | None = "wins" if case.question.measure == "wins" else None
    try:
        return backtest(case.history, periods="1Q", origins=_ORIGINS, measure=counted, n_draws=50)
    except BacktestError as error:
        return f"Whether such ranges held cannot be checked: {error}"
