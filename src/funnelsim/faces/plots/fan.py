"""The fan of a forecast: cumulative bookings against the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, line_height, safe, share_of_width, spoken
from funnelsim.faces.plots.units import amount_ticks, during, scale_of, tick_names
from funnelsim.faces.tables import display_width
from funnelsim.nouns.forecast import Classical, Forecast
from funnelsim.vocabulary.language import Language, tr

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Fan:
    """Cumulative quantiles at the cutoff (column 0) and at the end of each period."""

    edges: Floats
    quantiles: Floats
    realised: float

    LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)

    @classmethod
    def of(cls, forecast: Forecast) -> _Fan:
        n_periods = len(forecast.periods.labels)
        by_end = [forecast.quantile(cls.LEVELS, window=n) for n in range(1, n_periods + 1)]
        ends = forecast.periods.edges.astype(float)
        starts = min(max(forecast.periods.cutoff_step + 1.0, ends[0]), ends[1])
        return cls(
            np.append(starts, ends[1:]),
            np.column_stack([np.full(len(cls.LEVELS), forecast.realised), *by_end]),
            forecast.realised,
        )


@spoken
def plot_fan(forecast: Forecast, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Bookings (wins, when there are no amounts) as they add up over the periods, with their ranges.

    The fan starts from what is realised at the cutoff. Its bands hold 50, 80 and 95 % of the jointly drawn
    futures at each period's end; between the ends they are straight lines, not forecasts. Ranges are of the
    sum up to each end: they are not sums of the ranges of the periods.

    Parameters
    ----------
    forecast : Forecast
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        With the target and the chance (± standard error) of reaching it, and, a little to the right of the
        last period's end, the classical weighted pipeline with its coin-flip 80 % range.
    """
    sheet, fan = Sheet.on(ax), _Fan.of(forecast)
    classical = forecast.classical if forecast.measure == "bookings" else ()  # their formula counts bookings
    scale = scale_of(forecast)
    entries = _fan_bands(sheet, fan, scale) + _realised(sheet, forecast, fan, scale)
    entries += _classical_points(sheet, fan, classical, scale)
    _fan_heights(sheet, forecast, fan, classical, scale)
    entries += _fan_target(sheet, forecast, fan, scale)
    n_lines = _period_axis(sheet, forecast)
    what = f"cumulative {forecast.measure}"
    n_lines += sheet.axis_names(
        "period (sums hold at its end)", scale.axis(forecast.measure if sheet.is_small else what)
    )
    amount_ticks(sheet.ax.yaxis, scale)
    sheet.title(during(what.capitalize(), forecast))
    head = "" if sheet.is_small else f"by the end, in {scale.name}" if scale.name else "by the end"
    sheet.legend(entries, lines_above=n_lines, title=head, most=2)
    return sheet.finish(_fan_sentence(forecast, fan, classical, scale))


