"""What a scenario file may say, checked by pydantic: every fault at once, with its key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from funnelsim.nouns.funnel_schema import Day, FunnelPart
from funnelsim.nouns.levers.file import AnyLeverPart

NotNegative = Annotated[float, Field(strict=True, ge=0, le=1e15, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
YesOrNo = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DealsPart(_Part):
    """Some open deals that are alike."""

    stage: str
    deals: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    age_steps: Count = 0
    amount: NotNegative | None = None
    name: str = ""
    attributes: dict[str, str] = {}


class WonPart(_Part):
    """A win of the running fiscal year."""

    on: Day
    amount: NotNegative | None = None
    attributes: dict[str, str] = {}
    deals: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1


class RepsPart(_Part):
    """Some reps who are alike."""

    n: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 1
    name: Annotated[str, Field(min_length=1)] = "rep"
    start: str | None = None
    ramp_days: NotNegative = 0.0


class TeamPart(_Part):
    """Who works on deals."""

    reps: Annotated[list[RepsPart], Field(min_length=1)]
    selling_share: Number | None = None
    hours_per_day: Number | None = None
    working_days: list[str] | None = None
    holidays: list[str] | None = None
    keeps_deals: YesOrNo | None = None
    attrition_per_year: Number | None = None
    lost_with_leaver: Number | None = None
    replaced_after_days: Number | None = None


class ReferralsPart(_Part):
    """Leads that wins bring."""

    per_win: NotNegative
    lag_days: NotNegative
    in_arrivals: YesOrNo = True


class ParkingPart(_Part):
    """Losses that come back."""

    share: NotNegative
    wake_up_days: NotNegative
    stage: str


class QualificationPart(_Part):
    """A check that drops bad leads."""

    stage: str
    catches: NotNegative
    mistakes: NotNegative = 0.0
    hours: NotNegative = 0.0


class WorkPart(_Part):
    """What deals ask of reps."""

    hours: dict[str, NotNegative]
    spread: NotNegative = 1.0
    rule: str = "first come"
    patience_days: dict[str, NotNegative] = {}
    parking: ParkingPart | None = None
    qualification: QualificationPart | None = None
    leads_from_wins: ReferralsPart | None = None


class SpendPart(_Part):
    """A lever that money buys, at its most."""

    name: str
    lever: AnyLeverPart
    cost: NotNegative
    growth: Annotated[float, Field(strict=True, ge=1, le=10)] = 1.0


class QuotasPart(_Part):
    """How the target is shared out."""

    by: str
    quotas: dict[str, NotNegative] | None = None


class PayStepPart(_Part):
    """A rate of commission above a threshold."""

    above: NotNegative
    rate: Annotated[float, Field(strict=True, ge=0, le=1)]


class PayPart(_Part):
    """Commission in steps."""

    steps: Annotated[list[PayStepPart], Field(min_length=1)]
    on_whole: YesOrNo = False
    of_quota: YesOrNo = False


class ActivityPart(_Part):
    """Weeks and people for the work that the target needs."""

    weeks: Annotated[float, Field(strict=True, gt=0, le=10_000)]
    people: Annotated[float, Field(strict=True, gt=0, le=1e6)] = 1.0
    visits: dict[str, NotNegative] = {}


class ScenarioPart(_Part):
    """The whole file."""

    format: Literal["funnelsim-scenario/1"]
    title: dict[Literal["en", "zh"], str] = {}
    words: dict[Literal["zh"], dict[str, Annotated[str, Field(min_length=1)]]] = {}
    as_of: Day
    periods: str = "4Q"
    fiscal_start_month: Annotated[int, Field(strict=True, ge=1, le=12)] = 1
    target: Annotated[float, Field(strict=True, gt=0, le=1e15, allow_inf_nan=False)]
    measure: Literal["bookings", "wins", "revenue", "cash"] | None = None
    funnel: FunnelPart
    pipeline: list[DealsPart] = []
    won: list[WonPart] = []
    lever: list[AnyLeverPart] = []
    spend: list[SpendPart] = []
    quotas: list[QuotasPart] = []
    commission: PayPart | None = None
    activity: ActivityPart | None = None
    team: TeamPart | None = None
    work: WorkPart | None = None
