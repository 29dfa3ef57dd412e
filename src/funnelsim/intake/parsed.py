"""Typed columns of a table, row by row beside the cells they were read from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from funnelsim.intake.moments import Wall
from funnelsim.intake.places import Codes
from funnelsim.intake.tables import Flags, Numbers, Positions, Table

_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class Parsed:
    """Typed columns beside the table they were read from, row by row."""

    table: Table
    values: pd.DataFrame

    def take(self, keep: Flags) -> Parsed:
        """Only the flagged rows."""
        return Parsed(self.table.take(keep), self.values[keep].reset_index(drop=True))

    def sorted_by(self, column: str) -> Parsed:
        """Rows in the order of a column; ties stay as they are."""
        order = np.argsort(self.values[column].to_numpy(), kind="stable")
        table = replace(self.table, frame=self.table.frame.iloc[order], rows=self.table.rows[order])
        return Parsed(table, self.values.iloc[order].reset_index(drop=True))

    def with_amount(self, amount: Numbers) -> Parsed:
        """The same rows with other amounts."""
        return replace(self, values=self.values.assign(amount=amount))

    def codes(self, column: str) -> Codes:
        """A column of codes as an array."""
        return self.values[column].to_numpy(np.int64)

    def dates(self, column: str) -> Wall:
        """A column of moments as an array."""
        return self.values[column].to_numpy("datetime64[us]")

    def moves(self, at: Positions, stage: Codes, entered_at: Wall) -> pd.DataFrame:
        """Moves that these rows tell of, in the form of ``Records.moves``."""
        return pd.DataFrame(
            {
                "deal": at,
                "stage": stage,
                "entered_at": entered_at,
                "recorded_at": np.full(len(at), _NEVER),
                "amount": np.full(len(at), np.nan),
                "row": self.table.rows[at],
            }
        )
