"""The keys of a funnel file and what each may hold; every fault of content is found at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from funnelsim.nouns.calendar import Group
from funnelsim.nouns.changes import FACTORS, ODDS
from funnelsim.nouns.collections import How
from funnelsim.nouns.value_faults import value_fault
from funnelsim.numerics.calendar import Kind as CalendarKind
from funnelsim.vocabulary.clock import Step
from funnelsim.vocabulary.faults import key_of_place
from funnelsim.vocabulary.stages import Kind, OnReopened, OnUnusualMove
from funnelsim.vocabulary.words import word_meant

# Bounds far beyond any funnel, within which sums and products keep their digits and tables their memory.
_LARGEST = 1e15
_OLDEST = 1_000_000
_NEAR = 0.75  # above this, two keys differ by a letter or two


def _no_number(value: Any) -> Any:
    """Refuse a number as a day: pydantic would count it in seconds since 1970."""
    if isinstance(value, int | float):
        raise PydanticCustomError("date_type", "must be a day")
    return value


NotNegative = Annotated[float, Field(strict=True, ge=0, le=_LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, gt=0, le=_LARGEST, allow_inf_nan=False)]
Chance = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Factor = Annotated[float, Field(strict=True, ge=FACTORS[0], le=FACTORS[1], allow_inf_nan=False)]
Odds = Annotated[float, Field(strict=True, ge=ODDS[0], le=ODDS[1], allow_inf_nan=False)]
Day = Annotated[date, BeforeValidator(_no_number)]
Age = Annotated[int, Field(strict=True, ge=0, le=_OLDEST)]
ByPlace = dict[str, list[NotNegative]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StagePart(_Part):
    """An open stage."""

    name: str
    aliases: tuple[str, ...] = ()
    nominal_win_rate: Chance | None = None
    necessary_days: NotNegative | None = None
    usual_days: NotNegative | None = None
    gate: str = ""


class OutcomePart(_Part):
    """A way to end."""

    name: str
    kind: Kind
    aliases: tuple[str, ...] = ()


class CountedPart(_Part):
    """Hazards as counted: exits and exposure by bin of age."""

    first_age: list[Age]
    at_risk: list[NotNegative]
    exits: ByPlace
    prior_shares: dict[str, NotNegative] | None = None


class ChancesPart(_Part):
    """Hazards by hand: chance per step to leave to each place, by bin of age."""

    first_age: list[Age]
    chance_per_step: dict[str, list[Chance]]
    weight_in_deals: Positive | None = None


class RoutesPart(_Part):
    """Hazards by hand, shortest form: where deals go, and by when half of them have gone."""

    goes_to: dict[str, Chance]
    median_steps: Positive
    weight_in_deals: Positive | None = None


class ArrivalsPart(_Part):
    """New deals per block of steps."""

    block_steps: Annotated[int, Field(strict=True, ge=1, le=_OLDEST)]
    mean_per_block: NotNegative
    worth_blocks: Positive | None = None
    dispersion: NotNegative = 0.0
    entries: dict[str, NotNegative]


class AmountsPart(_Part):
    """Amounts of won deals."""

    points: list[NotNegative]
    weights: list[Positive]
    is_certain: Annotated[bool, Field(strict=True)] = False


class ClosedPart(_Part):
    """Closed-only counts of a stage."""

    won: NotNegative
    closed: NotNegative


class LevelPart(_Part):
    """A level that is Gamma(shape, rate) now, and how it goes on."""

    shape: Positive
    rate: Positive
    discount: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    transient: NotNegative = 0.0


class TransitionPart(LevelPart):
    """Level of a transition."""

    start: str = Field(alias="from")
    end: str = Field(alias="to")


class SettingPart(LevelPart):
    """Level of the arrivals under one setting."""

    weight: Positive


class PacePart(_Part):
    """How fast transitions and arrivals run now against their usual rates."""

    block_steps: Annotated[int, Field(strict=True, ge=1, le=_OLDEST)]
    transitions: list[TransitionPart] = []
    arrivals: list[SettingPart] = []


class FactorsPart(_Part):
    """Factors of one kind of category: by name of the category."""

    values: dict[str, NotNegative]
    standard_errors: dict[str, NotNegative] = {}


class CalendarPart(_Part):
    """How weekdays, months and holidays change rates, group by group, kind by kind."""

    factors: dict[Group, dict[CalendarKind, FactorsPart]] = {}
    holidays: list[Day] = []
    tried: list[str] = []


class MultiplierPart(_Part):
    """Multiplier of a rate: Gamma of this mean and shape."""

    mean: Positive
    shape: Positive


class ClassPart(_Part):
    """One class of deals: where its new deals enter, and how its rates differ."""

    entries: dict[str, NotNegative] = {}
    rates: dict[str, dict[str, MultiplierPart]] = {}


class ClassesPart(_Part):
    """Classes of deals that move at rates of their own."""

    attributes: Annotated[list[str], Field(min_length=1)]
    labels: Annotated[dict[str, ClassPart], Field(min_length=1)]
    base: dict[str, dict[str, list[Positive]]] = {}


class ShockPart(_Part):
    """What moves all business still to be won together."""

    variances: Annotated[list[NotNegative], Field(min_length=1)]
    correlation: Annotated[float, Field(strict=True, ge=0, le=1)]
    period_steps: Annotated[int, Field(strict=True, ge=1)] | None = None
    n_origins: Annotated[int, Field(strict=True, ge=0)] = 0


class DelayPart(_Part):
    """Delay of payments: chances per step by hand, or counts, by bin of age since the invoice."""

    first_age: list[Age]
    chance_per_step: dict[str, list[Chance]] | None = None
    at_risk: list[NotNegative] | None = None
    exits: ByPlace | None = None
    prior_shares: dict[str, NotNegative] | None = None


class RevenuePart(_Part):
    """When the price of a win becomes revenue."""

    how: How = "at once"
    months: Positive = 12.0
    days: NotNegative = 0.0


class CollectionsPart(_Part):
    """How wins are invoiced, earned and paid: by terms, or by a delay that was counted."""

    origin: str = "written by hand"
    terms_days: NotNegative = 30.0
    late_mean_days: NotNegative = 0.0
    never_paid: Chance = 0.0
    instalments: list[tuple[Chance, NotNegative]] = [(1.0, 0.0)]
    revenue: RevenuePart = RevenuePart()
    delay: DelayPart | None = None
    credit_attribute: str = "credit_class"
    by_class: dict[str, DelayPart] = {}
    disputed: DelayPart | None = None
    share_disputed: Chance = 0.0
    dispute_days: NotNegative = 30.0
    worth_invoices: Positive | None = None
    pace: Positive = 1.0
    never_paid_odds: Positive = 1.0
    terms_shift_days: Annotated[float, Field(strict=True, allow_inf_nan=False)] = 0.0


class ChangesPart(_Part):
    """What levers have changed."""

    volume: Factor = 1.0
    forward_odds: dict[str, Odds] = {}
    speed: dict[str, dict[str, Factor]] = {}
    new_amount: Factor = 1.0
    open_amount: Factor = 1.0
    narrowing: Chance = 0.0
    classes: dict[str, ChangesPart] = {}


_FORMS: dict[str, type[_Part]] = {"routes": RoutesPart, "chances": ChancesPart, "counted": CountedPart}


def _form_meant(part: Any) -> str:
    """The form of hazards whose keys are most like those given, so that only its faults are told."""
    if isinstance(part, _Part):
        return next(name for name, form in _FORMS.items() if isinstance(part, form))
    keys = [str(key) for key in part] if isinstance(part, dict) else []
    alike = {
        name: sum(bool(get_close_matches(key, form.model_fields, n=1, cutoff=_NEAR)) for key in keys)
        for name, form in _FORMS.items()
    }
    return max(alike, key=lambda name: alike[name])


HazardsPart = Annotated[
    Annotated[RoutesPart, Tag("routes")]
    | Annotated[ChancesPart, Tag("chances")]
    | Annotated[CountedPart, Tag("counted")],
    Discriminator(_form_meant),
]


class FunnelPart(_Part):
    """The whole file."""

    format: Literal["funnelsim-funnel/1"]
    origin: str = "written by hand"
    step: Step = "day"
    unit: str = ""
    stages: list[StagePart]
    outcomes: list[OutcomePart]
    skipped: OnUnusualMove = "allow"
    backward: OnUnusualMove = "allow"
    reopened: OnReopened = "merge"
    hazards: dict[str, HazardsPart]
    arrivals: ArrivalsPart
    amounts: AmountsPart | None = None
    closed: dict[str, ClosedPart] | None = None
    revisions: dict[str, AmountsPart] = {}
    changes: ChangesPart = ChangesPart()
    pace: PacePart | None = None
    calendar: CalendarPart | None = None
    classes: ClassesPart | None = None
    shock: ShockPart | None = None
    collections: CollectionsPart | None = None
    notes: list[str] = []


_PARTS: dict[str, type[_Part]] = {
    "stages": StagePart,
    "outcomes": OutcomePart,
    "arrivals": ArrivalsPart,
    "amounts": AmountsPart,
    "closed": ClosedPart,
    "revisions": AmountsPart,
    "changes": ChangesPart,
    "pace": PacePart,
    "calendar": CalendarPart,
    "classes": ClassesPart,
    "shock": ShockPart,
    "collections": CollectionsPart,
}


def told(faults: Iterable[Any]) -> list[str]:
    """Faults that pydantic found, one a line: the key, what is wrong, what to write instead.

    A key that is absent because it is misspelt is told once, where it is misspelt.
    """
    lines, found = [], list(faults)
    meant = {
        (*fault["loc"][:-1], meant_key(fault["loc"])) for fault in found if fault["type"] == "extra_forbidden"
    }
    for fault in found:
        if fault["type"] == "missing" and fault["loc"] in meant:
            continue
        lines.append(f"{_key(fault['loc'])}: {_fault(fault)}")
    return lines


def _key(location: tuple[int | str, ...]) -> str:
    """Where a fault lies; the form of hazards stands third in pydantic's path, but not in the file."""
    shown = location[:2] + location[3:] if location[:1] == ("hazards",) else location
    return key_of_place(tuple(part for part in shown if part != "[key]"))


