"""Display: what a notebook shows of a noun: a sentence, a table, notes; what users wrote is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from funnelsim.vocabulary.language import catalogue, known, language, tr

PERCENT, POINTS = "%", "points"  # of shares, which tables hold as 0..1
PERCENTAGE_POINTS, PER_CENT = "percentage points", "per cent"  # of columns that hold them already
TIMES = "times"  # of factors and ratios
STEPS = ("hours", "days", "weeks", "months")
# Units whose numbers are no money.
_COUNTED = frozenset(("", PERCENT, POINTS, PERCENTAGE_POINTS, PER_CENT, TIMES, "wins", "deals", *STEPS))
_EXACT = frozenset(("", PERCENTAGE_POINTS, PER_CENT))  # small numbers with all their digits
_MOST_ROWS, _LAST_ROWS = 24, 4  # the last ones hold totals
_TEN_THOUSANDS, _TEN_THOUSAND, _MILLION = "万", 10_000.0, 1_000_000.0
_NEXT_TO_NOTHING = 0.0005
_ERRORS = re.compile("_(se|sd)$")
_QUANTILE = re.compile(r"\bp(?=\d\d\b)")  # told as P10, as everywhere else
_LEVELS = ": "  # between the names of a column of several levels
_WITHOUT_END = float("inf")
# Last words of the names of columns that belong to another one, and what they mean.
_ENDS = {"low": "lower bound", "high": "upper bound", "se": "standard error", "sd": "sd"}
_BOUNDS = re.compile("_(low|high|se|sd)$")
_MIDNIGHT = " 00:00:00"
_SPAN, _PART = re.compile(r"([\d,.]+) to ([\d,.]+)"), re.compile(r"(\d+) of (\d+)")
# Columns that hold shares, whatever table they stand in; a noun says what else its columns are in.
_SHARES = frozenset((
    "conversion", "win_rate", "raw_win_rate", "nominal", "nominal_win_rate", "chance", "share", "moves_on",
    "undecided", "nominal_conversion", "missing_share", "missing_won", "missing_open",
    "share_of_ten_largest", "use",
    "chance_alone", "ever_won", "stuck", "chance_if_lost", "chance_if_won",
))  # fmt: skip
_CHANCE_IN = ("chance_in_", "chance in ")  # one period


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
        more = "{:,} more rows: see table()"
        parts += [] if table is None else [table.html(self._column_words, self._column_units(), more)]
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


def html_of(frame: Any, meant: Mapping[str, str], units: Mapping[str, str]) -> str:
    """A DataFrame for people: words in the language that is spoken, units, few digits."""
    return Rows.of(frame).html(meant, units)


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
        """The first rows of a DataFrame and the last; plain numbers of its rows are left out."""
        more = max(len(frame) - _MOST_ROWS, 0)
        shown = [i for i in range(len(frame)) if not more or not _is_left_out(i, len(frame))]
        head, index = frame.iloc[shown], frame.index
        columns = [(_flat(name), head.iloc[:, i].tolist()) for i, name in enumerate(head.columns)]
        is_numbered = list(index.names) == [None] and index.dtype.kind == "i"
        labels = [label if isinstance(label, tuple) else (label,) for label in head.index]
        if is_numbered:
            return cls((), [() for _ in labels], columns, more)
        return cls(list(index.names), labels, columns, more)

    def html(self, meant: Mapping[str, str], units: Mapping[str, str], more: str = "{:,} more rows") -> str:
        """The table for people: units, separators, few digits; `more` tells of rows that are left out."""
        names = [name for name, _ in self.columns]
        of_columns = [_unit(name, units) for name in names]
        values = [values for _, values in self.columns]
        of_columns, values = _in_ten_thousands(of_columns, values)
        titles = ["" if name is None else titled(meant.get(str(name), str(name))) for name in self.names]
        titles += [_title(meant.get(name, name), unit) for name, unit in zip(names, of_columns, strict=True)]
        cells = [_cells(of_one, unit) for of_one, unit in zip(values, of_columns, strict=True)]
        heads = [
            _labels([label[i] for label in self.labels], meant, _unit(str(name), units))
            for i, name in enumerate(self.names)
        ]
        rows = [_row(row[: len(heads)], row[len(heads) :]) for row in zip(*heads, *cells, strict=True)]
        if self.n_more:
            rows.insert(_MOST_ROWS - _LAST_ROWS, _row(["…"] * len(heads), ["…"] * len(cells)))
        head, body = "".join(f"<th>{escape(title)}</th>" for title in titles), "\n".join(rows)
        table = (
            f'<table class="dataframe">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
        )
        told = tr(more.format(self.n_more)) if self.n_more else ""
        return table + (f"<p>{escape(told)}</p>" if told else "")


def _is_left_out(row: int, n_rows: int) -> bool:
    return _MOST_ROWS - _LAST_ROWS <= row < n_rows - _LAST_ROWS


def _flat(name: object) -> str:
    """The name of a column; of one of several levels all of its words."""
    return _LEVELS.join(map(str, name)) if isinstance(name, tuple) else str(name)


def titled(name: str) -> str:
    """The name of a column in words: those of the catalogue, with what bounds or errors add to them."""
    if _LEVELS in name:
        return " ".join(titled(part) for part in name.split(_LEVELS))
    words = name.replace("_", " ")
    if language() == "en":
        return _QUANTILE.sub("P", words)
    base, _, end = words.rpartition(" ")
    exact = catalogue(language())
    if words in exact or not base or end not in _ENDS:
        return exact.get(words) or known(words)
    title = titled(base)
    return f"{title}{' ' if title[-1].isascii() else ''}{exact[_ENDS[end]]}"


def _row(labels: Sequence[str], cells: Sequence[str]) -> str:
    heads = "".join(f"<th>{escape(label)}</th>" for label in labels)
    return f"<tr>{heads}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _unit(name: str, units: Mapping[str, str]) -> str:
    """Unit of a column; errors of shares are in points."""
    base = _BOUNDS.sub("", name)
    is_share = base in _SHARES or base.startswith(_CHANCE_IN)
    unit = units.get(name, units.get(base, PERCENT if is_share else ""))
    return POINTS if unit == PERCENT and _ERRORS.search(name) else unit


def _in_ten_thousands(
    units: list[str], columns: list[Sequence[object]]
) -> tuple[list[str], list[Sequence[object]]]:
    """Columns of large amounts in ten thousands where Chinese is spoken, all of a unit alike."""
    if language() != "zh":
        return units, columns
    largest: dict[str, float] = {}
    for unit, values in zip(units, columns, strict=True):
        if unit not in _COUNTED:
            most = max((abs(float(v)) for v in values if _is_number(v)), default=0.0)  # type: ignore[arg-type]
            largest[unit] = max(largest.get(unit, 0.0), most)
    large = {unit for unit, most in largest.items() if _MILLION <= most < float("inf")}
    told = [f"{_TEN_THOUSANDS}{known(unit)}" if unit in large else unit for unit in units]
    scaled = [
        [v / _TEN_THOUSAND if _is_number(v) else v for v in values] if unit in large else values  # type: ignore[operator]
        for unit, values in zip(units, columns, strict=True)
    ]
    return told, scaled


def _title(name: str, unit: str) -> str:
    """What a column holds, and its unit; per cent stand in the cells."""
    title = titled(name)
    if unit in ("", PERCENT, TIMES) or unit == name:
        return title
    sign = "%" if unit == PER_CENT else unit
    return f"{title} ({sign})" if language() == "en" else f"{title}（{known(sign)}）"


def _labels(values: Sequence[object], meant: Mapping[str, str], unit: str) -> list[str]:
    """Labels of rows as text; numbers that are whole may be years or ages, and stay as they are."""
    if any(isinstance(value, float) for value in values):
        return _cells(values, unit)
    texts = [str(value).removesuffix(_MIDNIGHT) for value in values]
    return [_said(meant.get(text, text)) for text in texts]


def _cells(values: Sequence[object], unit: str) -> list[str]:
    """A column as text: numbers with as many decimals as suit the largest, a dash for none."""
    if unit == PERCENT:
        return [_per_cent(float(v)) if _is_number(v) else _word(v) for v in values]  # type: ignore[arg-type]
    if unit == POINTS:
        return [f"{100 * v:,.1f}" if _is_number(v) else _word(v) for v in values]  # type: ignore[operator]
    numbers = [float(v) for v in values if _is_number(v) and abs(v) < _WITHOUT_END]  # type: ignore[arg-type]
    largest = max(map(abs, numbers), default=0.0)
    is_whole = all(map(float.is_integer, numbers))
    if unit == "" and largest >= 1000 and not is_whole:  # rows of different kinds: each as it needs
        return [_number(float(v), _decimals(abs(float(v)))) if _is_number(v) else _word(v) for v in values]  # type: ignore[arg-type]
    fine = 2 if unit == TIMES else 1 if largest >= 1 and unit not in _EXACT else 3
    decimals = 0 if is_whole or largest >= 1000 else 1 if largest >= 10 else fine
    return [_number(float(v), decimals) if _is_number(v) else _word(v) for v in values]  # type: ignore[arg-type]


def _per_cent(share: float) -> str:
    """A share in per cent; one that is next to nothing is not told as none."""
    if 0.0 < share < _NEXT_TO_NOTHING:
        return f"< {100 * _NEXT_TO_NOTHING:g} %"
    return f"{100 * share:,.1f} %"


def _decimals(size: float) -> int:
    return 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and value == value


def _number(value: float, decimals: int) -> str:
    if abs(value) == _WITHOUT_END:
        return "∞" if value > 0 else "-∞"
    return f"{value:,.{decimals}f}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return known("yes" if value else "no")
    return "–" if value is None or value != value else _said(str(value).removesuffix(_MIDNIGHT))


def _said(text: str) -> str:
    """A text of a cell in the language that is spoken; spans of numbers, and some of several, too."""
    if language() == "en":
        return text
    span, part = _SPAN.fullmatch(text), _PART.fullmatch(text)
    if span:
        return f"{span[1]} {known('to')} {span[2]}"
    if part:
        return f"{part[1]} / {part[2]}"
    return titled(text) if text.replace("_", " ") in catalogue(language()) else known(text)
