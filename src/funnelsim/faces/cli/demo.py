"""``funnelsim demo``: the whole product on one screen, on the embedded sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.levers import compared
from funnelsim.faces.cli.options import Drawing, Question, drawing_options, output_options, question_options
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.situation import Case
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import heading, paragraph
from funnelsim.vocabulary.language import language, tr

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.history import DealHistory
    from funnelsim.questions.backtest.result import Backtest
    from funnelsim.questions.compare import LeverComparison

_FACTOR = 1.1
_ORIGINS = 8
_EPILOG = """\b
Examples:
  funnelsim demo
  funnelsim demo --target 5M --periods 12M
  funnelsim demo --format json
"""


@click.command(epilog=_EPILOG, short_help="The main job on one screen, on an embedded sample.")
@question_options
@drawing_options
@output_options
def demo(question: Question, drawing: Drawing, output: Output) -> None:
    """Show the main job on one screen, on an embedded sample: chance of a target, ranges, levers.

    For your own files use check, forecast and levers.
    """
    from funnelsim.fitting.fit import fit
    from funnelsim.questions.backtest.run import backtest
    from funnelsim.questions.worlds import SAMPLE_TARGET, simulate_history

    output.check()
    output.progress("making the sample")
    history = simulate_history(lang=language())
    if question.measure == "revenue" or question.measure == "cash":  # mypy reads no "in"
        raise click.UsageError(f"--measure {question.measure}: the sample has no invoices; see forecast")
    if question.target is None and question.measure == "wins":
        raise click.UsageError("for a target of wins add one, such as --target 130")
    target = SAMPLE_TARGET if question.target is None else question.target
    output.progress("forecasting again at past origins")
    test = backtest(history, periods="1Q", origins=_ORIGINS, measure=question.measure, n_draws=50)
    output.progress("fitting the funnel")
    asked, funnel = replace(question, target=target), fit(history).with_shock(test.shock)
    case = Case.of_history(funnel, history, asked, [])
    from funnelsim.nouns.levers.rates import three_levers

    comparison = compared(case, drawing, target, three_levers(_FACTOR), output)
    output.give(_Demo(history, comparison, test))


@dataclass(frozen=True, eq=False)
class _Demo:
    """The demonstration in its three forms."""

    history: DealHistory
    comparison: LeverComparison
    test: Backtest

    def frame(self) -> pd.DataFrame:
        """Ranges by period."""
        return self.comparison.base.table().reset_index()

    def json(self) -> bytes:
        """The forecast and the levers."""
        told = facts.heading("demo", ()) | {"records": facts.record_facts(self.history)}
        levers = {"levers": self.comparison.table().reset_index(), "backtest": self.test.verdict()}
        return json_bytes(told | facts.outlook_facts(self.comparison.base) | levers)

    def lines(self) -> list[str]:
        """The screen."""
        base = self.comparison.base
        blocks = [
            [heading("funnelsim on its embedded sample: a made-up company that sells in five stages")],
            [
                *parts.record_lines(self.history),
                *parts.issue_lines(self.history),
                *parts.chance_lines(base),
                *parts.checked_lines(self.test),
            ],
            [*parts.period_lines(base, is_short=True), *paragraph(_LEGEND)],
            parts.classical_lines(base),
            [
                heading(_QUESTION),
                *parts.lever_lines(self.comparison, has_joint=False),
                *parts.like_for_like(self.comparison),
            ],
            parts.note_lines(_without_shock(base.notes)),
            [*_next_lines(), parts.run_line(base)],
        ]
        return parts.spaced(blocks)


def _without_shock(notes: Sequence[str]) -> list[str]:
    """Notes without that on the shared shock: the line above tells what it was measured on."""
    return [note for note in notes if "shared shock" not in note]


def _next_lines() -> list[str]:
    commands = [f"  {command:<61}{tr(answer)}" for command, answer in _NEXT.items()]
    return [heading("Next, with your own files:"), *commands]


_LEGEND = (
    "Realised: won before the cutoff, and part of the other figures. One future in ten ends below P10, "
    "one above P90. Ranges of the total come from joint draws: they are no sums of ranges."
)
_QUESTION = "What would move that chance most? Each lever up by a tenth (▒ and ±: one standard error):"
_NEXT = {
    "funnelsim check deals.csv stage_history.csv": "can the records be used?",
    "funnelsim forecast deals.csv stage_history.csv --target 5M": "the same for your company",
    "funnelsim simulate -o example": "such files, to see their columns",
}
