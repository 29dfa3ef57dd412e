"""Cells of a workbook: text that stays text, numbers in their formats, columns as wide as what they hold."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from funnelsim.faces.plots.style import plain
from funnelsim.faces.report.workbook_looks import (
    DECIMALS,
    LONGEST_UNIT,
    MARKS,
    book_options,
    kinds,
    points_word,
)
from funnelsim.faces.tables import display_width, shorten, visible, wrapped
from funnelsim.vocabulary.language import language

_MOST_CHARACTERS = 32_000  # a cell of Excel holds 32,767
_INDEX, _NARROWEST, _WIDEST, _WIDEST_PROSE = 5, 9, 40, 64  # columns of characters
_WORDS_ALONE = 110
_ROOM = 3  # of every cell: its indent and its edges
_LINE_HEIGHT = 15.0
_WIDEST_PAGE = 230  # columns of characters: more go on a second page beside the first
_TALLEST_PAGE = 780  # points: in landscape on A4 letters of 11 points become 7
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Live:
    """A formula, and the value that it has now.

    Parameters
    ----------
    formula : str
        With its equals sign.
    value : float or str
        Computed by the engine or from its numbers, for programs that do not compute.
    """

    formula: str
    value: float | str


Cell = str | float | int | Live | np.datetime64 | None


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and the style of its cells."""

    title: str
    style: str = "text"


