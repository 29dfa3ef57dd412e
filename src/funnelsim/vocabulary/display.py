"""Display: what a notebook shows of a noun: a sentence, a table, notes; what users wrote is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from funnelsim.vocabulary.language import known, language, tr

PERCENT, POINTS = "%", "points"  # of shares, which tables hold as 0..1
PERCENTAGE_POINTS = "percentage points"  # of columns that hold points already
_MOST_ROWS = 24
_ERRORS = re.compile("_(se|sd)$")
_BOUNDS = re.compile("_(low|high|se|sd)$")
_MIDNIGHT = " 00:00:00"
# Columns that hold shares, whatever table they stand in; a noun says what else its columns are in.
_SHARES = frozenset((
    "conversion", "win_rate", "raw_win_rate", "nominal", "nominal_win_rate", "chance", "share", "moves_on",
    "undecided", "missing_share", "missing_won", "missing_open", "share_of_ten_largest", "use",
    "chance_alone", "ever_won", "stuck", "chance_if_lost", "chance_if_won",
))  # fmt: skip
_CHANCE_IN = "chance_in_"  # one period


class Printer(Protocol):
    """What IPython prints with."""

    def text(self, text: str) -> None:
        """Print a text."""


class Shown:
    """A noun that shows itself in a notebook as its sentence, its table and its notes.

    ``repr`` is English, for programs and error messages; ``str`` and what notebooks and consoles show are in
    the language that is spoken.
    """

    # Columns whose name means something else in other tables, by what they are in this one.
    _column_words: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __str__(self) -> str:
        return tr(self._shown_sentence())

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text("..." if cycle else str(self))

    def _repr_html_(self) -> str:
        table = self._shown_rows()
        parts = [f"<p><strong>{escape(str(self))}</strong></p>"]
        parts += [] if table is None else [table.html(self._column_words, self._column_units())]
        items = "".join(f"<li>{escape(tr(note))}</li>" for note in self._shown_notes())
        return "\n".join([*parts, f"<ul>{items}</ul>"] if items else parts)

    def _shown_sentence(self) -> str:
        """The noun in English words."""
        return repr(self)

    def _shown_table(self) -> Any:
        """The DataFrame that is shown; that of ``table()`` where there is one."""
        table = getattr(self, "table", None)
        return table() if callable(table) else None

    def _shown_rows(self) -> Rows | None:
        """The rows that are shown: those of a DataFrame, where there is one."""
        table = self._shown_table()
        return None if table is None else Rows.of(table)

    def _shown_notes(self) -> Iterable[str]:
        """What a reader must know, in English; that of ``notes`` where there are any."""
        notes: Iterable[str] = getattr(self, "notes", ())
        return notes

    def _column_units(self) -> Mapping[str, str]:
        """Unit of each column, by its name without ``_low``, ``_high``, ``_se``: EUR, days, % or points."""
        return {}


def several(step: str) -> str:
    """Several steps of a clock, as the unit of a column."""
    return f"{step}s"


@dataclass(frozen=True)
class Rows:
    """A table to be shown: names of what labels its rows, the labels, and columns by name.

    This layer knows no pandas; what a DataFrame holds is taken out of it by :meth:`of`.
    """

    names: Sequence[str | None]
    labels: Sequence[tuple[object, ...]]
    columns: Sequence[tuple[str, Sequence[object]]]
    n_more: int = 0

    @classmethod
    def of(cls, frame: Any) -> Rows:
        """The first rows of a DataFrame; plain numbers of its rows are left out."""
        head, index = frame.head(_MOST_ROWS), frame.index
        columns = [(str(name), head.iloc[:, i].tolist()) for i, name in enumerate(head.columns)]
        is_numbered = list(index.names) == [None] and index.dtype.kind == "i"
        labels = [label if isinstance(label, tuple) else (label,) for label in head.index]
        more = len(frame) - len(head)
        if is_numbered:
            return cls((), [() for _ in labels], columns, more)
        return cls(list(index.names), labels, columns, more)

    def html(self, meant: Mapping[str, str], units: Mapping[str, str]) -> str:
        """The table for people: units, separators, few digits."""
        of_columns = [_unit(name, units) for name, _ in self.columns]
        words = [meant.get(name, name).replace("_", " ") for name, _ in self.columns]
        titles = ["" if name is None else known(str(name)) for name in self.names]
        titles += [_title(word, unit) for word, unit in zip(words, of_columns, strict=True)]
        cells = [_cells(values, unit) for (_, values), unit in zip(self.columns, of_columns, strict=True)]
        rows = zip(self.labels, zip(*cells, strict=True), strict=True) if cells else ()
        head = "".join(f"<th>{escape(title)}</th>" for title in titles)
        body = "\n".join(_row([known(str(label)) for label in labels], row) for labels, row in rows)
        table = (
            f'<table class="dataframe">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
        )
        more = tr(f"{self.n_more:,} more rows: see table()") if self.n_more else ""
        table = f'<table class="dataframe">\n{table}\n</table>'
        return table + (f"<p>{escape(more)}</p>" if more else "")


def _row(labels: Sequence[str], cells: Sequence[str]) -> str:
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    return f"<tr>{heads}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _unit(name: str, units: Mapping[str, str]) -> str:
    """Unit of a column; errors of shares are in points."""
    base = _BOUNDS.sub("", name)
    is_share = base in _SHARES or base.startswith(_CHANCE_IN)
    unit = units.get(name, units.get(base, PERCENT if is_share else ""))
    return POINTS if unit == PERCENT and _ERRORS.search(name) else unit


def _title(name: str, unit: str) -> str:
    """What a column holds, and its unit; per cent stand in the cells."""
    if unit in ("", PERCENT):
        return known(name)
    return f"{known(name)} ({unit})" if language() == "en" else f"{known(name)}（{known(unit)}）"


def _cells(values: Sequence[object], unit: str) -> list[str]:
    """A column as text: numbers with as many decimals as suit the largest, a dash for none."""
    if unit in (PERCENT, POINTS):
        sign = " %" if unit == PERCENT else ""
        return [f"{100 * v:,.1f}{sign}" if _is_number(v) else _word(v) for v in values]  # type: ignore[operator]
    numbers = [float(v) for v in values if _is_number(v)]  # type: ignore[arg-type]
    largest = max(map(abs, numbers), default=0.0)
    is_whole = all(map(float.is_integer, numbers)) or largest >= 1000
    decimals = 0 if is_whole else 1 if largest >= 10 else 3
    return [f"{v:,.{decimals}f}" if _is_number(v) else _word(v) for v in values]


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and value == value


def _word(value: object) -> str:
    if isinstance(value, bool):
        return known("yes" if value else "no")
    return "–" if value is None or value != value else known(str(value).removesuffix(_MIDNIGHT))
