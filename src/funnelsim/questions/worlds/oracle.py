"""Oracle: the forecaster who knows the true process and the true state of every open deal at the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.law import Futures
from funnelsim.questions.worlds.process import Process
from funnelsim.questions.worlds.walk import Deals, swing_blocks
from funnelsim.questions.worlds.world import World, check_edges, future_wins

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrueChances:
    """What the truth says of each period, before any future is drawn.

    Parameters
    ----------
    open_deals : ndarray of shape (n_deals, n_periods)
        Chance of each open deal to be won in each period.
    new_wins : ndarray of shape (n_blocks, n_classes, n_periods)
        Expected wins of deals that arrive in each block of days with a common swing.
    """

    open_deals: Floats
    new_wins: Floats


def true_chances(process: Process, deals: Deals, edges: Ints) -> TrueChances:
    """Chances to be won in each period under the true process, by recursion backward in time.

    Parameters
    ----------
    process : Process
        Without a limit on the deals worked at once: under one, deals do not move independently.
    deals : Deals
        Open at the cutoff.
    edges : ndarray of int, shape (n_periods + 1,)

    Returns
    -------
    TrueChances

    Notes
    -----
    ``W[c, s, a, p]`` is the chance that a deal of class c, in stage s and of age a on the morning of a day,
    is won in period p. A day before, it is won, or moves and is at age 0 on that same day, or grows a day
    older; one small system of equations a day settles moves that follow each other on one day. Ages from the
    first of the last bin on are alike.
    """
    n_classes, n_open, is_won = process.n_classes, process.stages.n_open, process.stages.is_won
    bins, n_periods = process.bin_of_age, len(edges) - 1
    older = np.minimum(np.arange(len(bins)) + 1, len(bins) - 1)
    first = process.cutoff_step + 1
    block = swing_blocks(process, first, int(edges[-1]) - 1)
    value = np.zeros((n_classes, n_open, len(bins), n_periods))
    new_wins = np.zeros((block[-1] + 1, n_classes, n_periods))
    for step in range(int(edges[-1]) - 1, process.cutoff_step, -1):
        chances = process.chances_on(step)[:, :, bins]
        counts = (edges[:-1] <= step) & (step < edges[1:])
        won, onward = chances[..., is_won].sum(axis=-1), chances[..., :n_open]
        stays = 1.0 - chances.sum(axis=-1)
        value = stays[..., None] * value[:, :, older] + won[..., None] * counts
        entering = np.linalg.solve(np.eye(n_open) - onward[:, :, 0], value[:, :, 0])
        value += np.einsum("csaj,cjp->csap", onward, entering)
        day = step - process.start_step
        arriving = process.arrival_rate[day] * process.class_shares[day]
        on_arrival = np.einsum("s,csp->cp", process.entry_shares, entering)
        new_wins[block[step - first]] += arriving[:, None] * on_arrival
    age = np.minimum(deals.age + 1, len(bins) - 1)
    return TrueChances(value[deals.klass, deals.stage, age], new_wins)


def true_futures(world: World, edges: Ints, n_futures: int, rng: np.random.Generator) -> Futures:
    """Futures of a world as one would draw them who knows the truth at its cutoff.

    Parameters
    ----------
    world : World
    edges : ndarray of int, shape (n_periods + 1,)
        Days on which periods begin, after the cutoff.
    n_futures : int
    rng : Generator

    Returns
    -------
    Futures
        Wins and bookings, of open deals and of later arrivals.

    Raises
    ------
    WorldError
        If the periods reach beyond what the world knows.

    Notes
    -----
    Deals move independently unless desks are limited, so their fates are drawn from their chances
    (:func:`true_chances`), and the wins of later arrivals are Poisson given the swings of the arrivals. With
    limited desks the futures are walked day by day.

    Examples
    --------
    >>> from funnelsim.questions.worlds.families import FAMILIES
    >>> world = FAMILIES["stable"].world(seed=1)
    >>> futures = true_futures(world, world.edges(), 1000, np.random.default_rng(0))
    >>> futures.open_wins.shape
    (1000, 1)
    """
    edges = np.asarray(edges)
    check_edges(world.process, edges)
    if world.process.desks is not None:
        last = int(edges[-1]) - 1
        wins = future_wins(world.process, world.deals, world.amount, rng, n_futures=n_futures, until=last)
        return wins.totals(edges, n_futures)
    chances = true_chances(world.process, world.deals, edges)
    open_wins, open_bookings = _open_totals(chances.open_deals, world.amount, n_futures, rng)
    new_wins, new_bookings = _new_totals(world.process, chances.new_wins, n_futures, rng)
    return Futures(open_wins, new_wins, open_bookings, new_bookings, n_draws=1)


def _open_totals(
    chances: Floats, amount: Floats, n_futures: int, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Wins and bookings of open deals: one number a deal says in which period it is won, if in any."""
    n_deals, n_periods = chances.shape
    fate = rng.random((n_futures, n_deals))
    upper = np.cumsum(chances, axis=1)
    wins, bookings = np.zeros((n_futures, n_periods), dtype=np.int64), np.zeros((n_futures, n_periods))
    for period in range(n_periods):
        is_won = (fate < upper[:, period]) & (fate >= upper[:, period] - chances[:, period])
        wins[:, period], bookings[:, period] = is_won.sum(axis=1), is_won @ amount
    return wins, bookings


def _new_totals(
    process: Process, expected: Floats, n_futures: int, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Wins and bookings of deals yet to arrive."""
    n_blocks, n_classes, n_periods = expected.shape
    swings = np.ones((n_futures, n_blocks))
    if process.dispersion > 0:
        swings = rng.standard_gamma(1.0 / process.dispersion, swings.shape) * process.dispersion
    wins = rng.poisson(np.einsum("fb,bcp->fcp", swings, expected))
    klass = np.broadcast_to(np.arange(n_classes)[:, None], wins.shape[1:])
    cell = np.arange(n_futures * n_periods).reshape(n_futures, 1, n_periods)
    of_win = np.repeat(np.broadcast_to(cell, wins.shape).ravel(), wins.ravel())
    amount = process.amounts.draw(np.repeat(np.broadcast_to(klass, wins.shape).ravel(), wins.ravel()), rng)
    bookings = np.bincount(of_win, amount, n_futures * n_periods).astype(float)
    return wins.sum(axis=1), bookings.reshape(n_futures, n_periods)
