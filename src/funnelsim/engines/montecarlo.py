"""Monte Carlo engine: joint futures drawn from the chances that the recursion gives.

A deal's fate over the periods is one draw from a handful of chances; the stages in between would add noise
and time, but no information. So a future costs one random number per open deal, and new deals that are won
come as a Poisson count of their own (thinned arrivals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import joblib
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from funnelsim.engines.assemble import assembled, check_match
from funnelsim.engines.chances import Chances, Positions, batch_chances, draw_batches
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures
from funnelsim.numerics.arrivals import poisson_quantile
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

_MOST_NUMBERS = 2_000_000  # at once in memory; futures come in slices
_MOST_ONE_BY_ONE = 5_000  # wins of new deals in one period of a future
_MOST_EXPECTED_WINS = 1e9


@dataclass(frozen=True)
class MonteCarlo:
    """Settings of the Monte Carlo engine.

    Parameters
    ----------
    n_futures : int
        Simulated futures; rounded up to a multiple of `n_draws`.
    n_draws : int
        Draws of the parameters, 25 to 200 are usual; futures are shared out equally among them.
    workers : int
        Processes (joblib). The answer is the same, to the bit, for any number.

    Raises
    ------
    EngineError
        If a number is below 1 (below 2 for `n_draws`: errors come from the spread over draws).
    """

    n_futures: int = 10_000
    n_draws: int = 100
    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers == 0:
            raise EngineError("workers=0: give the number of processes, or -1 for all cores")
        if self.n_draws < 2 or self.n_futures < self.n_draws:
            raise EngineError(
                f"n_draws={self.n_draws} must be at least 2, n_futures={self.n_futures} at least n_draws"
            )

    @property
    def name(self) -> str:
        """Name of the method."""
        return "Monte Carlo"

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint distribution of wins and bookings over `periods`.

        Raises
        ------
        EngineError
            If the pipeline's clock or stages are not those of the funnel.
        """
        check_match(funnel, pipeline)
        positions = Positions.of(funnel, pipeline)
        per_draw = -(-self.n_futures // self.n_draws)
        done = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_run_batch)(funnel, pipeline, positions, periods, streams, batch, per_draw)
            for batch in draw_batches(self.n_draws)
        )
        chance = np.concatenate([part[1] for part in done])
        futures = [np.concatenate(columns) for columns in zip(*(part[0] for part in done), strict=True)]
        has_money, nothing = funnel.amounts is not None, np.empty((0, len(periods)))
        outcome = Futures(
            open_wins=futures[0],
            new_wins=futures[1],
            open_bookings=futures[2] if has_money else nothing,
            new_bookings=futures[3] if has_money else nothing,
            n_draws=self.n_draws,
        )
        return assembled(
            outcome, funnel, pipeline, periods, positions, chance, engine=self.name, seed=streams.seed
        )


_Batch = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats, Floats]


def _run_batch(
    funnel: Funnel,
    pipeline: Pipeline,
    positions: Positions,
    periods: Periods,
    streams: Streams,
    draws: range,
    n_futures: int,
) -> tuple[_Batch, Floats]:
    """Futures of a batch of draws, and the chances of its positions."""
    # One thread for matrix products: with more, sums are grouped otherwise and the last bits depend on them.
    with threadpool_limits(1):
        chances = batch_chances(funnel, positions, periods, streams, draws)
        parts = list(_futures(funnel, pipeline, positions, chances, streams, draws, n_futures))
    open_wins, new_wins, open_bookings, new_bookings = (np.concatenate(c) for c in zip(*parts, strict=True))
    return (open_wins, new_wins, open_bookings, new_bookings), chances.open_deals


