"""Wide tables: one date column for each stage, in place of a log."""

from __future__ import annotations

import numpy as np
import pandas as pd

from funnelsim.intake.cells import Cells
from funnelsim.intake.columns import DEALS
from funnelsim.intake.findings import Findings
from funnelsim.intake.infer import infer_stages
from funnelsim.intake.moments import Wall
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.places import Places
from funnelsim.intake.tables import Table
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import kind_of, listed

_MOSTLY = 0.8  # of its filled cells


def place_columns(table: Table, places: Places) -> list[str]:
    """Columns called like a stage or an outcome, in the order of the funnel; none if the table is not wide.

    A single such column makes a table wide only where nothing else says how deals end: an attribute may
    happen to be called like a stage.
    """
    codes = {column: places.code_of(column) for column in _attributes(table)}
    found = [column for column, code in codes.items() if code is not None]
    if len(found) == 1 and "outcome" in table:
        return []
    return sorted(found, key=lambda column: codes[column] or 0)


def infer_wide_stages(table: Table, cells: Cells) -> Stages | None:
    """Stages guessed from columns that hold dates; None unless one is called like an outcome.

    Without such a column several columns of dates may still be stages, or no more than attributes (a planned
    closing, a next step): they are noted, for nothing else would tell that they are not read as moves.
    """
    dated = _dated(table, cells)
    if not any(kind_of(column) in ("won", "lost") for column in dated):
        if len(dated) > 1:
            message = (
                f"the columns {listed(dated)} hold dates and are kept as attributes; if each is the day "
                "a deal entered a stage, give stages= with stages (or aliases) called like these columns"
            )
            cells.findings.note("dates not read", message, file=table.name, value=len(dated))
        return None
    names = np.repeat(np.array(list(dated), dtype=object), len(table))
    return infer_stages(np.tile(table.ids, len(dated)), names, np.concatenate(list(dated.values())))


def _dated(table: Table, cells: Cells) -> dict[str, Wall]:
    """Columns whose filled cells are dates; a few slips among them are faults to report, no other column."""
    quiet = Cells(Findings(), cells.zones, cells.date_format)
    dated = {}
    for column in _attributes(table):
        dates = quiet.dates(table, column)
        n_filled, n_dates = (table.text(column) != "").sum(), (~np.isnat(dates)).sum()
        if n_dates and n_dates >= _MOSTLY * n_filled:
            dated[column] = dates
    return dated


def _attributes(table: Table) -> list[str]:
    return [str(column) for column in table.frame.columns if column not in DEALS.names]


def wide_log(table: Table, columns: list[str], places: Places, cells: Cells) -> Parsed:
    """A log of the dates in a wide table: stages in the funnel's order, then outcomes by date."""
    frames = [
        pd.DataFrame(
            {
                "at": np.arange(len(table)),
                "stage": places.code_of(column),
                "entered_at": cells.dates(table, column),
                "recorded_at": np.datetime64("NaT", "us"),
                "amount": np.nan,
                "currency": "",
                "row": table.rows,
                "column": table.title(column),
            }
        )
        for column in columns
    ]
    log = pd.concat(frames, ignore_index=True)
    log = log[log["entered_at"].notna()]
    is_end = log["stage"] >= places.stages.n_open
    order = log.assign(is_end=is_end, end_at=log["entered_at"].where(is_end))
    log = log.loc[order.sort_values(["at", "is_end", "end_at", "stage"], kind="stable").index]
    log = log.assign(seq=np.arange(len(log)))
    at = log.pop("at").to_numpy(np.int64)
    cited = pd.DataFrame(
        {"deal_id": table.ids[at], "stage": log.pop("column"), "entered_at": log["entered_at"]}
    )
    return Parsed(Table(table.name, cited.reset_index(drop=True), table.rows[at]), log.reset_index(drop=True))
