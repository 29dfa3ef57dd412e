"""Open deals one by one: whether and when each is won, if it still moves, and what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.chances import Positions, chances_without_shock
from funnelsim.engines.exact import Exact, ExactLaw, ExactOutcome
from funnelsim.engines.run import forecast
from funnelsim.nouns.forecast import Forecast, ForecastError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.table import told
from funnelsim.numerics.leave_one_out import LeaveOneOut
from funnelsim.numerics.strata import error_over_draws
from funnelsim.vocabulary.display import POINTS, Shown, several
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.periods import Periods, step_of
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DRAWS_OF_DATES = 20
_HORIZON_STEPS = {"hour": 24 * 120, "day": 1096, "week": 157, "month": 60}
_MOST_EDGES = 60
_WHEN = {"won_p10": 0.1, "won_p50": 0.5, "won_p90": 0.9}


@dataclass(frozen=True, eq=False)
class DealOutlook(Shown):
    """Open deals one by one. Made by :func:`deal_outlook`.

    Parameters
    ----------
    outlook : Forecast
        By the exact engine.
    ever_won : ndarray of shape (n_deals,)
        Chance of each deal to be won within the horizon.
    won_by : ndarray of datetime64, shape (n_deals, 3)
        Dates by which 10, 50 and 90 % of the futures in which it is won have seen it won.
    stuck : ndarray of shape (n_deals,)
        Chance that it never moves again, at the ages the history has seen.
    """

    outlook: Forecast
    ever_won: Floats
    won_by: npt.NDArray[np.datetime64]
    stuck: Floats

    def table(self) -> pd.DataFrame:
        """One row a deal, largest effect on the target (or expected contribution) first.

        Returns
        -------
        DataFrame
            The columns of :meth:`Forecast.by_deal`, and, chances all 0..1, ``ever_won`` (chance to be won
            within three years; five on a clock of months, 120 days on one of hours); ``won_p10``,
            ``won_p50``, ``won_p90``: the dates by which a tenth, half and nine tenths of its wins have
            happened, NaT where it is hardly ever won; ``stuck``: the chance that it never moves again, as
            good as dead, at the usual rates. With a target also ``chance_if_lost`` and ``chance_if_won`` (of
            the target), ``costs_if_lost`` (what the deal adds to the chance, and losing it would take away)
            with ``costs_if_lost_se``, and ``gains_if_won``; an amount that is missing, or still revised, is
            drawn there as everywhere.
        """
        frame = self.outlook.by_deal()
        order = pd.Index(self.outlook.deals.deal_ids).get_indexer(pd.Index(frame["deal_id"]))
        whole: dict[str, npt.NDArray[Any]] = {"ever_won": self.ever_won, "stuck": self.stuck}
        whole |= {name: self.won_by[:, i] for i, name in enumerate(_WHEN)}
        if self.outlook.target is not None:
            whole |= self._effects(self.outlook.target)
        for name, values in whole.items():
            frame[name] = values[order]
        by = "costs_if_lost" if "costs_if_lost" in frame else None
        ranked = frame.sort_values(by, ascending=False, ignore_index=True) if by else frame
        return told(ranked, self._column_units())

    def _column_units(self) -> Mapping[str, str]:
        in_points = dict.fromkeys(("costs_if_lost", "gains_if_won"), POINTS)
        unit = self.outlook.unit
        return in_points | {
            "amount": unit,
            "expected": unit,
            "age_steps": several(step_of(self.outlook.periods)),
        }

    def _effects(self, target: float) -> dict[str, npt.NDArray[Any]]:
        """What each deal does to the chance of the target."""
        law = self.outlook.law()
        assert isinstance(law, ExactLaw)
        reached = law.chance_by_draw(target)
        lost, won = self._lost_and_won(LeaveOneOut(law.still_to_win, target - law.realised))
        costs = reached[:, None] - lost
        return {
            "chance_if_lost": lost.mean(axis=0),
            "chance_if_won": won.mean(axis=0),
            "costs_if_lost": costs.mean(axis=0),
            "costs_if_lost_se": np.array([error_over_draws(column) for column in costs.T]),
            "gains_if_won": won.mean(axis=0) - reached.mean(),
        }

    def _lost_and_won(self, without: LeaveOneOut) -> tuple[Floats, Floats]:
        """Chance of the target if each deal is lost, and if it is won, shape (n_draws, n_deals) each."""
        outcome, deals = self.outlook.outcome, self.outlook.deals
        assert isinstance(outcome, ExactOutcome)
        chance = outcome.chance_in(range(len(self.outlook.periods.labels)))
        position, worth = outcome.positions.of_deal, outcome.worth(self.outlook.measure)
        lost, won = (np.empty((len(chance), len(position))) for _ in range(2))
        first_alike: dict[tuple[int, float, bool], int] = {}
        for deal, alike in enumerate(zip(position, deals.amount, deals.is_imputed, strict=True)):
            first = first_alike.setdefault(alike, deal)
            if first == deal:
                lost[:, deal], won[:, deal] = without.if_lost_and_won(chance[:, alike[0]], worth[deal])
            else:
                lost[:, deal], won[:, deal] = lost[:, first], won[:, first]
        return lost, won

    def __repr__(self) -> str:
        n_stuck = int((self.stuck > 0.5).sum())
        expected, labels = self.outlook.deals.chance.sum(), self.outlook.periods.labels
        return (
            f"DealOutlook({len(self.stuck):,} open deals, {expected:,.1f} wins expected in {labels[0]} .. "
            f"{labels[-1]}; {n_stuck:,} more likely than not never move again)"
        )


@checked
def deal_outlook(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    periods: str | Sequence[object] = "4Q",
    target: float | None = None,
    measure: Measure | None = None,
    fiscal_start_month: int = 1,
    n_draws: int = 100,
    seed: int | np.random.Generator | None = 0,
) -> DealOutlook:
    """Ask of every open deal whether and when it is won, whether it still moves, and what hangs on it.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    periods, target, measure, fiscal_start_month, seed
        As in :func:`funnelsim.forecast`; with a target the table says what losing each deal would cost.
    n_draws : int
        Draws of the parameters.

    Returns
    -------
    DealOutlook

    Raises
    ------
    ForecastError
        If there is no open deal; and as :func:`funnelsim.forecast`.

    Examples
    --------
    >>> import funnelsim as fs
    >>> history = fs.simulate_history(seed=1)
    >>> asked = fs.deal_outlook(fs.fit(history), history.pipeline(), target=5_000_000)
    >>> asked.table()[["deal_id", "won_p50", "costs_if_lost"]].shape
    (241, 3)
    """
    if not pipeline.n_deals:
        raise ForecastError("there is no open deal to ask of; forecast() tells what new deals bring")
    streams = Streams.of(seed)
    outlook = forecast(
        funnel,
        pipeline,
        periods=periods,
        target=target,
        measure=measure,
        fiscal_start_month=fiscal_start_month,
        engine=Exact(n_draws=n_draws),
        seed=streams.seed,
    )
    edges, won = _won_over_time(funnel, pipeline, streams)
    steps = _quantiles(edges, won, np.array(list(_WHEN.values())))
    dates = funnel.clock.start_of(pipeline.cutoff_step + np.ceil(np.nan_to_num(steps)).astype(np.int64))
    never = np.isnan(steps)
    won_by = np.where(never, np.datetime64("NaT"), dates.astype("datetime64[D]"))
    return DealOutlook(outlook, won[:, -1], won_by, _stuck(funnel, pipeline))


def _won_over_time(funnel: Funnel, pipeline: Pipeline, streams: Streams) -> tuple[Ints, Floats]:
    """Chance of each deal to be won by edges that lie the further apart the later they are.

    Returns
    -------
    edges : ndarray of int, shape (n_edges,)
        Steps after the cutoff, 0 first.
    won : ndarray of shape (n_deals, n_edges)
    """
    horizon = _HORIZON_STEPS[funnel.clock.step]
    edges = np.unique(np.append(0, np.round(np.geomspace(1, horizon, _MOST_EDGES)))).astype(np.int64)
    labels = tuple(str(edge) for edge in edges[1:])
    periods = Periods(edges + pipeline.cutoff_step + 1, labels, pipeline.cutoff_step)
    positions = Positions.of(funnel, pipeline)
    draws = range(_DRAWS_OF_DATES)  # a shock of mean 1 would only add noise to dates
    chances = chances_without_shock(funnel, positions, periods, streams, draws).open_deals
    won = np.cumsum(chances.mean(axis=0), axis=1)[positions.of_deal]
    return edges, np.column_stack([np.zeros(len(won)), won])


def _quantiles(edges: Ints, won: Floats, shares: Floats) -> Floats:
    """Steps after the cutoff by which shares of the wins have happened; NaN where it is hardly ever won."""
    steps = np.full((len(won), len(shares)), np.nan)
    for deal in np.flatnonzero(won[:, -1] > 1e-4):
        steps[deal] = np.interp(shares * won[deal, -1], won[deal], edges)
    return steps


def _stuck(funnel: Funnel, pipeline: Pipeline) -> Floats:
    """Chance to stay at every age at which deals have been seen to leave; 1 for those older than that."""
    stuck = np.ones(pipeline.n_deals)
    for stage, hazards in enumerate(funnel.hazards):
        here = pipeline.stage == stage
        last = int(hazards.first_age[-1])
        bin_of = np.searchsorted(hazards.first_age, np.arange(last), side="right") - 1
        stays = 1.0 - funnel.mean_hazards(stage).sum(axis=1)[bin_of]
        later = np.append(np.cumprod(stays[::-1])[::-1], 1.0)  # from each age on
        stuck[here] = later[np.minimum(pipeline.age_steps[here] + 1, last)]
    return stuck
