"""Stages and a funnel of a scenario without their faults, so that all that rests on them is checked too."""

from __future__ import annotations

from collections.abc import Iterable

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.funnel_parts import funnel_from_part, stages_from_part
from funnelsim.nouns.funnel_schema import FunnelPart, OutcomePart, RoutesPart, StagePart
from funnelsim.vocabulary.faults import Fault, Faults, Place, PlacedError
from funnelsim.vocabulary.stages import Stages, name_key
from funnelsim.vocabulary.words import did_you_mean

# With more new deals a step than this no forecast ends: each is drawn, in each of thousands of futures.
MOST_PER_STEP = 1_000_000


def sound_stages(part: FunnelPart, faults: Faults) -> tuple[FunnelPart, Stages | None]:
    """The stages of a file; where they are at fault, which `faults` tells, those that are sound."""
    found = Faults()
    stages = found.attempt(("funnel", "stages"), lambda: stages_from_part(part))
    if stages is not None:
        return part, stages
    twice = _second_ones(part)
    has_won = any(outcome.kind == "won" for outcome in part.outcomes)
    for _, text in found.found:
        place: Place = twice[0] if twice and has_won else ("funnel", "stages" if has_won else "outcomes")
        faults.add(place, text)
    left = part.model_copy()
    taken = {name_key(one.name) for one in _named(part)}
    spare = [name for name in part.hazards if name_key(name) not in taken]  # what was meant, probably
    left.stages = []
    for i, one in enumerate(part.stages):
        if not _stands(("funnel", "stages", i), twice):
            left.stages.append(one)
        elif spare:
            left.stages.append(StagePart(name=spare.pop(0)))
    left.outcomes = [
        one for i, one in enumerate(part.outcomes) if not _stands(("funnel", "outcomes", i), twice)
    ]
    if not has_won:
        left.outcomes = [*left.outcomes, OutcomePart(name=_new_name(left), kind="won")]
        if twice:
            repeat = _name_at(part, twice[0])
            faults.add(twice[0], f"stage names and aliases must be unique; repeated: {repeat}")
    return left, Faults().attempt((), lambda: stages_from_part(left))


def _new_name(part: FunnelPart) -> str:
    """A name for the win that a file leaves out."""
    taken = {name_key(name) for one in _named(part) for name in (one.name, *one.aliases)}
    return next(name for name in ("won", *(f"won {i}" for i in range(2, 1000))) if name not in taken)


def _second_ones(part: FunnelPart) -> list[Place]:
    """Where the second of two alike names stands."""
    seen: set[str] = set()
    found: list[Place] = []
    for i, one in enumerate(_named(part)):
        names = (one.name, *one.aliases)
        keys = [name_key(name) for name in names]
        if seen & set(keys) or len({*names}) < len(names):
            is_stage = i < len(part.stages)
            number = i if is_stage else i - len(part.stages)
            key = "name" if keys[0] in seen else "aliases"
            found.append(("funnel", "stages" if is_stage else "outcomes", number, key))
        seen |= set(keys)
    return found


def _named(part: FunnelPart) -> list[StagePart | OutcomePart]:
    return [*part.stages, *part.outcomes]


def _stands(place: Place, among: Iterable[Place]) -> bool:
    return any(one[: len(place)] == place for one in among)


def _name_at(part: FunnelPart, place: Place) -> str:
    group: list[StagePart] | list[OutcomePart] = part.stages if place[1] == "stages" else part.outcomes
    return group[int(place[2])].name


def sound_funnel(part: FunnelPart, stages: Stages, faults: Faults) -> Funnel | None:
    """The funnel of a file; others stand in for parts that are at fault, which `faults` tells."""
    own: list[Fault] = [(("funnel", *place), text) for place, text in _unknown_places(part, stages)]
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


def _unknown_places(part: FunnelPart, stages: Stages) -> list[Fault]:
    """Every name of no stage where deals go or come; the funnel itself tells the first of a table."""
    tables: list[tuple[Place, Iterable[str]]] = [(("arrivals", "entries"), part.arrivals.entries)]
    for name, hazards in part.hazards.items():
        if isinstance(hazards, RoutesPart) and name in stages.codes:
            tables.append((("hazards", name, "goes_to"), hazards.goes_to))
    return [
        (
            place,
            f"{name!r} is no stage or outcome; they are {', '.join(stages.names)}"
            f"{did_you_mean(name, stages.names)}",
        )
        for place, names in tables
        for name in names
        if name not in stages.codes
    ]


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
    for key in firsts & set(fields) - {"hazards", "stages", "outcomes", "arrivals", "amounts"}:
        setattr(left, str(key), fields[str(key)].get_default(call_default_factory=True))
    if "arrivals" in firsts:
        arrivals = {"block_steps": 1, "mean_per_block": 1.0, "entries": {names[0]: 1.0}}
        left.arrivals = type(part.arrivals).model_validate(arrivals)
    if "amounts" in firsts and part.amounts is not None:
        left.amounts = type(part.amounts)(points=[1.0], weights=[1.0])
    return Faults().attempt((), lambda: funnel_from_part(left))
