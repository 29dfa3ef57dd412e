"""The sheet a picture is drawn on: sizes, letters, title, legend, fonts, and the words of its alt text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from funnelsim.faces.plots import fonts, style
from funnelsim.faces.tables import display_width
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import FunnelsimError, FunnelsimWarning
from funnelsim.vocabulary.language import checked_language, known, language, tr, use_language

P = ParamSpec("P")
R = TypeVar("R")
Entry = tuple[Artist | tuple[Artist, ...], str]  # handle and words in a legend
_SIDES = ("left", "right", "bottom", "top")
EM = 0.56  # mean width of a character, in font sizes
_UNREADABLE = "?"
_LETTERS = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+"  # Hebrew, Arabic and their kin
_RIGHT_TO_LEFT = re.compile(rf"{_LETTERS}(?: +{_LETTERS})*")
_LEFT_TO_RIGHT = "\u200e"  # a mark without width, which the fonts of matplotlib hold
_MOST_LISTED = 10  # characters in a warning
_CHINESE_LINES = 1.45  # Chinese characters fill their line; 1.2, as is usual, lets two lines touch


_unread: ContextVar[set[str] | None] = ContextVar("unread", default=None)  # of the picture being drawn


class PlotError(FunnelsimError):
    """A picture that cannot be drawn as asked; the message says how to ask."""


class UnreadableWarning(FunnelsimWarning):
    """Characters of a picture that no font holds, drawn as ``?``; the message says what to install."""


def spoken(plot: Callable[P, R]) -> Callable[P, R]:
    """A picture of a noun of the right kind, in the language given as `lang`; else in the one spoken now."""
    plot = checked(plot)

    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        lang = kwargs.get("lang")
        with use_language(language() if lang is None else checked_language(lang)):
            before = _unread.set(set())
            try:
                picture = plot(*args, **kwargs)
                unread = _unread.get()
            finally:
                _unread.reset(before)
            if unread:
                listed = " ".join(sorted(unread)[:_MOST_LISTED])
                message = (
                    f"no font of this machine holds {listed}: a ? stands for them; install one that does, "
                    "such as Noto Sans CJK SC for Chinese, or name one in "
                    "matplotlib.rcParams['font.family']; then restart Python"
                )
                warnings.warn(message, UnreadableWarning, stacklevel=2)
        return picture

    return drawn


@checked
def alt_text(ax: Axes) -> str:
    """One sentence with the numbers a picture shows, for readers who cannot see it.

    It is the label of the axes (``ax.get_label()``), which matplotlib does not draw.
    """
    return str(ax.get_label())


@dataclass(frozen=True)
class Sheet:
    """Axes to draw on, with their size in inches and the letter size (points) that suits it.

    Lines and marks are written down for axes of a usual figure; at the end they are made as much finer or
    bolder as the letters are smaller or larger, except for those that others had drawn `before`.
    """

    ax: Axes
    width: float
    height: float
    size: float
    before: frozenset[int] = frozenset()

    @classmethod
    def on(cls, ax: Axes | None, figsize: tuple[float, float] | None = None) -> Sheet:
        if ax is None:
            ax = plt.figure(figsize=figsize, layout="constrained").add_subplot()
        make_room(ax)
        width, height = ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi
        across, up = width / 4.96, height / 3.7  # as shares of a usual figure
        # Slides, large both ways, are read from the other end of a room.
        factor = float(np.clip(max(min((across * up) ** 0.3, 1.4), min(across, up) ** 1.2), 0.7, 1.8))
        size = float(mpl.rcParams["font.size"]) * factor
        sheet = cls(ax, width, height, size, frozenset(map(id, _strokes(ax))))
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=0.9 * sheet.size)
        return sheet

    @property
    def is_small(self) -> bool:
        return self.width < 3.4 or self.height < 2.2

    @property
    def weight(self) -> float:
        """Factor for lines and marks, so that they grow and shrink with the letters."""
        return self.size / float(mpl.rcParams["font.size"])

    def columns(self, share: float = 1.0, relative: float = 1.0) -> int:
        """Characters that fit on a share of the width, in letters of a relative size."""
        return max(int(share * self.width * 72 / (EM * relative * self.size)), 8)

    def rows(self, most: int, lines: int = 11) -> int:
        """Rows of words that fit below one another, beside `lines` of title, names and legend.

        Axes that nothing has been written on yet are three quarters of their picture.
        """
        fitting = (72 * self.height / 0.77 - lines * self.size) / (1.05 * 0.9 * self.size)
        return int(np.clip(fitting, 4, most))

    def title(self, text: str, *, share: float = 1.0, n_lines: int = 2) -> None:
        said, size, room = readable(known(text)), 1.1 * self.size, share * self.width * 72
        # Letters differ much in width: as many on a line as fit when they are measured.
        options = (style.wrap(said, n, n_lines) for n in range(self.columns(share), 7, -1))
        wrapped = next(
            (lines for lines in options if fonts.width_of(lines, size, "bold") <= room),
            style.wrap(said, 8, n_lines),
        )
        self.ax.set_title(safe(wrapped), loc="left", fontsize=size, fontweight="bold", color=style.INK)

    def axis_names(self, x: str, y: str) -> int:
        """Name both axes; gives the number of lines that the name of x takes."""
        n_lines = 1
        for axis, name, room in ((self.ax.yaxis, y, self.height), (self.ax.xaxis, x, self.width)):
            fitted = style.wrap(known(name), max(int(room * 72 / (EM * self.size)), 8), 2)
            axis.set_label_text(safe(fitted), fontsize=self.size, color=style.INK)
            n_lines = fitted.count("\n") + 1
        return n_lines

    def write(self, x: float, y: float, text: str, *, color: str, ha: str, va: str, dx: float = 0) -> None:
        """Text at a point of the data, `dx` letters to its right, legible on any ground."""
        self.ax.annotate(
            safe(known(text)),
            (x, y),
            (dx * self.size, 0.25 * self.size * {"bottom": 1, "top": -1}.get(va, 0)),
            textcoords="offset points",
            color=color,
            fontsize=0.9 * self.size,
            ha=ha,
            va=va,
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=10,
        )

    def legend(
        self, entries: Sequence[Entry], *, title: str = "", lines_above: float | None = None, most: int = 9
    ) -> None:
        """Legend below the axes and the lines that ticks and label take, in columns that fit; or beside."""
        said = [(handle, known(text)) for handle, text in entries]
        place: dict[str, object] = {"bbox_to_anchor": (1.02, 1.0)}
        small = 0.85 * self.size
        if lines_above is not None:
            drop = (lines_above * 1.35 * self.size + 12) / 72
            shift = ScaledTranslation(0, -drop, self.ax.figure.dpi_scale_trans)
            fitting = legend_columns([text for _, text in said], self.columns(relative=0.85))
            place = {
                "bbox_to_anchor": (0, 0),
                "bbox_transform": self.ax.transAxes + shift,
                "ncols": min(fitting, most),
            }
        self.ax.legend(
            [handle for handle, _ in said],
            [safe(text) for _, text in said],
            title=safe(known(title)), loc="upper left", alignment="left", frameon=False, borderaxespad=0,
            borderpad=0, handlelength=1.6, columnspacing=1.5, fontsize=small, title_fontsize=small, **place,
        )  # fmt: skip

    def beside(self, row: float, text: str) -> None:
        """Text to the right of the axes, level with a row."""
        self.ax.annotate(
            safe(known(text)),
            (1.0, row),
            (0.6 * self.size, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=0.9 * self.size,
            color=style.INK,
            annotation_clip=False,
        )

    def finish(self, alt: str) -> Axes:
        """Fonts that hold what is written, Chinese too, and the alternative text."""
        widen_fonts(self.ax)
        for drawn in _strokes(self.ax):
            if id(drawn) not in self.before:
                _embolden(drawn, self.weight)
        self.ax.set_label(known(alt))
        return self.ax


def _strokes(ax: Axes) -> list[Line2D | Collection | Patch]:
    """Lines, marks and areas of a picture and its legend, without those of its frame."""
    legend, kinds = ax.get_legend(), (Line2D, Collection, Patch)
    keys = legend.findobj(lambda one: one is not legend.get_frame()) if legend else []
    return [one for one in (*ax.lines, *ax.collections, *ax.patches, *keys) if isinstance(one, kinds)]


def _embolden(drawn: Line2D | Collection | Patch, factor: float) -> None:
    """Make lines and marks bolder by a factor, or finer."""
    if isinstance(drawn, Collection):
        drawn.set_linewidth((factor * np.atleast_1d(drawn.get_linewidth())).tolist())
    else:
        drawn.set_linewidth(factor * drawn.get_linewidth())
    if isinstance(drawn, Line2D):
        drawn.set_markersize(factor * drawn.get_markersize())
        drawn.set_markeredgewidth(factor * drawn.get_markeredgewidth())
    elif isinstance(drawn, PathCollection):
        drawn.set_sizes(factor**2 * np.asarray(drawn.get_sizes()))


def make_room(ax: Axes) -> None:
    """Lay out a figure that nobody has laid out: names, numbers and legends outside the axes need room.

    A figure with a layout, margins or axes placed by hand stays as it is.
    """
    figure = ax.figure
    if not isinstance(figure, Figure) or figure.get_layout_engine() is not None:
        return
    specs = [one.get_subplotspec() for one in figure.axes]
    grids = [spec.get_topmost_subplotspec().get_gridspec() for spec in specs if spec is not None]
    by_hand = len(grids) < len(specs) or any(
        getattr(grid, side, None) is not None for grid in grids for side in _SIDES
    )
    given, usual = figure.subplotpars, type(figure.subplotpars)()
    if not by_hand and all(getattr(given, side) == getattr(usual, side) for side in _SIDES):
        figure.set_layout_engine("constrained")


def legend_columns(texts: Sequence[str], room: int) -> int:
    """Most columns in which a legend, filled column by column, is no wider than the room."""
    widths = [max(display_width(line) for line in text.split("\n")) + 5 for text in texts]
    for n in range(len(texts), 1, -1):
        rows = -(-len(texts) // n)
        columns = [widths[i * rows : (i + 1) * rows] for i in range(n)]
        if columns[-1] and sum(map(max, columns)) <= room:
            return n
    return 1


def widen_fonts(artist: Artist) -> None:
    """Give all texts of a picture the same fonts, which hold every character that :func:`readable` leaves."""
    texts = [text for text in artist.findobj(Text) if isinstance(text, Text)]
    words = "".join(text.get_text() for text in texts)
    owns = {tuple(text.get_fontfamily()) for text in texts}  # hundreds of texts have the same one or two
    orders = {own: fonts.families(words, own) for own in owns}
    for text in texts:
        order = orders[tuple(text.get_fontfamily())]
        text.set_fontfamily(order)
        if order[0] == fonts.SHIPPED and "\n" in text.get_text():
            text.set_linespacing(_CHINESE_LINES)


def readable(text: str) -> str:
    """A text with one ``?`` for each run of characters that no installed font holds: boxes say no more."""
    shown = ""
    missing, unread = fonts.missing(text), _unread.get()
    if unread is not None:
        unread |= missing
    for c in text:
        if c not in missing:
            shown += c
        elif not shown.endswith(_UNREADABLE):
            shown += _UNREADABLE
    return shown


def safe(text: str) -> str:
    """A text that draws as it reads: no ``$`` begins a formula, no character becomes a box, no number moves.

    After Arabic or Hebrew words, numbers would go over to their left, as if they were part of the name.
    """
    return style.escape(_RIGHT_TO_LEFT.sub(f"\\g<0>{_LEFT_TO_RIGHT}", readable(text)))


def drawable(names: Sequence[str], otherwise: str) -> list[str]:
    """Names as far as they can be drawn; "stage 2" where little would be left."""
    cleaned = [known(style.plain(name)) for name in names]
    drawn = [readable(name).strip() for name in cleaned]
    return [
        d if 2 * len(d.replace(_UNREADABLE, "")) > len(name) else f"{tr(otherwise)} {i + 1}"
        for i, (d, name) in enumerate(zip(drawn, cleaned, strict=True))
    ]


def line_height(sheet: Sheet) -> float:
    """Height of a line of words, as a share of the axes; more than on paper where a legend takes room."""
    return 1.3 * 0.9 * sheet.size / 72 / sheet.height * (1.5 if sheet.is_small else 1.1)


def share_of_width(sheet: Sheet, text: str) -> float:
    return (max(map(display_width, text.split("\n"))) + 1) / sheet.columns(relative=0.9)
