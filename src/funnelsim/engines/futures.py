"""Futures drawn from the chances of a batch of draws, in blocks and slices of bounded memory.

A block is a fixed number of futures of a draw. Random streams and matrix products go by block, so what
limits memory (how many numbers are held at once) has no part in the answer, not even in its last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Chances, Positions
from funnelsim.engines.protocol import EngineError
from funnelsim.engines.till import Desk, Till
from funnelsim.nouns.flows import Flows
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import poisson_quantile
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FUTURES_PER_BLOCK = 1_000  # part of the answer, as the seed is
_MOST_NUMBERS = 250_000  # at once: these stay in the cache, and the answer does not depend on it
_MOST_ONE_BY_ONE = 5_000  # wins of new deals in one period of a future
_MOST_EXPECTED_WINS = 1e9  # so a number of wins fits 32 bits


def batch_futures(
    funnel: Funnel,
    pipeline: Pipeline,
    positions: Positions,
    chances: Chances,
    streams: Streams,
    draws: Sequence[int],
    n_futures: int,
    till: Till | None = None,
) -> Futures:
    """Futures of a batch of draws.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    positions : Positions
    chances : Chances
        Of these draws.
    streams : Streams
    draws : sequence of int
        Numbers of the draws.
    n_futures : int
        For each draw.
    till : Till, optional
        Of these draws: where every win is invoiced, earned and paid. The wins themselves are the same
        without it.

    Raises
    ------
    EngineError
        If more wins are expected than can be counted, or than a till can book one by one.
    """
    shape = (len(draws), n_futures, chances.new_wins.shape[2])
    open_wins, new_wins = np.zeros((2, *shape), dtype=np.int32)
    money_shape = shape if funnel.amounts is not None else (0, 0, shape[2])
    open_bookings, new_bookings = np.zeros((2, *money_shape))
    worths = [_Worth.of(funnel, pipeline, streams, draw) for draw in draws]
    flows: list[list[Flows]] = [[] for _ in draws]
    for block, rows in enumerate(_slices(n_futures, _FUTURES_PER_BLOCK)):
        n = rows.stop - rows.start
        new_wins[:, rows] = _new_wins(chances, streams, draws, block, n)
        for i, draw in enumerate(draws):
            chance = chances.open_deals[i][positions.of_deal]
            desk = None if till is None else till.desk(i, block, n)
            open_wins[i, rows], bookings = _open_futures(chance, worths[i], streams, (draw, block), n, desk)
            if funnel.amounts is not None:
                open_bookings[i, rows] = bookings
                money = streams.generator("money", draw, block)
                new_bookings[i, rows] = funnel.changes.new_amount * _new_bookings(
                    funnel.amounts, new_wins[i, rows], worths[i].shares, money, desk
                )
            if desk is not None:
                flows[i].append(desk.flows())
    return Futures(
        open_wins.reshape(-1, shape[2]),
        new_wins.reshape(-1, shape[2]),
        open_bookings.reshape(-1, shape[2]),
        new_bookings.reshape(-1, shape[2]),
        n_draws=len(draws),
        flows=None if till is None else Flows.joined([part for of_draw in flows for part in of_draw]),
    )


def _slices(n: int, size: int) -> Iterator[slice]:
    """Slices of 0..n of at most `size`, which counts as 1 where it is less."""
    size = max(size, 1)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


@dataclass(frozen=True, eq=False)
class _Picked:
    """Open deals whose amount differs from future to future: a factor times a point of a law.

    Parameters
    ----------
    stream : tuple
        Name and first indices of its random stream.
    deals : ndarray of int, shape (n_picked,)
    factor : ndarray of shape (n_picked,)
    law : Amounts
    shares : ndarray of shape (n_points,)
        In this draw.
    """

    stream: tuple[str, tuple[int, ...]]
    deals: Ints
    factor: Floats
    law: Amounts
    shares: Floats


@dataclass(frozen=True, eq=False)
class _Worth:
    """What open deals are worth if won in one draw.

    Parameters
    ----------
    fixed : ndarray of shape (n_deals,)
        Amounts that stand as listed; 0 for the others.
    picked : tuple of _Picked
        Those that list none, and those whose listed amount is still revised.
    shares : ndarray of shape (n_points,)
        Of the amounts of new deals.
    """

    fixed: Floats
    picked: tuple[_Picked, ...]
    shares: Floats

    @classmethod
    def of(cls, funnel: Funnel, pipeline: Pipeline, streams: Streams, draw: int) -> _Worth:
        shares, factor = funnel.amount_draw(streams, draw), funnel.changes.open_amount
        listed = pipeline.amount * factor
        if funnel.amounts is None:
            return cls(np.zeros(len(listed)), (), shares)
        missing = np.flatnonzero(np.isnan(listed))
        stream = ("missing amounts", (draw,))
        picked = [_Picked(stream, missing, np.full(len(missing), factor), funnel.amounts, shares)]
        for stage, ratios, of_stage in funnel.revision_draw(streams, draw):
            deals = np.flatnonzero(~np.isnan(listed) & (pipeline.stage == stage))
            picked.append(_Picked(("revisions", (draw, stage)), deals, listed[deals], ratios, of_stage))
        fixed = listed.copy()
        for some in picked:
            fixed[some.deals] = 0.0
        return cls(fixed, tuple(some for some in picked if len(some.deals)), shares)


def _open_futures(
    chance: Floats,
    worth: _Worth,
    streams: Streams,
    place: tuple[int, int],
    n_futures: int,
    desk: Desk | None = None,
) -> tuple[Ints, Floats]:
    """Wins and bookings of open deals: one number per deal says in which period it is won, if in any.

    Only the deals won are looked at again, and their amounts added one by one: twice as fast as a matrix
    product over all deals, and the order of adding is always the same.
    """
    n_deals, n_periods = chance.shape
    wins, bookings = np.zeros((n_futures, n_periods), dtype=np.int64), np.zeros((n_futures, n_periods))
    edges = np.ascontiguousarray(np.cumsum(chance, axis=1).astype(np.float32).T)
    fates = streams.generator("routes", *place)
    sources = [streams.generator(some.stream[0], *some.stream[1], place[1]) for some in worth.picked]
    for rows in _slices(n_futures, _MOST_NUMBERS // max(n_deals, 1)):
        n = rows.stop - rows.start
        fate = fates.random((n, n_deals), dtype=np.float32)
        won = np.flatnonzero(fate < edges[-1])
        future = won // max(n_deals, 1)
        deal = won - future * n_deals  # five times faster than divmod
        fate_of_won, cell = fate.ravel()[won], future * n_periods
        for edge in edges[:-1]:
            cell += fate_of_won >= edge[deal]
        wins[rows] = np.bincount(cell, minlength=n * n_periods).reshape(n, n_periods)
        amount = worth.fixed[deal]
        for some, rng in zip(worth.picked, sources, strict=True):
            amount += _picked_amounts(some, rng.random((n, len(some.deals))), future, deal, n_deals)
        bookings[rows] = np.bincount(cell, amount, n * n_periods).reshape(n, n_periods)
        if desk is not None:
            desk.sell_open(future + rows.start, cell - future * n_periods, deal, amount)
    return wins, bookings


def _picked_amounts(some: _Picked, chance: Floats, future: Ints, deal: Ints, n_deals: int) -> Floats:
    """Amounts of those deals won that are among `some`; 0 for the others."""
    column = np.full(n_deals, -1)
    column[some.deals] = np.arange(len(some.deals))
    which = column[deal]
    here = np.flatnonzero(which >= 0)
    amount = np.zeros(len(deal))
    amount[here] = some.factor[which[here]] * some.law.pick(some.shares, chance[future[here], which[here]])
    return amount


def _new_wins(chances: Chances, streams: Streams, draws: Sequence[int], block: int, n_futures: int) -> Ints:
    """Wins of deals yet to arrive: Poisson, mixed over the blocks' common swings when over-dispersed.

    Returns
    -------
    ndarray of shape (n_draws, n_futures, n_periods)
    """
    n_draws, n_blocks, n_periods = chances.new_wins.shape
    wins = np.empty((n_draws, n_futures, n_periods), dtype=np.int64)
    for some in _slices(n_draws, _MOST_NUMBERS // (n_futures * n_periods)):
        chance, mean = np.empty((2, some.stop - some.start, n_futures, n_periods))
        for i, j in enumerate(range(some.start, some.stop)):
            rng = streams.generator("arrivals", draws[j], block)
            chance[i] = rng.random((n_futures, n_periods))
            expected, dispersion = chances.new_wins[j], chances.dispersion[j]
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
        wins[some] = poisson_quantile(chance, mean)
    return wins


def _new_bookings(
    amounts: Amounts,
    wins: npt.NDArray[np.integer],
    shares: Floats,
    rng: np.random.Generator,
    desk: Desk | None = None,
) -> Floats:
    """Bookings of new wins; the k-th win of a future and period has the same amount under any lever.

    Where there are too many to draw one by one, their numbers at each amount are drawn instead.
    """
    most = int(wins.max(initial=0))
    if most > _MOST_ONE_BY_ONE and desk is not None:
        raise EngineError(
            f"{most:,} wins of new deals in one period are too many to pay one by one (at most "
            f"{_MOST_ONE_BY_ONE:,}); use shorter periods, or a funnel without collections"
        )
    if most > _MOST_ONE_BY_ONE:
        return rng.multinomial(wins, shares) @ amounts.points
    bookings, won = np.zeros(wins.size), wins.ravel()
    for some in _slices(most, _MOST_NUMBERS // max(wins.size, 1)):
        chance = rng.random((some.stop - some.start, wins.size))
        is_win = np.arange(some.start, some.stop)[:, None] < won
        # One by one in order of the wins, so that where a slice ends has no part in the sum.
        here = np.flatnonzero(is_win)
        cell, amount = here % wins.size, amounts.pick(shares, chance.ravel()[here])
        np.add.at(bookings, cell, amount)
        if desk is not None:
            future, period = np.divmod(cell, wins.shape[1])
            desk.sell_new(future, period, here // wins.size + some.start, amount)
    return bookings.reshape(wins.shape)
