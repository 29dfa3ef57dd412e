"""Wide tables: one date column for each stage, in place of a log."""

from __future__ import annotations

import numpy as np
import pandas as pd

from funnelsim.intake.cells import Cells
from funnelsim.intake.columns import DEALS
from funnelsim.intake.findings import Findings
from funnelsim.intake.infer import infer_stages
from funnelsim.intake.parsed import Parsed
from funnelsim.intake.places import Places
from funnelsim.intake.tables import Table
from funnelsim.intake.words import kind_of
from funnelsim.vocabulary.stages import Stages


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
    """Stages guessed from columns that hold dates; None unless one is called like an outcome."""
    if not any(kind_of(column) in ("won", "lost") for column in _attributes(table)):
        return None
    quiet = Cells(Findings(), cells.zones, cells.date_format)
    dated = {}
    for column in _attributes(table):
        dates = quiet.dates(table, column)
        if (np.isnat(dates) == (table.text(column) == "")).all() and not np.isnat(dates).all():
            dated[column] = dates
    if not any(kind_of(column) in ("won", "lost") for column in dated):
        return None
    names = np.repeat(np.array(list(dated), dtype=object), len(table))
    return infer_stages(np.tile(table.ids, len(dated)), names, np.concatenate(list(dated.values())))


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
