"""Paper: words, tables and plots on A4 pages of one PDF, the same bytes for the same content."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import EM, safe, widen_fonts
from funnelsim.faces.plots.svg import in_words
from funnelsim.faces.tables import display_width, visible, wrapped
from funnelsim.vocabulary.language import language

WIDTH, HEIGHT = 11.69, 8.27  # inches: A4 on its side
LEFT, TOP, RIGHT, BOTTOM = 0.6, 0.55, 0.6, 0.6
ACCENT, GROUND, SOFT = "#005A8C", "#F3F6F9", "#4B5763"
_LINE = 1.4  # heights of letters from line to line
_BOLD = 1.12  # width of bold letters, of which titles are made, against others
_SMALL = 8.5  # letters of tables
_WIDEST = 46  # columns of a cell; what is longer is wrapped


@dataclass
class Paper:
    """A document that is filled from the top; what does not fit begins the next page.

    Parameters
    ----------
    foot : str
        At the foot of every page, beside its number.
    """

    foot: str
    pages: list[Figure] = field(default_factory=list)
    y: float = TOP

    def turn(self) -> None:
        """Begin a page."""
        self.pages.append(Figure(figsize=(WIDTH, HEIGHT)))
        self.y = TOP

    @property
    def left_over(self) -> float:
        """Inches to the foot of the page."""
        return HEIGHT - BOTTOM - self.y if self.pages else 0.0

    def need(self, inches: float) -> None:
        """Begin a page unless so much is left of this one."""
        if self.left_over < inches:
            self.turn()

    def put(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        colour: str = style.INK,
        bold: bool = False,
        ha: str = "left",
    ) -> None:
        """One line at a place, in inches from the upper left corner, its letters below `y`."""
        self.pages[-1].text(
            x / WIDTH, 1 - y / HEIGHT, safe(text), fontsize=size, color=colour,
            fontweight="bold" if bold else "normal", ha=ha, va="top",
        )  # fmt: skip

    def block(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        corner = (x / WIDTH, 1 - (y + height) / HEIGHT)
        box = Rectangle(corner, width / WIDTH, height / HEIGHT, color=colour, linewidth=0, zorder=0)
        self.pages[-1].add_artist(box)

    def rule(self, x: float, width: float, colour: str = "#8795A1", thickness: float = 0.6) -> None:
        """A line from left to right, here."""
        y = 1 - self.y / HEIGHT
        ends = [x / WIDTH, (x + width) / WIDTH]
        self.pages[-1].add_artist(Line2D(ends, [y, y], color=colour, linewidth=thickness))

    def heading(self, text: str) -> None:
        """A heading, with room for something below it."""
        self.need(1.4)
        self.put(LEFT, self.y, visible(text), size=15, colour=ACCENT, bold=True)
        self.y += 0.36

    def words(self, text: str, *, size: float = 9.5, lead: str = "", colour: str = style.INK) -> None:
        """A paragraph, its lines as long as the page is wide."""
        for i, line in enumerate(lines_of(text, WIDTH - LEFT - RIGHT - 0.2, size)):
            self.need(_LINE * size / 72)
            if lead and i == 0:
                self.put(LEFT, self.y, lead, size=size, colour=colour)
            self.put(LEFT + (0.15 if lead else 0.0), self.y, line, size=size, colour=colour)
            self.y += _LINE * size / 72
        self.y += 0.04

    def drawing(self, plot: Callable[..., Any], noun: object, *, height: float, width: float = 8.2) -> None:
        """A plot across the page with its numbers in words below; one to a page."""
        if self.pages and self.pages[-1].axes:
            self.turn()
        self.need(height)
        ax = self.picture(plot, noun, LEFT, self.y, width, height)
        self.y += height + 0.05
        self.words(in_words(ax), size=7.5, colour=SOFT)
        self.y += 0.08

    def picture(
        self, plot: Callable[..., Any], noun: object, x: float, y: float, width: float, height: float
    ) -> Any:
        """A plot within a rectangle; the only one of its page."""
        left, bottom = x / WIDTH, 1 - (y + height) / HEIGHT
        rect = (left, bottom, width / WIDTH, height / HEIGHT)
        page = self.pages[-1]
        page.set_layout_engine("constrained", rect=rect)
        grid = page.add_gridspec(1, 1, left=left, bottom=bottom, right=left + rect[2], top=bottom + rect[3])
        return plot(noun, ax=page.add_subplot(grid[0]))

    def table(
        self,
        caption: str,
        titles: Sequence[str],
        rows: Sequence[Sequence[str]],
        words: Sequence[int] = (),
    ) -> None:
        """A table; its titles stand again at the top of each page it goes on to."""
        size = _SMALL
        cells = [[wrapped(visible(cell), _WIDEST) for cell in row] for row in (titles, *rows)]
        widest = [max(display_width(line) for row in cells for line in row[k]) for k in range(len(titles))]
        room = (WIDTH - LEFT - RIGHT) * 72 / EM
        size = min(size, room / (_BOLD * sum(widest) + 3 * len(widest)))
        widths = [(_BOLD * columns + 3) * EM * size / 72 for columns in widest]
        height = 0.3 + sum(max(map(len, row)) * _LINE * size / 72 + 0.035 for row in cells)
        self.need(height if height < HEIGHT - TOP - BOTTOM else 0.3 + 4 * _LINE * size / 72)
        self.put(LEFT, self.y, visible(caption), size=9, colour=SOFT, bold=True)
        self.y += 0.22
        self._row(cells[0], widths, words, size, is_title=True)
        for row in cells[1:]:
            if self.left_over < max(map(len, row)) * _LINE * size / 72:
                self.turn()
                self._row(cells[0], widths, words, size, is_title=True)
            self._row(row, widths, words, size)
        self.y += 0.18

    def _row(
        self,
        row: Sequence[Sequence[str]],
        widths: Sequence[float],
        words: Sequence[int],
        size: float,
        *,
        is_title: bool = False,
    ) -> None:
        x, height = LEFT, _LINE * size / 72
        for k, (lines, width) in enumerate(zip(row, widths, strict=True)):
            is_left = k == 0 or k in words
            for i, line in enumerate(lines):
                at = x if is_left else x + width - 2 * EM * size / 72
                bold = is_title or k == 0
                self.put(
                    at, self.y + i * height, line, size=size, bold=bold, ha="left" if is_left else "right",
                    colour=SOFT if is_title else style.INK,
                )  # fmt: skip
            x += width
        self.y += max(map(len, row)) * height
        self.rule(LEFT, sum(widths), thickness=1.0 if is_title else 0.3)
        self.y += 0.035

    def finished(self, title: str, subject: str, keywords: str, day: dt.date) -> bytes:
        """The document; its dates are those of its content, so that the same content gives the same bytes.

        Parameters
        ----------
        title, subject, keywords : str
            For search, and for readers of screens.
        day : date
        """
        moment = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
        told = {"Title": visible(title), "Subject": visible(subject), "Keywords": keywords}
        told |= {"Creator": "funnelsim", "Author": "funnelsim"}
        file = io.BytesIO()
        # Letters as letters (TrueType), to be searched, copied and read aloud.
        with (
            mpl.rc_context({"pdf.fonttype": 42}),
            PdfPages(file, metadata=told | {"CreationDate": moment, "ModDate": moment}) as document,
        ):
            for i, page in enumerate(self.pages):
                where = f"{i + 1} / {len(self.pages)}"
                for x, ha, text in ((LEFT, "left", self.foot), (WIDTH - RIGHT, "right", where)):
                    page.text(
                        x / WIDTH,
                        0.3 / HEIGHT,
                        safe(visible(text)),
                        fontsize=8,
                        color=SOFT,
                        ha=ha,
                        va="bottom",
                    )
                widen_fonts(page)
                document.savefig(page)
        return _spoken_and_titled(file.getvalue())


def _spoken_and_titled(document: bytes) -> bytes:
    """A document that says its language to readers of screens, and shows its title instead of a file name.

    matplotlib writes neither. PDF lets a later part replace an object of an earlier one: here the catalogue
    (PDF 1.7, 7.5.6), so that the rest stays as it was written, byte for byte.
    """
    trailer = document[document.rindex(b"trailer") :]
    size, root, start = (
        int(_found(pattern, trailer))
        for pattern in (rb"/Size (\d+)", rb"/Root (\d+) 0 R", rb"startxref\s+(\d+)")
    )
    pages = int(_found(rb"\n%d 0 obj\s*<<[^>]*?/Pages (\d+) 0 R" % root, document))
    info = int(_found(rb"/Info (\d+) 0 R", trailer))
    lang = b"zh-Hans" if language() == "zh" else b"en"
    at = len(document)
    catalogue = (
        b"%d 0 obj\n<< /Type /Catalog /Pages %d 0 R /Lang (%s) "
        b"/ViewerPreferences << /DisplayDocTitle true >> >>\nendobj\n" % (root, pages, lang)
    )
    end = b"xref\n%d 1\n%010d 00000 n \n" % (root, at)
    end += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /Prev %d >>\n" % (size, root, info, start)
    end += b"startxref\n%d\n%%%%EOF\n" % (at + len(catalogue))
    return document + catalogue + end


def _found(pattern: bytes, content: bytes) -> bytes:
    found = re.search(pattern, content)
    assert found is not None  # matplotlib writes it
    return found[1]


def lines_of(text: str, inches: float, size: float) -> list[str]:
    """A text in lines of a length."""
    return wrapped(visible(text), max(int(inches * 72 / (EM * size)), 8))
