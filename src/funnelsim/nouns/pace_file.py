"""The pace and the calendar of a funnel as parts of its file, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from funnelsim.nouns.calendar import NAMES, Calendar
from funnelsim.nouns.funnel_schema import CalendarPart, FactorsPart, LevelPart, PacePart
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.calendar import Factors, Kind
from funnelsim.numerics.level import Levels
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import codes_named, did_you_mean


def pace_to_part(pace: Pace, names: tuple[str, ...]) -> dict[str, Any]:
    """A pace as plain lists and numbers."""
    transitions = zip(pace.stage.tolist(), pace.place.tolist(), _rows(pace.levels), strict=True)
    part: dict[str, Any] = {
        "block_steps": pace.block_steps,
        "transitions": [{"from": names[a], "to": names[b]} | row for a, b, row in transitions],
    }
    if pace.arrivals is not None:
        weights = pace.arrivals.weights.tolist()
        rows = zip(weights, _rows(pace.arrivals.levels), strict=True)
        part["arrivals"] = [{"weight": weight} | row for weight, row in rows]
    return part


def _rows(levels: Levels) -> list[dict[str, float]]:
    columns = (levels.shape, levels.rate, levels.discount, levels.transient)
    names = ("shape", "rate", "discount", "transient")
    return [dict(zip(names, row, strict=True)) for row in np.stack(columns, axis=1).tolist()]


def pace_from_part(part: PacePart, stages: Stages) -> Pace:
    """The pace a file tells of.

    Raises
    ------
    PlacedError
        With every transition that does not lead from an open stage to another place, or stands there twice.
    """
    pairs: list[tuple[int | None, int | None]] = []
    faults = Faults()
    for i, row in enumerate(part.transitions):
        codes = {
            key: codes_named([name], stages, ("transitions", i, key), faults).get(name)
            for key, name in (("from", row.start), ("to", row.end))
        }
        pair = (codes["from"], codes["to"])
        is_outcome = pair[0] is not None and pair[0] >= stages.n_open
        if is_outcome or (None not in pair and (pair[0] == pair[1] or pair in pairs)):
            wrong = (
                f"{row.start!r} to {row.end!r} must lead from an open stage to another place, and stand "
                "there once"
            )
            faults.add(("transitions", i), wrong)
        pairs.append(pair)
    faults.refuse()
    stage, place = np.array(pairs, dtype=np.int64).reshape(-1, 2).T.copy()
    arrivals = None
    if part.arrivals:
        weights = np.array([row.weight for row in part.arrivals])
        arrivals = ArrivalPace(weights / weights.sum(), _levels(part.arrivals))
    return Pace(part.block_steps, stage, place, _levels(part.transitions), arrivals)


def _levels(rows: list[Any]) -> Levels:
    parts: list[LevelPart] = rows
    numbers = np.array([(r.shape, r.rate, r.discount, r.transient) for r in parts]).reshape(-1, 4)
    return Levels(*numbers.T.copy())


def calendar_to_part(calendar: Calendar) -> dict[str, Any]:
    """A calendar as plain names, dates and numbers."""
    return {
        "factors": {
            group: {
                f.kind: {
                    "values": dict(zip(NAMES[f.kind], f.values.tolist(), strict=True)),
                    "standard_errors": dict(zip(NAMES[f.kind], f.standard_error.tolist(), strict=True)),
                }
                for f in of_group
            }
            for group, of_group in calendar.factors.items()
        },
        "holidays": [str(day) for day in calendar.holidays],
        "tried": list(calendar.tried),
    }


def calendar_from_part(part: CalendarPart) -> Calendar:
    """The calendar a file tells of; categories it does not name have the factor 1.

    Raises
    ------
    PlacedError
        With every category that is unknown.
    """
    faults = Faults()
    factors = {
        group: tuple(_factors(kind, own, ("factors", group, kind), faults) for kind, own in kinds.items())
        for group, kinds in part.factors.items()
    }
    faults.refuse()
    holidays = tuple(np.datetime64(day, "D") for day in part.holidays)
    return Calendar(factors, holidays, tuple(part.tried))


def _factors(kind: Kind, part: FactorsPart, where: Place, faults: Faults) -> Factors:
    for key, given in (("values", part.values), ("standard_errors", part.standard_errors)):
        for name in given:
            if name not in NAMES[kind]:
                hint, known = did_you_mean(name, NAMES[kind]), ", ".join(NAMES[kind])
                faults.add((*where, key), f"{name!r} is no category of {kind!r}; they are {known}{hint}")
    values = np.array([part.values.get(name, 1.0) for name in NAMES[kind]])
    return Factors(kind, values, np.array([part.standard_errors.get(name, 0.0) for name in NAMES[kind]]))
