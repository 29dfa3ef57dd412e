"""``funnelsim check``: can the records be used, and what was found in them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.failures import as_options
from funnelsim.faces.cli.options import output_options, source_options
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.source import Source
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import flowed, heading, paragraph, text_table
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.history import DealHistory

_EPILOG = """\b
Examples:
  funnelsim check deals.csv
  funnelsim check deals.csv stage_history.csv --stages stages.toml --tz Europe/Amsterdam
  funnelsim check deals.csv stage_history.csv --format csv -o issues.csv

\b
Exit code 0: the records can be used; issues say what was repaired or left out.
Exit code 1: they cannot; each fault is told with file, row, column, value and the way out.
"""


@click.command(epilog=_EPILOG, short_help="Can the records be used, and what is wrong with them?")
@source_options
@output_options
def check(source: Source, output: Output) -> None:
    """Check the records: what is wrong, what was repaired or left out, and what is in them."""
    from funnelsim.intake.findings import DataError

    output.check(inputs=source.paths)
    try:
        history = source.read(output)
    except DataError as error:
        if output.form != "table":
            output.give(_Refused(source, error.faults))
        raise
    output.give(_Report(source, history))


@dataclass(frozen=True, eq=False)
class _Refused:
    """Faults of records that cannot be used, for programs; people read them in the error."""

    source: Source
    faults: pd.DataFrame

    def lines(self) -> list[str]:
        """Nothing: the error tells it."""
        return []

    def json(self) -> bytes:
        """Every fault."""
        told = facts.heading("check", self.source.files)
        return json_bytes(told | {"is_readable": False, "faults": self.frame()})

    def frame(self) -> pd.DataFrame:
        """Every fault, one a row."""
        return facts.in_option_words(self.faults)


@dataclass(frozen=True, eq=False)
class _Report:
    """The report of records that can be used."""

    source: Source
    history: DealHistory

    def frame(self) -> pd.DataFrame:
        """Every issue, one a row."""
        return facts.in_option_words(self.history.issues)

    def json(self) -> bytes:
        """What is in the records, and every issue."""
        told = facts.heading("check", self.source.files) | {"is_readable": True}
        told |= facts.record_facts(self.history) | {"stages_are": self._stages_are()}
        return json_bytes(told | {"issues": self.frame()})

    def _stages_are(self) -> str:
        if self.source.is_sample:
            return "those of the sample"
        return "given" if self.source.stages else "inferred from the records"

    def lines(self) -> list[str]:
        """The screen."""
        history = self.history
        since = parts.moment(history.window_start) if history.window_start is not None else "the first event"
        until = parts.moment(history.arrivals_until) if history.arrivals_until is not None else "the cutoff"
        stages = " > ".join(stage.name for stage in history.stages.open)
        outcomes = ", ".join(outcome.name for outcome in history.stages.outcomes)
        blocks = [
            [
                *parts.record_lines(history),
                *paragraph(
                    f"complete from {since}; new deals recorded until {until}", first=parts.lead("Window")
                ),
                *flowed(
                    stages + tr(f"; ends: {outcomes} ({self._stages_are()})"), first=parts.lead("Stages")
                ),
                *paragraph(
                    f"{history.unit or 'unit not given'}; clock in {history.clock.step}s",
                    first=parts.lead("Unit"),
                ),
            ],
            self._issue_lines(),
        ]
        return parts.spaced(blocks)

    def _issue_lines(self) -> list[str]:
        summary = self.history.issue_summary()
        if not len(summary):
            return [heading("No issues: nothing was repaired, left out or noted.")]
        rows = [
            [f"{row['count']:,}", row["level"], row["rule"], _told(row)] for row in summary.to_dict("records")
        ]
        return [
            heading(f"{int(summary['count'].sum()):,} issues; the records can be used"),
            *text_table(["Count", "Level", "Rule", "What it means"], rows, "rlll"),
            heading("The full list: add --format csv."),
        ]


def _told(row: Mapping[Hashable, object]) -> str:
    """The message of an issue, with an example where there is one."""
    deal, value = str(row["example_deal"]), str(row["example_value"])
    example = ": ".join(part for part in (f"deal {deal}", value) if part)
    shown = tr(f" (such as {example})") if deal else f" [{value}]" if value else ""
    return tr(as_options(str(row["message"]))) + shown
