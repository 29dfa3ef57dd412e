"""``funnelsim fit``: what the history says of conversion, win rate and time in each stage."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from funnelsim.faces.cli import parts
from funnelsim.faces.cli.options import (
    Learning,
    learning_options,
    number_option,
    output_options,
    source_options,
)
from funnelsim.faces.cli.output import Output
from funnelsim.faces.cli.source import Source
from funnelsim.faces.tables import heading, number, paragraph, percent, text_table, visible

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory

_EPILOG = """\b
Examples:
  funnelsim fit
  funnelsim fit deals.csv stage_history.csv --stages stages.toml
  funnelsim fit deals.csv stage_history.csv -o funnel.json
  funnelsim forecast deals.csv stage_history.csv --funnel funnel.json
"""


@click.command(epilog=_EPILOG, short_help="Conversion, win rate and time in each stage.")
@source_options
@learning_options
@number_option("--seed", least=0, default=0, text="Seed of the intervals.")
@number_option("--draws", least=2, default=200, text="Draws of the intervals.")
@output_options
def fit(source: Source, learning: Learning, output: Output, seed: int, draws: int) -> None:
    """Learn how deals move: conversion, win rate and time in each stage, each with its interval.

    Written as JSON (--format json, or -o funnel.json) it is the funnel itself, for `forecast --funnel`.
    """
    output.check(inputs=source.paths)
    history = source.read(output)
    output.progress("fitting the funnel")
    output.give(_Fitted(history, learning.fit(history), seed, draws))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A fitted funnel in its forms."""

    history: DealHistory
    funnel: Funnel
    seed: int
    draws: int

    def json(self) -> bytes:
        """The funnel file, which `forecast --funnel` reads."""
        from funnelsim.nouns.funnel_file import funnel_to_json

        return funnel_to_json(self.funnel).encode("utf-8", "backslashreplace")

    def frame(self) -> pd.DataFrame:
        """The table of stages."""
        return self.funnel.table(n_draws=self.draws, seed=self.seed).reset_index()

    def lines(self) -> list[str]:
        """The screen."""
        step = self.funnel.clock.step
        times = [f"Half left by ({step})", f"9 in 10 by ({step})"]
        titles = ["Stage", "Left", "Moves on", "Is won", "Nominal", *times]
        rows_of = self.frame().to_dict("records")
        rows = [_row(row) for row in rows_of]
        legend = (
            "Left: deals that have left the stage. Moves on: chance to reach a later stage or a win. Is won: "
            "chance to be won in the end, beside the nominal rate of the stages file. Times count "
            f"{step}s in the stage, of those who leave. In brackets: 80 % intervals ({self.draws:,} draws, "
            f"seed {self.seed})."
        )
        blocks = [
            [*parts.record_lines(self.history), *parts.issue_lines(self.history)],
            [*text_table(titles, rows, "lrrrrrr"), *paragraph(legend)],
            [heading(f"New deals: {_rate_per_step(self.funnel)} a {step} (± is one standard error).")],
            _pace_lines(rows_of),
            _calendar_lines(self.funnel),
            parts.note_lines(self.funnel.notes),
        ]
        return parts.spaced(blocks)


def _pace_lines(rows: list[dict[Hashable, object]]) -> list[str]:
    moving = [(row["stage"], row["pace"]) for row in rows if row["pace"] != "steady"]
    if not moving:
        return [heading("Pace: steady; moves run now as they did over the whole history.")]
    head = "Pace now against the whole history (in brackets: 80 % ranges); forecasts start from it:"
    lines = [heading(head)]
    for stage, words in moving:
        lines.append(f"  {visible(str(stage))}")
        for move in str(words).split("; "):
            lines += paragraph(move, first="    ", rest="      ")
    return lines


def _calendar_lines(funnel: Funnel) -> list[str]:
    if funnel.calendar is None or not funnel.calendar.tried:
        return []
    on = [sentence for sentence in funnel.calendar.tried if ": on;" in sentence]
    n_off = len(funnel.calendar.tried) - len(on)
    lines = [line for sentence in on for line in paragraph(sentence, first="  ", rest="    ")]
    others = (
        f"{n_off} {'other ' if on else ''}kinds were tried and are off: they do not clearly tell anything"
    )
    return [heading(f"Calendar: {len(on)} kinds on; {others}."), *lines]


def _rate_per_step(funnel: Funnel) -> str:
    law = funnel.arrivals
    error = math.sqrt(law.mean_per_block / law.worth_blocks)  # the mean's law is Gamma(mean * worth, worth)
    return f"{law.mean_per_block / law.block_steps:,.3g} ± {error / law.block_steps:,.1g}"


def _row(row: Mapping[Hashable, object]) -> list[str]:
    def figure(name: str) -> float:
        return float(str(row[name]))

    def share(name: str) -> str:
        low, high = figure(f"{name}_low"), figure(f"{name}_high")
        return f"{percent(figure(name), decimals=0)} ({number(100 * low)}..{number(100 * high)})"

    def steps(name: str) -> str:
        return f"{number(figure(name))} ({number(figure(name + '_low'))}..{number(figure(name + '_high'))})"

    nominal = "-" if math.isnan(figure("nominal")) else percent(figure("nominal"), decimals=0)
    shares = [share("conversion"), share("win_rate"), nominal]
    return [str(row["stage"]), number(figure("n_exits")), *shares, steps("median_dwell"), steps("p90_dwell")]