def _fan_bands(sheet: Sheet, fan: _Fan, scale: style.Scale) -> list[Entry]:
    entries: list[Entry] = []
    n = len(fan.LEVELS)
    for low, share, strength in ((0, 95, 0.18), (1, 80, 0.36), (2, 50, 0.6)):
        lower, upper = fan.quantiles[low], fan.quantiles[n - 1 - low]
        colour = style.tint(style.BLUE, strength)
        text = (
            f"{share} % range"
            if sheet.is_small
            else f"{share} % of futures: {scale.range(lower[-1], upper[-1])}"
        )
        band = sheet.ax.fill_between(fan.edges, lower, upper, color=colour, linewidth=0, label=text)
        entries.append((band, text))
    middle = fan.quantiles[n // 2]
    text = "median" if sheet.is_small else f"median: {scale.number(middle[-1])}"
    (line,) = sheet.ax.plot(
        fan.edges, middle, color=style.BLUE, linewidth=1.8, marker="o" if len(middle) <= 40 else "",
        markersize=4, markevery=slice(1, None), label=text,
    )  # fmt: skip
    return [(line, text), *entries[::-1]]


def _realised(sheet: Sheet, forecast: Forecast, fan: _Fan, scale: style.Scale) -> list[Entry]:
    start = float(forecast.periods.edges[0])
    amount = scale.number(fan.realised)
    if forecast.measure in ("bookings", "wins"):
        text = "won already" if sheet.is_small else f"won by the cutoff: {amount}"
    else:
        text = "realised already" if sheet.is_small else f"realised by the cutoff: {amount}"
    (point,) = sheet.ax.plot(
        [fan.edges[0]], [fan.realised], "s", color=style.INK, markersize=6, clip_on=False, zorder=6,
        label=text,
    )  # fmt: skip
    if fan.edges[0] > start:
        sheet.ax.axvspan(start, fan.edges[0], color=style.PALE, linewidth=0, zorder=0)
        sheet.ax.plot([start, fan.edges[0]], [fan.realised] * 2, ":", color=style.INK, linewidth=1)
    return [(point, text)]


def _classical_points(
    sheet: Sheet, fan: _Fan, classical: Sequence[Classical], scale: style.Scale
) -> list[Entry]:
    entries: list[Entry] = []
    beside = 0.035 * (fan.edges[-1] - fan.edges[0])
    for i, (figure, marker) in enumerate(zip(classical, "Dv^<>", strict=False)):
        low, high = figure.interval80
        text = name = style.shorten(style.plain(figure.label.replace("_", " ")), 40)
        if not sheet.is_small:
            text = f"{name}: {scale.number(figure.figure)}\n(coin-flip 80 % range: {scale.range(low, high)})"
        bar = sheet.ax.errorbar(
            [fan.edges[-1] + (i + 1) * beside],
            [figure.figure],
            [[figure.figure - low], [high - figure.figure]],
            fmt=marker, color=style.ORANGE, markeredgecolor=style.INK, ecolor=style.INK, capsize=3,
            elinewidth=1.2, markersize=6, label=safe(name),
        )  # fmt: skip
        entries.append((bar, text))
    return entries


def _fan_heights(
    sheet: Sheet, forecast: Forecast, fan: _Fan, classical: Sequence[Classical], scale: style.Scale
) -> None:
    """From zero, unless nearly all is realised and the fan would be a thread; up to a target within reach."""
    ends = [end for figure in classical for end in figure.interval80]
    top = max([float(fan.quantiles.max()), *ends])
    if forecast.target is not None and (forecast.target <= 3 * top or not top):
        top = max(top, forecast.target)
    bottom = min([fan.realised, *ends, *([forecast.target] if forecast.target is not None else [])])
    bottom = 0.0 if top - bottom > 0.2 * top else max(bottom - 0.5 * (top - bottom), 0.0)
    room = (top - bottom) or scale.factor
    sheet.ax.set_ylim(bottom, top + 0.1 * room)


def _fan_target(sheet: Sheet, forecast: Forecast, fan: _Fan, scale: style.Scale) -> list[Entry]:
    """The target line with its words; an entry for the legend where no place beside the line is free."""
    if forecast.target is None:
        return []
    chance = style.chance_words(forecast.chance(), forecast.n_futures, lead="chance ")
    text = tr(f"target {scale.text(forecast.target)}: {chance}")
    text = style.wrap(text, sheet.columns(0.95, 0.9), 2)
    ax, top, start = sheet.ax, sheet.ax.get_ylim()[1], float(forecast.periods.edges[0])
    if forecast.target > top:
        sheet.write(start, top, f"↑ {text}", color=style.VERMILLION, ha="left", va="top", dx=0.4)
        return []
    dashes = (0, (5, 2))
    line = ax.axhline(
        forecast.target, color=style.VERMILLION, linewidth=1.5, linestyle=dashes, label="target"
    )
    is_written = _write_target(sheet, fan, forecast.target, text, start)
    whole = text.replace("：\n", "：").replace("\n", " ")
    return [] if is_written else [(line, whole.replace(": ", ":\n").replace("：", "：\n"))]


def _write_target(sheet: Sheet, fan: _Fan, target: float, text: str, start: float) -> bool:
    """Words where the fan is not: over the line on the left, under or over it on the right; or not at all."""
    (bottom, top), end = sheet.ax.get_ylim(), float(fan.edges[-1])
    height = line_height(sheet) * (text.count("\n") + 1) * (top - bottom)
    reach = share_of_width(sheet, text) * (end - start) * 1.1
    upper = float(np.interp(start + reach, fan.edges, fan.quantiles[-1]))
    lower = float(np.interp(end - reach, fan.edges, fan.quantiles[0]))
    x, ha, va, dx = end, "right", "top", -0.6
    if upper <= target:
        x, ha, va, dx = start, "left", "bottom", 0.4
        sheet.ax.set_ylim(bottom, max(top, target + 1.2 * height))
    elif lower > target + height:
        va = "bottom"
    elif lower < target or target - bottom < height:
        return False
    sheet.write(x, target, text, color=style.VERMILLION, ha=ha, va=va, dx=dx)
    return True


def _period_axis(sheet: Sheet, forecast: Forecast) -> int:
    """Name the periods between their ends, as many as fit; gives the lines that the names take."""
    ax, edges = sheet.ax, forecast.periods.edges.astype(float)
    names = tick_names(forecast.periods.labels)
    longest = max(display_width(line) for name in names for line in name.split("\n"))
    each = -(-len(names) * (longest + 2) // sheet.columns(relative=0.9))
    first = min(each // 2, len(names) - 1)  # a name at the very edge would reach into the other axis
    ax.set_xticks(
        ((edges[:-1] + edges[1:]) / 2)[first::each],
        [safe(name) for name in names[first::each]],
    )
    ax.tick_params(axis="x", length=0, pad=7)
    if len(names) <= 60:
        ax.set_xticks(edges, minor=True)
        ax.tick_params(axis="x", which="minor", length=5)
        ax.grid(axis="x", which="minor", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.set_xlim(edges[0], edges[-1] + 0.09 * (edges[-1] - edges[0]))
    return max(name.count("\n") for name in names) + 1


def _fan_sentence(forecast: Forecast, fan: _Fan, classical: Sequence[Classical], scale: style.Scale) -> str:
    low95, low80, _, middle, _, high80, high95 = fan.quantiles[:, -1]
    what = during(f"Cumulative {forecast.measure}", forecast)
    told = [
        f"{what}: {scale.text(fan.realised)} are realised at the cutoff; by the end the median is "
        f"{scale.text(middle)}, the 80 % range {scale.span(low80, high80)}, the 95 % range "
        f"{scale.span(low95, high95)}"
    ]
    if forecast.target is not None:
        chance = style.chance_words(forecast.chance(), forecast.n_futures, lead="chance ")
        told.append(f"target {scale.text(forecast.target)}: {chance}")
    told += [
        f"{style.plain(figure.label.replace('_', ' '))}: {scale.text(figure.figure)}, coin-flip "
        f"80 % range {scale.span(*figure.interval80)}"
        for figure in classical
    ]
    return style.sentence(style.joined(";", map(tr, told)))
