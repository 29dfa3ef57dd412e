"""Everything found wrong or repaired while reading, collected so that one message can tell it all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.intake.tables import Flags, Table
from funnelsim.nouns.records import issues_frame
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.words import shortened

_SHOWN = 20  # lines of a message
_ROWS_SHOWN = 5  # in a line


class DataError(FunnelsimError):
    """Records that cannot be read as they are; the message lists where, what, and the way out.

    Attributes
    ----------
    faults : DataFrame
        Every fault, one a row, with the columns ``level``, ``rule``, ``deal_id``, ``file``, ``row`` (the
        header is row 1), ``column``, ``value`` and ``message``. The level "refused" marks what concerns the
        whole table; deals with a fault of level "fault" can be left out with ``faulty="set aside"``.
    """

    def __init__(self, faults: pd.DataFrame) -> None:
        self.faults = faults
        super().__init__(_describe(faults))


def _describe(faults: pd.DataFrame) -> str:
    """The first faults, one a line; rows with the same fault share a line."""
    alike = list(faults.groupby(["file", "column", "value", "message"], sort=False, dropna=False)["row"])
    head = "the records have a fault:" if len(faults) == 1 else f"the records have {len(faults):,} faults:"
    lines = [_line(*map(str, where), rows=list(rows)) for where, rows in alike[:_SHOWN]]
    n_more = sum(len(rows) for _, rows in alike[_SHOWN:])
    if n_more:
        lines.append(f"  ... and {n_more:,} more; see the error's .faults")
    if (faults["level"] == "fault").all():
        lines.append("Correct them, or leave these deals out with faulty='set aside'.")
    return "\n".join([head, *lines])


def _line(file: str, column: str, value: str, message: str, *, rows: list[object]) -> str:
    parts = [file, _listed_rows([row for row in rows if row != ""])]
    parts += [f"column {column!r}" if column else "", f"value {shortened(value)}" if value else ""]
    return f"  {', '.join(part for part in parts if part)}: {message}"


def _listed_rows(rows: list[object]) -> str:
    if len(rows) < 2:
        return f"row {rows[0]}" if rows else ""
    shown = ", ".join(str(row) for row in rows[:_ROWS_SHOWN])
    n_more = len(rows) - _ROWS_SHOWN
    return f"rows {shown}" + (f" and {n_more:,} more" if n_more > 0 else "")


@dataclass
class Findings:
    """Faults, repairs, omissions and notes, in the order they were found."""

    _frames: list[pd.DataFrame] = field(default_factory=list)

    def refuse(
        self,
        rule: str,
        message: str,
        *,
        file: str = "",
        row: int | str = "",
        column: str = "",
        value: str = "",
    ) -> None:
        """Something no deal can be left out for: a missing column, an empty file."""
        self._one("refused", rule, message, file=file, row=row, column=column, value=value)

    def note(self, rule: str, message: str, *, file: str = "", column: str = "", value: object = "") -> None:
        """Something the user should know that changed nothing, or concerns many rows at once."""
        self._one("note", rule, message, file=file, column=column, value=value)

    def bad_row(self, message: str, *, file: str, row: int, value: str) -> None:
        """A row that does not fit under the header; which deal it belongs to is not known."""
        self._one("fault", "wrong number of fields", message, file=file, row=row, column="", value=value)

    def _one(self, level: str, rule: str, message: str, **where: object) -> None:
        row = {"level": level, "rule": rule, "deal_id": "", "row": "", "message": message} | where
        self._frames.append(issues_frame([row]))

    def fault(self, rule: str, message: str, table: Table, at: npt.ArrayLike, column: str) -> None:
        """Cells that cannot be used."""
        self._cells("fault", rule, message, table, at, column)

    def repaired(self, rule: str, message: str, table: Table, at: npt.ArrayLike, column: str) -> None:
        """Cells that were used differently from what they say."""
        self._cells("repaired", rule, message, table, at, column)

    def remark(self, rule: str, message: str, table: Table, at: npt.ArrayLike, column: str) -> None:
        """Cells that were used as they are, but are worth a look."""
        self._cells("note", rule, message, table, at, column)

    def left_out(self, rule: str, message: str, table: Table, at: npt.ArrayLike, column: str) -> None:
        """Rows that were not used."""
        self._cells("left out", rule, message, table, at, column)

    def _cells(
        self, level: str, rule: str, message: str, table: Table, at: npt.ArrayLike, column: str
    ) -> None:
        positions = np.asarray(at)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        if not len(positions):
            return
        frame = issues_frame().reindex(range(len(positions)))
        frame["level"], frame["rule"], frame["message"] = level, rule, message
        frame["file"], frame["column"] = table.name, table.title(column)
        frame["deal_id"] = table.ids[positions] if "deal_id" in table else ""
        frame["row"] = table.rows[positions].astype(object)
        frame["value"] = table.text(column, positions) if column in table else ""
        self._frames.append(frame)

    def frame(self) -> pd.DataFrame:
        """Everything found, one a row."""
        return pd.concat(self._frames, ignore_index=True) if self._frames else issues_frame()

    def faults(self) -> pd.DataFrame:
        """Only what stands in the way of using the records."""
        found = self.frame()
        return found[found["level"].isin(["refused", "fault"])].reset_index(drop=True)

    def is_sound(self, table: Table) -> Flags:
        """Whether each row of a table, and the deal it belongs to, has no fault so far."""
        faults = self.faults()
        ids = set(faults["deal_id"]) - {""}
        here = set(faults.loc[faults["file"] == table.name, "row"])
        is_faulty = pd.Series(table.rows).isin(here) | pd.Series(table.ids).isin(ids)
        return ~is_faulty.to_numpy(bool)

    def stop_if_refused(self) -> None:
        """Raise what was found so far if it concerns a whole table."""
        if (self.faults()["level"] == "refused").any():
            raise DataError(self.faults())

    def issues(self, *, set_aside: bool) -> pd.DataFrame:
        """What a history keeps: repairs, omissions and notes, and the deals left out for a fault.

        Raises
        ------
        DataError
            If a fault was found, unless `set_aside` and it concerns single deals only.
        """
        faults = self.faults()
        if len(faults) and not (set_aside and (faults["level"] == "fault").all()):
            raise DataError(faults)
        found = self.frame()
        return found.assign(level=found["level"].where(found["level"] != "fault", "left out"))