def _fault(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        name = meant_key(fault["loc"])
        keys = ", ".join(_keys_beside(fault["loc"]))
        return f"no such key; did you mean {name!r}?" if name else f"no such key; the keys are {keys}"
    if fault["type"] in ("model_type", "model_attributes_type"):
        return "must be an object, such as {...}"
    return value_fault(fault)


def meant_key(location: tuple[int | str, ...]) -> str:
    """The key that an unknown one probably misspells; nothing where none comes near."""
    return word_meant(str(location[-1]), _keys_beside(location)) or ""


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    top = str(location[0])
    if len(location) == 1:
        return list(FunnelPart.model_fields)
    if top == "pace" and len(location) > 2:
        form: type[_Part] = TransitionPart if location[1] == "transitions" else SettingPart
        return [field.alias or name for name, field in form.model_fields.items()]
    if top == "calendar" and len(location) > 4:
        return list(FactorsPart.model_fields)
    if top == "classes" and len(location) > 3:
        deeper = MultiplierPart if len(location) > 5 else ClassPart
        return list(deeper.model_fields)
    if top == "collections" and len(location) > 2:
        return list((RevenuePart if location[1] == "revenue" else DelayPart).model_fields)
    return list((_FORMS[str(location[2])] if top == "hazards" else _PARTS[top]).model_fields)
