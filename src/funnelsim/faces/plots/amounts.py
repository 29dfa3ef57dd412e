"""Amounts of won deals: the share above each amount on log scales, with the fitted tail and its band."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, PlotError, Sheet, spoken
from funnelsim.numerics.tail import Tail
from funnelsim.questions.amounts import CANNOT_TELL, AmountsReport, verdict_on
from funnelsim.vocabulary.language import Language, tr
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

_BEYOND = 3.0  # the tail is drawn up to so many times the largest amount
_N_POINTS, _N_DRAWS = 120, 400


@spoken
def plot_amounts(report: AmountsReport, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Share of won deals above each amount, both on log scales: data, fitted tail with its band, log-normal.

    Parameters
    ----------
    report : AmountsReport
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        A straight line is a power law; a curve that bends down ever more steeply is lighter. The tail runs
        beyond the largest win, where there is no data. Only the data where the tail cannot be told.

    Raises
    ------
    PlotError
        If no won deal has a positive amount: a log scale has no place for it.
    """
    known = report.won_amounts[report.won_amounts > 0]
    if not len(known):
        raise PlotError("no won deal has an amount above 0, and log scales show no other")
    sheet, scale = Sheet.on(ax), style.Scale.of(known, report.history.unit)
    ax, tail = sheet.ax, report.fitted_tail
    share = (len(known) - np.arange(len(known)) - 0.5) / len(known)
    ax.scatter(known / scale.factor, share, s=12, color=style.INK, zorder=4, linewidths=0)
    entries: list[Entry] = [(Line2D([], [], marker="o", linestyle="", color=style.INK, ms=4), "won deals")]
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(0.2 / len(known), 1.3)
    if isinstance(tail, Tail):
        entries += _tail(sheet, scale, report, tail)
        said = f"tail {verdict_on(tail)}"
        low, high = tail.shape_interval(report.interval)
        told = (
            f"above {scale.text(tail.threshold)} the tail has shape {tail.shape:.2f} ({low:.2f} to "
            f"{high:.2f}), {verdict_on(tail)}"
        )
    else:
        said, told = "the tail cannot be told", f"of the tail, {CANNOT_TELL}: {tail}"
    _axes(sheet)
    n_lines = sheet.axis_names(scale.axis("won amount"), "share of won deals above")
    sheet.title(f"Won amounts: {said}", n_lines=3)
    sheet.legend(entries, lines_above=1 + n_lines, most=2)
    middle = float(np.median(known))
    head = (
        f"Share of {len(known):,} won deals above each amount: median {scale.text(middle)}, largest "
        f"{scale.text(float(known[-1]))}"
    )
    return sheet.finish(style.sentence(style.joined(";", [tr(head), tr(told)])))


def _tail(sheet: Sheet, scale: style.Scale, report: AmountsReport, tail: Tail) -> list[Entry]:
    """Draw both laws and the band; gives their entries in the legend."""
    ax = sheet.ax
    at = np.geomspace(tail.threshold, _BEYOND * tail.largest, _N_POINTS)
    rng = Streams.of(report.seed).generator("amounts, picture")
    sides = [(1 - report.interval) / 2, (1 + report.interval) / 2]
    low, high = np.quantile(tail.exceedance_draws(at, rng, _N_DRAWS), sides, axis=0)
    least = ax.get_ylim()[0] / 10
    x = at / scale.factor
    ax.fill_between(
        x, np.maximum(low, least), np.maximum(high, least), color=style.tint(style.BLUE, 0.3), lw=0
    )
    ax.plot(x, np.maximum(tail.exceedance(at), least), color=style.BLUE, linewidth=2.0, zorder=5)
    every = np.geomspace(max(report.won_amounts[report.won_amounts > 0][0], 1e-300), at[-1], 2 * _N_POINTS)
    ax.plot(
        every / scale.factor,
        np.maximum(tail.lognormal_exceedance(every), least),
        color=style.VERMILLION,
        linestyle="--",
        linewidth=1.3,
        zorder=3,
    )
    ax.axvline(tail.threshold / scale.factor, color=style.GREY, linewidth=0.8, linestyle=":", zorder=1)
    return [
        (Line2D([], [], color=style.BLUE, linewidth=2.0), f"fitted tail, from {scale.text(tail.threshold)}"),
        (Patch(color=style.tint(style.BLUE, 0.3), linewidth=0), f"its {100 * report.interval:.0f} % band"),
        (Line2D([], [], color=style.VERMILLION, linestyle="--"), "log-normal of all amounts"),
    ]


def _axes(sheet: Sheet) -> None:
    ax = sheet.ax
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if sheet.is_small else (1.0, 3.0), numticks=8))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:,.4g} %"))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    ax.grid(color=style.PALE, linewidth=float(mpl.rcParams["grid.linewidth"]))
    ax.set_axisbelow(True)
