"""``funnelsim report``: the forecast as a page, a workbook or a PDF to pass on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli.levers import compared, levers_of, target_of
from funnelsim.faces.cli.options import (
    Drawing,
    Learning,
    drawing_options,
    language_option,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Asked, Case, case_options
from funnelsim.faces.cli.streams import is_stdout
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.language import language

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told
    from funnelsim.nouns.forecast import Forecast
    from funnelsim.nouns.history import DealHistory
    from funnelsim.nouns.law import Counted
    from funnelsim.questions.backtest.result import Backtest
    from funnelsim.questions.revision import Revision

_ORIGINS = 8
_DRAWS_OF_CAUSES = 50  # causes are means: they need fewer than ranges
_EPILOG = """\b
Examples:
  funnelsim report -o report.html
  funnelsim report deals.csv stage_history.csv --target 5M -o september.html --previous august.html
  funnelsim report --scenario account_selling --lang zh -o report.html -o report.xlsx -o report.pdf
"""


@click.command(
    epilog=_EPILOG, short_help="A page, workbook or PDF to pass on: chance, ranges, levers, belief."
)
@case_options
@drawing_options
@click.option(
    "-o",
    "--output",
    "files",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="The report: FILE.html, .xlsx or .pdf. Repeatable: several kinds from one computation.",
)
@click.option("--force", is_flag=True, help="Let --output replace what exists.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@language_option
@click.option(
    "--previous",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The last report, of any of the kinds: what has changed since.",
)
@click.option("--title", default="", metavar="TEXT", help="Title of the report.")
def report(
    asked: Asked,
    drawing: Drawing,
    files: tuple[Path, ...],
    force: bool,
    quiet: bool,
    previous: Path | None,
    title: str,
) -> None:
    """Write the forecast as files to pass on: an HTML page, an Excel workbook, a PDF.

    They hold the chance of the target, ranges by period, levers, open deals, stages, whether such ranges held
    at past origins, what was found in the records, and every assumption. The page needs nothing else: no
    script, no outside address.
    """
    from funnelsim.faces.report.kinds import check_kind

    output = Output(None, None, force, quiet)
    if not files or any(is_stdout(file) for file in files):
        raise click.UsageError("a report is a file: name it with -o report.html, .xlsx or .pdf")
    for file in files:
        check_kind(file)
    output.check_files(files, [*asked.inputs, previous])
    with output.warnings_told():
        told = _told(asked, drawing, output, previous)
        _write(files, told, title or _title_of(asked.scenario), output)


def _told(asked: Asked, drawing: Drawing, output: Output, previous: Path | None) -> Told:
    """What the files are made of, computed once."""
    from funnelsim.faces.report.content import Told
    from funnelsim.faces.report.facts import last_day
    from funnelsim.faces.report.last import check_earlier, check_same_business, last_facts

    last = None if previous is None else last_facts(previous)
    case = asked.case(output)
    if previous is not None and last is not None:
        check_same_business(previous, last, case.funnel, case.history)
        check_earlier(previous, last, last_day(case.pipeline.clock, case.pipeline.cutoff_step))
    target = case.question.target
    if (
        target is None
        and asked.scenario is None
        and asked.source.is_sample
        and asked.question.measure != "wins"
    ):
        target = target_of(asked.source, asked.question, output)
    test = _checked(case, asked.learning, output)
    if not isinstance(test, str) and test.shock is not None:  # learnt by the cutoff from forecasts that ended
        case = replace(case, funnel=case.funnel.with_shock(test.shock))
    comparison = None if target is None else compared(case, drawing, target, levers_of(case, None), output)
    outlook = _without_target(case, drawing, output) if comparison is None else comparison.base
    told = Told(outlook, case.funnel, case.history, comparison, test, last, case.pipeline)
    return replace(told, why=_why(told, asked.learning, drawing, output))


def _why(told: Told, learning: Learning, drawing: Drawing, output: Output) -> Revision | str | None:
    """Why the forecast has changed since the last report, or the reason why that cannot be said."""
    from funnelsim.questions.revision import revision

    since, history = told.since, told.history
    if since is None or since.joint is None or history is None:
        return None
    if told.outlook.measure not in ("bookings", "wins") or since.last.as_of == told.as_of:
        return None
    output.progress("working out why it has changed")
    window = [since.joint.then.start, since.joint.then.end]
    draws = min(drawing.draws, _DRAWS_OF_CAUSES)
    try:
        return revision(
            history, since.last.as_of, window=window, measure=told.outlook.measure, fit=learning.fit,
            n_draws=draws, seed=drawing.seed,
        )  # fmt: skip
    except FunnelsimError as error:  # such as a log that begins later: the page stays whole
        return f"Why it has changed cannot be said: {_by_day(english(error))}"


def _without_target(case: Case, drawing: Drawing, output: Output) -> Forecast:
    """A forecast that answers all but what depends on a target."""
    from funnelsim.engines.run import forecast

    output.progress("forecasting")
    return forecast(
        case.funnel,
        case.pipeline,
        periods=case.question.edges,
        measure=case.question.measure,
        fiscal_start_month=case.question.fiscal_start_month,
        engine=case.engine(drawing),
        seed=drawing.seed,
    )


def _title_of(scenario: str | None) -> str:
    """What a scenario is called; empty for records, of which nothing says whose they are."""
    from funnelsim.intake.scenarios import read_scenario

    return "" if scenario is None else read_scenario(scenario).title(language())


def _write(files: tuple[Path, ...], told: Told, title: str, output: Output) -> None:
    from funnelsim.faces.report.write import write_told

    output.progress(f"writing {' '.join(map(str, files))}")
    write_told(files, told, title)
    for file in files:
        output.say(f"wrote {file}")


def _checked(case: Case, learning: Learning, output: Output) -> Backtest | str:
    """Whether such ranges held, learnt as those of the report are, or the reason why that cannot be said."""
    from funnelsim.questions.backtest.origins import BacktestError
    from funnelsim.questions.backtest.run import backtest

    if case.history is None:
        return "A scenario has no past: whether such ranges hold cannot be checked."
    if not (case.history.deals["outcome"] == "won").any():
        return (
            "Whether such ranges held cannot be checked: no deal has been won yet, so there is nothing to "
            "hold them against. Take them as unproven."
        )
    output.progress("forecasting again at past origins")
    counted: Counted | None = "wins" if case.question.measure == "wins" else None
    try:
        return backtest(
            case.history, periods="1Q", origins=_ORIGINS, measure=counted, fit=learning.fit, n_draws=50
        )
    except BacktestError:
        first, last = _known_days(case.history)
        return (
            f"Whether such ranges held cannot be checked: records from {first} to {last} are too short for "
            "it. It takes deals won in the past, and after them a whole quarter to compare with. Take the "
            "ranges as unproven until then; add older records if there are any, or check again after the "
            "next quarter."
        )
    except FunnelsimError as error:  # such as classes that no early deal has: the page stays whole
        return f"Whether such ranges held cannot be checked: {_by_day(english(error))}"


def _known_days(history: DealHistory) -> tuple[str, str]:
    """The first and the last day of the records."""
    start = history.window_start
    if start is None:
        start = history.deals["created_at"].min().to_datetime64()
    return str(start.astype("datetime64[D]")), str(history.cutoff.astype("datetime64[D]"))


def _by_day(text: str) -> str:
    """A reason with days instead of their first and last moments, which nobody asks for on a page."""
    return re.sub(r"(?<=\d)T(00:00:00|23:59:59\.9+)\b", "", text)