def address(row: int, column: int) -> str:
    """A cell by name, fixed, such as ``$C$5``; rows and columns count from 0."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"${letters}${row + 1}"


@lru_cache(maxsize=4096)  # names of stages and reasons stand in thousands of rows
def safe_text(text: str) -> str:
    """Text that a cell can hold, with what no reader sees written out."""
    plain = visible(text, keep="\n")
    return plain if len(plain) <= _MOST_CHARACTERS else plain[:_MOST_CHARACTERS] + "…"


@dataclass(frozen=True)
class Block:
    """Where the rows of a table stand."""

    sheet: str
    first: int
    n_rows: int

    def column(self, number: int) -> str:
        """All cells of a column, such as ``'Deals'!$E$6:$E$9``; one empty cell where there are no rows."""
        last = self.first + max(self.n_rows, 1) - 1
        return f"{self.sheet}!{address(self.first, number)}:{address(last, number)}"

    def cell(self, row: int, column: int) -> str:
        """A cell, by its row in the table."""
        return f"{self.sheet}!{address(self.first + row, column)}"


@dataclass
class Sheet:
    """A sheet in the making: what it holds is written once its columns have their widths."""

    book: Book
    page: Any
    name: str
    next: int = 0
    cells: list[tuple[int, int, Cell, str]] = field(default_factory=list)
    lines: list[tuple[int, str, str]] = field(default_factory=list)
    links: list[tuple[int, str]] = field(default_factory=list)
    charts: list[tuple[int, Any, int]] = field(default_factory=list)
    least_widths: dict[int, int] = field(default_factory=dict)
    shown_columns: int = 0
    repeated: int | None = None

    @property
    def quoted(self) -> str:
        """The name as formulas write it."""
        return "'" + self.name.replace("'", "''") + "'"

    def line(self, text: str, style: str = "note") -> None:
        """A sentence over the whole width."""
        self.lines.append((self.next, text, style))
        self.next += 1

    def gap(self) -> None:
        """An empty row."""
        self.next += 1

    def link(self, name: str) -> None:
        """In this row a link to another sheet."""
        self.links.append((self.next, name))

    def put(self, row: int, column: int, value: Cell, style: str = "text") -> None:
        """One cell."""
        self.cells.append((row, column, value, style))

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        *,
        mark_last: bool = False,
        is_main: bool = False,
    ) -> Block:
        """A table under its titles.

        Parameters
        ----------
        columns : sequence of Column
        rows : sequence of sequences
        mark_last : bool
            Whether the last row is a total.
        is_main : bool
            Whether its titles stay in sight, on the screen and on every printed page: for a table that is all
            of its sheet.
        """
        head = self.next
        for i, column in enumerate(columns):
            kind = column.style.split(":")[0]
            side = {"text": "", "prose": "", "day": "", "index": ":center"}.get(kind, ":right")
            self.put(head, i, column.title, f"head{side}")
        for r, row in enumerate(rows):
            total = mark_last and r == len(rows) - 1
            for i, (value, column) in enumerate(zip(row, columns, strict=True)):
                self.put(head + 1 + r, i, value, f"{column.style}:total" if total else column.style)
        self.next = head + 1 + len(rows)
        if is_main:
            self.repeated = head
        self.shown_columns = max(self.shown_columns, len(columns))
        return Block(self.quoted, head + 1, len(rows))

    def chart(self, chart: Any, alt: str, *, height: int = 340) -> None:
        """A chart below what is there."""
        self.charts.append((self.next, (chart, alt), height))
        self.next += math.ceil(height / 20) + 1

    def finish(self) -> None:
        """Write all of it."""
        widths = self._widths()
        heights: dict[int, float] = {}
        for row, column, value, style in self.cells:
            if style.startswith(("prose", "head")) and isinstance(value, str):
                lines = _lines(
                    value, widths.get(column, _NARROWEST) - (_ROOM if style.startswith("head") else 2)
                )
                heights[row] = max(heights.get(row, 0.0), lines * _LINE_HEIGHT)
            if style.endswith(":hero"):
                heights[row] = max(heights.get(row, 0.0), 2 * _LINE_HEIGHT)
            self.book.write(self.page, row, column, value, style)
        n_shown = max(self.shown_columns, 1)
        room = sum(widths.get(i, _NARROWEST) for i in range(n_shown))
        n_wide = 1 + room // _WIDEST_PAGE
        reached = np.cumsum([widths.get(i, _NARROWEST) for i in range(n_shown)])
        on_first = max(int((reached <= room / n_wide).sum()), 1)  # columns: no sentence is torn between pages
        for row, text, style in self.lines:
            self._write_line(row, text, style, on_first, int(reached[on_first - 1]))
        for row, height in heights.items():
            if height > _LINE_HEIGHT:
                self.page.set_row(row, min(height + 3, 400))
        for column, width in widths.items():
            self.page.set_column(column, column, width)
        for row, name in self.links:
            place = "'" + name.replace("'", "''") + "'"
            self.page.write_url(row, 0, f"internal:{place}!A1", self.book.format("link"), name)
        for row, (chart, alt), height in self.charts:
            chart.set_size({"width": int(min(max(room * 7, 640), 1000)), "height": height})
            self.page.insert_chart(row, 0, chart, {"description": safe_text(alt)[:2000], "x_offset": 4})
        tall = sum(heights.get(row, _LINE_HEIGHT) for row in range(self.next))
        self._print(n_shown, n_wide, is_one_page=tall <= _TALLEST_PAGE)

    def _widths(self) -> dict[int, int]:
        if not self.shown_columns:
            return {0: _WORDS_ALONE}
        widths: dict[int, int] = dict(self.least_widths)
        for column, value, style in self._widest():
            kind = style.split(":")[0]
            most = _WIDEST_PROSE if kind == "prose" else _WIDEST
            least = _INDEX if kind in ("index", "head") else _NARROWEST
            width = min(max(self.book.width_of(value, style), least), most)
            widths[column] = max(widths.get(column, 0), width)
        return widths

    def _widest(self) -> set[tuple[int, Cell, str]]:
        """Cells that may set the width of a column: each text, and of figures of one style the extremes."""
        texts: set[tuple[int, Cell, str]] = set()
        ends: dict[tuple[int, str], tuple[float, float]] = {}
        for _, column, cell, style in self.cells:
            value = cell.value if isinstance(cell, Live) else cell
            if not isinstance(value, int | float | np.number) or not math.isfinite(value):
                texts.add((column, value[:200] if isinstance(value, str) else None, style))
                continue
            low, high = ends.get((column, style), (value, value))
            ends[column, style] = (min(low, float(value)), max(high, float(value)))
        return texts | {(column, value, style) for (column, style), two in ends.items() for value in two}

    def _write_line(self, row: int, text: str, style: str, n_shown: int, room: int) -> None:
        made = self.book.format(style)
        shown = safe_text(text)
        size = {"title": 1.7, "asked": 1.2, "heading": 1.25}.get(style, 1.0)
        n_lines = _lines(shown, room - 2) if style == "note" else 1
        self.page.set_row(row, max(n_lines * _LINE_HEIGHT, _LINE_HEIGHT * size) + 2)
        if n_shown > 1 and style == "note":
            self.page.merge_range(row, 0, row, n_shown - 1, "", made)
        self.page.write_string(row, 0, shown, made)

    def _print(self, n_shown: int, n_wide: int, *, is_one_page: bool) -> None:
        page = self.page
        page.hide_gridlines(2)
        page.set_landscape()
        page.set_paper(9)
        page.set_margins(left=0.5, right=0.5, top=0.7, bottom=0.7)
        page.fit_to_pages(n_wide, int(is_one_page))  # no table or chart is torn that fits in legible letters
        page.print_area(0, 0, max(self.next - 1, 0), n_shown - 1)
        name, title = (text.replace("&", "&&") for text in (self.name, shorten(self.book.title, 60)))
        page.set_footer(f"&L&9{_not_a_size(title)}&C&9{_not_a_size(name)}&R&9&P / &N")
        top = 0 if self.repeated is None else self.repeated
        page.repeat_rows(top)
        if n_wide > 1:
            page.repeat_columns(0)
        page.freeze_panes(top + 1, 1)


def _lines(text: str, room: int) -> int:
    """Lines that a text takes: letters are narrower than the figures a width counts, Chinese is not."""
    fits = max(int(room * (0.94 if language() == "zh" else 1.06)), 4)
    return sum(len(wrapped(part, fits)) for part in safe_text(text).split("\n"))


def _not_a_size(text: str) -> str:
    """Text of a footer; digits at its start would be read as the size of its letters."""
    return f" {text}" if text[:1].isdigit() else text


class Book:
    """A workbook in the making, with the formats of its figures.

    Parameters
    ----------
    title : str
    unit : str
        Of amounts; empty where there is none.
    decimals : mapping of str to int
        Decimals of each kind of amount: "money" and "deal_money".
    created : datetime64
        The moment it is dated to: a clock would make two files of one input differ.
    facts : str
        What it carries for the next report, as its comments.
    """

    def __init__(
        self, title: str, unit: str, decimals: Mapping[str, int], created: np.datetime64, facts: str
    ) -> None:
        import xlsxwriter  # an extra; that it is missing is told before anything is computed

        self.title = visible(title)
        self.unit = unit
        self._content = io.BytesIO()
        self.made = xlsxwriter.Workbook(self._content, book_options())
        properties = {"title": self.title[:255], "author": "funnelsim", "comments": facts}
        self.made.set_properties(properties | {"created": created.astype("datetime64[s]").item()})
        self._kinds = kinds(decimals, unit)
        self._decimals = DECIMALS | {
            f"{name}{of}": n for name, n in decimals.items() for of in ("", "_error", "_change")
        }
        self._formats: dict[str, Any] = {}
        self.sheets: list[Sheet] = []

    def sheet(self, name: str) -> Sheet:
        """A new sheet behind the others."""
        sheet = Sheet(self, self.made.add_worksheet(name), name)
        self.sheets.append(sheet)
        return sheet

    def format(self, style: str) -> Any:
        """The format of a style, such as "money" or "money:total"."""
        if style not in self._formats:
            kind, *marks = style.split(":")
            properties = dict(self._kinds[kind])
            for mark in marks:
                properties |= MARKS[mark]
            self._formats[style] = self.made.add_format(properties)
        return self._formats[style]

    def write(self, page: Any, row: int, column: int, value: Cell, style: str) -> None:
        """A cell; text is never taken for anything else, and a number that is none is a dash."""
        if isinstance(value, Live):
            page.write_formula(row, column, value.formula, self.format(style), value.value)
        elif isinstance(value, str):
            text = safe_text(value)
            guard = ":quoted" if text.startswith(_STARTS_A_FORMULA) else ""
            page.write_string(row, column, text, self.format(style + guard))
        elif isinstance(value, np.datetime64):
            page.write_datetime(row, column, value.astype("datetime64[s]").item(), self.format(style))
        elif value is None or not math.isfinite(value):
            page.write_string(row, column, "–", self.format(f"{style}:right"))
        else:
            page.write_number(row, column, float(value), self.format(style))

    def width_of(self, value: Cell, style: str) -> int:
        """Columns of characters that a cell asks for."""
        kind = style.split(":")[0]
        shown = value.value if isinstance(value, Live) else value
        if isinstance(shown, str):
            text = safe_text(shown[:200])
            parts = text.split() if kind == "head" else text.split("\n")
            longest = max((display_width(part) for part in parts), default=0)
            return math.ceil(longest * (1.1 if language() == "zh" else 1.0)) + _ROOM
        if shown is None or isinstance(shown, np.datetime64):
            return 12
        larger = 2.0 if style.endswith(":hero") else 1.15 if style.endswith((":key", ":total")) else 1.0
        return math.ceil(display_width(self._as_shown(float(shown), kind)) * larger) + _ROOM

    def _as_shown(self, value: float, kind: str) -> str:
        if kind == "share":
            return f"{100 * value:.1f} %"
        is_error = kind.endswith("_error")
        unit = shorten(plain(self.unit), LONGEST_UNIT) if "money" in kind and not is_error else ""
        unit = points_word() if kind == "points_said" else unit
        sign = "± " if is_error else "+" if kind.endswith(("points", "_said", "_change")) else ""
        return f"{sign}{value:,.{self._decimals.get(kind, 0)}f} {unit}".rstrip()

    def contents(self) -> bytes:
        """The file."""
        for sheet in self.sheets:
            sheet.finish()
        self.made.close()
        return self._content.getvalue()
