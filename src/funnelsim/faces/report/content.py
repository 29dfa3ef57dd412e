"""Content of a report: what is told, the figures handed on, and sections in the order of the questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from funnelsim.faces.report import sections_ahead, sections_behind
from funnelsim.faces.report.facts import Facts, last_day
from funnelsim.faces.report.first import first_screen
from funnelsim.faces.report.parts import FirstScreen, Section
from funnelsim.faces.report.sections_since import changed
from funnelsim.faces.report.since import Since
from funnelsim.nouns.forecast import Forecast, ForecastError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.result import Backtest
from funnelsim.questions.compare import LeverComparison
from funnelsim.questions.deal_outlook import deal_outlook
from funnelsim.questions.revision import Revision
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.pipeline import Pipeline

_HANGS = ("won_p10", "won_p90", "costs_if_lost", "gains_if_won")


@dataclass(frozen=True, eq=False)
class Told:
    """What a report is made of.

    Parameters
    ----------
    outlook : Forecast
    funnel : Funnel
    history : DealHistory, optional
    comparison : LeverComparison, optional
    test : Backtest or str, optional
        Or the reason why there is none.
    previous : Facts, optional
        Those of the last report, as it wrote them.
    position : Pipeline, optional
        The open deals; by default those of the comparison, or of the history.
    why : Revision or str, optional
        Why the forecast has changed since the last report, or the reason why that cannot be said.
    """

    outlook: Forecast
    funnel: Funnel
    history: DealHistory | None = None
    comparison: LeverComparison | None = None
    test: Backtest | str | None = None
    previous: Facts | None = None
    position: Pipeline | None = None
    why: Revision | str | None = None

    @cached_property
    def first_screen(self) -> FirstScreen:
        """The answers that stand before everything else."""
        return first_screen(self)

    @cached_property
    def sections(self) -> list[Section]:
        """All that stands below, in the order of the questions a reader has."""
        makers: list[Callable[[Told], Section | None]] = [
            sections_ahead.periods,
            changed,
            sections_ahead.deals,
            sections_behind.stages,
            sections_ahead.levers,
            sections_ahead.cash,
            sections_behind.checked,
            sections_behind.data,
            sections_behind.method,
            sections_behind.assumed,
        ]
        return [section for maker in makers if (section := maker(self)) is not None]

    @cached_property
    def facts(self) -> Facts:
        """The figures that the next report compares itself with, and what was asked."""
        return Facts.of(self.outlook, self.funnel, self.history)

    @cached_property
    def since(self) -> Since | None:
        """What this report and the last one can be asked in common; None without a last one."""
        return None if self.previous is None else Since.of(self)

    @property
    def as_of(self) -> str:
        """The last day that is known."""
        return last_day(self.funnel.clock, self.outlook.periods.cutoff_step)

    @cached_property
    def held(self) -> tuple[float, float, float, int]:
        """Share of past 80 % ranges that held, its interval, and out of how many."""
        assert isinstance(self.test, Backtest)
        scores = self.test.scores()
        rows = scores.query("part == 'total' and window == 'period' and method == 'funnelsim'")
        row = rows[rows["measure"] == self.test.measure].iloc[0]
        low, high = row["coverage_80_low"], row["coverage_80_high"]
        return float(row["coverage_80"]), float(low), float(high), int(row["n_cells"])

    @cached_property
    def cash(self) -> pd.DataFrame | None:
        """Invoices and payments by period; None where the forecast followed none."""
        try:
            return self.outlook.receivables()
        except ForecastError:
            return None

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Open deals, those that matter most first, with what hangs on them where the position is known."""
        plain = self.outlook.by_deal()
        if not len(plain) or not self._knows_position:
            return plain
        is_counted = self.outlook.measure in ("bookings", "wins")
        edges = self.funnel.clock.start_of(self.outlook.periods.edges)
        try:
            asked = deal_outlook(
                self.funnel,
                self.known_position,  # type: ignore[arg-type]  # it is known
                periods=[str(edge) for edge in edges],
                target=self.outlook.target if is_counted else None,
                measure=self.outlook.measure if is_counted else None,
                n_draws=self.outlook.n_draws,
                seed=self.outlook.seed,
            )
        except FunnelsimError:  # such as a position on another clock: the chances stand without it
            return plain
        # The chances are those of the forecast itself, which may know of reps' hours or draw futures.
        hangs = asked.table().set_index("deal_id")
        added = [column for column in _HANGS if column in hangs]
        told = plain.set_index("deal_id").loc[hangs.index].join(hangs[added])
        return told.reset_index()[[*plain.columns, *added]]

    @cached_property
    def known_position(self) -> Pipeline | None:
        """The open deals and recent wins, where they were given."""
        if self.position is not None:
            return self.position
        if self.comparison is not None:
            return self.comparison.situation.pipeline
        return None if self.history is None else self.history.pipeline()

    @property
    def _knows_position(self) -> bool:
        """Whether the position is that of the forecast."""
        ids, position = self.outlook.deals.deal_ids, self.known_position
        return position is not None and np.array_equal(position.deal_ids, ids)
