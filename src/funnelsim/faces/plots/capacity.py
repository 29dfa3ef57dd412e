"""Capacity by period: the share of reps' hours that is used, with its error, and how long deals wait."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, PlotError, Sheet, safe, spoken
from funnelsim.faces.plots.units import period_name, steps, tick_names
from funnelsim.faces.tables import display_width
from funnelsim.nouns.capacity import CapacityUse
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import Language, tr

_FULL = 100.0


@spoken
def plot_capacity(forecast: Forecast, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """How much of the reps' hours each period uses, and how long deals wait for a rep.

    Parameters
    ----------
    forecast : Forecast
        By the engine that knows of people: ``engine=Events(team, work)``.
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Bars of hours worked over hours available, with one standard error, against the line of all hours;
        below each period the steps that a request for work waits, with its standard error.

    Raises
    ------
    PlotError
        If the engine of the forecast knows no people.
    """
    use = forecast.capacity
    if use is None:
        raise PlotError(
            f"the {forecast.engine or 'chosen'} engine knows no people, so nothing is known of their hours; "
            "forecast with engine=Events(team, work)"
        )
    table = use.table()
    sheet, periods = Sheet.on(ax), table.iloc[:-1]
    entries = _bars(sheet, periods)
    n_lines = _ticks(sheet, use, periods)
    n_lines += sheet.axis_names(
        f"period; below, {use.step}s that a request for work waits", "share of hours used"
    )
    sheet.legend(entries, lines_above=n_lines, most=2)
    total = table.iloc[-1]
    said = tr(f"Hours used: {_percent(total)}")
    waits = tr(f"a request for work waits {_wait(total)} {steps(use.step)}")
    sheet.title(style.joined(",", [said, waits]), n_lines=3)
    told = style.joined(";", (_told(label, row, use.step) for label, row in periods.iterrows()))
    head = style.joined(",", [said, waits])
    by_period = style.joined(":", [tr("by period, with one standard error"), told])
    return sheet.finish(style.sentence(style.joined(";", [head, by_period])))


def _percent(row: pd.Series[float]) -> str:
    if np.isnan(row["use"]):
        return tr("no hours at all")
    error = "" if np.isnan(row["use_se"]) else f" ± {100 * row['use_se']:.1f}"
    return f"{100 * row['use']:.0f} %{error}"


def _wait(row: pd.Series[float]) -> str:
    if np.isnan(row["wait"]):
        return "–"
    error = "" if np.isnan(row["wait_se"]) else f" ± {row['wait_se']:.1f}"
    return f"{row['wait']:.1f}{error}"


def _told(label: object, row: pd.Series[float], step: str) -> str:
    waits = tr(f"a request for work waits {_wait(row)} {steps(step)}")
    return f"{period_name(label)} {style.joined(',', [_percent(row), waits])}"


def _bars(sheet: Sheet, periods: pd.DataFrame) -> list[Entry]:
    ax, at = sheet.ax, np.arange(len(periods))
    share = 100 * periods["use"].to_numpy(float)
    error = np.nan_to_num(100 * periods["use_se"].to_numpy(float))
    bars = ax.bar(at, np.nan_to_num(share), width=0.6, color=style.tint(style.BLUE, 0.45), label="use")
    ax.errorbar(at, np.nan_to_num(share), error, fmt="none", ecolor=style.INK, elinewidth=1.4, capsize=3)
    line = ax.axhline(_FULL, color=style.VERMILLION, linewidth=1.5, linestyle=(0, (5, 2)), label="all")
    top = float(np.nan_to_num(share + error).max(initial=0.0))
    ax.set_ylim(0, 1.08 * max(top, _FULL))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    return [(bars, "hours used (± one SE)"), (line, "all hours of the reps")]


def _ticks(sheet: Sheet, use: CapacityUse, periods: pd.DataFrame) -> int:
    """Periods with their waits below, as many as fit; gives the lines that they take."""
    waits = [_wait(row) for _, row in periods.iterrows()]
    own = tick_names(use.labels)
    room = sheet.columns(relative=0.9) / max(len(own), 1) - 2
    if max(map(display_width, waits), default=0) > max(room, *(map(display_width, own))):
        waits = [wait.split(" ")[0] for wait in waits]
    names = [f"{name}\n{wait}" for name, wait in zip(own, waits, strict=True)]
    longest = max(display_width(line) for name in names for line in name.split("\n"))
    each = max(-(-len(names) * (longest + 2) // sheet.columns(relative=0.9)), 1)
    sheet.ax.set_xticks(np.arange(len(names))[::each], [safe(name) for name in names[::each]])
    sheet.ax.tick_params(axis="x", length=0)
    sheet.ax.set_xlim(-0.6, len(names) - 0.4)
    return max(name.count("\n") for name in names[::each]) + 1
