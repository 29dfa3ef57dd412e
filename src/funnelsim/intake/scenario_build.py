"""A scenario from the parts of its file; what does not fit together is collected, each with its key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from funnelsim.intake.scenario_model import DealsPart, ScenarioPart, WonPart
from funnelsim.intake.scenario_people import team_from_part, work_from_part
from funnelsim.intake.scenario_sound import sound_funnel, sound_stages
from funnelsim.intake.scenario_ways import check_endless, check_ways, sound_lever, stages_unsure
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.file import LeverPart
from funnelsim.nouns.levers.protocol import Lever, LeverError, moves_people
from funnelsim.nouns.levers.rates import Volume, three_levers
from funnelsim.nouns.levers.strength import strength_of
from funnelsim.nouns.scenario import Activity, Pay, Quotas, Scenario, Spending
from funnelsim.nouns.team import Rep
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import closest, did_you_mean

Ints = npt.NDArray[np.int64]

_TIMES = ("week", "month", "quarter")


def built(
    part: ScenarioPart,
    name: str,
    faults: Faults,
    *,
    a_deal: str = "deal",
    replaced: Iterable[Place] = (),
) -> Scenario | None:
    """The scenario a file tells of; None, and the reasons in `faults`, where it cannot be.

    Deals without a name are called `a_deal`, and numbered. What was `replaced`, as it was at fault in the
    file, refuses no lever.
    """
    sound, stages = sound_stages(part.funnel, faults)
    if stages is None:
        return None
    check_endless(part.funnel.hazards, stages, faults)
    funnel = sound_funnel(sound, stages, faults)
    unsure = stages_unsure((*replaced, *(place for place, _ in faults.found)), stages)
    _check_names(part, stages, faults)
    if not part.funnel.unit and part.measure != "wins":
        faults.add(("funnel", "unit"), 'amounts need their currency: unit = "EUR"')
    clock = Clock(part.funnel.step)
    faults.attempt(("periods",), lambda: _periods(part, clock))
    won = _won_steps(part, clock, faults)
    pay = _pay(part, faults)
    team, work = team_from_part(part.team, faults), work_from_part(part.work, stages, faults)
    if (part.team is None) != (part.work is None):
        faults.add(("team",), "a team needs work, and work a team: give both, or neither")
    if funnel is None:
        return None
    _check_quotas(part, funnel, faults)
    unsure |= check_ways(_every_lever(part), sound.hazards, stages, faults)
    levers, spending = _levers_and_spending(part, funnel, unsure, faults)
    if faults.found:
        return None
    return Scenario(
        name=name,
        titles={str(lang): title for lang, title in part.title.items()},
        funnel=funnel,
        pipeline=_pipeline(part, funnel, won, a_deal),
        periods=part.periods,
        target=part.target,
        measure=part.measure,
        fiscal_start_month=part.fiscal_start_month,
        levers=tuple(lever for lever in levers if lever is not None) or three_levers(),
        team=team,
        work=work,
        spending=tuple(one for one in spending if one is not None),
        quotas=tuple(Quotas(one.by, one.quotas) for one in part.quotas),
        pay=pay,
        activity=None if part.activity is None else Activity(**part.activity.model_dump()),
    )


def _levers_and_spending(
    part: ScenarioPart, funnel: Funnel, unsure: set[str], faults: Faults
) -> tuple[list[Lever | None], list[Spending | None]]:
    """Levers to compare, and those that money buys."""
    levers = [
        _lever(one, ("lever", i), funnel, unsure, faults, has_team=part.team is not None)
        for i, one in enumerate(part.lever)
    ]
    return levers, [_spending(part, i, funnel, unsure, faults) for i in range(len(part.spend))]


def _every_lever(part: ScenarioPart) -> list[tuple[Place, LeverPart]]:
    """Levers to compare, those that money buys, and those within others; and where."""
    top: list[tuple[Place, LeverPart]] = [(("lever", i), one) for i, one in enumerate(part.lever)]
    top += [(("spend", i, "lever"), one.lever) for i, one in enumerate(part.spend)]
    return [found for place, one in top for found in _with_those_within(one, place)]


def _with_those_within(lever: LeverPart, place: Place) -> list[tuple[Place, LeverPart]]:
    below = enumerate(getattr(lever, "levers", ()))
    within = [found for i, one in below for found in _with_those_within(one, (*place, "levers", i))]
    return [(place, lever), *within]


def _check_names(part: ScenarioPart, stages: Stages, faults: Faults) -> None:
    """Names of stages wherever they stand."""
    named: list[tuple[Place, str]] = [
        (("pipeline", i, "stage"), some.stage) for i, some in enumerate(part.pipeline)
    ]
    for place, lever in _every_lever(part):
        stage = getattr(lever, "stage", None)
        named += [] if stage is None else [((*place, "stage"), stage)]
    if part.activity is not None:
        named += [(("activity", "visits", name), name) for name in part.activity.visits]
    names = [stage.name for stage in stages.open]
    for place, name in named:
        if stages.codes.get(name, len(names)) >= len(names):
            hint = did_you_mean(name, names)
            faults.add(place, f"{name!r} is no open stage; they are {', '.join(names)}{hint}")


def _lever(
    part: LeverPart, place: Place, funnel: Funnel, unsure: set[str], faults: Faults, *, has_team: bool
) -> Lever | None:
    """A lever that can be applied; None where it cannot."""
    n_before = len(faults.found)
    for where, one in _with_those_within(part, place):
        start = getattr(one, "start", None)
        faults.attempt((*where, "start"), partial(Rep.several, 1, name="hire", start=start))
    sound = sound_lever(part, funnel.stages, unsure)
    if len(faults.found) > n_before:
        return None

    of_all = faults.attempt(place, lambda: sound.of_all(funnel))

    def tried() -> Lever:
        lever = sound.of_some(of_all or Volume(1.1))  # for whom it is meant is told beside what it does
        lever.apply(funnel)
        if moves_people(lever) and not has_team:
            raise LeverError(f"{lever.name}: nobody is there to be moved; add the tables team and work")
        return lever

    lever = faults.attempt(place, tried)
    return lever if sound == part and of_all is not None else None


def _spending(
    part: ScenarioPart, i: int, funnel: Funnel, unsure: set[str], faults: Faults
) -> Spending | None:
    one, place = part.spend[i], ("spend", i, "lever")
    lever = _lever(one.lever, place, funnel, unsure, faults, has_team=part.team is not None)
    strength = None if lever is None else faults.attempt(place, lambda: strength_of(lever))
    if lever is None or strength is None:
        return None
    if strength <= 1.0:
        faults.add(place, f"{lever.name}: what money buys must move upwards, by a factor above 1")
    return Spending(one.name, lever, one.cost, one.growth)


def _check_quotas(part: ScenarioPart, funnel: Funnel, faults: Faults) -> None:
    """Parts that there are: times of the calendar, or attributes with their values."""
    values: dict[str, set[str]] = {}
    for some in part.pipeline:
        for key, value in some.attributes.items():
            values.setdefault(key, set()).add(value)
    if funnel.classes is not None and len(funnel.classes.attributes) == 1:
        values.setdefault(funnel.classes.attributes[0], set()).update(funnel.classes.labels)
    for i, one in enumerate(part.quotas):
        known = [*_TIMES, *values]
        if one.by not in known:
            hint = did_you_mean(one.by, known)
            faults.add(("quotas", i, "by"), f"{one.by!r} is no part; parts are by {', '.join(known)}{hint}")
        by = closest(one.by, known) or one.by
        for name in one.quotas or {} if by in values else ():
            if name not in values[by]:
                there = sorted(values[by])
                unknown = f"no deal is of {by} {name!r}; there are {', '.join(there)}"
                faults.add(("quotas", i, "quotas", name), unknown + did_you_mean(name, there))


def _pay(part: ScenarioPart, faults: Faults) -> Pay | None:
    if part.commission is None:
        return None
    steps, place = part.commission.steps, ("commission", "steps")
    for i, (before, step) in enumerate(pairwise(steps), start=1):
        if step.above <= before.above:
            rise = f"thresholds must rise: {step.above:,.10g} follows {before.above:,.10g}; order the steps"
            faults.add((*place, i, "above"), rise)
        if part.commission.on_whole and step.rate < before.rate:
            fall = f"rates on the whole amount must not fall: {step.rate:g} follows {before.rate:g}"
            faults.add((*place, i, "rate"), fall)
    pairs = tuple((step.above, step.rate) for step in steps)
    return Pay(pairs, part.commission.on_whole, part.commission.of_quota)


def _pipeline(part: ScenarioPart, funnel: Funnel, won: Ints, a_deal: str) -> Pipeline:
    rows: list[DealsPart] = [some for some in part.pipeline for _ in range(some.deals)]
    wins: list[WonPart] = [win for win in part.won for _ in range(win.deals)]
    attributes = sorted(
        {key for row in rows for key in row.attributes} | {k for w in wins for k in w.attributes}
    )
    return Pipeline(
        clock=funnel.clock,
        cutoff_step=_last_step(funnel.clock, part.as_of),
        deal_ids=np.array([row.name or f"{a_deal} {i + 1}" for i, row in enumerate(rows)], dtype=object),
        stage=np.array([funnel.stages.codes[row.stage] for row in rows], dtype=np.int64),
        age_steps=np.array([row.age_steps for row in rows], dtype=np.int64),
        amount=np.array([np.nan if row.amount is None else row.amount for row in rows], dtype=float),
        won_step=won,
        won_amount=np.array([np.nan if win.amount is None else win.amount for win in wins], dtype=float),
        attributes=_columns([row.attributes for row in rows], attributes),
        won_attributes=_columns([win.attributes for win in wins], attributes),
    )


def _columns(rows: list[dict[str, str]], names: list[str]) -> dict[str, npt.NDArray[np.object_]]:
    """Attributes as columns; None where a row says nothing."""
    return {name: np.array([row.get(name) for row in rows], dtype=object) for name in names}


def _periods(part: ScenarioPart, clock: Clock) -> Periods:
    last = _last_step(clock, part.as_of)
    return Periods.parse(part.periods, clock, last, fiscal_start_month=part.fiscal_start_month)


def _won_steps(part: ScenarioPart, clock: Clock, faults: Faults) -> Ints:
    """The step of each win, one entry a deal."""
    for i, win in enumerate(part.won):
        if win.on > part.as_of:
            faults.add(("won", i, "on"), f"a win on {win.on} lies after as_of, {part.as_of}")
    return np.array([_last_step(clock, win.on) for win in part.won for _ in range(win.deals)], dtype=np.int64)


def _last_step(clock: Clock, day: dt.date) -> int:
    """The step that ends with a day."""
    return int(clock.step_of(np.datetime64(day) + np.timedelta64(1, "D"))) - 1
