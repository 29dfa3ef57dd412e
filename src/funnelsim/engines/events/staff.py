"""The reps of one simulated future: their working hours, when they come and when they leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from funnelsim.engines.events.hours import WorkClock
from funnelsim.engines.events.pool import RepAtWork
from funnelsim.engines.events.skills import UNKNOWN
from funnelsim.nouns.team import Rep, Team
from funnelsim.vocabulary.clock import Clock

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAYS_PER_STEP = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12}
_YEAR_DAYS = 365.25
_MOST_CLOCKS = 200  # kept for other futures


def open_hours(team: Team, clock: Clock, steps: Ints) -> Floats:
    """Selling hours of one fully productive rep in each step, shape (n_steps,)."""
    holidays = np.array(team.holidays, dtype="datetime64[D]")
    moments = clock.start_of(steps)
    if not team.working_days:
        return np.zeros(len(steps))
    week = " ".join(team.working_days)
    if clock.step == "hour":
        is_working_day = np.is_busday(moments.astype("datetime64[D]"), week, holidays)
        since_opening = moments.astype("datetime64[h]").astype(np.int64) % 24 - team.opens_at
        worked = np.where(is_working_day, np.clip(team.hours_per_day - since_opening, 0.0, 1.0), 0.0)
        return np.where(since_opening >= 0, worked, 0.0) * team.selling_share
    days = np.append(moments, clock.start_of(steps[-1:] + 1)).astype("datetime64[D]")
    n_days = np.busday_count(days[:-1], days[1:], week, holidays)
    return n_days.astype(np.float64) * team.hours_per_day * team.selling_share


@dataclass(frozen=True)
class Stint:
    """One rep's time at work within a future.

    Parameters
    ----------
    rep : RepAtWork
    comes, leaves : float
        Moments in steps from the start; a rep who is there from the start comes at 0.
    """

    rep: RepAtWork
    comes: float
    leaves: float


@dataclass(frozen=True, eq=False)
class Staff:
    """The reps of a team over some steps.

    Parameters
    ----------
    team : Team
    clock : Clock
    first_step : int
        Step in which moment 0 lies, at its beginning.
    n_steps : int
    skills : tuple of str
        Values of the skill attribute, by code; empty where the team has none.
    skill_shares : tuple of float
        How often new deals have each of them; one number where the team has none.
    """

    team: Team
    clock: Clock
    first_step: int
    n_steps: int
    skills: tuple[str, ...] = ()
    skill_shares: tuple[float, ...] = (1.0,)
    _open: Floats = field(init=False, repr=False)
    _made: dict[tuple[float, float, float, float], WorkClock] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        steps = np.arange(self.n_steps) + self.first_step
        object.__setattr__(self, "_open", open_hours(self.team, self.clock, steps))
        object.__setattr__(self, "_made", {})

    def before(self, n_steps: int) -> Staff:
        """Those who are there at the start, fully productive, over so many steps before it."""
        now = [
            replace(rep, start=None, leave=None, ramp_days=0.0)
            for rep in self.team.reps
            if (rep.start is None or self._moment(rep.start) <= 0)
            and (rep.leave is None or self._moment(rep.leave) > 0)
        ]
        first = self.first_step - n_steps
        return replace(self, team=replace(self.team, reps=tuple(now)), first_step=first, n_steps=n_steps)

    def stints(self, rng: np.random.Generator | None) -> list[Stint]:
        """Who works when in one future; without a generator nobody leaves but on a stated day."""
        return [
            stint for number, rep in enumerate(self.team.reps) for stint in self._stints_of(number, rep, rng)
        ]

    def hours_by_rep(self, stints: Sequence[Stint], edges: Floats) -> Floats:
        """Hours that each rep of the team can work between edges, shape (n_reps, n_edges - 1)."""
        hours = np.zeros((len(self.team.reps), len(edges) - 1))
        for stint in stints:
            hours[stint.rep.number] += np.diff([stint.rep.clock.hours_by(edge) for edge in edges])
        return hours

    def _stints_of(self, number: int, rep: Rep, rng: np.random.Generator | None) -> Iterator[Stint]:
        steps_per_day = 1.0 / DAYS_PER_STEP[self.clock.step]
        begin = -np.inf if rep.start is None else self._moment(rep.start)
        leave = np.inf if rep.leave is None else self._moment(rep.leave)
        yearly = self.team.attrition_per_year
        while begin < self.n_steps and leave > 0.0:
            gone = np.inf
            if rng is not None and yearly > 0:
                stay_days = rng.standard_exponential() / yearly * _YEAR_DAYS
                # A departure takes effect at the end of a step: hours are spread evenly within one.
                gone = float(np.ceil(max(begin, 0.0) + stay_days * steps_per_day))
            ends = min(leave, gone)
            skills = (
                ()
                if not rep.skills
                else tuple(i for i, skill in enumerate(self.skills) if skill in (*rep.skills, UNKNOWN))
            )
            clock = self._clock(begin, ends, rep.ramp_days * steps_per_day, rep.ramp_from)
            yield Stint(RepAtWork(number, clock, skills), max(begin, 0.0), ends)
            after = self.team.replaced_after_days
            if gone >= leave or after is None:
                return
            begin = float(np.ceil(gone + after * steps_per_day))

    def _clock(self, begin: float, ends: float, ramp_steps: float, ramp_from: float) -> WorkClock:
        key = (begin, ends, ramp_steps, ramp_from)
        if key not in self._made:
            if len(self._made) > _MOST_CLOCKS:
                self._made.clear()
            middle = np.arange(self.n_steps) + 0.5
            hours = np.where((middle > begin) & (middle < ends), self._open, 0.0)
            if ramp_steps > 0 and np.isfinite(begin):
                ramped = np.clip((middle - begin) / ramp_steps, 0.0, 1.0)
                hours = hours * (ramp_from + (1.0 - ramp_from) * ramped)
            self._made[key] = WorkClock(hours)
        return self._made[key]

    def _moment(self, day: str) -> float:
        """Beginning of a day, in steps from the start; on coarse clocks that of the step which holds it."""
        return float(int(self.clock.step_of(np.datetime64(day, "s"))) - self.first_step)
