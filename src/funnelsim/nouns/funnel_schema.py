"""The keys of a funnel file and what each may hold; every fault of content is found at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from funnelsim.vocabulary.clock import Step
from funnelsim.vocabulary.stages import Kind, OnReopened, OnUnusualMove

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Chance = Annotated[float, Field(ge=0, le=1)]
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

    first_age: list[int]
    at_risk: list[NotNegative]
    exits: ByPlace
    prior_shares: dict[str, NotNegative] | None = None


class ChancesPart(_Part):
    """Hazards by hand: chance per step to leave to each place, by bin of age."""

    first_age: list[int]
    chance_per_step: dict[str, list[Chance]]
    weight_in_deals: Positive | None = None


class RoutesPart(_Part):
    """Hazards by hand, shortest form: where deals go, and by when half of them have gone."""

    goes_to: dict[str, Chance]
    median_steps: Positive
    weight_in_deals: Positive | None = None


class ArrivalsPart(_Part):
    """New deals per block of steps."""

    block_steps: Annotated[int, Field(ge=1)]
    mean_per_block: NotNegative
    worth_blocks: Positive | None = None
    dispersion: NotNegative = 0.0
    entries: dict[str, NotNegative]


class AmountsPart(_Part):
    """Amounts of won deals."""

    points: list[NotNegative]
    weights: list[Positive]
    is_certain: bool = False


class ClosedPart(_Part):
    """Closed-only counts of a stage."""

    won: NotNegative
    closed: NotNegative


class ChangesPart(_Part):
    """What levers have changed."""

    volume: Positive = 1.0
    forward_odds: dict[str, Positive] = {}
    speed: dict[str, dict[str, Positive]] = {}


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
    hazards: dict[str, CountedPart | ChancesPart | RoutesPart]
    arrivals: ArrivalsPart
    amounts: AmountsPart | None = None
    closed: dict[str, ClosedPart] | None = None
    changes: ChangesPart = ChangesPart()
    notes: list[str] = []
