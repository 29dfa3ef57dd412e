"""Coverage: how often the ranges of past forecasts held what came, against how often they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.backtest import cells_of
from funnelsim.faces.plots.sheet import Entry, Sheet, spoken
from funnelsim.numerics.block_bootstrap import BlockInterval, bootstrap_share
from funnelsim.numerics.scores import covered
from funnelsim.questions.backtest.result import OURS, Backtest
from funnelsim.questions.backtest.rows import RANGES
from funnelsim.vocabulary.language import Language, known, tr
from funnelsim.vocabulary.randomness import Streams

_BOUNDS = 0.9  # of the intervals drawn
_ACROSS = (32, 114)  # with room for words beside the dots


@spoken
def plot_coverage(
    test: Backtest,
    *,
    part: str = "total",
    method: str = OURS,
    ax: Axes | None = None,
    lang: Language | None = None,
) -> Axes:
    """How often ranges of 50, 80 and 95 % held what came: on the diagonal where they are honest.

    Parameters
    ----------
    test : Backtest
    part : {"total", "open"}
        With deals that arrived after the origin, or of those open then.
    method : str
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Shares of totals by period, with 90 % intervals by block bootstrap over origins (none where these are
        too few). Below the diagonal ranges are too narrow, above it too wide.

    Raises
    ------
    PlotError
        If the backtest has no such cells.
    """
    cells = cells_of(test, f"part == {part!r} and window == 'period'", method)
    found = {share: _held(test, cells, share) for share in RANGES}
    sheet = Sheet.on(ax, (5.4, 5.0))
    entries = _points(sheet, found)
    n_lines = sheet.axis_names("share that a range should hold", "share that it held")
    sheet.legend(entries, lines_above=n_lines + 1, most=2)
    held = style.enumerated(f"{100 * one.value:.0f}" for one in found.values())
    says = [tr(f"Ranges of 50, 80, 95 % held {held} % of {len(cells)} cells")]
    if method != OURS:
        says.insert(0, known(style.plain(method)))
    sheet.title(style.joined(":", says), n_lines=3)
    told = style.joined(";", (_told(share, one) for share, one in found.items()))
    head = tr(
        f"How often ranges of forecasts of {test.measure} held what came, in {len(cells)} cells from "
        f"{cells['origin'].nunique()} origins, with 90 % intervals"
    )
    return sheet.finish(style.sentence(style.joined(":", [head, told])))


def _held(test: Backtest, cells: pd.DataFrame, share: int) -> BlockInterval:
    low, high = RANGES[share]
    held = np.asarray(covered(cells["actual"], cells[low], cells[high]), dtype=float)
    by_origin = pd.Series(held, index=cells["origin"]).groupby(level=0).agg(["sum", "size"])
    return bootstrap_share(
        by_origin["sum"].to_numpy(float),
        by_origin["size"].to_numpy(float),
        Streams(test.seed).generator("bootstrap"),
        block_length=test.block_length,
        interval=_BOUNDS,
    )


def _bounds(one: BlockInterval) -> str:
    if not np.isfinite([one.low, one.high]).all():
        return style.aside(tr("too few origins for an interval"))
    return style.aside(f"{100 * one.low:.0f} {tr('to')} {100 * one.high:.0f}")


def _told(share: int, one: BlockInterval) -> str:
    return tr(f"the {share} % range held {100 * one.value:.0f} %{_bounds(one)}")


def _mark(sheet: Sheet, share: float, value: float, text: str) -> None:
    """Words on the side of a dot where the diagonal does not run: above it left, below it right."""
    text = text.replace(" (", "\n(", 1).replace("（", "\n（", 1)
    if value >= share:
        sheet.write(share, value, text, color=style.INK, ha="right", va="bottom", dx=-0.6)
    else:
        sheet.write(share, value, text, color=style.INK, ha="left", va="top", dx=0.6)


def _points(sheet: Sheet, found: dict[int, BlockInterval]) -> list[Entry]:
    ax, wanted = sheet.ax, np.array(list(found), dtype=float)
    (line,) = ax.plot([0, 100], [0, 100], "--", color=style.INK, linewidth=1.0, label="honest")
    values, low, high = (np.array([100 * one[i] for one in found.values()]) for i in range(3))
    spread = np.nan_to_num([values - low, high - values])
    dots = ax.errorbar(
        wanted, values, spread, fmt="o", color=style.BLUE, capsize=4, markersize=7, elinewidth=1.8, zorder=5,
        label="held",
    )  # fmt: skip
    for share, value, one in zip(wanted, values, found.values(), strict=True):
        is_bounded = np.isfinite([one.low, one.high]).all() and not sheet.is_small
        _mark(sheet, share, value, f"{value:.0f} %" + (_bounds(one) if is_bounded else ""))
    ax.set_xlim(*_ACROSS)
    ax.set_ylim(0, 112)
    ax.set_yticks(np.arange(0, 101, 20))
    ax.set_xticks(wanted)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda tick, _: f"{tick:.0f} %")
    ax.grid(color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    has_bounds = bool(np.isfinite([low, high]).any())
    said = "held, 90 % interval" if has_bounds else "held; too few origins for an interval"
    return [(dots, said), (line, "if ranges were honest")]
