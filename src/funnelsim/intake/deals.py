"""read_deals: from files or frames to a validated deal history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from funnelsim.intake.amounts import Decimal
from funnelsim.intake.currencies import Rates
from funnelsim.intake.files import Source
from funnelsim.intake.reader import Reader
from funnelsim.intake.reading import Moment, Reading, ReadingError
from funnelsim.intake.stages_file import StagesFile, read_stages
from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.clock import Step
from funnelsim.vocabulary.stages import Stages

Faulty = Literal["refuse", "set aside"]


def read_deals(
    deals: Source,
    history: Source | None = None,
    *,
    stages: str | Path | Stages | StagesFile | None = None,
    as_of: Moment | None = None,
    window_start: Moment | None = None,
    arrivals_until: Moment | None = None,
    columns: Mapping[str, str] | None = None,
    history_columns: Mapping[str, str] | None = None,
    tz: str | None = None,
    file_tz: str | None = None,
    date_format: str | None = None,
    decimal: Decimal | None = None,
    step: Step | None = None,
    unit: str | None = None,
    rates: Mapping[str, float] | None = None,
    faulty: Faulty = "refuse",
) -> DealHistory:
    """Deal history from files or frames, checked; every repair is listed in its ``issues``."""
    if faulty not in ("refuse", "set aside"):
        raise ReadingError(f"faulty={faulty!r} is unknown; use 'refuse' or 'set aside'")
    said = Reading(
        step=step,
        tz=tz,
        file_tz=file_tz,
        unit=unit,
        date_format=date_format,
        decimal=decimal,
        as_of=as_of,
        window_start=window_start,
        arrivals_until=arrivals_until,
        deals_columns=columns or {},
        history_columns=history_columns or {},
    )
    if isinstance(stages, str | Path):
        stages = read_stages(stages)
    reading = said.or_else(stages.reading) if isinstance(stages, StagesFile) else said
    reader = Reader(
        stages=stages.stages if isinstance(stages, StagesFile) else stages,
        reading=reading,
        rates=Rates(rates or {}),
        sets_aside=faulty == "set aside",
        today=_today(reading.tz),
    )
    return reader.read(deals, history)


def _today(tz: str | None) -> np.datetime64:
    """The calendar day it is where the business lives: the only look at the clock."""
    return np.datetime64(dt.datetime.now(ZoneInfo(tz) if tz else None).date(), "us")
