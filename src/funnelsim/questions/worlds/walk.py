"""Deals of a world on their way, day by day: many futures at once, each with the same law."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.questions.worlds.process import Desks, Process

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Deals:
    """Deals with their true state at the end of a day: all of them open.

    Parameters
    ----------
    future : ndarray of int, shape (n_deals,)
        The future each deal belongs to, not decreasing; within it, deals are in order of arrival.
    number : ndarray of int
        Number of the deal, from 0 and unique over all futures; later arrivals have higher ones.
    klass, stage, age : ndarray of int
        Class; stage; days in it, not counting those spent waiting for a desk.
    is_worked : ndarray of bool
        False: still waits for a desk.
    """

    future: Ints
    number: Ints
    klass: Ints
    stage: Ints
    age: Ints
    is_worked: Flags

    @classmethod
    def none(cls) -> Deals:
        """No deals."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, empty, empty, empty.astype(bool))

    def repeated(self, n_futures: int) -> Deals:
        """The same deals at the start of many futures, numbered on."""
        again = self.keep(np.tile(np.arange(len(self.number)), n_futures))
        future = np.repeat(np.arange(n_futures), len(self.number))
        return replace(again, future=future, number=np.arange(len(future)))

    def keep(self, which: Flags | Ints | slice) -> Deals:
        """Some of the deals, or all in another order."""
        return Deals(**{name: column[which] for name, column in vars(self).items()})

    def joined(self, others: Deals) -> Deals:
        """These deals and later ones, each among those of its future."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        both = Deals(*(np.concatenate(pair) for pair in pairs))
        if (both.future[:-1] <= both.future[1:]).all():
            return both
        return both.keep(np.argsort(both.future, kind="stable"))


@dataclass(frozen=True, eq=False)
class Walked:
    """What happened over some days.

    Parameters
    ----------
    deal, place, step : ndarray of int, shape (n_moves,)
        Number of the deal, where it went, and when. An arrival is the first move of a deal; the moves of each
        deal are in order, all arrivals stand before them.
    future, klass : ndarray of int, shape (n_arrivals,)
        Of the deals that arrived, which are numbered on from those there at the beginning.
    deals : Deals
        Those open at the end.
    """

    deal: Ints
    place: Ints
    step: Ints
    future: Ints
    klass: Ints
    deals: Deals


def walk(
    process: Process, deals: Deals, first: int, last: int, rng: np.random.Generator, *, n_futures: int = 1
) -> Walked:
    """Let deals move and new ones arrive from one day to another.

    Parameters
    ----------
    process : Process
    deals : Deals
        Open at the end of the day before `first`, numbered from 0 without gaps, or none.
    first, last : int
        First and last day.
    rng : Generator
    n_futures : int
        Futures walked side by side; `deals` tells to which each deal belongs.

    Returns
    -------
    Walked

    Notes
    -----
    On each day deals get a day older, new ones arrive at age 0, those who wait take the desks that are free,
    and who is worked leaves with the chance of its age. A deal that moves may move on the same day again.
    """
    n_open = process.stages.n_open
    new, starts = _arrivals(process, first, last, len(deals.number), rng, n_futures)
    moves = [(new.number, new.stage, first + np.repeat(np.arange(len(starts) - 1), np.diff(starts)))]
    for day, step in enumerate(range(first, last + 1)):
        deals = replace(deals, age=deals.age + deals.is_worked)
        if starts[day] < starts[day + 1]:
            deals = deals.joined(new.keep(slice(starts[day], starts[day + 1])))
        if process.desks is not None:
            deals = _seated(process.desks, deals, n_futures)
        stage, age, seen = _day(process, step, deals, rng)
        moves += [(deals.number[who], place, np.full(len(who), step)) for who, place in seen]
        deals = replace(deals, stage=stage, age=age)
        if (stage >= n_open).any():
            deals = deals.keep(stage < n_open)
    deal, place, steps = (np.concatenate(column) for column in zip(*moves, strict=True))
    return Walked(deal, place, steps, new.future, new.klass, deals)


def swing_blocks(process: Process, first: int, last: int) -> Ints:
    """Block of days with a common swing of the arrivals that each day belongs to, from 0."""
    block = (np.arange(first, last + 1) - process.cutoff_step - 1) // process.swing_steps
    return np.asarray(block - block[0])


def _arrival_counts(
    process: Process, first: int, last: int, rng: np.random.Generator, n_futures: int
) -> Ints:
    """Arrivals of each future on each day."""
    rate = process.arrival_rate[first - process.start_step : last + 1 - process.start_step]
    mean = np.broadcast_to(rate, (n_futures, len(rate)))
    if process.dispersion > 0:
        block = swing_blocks(process, first, last)
        swings = rng.standard_gamma(1.0 / process.dispersion, (n_futures, block[-1] + 1))
        mean = rate * swings[:, block] * process.dispersion
    return rng.poisson(mean)


def _arrivals(
    process: Process, first: int, last: int, numbered: int, rng: np.random.Generator, n_futures: int
) -> tuple[Deals, Ints]:
    """All deals that arrive, in order of days and then of futures; and where each day begins among them."""
    count = _arrival_counts(process, first, last, rng, n_futures).T
    n = int(count.sum())
    future = np.repeat(np.tile(np.arange(n_futures), len(count)), count.ravel())
    starts = np.concatenate([[0], np.cumsum(count.sum(axis=1))])
    day = np.repeat(np.arange(first, last + 1) - process.start_step, np.diff(starts))
    edges = np.cumsum(process.class_shares, axis=1)[:, :-1]
    klass = (rng.random(n)[:, None] >= edges[day]).sum(axis=1)
    stage = np.searchsorted(np.cumsum(process.entry_shares)[:-1], rng.random(n), side="right")
    is_worked = np.full(n, process.desks is None)
    return Deals(
        future, numbered + np.arange(n), klass, stage, np.zeros(n, dtype=np.int64), is_worked
    ), starts


def _seated(desks: Desks, deals: Deals, n_futures: int) -> Deals:
    """The deals after those who have waited longest have taken the free desks of their future."""
    waits = ~deals.is_worked
    free = desks.n_desks - np.bincount(deals.future[deals.is_worked], minlength=n_futures)
    waiting = np.bincount(deals.future[waits], minlength=n_futures)
    before = np.cumsum(waiting) - waiting
    rank = np.cumsum(waits) - 1 - before[deals.future]
    return replace(deals, is_worked=deals.is_worked | (waits & (rank < free[deals.future])))


def _day(
    process: Process, step: int, deals: Deals, rng: np.random.Generator
) -> tuple[Ints, Ints, list[tuple[Ints, Ints]]]:
    """Stage (or outcome) and age of each deal after a day, and who went where, in order."""
    edges = np.cumsum(process.chances_on(step), axis=-1)
    bin_of_age, n_open = process.bin_of_age, process.stages.n_open
    stage, age, seen = deals.stage.copy(), deals.age.copy(), []
    if process.desks is not None:
        waiting = np.flatnonzero(~deals.is_worked)
        gone = waiting[rng.random(len(waiting)) < process.desks.leaving_chance]
        stage[gone] = np.flatnonzero(process.stages.is_lost)[0]
        seen.append((gone, stage[gone]))
    moving = np.flatnonzero(deals.is_worked)
    while len(moving):
        at = deals.klass[moving], stage[moving], bin_of_age[np.minimum(age[moving], len(bin_of_age) - 1)]
        chance = rng.random(len(moving))
        leaves = np.flatnonzero(chance < edges[(*at, -1)])
        of_leaver = edges[at[0][leaves], at[1][leaves], at[2][leaves]]
        place = (chance[leaves, None] >= of_leaver).sum(axis=1)
        who = moving[leaves]
        stage[who], age[who] = place, 0
        seen.append((who, place))
        moving = who[place < n_open]
    return stage, age, seen
