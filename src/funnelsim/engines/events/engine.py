"""Discrete-event engine: what happens when the people who work the deals run out of hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import joblib
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from funnelsim.engines.assemble import assembled, check_match
from funnelsim.engines.chances import Positions, batch_chances
from funnelsim.engines.events.calibrate import calibrated
from funnelsim.engines.events.course import Course, Plan
from funnelsim.engines.events.future import Told, simulate
from funnelsim.engines.events.leads import check_leads
from funnelsim.engines.events.skills import needed_skills, owners
from funnelsim.engines.events.staff import Staff
from funnelsim.engines.events.usual import Flow, Usual, check_shares, stated
from funnelsim.engines.protocol import EngineError, check_whole
from funnelsim.nouns.capacity import CapacityUse
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures
from funnelsim.nouns.team import Team, Work
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Events:
    """Settings of the discrete-event engine: deals wait for reps whose hours are limited.

    Every deal is walked through its stages. What the customer decides, when and to where, comes from the
    funnel, as in every engine; what is added is the wait for a rep and the work. Without hours of work it
    agrees with the other engines, which are much faster.

    Parameters
    ----------
    team : Team
        Who works from the cutoff on.
    work : Work
        What deals ask of them, and how the queue is kept.
    usual_team : Team, optional
        Who did the work of the history; by default those of `team` who are there at the cutoff, fully
        productive.
    customer_share : float or mapping of stage to float, optional
        Part of every stay that no rep changes, 0..1. By default it is found: see Notes.
    n_futures : int
        Simulated futures; rounded up to a multiple of `n_draws`.
    n_draws : int
        Draws of the parameters; futures are shared out equally among them.
    workers : int
        Processes (joblib). The answer is the same, to the bit, for any number.

    Raises
    ------
    EngineError
        If a number is out of range, or a setting is of the wrong kind.

    Notes
    -----
    The time that deals spent in stages in the past held their waits for reps already. So that these do not
    count twice, the customer's own delay is taken to be what is left of it: such that the history's load
    (arrivals without levers) on the usual team reproduces the stays observed. Only a change of load, team or
    rule then adds or removes waiting. :class:`CapacityUse` shows this split. In the same way losses that
    neglect causes at the usual load are taken out of the losses of the history. With a stated share nothing
    is found or taken out: waits beyond the rest of the stay, and all neglect, come on top of the history.

    A shared shock multiplies the totals of each future by period, wins rounded up or down by chance; deals
    and reps are walked without it.

    A deal asks for work when it enters a stage; when the work is done the customer's own delay begins. A rep
    does one task at a time and does not interrupt it for a better one. Open deals wait at the cutoff as often
    as deals of their age usually do; those who share a queue wait long together.

    Deals of classes (``fit(classes=)``) move at the rates of their class; the split of stays is that of all
    classes together.

    Examples
    --------
    >>> import funnelsim as fs
    >>> funnel = fs.sample_funnel()
    >>> work = fs.Work({"Qualify": 2.0, "Solution": 6.0, "Proof": 8.0})
    >>> engine = Events(fs.Team(fs.Rep.several(15)), work, n_futures=4, n_draws=2)
    >>> outlook = fs.forecast(funnel, fs.simulate_history(seed=1).pipeline(), periods="1Q", engine=engine)
    >>> outlook.engine
    'discrete events'
    """

    team: Team = field(default_factory=Team)
    work: Work = field(default_factory=Work)
    usual_team: Team | None = None
    customer_share: float | Mapping[str, float] | None = None
    n_futures: int = 1_000
    n_draws: int = 100
    workers: int = 1

    def __post_init__(self) -> None:
        check_whole(n_futures=self.n_futures, n_draws=self.n_draws, workers=self.workers)
        _check_kind("team", self.team, Team, "Team(Rep.several(5))")
        _check_kind("work", self.work, Work, "Work({'Qualify': 2.0})")
        if self.usual_team is not None:
            _check_kind("usual_team", self.usual_team, Team, "Team(Rep.several(5))")
        check_shares(self.customer_share)
        if self.workers == 0:
            raise EngineError("workers=0: give the number of processes, or -1 for all cores")
        if self.n_draws < 2 or self.n_futures < self.n_draws:
            raise EngineError(
                f"n_draws={self.n_draws} must be at least 2, n_futures={self.n_futures} at least n_draws"
            )

    @property
    def name(self) -> str:
        """Name of the method."""
        return "discrete events"

    def run(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Forecast:
        """Joint distribution of wins and bookings over `periods`; ``capacity`` tells of the reps' hours.

        Raises
        ------
        EngineError
            If pipeline and funnel do not match, there is work and nobody to do it, the usual team could not
            have done the history's work, or more deals come than can be walked.
        TeamError
            If the work names a stage that the funnel does not have.
        """
        plan = self._plan(funnel, pipeline, periods, streams)
        per_draw = -(-self.n_futures // self.n_draws)
        told: list[list[Told]] = joblib.Parallel(n_jobs=self.workers)(
            joblib.delayed(_run_draw)(plan, draw, per_draw) for draw in range(self.n_draws)
        )
        futures = [future for of_draw in told for future in of_draw]
        return replace(self._forecast(plan, futures), capacity=_capacity(plan, futures, self.n_draws))

    def _plan(self, funnel: Funnel, pipeline: Pipeline, periods: Periods, streams: Streams) -> Plan:
        self._check(funnel, pipeline)
        hours = np.array([self.work.hours.get(stage.name, 0.0) for stage in funnel.stages.open])
        values, shares, skill = needed_skills(self.team, pipeline)
        ahead = int(periods.steps_ahead[-1])
        staff = Staff(self.team, funnel.clock, pipeline.cutoff_step + 1, ahead, values, shares)
        # Reps who are there and off for all these days are no mistake: deals just wait.
        has_reps = bool(staff.stints(None)) and self.team.selling_hours_per_week > 0
        if self.work.needs_reps and not has_reps:
            raise EngineError(
                "there is work to do and nobody has an hour for it: give the team reps, selling_share, "
                "hours_per_day and working_days above 0, or leave the hours of work out"
            )
        usual, positions = self._usual(funnel, hours, staff, streams), Positions.of(funnel, pipeline)
        return Plan(
            funnel=funnel,
            pipeline=pipeline,
            periods=periods,
            work=self.work,
            staff=staff,
            usual=usual,
            flow=Flow.of(funnel),
            hours=hours,
            skill=skill,
            owner=owners(self.team, pipeline),
            klass=positions.klass[positions.of_deal],
            streams=streams,
        )

    def _usual(self, funnel: Funnel, hours: Floats, staff: Staff, streams: Streams) -> Usual:
        if not hours.any():
            return stated(funnel, hours, 1.0, 1)
        if self.customer_share is not None:
            return stated(funnel, hours, self.customer_share, staff.n_steps + 1)
        return calibrated(
            funnel, self.work, hours, replace(staff, team=self.usual_team or self.team), streams
        )

    def _check(self, funnel: Funnel, pipeline: Pipeline) -> None:
        self.work.check(funnel.stages)
        check_shares(self.customer_share, funnel.stages)
        check_match(funnel, pipeline)
        by_skill = self.team.skill_attribute
        if funnel.classes is not None and by_skill is not None and by_skill in funnel.classes.attributes:
            raise EngineError(
                f"deals of this funnel move at rates of their {by_skill!r}, and skills speak of it, too, but "
                "class and skill of a new deal are drawn apart: drop the skills, or the classes with "
                "dataclasses.replace(funnel, classes=None)"
            )
        if any(own.volume != 1.0 for own in funnel.changes.classes.values()):
            raise EngineError(
                "new deals of all classes come from one flow here, so a lever on the volume of some of them "
                "cannot be walked; use Exact() or MonteCarlo(), or a lever on the volume of all"
            )
        if funnel.amounts is None and self.work.rule in ("largest value", "value per hour"):
            raise EngineError(
                f"rule {self.work.rule!r} needs amounts and no won deal has one; use 'strongest intent'"
            )
        check_leads(self.work, funnel)

    def _forecast(self, plan: Plan, futures: list[Told]) -> Forecast:
        """The futures as a forecast."""
        funnel, pipeline, periods = plan.funnel, plan.pipeline, plan.periods
        wins, bookings = np.stack([f.wins for f in futures], 1), np.stack([f.bookings for f in futures], 1)
        wins, bookings = _shaken(plan, wins, bookings, self.n_draws)
        if funnel.amounts is None:
            bookings = np.empty((2, 0, len(periods)))
        positions = Positions.of(funnel, pipeline)
        each = replace(positions, of_deal=np.arange(pipeline.n_deals))
        chance, chance_sd = _chances(plan, futures, self.n_draws, positions)
        outlook = assembled(
            Futures(wins[0], wins[1], bookings[0], bookings[1], self.n_draws),
            funnel,
            pipeline,
            periods,
            each,
            chance,
            engine=self.name,
            seed=plan.streams.seed,
        )
        return replace(outlook, deals=replace(outlook.deals, chance_sd=chance_sd))


def _check_kind(name: str, value: object, kind: type, example: str) -> None:
    if not isinstance(value, kind):
        raise EngineError(f"{name} must be a {kind.__name__}, such as {name}={example}, not {value!r}")


def _run_draw(plan: Plan, draw: int, n_futures: int) -> list[Told]:
    """All futures of one draw of the parameters."""
    # One thread for matrix products: with more, sums are grouped otherwise and the last bits depend on them.
    with threadpool_limits(1):
        course = Course.of(plan, draw)
        return [simulate(plan, course, number) for number in range(n_futures)]


def _chances(plan: Plan, futures: list[Told], n_draws: int, positions: Positions) -> tuple[Floats, Floats]:
    """Share of futures in which each open deal is won, and how far it is known.

    Returns
    -------
    chance : ndarray of shape (n_draws, n_deals, n_periods)
    chance_sd : ndarray of shape (n_deals,)
        Of the chance to be won at all: the spread over draws of the rates, and the luck of so many futures.

    Notes
    -----
    A few futures a draw cannot tell the spread over draws from luck. It is taken from the recursion, on the
    same draws, as if the reps had hours for every deal.
    """
    n = len(futures) // n_draws
    won_in = np.stack([future.won_in for future in futures]).reshape(n_draws, n, plan.pipeline.n_deals)
    chance = np.stack([(won_in == period).mean(axis=1) for period in range(len(plan.periods))], axis=2)
    at_once = batch_chances(plan.funnel, positions, plan.periods, plan.streams, range(n_draws)).open_deals
    of_rates = at_once.sum(axis=2).var(axis=0, ddof=1)[positions.of_deal]
    mean = chance.sum(axis=2).mean(axis=0)
    return chance, np.sqrt(of_rates + mean * (1.0 - mean) / len(futures))


def _shaken(plan: Plan, wins: Ints, bookings: Floats, n_draws: int) -> tuple[Ints, Floats]:
    """Wins and bookings under the shared shock of each draw; shapes (2, n_futures, n_periods).

    Here deals are walked and have no chances to multiply, so totals are: bookings by the factor, and wins
    rounded up or down by chance, so that their mean is kept. Use of capacity stays as it was walked.
    """
    if plan.funnel.shock is None:
        return wins, bookings
    by_draw = plan.funnel.shock_factors(plan.streams, range(n_draws), plan.periods.steps_ahead)
    factors = np.repeat(by_draw, wins.shape[1] // n_draws, axis=0)
    chance = plan.streams.generator("shaken wins").random(wins.shape)
    return np.floor(wins * factors + chance).astype(wins.dtype), bookings * factors


def _capacity(plan: Plan, futures: list[Told], n_draws: int) -> CapacityUse:
    """The tallies of all futures side by side."""
    tallies, n_reps = [future.tally for future in futures], len(plan.staff.team.reps)
    shape = (len(futures), n_reps, len(plan.periods))
    return CapacityUse(
        labels=plan.periods.labels,
        stage_names=tuple(stage.name for stage in plan.funnel.stages.open),
        rep_names=tuple(rep.name for rep in plan.staff.team.reps),
        steps=np.diff(plan.edges),
        step=plan.funnel.clock.step,
        n_draws=n_draws,
        available=np.array([future.available for future in futures]).reshape(shape),
        worked=np.array([tally.worked for tally in tallies]).reshape(shape),
        waited=np.array([tally.waited for tally in tallies]),
        asked=np.array([tally.asked for tally in tallies]),
        neglected=np.array([tally.neglected for tally in tallies]),
        waiting_deals=np.array([tally.waiting_deals for tally in tallies]),
        waiting_hours=np.array([tally.waiting_hours for tally in tallies]),
        disqualified=np.array([tally.disqualified for tally in tallies]),
        left_with_rep=np.array([tally.left_with_rep for tally in tallies]),
        usual_waits=plan.usual.table(),
    )
