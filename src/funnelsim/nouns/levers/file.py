"""Levers as a part of a file, and back: one kind each, with the settings of its constructor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.cash import Collection
from funnelsim.nouns.levers.classes import OutsideTop, Standardise, Subset
from funnelsim.nouns.levers.people import Hire, MoreReferrals, Qualify, Ramp, SellingTime
from funnelsim.nouns.levers.protocol import Lever, LeverError, Together
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume, WinRate, Yield
from funnelsim.nouns.value_faults import value_fault
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.words import word_meant

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class LeverRowError(LeverError):
    """A row of names and numbers that is no lever; the message names the key at fault."""

    names_keys_of_a_file = True


class LeverPart(BaseModel):
    """What every kind of lever may say: for which deals it is meant."""

    model_config = ConfigDict(extra="forbid")
    attribute: str | None = None
    values: list[str] | None = None
    outside_top: Share | None = None

    def lever(self, funnel: Funnel) -> Lever:
        """The lever, for the deals it is meant for.

        Raises
        ------
        LeverError
            If it cannot be applied to the funnel.
        """
        return self.of_some(self.of_all(funnel))

    def of_some(self, lever: Lever) -> Lever:
        """A lever for the deals that this one is meant for.

        Raises
        ------
        LeverError
            If these cannot be told apart.
        """
        if self.values is not None:
            if self.attribute is None:
                raise LeverError("values need the attribute they are values of")
            return Subset(lever, self.attribute, tuple(self.values))
        if self.outside_top is not None:
            return OutsideTop(lever, self.outside_top, self.attribute or "owner")
        return lever

    def of_all(self, funnel: Funnel) -> Lever:
        """The lever for all deals."""
        raise NotImplementedError


class VolumePart(LeverPart):
    """More new deals."""

    kind: Literal["volume"]
    factor: Positive

    def of_all(self, funnel: Funnel) -> Lever:
        return Volume(self.factor)


class ConversionPart(LeverPart):
    """Higher conversion, by a factor on the odds or to a value."""

    kind: Literal["conversion"]
    odds: Positive | None = None
    to: Share | None = None
    stage: str | None = None

    def of_all(self, funnel: Funnel) -> Lever:
        if (self.odds is None) == (self.to is None):
            raise LeverError("a conversion needs either odds, such as 1.1, or a value to reach: to = 0.45")
        if self.odds is not None:
            return Conversion(self.odds, self.stage)
        if self.stage is None:
            raise LeverError("a conversion to a value needs its stage")
        return Conversion.to(float(self.to or 0.0), funnel, self.stage)


class WinRatePart(LeverPart):
    """Higher win rate of a stage, by a factor on the odds of every step from there or to a value."""

    kind: Literal["win rate"]
    stage: str
    odds: Positive | None = None
    to: Share | None = None

    def of_all(self, funnel: Funnel) -> Lever:
        if (self.odds is None) == (self.to is None):
            raise LeverError("a win rate needs either odds, such as 1.1, or a value to reach: to = 0.45")
        if self.odds is not None:
            return WinRate(self.odds, self.stage)
        return WinRate.to(float(self.to or 0.0), funnel, self.stage)


class SpeedPart(LeverPart):
    """A shorter cycle."""

    kind: Literal["speed"]
    factor: Positive
    stage: str | None = None
    except_to: list[str] = []

    def of_all(self, funnel: Funnel) -> Lever:
        return Speed(self.factor, self.stage, tuple(self.except_to))


class YieldPart(LeverPart):
    """More per win."""

    kind: Literal["yield"]
    factor: Positive
    of: Literal["all", "new"] = "all"

    def of_all(self, funnel: Funnel) -> Lever:
        return Yield(self.factor, self.of)


class StandardisePart(LeverPart):
    """Smaller differences between reps."""

    kind: Literal["standardise"]
    share: Share

    def of_all(self, funnel: Funnel) -> Lever:
        return Standardise(self.share, self.attribute or "owner")


class HirePart(LeverPart):
    """More reps."""

    kind: Literal["hire"]
    n: Annotated[int, Field(strict=True, ge=1)]
    start: str | None = None
    ramp_days: Annotated[float, Field(strict=True, ge=0)] = 0.0

    def of_all(self, funnel: Funnel) -> Lever:
        return Hire(self.n, self.start, self.ramp_days)


class RampPart(LeverPart):
    """Shorter ramps."""

    kind: Literal["ramp"]
    factor: Positive

    def of_all(self, funnel: Funnel) -> Lever:
        return Ramp(self.factor)


class SellingTimePart(LeverPart):
    """More time spent selling."""

    kind: Literal["selling time"]
    share: Share

    def of_all(self, funnel: Funnel) -> Lever:
        return SellingTime(self.share)


class QualifyPart(LeverPart):
    """Bad leads dropped early."""

    kind: Literal["qualify"]
    stage: str
    catches: Share
    mistakes: Share = 0.0
    hours: Annotated[float, Field(strict=True, ge=0)] = 0.0

    def of_all(self, funnel: Funnel) -> Lever:
        return Qualify(self.stage, self.catches, self.mistakes, self.hours)


class ReferralsPart(LeverPart):
    """More leads from wins."""

    kind: Literal["referrals"]
    per_win: Positive
    lag_days: Positive

    def of_all(self, funnel: Funnel) -> Lever:
        return MoreReferrals(self.per_win, self.lag_days)


class CollectionPart(LeverPart):
    """Better collection of what is won."""

    kind: Literal["collection"]
    faster: Positive = 1.0
    never_paid: Positive = 1.0
    terms_days: Annotated[float, Field(strict=True, ge=0)] | None = None

    def of_all(self, funnel: Funnel) -> Lever:
        return Collection(self.faster, self.never_paid, self.terms_days)


class TogetherPart(LeverPart):
    """Several levers at once."""

    kind: Literal["together"]
    levers: Annotated[list[AnyLeverPart], Field(min_length=1)]

    def of_all(self, funnel: Funnel) -> Lever:
        return Together(tuple(part.lever(funnel) for part in self.levers))


KINDS: dict[str, type[LeverPart]] = {
    "volume": VolumePart,
    "conversion": ConversionPart,
    "win rate": WinRatePart,
    "speed": SpeedPart,
    "yield": YieldPart,
    "standardise": StandardisePart,
    "hire": HirePart,
    "ramp": RampPart,
    "selling time": SellingTimePart,
    "qualify": QualifyPart,
    "referrals": ReferralsPart,
    "collection": CollectionPart,
    "together": TogetherPart,
}


def kind_fault(lever: Any) -> str:
    """What is wrong with what should say of which kind a lever is."""
    key, known = kind_key(lever), ", ".join(KINDS)
    if not isinstance(lever, dict) or key not in lever:
        return f"kind is missing; use one of {known}"
    if key != "kind":
        return f"kind is missing, and {key!r} is no such key; did you mean 'kind'?"
    meant = word_meant(str(lever["kind"]), KINDS)
    hint = f"; did you mean {meant!r}?" if meant else ""
    return f"kind = {lever['kind']!r} is no lever; use one of {known}{hint}"


def kind_key(lever: Any) -> str:
    """The key that says of which kind a lever is: what looks like ``kind`` where there is none."""
    keys = [] if not isinstance(lever, dict) or "kind" in lever else [str(key) for key in lever]
    return next((key for key in keys if word_meant(key, ("kind",))), "kind")


def _kind(part: Any) -> str | None:
    kind = part.get("kind") if isinstance(part, dict) else getattr(part, "kind", None)
    return kind if isinstance(kind, str) and kind in KINDS else None


AnyLeverPart = Annotated[
    Annotated[VolumePart, Tag("volume")]
    | Annotated[ConversionPart, Tag("conversion")]
    | Annotated[WinRatePart, Tag("win rate")]
    | Annotated[SpeedPart, Tag("speed")]
    | Annotated[YieldPart, Tag("yield")]
    | Annotated[StandardisePart, Tag("standardise")]
    | Annotated[HirePart, Tag("hire")]
    | Annotated[RampPart, Tag("ramp")]
    | Annotated[SellingTimePart, Tag("selling time")]
    | Annotated[QualifyPart, Tag("qualify")]
    | Annotated[ReferralsPart, Tag("referrals")]
    | Annotated[CollectionPart, Tag("collection")]
    | Annotated[TogetherPart, Tag("together")],
    Discriminator(_kind),
]
TogetherPart.model_rebuild()


def lever_to_dict(lever: Lever) -> dict[str, Any]:
    """A lever as plain names and numbers, as scenarios write it.

    Raises
    ------
    LeverError
        If it is one of your own: a function cannot be written.

    Examples
    --------
    >>> from funnelsim import Conversion
    >>> lever_to_dict(Conversion(1.1, "Proof"))
    {'kind': 'conversion', 'odds': 1.1, 'stage': 'Proof'}
    """
    if isinstance(lever, Subset):
        return lever_to_dict(lever.lever) | {"attribute": lever.attribute, "values": list(lever.values)}
    if isinstance(lever, OutsideTop):
        return lever_to_dict(lever.lever) | {"attribute": lever.attribute, "outside_top": lever.share}
    if isinstance(lever, Together):
        return {"kind": "together", "levers": [lever_to_dict(one) for one in lever.levers]}
    name = next((name for name, form in _FORMS.items() if type(lever) is form), None)
    if name is None:
        raise LeverError(f"the lever {lever.name!r} is of a kind of your own and cannot be written to a file")
    known = {field.name for field in fields(lever)}  # type: ignore[arg-type]  # all of them are dataclasses
    row: dict[str, Any] = {"kind": name}
    for key in KINDS[name].model_fields:
        value = getattr(lever, key) if key in known else None
        if value is not None and value != ():
            row[key] = list(value) if isinstance(value, tuple) else value
    return row


@checked
def lever_from_dict(row: dict[str, Any], funnel: Funnel) -> Lever:
    """A lever from plain names and numbers, as :func:`lever_to_dict` and scenarios write it.

    Parameters
    ----------
    row : dict
        With its ``kind``, such as "volume", "conversion" or "hire", and the settings of that kind.
    funnel : Funnel
        That it is for: levers to a value (``to = 0.45``) need its rates.

    Raises
    ------
    LeverError
        If there is no such kind, a setting is wrong, or the funnel has no such stage.

    Examples
    --------
    >>> import funnelsim as fs
    >>> lever_from_dict({"kind": "volume", "factor": 1.1}, fs.sample_funnel()).name
    'new deals +10 %'
    """
    try:
        part = TypeAdapter(AnyLeverPart).validate_python(row)
    except ValidationError as error:
        first: Any = error.errors()[0]
        raise LeverRowError(f"no lever can be made of this:\n  {_fault(first)}") from error
    lever: Lever = part.lever(funnel)
    return lever


def _fault(first: Any) -> str:
    """What pydantic refuses first, with its key."""
    if first["type"].startswith("union_tag"):
        return f"kind: {kind_fault(first['input'])}"
    key = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        keys = ", ".join(KINDS[first["loc"][0]].model_fields)
        return f"{key}: no such key; the keys are {keys}"
    return f"{key}: {value_fault(first)}"


_FORMS: dict[str, Callable[..., Lever]] = {
    "volume": Volume,
    "conversion": Conversion,
    "win rate": WinRate,
    "speed": Speed,
    "yield": Yield,
    "standardise": Standardise,
    "hire": Hire,
    "ramp": Ramp,
    "selling time": SellingTime,
    "qualify": Qualify,
    "referrals": MoreReferrals,
    "collection": Collection,
}
