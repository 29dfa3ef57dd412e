"""What a fit counts in a history: everything here adds over deals, so parts of a log can be counted apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.by_time import StepCounts, count_steps
from funnelsim.numerics.hazards import AgeCounts, Spells, StageHazards, count_ages, sum_ages
from funnelsim.numerics.weighted_pipeline import ClosedRates, closed_rates

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Moments = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts and exposures of a history, or of some of its deals.

    Parameters
    ----------
    ages : tuple of AgeCounts
        One per open stage.
    arrivals : ndarray of shape (n_steps, n_open)
        Arrivals by step and stage of entry; the last row is the cutoff step.
    closed : ClosedRates
    won_at : ndarray of datetime64, shape (n_won,)
    won_row : ndarray of int, shape (n_won,)
        Row of each won deal in the deals table: what decides between wins of the same moment.
    won_amount : ndarray of float, shape (n_won,)
        Wins since the window's start, oldest first; NaN where no amount is recorded.
    won_ratio : ndarray of float, shape (n_won, n_open)
        Amount of each win over the amount that was listed when the deal was in each stage; NaN where unknown.
    first_step : int
        Step of the first move on record.
    n_deals, n_won, n_lost, n_first_seen_ended : int
        Deals; those that stand won and lost; those whose first move on record is their end.
    """

    ages: tuple[AgeCounts, ...]
    arrivals: Floats
    closed: ClosedRates
    won_at: Moments
    won_row: Ints
    won_amount: Floats
    won_ratio: Floats
    first_step: int
    n_deals: int
    n_won: int
    n_lost: int
    n_first_seen_ended: int

    @classmethod
    def of(cls, history: DealHistory, rows: Ints | None = None) -> Tally:
        """Count a history.

        Parameters
        ----------
        history : DealHistory
        rows : ndarray of int, shape (n_records,), optional
            Row in the whole deals table of each deal of ``history.records``; needed for a part only.
        """
        stages, paths = history.stages, history.paths
        first, last = paths.keep(paths.is_first), paths.keep(paths.is_last)
        is_won, is_lost = stages.is_won[last.place], stages.is_lost[last.place]
        is_entry = first.place < stages.n_open
        entered = history.clock.step_of(first.entered_at[is_entry])
        won_at, won_position, won_amount = _won_amounts(history)
        won_row = first.deal[won_position]
        by_deal = np.zeros((2, len(history.records.deals)), dtype=bool)
        by_deal[:, first.deal] = is_won, is_won | is_lost
        return cls(
            ages=tuple(
                count_ages(history.spells, stage, len(stages.names), history.window_start_step)
                for stage in range(stages.n_open)
            ),
            arrivals=_count_arrivals(entered, first.place[is_entry], stages.n_open, history.cutoff_step),
            closed=closed_rates(history.spells, by_deal[0], by_deal[1], stages.n_open),
            won_at=won_at,
            won_row=won_row if rows is None else rows[won_row],
            won_amount=won_amount,
            won_ratio=_revisions(history, won_row, won_amount),
            first_step=int(history.clock.step_of(paths.entered_at.min())),
            n_deals=len(first.deal),
            n_won=int(is_won.sum()),
            n_lost=int(is_lost.sum()),
            n_first_seen_ended=int((~is_entry).sum()),
        )

    @classmethod
    def total(cls, parts: Sequence[Tally]) -> Tally:
        """Sum of the counts of parts that share no deal; their order does not matter."""
        at, row, amount, ratio = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("won_at", "won_row", "won_amount", "won_ratio")
        )
        order = np.lexsort((row, at))
        return cls(
            ages=tuple(sum_ages(of_stage) for of_stage in zip(*(part.ages for part in parts), strict=True)),
            arrivals=_sum_arrivals([part.arrivals for part in parts]),
            closed=ClosedRates(
                np.sum([part.closed.n_won for part in parts], axis=0),
                np.sum([part.closed.n_closed for part in parts], axis=0),
            ),
            won_at=at[order],
            won_row=row[order],
            won_amount=amount[order],
            won_ratio=ratio[order],
            first_step=min(part.first_step for part in parts),
            n_deals=sum(part.n_deals for part in parts),
            n_won=sum(part.n_won for part in parts),
            n_lost=sum(part.n_lost for part in parts),
            n_first_seen_ended=sum(part.n_first_seen_ended for part in parts),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally.total((self, other))


def _sum_arrivals(parts: list[Floats]) -> Floats:
    """Sums over steps counted back from the cutoff, which is the last row of every part."""
    n_steps = max(len(arrivals) for arrivals in parts)
    total = np.zeros((n_steps, parts[0].shape[1]))
    for arrivals in parts:
        total[n_steps - len(arrivals) :] += arrivals
    return total


def _count_arrivals(step: Ints, stage: Ints, n_open: int, last_step: int) -> Floats:
    n_steps = last_step - int(step.min(initial=last_step)) + 1
    cells = np.bincount((step - last_step + n_steps - 1) * n_open + stage, minlength=n_steps * n_open)
    return cells.reshape(n_steps, n_open).astype(float)


def _won_amounts(history: DealHistory) -> tuple[Moments, Ints, Floats]:
    """When each win was made, its position among the deals that moved, and its amount; oldest first."""
    deals = history.deals
    won = deals[deals["outcome"] == "won"].sort_values("closed_at", kind="stable")
    if history.window_start is not None:
        won = won[won["closed_at"] >= history.window_start]
    at = won["closed_at"].to_numpy("datetime64[us]")
    return at, won.index.to_numpy(np.int64), won["amount"].to_numpy(float)


def _revisions(history: DealHistory, won_row: Ints, won_amount: Floats) -> Floats:
    """Won amounts over the amounts last recorded while, or before, the deal was in each stage."""
    n_open, moves = history.stages.n_open, history.records.moves
    ratio = np.full((len(won_row), n_open), np.nan)
    if not len(won_row) or not moves["amount"].notna().any():
        return ratio
    moves = moves[moves["deal"].isin(won_row)].sort_values("entered_at", kind="stable")
    listed = moves.groupby("deal")["amount"].ffill().to_numpy(float)
    in_stage = moves["stage"].to_numpy(np.int64) < n_open
    deal, stage = (moves[name].to_numpy(np.int64)[in_stage] for name in ("deal", "stage"))
    by_deal = np.full((len(history.records.deals), n_open), np.nan)
    by_deal[deal, stage] = listed[in_stage]  # of several stays in a stage the last one counts
    np.divide(won_amount[:, None], by_deal[won_row], out=ratio, where=by_deal[won_row] > 0)
    return ratio


def count_by_step(
    history: DealHistory, hazards: tuple[StageHazards, ...], first_step: int
) -> list[StepCounts]:
    """Exits and exposure of every open stage by step, in the bins of its hazards; adds over deals."""
    span = (first_step, history.cutoff_step)
    return count_spells(history.spells, hazards, len(history.stages.names), span)


def count_spells(
    spells: Spells, hazards: tuple[StageHazards, ...], n_places: int, span: tuple[int, int]
) -> list[StepCounts]:
    """The same for stays, from the first to the last step of a span."""
    return [
        count_steps(spells, stage, n_places, of_stage.first_age, span)
        for stage, of_stage in enumerate(hazards)
    ]
