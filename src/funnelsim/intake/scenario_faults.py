"""Faults of a scenario as a person finds them in the file, and what of it is sound beside them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from funnelsim.intake.scenario_model import ScenarioPart
from funnelsim.intake.scenario_values import day_meant, number_meant
from funnelsim.nouns.funnel_file import FORMAT
from funnelsim.nouns.funnel_schema import meant_key, told
from funnelsim.nouns.levers.file import KINDS
from funnelsim.vocabulary.faults import Fault, Place
from funnelsim.vocabulary.words import closest, did_you_mean

_MOST_ROUNDS = 30
# What stands in for a part that must be there but is at fault, so that the rest can be checked.
_STAND_INS: dict[Place, Any] = {
    ("format",): "funnelsim-scenario/1",
    ("as_of",): "2200-01-01",
    ("target",): 1.0,
    ("funnel", "format"): FORMAT,
    ("funnel", "arrivals"): {"block_steps": 1, "mean_per_block": 0, "entries": {}},
    ("funnel", "amounts"): {"points": [1], "weights": [1]},
}
# The same for keys that a table needs, whatever else it holds: the rest of the table is checked beside them.
_OF_TABLES: dict[tuple[str, ...], dict[str, Any]] = {
    ("funnel", "hazards"): {"goes_to": {}, "median_steps": 1},
    ("funnel", "arrivals"): {"block_steps": 1, "mean_per_block": 0, "entries": {}},
    ("funnel", "amounts"): {"points": [1], "weights": [1]},
    ("funnel", "outcomes"): {"kind": "lost"},
    ("won",): {"on": "1999-01-01"},
    ("team",): {"reps": [{}]},
    ("work",): {"hours": {}},
    ("spend",): {"name": "-", "lever": {"kind": "volume", "factor": 2}, "cost": 1},
    ("quotas",): {"by": "month"},
    ("activity",): {"weeks": 1},
    ("lever",): {"factor": 2, "n": 1, "share": 0.5, "catches": 0.1, "per_win": 0.1, "lag_days": 30},
}
_UNKNOWN_NAME = re.compile(r"'.*?' is no |\"[^\"]*\" is no ")
_HOLD_TEXTS = {
    "aliases", "attribute", "attributes", "gate", "labels", "lever", "name", "notes", "origin", "pipeline",
    "reps", "spend", "values",
}  # fmt: skip
_NAMES = (("funnel", "stages"), ("funnel", "outcomes"))  # without them no other name can be checked


def faults_of(errors: Iterable[Any]) -> list[Fault]:
    """Where each fault that pydantic found lies, and what is wrong; misspelt keys are not told as missing."""
    every = list(errors)
    meant = {(*e["loc"][:-1], _near(e["loc"])) for e in every if e["type"] == "extra_forbidden"}
    return [
        (without_tags(error["loc"]), _fault(error))
        for error in every
        if error["type"] != "missing" or error["loc"] not in meant
    ]


def without_tags(place: Sequence[Any]) -> Place:
    """A place without what pydantic adds to it: the kind of a lever, the form of hazards."""
    kept: list[str | int] = []
    for i, part in enumerate(place):
        is_kind = part in KINDS and i > 0 and (isinstance(place[i - 1], int) or place[i - 1] == "lever")
        is_form = i == 3 and tuple(place[:2]) == ("funnel", "hazards")
        if not (is_kind or is_form or part == "[key]"):
            kept.append(part)
    return tuple(kept)


@dataclass
class Sound:
    """What a file says without all that is at fault.

    Parameters
    ----------
    content : dict
        The file as read; changed.
    kept : dict of place to list of int
        For lists that lost entries: the number in the file of each entry that is left.
    dropped : list of place
        What was left out, or replaced.
    """

    content: dict[str, Any]
    kept: dict[Place, list[int]] = field(default_factory=dict)
    dropped: list[Place] = field(default_factory=list)

    def part(self) -> ScenarioPart | None:
        """The scenario's parts; None where too little is left, as of stages without names."""
        for _ in range(_MOST_ROUNDS):
            try:
                return ScenarioPart.model_validate(self.content)
            except ValidationError as error:
                places = {without_tags(found["loc"]): found["type"] for found in error.errors()}
            for place in sorted(places, key=_with_padded_numbers, reverse=True):  # so numbers stay true
                is_table = places[place] == "missing" and self._stand_in(place) is None
                if not self._drop(place[:-1] if is_table else place):
                    return None
        return None

    def in_file(self, place: Place) -> Place:
        """A place with the numbers that entries of lists have in the file."""
        return tuple(
            self.kept[place[:i]][part] if isinstance(part, int) and place[:i] in self.kept else part
            for i, part in enumerate(place)
        )

    def follows(self, place: Place, fault: str) -> bool:
        """Whether a fault may only follow from what was left out; that a name is unknown never does."""
        if _UNKNOWN_NAME.match(fault) and not any(_is_within(place, other) for other in self.dropped):
            return False
        return any(_is_within(place, other) or _is_within(other, place) for other in self.dropped)

    def lost_names(self) -> bool:
        """Whether something that was left out may have held names or texts."""
        return any(key in _HOLD_TEXTS for place in self.dropped for key in place[-2:])

    def _stand_in(self, place: Place) -> Any:
        """What takes the place of a part at fault; None where that is simply left out."""
        if place in _STAND_INS:
            return copy.deepcopy(_STAND_INS[place])
        if len(place) == 3 and place[:2] == ("funnel", "hazards"):
            return {"goes_to": {}, "median_steps": 1}
        if len(place) == 4 and place[:2] == ("funnel", "stages") and place[3] == "name":
            return self._spare_name()
        table = tuple(part for part in place[:-1] if isinstance(part, str))
        own = _OF_TABLES.get(table[:2] if table[:1] == ("funnel",) else table, {})
        if len(place) < 2 or str(place[-1]) not in own or not self._needs(place):
            return None
        return copy.deepcopy(own[str(place[-1])])

    def _spare_name(self) -> str | None:
        """A name that has hazards but is no stage's: probably that of a stage whose name is at fault."""
        places = [one for key in ("stages", "outcomes") for one in _at(self.content, ("funnel", key)) or ()]
        taken = [one.get("name") for one in places if isinstance(one, dict)]
        hazards = _at(self.content, ("funnel", "hazards"))
        return (
            next((name for name in hazards if name not in taken), None) if isinstance(hazards, dict) else None
        )

    def _needs(self, place: Place) -> bool:
        """Whether the table of a key cannot do without it: hazards have several forms, levers many kinds."""
        table = _at(self.content, place[:-1])
        if place[:2] == ("funnel", "hazards"):
            is_routes = not isinstance(table, dict) or not {"first_age", "chance_per_step"} & set(table)
            return len(place) == 4 and is_routes
        return place[0] not in ("lever", "spend") or isinstance(table, dict)

    def _drop(self, place: Place) -> bool:
        """Take out, or replace, what is at a place; False where nothing can be left out there."""
        stand_in = self._stand_in(place)
        if stand_in is None and (place in ((), ("funnel",)) or (place[:2] in _NAMES and len(place) < 4)):
            return False
        above = _at(self.content, place[:-1])
        if stand_in is not None and isinstance(above, dict):
            self.dropped.append(self.in_file(place))
            above[place[-1]] = stand_in
        elif isinstance(above, list) and isinstance(place[-1], int) and place[-1] < len(above):
            self.dropped.append(self.in_file(place))
            self.kept.setdefault(place[:-1], list(range(len(above)))).pop(place[-1])
            del above[place[-1]]
        elif isinstance(above, dict) and place[-1] in above:
            self.dropped.append(self.in_file(place))
            del above[place[-1]]
        else:
            return self._drop(place[:-1])
        return True


