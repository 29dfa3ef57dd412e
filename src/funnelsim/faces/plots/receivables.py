"""Receivables by period: what is unpaid at its end, and how much of it is long overdue, with ranges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, readable, safe, spoken
from funnelsim.faces.plots.units import amount_ticks, during, period_name, tick_names
from funnelsim.faces.tables import display_width
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import Language, tr

Floats = npt.NDArray[np.float64]


@spoken
def plot_receivables(forecast: Forecast, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Unpaid invoices at the end of each period, those overdue by more than 30 days at the bottom.

    Parameters
    ----------
    forecast : Forecast
        Of cash, or any that followed invoices.
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Columns of means, one upon the other, for means add up; each bar beside them is the 80 % range (P10 to
        P90) of what is overdue, and of all that is unpaid. Balances of periods do not add.

    Raises
    ------
    ForecastError
        If the forecast followed no invoices.
    """
    table = forecast.receivables()
    sheet, labels = Sheet.on(ax), list(forecast.periods.labels)
    scale = style.Scale.of(float(table["open", "p90"].max()), readable(forecast.unit))
    entries = _columns(sheet, table)
    n_lines = _ends(sheet, labels)
    amount_ticks(sheet.ax.yaxis, scale)
    top = float(max(table["open", "p90"].max(), table["open", "mean"].max()))
    sheet.ax.set_ylim(0, 1.06 * top if top > 0 else 1.0)
    n_lines += sheet.axis_names("at the end of the period", scale.axis("unpaid invoices"))
    sheet.legend(entries, lines_above=n_lines, most=2)
    sheet.title(during("Unpaid invoices", forecast))
    told = style.joined(";", (_sentence(label, table.iloc[k], scale) for k, label in enumerate(labels)))
    head = tr("Unpaid invoices at the end of each period, mean and 80 % range")
    return sheet.finish(style.sentence(style.joined(":", [head, told])))


def _sentence(label: str, row: pd.Series[float], scale: style.Scale) -> str:
    told = [
        f"{tr(what)} {scale.text(row[name, 'mean'])}"
        + style.aside(scale.range(row[name, "p10"], row[name, "p90"]))
        for what, name in (("unpaid", "open"), ("of it overdue by more than 30 days", "overdue30"))
    ]
    return f"{period_name(label)} {style.joined(',', told)}"


def _columns(sheet: Sheet, table: pd.DataFrame) -> list[Entry]:
    """Stacked means with their ranges; what stands in the legend."""
    ax, at = sheet.ax, np.arange(len(table), dtype=float)
    overdue, unpaid = (table[name, "mean"].to_numpy(float) for name in ("overdue30", "open"))
    rest = np.maximum(unpaid - overdue, 0.0)
    late = ax.bar(at, overdue, width=0.64, color=style.ORANGE, hatch="//", edgecolor="white", linewidth=0)
    usual = ax.bar(at, rest, bottom=overdue, width=0.64, color=style.tint(style.BLUE, 0.45))
    for name, mean, shift in (("overdue30", overdue, -0.16), ("open", overdue + rest, 0.16)):
        low, high = (table[name, q].to_numpy(float) for q in ("p10", "p90"))
        ranges = ax.vlines(at + shift, low, high, color=style.INK, linewidth=1.4, zorder=4)
        ax.plot(at + shift, mean, "o", color=style.INK, markersize=3, zorder=5)
        ax.plot(np.repeat(at + shift, 2), np.column_stack([low, high]).ravel(), "_", color=style.INK)
    return [
        (usual, "unpaid, due or overdue by up to 30 days"),
        (late, "overdue by more than 30 days"),
        (ranges, "80 % range: of all unpaid (right), of overdue (left)"),
    ]


def _ends(sheet: Sheet, labels: list[str]) -> int:
    """Name the periods, as many as fit; gives the lines that the names take."""
    names = tick_names(labels)
    longest = max(display_width(line) for name in names for line in name.split("\n"))
    each = max(-(-len(names) * (longest + 2) // sheet.columns(relative=0.9)), 1)
    sheet.ax.set_xticks(np.arange(len(names))[::each], [safe(name) for name in names[::each]])
    sheet.ax.tick_params(axis="x", length=0)
    sheet.ax.set_xlim(-0.6, len(names) - 0.4)
    sheet.ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    sheet.ax.set_axisbelow(True)
    return max(name.count("\n") for name in names[::each]) + 1
