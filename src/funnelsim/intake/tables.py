"""A table as it was read: cells, where each row stands in the file, and what its columns are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

Texts = npt.NDArray[np.object_]
Positions = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EMPTY_WORDS = frozenset({"", "-", "–", "—", "na", "n/a", "#n/a", "null", "none", "nan", "nat", "<na>"})


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a file or frame.

    Parameters
    ----------
    name : str
        What messages call it: the file's name.
    frame : DataFrame
        Cells, numbered 0, 1, ...
    rows : ndarray of int
        Row of each record as a spreadsheet shows it: the header is row 1.
    titles : mapping of str to str
        What the file calls a canonical column.
    has_serial_dates : bool
        Whether numbers may be dates (a spreadsheet counts days from 1899-12-30).
    """

    name: str
    frame: pd.DataFrame
    rows: Positions
    titles: Mapping[str, str] = field(default_factory=dict)
    has_serial_dates: bool = False

    @classmethod
    def of_frame(cls, name: str, frame: pd.DataFrame) -> Table:
        """A table whose first record stands on row 2."""
        plain = frame.reset_index(drop=True).set_axis([str(title) for title in frame.columns], axis=1)
        return cls(name, plain, np.arange(2, len(plain) + 2))

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, column: str) -> bool:
        return column in self.frame.columns

    def title(self, column: str) -> str:
        """What the file calls a column."""
        return self.titles.get(column, column)

    @property
    def ids(self) -> Texts:
        """Deal of each row, as text; there once `columns.resolve` has run."""
        return self.frame["deal_id"].to_numpy(object)

    def text(self, column: str, at: Positions | slice = slice(None)) -> Texts:
        """Trimmed text of a column's cells; ``""`` where empty, or for the words that stand for empty."""
        return texts_of(self.frame[column].iloc[at])

    def without(self, columns: list[str]) -> Table:
        """The table without some columns."""
        return replace(self, frame=self.frame.drop(columns=columns))

    def take(self, keep: Flags) -> Table:
        """Only the flagged rows."""
        return replace(self, frame=self.frame[keep].reset_index(drop=True), rows=self.rows[keep])


def texts_of(column: pd.Series) -> Texts:
    """Trimmed text of cells of any type; ``""`` where empty."""
    codes, values = pd.factorize(column)  # few distinct values: convert each of them once
    texts = np.array([*(_text(value) for value in values), ""], dtype=object)
    return texts[codes]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # a spreadsheet, or a column with gaps, holds the id 17 as 17.0
    text = str(value).strip()
    return "" if text.casefold() in EMPTY_WORDS else text
