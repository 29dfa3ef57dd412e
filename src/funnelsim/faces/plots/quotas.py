"""Quotas against what each part may bring: range, median, quota and its chance."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, readable, safe, spoken
from funnelsim.faces.plots.units import amount_ticks, period_name
from funnelsim.faces.tables import display_width
from funnelsim.questions.targets.split import TargetSplit
from funnelsim.vocabulary.language import Language, known, tr

Floats = npt.NDArray[np.float64]

_MOST_PARTS = 40
# Told apart by shape as well as by colour.
_MARKS = {
    "attainable": ("o", style.BLUE),
    "a stretch": ("D", style.ORANGE),
    "infeasible": ("X", style.VERMILLION),
}


@spoken
def plot_quotas(split: TargetSplit, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """The quota of each part against its range, with the chance to reach it at the right.

    Parameters
    ----------
    split : TargetSplit
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of parts asks for.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        A bar from P10 to P90 for each part, a tick at its median, and a mark at its quota: a circle where it
        is attainable, a diamond where it is a stretch, a cross where it is infeasible. Chances are of single
        parts; that of all parts together stands in the title. Of more than 40 parts, or than fit on the axes
        given, those with the largest quotas.
    """
    table = split.table()
    parts = table.iloc[:-1]
    width, height = mpl.rcParams["figure.figsize"]
    n_wanted = min(len(parts), _MOST_PARTS)
    sheet = Sheet.on(ax, (width, height * float(np.clip((n_wanted + 3) / 9, 0.65, 2.2))))
    shown = _largest(parts, sheet.rows(_MOST_PARTS, 14))
    is_count = split.parts.measure == "wins"
    largest = shown[["quota", "p90"]].to_numpy(float).max(initial=0.0)
    unit = "wins" if is_count else readable(split.parts.unit)
    scale = style.Scale.of(largest, unit, is_count=is_count)
    names = drawable([period_name(name) for name in shown.index], "part")
    lines_per_row = sheet.height * 72 / (1.2 * 0.9 * sheet.size) / max(len(shown), 1)
    fitted = style.short_names(names, sheet.columns(0.32, 0.9), 2 if lines_per_row > 3.2 else 1)
    entries = _rows(sheet, shown)
    _frame(sheet, fitted, shown)
    amount_ticks(sheet.ax.xaxis, scale)
    some = [tr(f"the largest {len(shown)} of {len(parts)}")] if len(shown) < len(parts) else []
    what = scale.axis(f"{split.parts.measure} of each {_plain_by(split)}")
    n_lines = 1 + sheet.axis_names(style.joined(",", [what, *some]), "")
    if entries:
        sheet.legend(entries, lines_above=n_lines, most=3)
    whole = _chance(table.iloc[-1])
    every = [tr(f"of all parts {_percent(split.chance_of_all().value)}")] if len(parts) > 1 else []
    target = style.Scale.of(split.target, unit, is_count=is_count).text(split.target)
    longest = max((display_width(line) for name in fitted for line in name.split("\n")), default=0)
    room = 0.92 - min(longest / sheet.columns(relative=0.9), 0.4)  # what names leave to the title
    words = style.joined(";", [tr(f"Chance of {target}: {whole}"), *every])
    sheet.title(words, share=room, n_lines=3)
    told = style.joined(
        ";", (_part(name, row, scale) for name, (_, row) in zip(names, shown.iterrows(), strict=True))
    )
    head = tr(
        f"Quotas that share out {target} by {_plain_by(split)}, each against its 80 % range, with one "
        "standard error of the chance"
    )
    parted = style.joined(":", [head, style.joined(",", [told or tr("no part"), *some])])
    in_all = style.joined(";", [tr(f"Chance of the target {whole}"), *every])
    return sheet.finish(style.sentences(map(style.sentence, (parted, in_all))))


def _part(name: str, row: pd.Series[Any], scale: style.Scale) -> str:
    """The quota of one part within its range, and its chance."""
    quota = tr(f"{scale.text(row['quota'])} of {scale.span(row['p10'], row['p90'])}, chance {_chance(row)}")
    return f"{name} {quota}"


def _plain_by(split: TargetSplit) -> str:
    return style.shorten(readable(known(style.plain(split.by))), 40)


def _largest(parts: pd.DataFrame, n: int) -> pd.DataFrame:
    """The parts with the largest quotas, in the order they have."""
    if len(parts) <= n:
        return parts
    rank = np.argsort(-parts["quota"].to_numpy(float), kind="stable")[:n]
    return parts.iloc[np.sort(rank)]


def _chance(row: pd.Series[Any]) -> str:
    """A chance with its standard error in points; a bound where both would read 0."""
    chance, error = 100 * row["chance"], 100 * row["chance_se"]
    if min(chance, 100 - chance) < 0.05 and error < 0.05:
        return tr("below 0.05 %" if chance < 50 else "above 99.95 %")
    digits = 1 if min(chance, 100 - chance) < 1 else 0  # a small chance is not none
    return f"{chance:.{digits}f} % ± {error:.1f}"


def _percent(chance: float) -> str:
    return tr("below 0.1 %") if chance < 1e-3 else f"{100 * chance:.{0 if chance >= 0.01 else 1}f} %"


def _rows(sheet: Sheet, shown: pd.DataFrame) -> list[Entry]:
    """Bars, medians and quotas; what stands in the legend."""
    if not len(shown):
        return []
    ax, rows = sheet.ax, np.arange(len(shown))
    low, middle, high, quota = (shown[c].to_numpy(float) for c in ("p10", "p50", "p90", "quota"))
    bars = ax.barh(rows, high - low, left=low, height=0.6, color=style.tint(style.BLUE, 0.36))
    ticks = ax.vlines(middle, rows - 0.3, rows + 0.3, color=style.INK, linewidth=1.8)
    entries: list[Entry] = [(bars, "80 % range (P10 to P90)"), (ticks, "median")]
    for verdict, (marker, colour) in _MARKS.items():
        here = (shown["verdict"] == verdict).to_numpy()
        if here.any():
            (mark,) = ax.plot(
                quota[here], rows[here], marker, color=colour, markeredgecolor=style.INK, linestyle="",
                markersize=7, zorder=5, clip_on=False,
            )  # fmt: skip
            entries.append((mark, f"quota, {verdict}"))
    for row, (_, told) in zip(rows, shown.iterrows(), strict=True):
        chance = _chance(told)  # what the numbers are is said once
        sheet.beside(float(row), tr(f"chance {chance}") if row == 0 and not sheet.is_small else chance)
    return entries


def _frame(sheet: Sheet, names: list[str], shown: pd.DataFrame) -> None:
    ax = sheet.ax
    high = shown[["p90", "quota"]].to_numpy(float).max(initial=0.0)
    ax.set_xlim(0, 1.06 * high if high > 0 else 1.0)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.set_yticks(np.arange(len(names)), [safe(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
