"""A look: what a forecast made at one origin says, before any shock, and what came after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.chances import Chances, Positions, chances_without_shock, draw_batches, shocked
from funnelsim.engines.exact import ExactOutcome, Money
from funnelsim.engines.futures import batch_futures
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.law import Counted, Futures
from funnelsim.nouns.shock import Shock
from funnelsim.numerics.shared_shock import Residuals, shock_correlation, shock_variances
from funnelsim.questions.backtest.origins import Origin
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Fit = Callable[[DealHistory], Funnel]

_DRAWS_OF_CHANCE, _FUTURES_OF_CHANCE = 10, 400


@dataclass(frozen=True, eq=False)
class Wins:
    """All wins of a history: what forecasts are held against.

    Parameters
    ----------
    deal_ids : ndarray of str, shape (n_wins,)
    step : ndarray of int, shape (n_wins,)
    amount : ndarray of shape (n_wins,)
        Where none is recorded the mean of the wins before; NaN where no win has one.
    is_imputed : ndarray of bool, shape (n_wins,)
        Where none is recorded.
    last_step, last_arrival_step : int
        Until when wins, and deals that arrive, are recorded completely.
    """

    deal_ids: npt.NDArray[np.object_]
    step: Ints
    amount: Floats
    is_imputed: npt.NDArray[np.bool_]
    last_step: int
    last_arrival_step: int

    @classmethod
    def of(cls, history: DealHistory) -> Wins:
        """Wins of a history."""
        won = history.deals.query("outcome == 'won'").sort_values("closed_at", kind="stable")
        amount = won["amount"]
        # The mean of those before: with that of all, later wins would tell on earlier totals. Only before the
        # first amount that is known there is none, and the first one stands in.
        before = amount.expanding().mean().bfill()
        return cls(
            won["deal_id"].to_numpy(object),
            history.clock.step_of(won["closed_at"].to_numpy()) if len(won) else np.zeros(0, np.int64),
            amount.fillna(before).to_numpy(float),
            amount.isna().to_numpy(),
            history.cutoff_step,
            history.last_arrival_step,
        )

    def by_period(self, edges: Ints, measure: Counted, of_deals: npt.NDArray[np.object_] | None) -> Floats:
        """Total of each period, of some deals or of all; NaN where the period is not recorded to its end."""
        worth = np.ones(len(self.step)) if measure == "wins" else self.amount
        kept = np.ones(len(self.step), dtype=bool)
        if of_deals is not None:  # by hash: numpy would compare each with each
            kept = pd.Index(self.deal_ids).isin(of_deals)
        period = np.searchsorted(edges, self.step, side="right") - 1
        inside = kept & (period >= 0) & (period < len(edges) - 1)
        total = np.bincount(period[inside], worth[inside], len(edges) - 1)[: len(edges) - 1]
        last = self.last_step if of_deals is not None else self.last_arrival_step
        return np.where(edges[1:] - 1 <= last, total, np.nan)

    def without_amount(self, first: Origin, measure: Counted) -> list[str]:
        """A note on wins after the first origin that list no amount, if bookings are counted."""
        n = int((self.is_imputed & (self.step >= first.edges[0])).sum())
        if measure != "bookings" or not n:
            return []
        return [f"{n} wins without an amount count with the mean of the wins before them in what came"]

    def period_of(self, deal_ids: npt.NDArray[np.object_], edges: Ints) -> Ints:
        """Period in which each deal was won; -1 where it was not, by the last."""
        won_in = dict(
            zip(self.deal_ids, (np.searchsorted(edges, self.step, side="right") - 1).tolist(), strict=True)
        )
        period = np.array([won_in.get(deal, -1) for deal in deal_ids], dtype=np.int64)
        return np.where(period < len(edges) - 1, period, -1)


@dataclass(frozen=True, eq=False)
class Look:
    """A forecast made at an origin: draws of the chances, of which any total can be asked.

    Parameters
    ----------
    origin : Origin
    funnel : Funnel
        Fitted to what was known; without a shock.
    pipeline : Pipeline
    positions : Positions
    periods : Periods
    chances : Chances
        Without a shock.
    streams : Streams
    """

    origin: Origin
    funnel: Funnel
    pipeline: Pipeline
    positions: Positions
    periods: Periods
    chances: Chances
    streams: Streams

    @classmethod
    def at(cls, seen: DealHistory, origin: Origin, fit: Fit, n_draws: int, streams: Streams) -> Look:
        """Fit to what was known at an origin, and look ahead."""
        funnel, pipeline = fit(seen).with_shock(None), seen.pipeline()
        periods = periods_of(origin, pipeline)
        positions = Positions.of(funnel, pipeline)
        chances = Chances.joined(
            [chances_without_shock(funnel, positions, periods, streams, d) for d in draw_batches(n_draws)]
        )
        return cls(origin, funnel, pipeline, positions, periods, chances, streams)

    @property
    def n_draws(self) -> int:
        """Draws of the parameters."""
        return len(self.chances.open_deals)

    @cached_property
    def measures(self) -> tuple[Counted, ...]:
        """What can be forecast, the measure asked for by default first."""
        return ("wins",) if self.funnel.amounts is None else ("bookings", "wins")

    def moments(self, measure: Counted) -> tuple[Floats, Floats, Floats]:
        """Mean and variance of each period, and variance of the sum up to each; closed forms."""
        money = Money.of(self.funnel, self.pipeline, self.streams, self.n_draws)
        outcome = ExactOutcome(self.chances, self.positions, money, 64)
        mean, variance, of_sum = (np.empty(len(self.periods)) for _ in range(3))
        for h in range(len(self.periods)):
            mean[h], variance[h] = _moments(outcome, [h], measure)
            _, of_sum[h] = _moments(outcome, range(h + 1), measure)
        return mean, variance, of_sum

    def least_errors(self, measure: Counted) -> Floats:
        """Mean absolute error in each period of one who knows every rate, shape (n_periods,).

        Chance alone is left: the distance from the mean in futures of one draw of the parameters, averaged
        over a few draws.
        """
        draws = range(min(_DRAWS_OF_CHANCE, self.n_draws))
        chances = self.chances.of_draws(draws)
        drawn = batch_futures(
            self.funnel, self.pipeline, self.positions, chances, self.streams, draws, _FUTURES_OF_CHANCE
        )
        total = np.sum(drawn.parts(measure), axis=0).reshape(len(draws), _FUTURES_OF_CHANCE, -1)
        return np.asarray(np.abs(total - total.mean(axis=1, keepdims=True)).mean(axis=(0, 1)))

    def futures(self, shock: Shock | None, n_futures: int) -> Futures:
        """Joint futures under a shock."""
        funnel = self.funnel.with_shock(shock)
        draws = range(self.n_draws)
        chances = shocked(self.chances, funnel, self.periods, self.streams, draws)
        each = -(-n_futures // self.n_draws)
        return batch_futures(funnel, self.pipeline, self.positions, chances, self.streams, draws, each)

    def deal_chances(self) -> Floats:
        """Chance of each open deal to be won in each period, shape (n_deals, n_periods)."""
        return np.asarray(self.chances.open_deals.mean(axis=0)[self.positions.of_deal])


def periods_of(origin: Origin, pipeline: Pipeline) -> Periods:
    """The periods after an origin."""
    labels = tuple(f"+{h + 1}" for h in range(len(origin.edges) - 1))
    return Periods(origin.edges.copy(), labels, pipeline.cutoff_step)


def _moments(outcome: ExactOutcome, columns: Sequence[int], measure: Counted) -> tuple[float, float]:
    portfolio = outcome.portfolio(columns, measure)
    mean = portfolio.mean()
    return float(mean.mean()), float(portfolio.variance().mean() + mean.var())


def shock_of(looks: Sequence[Look], wins: Wins, known_until: int, measure: Counted) -> Shock:
    """The shared shock, from looks whose periods had ended by a step; later ones are not looked at.

    Parameters
    ----------
    looks : sequence of Look
    wins : Wins
    known_until : int
        Step of the clock.
    measure : {"bookings", "wins"}
    """
    n_periods = len(looks[0].periods)
    columns = np.full((4, len(looks), n_periods), np.nan)
    for i, look in enumerate(looks):
        edges = look.origin.edges
        ended = edges[1:] - 1 <= min(known_until, wins.last_arrival_step)
        if ended.any() and measure in look.measures:
            actual = wins.by_period(edges, measure, None)
            columns[:, i] = np.where(ended, np.stack([actual, *look.moments(measure)]), np.nan)
    residuals = Residuals(*columns)
    overlap = overlap_of(looks)
    variances = shock_variances(residuals, overlap)
    n_origins = int((~np.isnan(columns[0])).any(axis=1).sum())
    period_steps = round(float(np.median(np.diff(looks[0].origin.edges))))
    return Shock(
        tuple(variances.tolist()), shock_correlation(residuals, variances, overlap), period_steps, n_origins
    )


def overlap_of(looks: Sequence[Look]) -> int:
    """Origins whose periods overlap, at least one."""
    starts = np.array([look.origin.edges[0] for look in looks])
    if len(starts) < 2:
        return 1
    horizon = int(looks[0].origin.edges[-1] - looks[0].origin.edges[0])
    return max(int(np.ceil(horizon / float(np.median(np.diff(starts))))), 1)
