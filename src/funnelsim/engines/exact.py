"""Exact engine: the law of wins and bookings by characteristic functions, without drawing a future.

It rests on the same chances as the Monte Carlo engine, draw by draw; what is left of chance is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import joblib
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from funnelsim.engines.assemble import assembled, check_match
from funnelsim.engines.chances import Chances, Positions, batch_chances, draw_batches
from funnelsim.engines.protocol import EngineError, check_whole
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, Worth
from funnelsim.numerics.compound import sum_law
from funnelsim.numerics.grid_law import GridLaw
from funnelsim.numerics.portfolio import Arriving, Lumps, Portfolio, Prizes, Unsure, no_lumps
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_RESOLUTION = 1e-12


@dataclass(frozen=True)
class Exact:
    """Settings of the exact engine.

    Parameters
    ----------
    n_draws : int
        Draws of the parameters, 25 to 200 are usual; the same, by number, as those of the other engines.
    n_cells : int
        Cells of the grid on which amounts are summed, a power of two; whole-number amounts take as many as
        divide them.
    workers : int
        Processes (joblib) for the chances. The answer is the same, to the bit, for any number.

    Raises
    ------
    EngineError
        If a number is too small: fewer than 2 draws (errors come from the spread over them) or 64 cells.
    """

    n_draws: int = 100
    n_cells: int = 8192
    workers: int = 1

    def __post_init__(self) -> None:
        check_whole(n_draws=self.n_draws, n_cells=self.n_cells, workers=self.workers)
        if self.workers == 0:
            raise EngineError("workers=0: give the number of processes, or -1 for all cores")
        if self.n_draws < 2 or self.n_cells < 64 or self.n_cells & (self.n_cells - 1):
            raise EngineError(
                f"n_draws={self.n_draws} must be at least 2, n_cells={self.n_cells} a power of two from 64 on"
            )

    @property
    def name(self) -> str:
        """Name of the method."""
        return "exact"

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint law of wins and bookings over `periods`.

        Raises
        ------
        EngineError
            If the pipeline's clock or stages are not those of the funnel.
        """
        check_match(funnel, pipeline)
        positions = Positions.of(funnel, pipeline)
        batches = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_one_thread)(funnel, positions, periods, streams, draws)
            for draws in draw_batches(self.n_draws)
        )
        chances = Chances.joined(batches)
        money = Money.of(funnel, pipeline, streams, self.n_draws)
        outcome = ExactOutcome(chances, positions, money, self.n_cells)
        return assembled(
            outcome,
            funnel,
            pipeline,
            periods,
            positions,
            chances.open_deals,
            engine=self.name,
            seed=streams.seed,
        )


def _one_thread(
    funnel: Funnel, positions: Positions, periods: Periods, streams: Streams, draws: range
) -> Chances:
    """Chances of a batch; matrix products on more threads group their sums otherwise."""
    with threadpool_limits(1):
        return batch_chances(funnel, positions, periods, streams, draws)


@dataclass(frozen=True, eq=False)
class Money:
    """What open deals and new ones are worth if won.

    Parameters
    ----------
    amount : ndarray of shape (n_deals,)
        Listed amounts; NaN where none is recorded.
    new, missing : Prizes
        Amounts of deals yet to arrive, and of open deals that list none.
    revised : tuple of (ndarray of int, Prizes)
        Deals whose listed amount is still revised, with the ratios; the others stand as listed.
    """

    amount: Floats
    new: Prizes
    missing: Prizes
    revised: tuple[tuple[Ints, Prizes], ...]

    @classmethod
    def of(cls, funnel: Funnel, pipeline: Pipeline, streams: Streams, n_draws: int) -> Money | None:
        """Of a funnel and a pipeline; None when the data has no amounts."""
        if funnel.amounts is None:
            return None
        shares = np.stack([funnel.amount_draw(streams, draw) for draw in range(n_draws)])
        changes, points = funnel.changes, funnel.amounts.points
        by_draw = [funnel.revision_draw(streams, draw) for draw in range(n_draws)]
        revised = []
        for of_stage in zip(*by_draw, strict=True):
            stage, law, _ = of_stage[0]
            deals = np.flatnonzero(~np.isnan(pipeline.amount) & (pipeline.stage == stage))
            revised.append((deals, Prizes(law.points, np.stack([drawn for _, _, drawn in of_stage]))))
        return cls(
            pipeline.amount * changes.open_amount,
            Prizes(points * changes.new_amount, shares),
            Prizes(points * changes.open_amount, shares),
            tuple(revised),
        )


