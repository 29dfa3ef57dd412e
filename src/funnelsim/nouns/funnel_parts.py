"""A funnel from the parts of its file; what does not fit together is told all at once, each with its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from funnelsim.nouns.changes_file import changes_from_part
from funnelsim.nouns.classes_file import classes_from_part
from funnelsim.nouns.collections_file import collections_from_part
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.funnel_schema import (
    AmountsPart,
    ArrivalsPart,
    ChancesPart,
    ClosedPart,
    CountedPart,
    FunnelPart,
    HazardsPart,
    RoutesPart,
    ShockPart,
)
from funnelsim.nouns.pace_file import calendar_from_part, pace_from_part
from funnelsim.nouns.shock import Shock
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards, extend_until_gone, hazards_by_hand
from funnelsim.numerics.weighted_pipeline import ClosedRates
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.faults import Faults, Place, PlacedError
from funnelsim.vocabulary.stages import Outcome, Stage, Stages
from funnelsim.vocabulary.words import codes_named, did_you_mean

_MOST_MOVES = 100  # of a deal before it ends, on average: beyond them hardly any ends in time
MOST_STEPS = 100_000  # that a hand-written stage may take: tables by age would fill the memory beyond

Table = np.ndarray[Any, Any]


def funnel_from_part(part: FunnelPart) -> Funnel:
    """The funnel a file tells of.

    Raises
    ------
    PlacedError
        With all that does not fit together, each with its key.
    """
    stages, faults, clock = stages_from_part(part), Faults(), Clock(part.step)
    by_stage = _hazards(part.hazards, stages, faults)
    labels = tuple(part.classes.labels) if part.classes else ()
    n_bins = [None if of_stage is None else len(of_stage.first_age) for of_stage in by_stage]
    builders: dict[str, Callable[[], object]] = {
        "arrivals": lambda: _arrivals(part.arrivals, stages),
        "amounts": lambda: part.amounts and _amounts(part.amounts),
        "closed": lambda: part.closed and _closed(part.closed, stages),
        "revisions": lambda: _revisions(part.revisions, stages),
        "changes": lambda: changes_from_part(part.changes, stages, labels),
        "pace": lambda: part.pace and pace_from_part(part.pace, stages),
        "calendar": lambda: part.calendar and calendar_from_part(part.calendar),
        "classes": lambda: part.classes and classes_from_part(part.classes, stages, n_bins),
        "shock": lambda: part.shock and _shock(part.shock),
        "collections": lambda: part.collections and collections_from_part(part.collections, clock),
    }
    built: dict[str, Any] = {key: faults.attempt((key,), build) for key, build in builders.items()}
    faults.refuse()
    hazards = [of_stage for of_stage in by_stage if of_stage is not None]
    notes = tuple(dict.fromkeys([*part.notes, *_rounds(hazards, stages)]))
    return Funnel(stages, clock, tuple(hazards), unit=part.unit, origin=part.origin, notes=notes, **built)


def _rounds(hazards: list[StageHazards], stages: Stages) -> list[str]:
    """A note where deals go round and round before they end; nothing where most end after some moves."""
    exits = np.array([of_stage.exits.sum(axis=0) for of_stage in hazards])
    onwards = exits[:, : stages.n_open] / np.maximum(exits.sum(axis=1, keepdims=True), 1e-300)
    try:
        visits = np.linalg.inv(np.eye(stages.n_open) - onwards)
    except np.linalg.LinAlgError:  # no way out at all: a fault of its own where it can be one
        return []
    moves = visits.sum(axis=1)
    first = int(moves.argmax())
    if not _MOST_MOVES < moves[first] < np.inf:
        return []
    names = [stages.names[i] for i in np.flatnonzero(visits[first] > moves[first] / 10)]
    return [
        f"a deal moves {moves[first]:,.0f} times on average before it ends, round {', '.join(names)}; "
        "check where deals of these stages go"
    ]


def stages_from_part(part: FunnelPart) -> Stages:
    """The stages a file tells of.

    Raises
    ------
    StagesError
        If names repeat, or nothing counts as a win.
    """
    return Stages(
        open=tuple(Stage(**stage.model_dump()) for stage in part.stages),
        outcomes=tuple(Outcome(**outcome.model_dump()) for outcome in part.outcomes),
        skipped=part.skipped,
        backward=part.backward,
        reopened=part.reopened,
    )


def _hazards(parts: dict[str, HazardsPart], stages: Stages, faults: Faults) -> list[StageHazards | None]:
    """Hazards of all open stages; None for those that are at fault."""
    names = [stage.name for stage in stages.open]
    for name in parts:
        if name not in names:
            hint = did_you_mean(name, names)
            faults.add(("hazards", name), f"is no open stage; they are {', '.join(names)}{hint}")
    built: list[StageHazards | None] = []
    for name in names:
        if name not in parts:
            faults.add(("hazards",), f"the stage {name!r} is missing: say where its deals go, and how fast")
            built.append(None)
            continue
        build = partial(_stage_hazards, name, parts[name], stages)
        built.append(faults.attempt(("hazards", name), build))
    return built


def _shock(part: ShockPart) -> Shock:
    return Shock(tuple(part.variances), part.correlation, part.period_steps, part.n_origins)


def _spread(
    by_place: dict[str, list[float]], stages: Stages, n_bins: int, where: Place, faults: Faults
) -> Table:
    table = np.zeros((n_bins, len(stages.names)))
    codes = codes_named(by_place, stages, where, faults)
    for name, values in by_place.items():
        if len(values) != n_bins:
            faults.add((*where, name), f"{len(values)} numbers for {n_bins} bins of age")
        elif name in codes:
            table[:, codes[name]] = values
    return table


def _stage_hazards(name: str, part: CountedPart | ChancesPart | RoutesPart, stages: Stages) -> StageHazards:
    """Hazards of one stage; places of faults are below it."""
    faults = Faults()
    if isinstance(part, RoutesPart):
        first_age, table = np.array([0, 1]), _by_routes(part, stages, faults)
        going = {place for place, share in part.goes_to.items() if share}
    else:
        first_age = np.array(part.first_age, dtype=np.int64)
        if len(first_age) < 2 or first_age[0] != 0 or first_age[1] != 1 or (np.diff(first_age) <= 0).any():
            faults.add(("first_age",), "must increase and begin 0, 1 (age 0 is a bin of its own)")
        by_place = part.chance_per_step if isinstance(part, ChancesPart) else part.exits
        where = "chance_per_step" if isinstance(part, ChancesPart) else "exits"
        table = _spread(by_place, stages, len(first_age), (where,), faults)
        going = {place for place, values in by_place.items() if any(values)} | (
            {place for place, share in (getattr(part, "prior_shares", None) or {}).items() if share}
        )
    if stages.codes[name] in {stages.codes.get(place) for place in going}:
        stays = f"deals cannot go from {name!r} to itself; leave it out: they stay there"
        faults.add(("goes_to",) if isinstance(part, RoutesPart) else (), stays)
    hazards = (
        _counted(first_age, table, part, stages, faults)
        if isinstance(part, CountedPart)
        else _by_hand(first_age, table, part.weight_in_deals, faults)
    )
    faults.refuse()
    assert hazards is not None
    return hazards


def _by_routes(part: RoutesPart, stages: Stages, faults: Faults) -> Table:
    """Where deals go, at a constant rate from the day after they came."""
    place: Place = ("goes_to",)
    shares = _spread({name: [share] for name, share in part.goes_to.items()}, stages, 1, place, faults)
    total = sum(part.goes_to.values())
    if abs(total - 1.0) > 1e-9:
        faults.add(place, f"shares add to {total:.6g}; they must add to 1")
    pace = 1.0 - 0.5 ** (1.0 / part.median_steps)
    if faults.found:
        shares /= max(shares.sum(), 1e-300)  # so that how fast they go is told beside a fault of where
    return np.vstack([0.0 * shares, pace * shares])


def _by_hand(
    first_age: Table, table: Table, weight_in_deals: float | None, faults: Faults
) -> StageHazards | None:
    if (table.sum(axis=1) > 1 + 1e-12).any():
        faults.add(("chance_per_step",), "the chances of one bin add to more than 1")
    if any(place[0] in ("first_age", "chance_per_step") for place, _ in faults.found if place):
        return None
    ages, chances = extend_until_gone(first_age, table)
    if ages[-1] > MOST_STEPS:
        slow = (
            f"deals leave so slowly that one in 100,000 is left after {ages[-1]:,} steps, more than "
            f"{MOST_STEPS:,}; use a longer step, or a chance of 0 for what never happens"
        )
        faults.add((), slow)
        return None
    return hazards_by_hand(ages, chances, weight_in_deals)


def _counted(
    first_age: Table, exits: Table, part: CountedPart, stages: Stages, faults: Faults
) -> StageHazards:
    n_bins = len(first_age)
    if len(part.at_risk) != n_bins or (exits.sum(axis=1) > part.at_risk).any():
        faults.add(("at_risk",), "one number per bin of age, none below the exits of its bin")
    shares = exits.sum(axis=0) / max(exits.sum(), 1.0)
    if part.prior_shares is not None:
        prior = {place: [share] for place, share in part.prior_shares.items()}
        shares = _spread(prior, stages, 1, ("prior_shares",), faults)[0]
    faults.refuse()
    return StageHazards(first_age, exits, np.array(part.at_risk), shares)


def _arrivals(part: ArrivalsPart, stages: Stages) -> Arrivals:
    place, faults = ("entries",), Faults()
    entries = _spread({k: [v] for k, v in part.entries.items()}, stages, 1, place, faults)[0]
    if entries[stages.n_open :].any():
        faults.add(place, "deals arrive in open stages, not in outcomes")
    # A fit that saw nobody arrive writes the half deal of its prior, and no stage to enter.
    is_prior_only = part.worth_blocks is not None and part.mean_per_block * part.worth_blocks < 0.5 + 1e-9
    if part.mean_per_block > 0 and not any(part.entries.values()) and not is_prior_only:
        nowhere = (
            f"{part.mean_per_block:g} deals arrive in a block, but enter no stage; say where, such as "
            f'{{"{stages.names[0]}": 1}}'
        )
        faults.add(place, nowhere)
    faults.refuse()
    worth = np.inf if part.worth_blocks is None else part.worth_blocks
    return Arrivals(part.block_steps, part.mean_per_block, worth, part.dispersion, entries[: stages.n_open])


def _amounts(part: AmountsPart) -> Amounts:
    faults, n_points, n_weights = Faults(), len(part.points), len(part.weights)
    if n_points != n_weights or not n_points:
        faults.add((), f"as many weights as points are needed, and one at least: {n_weights} for {n_points}")
    if (np.diff(part.points) < 0).any():
        faults.add(("points",), "points must not decrease")
    faults.refuse()
    return Amounts(np.array(part.points, dtype=float), np.array(part.weights, dtype=float), part.is_certain)


def _revisions(part: dict[str, AmountsPart], stages: Stages) -> tuple[Amounts | None, ...]:
    faults = Faults()
    codes = codes_named(part, stages, (), faults)
    if any(code >= stages.n_open for code in codes.values()):
        faults.add((), "ratios belong to open stages; amounts of ended deals stand")
    laws = {name: faults.attempt((name,), partial(_amounts, law)) for name, law in part.items()}
    faults.refuse()
    by_stage = {code: laws[name] for name, code in codes.items()}
    return tuple(by_stage.get(s) for s in range(stages.n_open)) if laws else ()


def _closed(part: dict[str, ClosedPart], stages: Stages) -> ClosedRates:
    open_names = [stage.name for stage in stages.open]
    if set(part) != set(open_names):
        missing = ", ".join(repr(name) for name in open_names if name not in part) or "none"
        odd = ", ".join(repr(name) for name in part if name not in open_names) or "none"
        wrong = f"must name every open stage and nothing else; missing: {missing}; too many: {odd}"
        raise PlacedError(((), wrong))
    rows = [part[name] for name in open_names]
    return ClosedRates(np.array([row.won for row in rows]), np.array([row.closed for row in rows]))
