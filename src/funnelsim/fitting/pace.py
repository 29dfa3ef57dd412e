"""Learning the pace: which transitions move in calendar time, and how fast arrivals come now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.funnel import FunnelError
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.by_time import StepCounts, sum_by_block
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import (
    LAST_PERIODS,
    LEAST_EXITS,
    average_levels,
    block_steps_for,
    fit_levels,
)
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]
LevelPeriod = Literal["auto", "week", "month", "quarter"]

LEVEL_STEPS = {
    "hour": {"week": 168, "month": 672, "quarter": 2184},
    "day": {"week": 7, "month": 28, "quarter": 91},
    "week": {"week": 1, "month": 4, "quarter": 13},
    "month": {"month": 1, "quarter": 3},
}


@dataclass(frozen=True, eq=False)
class Timed:
    """Counts by step of a history.

    Parameters
    ----------
    clock : Clock
    first_step : int
        First step of `counts`.
    counts : sequence of StepCounts
        One per open stage.
    arrivals : ndarray of float, shape (n_steps,)
        Arrivals by step, up to the last one in which they are recorded completely.
    last_arrival_step : int
    """

    clock: Clock
    first_step: int
    counts: Sequence[StepCounts]
    arrivals: Floats
    last_arrival_step: int

    @property
    def moments(self) -> Moments:
        """Start of each step of `counts`."""
        return self.clock.start_of(self.first_step + np.arange(self.counts[0].at_risk.shape[1]))

    @property
    def arrival_moments(self) -> Moments:
        """Start of each step of `arrivals`."""
        return self.clock.start_of(
            self.last_arrival_step - len(self.arrivals) + 1 + np.arange(len(self.arrivals))
        )


def _level_steps(step: str, period: LevelPeriod, exits_by_step: Floats) -> int:
    sizes = LEVEL_STEPS[step]
    if period == "auto":
        return block_steps_for(exits_by_step, list(sizes.values()))
    if period not in sizes:
        known = ", ".join(repr(name) for name in ("auto", *sizes))
        raise FunnelError(f"level_period={period!r} is unknown on a clock of {step}s; use {known} or None")
    return sizes[period]


def fit_pace(
    steps: Timed,
    hazards: tuple[StageHazards, ...],
    arrivals: Arrivals,
    calendar: Calendar | None,
    stages: Stages,
    period: LevelPeriod,
) -> Pace:
    """Levels of the arrivals, and of the transitions that were seen often enough.

    Parameters
    ----------
    steps : Timed
    hazards : tuple of StageHazards
    arrivals : Arrivals
    calendar : Calendar, optional
        What of the past it explains is no level.
    stages : Stages
    period : {"auto", "week", "month", "quarter"}

    Raises
    ------
    FunnelError
        If the clock has no such period.
    """
    exits = np.stack([counts.exits for counts in steps.counts])
    size = _level_steps(steps.clock.step, period, exits.sum(axis=(0, 1)))
    has_calendar = calendar is not None and calendar.moves_deals
    factor = calendar.by_place(stages, steps.moments) if calendar and has_calendar else None
    expected = np.stack(
        [c.expected(h.mean_hazards(), factor) for c, h in zip(steps.counts, hazards, strict=True)]
    )
    observed, expected = (sum_by_block(part, size)[..., -LAST_PERIODS:] for part in (exits, expected))
    stage, place = np.nonzero(observed.sum(axis=2) >= LEAST_EXITS)
    levels, is_apart = fit_levels(observed[stage, place], expected[stage, place])
    return Pace(
        size,
        stage[is_apart],
        place[is_apart],
        levels.keep(is_apart),
        _arrival_pace(steps, arrivals, calendar),
    )


def _arrival_pace(steps: Timed, arrivals: Arrivals, calendar: Calendar | None) -> ArrivalPace:
    usual = np.full(len(steps.arrivals), arrivals.mean_per_block / arrivals.block_steps)
    if calendar is not None:
        usual = usual * calendar.by_step("arrivals", steps.arrival_moments)
    by_block, expected = (sum_by_block(part, arrivals.block_steps) for part in (steps.arrivals, usual))
    return ArrivalPace(*average_levels(by_block, expected))