@dataclass(frozen=True, eq=False)
class ExactOutcome:
    """The joint law over periods: chances by draw, from which the law of any window is computed once.

    Parameters
    ----------
    chances : Chances
        Of all draws.
    positions : Positions
    money : optional
        None when the data has no amounts.
    n_cells : int
    """

    chances: Chances
    positions: Positions
    money: Money | None
    n_cells: int

    @property
    def n_draws(self) -> int:
        """Draws of the parameters."""
        return len(self.chances.open_deals)

    @property
    def has_amounts(self) -> bool:
        """Whether bookings are known, and not only the number of wins."""
        return self.money is not None

    def law(self, columns: Sequence[int], measure: Measure, realised: float) -> ExactLaw:
        """Law of what is won in some periods together, `realised` added."""
        return ExactLaw(self.portfolio(columns, measure), realised, self.n_cells)

    def expected(self, columns: Sequence[int], measure: Measure) -> tuple[float, float]:
        """Expected total of some periods: from deals open now, and from deals yet to arrive."""
        portfolio = self.portfolio(columns, measure)
        new = portfolio.arriving.expected.sum(axis=1) * portfolio.arriving.prizes.moment(1)
        return float((portfolio.mean() - new).mean()), float(new.mean())

    def portfolio(self, columns: Sequence[int], measure: Measure) -> Portfolio:
        """All that may be won in some periods together: chances of one deal are disjoint, so they add."""
        chance = self.chance_in(columns)
        expected = self.chances.new_wins[:, :, list(columns)].sum(axis=2)
        if measure == "wins" or self.money is None:
            return self._counting(chance, expected)
        money, of_deal = self.money, self.positions.of_deal
        is_missing = np.isnan(money.amount)
        count = np.bincount(of_deal[is_missing], minlength=chance.shape[1])
        seen = np.flatnonzero(count)
        unsure = [Unsure(chance[:, seen], np.ones(len(seen)), count[seen], money.missing)]
        stands = ~is_missing
        for deals, ratios in money.revised:
            stands[deals] = False
            ones = np.ones(len(deals), dtype=np.int64)
            unsure.append(Unsure(chance[:, of_deal[deals]], money.amount[deals], ones, ratios))
        fixed = np.flatnonzero(stands)
        ones = np.ones(len(fixed), dtype=np.int64)
        return Portfolio(
            Lumps(chance[:, of_deal[fixed]], money.amount[fixed], ones),
            tuple(some for some in unsure if len(some.factor)),
            Arriving(expected, self.chances.dispersion, money.new),
        )

    def chance_in(self, columns: Sequence[int]) -> Floats:
        """Chance of each position to be won in some periods together, shape (n_draws, n_positions)."""
        return np.minimum(self.chances.open_deals[:, :, list(columns)].sum(axis=2), 1.0 - 1e-15)

    def worth(self, measure: Measure) -> list[Prizes]:
        """What each open deal brings if it is won."""
        one = np.ones((self.n_draws, 1))
        if measure == "wins" or self.money is None:
            return [Prizes(np.ones(1), one)] * len(self.positions.of_deal)
        money = self.money
        worth = [
            money.missing if np.isnan(amount) else Prizes(np.array([amount]), one) for amount in money.amount
        ]
        for deals, ratios in money.revised:
            for deal in deals.tolist():
                worth[deal] = Prizes(money.amount[deal] * ratios.points, ratios.shares)
        return worth

    def _counting(self, chance: Floats, expected: Floats) -> Portfolio:
        """The same when every win counts 1."""
        count = np.bincount(self.positions.of_deal, minlength=chance.shape[1])
        one = Prizes(np.ones(1), np.ones((self.n_draws, 1)))
        lumps = Lumps(chance, np.ones(chance.shape[1]), count) if chance.size else no_lumps(self.n_draws)
        return Portfolio(lumps, (), Arriving(expected, self.chances.dispersion, one))


@dataclass(frozen=True, eq=False)
class ExactLaw:
    """Law of one total: a law on a grid plus what is realised.

    Parameters
    ----------
    portfolio : Portfolio
    realised : float
    n_cells : int
    """

    portfolio: Portfolio
    realised: float
    n_cells: int

    @cached_property
    def still_to_win(self) -> GridLaw:
        """Law of what is not realised yet; moments need none."""
        return sum_law(self.portfolio, n_cells=self.n_cells)

    @property
    def resolution(self) -> float:
        """Noise of the transform."""
        return _RESOLUTION

    def mean_by_draw(self) -> Floats:
        """Expected total given each draw, in closed form; shape (n_draws,)."""
        return self.portfolio.mean() + self.realised

    def sd(self) -> float:
        """Standard deviation of the total, in closed form given each draw."""
        return float(np.sqrt(self.portfolio.variance().mean() + self.portfolio.mean().var()))

    def quantile(self, chance: Floats) -> Floats:
        """Amount that the total stays below with each chance."""
        return self.still_to_win.quantile(chance) + self.realised

    def chance_by_draw(self, amount: float) -> Floats:
        """Chance that the total reaches `amount` given each draw, shape (n_draws,)."""
        return self.still_to_win.chance_by_draw(amount - self.realised)

    def mean_of_by_draw(self, worth: Worth) -> Floats:
        """Expected worth of the total given each draw, shape (n_draws,)."""
        return self.still_to_win.mean_of(lambda won: worth(won + self.realised))

    def engine_error(self, amount: float) -> float:
        """What the grid may have added to, or taken from, the chance of reaching `amount`."""
        return float(self.still_to_win.error_by_draw(amount - self.realised).mean())
