"""Team and work of a scenario, key by key: what is wrong with one key hides nothing of the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from funnelsim.intake.scenario_model import RepsPart, TeamPart, WorkPart
from funnelsim.nouns.team import LeadsFromWins, Parking, Qualification, Rep, Team, Work, no_open_stage
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.stages import Stages

_FORMS: dict[str, Callable[..., Any]] = {
    "parking": Parking, "qualification": Qualification, "leads_from_wins": LeadsFromWins,
}  # fmt: skip
# Settings of each that are fine, beside which one is checked.
_SOUND: dict[str, dict[str, Any]] = {
    "parking": {"share": 0.1, "wake_up_days": 30.0, "stage": "any"},
    "qualification": {"stage": "any", "catches": 0.1},
    "leads_from_wins": {"per_win": 0.1, "lag_days": 30.0},
}


def team_from_part(part: TeamPart | None, faults: Faults) -> Team | None:
    """The team a file tells of; None, and the reasons in `faults`, where it cannot be."""
    if part is None:
        return None
    n_before = len(faults.found)
    reps: list[Rep] = []
    names: dict[str, None] = {}
    for i, some in enumerate(part.reps):
        place = ("team", "reps", i, *(() if some.start is None else ("start",)))
        reps += faults.attempt(place, partial(_reps, some)) or ()
        if some.name in names:
            faults.add(
                ("team", "reps", i), f"two reps are called {some.name + ' 1'!r}; give each a name of its own"
            )
        names[some.name] = None
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

    n_before, check = len(faults.found), part.qualification
    for stage, hours in part.hours.items():
        faults.attempt(("work", "hours", stage), partial(checked, hours={stage: hours}))
    waited_in = [*part.hours, *(() if check is None else (check.stage,))]
    for stage, days in part.patience_days.items():
        place: Place = ("work", "patience_days", stage)
        alone = faults.attempt(place, partial(checked, hours={stage: 1.0}, patience_days={stage: days}))
        if alone is not None and stage not in waited_in:
            waits = f"nobody waits in {stage!r}: give it hours of work, or leave its patience out"
            faults.add(place, waits)
    given: dict[str, Any] = {}
    for key in ("spread", "rule"):
        given[key] = getattr(part, key)
        faults.attempt(("work", key), partial(checked, **{key: given[key]}))
    for key, form in _FORMS.items():
        given[key] = None if getattr(part, key) is None else _part_of_work(part, key, form, stages, faults)
    if len(faults.found) > n_before:
        return None
    whole = {"hours": part.hours, "patience_days": part.patience_days, **given}
    return faults.attempt(("work",), partial(checked, **whole))


def _part_of_work(part: WorkPart, key: str, form: Callable[..., Any], stages: Stages, faults: Faults) -> Any:
    """One part of the work, setting by setting."""
    given, sound = getattr(part, key).model_dump(), dict(_SOUND[key])
    for name, value in given.items():
        if name == "stage" and stages.codes.get(value, stages.n_open) >= stages.n_open:
            faults.add(("work", key, name), no_open_stage(value, stages))
        elif faults.attempt(("work", key, name), partial(form, **{**_SOUND[key], name: value})) is not None:
            sound[name] = value
    return form(**sound)
