"""Revision: the waterfall from the forecast of one date to that of another, cause by cause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Sheet, safe, spoken
from funnelsim.faces.plots.units import during, scale_of
from funnelsim.questions.revision import Revision
from funnelsim.vocabulary.language import Language, known, tr

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
        A row a cause, from where the causes above have brought the total to where it goes; the numbers, and
        of how many deals, beside. The first and last rows are the two forecasts, with their 80 % ranges.
    """
    sheet, table = Sheet.on(ax, (6.4, 5.2)), revision.table()
    scale = scale_of(revision.before)
    rows, change, level = np.arange(len(table)), *(table[c].to_numpy(float) for c in ("change", "level"))
    ends = [0, len(table) - 1]
    _bars(sheet, change[1:-1], level[1:-1])
    for row, outlook in zip(ends, (revision.before, revision.after), strict=True):
        low, high = outlook.quantile([0.1, 0.9])
        sheet.ax.barh(row, level[row], height=0.6, color=style.GREY)
        sheet.ax.errorbar(
            level[row], row, xerr=[[max(level[row] - low, 0)], [max(high - level[row], 0)]], fmt="none",
            ecolor=style.INK, elinewidth=1.4, capsize=3,
        )  # fmt: skip
        sheet.beside(float(row), scale.number(level[row]))
    words = []
    for row, cause, n_deals in zip(rows[1:-1], table.index[1:-1], table["n_deals"][1:-1], strict=True):
        signed = f"{'+' if change[row] >= 0 else '−'}{scale.number(abs(change[row]))}"
        sheet.beside(float(row), f"{signed}  ({n_deals})" if n_deals and not sheet.is_small else signed)
        words.append(f"{tr(cause)} {signed}")
    sheet.ax.set_ylim(len(table) - 0.4, -0.6)
    sheet.ax.set_yticks(rows, [safe(known(str(name))) for name in table.index])
    sheet.ax.tick_params(axis="y", length=0)
    sheet.ax.set_xlim(left=0)
    sheet.ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    sheet.ax.xaxis.set_major_formatter(scale.tick)
    what = revision.before.measure
    sheet.axis_names(scale.axis(f"expected {what}"), "")
    difference = level[-1] - level[0]
    sheet.title(
        f"{during(f'Expected {what}', revision.before)}: {'+' if difference >= 0 else '−'}"
        f"{scale.text(abs(difference))} since {revision.days[0]}",
        share=0.9,
    )
    return sheet.finish(
        f"Expected {what}: {scale.text(level[0])} on {revision.days[0]}, {scale.text(level[-1])} on "
        f"{revision.days[1]}; in between: {style.joined(',', words)}."
    )


def _bars(sheet: Sheet, change: Floats, level: Floats) -> None:
    """Causes as bars from the level before to that after, with thin lines that lead on."""
    for row, (by, to) in enumerate(zip(change.tolist(), level.tolist(), strict=True), start=1):
        colour = style.BLUE if by >= 0 else style.ORANGE
        sheet.ax.barh(row, by, left=to - by, height=0.6, color=colour)
        sheet.ax.plot([to, to], [row - 0.3, row + 1.3], color=style.INK, linewidth=0.6)
