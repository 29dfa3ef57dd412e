"""Levers as bars of what they do to the chance of the target."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Sheet, drawable, safe, spoken
from funnelsim.faces.plots.units import scale_of
from funnelsim.questions.compare import LeverComparison
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import Language, tr

_MOST_LEVERS = 20
_LEAST_SHARE = 0.65  # of the height: title and name of the axis may take the rest
_LEAST_REACH = 1.0  # points that the axis shows at least, on the side of the bars


@spoken
def plot_levers(comparison: LeverComparison, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """What each lever changes in the chance of the target, largest first.

    Parameters
    ----------
    comparison : LeverComparison
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of levers asks for.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Bars in percentage points, with error bars of one standard error of the paired difference, and the
        numbers beside. Of more than 20 levers, or than fit, those with the largest changes.
    """
    n_levers = len(comparison.levers)
    effects = [comparison.effect(i) for i in range(n_levers)]
    width, height = mpl.rcParams["figure.figsize"]
    n_rows = min(n_levers, _MOST_LEVERS)
    sheet = Sheet.on(ax, (width, height * float(np.clip((n_rows + 2) / 8, 0.65, 2.2))))
    n_rows = min(n_rows, int(_LEAST_SHARE * sheet.height * 72 / sheet.size))
    chosen = sorted(range(n_levers), key=lambda i: -abs(effects[i].value))[:n_rows]
    chosen = sorted(chosen, key=lambda i: -effects[i].value)
    names = drawable([lever.name for lever in comparison.levers], "lever")
    lines_per_row = sheet.height * 72 / (1.2 * 0.9 * sheet.size) / max(len(chosen), 1)
    fitted = style.short_names(names, sheet.columns(0.4, 0.9), 2 if lines_per_row > 3.2 else 1)
    _lever_bars(sheet, [fitted[i] for i in chosen], [effects[i] for i in chosen])
    base = comparison.base
    scale = scale_of(base)
    chance = style.chance_words(base.chance(comparison.target), base.n_futures)
    title = [tr(f"Chance of {scale.text(comparison.target)} as it is: {chance}")]
    if len(chosen) < n_levers:
        title.append(tr(f"{len(chosen)} of {n_levers} levers"))
    sheet.axis_names("change in percentage points (± one paired standard error)", "")
    sheet.title(style.joined(";", title), share=0.75, n_lines=3)
    told = style.joined(";", (f"{names[i]} {_points(effects[i])}" for i in chosen)) or tr("no lever")
    head = tr(
        f"Chance of the target of {scale.text(comparison.target)} without a lever: {chance}; change by each "
        "lever in percentage points, with one standard error"
    )
    return sheet.finish(style.sentence(style.joined(":", [head, told])))


def _points(effect: Estimate) -> str:
    return style.change_words(*style.in_points(effect.value, effect.standard_error))


def _lever_bars(sheet: Sheet, names: Sequence[str], effects: Sequence[Estimate]) -> None:
    ax, rows = sheet.ax, np.arange(len(names))
    points, errors = (
        np.array([style.in_points(effect.value, effect.standard_error) for effect in effects])
        .reshape(-1, 2)
        .T
    )
    colours = [style.BLUE if value >= 0 else style.ORANGE for value in points]
    ax.barh(rows, points, height=0.6, color=colours)
    ax.errorbar(points, rows, xerr=errors, fmt="none", ecolor=style.INK, elinewidth=1.4, capsize=3)
    for row, effect in zip(rows, effects, strict=True):
        sheet.beside(float(row), _points(effect))
    ax.axvline(0, color=style.INK, linewidth=0.8)
    low, high = min(0.0, *(points - errors)) if len(rows) else 0.0, max([0.0, *(points + errors)])
    if max(high, -low) < _LEAST_REACH:
        low, high = (-_LEAST_REACH if low < 0 else 0.0), (_LEAST_REACH if high > 0 or low == 0 else 0.0)
    span = high - low
    ax.set_xlim(low - 0.04 * span if low < 0 else 0, high + 0.04 * span)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.set_yticks(rows, [safe(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
