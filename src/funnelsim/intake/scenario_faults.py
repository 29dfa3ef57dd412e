"""Faults of a scenario as a person finds them in the file, and what of it is sound beside them."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from funnelsim.intake.scenario_model import ScenarioPart
from funnelsim.intake.scenario_values import day_meant, number_meant
from funnelsim.nouns.funnel_file import FORMAT
from funnelsim.nouns.funnel_schema import meant_key, told
from funnelsim.nouns.levers.file import KINDS, kind_fault, kind_key
from funnelsim.nouns.value_faults import expected_words, value_fault, value_meant
from funnelsim.vocabulary.faults import Fault, Faults, Place
from funnelsim.vocabulary.words import closest, word_meant

_MOST_ROUNDS = 30
_OF_NUMBERS = (
    "float_type", "int_type", "finite_number", "greater_than", "greater_than_equal", "less_than",
    "less_than_equal",
)  # fmt: skip
# What stands in for a part that must be there but is at fault, so that the rest can be checked.
_STAND_INS: dict[Place, Any] = {
    ("format",): "funnelsim-scenario/1",
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
    ("won",): {"on": "1999-01-01"},
    ("team",): {"reps": [{}]},
    ("work",): {"hours": {}},
    ("spend",): {"name": "-", "lever": {"kind": "volume", "factor": 2}, "cost": 1},
    ("quotas",): {"by": "month"},
    ("activity",): {"weeks": 1},
    ("lever",): {"factor": 2, "n": 1, "share": 0.5, "catches": 0.1, "per_win": 0.1, "lag_days": 30},
}
# What no other value of a key at fault could mend: names that are unknown or stand twice, numbers that are
# too few, settings that exclude one another.
_STANDS = re.compile(
    r"'.*?' is (no|an) |\"[^\"]*\" is no |no .*? is called |no deal is of |\d+ numbers for |"
    r"two reps are called |as many weights as |one place stands |deals (arrive in|cannot go from) |"
    r"nobody waits in |stage names and aliases must be unique|must name every open stage|"
    r"shares add to [1-9]|'.*?' to '.*?' must lead|values need the attribute |.* needs either odds"
)
# What only follows where a part of the funnel had to be left out.
_FOLLOWS_FROM = {
    "the funnel tells deals apart by": ("funnel", "classes"),
    "the funnel does not know how wins are paid": ("funnel", "collections"),
    "no won deal has an amount": ("funnel", "amounts"),
}
_HOLD_TEXTS = {
    "aliases", "attribute", "attributes", "gate", "labels", "lever", "name", "notes", "origin", "pipeline",
    "reps", "spend", "values",
}  # fmt: skip
_DAY_UNCLEAR = re.compile(r"is missing|write 2026-03-05")
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
        above = place[i - 2] if i > 1 and isinstance(place[i - 1], int) else None
        is_kind = part in KINDS and (above in ("lever", "levers") or (i > 1 and place[i - 1] == "lever"))
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
    renamed : dict of place to str
        The key in the file of each key that stands for a misspelt one.
    """

    content: dict[str, Any]
    kept: dict[Place, list[int]] = field(default_factory=dict)
    dropped: list[Place] = field(default_factory=list)
    renamed: dict[Place, str] = field(default_factory=dict)

    def part(self, told: Faults) -> ScenarioPart | None:
        """The scenario's parts, and all that is wrong with single keys; None where too little is left.

        A key, a number or a day is read as what the message says it was meant to be, so that a further fault
        behind the first is told with it.
        """
        for _ in range(_MOST_ROUNDS):
            try:
                return ScenarioPart.model_validate(self.content)
            except ValidationError as error:
                every = error.errors()
            for place, fault in faults_of(one for one in every if not self._rests_on_guess(one)):
                in_file = self.in_file(place)
                if place == ("as_of",) and _DAY_UNCLEAR.search(fault):
                    fault += self._last_win()
                if not any(
                    _is_within(in_file, other) or _is_within(other, in_file) for other in self.dropped
                ):
                    told.add(in_file, fault)
            every.sort(key=lambda one: _with_padded_numbers(without_tags(one["loc"])), reverse=True)
            every.sort(key=lambda one: one["type"] != "extra_forbidden")  # what they mean is not missing
            if not all(self._mend(one) for one in every):
                return None
        return None

    def in_file(self, place: Place) -> Place:
        """A place with the numbers that entries of lists have in the file, and its keys as they are typed."""
        return tuple(
            self.kept[place[:i]][part]
            if isinstance(part, int) and place[:i] in self.kept
            else self.renamed.get(place[: i + 1], part)
            for i, part in enumerate(place)
        )

    def follows(self, place: Place, fault: str) -> bool:
        """Whether a fault may only follow from what was left out."""
        if " needs either odds" in fault and (*place, "kind") in self.dropped:
            return True
        for words, part in _FOLLOWS_FROM.items():
            if words in fault and any(_is_within(other, part) for other in self.dropped):
                return True
        if _STANDS.match(fault) and not any(_is_within(place, other) for other in self.dropped):
            return False
        return self._rests_on_dropped(place)

    def _rests_on_guess(self, error: Any) -> bool:
        """Whether a key is missing, or too many, only for the kind that is taken for an unknown one."""
        place = without_tags(error["loc"])
        is_of_kind = error["type"] == "missing" or (
            error["type"] == "extra_forbidden" and not _key_meant(error)
        )
        return is_of_kind and self.in_file((*place[:-1], "kind")) in self.dropped

    def _wins_on(self) -> list[str]:
        """Days of the wins that can be read."""
        wins = self.content.get("won")
        days = [day_meant(_at(win, ("on",))) for win in wins] if isinstance(wins, list) else []
        return [day for day in days if day]

    def _last_win(self) -> str:
        """What is known of a day that cannot be read: no win may lie after it."""
        days = self._wins_on()
        return f"; the last win is on {max(days)}, so write that day or a later one" if days else ""

    def _rests_on_dropped(self, place: Place) -> bool:
        return any(_is_within(place, other) or _is_within(other, place) for other in self.dropped)

    def lost_names(self) -> bool:
        """Whether something that was left out may have held names or texts."""
        return any(key in _HOLD_TEXTS for place in self.dropped for key in place[-2:])

    def _mend(self, error: Any) -> bool:
        """Read what is at fault as it was meant, or leave it out; False where nothing can be left out."""
        place, kind = without_tags(error["loc"]), error["type"]
        table = _at(self.content, place[:-1])
        if kind == "extra_forbidden" or error["loc"][-1:] == ("[key]",):
            return self._mend_key(place, table, error)
        if kind == "missing":
            if isinstance(table, dict) and place[-1] in table:
                return True  # it was misspelt
            return self._drop(place if self._stand_in(place) is not None else place[:-1])
        meant = _value_meant(error)
        if meant is not None and place in self._values(table, place):
            table[place[-1]] = meant
        elif kind in ("union_tag_not_found", "union_tag_invalid") and self._kind_meant(place):
            return True
        elif kind in _OF_NUMBERS and self._stand_in(place) is None and place in self._values(table, place):
            self.dropped.append(self.in_file(place))
            table[place[-1]] = _number_within(error)
        else:
            return self._drop(place)
        return True

    def _mend_key(self, place: Place, table: Any, error: Any) -> bool:
        """A misspelt key under its name; one that means nothing is taken out, and takes nothing with it."""
        if not isinstance(table, dict) or place[-1] not in table:
            return True
        value, near = table.pop(place[-1]), _key_meant(error)
        if near and near not in table:
            table[near] = value
            self.renamed[(*place[:-1], near)] = str(place[-1])
        elif near and isinstance(value, dict) and isinstance(table[near], dict):
            table[near] |= {key: one for key, one in value.items() if key not in table[near]}
        return True

    def _kind_meant(self, place: Place) -> bool:
        """Take the kind of a lever as it was meant, or else as its keys say; whether that can be done."""
        lever = _at(self.content, place)
        if not isinstance(lever, dict):
            return False
        key = kind_key(lever)
        given = lever.pop(key, None)
        if key != "kind":
            self.renamed[(*place, "kind")] = key
        kind = word_meant(str(given), KINDS) if given is not None else None
        if kind is None:
            kind = max(KINDS, key=lambda one: len(KINDS[one].model_fields.keys() & lever))
            self.dropped.append(self.in_file((*place, "kind")))
            others = {key for form in KINDS.values() for key in form.model_fields}
            for key in others - KINDS[kind].model_fields.keys():
                lever.pop(key, None)  # it may be right for the kind that is meant
        lever["kind"] = kind
        return True

    def _values(self, table: Any, place: Place) -> tuple[Place, ...]:
        """The place itself where something stands there."""
        is_there = (isinstance(table, dict) and place[-1] in table) or (
            isinstance(table, list) and isinstance(place[-1], int) and place[-1] < len(table)
        )
        return (place,) if is_there else ()

    def _stand_in(self, place: Place) -> Any:
        """What takes the place of a part at fault; None where that is simply left out."""
        if place == ("as_of",):
            return max(self._wins_on(), default="2200-01-01")
        if place in _STAND_INS:
            return copy.deepcopy(_STAND_INS[place])
        if len(place) == 3 and place[:2] == ("funnel", "hazards"):
            return {"goes_to": {}, "median_steps": 1}
        if len(place) == 4 and place[:2] in _NAMES and place[3] == "name":
            return self._spare_name(is_stage=place[1] == "stages")
        if len(place) == 4 and place[:2] == ("funnel", "outcomes") and place[3] == "kind":
            outcomes = _at(self.content, place[:2])
            kinds = [one.get("kind") for one in outcomes if isinstance(one, dict)]
            return "lost" if "won" in kinds else "won"
        if place == ("funnel", "classes", "attributes"):
            deals = _at(self.content, ("pipeline",))
            named = [_at(one, ("attributes",)) for one in deals or ()] if isinstance(deals, list) else []
            return [next((name for one in named if isinstance(one, dict) for name in one), "any")]
        table = tuple(part for part in place[:-1] if isinstance(part, str))
        own = _OF_TABLES.get(table[:2] if table[:1] == ("funnel",) else table, {})
        if len(place) < 2 or str(place[-1]) not in own or not self._needs(place):
            return None
        return copy.deepcopy(own[str(place[-1])])

    def _spare_name(self, *, is_stage: bool) -> str:
        """A name that stands where deals go, but is no place's: probably that of the one without a name."""
        places = [one for key in ("stages", "outcomes") for one in _at(self.content, ("funnel", key)) or ()]
        taken = [one.get("name") for one in places if isinstance(one, dict)]
        hazards = _at(self.content, ("funnel", "hazards"))
        hazards = hazards if isinstance(hazards, dict) else {}
        goes = [
            name
            for part in hazards.values()
            for key in ("goes_to", "chance_per_step", "exits")
            for name in _at(part, (key,)) or ()
            if name not in hazards
        ]
        often = Counter(list(hazards) if is_stage else goes)  # a name that is misspelt stands there once
        spare = [name for name, _ in often.most_common() if name not in taken]
        return spare[0] if spare else f"{'stage' if is_stage else 'outcome'} without a name {len(places)}"

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


