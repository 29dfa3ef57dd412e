"""From a deal history to a funnel: counts and exposures, nothing that keeps a deal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.fitting.calendar import arrivals_as_usual, fit_calendar
from funnelsim.fitting.classes import with_classes
from funnelsim.fitting.pace import LevelPeriod, Timed, fit_pace
from funnelsim.fitting.tally import Tally, count_by_step
from funnelsim.nouns.funnel import Funnel, FunnelError
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.shock import Shock
from funnelsim.numerics.amounts import Amounts, fit_amounts, fit_revision
from funnelsim.numerics.arrivals import FEWEST_STEPS, Arrivals, fit_arrivals
from funnelsim.numerics.by_time import StepCounts
from funnelsim.numerics.hazards import (
    AgeCounts,
    StageHazards,
    bin_ages,
    with_chance_forward,
    with_prior_split,
)
from funnelsim.numerics.weighted_pipeline import ClosedRates
from funnelsim.vocabulary.clock import Clock, end_of_day
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
CountByStep = Callable[[tuple[StageHazards, ...], int], list[StepCounts]]

_FEW_WINS = 10  # the standard error of a chance of a half is .16 then
_FEW_STEPS = 14


@dataclass(frozen=True, eq=False)
class Setting:
    """What a fit knows of a history besides its counts.

    Parameters
    ----------
    stages : Stages
    clock : Clock
    cutoff : datetime64
    cutoff_step, last_arrival_step : int
        Last step whose events are known, and last one whose new deals are recorded completely.
    window_start_step : int or None
        First step from which the log is complete; None: from its first event.
    unit : str
    """

    stages: Stages
    clock: Clock
    cutoff: np.datetime64
    cutoff_step: int
    last_arrival_step: int
    window_start_step: int | None
    unit: str

    @classmethod
    def of(cls, history: DealHistory) -> Setting:
        """The setting of a history."""
        return cls(
            stages=history.stages,
            clock=history.clock,
            cutoff=history.cutoff,
            cutoff_step=history.cutoff_step,
            last_arrival_step=history.last_arrival_step,
            window_start_step=history.window_start_step,
            unit=history.unit,
        )


@checked
def fit(
    history: DealHistory,
    *,
    level_period: LevelPeriod | None = "auto",
    calendar: bool = True,
    holidays: Sequence[str | dt.date | np.datetime64] = (),
    nominal_weight: float = 0.0,
    classes: str | Sequence[str] | None = None,
) -> Funnel:
    """Learn how deals move: hazards by stage, destination and age; arrivals; amounts.

    Open deals count as what they are (not yet decided), spells that began before the log is complete enter
    late, and nothing is estimated from closed deals only, except the classical figure that is kept to be
    compared with.

    Parameters
    ----------
    history : DealHistory
    level_period : {"auto", "week", "month", "quarter"} or None
        Period in which levels of transitions are followed; "auto" takes the shortest that holds 20 exits at
        the median, None fits no levels. They are counted back from the cutoff: 7, 28 and 91 days.
    calendar : bool
        Whether to learn how weekdays, months of the quarter and months of the year change the rates of moves,
        wins, losses and arrivals. What does not clearly tell of later steps stays off:
        ``funnel.calendar.tried`` says what was tried.
    holidays : sequence of date
        Days that are like no weekday, past and future.
    nominal_weight : float
        How many deals the nominal win rates of the stages are worth, as a prior on the share of deals that
        move on from each stage. 0 leaves them out: they are only shown beside the actual ones.
    classes : str or sequence of str, optional
        Attribute, or several whose combinations are classes of deals with rates of their own, shrunk towards
        those of all deals: a gain for single deals, little for totals. None: all deals move alike.

    Returns
    -------
    Funnel
        Frozen; its ``notes`` say what was assumed for want of data.

    Raises
    ------
    FunnelError
        If new deals are on record for less than a week: that tells of no rate.

    Notes
    -----
    Hazards: exits over exposure in adaptive bins of age, with Dirichlet draws; they are those of a step that
    is like the average one. Pace: a discounted filter for each transition that moves, and for arrivals, whose
    mean is that of the latest year. Amounts: the latest wins as at most 200 points.

    Examples
    --------
    >>> import funnelsim as fs
    >>> funnel = fs.fit(fs.simulate_history(seed=1))
    >>> funnel.table().columns[:3].tolist()
    ['n_exits', 'conversion', 'conversion_low']
    """
    funnel = fit_counts(
        Tally.of(history),
        lambda hazards, first_step: count_by_step(history, hazards, first_step),
        Setting.of(history),
        level_period=level_period,
        calendar=calendar,
        holidays=[end_of_day(day).astype("datetime64[D]") for day in holidays],
        nominal_weight=nominal_weight,
    )
    return funnel if classes is None else with_classes(funnel, history, classes)


def fit_counts(
    counted: Tally,
    by_step: CountByStep,
    setting: Setting,
    *,
    level_period: LevelPeriod | None = "auto",
    calendar: bool = True,
    holidays: Sequence[np.datetime64] = (),
    nominal_weight: float = 0.0,
) -> Funnel:
    """The funnel that counts tell of, wherever they were counted.

    Parameters
    ----------
    counted : Tally
    by_step : callable
        Gives the counts by step of every open stage, from the hazards (whose bins it uses) and a first step.
    setting : Setting
    level_period : {"auto", "week", "month", "quarter"} or None
    calendar : bool
    holidays : sequence of datetime64
    nominal_weight : float

    Returns
    -------
    Funnel
    """
    stages = setting.stages
    notes: list[str] = []
    hazards = tuple(_fit_stage(counted.ages[s], stages, s, notes) for s in range(stages.n_open))
    first_step = _first_step(setting, counted)
    _note_little_evidence(setting, counted, nominal_weight, notes)
    complete = _complete_arrivals(setting, counted)
    arrivals = _fit_arrivals(setting, counted, complete, notes)
    counts = by_step(hazards, first_step) if level_period or calendar else []
    learnt = None
    if calendar:
        usual = arrivals_as_usual(complete, setting.clock, setting.last_arrival_step)
        learnt, hazards = fit_calendar(stages, setting.clock, first_step, counts, hazards, usual, holidays)
    pace = None
    if level_period:
        steps = Timed(setting.clock, first_step, counts, complete.sum(axis=1), setting.last_arrival_step)
        pace = fit_pace(steps, hazards, arrivals, learnt, stages, level_period)
    if nominal_weight:
        # Last of all: levels are learnt against what was seen, and would undo it.
        hazards = _with_nominal_rates(stages, hazards, nominal_weight, notes)
    return Funnel(
        stages=stages,
        clock=setting.clock,
        hazards=hazards,
        arrivals=arrivals,
        amounts=fit_amounts(_won_amounts(counted, notes)),
        closed=_closed_rates(counted, notes),
        revisions=_fit_revisions(stages, counted, notes),
        unit=setting.unit,
        origin=f"fitted on {counted.n_deals:,} deals up to {np.datetime_as_string(setting.cutoff, unit='D')}",
        notes=tuple(notes),
        pace=pace,
        calendar=learnt,
        shock=Shock.prior(setting.clock),
    )


def _fit_stage(counts: AgeCounts, stages: Stages, stage: int, notes: list[str]) -> StageHazards:
    if not counts.exits.sum():
        notes.append(
            f"no deal has been seen to leave stage {stages.open[stage].name!r}: each next step is assumed "
            "equally likely, with the weight of half a deal"
        )
    next_steps = _equal_next_steps(stages, stage)
    return with_chance_forward(bin_ages(counts, next_steps), stages.is_forward(stage), next_steps)


def _with_nominal_rates(
    stages: Stages, hazards: tuple[StageHazards, ...], deals: float, notes: list[str]
) -> tuple[StageHazards, ...]:
    """Hazards under the prior of the nominal rates, worth so many deals a stage."""
    if not np.isfinite(deals) or deals < 0:
        raise FunnelError(f"nominal_weight={deals!r} must be a number of deals, 0 or more")
    shares = stages.nominal_conversions
    without = [stage.name for stage, share in zip(stages.open, shares, strict=True) if share is None]
    if without:
        notes.append(
            f"the nominal rates say nothing of how many deals move on from {', '.join(map(repr, without))} "
            "(a rate is missing, 0, or does not rise): there the history counts alone"
        )
    notes.append(f"nominal win rates count as a prior worth {deals:g} deals in each stage")
    return tuple(
        h
        if share is None
        else with_prior_split(h, stages.is_forward(s), share, deals, _equal_next_steps(stages, s))
        for s, (h, share) in enumerate(zip(hazards, shares, strict=True))
    )


def _equal_next_steps(stages: Stages, stage: int) -> Floats:
    """Equal shares of the next open stage (a win, after the last) and of every loss."""
    possible = stages.is_lost.copy()
    possible[stage + 1 if stage + 1 < stages.n_open else np.flatnonzero(stages.is_won)[0]] = True
    return possible / possible.sum()


def _note_little_evidence(setting: Setting, counted: Tally, nominal_weight: float, notes: list[str]) -> None:
    if counted.n_won == 0 and nominal_weight:
        notes.append(
            "no deal is won yet: the nominal win rates, and that half a deal would have been, are all that "
            "speaks for wins; use records of a longer time when there are"
        )
    elif counted.n_won == 0:
        notes.append(
            "no deal is won yet: that half a deal would have been is all that speaks for wins, and a chance "
            "near 0 stands for not known; use records of a longer time, let the nominal win rates count "
            "(nominal_weight=), or write a funnel by hand until there are wins"
        )
    elif counted.n_won < _FEW_WINS:
        notes.append(f"few wins, {counted.n_won}: chances of winning and amounts rest on very little")
    watched = setting.cutoff_step - _first_step(setting, counted) + 1
    if watched < _FEW_STEPS:
        notes.append(
            f"a short log, {watched} {setting.clock.step}(s): how older deals move is not known, and "
            "arrivals and ranges rest on very little"
        )


def _first_step(setting: Setting, counted: Tally) -> int:
    """First step that is watched."""
    start = setting.window_start_step
    return counted.first_step if start is None else max(counted.first_step, start)


def _closed_rates(counted: Tally, notes: list[str]) -> ClosedRates | None:
    """Closed-only win rates; none where no loss is recorded, for all of them would be 100 %."""
    if counted.n_won and not counted.n_lost:
        notes.append(
            "no lost deal is recorded, so win rates among closed deals would all be 100 %: they are "
            "left out, and chances rest on how long deals stay open"
        )
        return None
    return counted.closed


def _won_amounts(counted: Tally, notes: list[str]) -> Floats:
    amounts = counted.won_amount
    missing = int(np.isnan(amounts).sum())
    if missing and missing < len(amounts):
        notes.append(f"{missing:,} of {len(amounts):,} won deals have no amount; the others stand for them")
    return amounts


def _fit_revisions(stages: Stages, counted: Tally, notes: list[str]) -> tuple[Amounts | None, ...]:
    """Ratios of won to listed amounts by stage; empty where amounts are not revised, as far as is known."""
    laws = tuple(fit_revision(counted.won_ratio[:, stage]) for stage in range(stages.n_open))
    told = [f"{s.name!r} {law.mean:.2f}" for s, law in zip(stages.open, laws, strict=True) if law]
    if not told:
        return ()
    notes.append(
        "listed amounts are revised until the win, so those of open deals are multiplied by ratios of won "
        f"deals; on average in {', '.join(told)}"
    )
    return laws


def _fit_arrivals(setting: Setting, counted: Tally, complete: Floats, notes: list[str]) -> Arrivals:
    clock, last_step = setting.clock, setting.last_arrival_step
    gap = setting.cutoff_step - last_step
    if gap:
        notes.append(
            f"new deals are recorded until {_day(clock, last_step)}: their rate is estimated up to there, "
            f"and those of the {gap:,} {clock.step}s since, not recorded yet, are expected at that rate"
        )
    if counted.n_first_seen_ended:
        notes.append(
            f"{counted.n_first_seen_ended:,} deals were first seen at their end and count as no arrival"
        )
    arrivals = fit_arrivals(complete, clock.step)
    if arrivals.entry_counts.any():
        return arrivals
    before = counted.arrivals.sum(axis=0)
    if not before.any():
        notes.append("no new deal is on record: none is expected")
        return arrivals
    if setting.window_start_step is None:
        notes.append("no new deal arrived in the latest year on record: half a deal a year is expected")
    else:
        notes.append(
            f"no new deal arrived from {_day(clock, setting.window_start_step)} until "
            f"{_day(clock, last_step)}: half a deal in so long a time is expected; the {before.sum():,.0f} "
            "on record from before do not count, for the log is taken to be complete only since, and others "
            "may be missing (give window_start= if it is complete from an earlier day)"
        )
    return replace(arrivals, entry_counts=before / before.sum())


def _complete_arrivals(setting: Setting, counted: Tally) -> Floats:
    """Arrivals by step and stage, over the steps in which they are recorded completely.

    A log whose start is not known begins with its first deal: that step is on record because the deal came,
    and tells nothing of how many do.
    """
    clock, last, start = setting.clock, setting.last_arrival_step, setting.window_start_step
    first = counted.first_step + 1 if start is None else start
    if last - first + 1 < FEWEST_STEPS[clock.step]:
        raise FunnelError(
            f"the log is complete from {_day(clock, counted.first_step if start is None else start)} and new "
            f"deals are recorded until {_day(clock, last)}, too short a time to tell how many arrive: "
            f"{FEWEST_STEPS[clock.step]} whole {clock.step}(s) are needed; use an export of a longer time, "
            "give window_start= if nothing is missing from an earlier day on or as_of= if nothing happened "
            "until a later one, or write a funnel by hand: a copy of a scenario (`funnelsim scenarios`)"
        )
    steps = np.arange(first, last + 1)
    rows = steps - (setting.cutoff_step - len(counted.arrivals) + 1)
    return np.where((rows >= 0)[:, None], counted.arrivals[np.maximum(rows, 0)], 0.0)


def _day(clock: Clock, step: int) -> str:
    return str(clock.start_of(step).astype("datetime64[D]"))
