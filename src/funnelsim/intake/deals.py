"""read_deals: from files or frames to a validated deal history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from funnelsim.intake.amounts import Decimal
from funnelsim.intake.currencies import Rates
from funnelsim.intake.files import Source
from funnelsim.intake.reader import Reader
from funnelsim.intake.reading import Moment, Reading, ReadingError, check_kind
from funnelsim.intake.stages_file import StagesFile, read_stages
from funnelsim.intake.zones import Zones
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
    outcome_values: Mapping[str, str] | None = None,
    tz: str | None = None,
    file_tz: str | None = None,
    date_format: str | None = None,
    decimal: Decimal | None = None,
    step: Step | None = None,
    unit: str | None = None,
    rates: Mapping[str, float] | None = None,
    faulty: Faulty = "refuse",
) -> DealHistory:
    """Deal history from files or frames, checked; every repair is listed in its ``issues``.

    Parameters
    ----------
    deals : path or DataFrame
        One row a deal: ``deal_id``, ``created_at``, ``amount``, ``outcome``, ``closed_at`` and, where there
        are such, ``currency``, ``updated_at`` (last change of the record), ``stage`` (where it is now),
        ``lost_reason``. Any other column is kept as an attribute. CSV, TSV or text (also gzipped), Parquet,
        or the first sheet of an Excel workbook.
    history : path or DataFrame, optional
        One row for each entry into a stage: ``deal_id``, ``stage``, ``entered_at`` and, where there are
        such, ``recorded_at``, ``amount``, ``seq`` (order within the deal). Without it, `deals` may have a
        date column for each stage, called like the stage; or the funnel has a single stage.
    stages : path, StagesFile or Stages, optional
        The funnel's definition; a path is read by :func:`funnelsim.read_stages`. By default the stages are
        taken from the history, ordered by the mean place of their first entry, with a warning. Spellings
        that differ in case, blanks, width, underscores or hyphens are one stage.
    as_of : date, datetime or str, optional
        Moment of observation: what is dated later is not used. A plain date (or midnight) means the end of
        that day. By default the last recorded event, which is then noted; more than 400 days after that
        event is refused, for the log most likely ends long before.
    window_start, arrivals_until : date, datetime or str, optional
        From when endings, and until when new deals, are recorded completely. By default they are detected,
        which is then noted.
    columns, history_columns : mapping of str to str, optional
        What the files call a column: ``{"deal_id": "Opportunity ID"}``. Names that differ only in case,
        blanks, underscores or hyphens need none; usual Chinese titles (商机编号) are suggested where they are
        not named. A name of your own renames an attribute.
    outcome_values : mapping of str to str, optional
        Value of the outcome column to an outcome's name, to "open", or to "" ("look in the history");
        ``"*"`` stands for every value that is not listed. Names of outcomes, and words such as "won",
        "Closed Lost" or "赢单" need none.
    tz : str, optional
        The business's time zone, such as "Europe/Amsterdam": days begin at its midnight. Needed where times
        of day are written without an offset; with offsets and without `tz`, days begin at midnight UTC.
    file_tz : str, optional
        Time zone of times written without an offset; by default `tz`.
    date_format : str, optional
        How dates are written (``"%d/%m/%y"``), where they do not tell it themselves.
    decimal : {".", ","}, optional
        The mark before the decimals of written amounts, where they do not tell it themselves: a column of
        "1,234" alone is read as 1234, one of "1.234" alone, or of "1,234" beside "12,50", is refused.
    step : {"day", "hour", "week", "month"}, optional
        Length of a step of the clock; a day by default.
    unit : str, optional
        Currency of the amounts; by default the one they state. No scale: where the title of the column says
        万元 or "k EUR", its amounts are multiplied, which is listed.
    rates : mapping of str to float, optional
        Worth of one of each currency in `unit`; the unit itself needs none. Without it amounts in several
        currencies are refused. "$" and "¥" mean the one such currency that is named beside them: in the
        records, in the rates, or as the unit.
    faulty : {"refuse", "set aside"}
        Whether a deal with a fault stops the reading, or is left out and listed.

    Returns
    -------
    DealHistory

    Raises
    ------
    DataError
        If the records have faults; all of them are in the error's ``faults``, the first 20 in its message.
    StagesFileError
        If the stages file cannot be used.
    MomentError, ZoneError, RatesError, ReadingError
        If an option cannot be used, or leaves nothing to learn from: a window that starts at its end,
        arrivals that end before the first deal.

    Warns
    -----
    InferredStagesWarning
        If the stages were guessed.

    Notes
    -----
    What is repaired, and listed with the level "repaired": a deal lost without a closing date is dated at
    its record's last update or its last move, whichever is later; one created after its first move is
    created with that move; one closed before its first move is closed with its last; a row that says the
    same twice counts once; a local time skipped or repeated when clocks change is the next, or the first.
    Left out and listed: moves of deals that are not in `deals`, deals with neither a dated move nor a
    creation date, and moves after the closing date of a deal that moved before it and stands as closed
    (unless the stages' rule for re-opened deals is to cut or reject: then that rule takes them).

    Settings of the stages file hold where a keyword says nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> deals = pd.DataFrame(
    ...     {
    ...         "Deal ID": ["A1", "A2", "A3"],
    ...         "Created at": ["5 Jan 2026", "7 Jan 2026", "9 Jan 2026"],
    ...         "Closed at": ["20 Feb 2026", "25 Feb 2026", ""],
    ...         "Outcome": ["Won", "Lost", "Open"],
    ...         "Amount": ["€1,200.00", "€900.50", "€4,000.00"],
    ...     }
    ... )
    >>> history = read_deals(deals, as_of="2026-03-31")
    >>> history.unit, history.pipeline()
    ('EUR', Pipeline(1 open deals worth 4,000 at 2026-03-31))
    """
    if faulty not in ("refuse", "set aside"):
        raise ReadingError(f"faulty={faulty!r} is unknown; use 'refuse' or 'set aside'")
    _check_sources(deals, history, stages)
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
        outcome_values=outcome_values or {},
    )
    if isinstance(stages, str | Path):
        stages = read_stages(stages)
    reading = said.or_else(stages.reading) if isinstance(stages, StagesFile) else said
    reader = Reader(
        stages=stages.stages if isinstance(stages, StagesFile) else stages,
        reading=reading,
        rates=Rates(rates or {}),
        sets_aside=faulty == "set aside",
        today=today_in(reading.zones),
    )
    return reader.read(deals, history)


def _check_sources(deals: object, history: object, stages: object) -> None:
    accepted = "the path of a CSV, Parquet or Excel file, or a pandas DataFrame"
    if deals is None:
        raise ReadingError(f"deals is None; give {accepted}")
    for option, source in (("deals", deals), ("history", history)):
        check_kind(option, source, (str, Path, pd.DataFrame), accepted)
    accepted = "Stages (such as Stages.named(['lead', 'offer'])), or the path of a stages file"
    check_kind("stages", stages, (str, Path, Stages, StagesFile), accepted)


def today_in(zones: Zones) -> np.datetime64:
    """The calendar day it is where the business lives: the only look at the clock."""
    zone = zones.business or zones.file
    return np.datetime64(dt.datetime.now(ZoneInfo(zone) if zone else None).date(), "us")
