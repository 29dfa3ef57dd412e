"""Validated records before any rule about unusual moves: what intake produces, in one form."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

ISSUE_COLUMNS = ("level", "rule", "deal_id", "file", "row", "column", "value", "message")


@dataclass(frozen=True, eq=False)
class Records:
    """Deals and their dated moves, exactly as recorded.

    Parameters
    ----------
    deals : DataFrame
        One row a deal: ``deal_id`` (str), ``amount`` (float, NaN when missing), and any attributes.
    moves : DataFrame
        One row an entry into a stage or an outcome, in file order: ``deal`` (position in `deals`),
        ``stage`` (code in `Stages`), ``entered_at`` and ``recorded_at`` (naive, business time zone;
        ``recorded_at`` may be NaT), ``amount`` (float, NaN when not recorded with the move), ``row``
        (row in the file, for messages).
    keeps_file_order : bool
        True when the order of rows within a deal is known apart from the dates (a sequence number, a wide
        table). Then dates that go backward are repaired; otherwise rows are sorted by date.
    """

    deals: pd.DataFrame
    moves: pd.DataFrame
    keeps_file_order: bool = False


def issues_frame(rows: list[dict[str, object]] | None = None) -> pd.DataFrame:
    """A frame of issues with the agreed columns; absent ones are empty.

    ``level`` is "left out", "repaired" or "note"; ``rule`` a short name; ``message`` is the same for all
    rows of one rule, so that a summary can count them.
    """
    return pd.DataFrame(rows or [], columns=list(ISSUE_COLUMNS), dtype=object)
