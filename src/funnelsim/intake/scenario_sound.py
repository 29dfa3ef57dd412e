"""Stages and a funnel of a scenario without their faults, so that all that rests on them is checked too."""

from __future__ import annotations

from typing import Any

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.funnel_parts import funnel_from_part, stages_from_part
from funnelsim.nouns.funnel_schema import (
    ChancesPart,
    CountedPart,
    FunnelPart,
    HazardsPart,
    OutcomePart,
    RoutesPart,
    StagePart,
)
from funnelsim.vocabulary.faults import Fault, Faults, Place, PlacedError
from funnelsim.vocabulary.stages import Stages, name_key

# With more new deals a step than this no forecast ends: each is drawn, in each of thousands of futures.
MOST_PER_STEP = 1_000_000


def sound_stages(part: FunnelPart, faults: Faults) -> tuple[FunnelPart, Stages | None]:
    """The stages of a file; where they are at fault, which `faults` tells, those that are sound."""
    repeats, n_before = _repeats(part), len(faults.found)
    for place, name in repeats:
        faults.add(place, f"stage names and aliases must be unique; repeated: {name}")
    left = _without_repeats(part, {place for place, _ in repeats}) if repeats else part
    has_won = any(outcome.kind == "won" for outcome in part.outcomes)
    where: Place = ("funnel", "stages" if has_won else "outcomes")
    stages = faults.attempt(where, lambda: stages_from_part(left))
    if not has_won and stages is None:
        left = left.model_copy()
        left.outcomes = [*left.outcomes, OutcomePart(name=_new_name(left), kind="won")]
        stages = Faults().attempt((), lambda: stages_from_part(left))
    return (left if len(faults.found) > n_before else part), stages


def _repeats(part: FunnelPart) -> list[tuple[Place, str]]:
    """Every name that stands for something already, with its place."""
    seen: set[str] = set()
    found: list[tuple[Place, str]] = []
    for place, one in _named(part):
        for key, name in (("name", one.name), *(("aliases", alias) for alias in one.aliases)):
            if name_key(name) in seen:
                found.append(((*place, key), name))
            seen.add(name_key(name))
    return found


def _without_repeats(part: FunnelPart, repeats: set[Place]) -> FunnelPart:
    """Stages and outcomes of one name each; those that repeat one are called what deals go to otherwise."""
    named = {name_key(one.name) for _, one in _named(part)}
    goes = {name: None for hazards in part.hazards.values() for name in places_from(hazards)}
    spare = {
        "stages": [name for name in part.hazards if name_key(name) not in named],
        "outcomes": [name for name in goes if name_key(name) not in named and name not in part.hazards],
    }
    kept: dict[str, list[Any]] = {"stages": [], "outcomes": []}
    taken: set[str] = set()
    for place, one in _named(part):
        group, name = str(place[1]), one.name
        if name_key(name) in taken and spare[group]:
            name = spare[group].pop(0)
        aliases = [alias for alias in one.aliases if name_key(alias) not in named]
        if name_key(name) not in taken:
            aliases = [] if (*place, "aliases") in repeats else aliases
            kept[group].append(one.model_copy(update={"name": name, "aliases": tuple(aliases)}))
        taken.add(name_key(name))
    return part.model_copy(update=kept)


def _new_name(part: FunnelPart) -> str:
    """A name for the win that a file leaves out."""
    taken = {name_key(name) for _, one in _named(part) for name in (one.name, *one.aliases)}
    return next(name for name in ("won", *(f"won {i}" for i in range(2, 1000))) if name not in taken)


def _named(part: FunnelPart) -> list[tuple[Place, StagePart | OutcomePart]]:
    """Stages and outcomes with their places."""
    return [
        *((("funnel", "stages", i), stage) for i, stage in enumerate(part.stages)),
        *((("funnel", "outcomes", i), outcome) for i, outcome in enumerate(part.outcomes)),
    ]


def sound_funnel(part: FunnelPart, stages: Stages, faults: Faults) -> Funnel | None:
    """The funnel of a file; others stand in for parts that are at fault, which `faults` tells."""
    own: list[Fault] = []
    rate = part.arrivals.mean_per_block / part.arrivals.block_steps
    if rate > MOST_PER_STEP:
        own.append(
            (
                ("funnel", "arrivals", "mean_per_block"),
                f"{rate:,.0f} new deals a step are more than {MOST_PER_STEP:,}, the most that can be drawn; "
                "check the number, or let one deal stand for many",
            )
        )
    funnel: Funnel | None = None
    try:
        funnel = funnel_from_part(part)
    except PlacedError as error:
        own += [(("funnel", *place), text) for place, text in error.faults]
    faults.found += dict.fromkeys(own)
    return funnel if not own else _standing_in(part, stages, own)


def _standing_in(part: FunnelPart, stages: Stages, at_fault: list[Fault]) -> Funnel | None:
    """A funnel of the same stages, in which what is at fault is replaced by what works."""
    left, firsts = part.model_copy(), {place[1] for place, _ in at_fault if len(place) > 1}
    names = [stage.name for stage in stages.open]
    ends = {stages.names[stages.n_open + i]: 1.0 / len(stages.outcomes) for i in range(len(stages.outcomes))}
    wrong = {place[2] for place, _ in at_fault if place[1:2] == ("hazards",) and len(place) > 2}
    stand_in = RoutesPart(goes_to=ends, median_steps=1.0)
    left.stages = [one for one in part.stages if one.name in names]
    left.hazards = {
        name: stand_in if name in wrong or name not in part.hazards else part.hazards[name] for name in names
    }
    fields = FunnelPart.model_fields
    if part.classes is not None:  # levers and quotas name its attributes and labels
        labels = {label: type(own)() for label, own in part.classes.labels.items()}
        left.classes = type(part.classes)(attributes=part.classes.attributes, labels=labels)
    if part.collections is not None and "collections" in firsts:
        left.collections = type(part.collections)()
    own_stand_ins = {"hazards", "stages", "outcomes", "arrivals", "amounts", "classes", "collections"}
    for key in firsts & set(fields) - own_stand_ins:
        setattr(left, str(key), fields[str(key)].get_default(call_default_factory=True))
    if "arrivals" in firsts:
        arrivals = {"block_steps": 1, "mean_per_block": 1.0, "entries": {names[0]: 1.0}}
        left.arrivals = type(part.arrivals).model_validate(arrivals)
    if "amounts" in firsts and part.amounts is not None:
        left.amounts = type(part.amounts)(points=[1.0], weights=[1.0])
    return Faults().attempt((), lambda: funnel_from_part(left))


def places_from(part: HazardsPart) -> set[str]:
    """Where deals of a stage can go."""
    if isinstance(part, RoutesPart):
        return {place for place, share in part.goes_to.items() if share > 0}
    assert isinstance(part, ChancesPart | CountedPart)
    by_place = part.chance_per_step if isinstance(part, ChancesPart) else part.exits
    return {place for place, values in by_place.items() if any(value > 0 for value in values)}
