"""Backtests: forecasts against what came, origin by origin, and how often ranges held."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import special

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, PlotError, Sheet, readable, spoken
from funnelsim.faces.plots.units import amount_ticks, date_ticks
from funnelsim.questions.backtest.result import OURS, Backtest
from funnelsim.vocabulary.language import Language, known, language, tr

_N_BINS = 10
_BAND = (0.1, 0.9)
_RANGES = ((50, "p25", "p75"), (80, "p10", "p90"), (95, "p2_5", "p97_5"))


@spoken
def plot_backtest(
    test: Backtest,
    *,
    ahead: int = 1,
    part: str = "total",
    method: str = OURS,
    ax: Axes | None = None,
    lang: Language | None = None,
) -> Axes:
    """Forecasts made at past origins, against what came.

    Parameters
    ----------
    test : Backtest
    ahead : int
        Which period after each origin.
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
        By origin the ranges of 50, 80 and 95 %, and a dot for what came: filled where the 80 % range held.

    Raises
    ------
    PlotError
        If the backtest has no such cells.
    """
    cells = cells_of(test, f"part == {part!r} and window == 'period' and ahead == {ahead!r}", method)
    sheet = Sheet.on(ax)
    days = pd.to_datetime(cells["origin"]).to_numpy()
    largest = float(max(cells["actual"].max(), cells["p97_5"].max()))
    is_money = test.measure == "bookings"
    scale = style.Scale.of(largest, readable(test.unit) if is_money else "wins", is_count=not is_money)
    entries = _ranges(sheet, days, cells)
    held = ((cells["p10"] <= cells["actual"]) & (cells["actual"] <= cells["p90"])).to_numpy()
    for inside, text, fill in ((True, "came, within 80 %", style.INK), (False, "came, outside", "white")):
        some = held == inside
        (dots,) = sheet.ax.plot(
            days[some], cells["actual"][some], "o", color=style.INK, markerfacecolor=fill, markersize=5.5,
            zorder=5,
        )  # fmt: skip
        entries.append((dots, text))
    sheet.ax.set_ylim(0, 1.05 * largest)
    date_ticks(sheet.ax.xaxis, 4 if sheet.is_small else 8)
    n_lines = sheet.axis_names("origin: what was known ends here", scale.axis(test.measure))
    amount_ticks(sheet.ax.yaxis, scale)
    sheet.title(_held_words(held, ahead, part, method))
    sheet.legend(entries, lines_above=n_lines + 1)
    first, last = cells["origin"].iloc[0], cells["origin"].iloc[-1]
    return sheet.finish(
        f"Forecasts of {test.measure} in the {_ordinal(ahead)} period after {len(held)} origins, {first} to "
        f"{last}: the 80 % range held what came {int(held.sum())} times; "
        f"the mean forecast was {scale.number(float(cells['mean'].mean()))}, the mean of what came "
        f"{scale.number(float(cells['actual'].mean()))}."
    )


@spoken
def plot_pit(
    test: Backtest,
    *,
    part: str = "total",
    method: str = OURS,
    ax: Axes | None = None,
    lang: Language | None = None,
) -> Axes:
    """Where what came fell in its forecast: flat where ranges are honest.

    Parameters
    ----------
    test : Backtest
    part : {"total", "open"}
    method : str
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Shares of the randomised probability integral transform by tenth, with the share that is due and the
        band that holds eight in ten bars of independent honest forecasts (binomial); those of one origin go
        together, and stray more. High at both ends: ranges too narrow; high in the middle: too wide; a
        slope: forecasts too low or high.

    Raises
    ------
    PlotError
        If the backtest has no such cells.
    """
    cells = cells_of(test, f"part == {part!r} and window == 'period'", method)
    sheet = Sheet.on(ax)
    counts, edges = np.histogram(cells["pit"], bins=_N_BINS, range=(0.0, 1.0))
    share = 100 * counts / len(cells)
    bars = sheet.ax.bar(
        edges[:-1],
        share,
        width=1 / _N_BINS,
        align="edge",
        color=style.tint(style.BLUE, 0.5),
        edgecolor="white",
    )
    within = special.bdtr(np.arange(len(cells) + 1), len(cells), 1 / _N_BINS)
    low, high = 100 * np.searchsorted(within, _BAND) / len(cells)
    band = sheet.ax.axhspan(low, high, color=style.GREY, alpha=0.25, linewidth=0, zorder=0, label="chance")
    line = sheet.ax.axhline(100 / _N_BINS, color=style.INK, linewidth=1.0, linestyle="--")
    sheet.ax.set_xlim(0, 1)
    n_lines = sheet.axis_names(
        "share of the forecast below what came",
        "% of forecasts" if sheet.is_small else "share of forecasts, %",
    )
    inside = [
        100 * np.mean((cells[low] <= cells["actual"]) & (cells["actual"] <= cells[high]))
        for _, low, high in _RANGES
    ]
    held = style.enumerated(f"{got:.0f}" for got in inside)
    says = f"Ranges of 50, 80, 95 % held {held} % of {len(cells)} cells"
    sheet.title(says)
    by_chance = "where 8 in 10 bars would be then"
    entries: list[Entry] = [(bars, "forecasts"), (line, "if ranges were honest"), (band, by_chance)]
    sheet.legend(entries, lines_above=n_lines + 1)
    by_tenth = style.enumerated(f"{value:.0f}" for value in share)
    fell = f"Histogram of where what came fell in {len(cells)} forecasts, by tenth: {by_tenth} %; 10 % is due"
    both = (style.sentence(tr(text)) for text in (fell, says))
    return sheet.finish(style.sentences(both))


def cells_of(test: Backtest, wanted: str, method: str) -> pd.DataFrame:
    """Cells of one method that answer a query, of the measure asked for."""
    cells = test.cells.query(wanted)
    cells = cells[(cells["measure"] == test.measure) & (cells["method"] == method)]
    if not len(cells):
        there = ", ".join(test.methods)
        raise PlotError(f"no forecast of {method!r} with {wanted}; methods are {there}, see Backtest.cells")
    return cells.reset_index(drop=True)


def _ranges(sheet: Sheet, days: np.ndarray, cells: pd.DataFrame) -> list[Entry]:
    entries: list[Entry] = []
    widths = {95: 3.0, 80: 6.0, 50: 9.0}
    for share, low, high in _RANGES[::-1]:
        colour = style.tint(style.BLUE, {95: 0.18, 80: 0.36, 50: 0.6}[share])
        bars = sheet.ax.vlines(days, cells[low], cells[high], color=colour, linewidth=widths[share])
        entries.append((bars, f"{share} % range"))
    return entries[::-1]


def _ordinal(n: int) -> str:
    if language() == "zh":
        return f"第 {n} 个"
    return {1: "first", 2: "second", 3: "third"}.get(n, f"{n}th")


def _held_words(held: np.ndarray, ahead: int, part: str, method: str) -> str:
    says = tr(f"80 % ranges held {int(held.sum())} of {len(held)} times, {_ordinal(ahead)} period")
    if part != "total":
        says += style.aside(tr("of deals open then")) if language() == "zh" else " of deals open then"
    return says if method == OURS else style.joined(":", [known(style.plain(method)), says])
