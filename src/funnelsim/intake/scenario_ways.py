"""Where deals of a scenario can go, and what a lever can ask of a stage: told beside other faults."""

from __future__ import annotations

from collections.abc import Iterable

from funnelsim.intake.scenario_sound import places_from
from funnelsim.nouns.funnel_schema import HazardsPart
from funnelsim.nouns.levers.file import ConversionPart, LeverPart, WinRatePart
from funnelsim.vocabulary.faults import Faults, Place, key_of_place
from funnelsim.vocabulary.stages import Stages

_OF_ROUTES = (("funnel", "hazards"), ("funnel", "stages"), ("funnel", "outcomes"))
_NAMES_PLACES = ((), ("name",), ("aliases",), ("kind",))
_To = ConversionPart | WinRatePart  # levers that may say a value to be reached
_HOLD_PLACES = ("goes_to", "chance_per_step", "exits")


def check_endless(hazards: dict[str, HazardsPart], stages: Stages, faults: Faults) -> None:
    """Stages from which no outcome can be reached: deals would go round for ever."""
    ends = _leading_to(set(range(stages.n_open, len(stages.names))), hazards, stages)
    for name in hazards:
        if name in stages.codes and stages.codes[name] not in ends:
            never = "no way from here leads to an outcome: deals would never end"
            faults.add(("funnel", "hazards", name), never)


def check_ways(
    levers: Iterable[tuple[Place, LeverPart]],
    hazards: dict[str, HazardsPart],
    stages: Stages,
    faults: Faults,
) -> set[str]:
    """Stages that a lever is to bring to a value no way leads to; each is told at its hazards."""
    codes, found = stages.codes, set()
    for place, lever in levers:
        if not isinstance(lever, _To) or lever.to is None or lever.stage not in hazards:
            continue
        stage = lever.stage
        what = None if stage not in codes else _not_reached(lever, codes[stage], hazards, stages)
        if what is not None:
            nowhere = (
                f"leads to {what}, so {key_of_place(place)} cannot bring the {lever.kind} of {stage!r} to "
                f"{100 * lever.to:.4g} %; say here how its deals go on, or leave that lever out"
            )
            key = next(key for key in _HOLD_PLACES if hasattr(hazards[stage], key))
            faults.add(("funnel", "hazards", stage, key), nowhere)
            found.add(stage)
    return found


def _not_reached(
    lever: ConversionPart | WinRatePart, stage: int, hazards: dict[str, HazardsPart], stages: Stages
) -> str | None:
    """What a lever needs, but deals of a stage never reach; None where they do, or that cannot be told."""
    goes = {stages.codes.get(name, -1) for name in places_from(hazards[str(lever.stage)])}
    if stage >= stages.n_open or -1 in goes or not goes:  # a fault of its own
        return None
    if not any(stages.is_forward(stage)[code] for code in goes):
        return "no later stage and no win"
    wins = {code for code, is_won in enumerate(stages.is_won) if is_won}
    is_lost = lever.kind == "win rate" and stage not in _leading_to(wins, hazards, stages)
    return "no win" if is_lost else None


def _leading_to(ends: set[int], hazards: dict[str, HazardsPart], stages: Stages) -> set[int]:
    """Places from which one of some can be reached, or may be: an unknown place is a fault of its own."""
    codes = stages.codes
    goes = {codes[name]: places_from(part) for name, part in hazards.items() if name in codes}
    found = set(ends)
    for _ in goes:
        found |= {
            s for s, to in goes.items() if not to or any(codes.get(name, -1) in {*found, -1} for name in to)
        }
    return found


def stages_unsure(at_fault: Iterable[Place], stages: Stages) -> set[str]:
    """Stages for which another way out stands in, as what the file says of it is at fault."""
    unsure: set[str] = set()
    for place in at_fault:
        if place[:2] == ("funnel", "hazards") and len(place) > 2:
            unsure.add(str(place[2]))
        elif place[:2] in _OF_ROUTES and place[3:4] in _NAMES_PLACES:
            unsure |= {stage.name for stage in stages.open}
    return unsure


def sound_lever(part: LeverPart, stages: Stages, unsure: set[str]) -> LeverPart:
    """A lever that asks nothing of stages that are unknown or unsure, so that all else of it is checked."""
    stage, inner = getattr(part, "stage", None), getattr(part, "levers", None)
    is_known = stage is None or stage in stages.codes
    changes: dict[str, object] = {} if is_known else {"stage": stages.names[0]}
    if isinstance(part, _To) and part.to is not None and part.odds is None:
        asks_of = {one.name for one in stages.open} if isinstance(part, WinRatePart) else {stage}
        if not is_known or asks_of & unsure:
            changes |= {"to": None, "odds": 1.1}
    if inner is not None:
        changes["levers"] = [sound_lever(one, stages, unsure) for one in inner]
    return part.model_copy(update=changes)
