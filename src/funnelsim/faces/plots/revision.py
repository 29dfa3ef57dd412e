"""Revision: the waterfall from the forecast of one date to that of another, cause by cause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Sheet, safe, spoken
from funnelsim.faces.plots.units import during, scale_of
from funnelsim.nouns.forecast import Forecast
from funnelsim.questions.revision import Revision
from funnelsim.vocabulary.language import Language, known, tr

_FAR = 0.3  # of the most: what begins beyond leaves room for nothing but the way from 0
Floats = npt.NDArray[np.float64]


@spoken
def plot_revision(revision: Revision, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Why a forecast changed: from the expected total at one date to that at another.

    Parameters
    ----------
    revision : Revision
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        A row a cause, from where the causes above have brought the total to where it goes; the numbers, and
        of how many deals, beside. The first and last rows are the two forecasts as dots with their 80 %
        ranges: lengths of bars are changes, so the axis need not begin at 0, and says where it does not.
    """
    sheet, table = Sheet.on(ax, (6.4, 5.2)), revision.table()
    scale = scale_of(revision.before)
    rows, change, level = np.arange(len(table)), *(table[c].to_numpy(float) for c in ("change", "level"))
    ends, digits = [0, len(table) - 1], _digits(float(np.abs(level).max()) / scale.factor)
    _bars(sheet, change[1:-1], level[1:-1])
    sides = (revision.before, revision.after)
    ranges = [_end(sheet, row, level[row], o, scale, digits) for row, o in zip(ends, sides, strict=True)]
    signed = [_signed(by / scale.factor, digits) for by in change[1:-1].tolist()]
    _beside(sheet, signed, table["n_deals"].tolist()[1:-1])
    words = [f"{tr(cause)} {by}" for cause, by in zip(table.index[1:-1], signed, strict=True)]
    sheet.ax.set_ylim(len(table) - 0.4, -0.6)
    sheet.ax.set_yticks(rows, [safe(known(str(name))) for name in table.index])
    sheet.ax.tick_params(axis="y", length=0)
    starts_late = _frame(sheet, np.concatenate([level, *ranges]))
    sheet.ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    sheet.ax.xaxis.set_major_formatter(scale.tick)
    what = revision.before.measure
    name = scale.axis(f"expected {what}")
    note = [tr("the axis does not begin at 0")] if starts_late else []
    n_lines = sheet.axis_names(style.joined(";", [name, *note]), "")
    _legend(sheet, 1 + n_lines)
    told = [scale.range(*bounds) for bounds in ranges]
    difference = level[-1] - level[0]
    sheet.title(
        f"{during(f'Expected {what}', revision.before)}: "
        f"{f'{_signed(difference / scale.factor, digits)} {scale.name}'.strip()} since {revision.days[0]}",
        share=0.9,
        n_lines=3,
    )
    return sheet.finish(
        f"Expected {what}: {scale.text(level[0])} on {revision.days[0]} (80 % range {told[0]}), "
        f"{scale.text(level[-1])} on {revision.days[1]} (80 % range {told[1]}); in between: "
        f"{style.joined(',', words)}."
    )


def _digits(largest: float) -> int:
    """Decimals of all numbers, that they can be seen to add up: three figures of the largest."""
    if largest == 0:
        return 0
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 2)) if largest >= 0.1 else 2


def _signed(change: float, digits: int) -> str:
    """A change with its sign; a plain 0 where nothing changed."""
    if change == 0:
        return "0"
    return f"{'+' if change > 0 else '−'}{abs(change):,.{digits}f}"


def _beside(sheet: Sheet, signed: list[str], n_deals: list[int]) -> None:
    """Changes at the right and, where there is room, of how many deals; the first of them says so."""
    is_first = True
    for row, (words, n) in enumerate(zip(signed, n_deals, strict=True), start=1):
        if n and not sheet.is_small:
            counted = tr(f"{n:,} deals") if is_first else f"{n:,}"
            words, is_first = f"{words}  ({counted})", False
        sheet.beside(float(row), words)


def _end(sheet: Sheet, row: int, level: float, outlook: Forecast, scale: style.Scale, digits: int) -> Floats:
    """A forecast as a dot with its 80 % range, which is given back."""
    low, high = (float(bound) for bound in outlook.quantile([0.1, 0.9]))
    sheet.ax.errorbar(
        level, row, xerr=[[max(level - low, 0)], [max(high - level, 0)]], fmt="o", color=style.INK,
        ecolor=style.INK, elinewidth=1.4, capsize=3, markersize=6, zorder=5,
    )  # fmt: skip
    sheet.beside(float(row), f"{level / scale.factor:,.{digits}f}")
    return np.array([low, high])


def _frame(sheet: Sheet, shown: Floats) -> bool:
    """From 0, or from near the least where all that is shown lies far from it; whether that is so."""
    low, high = float(shown.min()), float(shown.max())
    starts_late = low > _FAR * high
    room = 0.04 * (high - low if starts_late else high) or 1.0
    sheet.ax.set_xlim(low - room if starts_late else 0.0, high + room)
    sheet.ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    sheet.ax.set_axisbelow(True)
    return starts_late


def _legend(sheet: Sheet, lines_above: int) -> None:
    dot = Line2D([], [], marker="o", color=style.INK, linewidth=1.4, markersize=6)
    more, less = Patch(color=style.BLUE), Patch(color=style.ORANGE)
    entries = [(dot, "forecast, 80 % range"), (more, "adds"), (less, "takes away")]
    sheet.legend(entries, lines_above=lines_above)


def _bars(sheet: Sheet, change: Floats, level: Floats) -> None:
    """Causes as bars from the level before to that after, with thin lines that lead on."""
    for row, (by, to) in enumerate(zip(change.tolist(), level.tolist(), strict=True), start=1):
        colour = style.BLUE if by >= 0 else style.ORANGE
        sheet.ax.barh(row, by, left=to - by, height=0.6, color=colour)
        sheet.ax.plot([to, to], [row - 0.3, row + 1.3], color=style.INK, linewidth=0.6)
