"""Moves of some deals of a large log: entries and endings that only the deals table tells of.

The rules are those of :func:`funnelsim.read_deals`, on arrays: a deal without an entry on record enters
when it was created, a deal without an ending on record ends when it was closed, and what cannot be told is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.vocabulary.stages import Stages

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.datetime64]

UNSAID, OPEN = -1, -2  # what the outcome says besides an outcome: nothing, or that the deal is open
_NEVER = np.datetime64("NaT", "us")


class FaultyDealError(Exception):
    """A deal that read_deals would refuse, or repair by a guess; `deal` is its position."""

    def __init__(self, message: str, column: str, deal: int, n_deals: int) -> None:
        super().__init__(message)
        self.message, self.column, self.deal, self.n_deals = message, column, deal, n_deals


@dataclass(frozen=True, eq=False)
class LogDeals:
    """Deals of a part, in the order of their table.

    Parameters
    ----------
    row : ndarray of int
        Row in the whole table.
    created_at, closed_at : ndarray of datetime64[us]
    outcome : ndarray of int
        Code of an outcome, `UNSAID` or `OPEN`.
    is_guess : ndarray of bool
        Whether the table says won or lost without saying which of several such outcomes.
    stage : ndarray of int
        Code of the place the table names; -1 where it names none.
    amount : ndarray of float
    """

    row: Ints
    created_at: Moments
    closed_at: Moments
    outcome: Ints
    is_guess: Flags
    stage: Ints
    amount: Floats


@dataclass(frozen=True, eq=False)
class LogMoves:
    """Moves of a part, sorted by deal, moment and row of the file.

    Parameters
    ----------
    deal : ndarray of int
        Position of the deal in the part.
    stage : ndarray of int
    entered_at, recorded_at : ndarray of datetime64[us]
    amount : ndarray of float
        Only to tell rows that say the same twice from others.
    """

    deal: Ints
    stage: Ints
    entered_at: Moments
    recorded_at: Moments
    amount: Floats

    def keep(self, which: Flags) -> LogMoves:
        """Only the flagged moves."""
        if which.all():
            return self
        return self.take(which)

    def take(self, which: Flags | Ints) -> LogMoves:
        """The flagged moves, or the moves at these positions."""
        return LogMoves(
            self.deal[which],
            self.stage[which],
            self.entered_at[which],
            self.recorded_at[which],
            self.amount[which],
        )

    def sorted_by_deal_and_time(self) -> LogMoves:
        """By deal and moment; moves of one moment stay in their order. Logs in order of time are quick."""
        by_deal = self.take(np.argsort(self.deal, kind="stable"))
        same_deal = by_deal.deal[1:] == by_deal.deal[:-1]
        if (same_deal & (by_deal.entered_at[1:] < by_deal.entered_at[:-1])).any():
            return by_deal.take(np.lexsort((by_deal.entered_at, by_deal.deal)))
        return by_deal


def complete_moves(deals: LogDeals, moves: LogMoves, stages: Stages) -> LogMoves:
    """Every move of the deals: those of the log that count, with entries and endings of the deals table.

    Raises
    ------
    FaultyDealError
        If the tables contradict each other, or do not say when a deal arrived or ended.
    """
    moves = moves.keep(~_repeated(moves))
    _refuse_won_and_lost_at_once(moves, stages)
    is_late = _after_closing(deals, moves, stages)
    late = moves.keep(is_late & (stages.reopened != "merge"))
    moves = moves.keep(~is_late)
    entries = _entries(deals, moves, stages)
    endings = _endings(deals, moves, entries, stages)
    return _in_order(entries, moves, endings, late)


def _repeated(moves: LogMoves) -> Flags:
    """Rows that say the same as an earlier one; only rows of one moment need to be compared."""
    same = (moves.deal[1:] == moves.deal[:-1]) & (moves.entered_at[1:] == moves.entered_at[:-1])
    at = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(same) else np.zeros(0, int)
    columns = {
        "deal": moves.deal[at],
        "stage": moves.stage[at],
        "entered_at": moves.entered_at[at],
        "recorded_at": moves.recorded_at[at],
        "amount": moves.amount[at],
    }
    repeated = np.zeros(len(moves.deal), dtype=bool)
    repeated[at] = pd.DataFrame(columns).duplicated().to_numpy(bool)
    return repeated


def _refuse(deals: Flags, column: str, message: str) -> None:
    if deals.any():
        raise FaultyDealError(message, column, int(np.flatnonzero(deals)[0]), int(deals.sum()))


def _refuse_won_and_lost_at_once(moves: LogMoves, stages: Stages) -> None:
    ends = moves.keep(moves.stage >= stages.n_open)
    same = (ends.deal[1:] == ends.deal[:-1]) & (ends.entered_at[1:] == ends.entered_at[:-1])
    is_won = stages.is_won[ends.stage]
    differ = np.flatnonzero(same & (is_won[1:] != is_won[:-1]))
    if len(differ):
        message = "the history has the deal won and lost in the same moment; delete the row that is wrong"
        raise FaultyDealError(message, "stage", int(ends.deal[differ[0]]), len(np.unique(ends.deal[differ])))


def _is_before(earlier: Moments, later: Moments) -> Flags:
    """Whether a moment lies before another; a plain date is not before a time on the same day."""
    day = earlier.astype("datetime64[D]")
    is_same_date = (earlier == day) & (day == later.astype("datetime64[D]"))
    before: Flags = (earlier < later) & ~is_same_date
    return before


def _has(moves: LogMoves, which: Flags, n_deals: int) -> Flags:
    """Whether each deal has a flagged move."""
    found = np.zeros(n_deals, dtype=bool)
    found[moves.deal[which]] = True
    return found


def _first_dates(moves: LogMoves, n_deals: int) -> Moments:
    first = np.full(n_deals, _NEVER)
    begins = np.flatnonzero(np.append(True, moves.deal[1:] != moves.deal[:-1])[: len(moves.deal)])
    first[moves.deal[begins]] = moves.entered_at[begins]
    return first


def _after_closing(deals: LogDeals, moves: LogMoves, stages: Stages) -> Flags:
    """Moves after the closing date of a deal that moved before it too, and whose log tells of no ending."""
    n_deals = len(deals.row)
    has_end = _has(moves, moves.stage >= stages.n_open, n_deals)
    closed_at = np.where(has_end | (deals.outcome < stages.n_open), _NEVER, deals.closed_at)
    is_early = _is_before(closed_at, _first_dates(moves, n_deals))
    is_late: Flags = _is_before(closed_at[moves.deal], moves.entered_at) & ~is_early[moves.deal]
    return is_late


def _only_dated(deal: Ints, stage: Ints, entered_at: Moments) -> LogMoves:
    return LogMoves(deal, stage, entered_at, np.full(len(deal), _NEVER), np.full(len(deal), np.nan))


def _entries(deals: LogDeals, moves: LogMoves, stages: Stages) -> LogMoves:
    """Entry at the creation of a deal, for deals whose log tells of none."""
    n_deals = len(deals.row)
    has_entry = _has(moves, moves.stage < stages.n_open, n_deals)
    first_at = _first_dates(moves, n_deals)
    entered_at = np.where(_is_before(first_at, deals.created_at), first_at, deals.created_at)
    _refuse(
        np.isnat(first_at) & np.isnat(deals.created_at),
        "created_at",
        "no dated move and no creation date; when the deal arrived is not known: date it, or leave it out",
    )
    at = np.flatnonzero(~has_entry & ~np.isnat(deals.created_at))
    is_open = (deals.stage[at] >= 0) & (deals.stage[at] < stages.n_open)
    return _only_dated(at, np.where(is_open, deals.stage[at], 0), entered_at[at])


def _last_moves(moves: LogMoves, entries: LogMoves, n_deals: int) -> tuple[Ints, Moments]:
    """Stage and moment of the last move of every deal; in the same moment the log comes after the entry."""
    stage, entered_at = np.full(n_deals, -1, dtype=np.int64), np.full(n_deals, _NEVER)
    ends = np.flatnonzero(np.append(moves.deal[1:] != moves.deal[:-1], True)[: len(moves.deal)])
    stage[moves.deal[ends]], entered_at[moves.deal[ends]] = moves.stage[ends], moves.entered_at[ends]
    is_last = ~(entered_at[entries.deal] >= entries.entered_at)  # or the log is silent
    later = entries.keep(is_last)
    stage[later.deal], entered_at[later.deal] = later.stage, later.entered_at
    return stage, entered_at


def _endings(deals: LogDeals, moves: LogMoves, entries: LogMoves, stages: Stages) -> LogMoves:
    """Endings that only the deals table tells of."""
    n_deals, outcome = len(deals.row), deals.outcome
    last_stage, last_at = _last_moves(moves, entries, n_deals)
    says_end, has_end, has_date = (
        outcome >= stages.n_open,
        last_stage >= stages.n_open,
        ~np.isnat(deals.closed_at),
    )
    agrees = says_end & has_end & (stages.is_won[outcome] == stages.is_won[last_stage])
    for is_faulty, column, message in (
        (
            (outcome == OPEN) & has_date,
            "closed_at",
            "the deal is open but has a closing date; empty the date",
        ),
        (
            (outcome == UNSAID) & has_date & ~has_end,
            "closed_at",
            "the deal has a closing date, but nothing says how it ended; fill in the outcome",
        ),
        (
            has_end & (outcome != UNSAID) & ~agrees & (stages.reopened != "cut"),
            "outcome",
            "the outcome contradicts the ending in the history; correct whichever is wrong",
        ),
    ):
        _refuse(is_faulty, column, message)
    was_won, was_lost = (_has(moves, kind[moves.stage], n_deals) for kind in (stages.is_won, stages.is_lost))
    ended_before = np.where(stages.is_won[outcome], was_won, was_lost)
    is_new = says_end & ~has_end & (has_date | ~ended_before)
    _refuse(is_new & ~has_date, "closed_at", "the deal has ended, but nothing says when; fill in the date")
    message = (
        "the history tells of no ending, and several outcomes are of this kind; name the one that is meant"
    )
    _refuse(is_new & deals.is_guess, "outcome", message)
    at = np.flatnonzero(is_new)
    return _only_dated(at, outcome[at], np.maximum(deals.closed_at, last_at)[at])


def _in_order(entries: LogMoves, moves: LogMoves, endings: LogMoves, late: LogMoves) -> LogMoves:
    """All moves by deal and moment; in one moment, entries, moves, endings and late moves, in this order."""
    parts = (entries, moves, endings, late)
    if sum(len(part.deal) for part in parts) == len(moves.deal):
        return moves
    return LogMoves(
        deal=np.concatenate([part.deal for part in parts]),
        stage=np.concatenate([part.stage for part in parts]),
        entered_at=np.concatenate([part.entered_at for part in parts]),
        recorded_at=np.concatenate([part.recorded_at for part in parts]),
        amount=np.concatenate([part.amount for part in parts]),
    ).sorted_by_deal_and_time()
