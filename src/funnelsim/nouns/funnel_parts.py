"""A funnel from the parts of its file; what does not fit together is told all at once, each with its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from funnelsim.nouns.changes_file import changes_from_part
from funnelsim.nouns.classes import Classes
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
from funnelsim.vocabulary.words import did_you_mean

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
    hazards = _hazards(part.hazards, stages, faults)
    labels = tuple(part.classes.labels) if part.classes else ()
    builders: dict[str, Callable[[], object]] = {
        "arrivals": lambda: _arrivals(part.arrivals, stages),
        "amounts": lambda: part.amounts and _amounts(part.amounts),
        "closed": lambda: part.closed and _closed(part.closed, stages),
        "revisions": lambda: _revisions(part.revisions, stages),
        "changes": lambda: changes_from_part(part.changes, stages, labels),
        "pace": lambda: part.pace and pace_from_part(part.pace, stages),
        "calendar": lambda: part.calendar and calendar_from_part(part.calendar),
        "classes": lambda: _classes(part, hazards, stages),
        "shock": lambda: part.shock and _shock(part.shock),
        "collections": lambda: part.collections and collections_from_part(part.collections, clock),
    }
    built: dict[str, Any] = {key: faults.attempt((key,), build) for key, build in builders.items()}
    faults.refuse()
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


def _hazards(parts: dict[str, HazardsPart], stages: Stages, faults: Faults) -> list[StageHazards]:
    """Hazards of all open stages; fewer where some are at fault."""
    names = [stage.name for stage in stages.open]
    for name in parts:
        if name not in names:
            hint = did_you_mean(name, names)
            faults.add(("hazards", name), f"is no open stage; they are {', '.join(names)}{hint}")
    built = []
    for name in names:
        if name not in parts:
            faults.add(("hazards",), f"the stage {name!r} is missing: say where its deals go, and how fast")
            continue
        law = faults.attempt(("hazards", name), partial(_stage_hazards, name, parts[name], stages))
        built += [] if law is None else [law]
    return built


def _classes(part: FunnelPart, hazards: list[StageHazards], stages: Stages) -> Classes | None:
    if part.classes is None or len(hazards) < stages.n_open:
        return None  # where hazards are at fault, that is told
    return classes_from_part(part.classes, stages, [len(of_stage.first_age) for of_stage in hazards])


def _shock(part: ShockPart) -> Shock:
    return Shock(tuple(part.variances), part.correlation, part.period_steps, part.n_origins)


def _columns(by_place: dict[str, Any], stages: Stages, where: Place) -> list[int]:
    unknown = [name for name in by_place if name not in stages.codes]
    if unknown:
        hint = did_you_mean(unknown[0], stages.names)
        known = f"{unknown[0]!r} is no stage or outcome; they are {', '.join(stages.names)}{hint}"
        raise PlacedError((where, known))
    codes = [stages.codes[name] for name in by_place]
    if len(set(codes)) < len(codes):
        twice = f"one place stands there under two names; keep one of {', '.join(by_place)}"
        raise PlacedError((where, twice))
    return codes


def _spread(by_place: dict[str, list[float]], stages: Stages, n_bins: int, where: Place) -> Table:
    table = np.zeros((n_bins, len(stages.names)))
    for code, (name, values) in zip(_columns(by_place, stages, where), by_place.items(), strict=True):
        if len(values) != n_bins:
            raise PlacedError(((*where, name), f"{len(values)} numbers for {n_bins} bins of age"))
        table[:, code] = values
    return table


def _stage_hazards(name: str, part: CountedPart | ChancesPart | RoutesPart, stages: Stages) -> StageHazards:
    """Hazards of one stage; places of faults are below it."""
    if isinstance(part, RoutesPart):
        hazards = _by_routes(part, stages)
    else:
        first_age = np.array(part.first_age, dtype=np.int64)
        if len(first_age) < 2 or first_age[0] != 0 or first_age[1] != 1 or (np.diff(first_age) <= 0).any():
            rule = "must increase and begin 0, 1 (age 0 is a bin of its own)"
            raise PlacedError((("first_age",), rule))
        if isinstance(part, ChancesPart):
            table = _spread(part.chance_per_step, stages, len(first_age), ("chance_per_step",))
            hazards = _by_hand(first_age, table, part.weight_in_deals)
        else:
            hazards = _counted(first_age, part, stages)
    own = stages.codes[name]
    if hazards.exits[:, own].any() or hazards.prior_shares[own]:
        stays = f"deals cannot go from {name!r} to itself; leave it out: they stay there"
        raise PlacedError((("goes_to",) if isinstance(part, RoutesPart) else (), stays))
    return hazards


def _by_routes(part: RoutesPart, stages: Stages) -> StageHazards:
    """Where deals go, at a constant rate from the day after they came."""
    place: Place = ("goes_to",)
    shares = _spread({name: [share] for name, share in part.goes_to.items()}, stages, 1, place)
    if abs(shares.sum() - 1.0) > 1e-9:
        raise PlacedError((place, f"shares add to {shares.sum():.6g}; they must add to 1"))
    pace = 1.0 - 0.5 ** (1.0 / part.median_steps)
    return _by_hand(np.array([0, 1]), np.vstack([0.0 * shares, pace * shares]), part.weight_in_deals)


def _by_hand(first_age: Table, table: Table, weight_in_deals: float | None) -> StageHazards:
    if (table.sum(axis=1) > 1).any():
        raise PlacedError((("chance_per_step",), "the chances of one bin add to more than 1"))
    ages, chances = extend_until_gone(first_age, table)
    if ages[-1] > MOST_STEPS:
        slow = (
            f"deals leave so slowly that one in 100,000 is left after {ages[-1]:,} steps, more than "
            f"{MOST_STEPS:,}; use a longer step, or a chance of 0 for what never happens"
        )
        raise PlacedError(((), slow))
    return hazards_by_hand(ages, chances, weight_in_deals)


def _counted(first_age: Table, part: CountedPart, stages: Stages) -> StageHazards:
    exits = _spread(part.exits, stages, len(first_age), ("exits",))
    if len(part.at_risk) != len(first_age) or (exits.sum(axis=1) > part.at_risk).any():
        raise PlacedError((("at_risk",), "one number per bin of age, none below the exits of its bin"))
    shares = exits.sum(axis=0) / max(exits.sum(), 1.0)
    if part.prior_shares is not None:
        prior = {place: [share] for place, share in part.prior_shares.items()}
        shares = _spread(prior, stages, 1, ("prior_shares",))[0]
    return StageHazards(first_age, exits, np.array(part.at_risk), shares)


def _arrivals(part: ArrivalsPart, stages: Stages) -> Arrivals:
    place: Place = ("entries",)
    entries = _spread({k: [v] for k, v in part.entries.items()}, stages, 1, place)[0]
    if entries[stages.n_open :].any():
        raise PlacedError((place, "deals arrive in open stages, not in outcomes"))
    # A fit that saw nobody arrive writes the half deal of its prior, and no stage to enter.
    is_prior_only = part.worth_blocks is not None and part.mean_per_block * part.worth_blocks < 0.5 + 1e-9
    if part.mean_per_block > 0 and not entries.any() and not is_prior_only:
        nowhere = (
            f"{part.mean_per_block:g} deals arrive in a block, but enter no stage; say where, such as "
            f'{{"{stages.names[0]}": 1}}'
        )
        raise PlacedError((place, nowhere))
    worth = np.inf if part.worth_blocks is None else part.worth_blocks
    return Arrivals(part.block_steps, part.mean_per_block, worth, part.dispersion, entries[: stages.n_open])


def _amounts(part: AmountsPart) -> Amounts:
    if len(part.points) != len(part.weights) or not part.points or (np.diff(part.points) < 0).any():
        raise PlacedError(((), "as many weights as points, and points must not decrease"))
    return Amounts(np.array(part.points, dtype=float), np.array(part.weights, dtype=float), part.is_certain)


def _revisions(part: dict[str, AmountsPart], stages: Stages) -> tuple[Amounts | None, ...]:
    codes = _columns(part, stages, ())
    if any(code >= stages.n_open for code in codes):
        raise PlacedError(((), "ratios belong to open stages; amounts of ended deals stand"))
    laws = dict(zip(codes, part.values(), strict=True))
    by_stage = [_amounts(laws[s]) if s in laws else None for s in range(stages.n_open)]
    return tuple(by_stage) if laws else ()


def _closed(part: dict[str, ClosedPart], stages: Stages) -> ClosedRates:
    open_names = [stage.name for stage in stages.open]
    if set(part) != set(open_names):
        raise PlacedError(((), "must name every open stage and nothing else"))
    rows = [part[name] for name in open_names]
    return ClosedRates(np.array([row.won for row in rows]), np.array([row.closed for row in rows]))
