"""The command line: ``funnelsim demo | check | fit | forecast | levers | targets | backtest | report | ...``.

Loading this package loads click and nothing heavier; numpy, pandas and the rest come with the first command.
"""

from __future__ import annotations

import click

from funnelsim import __version__
from funnelsim.faces.cli.backtest import backtest
from funnelsim.faces.cli.check import check
from funnelsim.faces.cli.demo import demo
from funnelsim.faces.cli.failures import Commands
from funnelsim.faces.cli.fit import fit
from funnelsim.faces.cli.forecast import forecast
from funnelsim.faces.cli.levers import levers
from funnelsim.faces.cli.options import language_option
from funnelsim.faces.cli.report import report
from funnelsim.faces.cli.scenarios import scenarios
from funnelsim.faces.cli.simulate import simulate
from funnelsim.faces.cli.targets import targets
from funnelsim.faces.cli.workshop import workshop

_EPILOG = """\b
Start here:
  funnelsim demo
  funnelsim scenarios

\b
Your own files (DEALS: one row a deal; HISTORY: one row for each entry into a stage):
  funnelsim check deals.csv stage_history.csv
  funnelsim forecast deals.csv stage_history.csv --target 5M
  funnelsim levers deals.csv stage_history.csv --target 5M
  funnelsim targets deals.csv stage_history.csv --target 5M --by month --by region
  funnelsim backtest deals.csv stage_history.csv

Without a file every command uses an embedded sample. In CSV output, text that a spreadsheet would take
for a formula gets an apostrophe in front. For Chinese add --lang zh, or set FUNNELSIM_LANG=zh once.

Exit codes: 0 fine, 1 the input or the request cannot be honoured, 2 wrong usage, 130 interrupted.
"""

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Commands, epilog=_EPILOG, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="funnelsim")
@language_option
def main() -> None:
    """Forecast what a sales funnel will book, with honest ranges, and find the lever that helps most."""


for _command in (
    demo,
    check,
    fit,
    forecast,
    levers,
    targets,
    backtest,
    report,
    workshop,
    simulate,
    scenarios,
):
    main.add_command(_command)

__all__ = ["main"]
