"""What a fit counts in a history: everything here adds over deals, so parts of a log can be counted apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.by_time import StepCounts, count_steps
from funnelsim.numerics.hazards import AgeCounts, StageHazards, count_ages
from funnelsim.numerics.weighted_pipeline import ClosedRates, closed_rates

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    won_step : ndarray of int, shape (n_won,)
    won_amount : ndarray of float, shape (n_won,)
        Wins since the window's start, oldest first; NaN where no amount is recorded.
    n_deals, n_won, n_lost, n_first_seen_ended : int
        Deals; those that stand won and lost; those whose first move on record is their end.
    """

    ages: tuple[AgeCounts, ...]
    arrivals: Floats
    closed: ClosedRates
    won_step: Ints
    won_amount: Floats
    n_deals: int
    n_won: int
    n_lost: int
    n_first_seen_ended: int

    @classmethod
    def of(cls, history: DealHistory) -> Tally:
        """Count a history."""
        stages, paths = history.stages, history.paths
        first, last = paths.keep(paths.is_first), paths.keep(paths.is_last)
        is_won, is_lost = stages.is_won[last.place], stages.is_lost[last.place]
        is_entry = first.place < stages.n_open
        entered = history.clock.step_of(first.entered_at[is_entry])
        won_step, won_amount = _won_amounts(history)
        by_deal = np.zeros((2, len(history.records.deals)), dtype=bool)
        by_deal[:, first.deal] = is_won, is_won | is_lost
        return cls(
            ages=tuple(
                count_ages(history.spells, stage, len(stages.names), history.window_start_step)
                for stage in range(stages.n_open)
            ),
            arrivals=_count_arrivals(entered, first.place[is_entry], stages.n_open, history.cutoff_step),
            closed=closed_rates(history.spells, by_deal[0], by_deal[1], stages.n_open),
            won_step=won_step,
            won_amount=won_amount,
            n_deals=len(first.deal),
            n_won=int(is_won.sum()),
            n_lost=int(is_lost.sum()),
            n_first_seen_ended=int((~is_entry).sum()),
        )


def _count_arrivals(step: Ints, stage: Ints, n_open: int, last_step: int) -> Floats:
    n_steps = last_step - int(step.min(initial=last_step)) + 1
    cells = np.bincount((step - last_step + n_steps - 1) * n_open + stage, minlength=n_steps * n_open)
    return cells.reshape(n_steps, n_open).astype(float)


def _won_amounts(history: DealHistory) -> tuple[Ints, Floats]:
    deals = history.deals
    won = deals[deals["outcome"] == "won"].sort_values("closed_at", kind="stable")
    if history.window_start is not None:
        won = won[won["closed_at"] >= history.window_start]
    step = history.clock.step_of(won["closed_at"].to_numpy())
    return step, won["amount"].to_numpy(float)


def count_by_step(
    history: DealHistory, hazards: tuple[StageHazards, ...], first_step: int
) -> list[StepCounts]:
    """Exits and exposure of every open stage by step, in the bins of its hazards; adds over deals."""
    n_places, span = len(history.stages.names), (first_step, history.cutoff_step)
    return [
        count_steps(history.spells, stage, n_places, of_stage.first_age, span)
        for stage, of_stage in enumerate(hazards)
    ]
