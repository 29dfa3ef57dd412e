"""World: a deal history that ends at its cutoff, and the truth about it, before and after."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.law import Futures
from funnelsim.nouns.records import Records
from funnelsim.questions.worlds.process import CLOCK, Process
from funnelsim.questions.worlds.sample import WorldError
from funnelsim.questions.worlds.walk import Deals, Walked, walk
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MONTHS_A_PERIOD = 3


@dataclass(frozen=True, eq=False)
class Wins:
    """Deals won after the cutoff.

    Parameters
    ----------
    future, step : ndarray of int, shape (n_wins,)
        The future each belongs to, and the day.
    amount : ndarray of float, shape (n_wins,)
    was_open : ndarray of bool, shape (n_wins,)
        Open at the cutoff; the others arrived later.
    """

    future: Ints
    step: Ints
    amount: Floats
    was_open: npt.NDArray[np.bool_]

    def totals(self, edges: Ints, n_futures: int) -> Futures:
        """Wins and bookings by future and period, of deals open at the cutoff and of later ones apart."""
        n_periods = len(edges) - 1
        period = np.searchsorted(edges, self.step, side="right") - 1
        inside = (period >= 0) & (period < n_periods)
        cell = self.future * n_periods + period

        def added(which: npt.NDArray[np.bool_], weights: Floats | None) -> npt.NDArray[np.generic]:
            size = n_futures * n_periods
            by_cell = np.bincount(cell[which], None if weights is None else weights[which], size)
            return np.asarray(by_cell.reshape(n_futures, n_periods))

        of_open, of_new = inside & self.was_open, inside & ~self.was_open
        return Futures(
            open_wins=added(of_open, None).astype(np.int64),
            new_wins=added(of_new, None).astype(np.int64),
            open_bookings=added(of_open, self.amount).astype(float),
            new_bookings=added(of_new, self.amount).astype(float),
            n_draws=1,
        )


@dataclass(frozen=True, eq=False)
class World:
    """A history as known at the cutoff, and the truth.

    Parameters
    ----------
    family : str
        Name of the family it belongs to.
    history : DealHistory
        What a forecaster is shown: nothing after the cutoff.
    process : Process
        How deals arrive and move, before and after the cutoff.
    deals : Deals
        True state of the open deals at the cutoff, in the order of their numbers.
    amount : ndarray of float
        Their amounts.
    wins : Wins
        What came after the cutoff, in one future.
    """

    family: str
    history: DealHistory
    process: Process
    deals: Deals
    amount: Floats
    wins: Wins

    def edges(self, n_periods: int = 1) -> Ints:
        """Edges of the quarters after the cutoff: three whole months each; shape (n_periods + 1,).

        Raises
        ------
        WorldError
            If they reach beyond what was simulated.
        """
        first = CLOCK.start_of(self.process.cutoff_step + 1).astype("datetime64[M]")
        edges = CLOCK.step_of(first + _MONTHS_A_PERIOD * np.arange(n_periods + 1))
        if edges[0] != self.process.cutoff_step + 1 or edges[-1] > self.process.end_step + 1:
            raise WorldError(
                f"{n_periods} quarters reach beyond the last simulated day; ask for fewer, or simulate longer"
            )
        return edges

    def actual(self, edges: Ints) -> Futures:
        """What came by period: wins and bookings, of deals open at the cutoff and of later arrivals apart.

        Parameters
        ----------
        edges : ndarray of int, shape (n_periods + 1,)
            Days on which periods begin, the last one exclusive; after the cutoff.

        Returns
        -------
        Futures
            Of a single future: arrays of shape (1, n_periods).

        Raises
        ------
        WorldError
            If the periods begin before the cutoff is over or end after the last simulated day.
        """
        check_edges(self.process, edges)
        return self.wins.totals(np.asarray(edges), 1)

    def __repr__(self) -> str:
        return f"World({self.family}: {self.history!r}; {len(self.wins.step)} wins after it)"


def check_edges(process: Process, edges: Ints) -> None:
    """Refuse periods of which a world knows nothing."""
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise WorldError(f"edges {edges} must be at least two, and increase")
    if edges[0] <= process.cutoff_step or edges[-1] > process.end_step + 1:
        raise WorldError(
            f"edges {edges[0]} to {edges[-1]} must lie after the cutoff {process.cutoff_step} "
            f"and end by {process.end_step + 1}"
        )


def simulate_world(
    process: Process, seed: int | np.random.Generator | None = 0, *, family: str = ""
) -> World:
    """A world of a process: its history up to the cutoff, and one future after it.

    Parameters
    ----------
    process : Process
    seed : int, Generator or None
    family : str
        Name of the family, for messages.

    Returns
    -------
    World

    Raises
    ------
    WorldError
        If no deal arrives by the cutoff.

    Notes
    -----
    The past, the future and the amounts of both have streams of their own, so the history is the same
    however long the future.
    """
    streams, cutoff = Streams.of(seed), process.cutoff_step
    past = walk(process, Deals.none(), process.start_step, cutoff, streams.generator("past"))
    if not len(past.klass):
        raise WorldError("no deal arrived by the cutoff; make arrivals more frequent or the past longer")
    amounts = process.amounts.draw(past.klass, streams.generator("amounts"))
    n_open = len(past.deals.number)
    amount, deals = amounts[past.deals.number], replace(past.deals, number=np.arange(n_open))
    wins = future_wins(process, deals, amount, streams.generator("future"), n_futures=1)
    return World(family, _history(process, past, amounts), process, deals, amount, wins)


def future_wins(
    process: Process,
    deals: Deals,
    amount: Floats,
    rng: np.random.Generator,
    *,
    n_futures: int,
    until: int = 0,
) -> Wins:
    """Wins after the cutoff, in futures walked day by day from the true state.

    Parameters
    ----------
    process : Process
    deals : Deals
        Of one future, open at the cutoff, numbered from 0.
    amount : ndarray of float
        Of these deals.
    rng : Generator
    n_futures : int
    until : int
        Last day; the process's own by default.

    Returns
    -------
    Wins
    """
    n_open = len(deals.number) * n_futures
    start = deals.repeated(n_futures)
    last = until or process.end_step
    ahead = walk(process, start, process.cutoff_step + 1, last, rng, n_futures=n_futures)
    won = process.stages.is_won[ahead.place]
    number = ahead.deal[won]
    all_amounts = np.concatenate([np.tile(amount, n_futures), process.amounts.draw(ahead.klass, rng)])
    future = np.concatenate([start.future, ahead.future])
    return Wins(future[number], ahead.step[won], all_amounts[number], number < n_open)


def _history(process: Process, past: Walked, amounts: Floats) -> DealHistory:
    """The records at the cutoff: moves of each deal in order, those left out that ended before the window."""
    order = np.argsort(past.deal, kind="stable")
    deal, place, step = past.deal[order], past.place[order], past.step[order]
    opens = process.window_start_step
    if opens is not None:
        ended_before = np.unique(deal[(place >= process.stages.n_open) & (step < opens)])
        keep = ~np.isin(deal, ended_before)
        deal, place, step = deal[keep], place[keep], step[keep]
    kept, position = np.unique(deal, return_inverse=True)
    frame = pd.DataFrame({"deal_id": [f"D{i + 1:05d}" for i in kept], "amount": amounts[kept]})
    if process.class_names:
        frame["source"] = np.array(process.class_names, dtype=object)[past.klass[kept]]
    moves = pd.DataFrame(
        {
            "deal": position,
            "stage": place,
            "entered_at": CLOCK.start_of(step).astype("datetime64[ns]"),
            "recorded_at": np.datetime64("NaT", "ns"),
            "amount": np.nan,
            "row": np.arange(len(deal)) + 2,
        }
    )
    last_moment = CLOCK.start_of(process.cutoff_step + 1) - np.timedelta64(1, "us")
    return DealHistory(
        records=Records(frame, moves),
        stages=process.stages,
        clock=CLOCK,
        cutoff=CLOCK.known_until(last_moment),
        window_start=None if opens is None else np.datetime64(CLOCK.start_of(opens).item(), "s"),
        unit="EUR",
    )
