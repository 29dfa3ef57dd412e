"""One future from its beginning: the reps, today's open deals, and the leads that will come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import simpy

from funnelsim.engines.events.course import Course, Plan
from funnelsim.engines.events.deal import Deal
from funnelsim.engines.events.leads import Leads
from funnelsim.engines.events.pool import RepAtWork, later
from funnelsim.engines.events.staff import Stint
from funnelsim.engines.events.start import Start
from funnelsim.engines.events.tally import Tally
from funnelsim.engines.events.walk import Walk

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Told:
    """What one future tells.

    Parameters
    ----------
    wins, bookings : ndarray of shape (2, n_periods)
        First row: of deals open at the cutoff; second: of those that came later.
    won_in : ndarray of int, shape (n_deals,)
        Period in which each open deal is won; -1 if in none.
    tally : Tally
    available : ndarray of shape (n_reps, n_periods)
        Hours each rep could work.
    """

    wins: npt.NDArray[np.int64]
    bookings: Floats
    won_in: npt.NDArray[np.int16]
    tally: Tally
    available: Floats


def simulate(plan: Plan, course: Course, number: int) -> Told:
    """Let one future happen, up to the end of the periods.

    Parameters
    ----------
    plan : Plan
    course : Course
    number : int
        Number of the future within its draw.
    """
    walk, edges = Walk(plan, course, number), plan.edges
    start = Start(walk)

    def rng(name: str) -> np.random.Generator:
        return plan.streams.generator(f"events {name}", course.draw, number)

    stints = plan.staff.stints(rng("departures"))
    reps = come_and_go(walk, stints, edges[-1])
    _take_up_open_deals(plan, course, start, reps, rng("amounts"))
    expect_leads(plan, walk, start, rng("leads"))
    start.begin()
    for period, edge in enumerate(edges[1:-1]):
        later(walk.env, edge, partial(walk.on_edge, period))
    walk.env.run(until=edges[-1])
    walk.close()
    available = plan.staff.hours_by_rep(stints, np.array(edges))
    return Told(walk.wins, walk.bookings, walk.won_in, walk.tally, available)


def come_and_go(walk: Walk, stints: list[Stint], horizon: float) -> dict[int, RepAtWork]:
    """Let reps come and leave in time; those who are there from the start, by number."""
    first = [stint.rep for stint in stints if stint.comes <= 0.0]
    walk.pool.join(first)
    for stint in stints:
        if 0.0 < stint.comes < horizon:
            later(walk.env, stint.comes, partial(_join, walk, stint.rep))
        if stint.leaves < horizon:
            later(walk.env, stint.leaves, partial(walk.leave, stint.rep))
    return {rep.number: rep for rep in first}


def _join(walk: Walk, rep: RepAtWork, _: simpy.Event) -> None:
    walk.pool.join([rep])


def _take_up_open_deals(
    plan: Plan, course: Course, start: Start, reps: dict[int, RepAtWork], rng: np.random.Generator
) -> None:
    """Deals of the pipeline: some wait for a rep still, by how things usually are at their age."""
    pipeline = plan.pipeline
    amounts = _amounts(plan, course, rng)
    facts = (pipeline.stage, pipeline.age_steps, plan.skill, plan.owner, plan.klass, *amounts)
    rows = zip(*(column.tolist() for column in facts), strict=True)
    for row, (stage, age, skill, owner, klass, amount, won_amount) in enumerate(rows):
        deal = Deal(row, True, -float(age), amount, won_amount, skill, klass)
        start.take_up(deal, stage, age, reps.get(owner))


def _amounts(plan: Plan, course: Course, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Amounts of the open deals: as the queue sees them, and as they would be booked."""
    pipeline, funnel = plan.pipeline, plan.funnel
    if funnel.amounts is None:
        return np.ones(pipeline.n_deals), np.zeros(pipeline.n_deals)
    is_missing, mean_ratio = np.isnan(pipeline.amount), funnel.mean_revision()[pipeline.stage]
    listed = np.where(is_missing, funnel.amounts.mean, pipeline.amount * mean_ratio)
    drawn = funnel.amounts.pick(course.amount_shares, rng.random(pipeline.n_deals))
    booked, chance = np.where(is_missing, drawn, pipeline.amount), rng.random(pipeline.n_deals)
    for stage, ratios, shares in funnel.revision_draw(plan.streams, course.draw):
        here = ~is_missing & (pipeline.stage == stage)
        booked[here] *= ratios.pick(shares, chance[here])
    return listed * funnel.changes.open_amount, booked * funnel.changes.open_amount


def expect_leads(plan: Plan, walk: Walk, start: Start, rng: np.random.Generator) -> None:
    """New leads, one after the other; those not recorded yet are taken up where they stand."""
    leads = Leads.drawn(walk.course.leads, rng, _leads_of_known_wins(plan, rng))
    amount, skill = walk.course.traits(plan, rng, len(leads.at))
    first_row, walk.next_row = walk.next_row, walk.next_row + len(leads.at)
    has_money = plan.funnel.amounts is not None

    def lead(i: int) -> Deal:
        row, booked = first_row + i, amount[i] if has_money else 0.0
        klass = walk.fate.klass(row, leads.stage[i])
        return Deal(row, False, leads.at[i], amount[i], booked, skill[i], klass)

    def arrive(i: int, _: simpy.Event) -> None:
        if i + 1 < len(leads.at):
            later(walk.env, leads.at[i + 1] - walk.env.now, partial(arrive, i + 1))
        walk.enter(lead(i), leads.stage[i])

    n_early = sum(at < 0.0 for at in leads.at)
    for i in range(n_early):
        start.unrecorded(lead(i), leads.stage[i])
    if n_early < len(leads.at):
        later(walk.env, leads.at[n_early], partial(arrive, n_early))


def _leads_of_known_wins(plan: Plan, rng: np.random.Generator) -> Floats:
    """Moments at which wins before the cutoff bring leads after it."""
    bring, pipeline, lag = plan.work.leads_from_wins, plan.pipeline, plan.lag_steps
    if bring is None:
        return np.zeros(0)
    since = pipeline.cutoff_step - pipeline.won_step + 0.5
    n = int(rng.poisson(bring.per_win * np.exp(-since / lag)).sum())
    moments: Floats = rng.standard_exponential(n) * lag
    return moments[moments < plan.span.n_ahead]
