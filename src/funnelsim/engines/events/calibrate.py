"""Finding the customer's own delay: the history's load on the usual reps reproduces the stays observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from funnelsim.engines.events.asks import hours_sampler
from funnelsim.engines.events.course import Course, Moves, Plan
from funnelsim.engines.events.future import come_and_go, expect_leads
from funnelsim.engines.events.leads import LeadLaw
from funnelsim.engines.events.routes import Routes
from funnelsim.engines.events.split import StageSplit, by_usual_waits, mean_stay
from funnelsim.engines.events.staff import Staff
from funnelsim.engines.events.start import Start
from funnelsim.engines.events.usual import Flow, Usual, mean_stays
from funnelsim.engines.events.walk import Walk
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.changes import Changes
from funnelsim.nouns.classes import UNKNOWN
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.team import Work
from funnelsim.numerics.recursion import StageRates
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

_REQUESTS = 400.0  # watched after the warm-up, over the square of the idle share
_FEWEST_AND_MOST = (4_000, 50_000)
_WARM_UP_CYCLES = 2.0
_MOST_STEPS = 200_000
_LEAST_SEEN = 50
_N_ALONE = 2_000
_ROUNDS = 2
_MOST_LOAD = 0.98
_USUAL = 2**30  # number of a future that no run reaches: its luck is its own


def calibrated(funnel: Funnel, work: Work, hours: Floats, staff: Staff, streams: Streams) -> Usual:
    """Splits for which the history's load on its reps reproduces the stays that it shows.

    Parameters
    ----------
    funnel : Funnel
        Levers on it, levels and calendar are taken off.
    work : Work
        Hours, queue rule and patience count; what is new (checks, parking) does not.
    hours : ndarray of shape (n_open,)
        Mean hours by stage.
    staff : Staff
        The reps of the history: those who are there at the cutoff count.
    streams : Streams

    Raises
    ------
    EngineError
        If the usual reps cannot do the history's work, or more deals would be neglected than were lost.

    Notes
    -----
    Deals of the usual load are walked for a long time, first as if no deal had waited, then with the split
    found from the waits seen. Waits hardly depend on the customers' delays (deals are many and independent),
    so the second round is the last, and the waits of both count: near full load they are hard to know.
    """
    flow = Flow.of(funnel)
    longest = max(len(of_stage) for of_stage in flow.leaving)
    n_warm = max(int(_WARM_UP_CYCLES * mean_stays(flow).sum()), longest)
    load = _load(funnel, work, hours, staff.before(n_warm), flow)
    requests_per_step = float(flow.visits[hours > 0].sum())
    # Near full load waits swing slowly: their mean needs the longer a run the less idle time there is.
    n_requests = np.clip(_REQUESTS / (1.0 - min(load, 0.99)) ** 2, *_FEWEST_AND_MOST)
    n_steps = n_warm + int(np.clip(n_requests / max(requests_per_step, 1e-12), 100, _MOST_STEPS))
    before = staff.before(n_steps)
    rng = streams.generator("events usual")
    alone = _work_alone(work, hours, before, rng)
    rep_hours = _hours_per_step(before) / len(before.team.reps)
    usual = _split(funnel, hours, flow, alone, np.zeros(len(hours)), load, rng)
    walks: list[Walk] = []
    for round_ in range(_ROUNDS if requests_per_step > 0 else 0):
        walks.append(_walked(funnel, work, hours, before, flow, usual, n_steps, round_, streams))
        parts, neglected = _seen(walks, n_warm, alone)
        usual = _split(funnel, hours, flow, parts, neglected, load, rng)
    return replace(usual, rep_hours=rep_hours)


def _load(funnel: Funnel, work: Work, hours: Floats, staff: Staff, flow: Flow) -> float:
    """Hours needed over hours there are."""
    need, have = float(flow.visits @ hours), _hours_per_step(staff)
    if have == 0.0 or (need > _MOST_LOAD * have and not work.patience_days):
        raise EngineError(
            f"the history's deals need {need:.3g} selling hours a {funnel.clock.step}, the usual team has "
            f"{have:.3g}, and beyond {100 * _MOST_LOAD:.0f} % of them queues grow without "
            f"end: state fewer hours of work, a larger selling_share, the team as it was "
            "(usual_team=), or the part of a stay that no rep changes (customer_share=)"
        )
    return need / have


def _hours_per_step(staff: Staff) -> float:
    return sum(stint.rep.clock.total for stint in staff.stints(None)) / staff.n_steps


def _work_alone(work: Work, hours: Floats, staff: Staff, rng: np.random.Generator) -> list[Floats]:
    """Wait (none) and work of deals that find an idle rep at once, in steps, by stage."""
    per_step = _hours_per_step(staff) / len(staff.team.reps)
    need = hours_sampler(work.spread)(rng, (len(hours), _N_ALONE)) * hours[:, None] / per_step
    return [np.stack([np.zeros(_N_ALONE), of_stage], axis=1) for of_stage in need]


def _split(
    funnel: Funnel,
    hours: Floats,
    flow: Flow,
    parts: list[Floats],
    neglected: Floats,
    load: float,
    rng: np.random.Generator,
) -> Usual:
    names = tuple(stage.name for stage in funnel.stages.open)
    splits: list[StageSplit | None] = []
    for s, name in enumerate(names):
        if neglected[s] > flow.lost_share[s]:
            raise EngineError(
                f"with this patience {100 * neglected[s]:.0f} % of the deals in {name!r} would have been "
                f"lost by neglect, but the history lost {100 * flow.lost_share[s]:.0f} % in all: give "
                "more patience or hours"
            )
        split = by_usual_waits(flow.leaving[s], parts[s], float(neglected[s]), rng) if hours[s] > 0 else None
        splits.append(split)
    observed = mean_stays(flow)
    made = [o if split is None else mean_stay(split.stays) for o, split in zip(observed, splits, strict=True)]
    rep_part = [part[:, 1].mean() if h > 0 else 0.0 for part, h in zip(parts, hours, strict=True)]
    return Usual(names, tuple(splits), load, observed, np.array(made), np.array(rep_part))


def _walked(
    funnel: Funnel,
    work: Work,
    hours: Floats,
    staff: Staff,
    flow: Flow,
    usual: Usual,
    n_steps: int,
    round_: int,
    streams: Streams,
) -> Walk:
    """The usual load walked through the usual team, from empty stages on."""
    clock, cutoff, none = funnel.clock, staff.first_step - 1, np.empty(0, np.int64)
    plan = Plan(
        funnel=funnel,
        pipeline=Pipeline(clock, cutoff, np.empty(0, object), none, none, np.empty(0), none, np.empty(0)),
        periods=Periods(np.array([cutoff + 1, cutoff + 1 + n_steps]), ("usual",), cutoff),
        work=replace(work, parking=None, qualification=None, leads_from_wins=None),
        staff=staff,
        usual=usual,
        flow=flow,
        hours=hours,
        skill=none,
        owner=none,
        klass=none,
        streams=streams,
    )
    walk = Walk(plan, _usual_course(funnel, flow, n_steps), _USUAL + round_)
    walk.took = [[] for _ in hours]
    come_and_go(walk, staff.stints(None), n_steps)
    expect_leads(plan, walk, Start(walk), streams.generator("events usual leads", round_))
    walk.env.run(until=n_steps)
    return walk


def _usual_course(funnel: Funnel, flow: Flow, n_steps: int) -> Course:
    """The expected rates of the funnel, nothing uncertain."""
    usual, law = funnel.with_changes(Changes.none(funnel.stages)), funnel.arrivals
    stages = [
        StageRates.from_hazards(hazards.first_age, usual.mean_hazards(s)[None], usual.changes.speed[s])
        for s, hazards in enumerate(funnel.hazards)
    ]
    n_sight = max(len(of_stage) for of_stage in flow.leaving)
    shares = flow.entries / flow.entries.sum()
    leads = LeadLaw(np.full(n_steps, flow.entries.sum()), law.block_steps, law.dispersion, shares, 0)
    amounts = np.zeros(0) if funnel.amounts is None else funnel.amounts.weights / funnel.amounts.weights.sum()
    moves = Moves(Routes(stages, None, n_sight, 0), flow.win_rate.tolist())
    return Course(0, {UNKNOWN: moves}, {UNKNOWN: np.ones(len(stages))}, leads, amounts)


def _seen(walks: list[Walk], n_warm: int, alone: list[Floats]) -> tuple[list[Floats], Floats]:
    """Waits and work after the warm-up, by stage, and the share of requests that was neglected."""
    parts = []
    for s, of_work_alone in enumerate(alone):
        took = [walk.took[s] for walk in walks if walk.took is not None]
        of_stage = np.array([part for each in took for asked_at, *part in each if asked_at >= n_warm])
        parts.append(of_stage.reshape(-1, 2) if len(of_stage) >= _LEAST_SEEN else of_work_alone)
    asked = np.sum([walk.tally.asked for walk in walks], axis=0)[:, 0]
    neglected = np.sum([walk.tally.neglected for walk in walks], axis=0)[:, 0]
    return parts, neglected / np.maximum(asked, 1.0)