def _key_meant(error: Any) -> str:
    """The key that was meant by one that may not stand there."""
    if error["type"] == "extra_forbidden":
        return _near(error["loc"])
    return closest(str(error["input"]), expected_words(error)) or ""


def _value_meant(error: Any) -> Any:
    """What a text was probably meant to be: a number, a day, or one of some words; None where unclear."""
    given, kind = error["input"], error["type"]
    if kind.startswith("date_"):
        return day_meant(given)
    if not isinstance(given, str) or value_meant(error) is not None:
        return value_meant(error)
    if kind == "literal_error":
        return closest(given, expected_words(error))
    number = number_meant(given) if kind in ("float_type", "int_type") else None
    if number is None or (kind == "int_type" and "." in number):
        return None
    return int(number) if "." not in number else float(number)


def _number_within(error: Any) -> Any:
    """A number that is allowed where one is not: of shares 0, so that what the others add to is known."""
    bounds = error.get("ctx", {})
    if "gt" in bounds:
        return bounds["gt"] + 1
    return bounds.get("ge", 0 if bounds.get("le", 1) == 1 else bounds["le"])


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
    if kind.startswith("date_"):
        shown = repr(given[:60]) if isinstance(given, str) else f"{given!s:.60}"
        return f"{shown} is no date; write {day_meant(given) or '2026-03-05'}, without quotes"
    number = number_meant(given) if isinstance(given, str) and kind in ("float_type", "int_type") else None
    said = _plain_fault(error)
    return said if number is None else f"{said}; write {number}"


def _plain_fault(error: Any) -> str:
    place = error["loc"]
    if place[:1] == ("funnel",) and len(place) > 1:
        return told([error | {"loc": place[1:]}])[0].partition(": ")[2]
    if error["type"] == "extra_forbidden":
        near, keys = _near(place), keys_at(place[:-1])
        known = f"; the keys are {', '.join(keys)}" if keys else ""
        return f"no such key; did you mean {near!r}?" if near else f"no such key{known}"
    if error["type"] in ("union_tag_not_found", "union_tag_invalid"):
        return kind_fault(error["input"])
    if error["type"] in ("model_type", "model_attributes_type"):
        names = ", ".join(keys_at(place))
        return f"must be a table{f' with the keys {names}' if names else ''}, not {error['input']!r:.60}"
    return value_fault(error)


def _near(place: Sequence[Any]) -> str:
    if place[:1] == ("funnel",) and len(place) > 1:
        return meant_key(tuple(place[1:]))
    return word_meant(str(place[-1]), keys_at(place[:-1])) or ""


def keys_at(place: Sequence[Any]) -> list[str]:
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
