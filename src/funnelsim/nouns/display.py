"""Display: what a notebook shows of a noun: a sentence, a table, notes; what users wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from funnelsim.vocabulary.language import known, tr

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 24


class Shown:
    """A noun that shows itself in a notebook as its sentence, its table and its notes."""

    # Columns whose name means something else in other tables, by what they are in this one.
    _column_words: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def _repr_html_(self) -> str:
        table = self._shown_table()
        parts = [f"<p><strong>{escape(tr(repr(self)))}</strong></p>"]
        parts += [] if table is None else [_html(table, self._column_words)]
        notes: Iterable[str] = getattr(self, "notes", ())
        items = "".join(f"<li>{escape(tr(note))}</li>" for note in notes)
        return "\n".join([*parts, f"<ul>{items}</ul>"] if items else parts)

    def _shown_table(self) -> pd.DataFrame | None:
        """The table that is shown; that of ``table()`` where there is one."""
        table = getattr(self, "table", None)
        return table() if callable(table) else None


def _html(table: pd.DataFrame, meant: Mapping[str, str]) -> str:
    """A table for people: separators, few digits, the first rows of many."""
    shown = table.head(_MOST_ROWS)
    titles = [meant.get(str(name), str(name)).replace("_", " ") for name in shown.columns]
    shown = shown.set_axis([known(title) for title in titles], axis=1)
    shown = shown.rename(index=lambda name: known(str(name)))
    shown.index.names = [None if name is None else known(str(name)) for name in table.index.names]
    if len(shown):  # an empty table has its titles only
        shown = shown.apply(_cells)
    text = shown.to_html(border=0, escape=True)
    more = len(table) - len(shown)
    return text + (f"<p>{escape(tr(f'{more:,} more rows: see table()'))}</p>" if more else "")


def _cells(column: pd.Series) -> list[str]:
    """A column as text: numbers with as many decimals as suit the largest, a dash for none."""
    values = column.tolist()
    numbers = [abs(v) for v in values if isinstance(v, float | int) and not isinstance(v, bool) and v == v]
    largest = max(numbers, default=0.0)
    is_whole = all(isinstance(v, int) for v in values) or largest >= 1000
    decimals = 0 if is_whole else 1 if largest >= 10 else 3
    return [_cell(value, decimals) for value in values]


def _cell(value: object, decimals: int) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return "–" if value is None else known(str(value))
    return "–" if value != value else f"{value:,.{decimals}f}"