def _futures(
    funnel: Funnel,
    pipeline: Pipeline,
    positions: Positions,
    chances: Chances,
    streams: Streams,
    draws: range,
    n_futures: int,
) -> Iterator[_Batch]:
    new_wins = _new_wins(chances, streams, draws, n_futures)
    for i, draw in enumerate(draws):
        shares = funnel.amount_draw(streams, draw)
        drawn = _drawn_amounts(funnel, pipeline, shares, streams, draw, n_futures)
        chance = chances.open_deals[i][positions.of_deal]
        open_wins, open_bookings = _open_futures(
            chance, pipeline.amount, drawn, streams.generator("routes", draw), n_futures
        )
        yield (
            open_wins,
            new_wins[i],
            open_bookings,
            _new_bookings(funnel, new_wins[i], shares, streams.generator("money", draw)),
        )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Amounts of open deals that differ from future to future; the others stand as listed.

    Parameters
    ----------
    deal : ndarray of int, shape (n_drawn,)
    amount : ndarray of float, shape (n_futures, n_drawn)
    """

    deal: npt.NDArray[np.int64]
    amount: Floats


def _drawn_amounts(
    funnel: Funnel, pipeline: Pipeline, shares: Floats, streams: Streams, draw: int, n_futures: int
) -> _Drawn:
    """Amounts of the open deals that have none, and of those whose listed amount is still revised."""
    is_missing = np.isnan(pipeline.amount)
    if funnel.amounts is None:
        return _Drawn(np.flatnonzero(is_missing), np.zeros((n_futures, int(is_missing.sum()))))
    missing = np.flatnonzero(is_missing)
    rng = streams.generator("missing amounts", draw)
    deals, amounts = [missing], [funnel.amounts.pick(shares, rng.random((n_futures, len(missing))))]
    for stage, ratios, of_stage in funnel.revision_draw(streams, draw):
        revised = np.flatnonzero(~is_missing & (pipeline.stage == stage))
        rng = streams.generator("revisions", draw, stage)
        ratio = ratios.pick(of_stage, rng.random((n_futures, len(revised))))
        deals.append(revised)
        amounts.append(pipeline.amount[revised] * ratio)
    return _Drawn(np.concatenate(deals), np.concatenate(amounts, axis=1))


def _open_futures(
    chance: Floats, amount: Floats, drawn: _Drawn, rng: np.random.Generator, n_futures: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Wins and bookings of open deals: one number per deal says in which period it is won, if in any."""
    fixed = np.nan_to_num(amount, nan=0.0)
    fixed[drawn.deal] = 0.0
    one_and_amount = np.stack([np.ones(len(amount)), fixed], axis=1)
    totals = np.zeros((n_futures, chance.shape[1], 2))
    edges = np.cumsum(chance, axis=1).astype(np.float32)
    for rows in _slices(n_futures, len(chance)):
        fate = rng.random((rows.stop - rows.start, len(chance)), dtype=np.float32)
        already = np.zeros(fate.shape, dtype=bool)
        for period in range(chance.shape[1]):
            by_now = fate < edges[:, period]
            won = by_now & ~already
            totals[rows, period] = won.astype(float) @ one_and_amount
            totals[rows, period, 1] += (won[:, drawn.deal] * drawn.amount[rows]).sum(axis=1)
            already = by_now
    return totals[..., 0].astype(np.int64), np.ascontiguousarray(totals[..., 1])


def _slices(n: int, width: int) -> Iterator[slice]:
    """Slices of 0..n whose rows of `width` numbers stay within bounded memory."""
    size = max(_MOST_NUMBERS // max(width, 1), 1)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _new_wins(chances: Chances, streams: Streams, draws: range, n_futures: int) -> npt.NDArray[np.int64]:
    """Wins of deals yet to arrive: Poisson, mixed over the blocks' common swings when over-dispersed.

    Returns
    -------
    ndarray of shape (n_draws, n_futures, n_periods)
    """
    n_draws, n_blocks, n_periods = chances.new_wins.shape
    chance, mean = np.empty((2, n_draws, n_futures, n_periods))
    for i, (draw, expected, dispersion) in enumerate(
        zip(draws, chances.new_wins, chances.dispersion, strict=True)
    ):
        rng = streams.generator("arrivals", draw)
        chance[i] = rng.random((n_futures, n_periods))
        if dispersion > 0:
            swings = rng.standard_gamma(1.0 / dispersion, (n_futures, n_blocks)) * dispersion
            mean[i] = swings @ expected
        else:
            mean[i] = expected.sum(axis=0)
    if mean.max(initial=0.0) > _MOST_EXPECTED_WINS:
        raise EngineError(
            f"{mean.max():.3g} wins of new deals are expected in one period; "
            "check the arrivals and the levers on volume"
        )
    return poisson_quantile(chance, mean)


def _new_bookings(
    funnel: Funnel, wins: npt.NDArray[np.int64], shares: Floats, rng: np.random.Generator
) -> Floats:
    """Bookings of new wins; the k-th win of a future and period has the same amount under any lever.

    Where there are too many to draw one by one, their numbers at each amount are drawn instead.
    """
    if funnel.amounts is None:
        return np.zeros(wins.shape)
    most = int(wins.max(initial=0))
    if most > _MOST_ONE_BY_ONE:
        return rng.multinomial(wins, shares) @ funnel.amounts.points
    bookings = np.zeros(wins.shape)
    for block in _slices(most, wins.size):
        nth = np.arange(block.start, block.stop)[:, None, None]
        chance = rng.random((len(nth), *wins.shape))
        is_win = nth < wins
        amounts = np.zeros(chance.shape)
        amounts[is_win] = funnel.amounts.pick(shares, chance[is_win])
        bookings += amounts.sum(axis=0)
    return bookings
