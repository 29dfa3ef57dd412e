"""``funnelsim backtest``: have such ranges held, and are they better than what is used today."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from funnelsim.faces.cli import facts, parts
from funnelsim.faces.cli.options import (
    Learning,
    learning_options,
    number_option,
    output_options,
    plot_option,
    source_options,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.source import Source
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import paragraph, percent, text_table

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.history import DealHistory
    from funnelsim.questions.backtest.result import Backtest
    from funnelsim.questions.baselines.protocol import Rival

_EPILOG = """\b
Examples:
  funnelsim backtest
  funnelsim backtest deals.csv stage_history.csv --periods 2Q --origins 12
  funnelsim backtest deals.csv stage_history.csv --plot held.png --format csv -o cells.csv
"""


@click.command(epilog=_EPILOG, short_help="Have such ranges held in the past?")
@source_options
@click.option(
    "--periods",
    metavar="PERIODS",
    default="1Q",
    show_default=True,
    help="Number and length of the periods after each origin: 1Q, 4W, 3M, 4x10D.",
)
@number_option("--origins", least=1, default=8, text="Past moments to forecast from, a period apart.")
@number_option("--burn-in", least=0, default=0, text="First origins that only tell of the shared shock.")
@click.option("--measure", type=click.Choice(["bookings", "wins"]), help="What is tested.")
@click.option(
    "--rivals",
    type=click.Choice(["all", "none"]),
    default="all",
    show_default=True,
    help="Other methods on the same cells; those of the extra 'baselines' where it is installed.",
)
@learning_options
@number_option("--seed", least=0, default=0, text="Same seed, same answer.")
@number_option("--draws", least=2, default=100, text="Draws of the parameters.")
@number_option("--workers", least=1, default=1, text="Processes; the answer is the same.")
@output_options
@plot_option("Also draw forecasts against what came")
def backtest(
    source: Source,
    learning: Learning,
    output: Output,
    periods: str,
    origins: int,
    burn_in: int,
    measure: Any,
    rivals: str,
    seed: int,
    draws: int,
    workers: int,
    plot: Path | None,
) -> None:
    """Make forecasts again at past origins, each from what was known then, and hold them against what came.

    The verdict speaks of all deals, those that arrived after an origin included, period by period.
    """
    from funnelsim.questions.backtest.run import backtest as run

    output.check(plot, inputs=source.paths)
    history = source.read(output)
    test = run(
        history,
        periods=periods,
        origins=origins,
        burn_in=burn_in,
        measure=measure,
        rivals=_rivals(rivals),
        fit=learning.fit,
        n_draws=draws,
        seed=seed,
        workers=workers,
        progress=lambda done, of: output.progress(f"origin {done} of {of}"),
    )
    output.give(_Tested(source, history, test))
    if plot is not None:
        from funnelsim.faces.cli.plotting import write_backtest

        write_backtest(test, plot, output)


def _rivals(wanted: str) -> tuple[Rival, ...]:
    if wanted == "none":
        return ()
    from funnelsim.questions.baselines.rivals import all_rivals

    return all_rivals()


@dataclass(frozen=True, eq=False)
class _Tested:
    """A backtest in its three forms."""

    source: Source
    history: DealHistory
    test: Backtest

    def frame(self) -> pd.DataFrame:
        """One row for each total that was forecast."""
        return self.test.cells

    def json(self) -> bytes:
        """The verdict, the scores, the scores of single deals, and what was left out."""
        told = facts.heading("backtest", self.source.files) | {"records": facts.record_facts(self.history)}
        return json_bytes(
            told
            | {
                "verdict": self.test.verdict(),
                "origins": self.test.n_origins,
                "measure": self.test.measure,
                "scores": self.test.scores(),
                "deals": self.test.deal_scores().to_dict() if len(self.test.deals) else None,
                "accuracy": self.test.accuracy().reset_index(),
                "notes": list(self.test.notes),
            }
        )

    def lines(self) -> list[str]:
        """The screen."""
        blocks = [
            [*parts.record_lines(self.history), *parts.issue_lines(self.history)],
            paragraph(self.test.verdict()),
            self._score_lines("total"),
            [*self._score_lines("open"), *paragraph(_LEGEND)],
            self._possible_lines(),
            self._deal_lines(),
            parts.note_lines(self.test.notes),
        ]
        return parts.spaced(blocks)

    def _score_lines(self, part: str) -> list[str]:
        scores = self.test.scores().query(f"window == 'period' and part == {part!r}")
        rows = [
            [
                row["method"],
                _known(row["ncrps"], "{:.3f}"),
                _known(row["our_ncrps"], "{:.3f}"),
                _known(row["bias"], "{:.1%}").replace("%", " %"),
                *(percent(row[f"coverage_{share}"]) for share in (50, 80, 95)),
                _known(row["width_80"], "{:.1%}").replace("%", " %"),
                str(row["n_cells"]),
            ]
            for row in scores[scores["measure"] == self.test.measure].to_dict("records")
        ]
        titles = [
            f"{self.test.measure.capitalize()} {_PARTS[part]}",
            "nCRPS",
            "Ours",
            "Bias",
            "50 %",
            "80 %",
            "95 %",
            "Width",
            "Cells",
        ]
        return text_table(titles, rows, "l" + "r" * (len(titles) - 1))

    def _possible_lines(self) -> list[str]:
        accuracy = self.test.accuracy()
        error, possible = (float(accuracy[name].loc["funnelsim"]) for name in ("error", "possible"))
        if math.isnan(error):
            return []  # nothing was won in the first period after any origin
        return paragraph(
            f"Possible accuracy: in the first period ours was off by {percent(error)} of what came; "
            f"one who knows every rate would be off by {percent(possible)}, by chance alone."
        )

    def _deal_lines(self) -> list[str]:
        if not len(self.test.deals):
            return []
        deals = self.test.deal_scores()
        ranked = ""
        if not math.isnan(deals["auc"]):
            ranked = f"Brier skill {deals['brier_skill']:.2f}, AUC {deals['auc']:.2f}, "
        return paragraph(
            f"Single deals, won within all periods: {deals['n_deals']:,.0f} chances, mean "
            f"{percent(deals['mean_chance'])} against {percent(deals['won'])} won; {ranked}"
            f"calibration error {percent(deals['ece'])}."
        )


def _known(value: float, form: str) -> str:
    """A figure, or a dash where it is relative to nothing."""
    return "-" if math.isnan(value) else form.format(value)


_PARTS = {"open": "of deals open at the origin", "total": "of all deals, later ones too"}
_LEGEND = (
    "nCRPS: mean CRPS over mean actual, less is better; Ours: that of funnelsim on the cells the method "
    "has forecast. 50, 80, 95 %: how often ranges of that size held. Width: of the 80 % range, over the mean "
    "actual."
)
