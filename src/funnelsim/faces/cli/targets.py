"""``funnelsim targets``: which target is attainable, and what quota each month, region or rep has of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import facts, parts
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
from funnelsim.faces.cli.source import Source
from funnelsim.faces.cli.writing import json_bytes
from funnelsim.faces.tables import decimals_for, number, paragraph, percent, text_table, visible

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.forecast import Forecast
    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory
    from funnelsim.questions.targets.split import TargetSplit
    from funnelsim.vocabulary.estimate import Estimate

_FUTURES = 20_000
_EPILOG = """\b
Examples:
  funnelsim targets
  funnelsim targets deals.csv stage_history.csv --target 5M --by month --by region --classes region
  funnelsim targets deals.csv stage_history.csv --target 5M --by owner --fairest --format csv -o quotas.csv
"""


@click.command(epilog=_EPILOG, short_help="Which target is attainable, and what is each part's share?")
@source_options
@question_options
@learning_options
@drawing_options
@output_options
@click.option(
    "--by",
    multiple=True,
    metavar="PART",
    help="Share the target out by week, month, quarter, or an attribute of deals such as region; may be "
    "repeated.  [default: month]",
)
@click.option("--fairest", is_flag=True, help="Quotas of equal chance, instead of what is expected of each.")
@click.option(
    "--chance",
    "chances",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.5, 0.8, 0.9),
    show_default=True,
    help="Chance an attainable target shall have; may be repeated.",
)
def targets(
    source: Source,
    question: Question,
    learning: Learning,
    drawing: Drawing,
    output: Output,
    by: tuple[str, ...],
    fairest: bool,
    chances: tuple[float, ...],
) -> None:
    """Show which target has which chance, and share one out: quotas to the cent, and the chance of each.

    --target is shared out by what is expected of each part: of its pipeline, and of deals yet to come.
    Without it only attainable targets are shown, except with the embedded sample, which has one.
    """
    from funnelsim.engines.run import forecast

    output.check(None, inputs=source.paths)
    target = _target(source, question, output)
    history = source.read(output)
    output.progress("fitting the funnel")
    funnel = learning.fit(history)
    output.progress("forecasting")
    pipeline = history.pipeline()
    outlook = forecast(
        funnel,
        pipeline,
        periods=question.edges,
        target=target,
        measure=question.measure,
        fiscal_start_month=question.fiscal_start_month,
        engine=drawing.method(funnel, pipeline),
        seed=drawing.seed,
    )
    splits = [] if target is None else _splits(funnel, history, question, drawing, target, by or ("month",))
    shown = tuple(split.fairest() if fairest else split for split in splits)
    output.give(_Targets(source, history, outlook, chances, shown))


def _target(source: Source, question: Question, output: Output) -> float | None:
    """The target asked for; the sample has one of its own."""
    if question.target is not None or question.measure not in (None, "bookings") or not source.is_sample:
        return question.target
    from funnelsim.questions.worlds import SAMPLE_TARGET

    output.say(f"no --target given: using {number(SAMPLE_TARGET)}")
    return SAMPLE_TARGET


def _splits(
    funnel: Funnel,
    history: DealHistory,
    question: Question,
    drawing: Drawing,
    target: float,
    by: tuple[str, ...],
) -> list[TargetSplit]:
    from funnelsim.questions.targets.split import split_target

    return [
        split_target(
            funnel,
            history.pipeline(),
            target,
            by=part,
            measure=question.measure,
            periods=question.edges,
            fiscal_start_month=question.fiscal_start_month,
            n_draws=drawing.draws,
            n_futures=drawing.futures or _FUTURES,
            seed=drawing.seed,
        )
        for part in dict.fromkeys(by)
    ]


@dataclass(frozen=True, eq=False)
class _Targets:
    """Attainable targets and splits in their three forms."""

    source: Source
    history: DealHistory
    outlook: Forecast
    chances: tuple[float, ...]
    splits: tuple[TargetSplit, ...]

    def frame(self) -> pd.DataFrame:
        """Quotas by part, one split below the other; attainable targets where nothing is shared out."""
        import pandas as pd

        if not self.splits:
            return self._attainable().reset_index()
        tables = [_rows(split) for split in self.splits]
        return pd.concat(tables, ignore_index=True)

    def json(self) -> bytes:
        """The forecast, attainable targets, and each split with the chance of all and of any of its parts."""
        told = facts.heading("targets", self.source.files) | {"records": facts.record_facts(self.history)}
        told |= facts.outlook_facts(self.outlook)
        told |= {"attainable": self._attainable().reset_index()}
        return json_bytes(told | {"splits": [_split_facts(split) for split in self.splits]})

    def lines(self) -> list[str]:
        """The screen."""
        notes = [note for split in self.splits for note in split.notes]
        blocks = [
            [*parts.record_lines(self.history), *parts.issue_lines(self.history)],
            parts.chance_lines(self.outlook),
            self._attainable_lines(),
            *(self._split_lines(split) for split in self.splits),
            paragraph(_LEGEND) if self.splits else [],
            parts.note_lines([*notes, *self.outlook.notes]),
            [parts.run_line(self.outlook)],
        ]
        return parts.spaced(blocks)

    def _attainable(self) -> pd.DataFrame:
        from funnelsim.questions.targets.attainable import attainable

        return attainable(self.outlook, self.chances)

    def _attainable_lines(self) -> list[str]:
        table = self._attainable()
        decimals = decimals_for(table["target"])
        rows = [
            [
                percent(float(chance), decimals=0),
                number(row["target"], decimals=decimals),
                number(row["target_se"], decimals=decimals),
            ]
            for chance, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        head = visible(f"Attainable targets in {parts.span(self.outlook)}, {parts.money_unit(self.outlook)}")
        return [head.rstrip(", "), *text_table(["Chance", "Target", "± SE"], rows, "lrr")]

    def _split_lines(self, split: TargetSplit) -> list[str]:
        table = split.table()
        decimals = decimals_for(table["p90"])
        rows = [
            [
                str(name),
                *(number(row[key], decimals=decimals) for key in _FIGURES),
                percent(row["chance"]),
                row["verdict"],
            ]
            for name, row in zip(table.index, table.to_dict("records"), strict=True)
        ]
        titles = [visible(split.by.capitalize()), *_FIGURES.values(), "Chance", ""]
        both = f"all parts reach theirs {_with_error(split.chance_of_all(), split)}, at least one "
        return [
            visible(f"{parts.with_unit(split.target, self.outlook)} shared out by {split.by}"),
            *text_table(titles, rows, "l" + "r" * (len(_FIGURES) + 1) + "l"),
            *paragraph(f"Together: {both}{_with_error(split.chance_of_any(), split)}"),
        ]


_FIGURES = {"quota": "Quota", "expected": "Expected", "p10": "P10", "p50": "P50", "p90": "P90"}
_LEGEND = (
    "Quotas add up to the target to the cent; the screen may round them. Parts depend on one another, so the "
    "chance of all is no product of chances: it comes from joint futures. Infeasible: a chance below 20 %; "
    "a stretch: below one half."
)


def _with_error(chance: Estimate, split: TargetSplit) -> str:
    if chance.value == 0.0:  # of futures the "rule of three": 95 % confidence when none of n was seen
        return f"below {percent(3 / split.parts.futures[:, :, 0].size, decimals=2)}"
    error = number(100 * chance.standard_error, decimals=1)
    return f"{percent(chance.value)} ± {error} points"


def _rows(split: TargetSplit) -> pd.DataFrame:
    table = split.table().rename_axis("part").reset_index()
    table.insert(0, "by", split.by)
    return table


def _split_facts(split: TargetSplit) -> dict[str, object]:
    return {
        "by": split.by,
        "parts": _rows(split).drop(columns="by"),
        "chance_of_all": facts.estimate_facts(split.chance_of_all()),
        "chance_of_any": facts.estimate_facts(split.chance_of_any()),
        "infeasible": list(split.infeasible()),
        "notes": list(split.notes),
    }