def _with_padded_numbers(place: Place) -> str:
    """A place as text that sorts by its numbers."""
    return str(tuple(f"{part:09d}" if isinstance(part, int) else part for part in place))


def _is_within(place: Place, other: Place) -> bool:
    return place[: len(other)] == other


def _at(content: Any, place: Place) -> Any:
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _fault(error: Any) -> str:
    """What is wrong, and what to write where a text means a number or a day."""
    given, kind = error["input"], error["type"]
    if isinstance(given, str) and kind.startswith("date_"):
        return f"{given[:60]!r} is no date; write {day_meant(given) or '2026-03-05'}, without quotes"
    number = number_meant(given) if isinstance(given, str) and kind in ("float_type", "int_type") else None
    said = _plain_fault(error)
    return said if number is None else f"{said}; write {number}"


def _plain_fault(error: Any) -> str:
    place = error["loc"]
    if place[:1] == ("funnel",) and len(place) > 1:
        return told([error | {"loc": place[1:]}])[0].partition(": ")[2]
    if error["type"] == "extra_forbidden":
        near, keys = _near(place), _keys_at(place[:-1])
        known = f"; the keys are {', '.join(keys)}" if keys else ""
        return f"no such key; did you mean {near!r}?" if near else f"no such key{known}"
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        given = error["input"].get("kind") if isinstance(error["input"], dict) else None
        return f"kind = {given!r} is no lever; use one of {', '.join(KINDS)}{did_you_mean(str(given), KINDS)}"
    if error["type"] == "missing":
        return "is missing"
    if error["type"] in ("model_type", "model_attributes_type"):
        names = ", ".join(_keys_at(place))
        return f"must be a table{f' with the keys {names}' if names else ''}, not {error['input']!r:.60}"
    value = error["input"]
    return f"{error['msg']}, not {value!r:.60}" if isinstance(value, str | float | int) else error["msg"]


def _near(place: Sequence[Any]) -> str:
    if place[:1] == ("funnel",) and len(place) > 1:
        return meant_key(tuple(place[1:]))
    return closest(str(place[-1]), _keys_at(place[:-1])) or ""


def _keys_at(place: Sequence[Any]) -> list[str]:
    """Keys that a table may have; none where it is not one of fixed keys."""
    form: Any = ScenarioPart
    for part in place:
        if part in KINDS and form is None:
            form = KINDS[part]
        elif not isinstance(part, int):
            fields = getattr(form, "model_fields", {})
            if part not in fields:
                return []
            form = _model_in(fields[part].annotation)
    return [] if form is None else [field.alias or name for name, field in form.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is about, if it is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_in(arg) for arg in getattr(annotation, "__args__", ())]
    found = [model for model in inner if model is not None]
    return found[0] if len(found) == 1 else None
