"""Team and work of a scenario, key by key: what is wrong with one key hides nothing of the others."""

from __future__ import annotations

from functools import partial
from typing import Any

from funnelsim.intake.scenario_model import RepsPart, TeamPart, WorkPart
from funnelsim.nouns.team import LeadsFromWins, Parking, Qualification, Rep, Team, Work
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.stages import Stages


def team_from_part(part: TeamPart | None, faults: Faults) -> Team | None:
    """The team a file tells of; None, and the reasons in `faults`, where it cannot be."""
    if part is None:
        return None
    n_before = len(faults.found)
    reps: list[Rep] = []
    for i, some in enumerate(part.reps):
        place = ("team", "reps", i, *(() if some.start is None else ("start",)))
        reps += faults.attempt(place, partial(_reps, some)) or ()
    given = part.model_dump(exclude={"reps"}, exclude_none=True)
    for key, value in given.items():
        entries = enumerate(value) if isinstance(value, list) else ()
        alone: list[tuple[Place, Any]] = [(("team", key, i), (entry,)) for i, entry in entries]
        for place, one in alone or [(("team", key), value)]:
            faults.attempt(place, partial(Team, **{key: one}))
    if len(faults.found) > n_before:
        return None
    return faults.attempt(("team",), lambda: Team(tuple(reps), **given))


def _reps(part: RepsPart) -> tuple[Rep, ...]:
    return Rep.several(part.n, name=part.name, start=part.start, ramp_days=part.ramp_days)


def work_from_part(part: WorkPart | None, stages: Stages, faults: Faults) -> Work | None:
    """The work a file tells of; None, and the reasons in `faults`, where it cannot be."""
    if part is None:
        return None

    def checked(**given: Any) -> Work:
        work = Work(**given)
        work.check(stages)
        return work

    n_before = len(faults.found)
    for stage, hours in part.hours.items():
        faults.attempt(("work", "hours", stage), partial(checked, hours={stage: hours}))
    for stage, days in part.patience_days.items():
        place = ("work", "patience_days", stage)
        faults.attempt(place, partial(checked, hours={stage: 1.0}, patience_days={stage: days}))
    given: dict[str, Any] = {"spread": part.spread, "rule": part.rule}
    for key, form in (
        ("parking", Parking), ("qualification", Qualification), ("leads_from_wins", LeadsFromWins),
    ):  # fmt: skip
        inner = getattr(part, key)
        given[key] = inner and faults.attempt(("work", key), partial(form, **inner.model_dump()))
    for key, value in given.items():
        faults.attempt(("work", key), partial(checked, **{key: value}))
    if len(faults.found) > n_before:
        return None
    whole = {"hours": part.hours, "patience_days": part.patience_days, **given}
    return faults.attempt(("work",), partial(checked, **whole))
