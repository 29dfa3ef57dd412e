"""Four pictures: the fan of a forecast, the chance of an amount, incidence by age, and levers.

Each function draws on the axes it is given, or on a new pyplot figure, and returns the axes. Programs that
draw many pictures pass axes of their own (``Figure(layout="constrained").add_subplot()``): pyplot keeps every
figure it makes until it is closed. ``alt_text(ax)`` tells in one sentence the numbers that a picture shows.
Colours are those of Okabe and Ito, on a light ground: dark styles of matplotlib are not provided for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from funnelsim.faces import style
from funnelsim.nouns.forecast import Classical, Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.incidence import dwell_quantile, incidence_by_age
from funnelsim.questions.compare import LeverComparison
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Entry = tuple[Artist | tuple[Artist, ...], str]  # handle and words in a legend

_MOST_PANELS = 12
_MOST_LEVERS = 20
_MOST_CURVE_POINTS = 400
_SEPARATE_CAUSES = 3  # further causes of loss, or later stages, share one band
_EM = 0.56  # mean width of a character, in font sizes
# Fonts with Chinese, Japanese and Korean characters, of Windows, macOS and Linux; those installed are used.
_WIDE_FONTS = (
    "Microsoft YaHei", "SimHei", "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC",
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip
_FIRST_WIDE = "\u2e80"  # what comes before is in matplotlib's own font, or in no East Asian one


class PlotError(FunnelsimError):
    """A picture that cannot be drawn as asked; the message says how to ask."""


def alt_text(ax: Axes) -> str:
    """One sentence with the numbers a picture shows, for readers who cannot see it.

    It is the label of the axes (``ax.get_label()``), which matplotlib does not draw.
    """
    return str(ax.get_label())


# --- the sheet: sizes, letters, title, legend ---------------------------------------------------------------


@dataclass(frozen=True)
class _Sheet:
    """Axes to draw on, with their size in inches and the letter size (points) that suits it."""

    ax: Axes
    width: float
    height: float
    size: float

    @classmethod
    def on(cls, ax: Axes | None, figsize: tuple[float, float] | None = None) -> _Sheet:
        if ax is None:
            ax = plt.figure(figsize=figsize, layout="constrained").add_subplot()
        width, height = ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi
        factor = float(np.clip((width * height / (4.96 * 3.7)) ** 0.3, 0.7, 1.4))
        sheet = cls(ax, width, height, float(mpl.rcParams["font.size"]) * factor)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=0.9 * sheet.size)
        return sheet

    @property
    def is_small(self) -> bool:
        return self.width < 3.4 or self.height < 2.2

    def columns(self, share: float = 1.0, relative: float = 1.0) -> int:
        """Characters that fit on a share of the width, in letters of a relative size."""
        return max(int(share * self.width * 72 / (_EM * relative * self.size)), 8)

    def title(self, text: str, *, share: float = 1.0, n_lines: int = 2) -> None:
        unbroken = text.replace(" ± ", "\u00a0±\u00a0")
        wrapped = style.wrap(unbroken, self.columns(share, 1.3), n_lines)  # bold letters are wide
        self.ax.set_title(
            _safe(wrapped), loc="left", fontsize=1.1 * self.size, fontweight="bold", color=style.INK
        )

    def axis_names(self, x: str, y: str) -> int:
        """Name both axes; gives the number of lines that the name of x takes."""
        n_lines = 1
        for axis, name, room in ((self.ax.yaxis, y, self.height), (self.ax.xaxis, x, self.width)):
            fitted = style.wrap(name, max(int(room * 72 / (_EM * self.size)), 8), 2)
            axis.set_label_text(_safe(fitted), fontsize=self.size, color=style.INK)
            n_lines = fitted.count("\n") + 1
        return n_lines

    def write(self, x: float, y: float, text: str, *, color: str, ha: str, va: str, dx: float = 0) -> None:
        """Text at a point of the data, `dx` letters to its right, legible on any ground."""
        self.ax.annotate(
            _safe(text),
            (x, y),
            (dx * self.size, 0.25 * self.size * {"bottom": 1, "top": -1}.get(va, 0)),
            textcoords="offset points",
            color=color,
            fontsize=0.9 * self.size,
            ha=ha,
            va=va,
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=10,
        )

    def legend(
        self, entries: Sequence[Entry], *, title: str = "", lines_above: float | None = None, most: int = 9
    ) -> None:
        """Legend below the axes and the lines that ticks and label take, in columns that fit; or beside."""
        place: dict[str, object] = {"bbox_to_anchor": (1.02, 1.0)}
        small = 0.85 * self.size
        if lines_above is not None:
            drop = (lines_above * 1.35 * self.size + 12) / 72
            shift = ScaledTranslation(0, -drop, self.ax.figure.dpi_scale_trans)
            fitting = _legend_columns([text for _, text in entries], self.columns(relative=0.85))
            place = {
                "bbox_to_anchor": (0, 0),
                "bbox_transform": self.ax.transAxes + shift,
                "ncols": min(fitting, most),
            }
        self.ax.legend(
            [handle for handle, _ in entries],
            [_safe(text) for _, text in entries],
            title=_safe(title), loc="upper left", alignment="left", frameon=False, borderaxespad=0,
            borderpad=0, handlelength=1.6, columnspacing=1.5, fontsize=small, title_fontsize=small, **place,
        )  # fmt: skip

    def beside(self, row: float, text: str) -> None:
        """Text to the right of the axes, level with a row."""
        self.ax.annotate(
            _safe(text),
            (1.0, row),
            (0.6 * self.size, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=0.9 * self.size,
            color=style.INK,
            annotation_clip=False,
        )

    def finish(self, alt: str) -> Axes:
        """Fonts for wide characters, and the alternative text."""
        _widen_fonts(self.ax)
        self.ax.set_label(alt)
        return self.ax


def _legend_columns(texts: Sequence[str], room: int) -> int:
    """Most columns in which a legend, filled column by column, is no wider than the room."""
    widths = [max(style.width_of(line) for line in text.split("\n")) + 5 for text in texts]
    for n in range(len(texts), 1, -1):
        rows = -(-len(texts) // n)
        columns = [widths[i * rows : (i + 1) * rows] for i in range(n)]
        if columns[-1] and sum(map(max, columns)) <= room:
            return n
    return 1


def _widen_fonts(artist: Artist) -> None:
    """Let every text fall back on an installed font with Chinese, Japanese and Korean characters."""
    families = _wide_fonts()
    for text in artist.findobj(Text) if families else ():
        assert isinstance(text, Text)
        if any(character >= _FIRST_WIDE for character in text.get_text()):
            text.set_fontfamily([*(f for f in text.get_fontfamily() if f not in families), *families])


def _wide_fonts() -> list[str]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _WIDE_FONTS if name in installed]


def _readable(text: str) -> str:
    """A text without the characters that no installed font holds: boxes cannot be read, and each warns."""
    if text.isascii():
        return text
    own, wide = _fonts(mpl.rcParams["font.family"]), _fonts(_wide_fonts())
    return "".join(
        c
        for c in text
        if c.isascii() or any(f.get_char_index(ord(c)) for f in (own + wide if c >= _FIRST_WIDE else own))
    )


def _fonts(families: Sequence[str]) -> list[FT2Font]:
    return [font_manager.get_font(font_manager.findfont(FontProperties(family=[f]))) for f in families]


def _safe(text: str) -> str:
    """A text that draws as it reads: no ``$`` begins a formula, no character becomes a box."""
    return style.escape(_readable(text))


def _drawable(names: Sequence[str], otherwise: str) -> list[str]:
    """Names as far as they can be drawn; "stage 2" where little would be left."""
    cleaned = [style.plain(name) for name in names]
    drawn = [_readable(name).strip() for name in cleaned]
    return [
        d if 2 * len(d) > len(name) else f"{otherwise} {i + 1}"
        for i, (d, name) in enumerate(zip(drawn, cleaned, strict=True))
    ]


# --- 1. the fan ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Fan:
    """Cumulative quantiles at the cutoff (column 0) and at the end of each period."""

    edges: Floats
    quantiles: Floats
    realised: float

    LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)

    @classmethod
    def of(cls, forecast: Forecast) -> _Fan:
        is_money = forecast.measure == "bookings"
        realised = forecast.realised_bookings if is_money else forecast.realised_wins
        quantiles = np.quantile(forecast.draws().cumsum(axis=1), cls.LEVELS, axis=0)
        ends = forecast.periods.edges.astype(float)
        starts = min(max(forecast.periods.cutoff_step + 1.0, ends[0]), ends[1])
        return cls(
            np.append(starts, ends[1:]),
            np.column_stack([np.full(len(cls.LEVELS), realised), quantiles]),
            realised,
        )


def plot_fan(forecast: Forecast, *, ax: Axes | None = None) -> Axes:
    """Bookings (wins, when there are no amounts) as they add up over the periods, with their ranges.

    The fan starts from what is realised at the cutoff. Its bands hold 50, 80 and 95 % of the jointly drawn
    futures at each period's end; between the ends they are straight lines, not forecasts. Ranges are of the
    sum up to each end: they are not sums of the ranges of the periods.

    Parameters
    ----------
    forecast : Forecast
    ax : Axes, optional
        A new pyplot figure by default.

    Returns
    -------
    Axes
        With the target and the chance (± standard error) of reaching it, and, a little to the right of the
        last period's end, the classical weighted pipeline with its coin-flip 80 % range.
    """
    sheet, fan = _Sheet.on(ax), _Fan.of(forecast)
    is_money = forecast.measure == "bookings"
    classical = forecast.classical if is_money else ()
    scale = _scale(forecast)
    entries = _fan_bands(sheet, fan, scale) + _realised(sheet, forecast, fan, scale)
    entries += _classical_points(sheet, fan, classical, scale)
    _fan_heights(sheet, forecast, fan, classical, scale)
    entries += _fan_target(sheet, forecast, fan, scale)
    n_lines = _period_axis(sheet, forecast)
    what = f"cumulative {forecast.measure}"
    n_lines += sheet.axis_names(
        "period (sums hold at its end)", scale.axis(forecast.measure if sheet.is_small else what)
    )
    _amount_ticks(sheet.ax.yaxis, scale)
    sheet.title(f"{what.capitalize()} {_when(forecast)}")
    head = "" if sheet.is_small else f"by the end, in {scale.name}" if scale.name else "by the end"
    sheet.legend(entries, lines_above=n_lines, title=head, most=2)
    return sheet.finish(_fan_sentence(forecast, fan, classical, scale))


def _scale(forecast: Forecast) -> style.Scale:
    """Units fit for what is forecast; for the target where nothing is."""
    is_money = forecast.measure == "bookings"
    largest = float(forecast.quantile(0.975)) or forecast.target or 0.0
    return style.Scale.of(largest, _readable(forecast.unit) if is_money else "wins", is_count=not is_money)


def _when(forecast: Forecast) -> str:
    first, last = (style.plain(forecast.periods.labels[i]) for i in (0, -1))
    return f"in {first}" if first == last else f"from {first.split(' to ')[0]} to {last.split(' to ')[-1]}"


def _amount_ticks(axis: Axis, scale: style.Scale) -> None:
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=scale.unit == "wins"))
    axis.set_major_formatter(scale.tick)


def _fan_bands(sheet: _Sheet, fan: _Fan, scale: style.Scale) -> list[Entry]:
    entries: list[Entry] = []
    n = len(fan.LEVELS)
    for low, share, strength in ((0, "95%", 0.18), (1, "80%", 0.36), (2, "50%", 0.6)):
        lower, upper = fan.quantiles[low], fan.quantiles[n - 1 - low]
        colour = style.tint(style.BLUE, strength)
        text = share if sheet.is_small else f"{share} of futures: {scale.range(lower[-1], upper[-1])}"
        band = sheet.ax.fill_between(fan.edges, lower, upper, color=colour, linewidth=0, label=text)
        entries.append((band, text))
    middle = fan.quantiles[n // 2]
    text = "median" if sheet.is_small else f"median: {scale.number(middle[-1])}"
    (line,) = sheet.ax.plot(
        fan.edges, middle, color=style.BLUE, linewidth=1.8, marker="o" if len(middle) <= 40 else "",
        markersize=4, markevery=slice(1, None), label=text,
    )  # fmt: skip
    return [(line, text), *entries[::-1]]


def _realised(sheet: _Sheet, forecast: Forecast, fan: _Fan, scale: style.Scale) -> list[Entry]:
    start = float(forecast.periods.edges[0])
    text = "won already" if sheet.is_small else f"won by the cutoff: {scale.number(fan.realised)}"
    (point,) = sheet.ax.plot(
        [fan.edges[0]], [fan.realised], "s", color=style.INK, markersize=6, clip_on=False, zorder=6,
        label=text,
    )  # fmt: skip
    if fan.edges[0] > start:
        sheet.ax.axvspan(start, fan.edges[0], color=style.PALE, linewidth=0, zorder=0)
        sheet.ax.plot([start, fan.edges[0]], [fan.realised] * 2, ":", color=style.INK, linewidth=1)
    return [(point, text)]


def _classical_points(
    sheet: _Sheet, fan: _Fan, classical: Sequence[Classical], scale: style.Scale
) -> list[Entry]:
    entries: list[Entry] = []
    beside = 0.035 * (fan.edges[-1] - fan.edges[0])
    for i, (figure, marker) in enumerate(zip(classical, "Dv^<>", strict=False)):
        low, high = figure.interval80
        text = name = style.shorten(style.plain(figure.label.replace("_", " ")), 40)
        if not sheet.is_small:
            text += f": {scale.number(figure.figure)}\n(coin-flip 80% range: {scale.range(low, high)})"
        bar = sheet.ax.errorbar(
            [fan.edges[-1] + (i + 1) * beside],
            [figure.figure],
            [[figure.figure - low], [high - figure.figure]],
            fmt=marker, color=style.ORANGE, markeredgecolor=style.INK, ecolor=style.INK, capsize=3,
            elinewidth=1.2, markersize=6, label=_safe(name),
        )  # fmt: skip
        entries.append((bar, text))
    return entries


def _fan_heights(
    sheet: _Sheet, forecast: Forecast, fan: _Fan, classical: Sequence[Classical], scale: style.Scale
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


def _fan_target(sheet: _Sheet, forecast: Forecast, fan: _Fan, scale: style.Scale) -> list[Entry]:
    """The target line with its words; an entry for the legend where no place beside the line is free."""
    if forecast.target is None:
        return []
    chance = style.chance_words(forecast.chance(), forecast.n_futures, lead="chance ")
    text = style.wrap(f"target {scale.text(forecast.target)}: {chance}", sheet.columns(0.95, 0.9), 2)
    ax, top, start = sheet.ax, sheet.ax.get_ylim()[1], float(forecast.periods.edges[0])
    if forecast.target > top:
        sheet.write(start, top, f"↑ {text}", color=style.VERMILLION, ha="left", va="top", dx=0.4)
        return []
    dashes = (0, (5, 2))
    line = ax.axhline(
        forecast.target, color=style.VERMILLION, linewidth=1.5, linestyle=dashes, label="target"
    )
    is_written = _write_target(sheet, fan, forecast.target, text, start)
    return [] if is_written else [(line, text.replace(": ", ":\n"))]


def _write_target(sheet: _Sheet, fan: _Fan, target: float, text: str, start: float) -> bool:
    """Words where the fan is not: over the line on the left, under or over it on the right; or not at all."""
    (bottom, top), end = sheet.ax.get_ylim(), float(fan.edges[-1])
    height = _line(sheet) * (text.count("\n") + 1) * (top - bottom)
    reach = _share_of_width(sheet, text) * (end - start) * 1.1
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


def _period_axis(sheet: _Sheet, forecast: Forecast) -> int:
    """Name the periods between their ends, as many as fit; gives the lines that the names take."""
    ax, edges = sheet.ax, forecast.periods.edges.astype(float)
    names = [style.shorten(style.plain(n), 24).replace(" to ", " to\n") for n in forecast.periods.labels]
    longest = max(style.width_of(line) for name in names for line in name.split("\n"))
    each = -(-len(names) * (longest + 2) // sheet.columns(relative=0.9))
    first = min(each // 2, len(names) - 1)  # a name at the very edge would reach into the other axis
    ax.set_xticks(
        ((edges[:-1] + edges[1:]) / 2)[first::each],
        [_safe(name) for name in names[first::each]],
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
    text = (
        f"Cumulative {forecast.measure} {_when(forecast)}: {scale.text(fan.realised)} are realised at "
        f"the cutoff; by the end the median is {scale.text(middle)}, the 80% range "
        f"{scale.span(low80, high80)}, the 95% range {scale.span(low95, high95)}"
    )
    if forecast.target is not None:
        chance = style.chance_words(forecast.chance(), forecast.n_futures, lead="chance ")
        text += f"; target {scale.text(forecast.target)}: {chance}"
    for figure in classical:
        text += (
            f"; {style.plain(figure.label.replace('_', ' '))}: {scale.text(figure.figure)}, coin-flip "
            f"80% range {scale.span(*figure.interval80)}"
        )
    return text + "."


# --- 2. the chance of an amount -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curve:
    """Chance that the total reaches each amount, with its standard error (nan from a single draw)."""

    amounts: Floats
    chance: Floats
    error: Floats

    @classmethod
    def of(cls, forecast: Forecast) -> _Curve:
        totals = np.sort(forecast.window())
        amounts = np.unique(totals)
        if len(amounts) > _MOST_CURVE_POINTS:
            amounts = np.unique(totals[np.linspace(0, len(totals) - 1, _MOST_CURVE_POINTS).astype(int)])
        by_draw = np.sort(forecast.window().reshape(forecast.n_draws, -1), axis=1)
        below = np.array([np.searchsorted(row, amounts, side="left") for row in by_draw])
        chances = 1.0 - below / by_draw.shape[1]
        error = np.full(len(amounts), np.nan)
        if forecast.n_draws > 1:
            error = chances.std(axis=0, ddof=1) / np.sqrt(forecast.n_draws)
        return cls(amounts, chances.mean(axis=0), error)

    def at(self, amount: float) -> float:
        """Chance of reaching an amount, from the curve as it is drawn."""
        i = np.searchsorted(self.amounts, amount, side="left")
        return float(self.chance[i]) if i < len(self.amounts) else 0.0


@dataclass(frozen=True)
class _Mark:
    """A point on the curve, with the range of what was estimated and words for it."""

    amount: float
    chance: float
    text: str
    colour: str


def plot_chance(forecast: Forecast, *, ax: Axes | None = None) -> Axes:
    """Chance that the total of all periods reaches an amount, over the amounts.

    Parameters
    ----------
    forecast : Forecast
    ax : Axes, optional
        A new pyplot figure by default.

    Returns
    -------
    Axes
        The curve with a band of two standard errors (simulation and finite parameter draws); the amounts
        reached with chances of 90, 80 and 50 %, each with the range that the band leaves it; the target with
        its chance.
    """
    sheet, curve = _Sheet.on(ax), _Curve.of(forecast)
    scale = _scale(forecast)
    entries = _chance_curve(sheet, curve)
    marks, ranges = _sure_amounts(sheet, forecast, scale)
    _amount_limits(sheet, forecast, curve, scale)
    if forecast.target is not None:
        marks.append(_target_mark(sheet, forecast, scale))
    _write_marks(sheet, curve, marks)
    when = _when(forecast)
    n_lines = sheet.axis_names(scale.axis(f"{forecast.measure} {when}"), "chance of reaching it")
    _amount_ticks(sheet.ax.xaxis, scale)
    sheet.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    sheet.title(f"Chance that {forecast.measure} {when} reach an amount")
    sheet.legend(entries, lines_above=n_lines + 1)
    words = "; ".join([*ranges, *(mark.text.replace("\n", " ") for mark in marks[3:])])
    return sheet.finish(f"Chance that {forecast.measure} {when} reach an amount: {words}.")


def _chance_curve(sheet: _Sheet, curve: _Curve) -> list[Entry]:
    amounts = np.concatenate([[curve.amounts[0]], curve.amounts, [curve.amounts[-1]]])
    chance, error = (
        np.concatenate([[at], values, [0.0]]) for at, values in ((1.0, curve.chance), (0.0, curve.error))
    )
    entries: list[Entry] = []
    (line,) = sheet.ax.plot(
        amounts, chance, color=style.BLUE, linewidth=1.8, drawstyle="steps-pre", label="chance"
    )
    entries.append((line, "chance"))
    if not np.isnan(error).any():
        text = "± 2 standard errors (SE)"
        band = sheet.ax.fill_between(
            amounts, np.maximum(chance - 2 * error, 0), np.minimum(chance + 2 * error, 1),
            step="pre", color=style.tint(style.BLUE, 0.35), linewidth=0, label=text,
        )  # fmt: skip
        entries.append((band, text))
    return entries


def _sure_amounts(sheet: _Sheet, forecast: Forecast, scale: style.Scale) -> tuple[list[_Mark], list[str]]:
    """Mark the amounts reached with 90, 80 and 50 %; gives the marks and full words for each."""
    marks, words = [], []
    for share in (0.9, 0.8, 0.5):
        amount = float(forecast.quantile(1 - share))
        error = forecast.chance(amount).standard_error
        text = f"{share:.0%}: {scale.text(amount)}"
        sheet.ax.plot([amount], [share], "o", color=style.BLUE, markersize=5, zorder=6, label=f"{share:.0%}")
        full = text
        if np.isfinite(error):
            low, high = forecast.quantile([max(1 - share - 2 * error, 0.0), min(1 - share + 2 * error, 1.0)])
            sheet.ax.plot([low, high], [share] * 2, color=style.BLUE, linewidth=1.2, zorder=6)
            full = f"{text} ({scale.range(low, high)})"
        marks.append(_Mark(amount, share, text if sheet.is_small else full, style.INK))
        words.append(full)
    return marks, words


def _amount_limits(sheet: _Sheet, forecast: Forecast, curve: _Curve, scale: style.Scale) -> None:
    """All but the far tails, and the target when it is not far off."""
    low, high = (float(limit) for limit in forecast.quantile([0.002, 0.998]))
    span = (high - low) or max(0.1 * abs(high), scale.factor)
    low, high = max(low - 0.08 * span, min(0.0, low)), high + 0.12 * span
    target = forecast.target
    if target is not None and (low - span < target < high + span or high <= span):
        low, high = min(low, target), max(high, target)
        low, high = low - (low == target) * 0.05 * (high - low), high + (high == target) * 0.05 * (high - low)
    ax = sheet.ax
    ax.set_xlim(low, high)
    is_sure = target is not None and forecast.chance(target).value > 0.9
    ax.set_ylim(0, 1 / (1 - 2.6 * _line(sheet)) if is_sure else 1.06)  # words for a sure target stand on top
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.plot([low, curve.amounts[0]], [1, 1], color=style.BLUE, linewidth=1.8)
    ax.plot([curve.amounts[-1], max(high, curve.amounts[-1])], [0, 0], color=style.BLUE, linewidth=1.8)
    ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _target_mark(sheet: _Sheet, forecast: Forecast, scale: style.Scale) -> _Mark:
    assert forecast.target is not None
    low, high = sheet.ax.get_xlim()
    chance, target, colour, ax = forecast.chance(), forecast.target, style.VERMILLION, sheet.ax
    text = f"target {scale.text(target)}:\n{style.chance_words(chance, forecast.n_futures)}"
    if not low <= target <= high:
        arrow = "→" if target > high else "←"
        return _Mark(high if target > high else low, chance.value, f"{arrow} {text}", colour)
    ax.plot([target] * 2, [0, chance.value], color=colour, linewidth=1.5, linestyle=(0, (5, 2)))
    error = 0.0 if np.isnan(chance.standard_error) else 2 * chance.standard_error
    ax.errorbar(
        [target], [chance.value], [[error], [error]], fmt="D", color=colour, capsize=3, markersize=6,
        zorder=7, label="target",
    )  # fmt: skip
    return _Mark(target, chance.value, text, colour)


def _write_marks(sheet: _Sheet, curve: _Curve, marks: Sequence[_Mark]) -> None:
    """Words to the right of each mark, a line apart or higher; above the curve if shifted left to fit."""
    low, high = sheet.ax.get_xlim()
    line = _line(sheet) * sheet.ax.get_ylim()[1]
    free = 0.0
    for mark in sorted(marks, key=lambda mark: mark.chance):
        text, share = mark.text, _share_of_width(sheet, mark.text)
        if mark.amount + share * (high - low) > high:
            text = text.replace(" (", "\n(")
            share = _share_of_width(sheet, text)
        half = 0.5 * line * (text.count("\n") + 1)
        x = max(min(mark.amount, high - share * (high - low)), low)
        y = mark.chance if x == mark.amount else curve.at(x) + half
        y = max(1 + half if mark.chance > 0.9 else y, free + half)
        free = y + half
        sheet.write(x, y, text, color=mark.colour, ha="left", va="center", dx=0.8)


def _line(sheet: _Sheet) -> float:
    """Height of a line of words, as a share of the axes; more than on paper where a legend takes room."""
    return 1.3 * 0.9 * sheet.size / 72 / sheet.height * (1.5 if sheet.is_small else 1.1)


def _share_of_width(sheet: _Sheet, text: str) -> float:
    return (max(map(style.width_of, text.split("\n"))) + 1) / sheet.columns(relative=0.9)


# --- 3. incidence by age ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Band:
    """One band of the stack: the places it adds up."""

    label: str
    colour: str
    codes: Ints
    is_forward: bool = False


@dataclass(frozen=True, eq=False)
class _Incidence:
    """Cumulative shares of one stage by age, with 80 % intervals from draws of the parameters.

    ``shares`` has shape (n_ages, n_bands); ``forward`` has rows low, mean, high over the ages; ``final`` has
    rows low, high over the bands and, last, what is still there. ``usual_age`` is that by which 95 % of those
    who leave have left.
    """

    ages: Ints
    shares: Floats
    forward: Floats
    final: Floats
    usual_age: int

    @classmethod
    def of(cls, funnel: Funnel, stage: int, bands: Sequence[_Band], n_draws: int, seed: int) -> _Incidence:
        streams, first_age = Streams(seed), funnel.hazards[stage].first_age
        n_ages = max(int(first_age[-1]), 1)

        def curves(hazards: Floats) -> Floats:
            grouped = np.column_stack([hazards[:, band.codes].sum(axis=1) for band in bands])
            return incidence_by_age(first_age, grouped, n_ages)

        by_age = curves(funnel.mean_hazards(stage))
        usual = int(dwell_quantile(by_age, 0.95)) + 1
        ages = np.unique(np.append(np.linspace(0, min(1.3 * usual, n_ages - 1), 500).astype(int), n_ages - 1))
        shares = by_age.cumsum(axis=0)[ages]
        hazards = funnel.hazard_draws(stage, streams, range(n_draws))
        drawn = np.stack([curves(draw).cumsum(axis=0)[ages] for draw in hazards])
        is_forward = np.array([band.is_forward for band in bands])
        low, high = np.quantile(drawn[:, :, is_forward].sum(axis=2), [0.1, 0.9], axis=0)
        ends = np.column_stack([drawn[:, -1], 1 - drawn[:, -1].sum(axis=1)])
        forward = np.stack([low, shares[:, is_forward].sum(axis=1), high])
        return cls(ages, shares, forward, np.quantile(ends, [0.1, 0.9], axis=0), usual)


@overload
def plot_incidence(
    funnel: Funnel, stage: str, *, ax: Axes | None = None, n_draws: int = 200, seed: int = 0
) -> Axes: ...


@overload
def plot_incidence(
    funnel: Funnel, stage: None = None, *, ax: None = None, n_draws: int = 200, seed: int = 0
) -> npt.NDArray[np.object_]: ...


def plot_incidence(
    funnel: Funnel, stage: str | None = None, *, ax: Axes | None = None, n_draws: int = 200, seed: int = 0
) -> Axes | npt.NDArray[np.object_]:
    """Where deals that enter a stage have gone by each age: on, won, back, lost, or still there.

    Parameters
    ----------
    funnel : Funnel
    stage : str, optional
        One open stage. By default every stage gets a small panel, at most the 12 with most exits.
    ax : Axes, optional
        For one stage; a new pyplot figure by default.
    n_draws : int
        Draws of the parameters behind the 80 % intervals.
    seed : int

    Returns
    -------
    Axes, or ndarray of Axes when `stage` is None
        Stacked shares over age in steps of the clock, up to little more than the age by which 95 % of those
        who leave have left (the data of the curves go on to the oldest exit). Lines show the share moved
        forward (later stages and won) with its 80 % interval. Shares in words are those by the oldest exit.

    Raises
    ------
    PlotError
        If no open stage has this name, or `ax` is given without a stage.

    Notes
    -----
    A speed lever acts on a forecast, not on these curves.
    """
    if stage is not None:
        sheet = _Sheet.on(ax)
        code = _stage_code(funnel, stage)
        bands = _bands_of_stage(funnel, code)
        incidence = _Incidence.of(funnel, code, bands, n_draws, seed)
        return _draw_stage(sheet, funnel, code, bands, incidence)
    if ax is not None:
        raise PlotError(f"one axes shows one stage: name it; open stages are {_open_names(funnel)}")
    return _draw_panels(funnel, n_draws, seed)


def _open_names(funnel: Funnel) -> str:
    names = [style.shorten(style.plain(place.name), 40) for place in funnel.stages.open]
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _stage_code(funnel: Funnel, stage: str) -> int:
    code = funnel.stages.codes.get(stage, funnel.stages.n_open)
    if code >= funnel.stages.n_open:
        raise PlotError(f"{style.plain(stage)!r} is no open stage; open stages are {_open_names(funnel)}")
    return code


def _largest(codes: Ints, weight: Floats, most: int) -> tuple[Ints, Ints]:
    """Codes split into those with the most weight, in order of code, and the rest."""
    codes = codes[weight[codes] > 0]
    if len(codes) <= most + 1:  # a rest of one is no shorter than its name
        return codes, codes[:0]
    chosen = np.sort(codes[np.argsort(-weight[codes], kind="stable")[:most]])
    return chosen, np.setdiff1d(codes, chosen)


def _role_bands(funnel: Funnel, weight: Floats, names: Sequence[str], kind: str) -> list[_Band]:
    """Bands of won ("won") or lost ("lost") outcomes."""
    is_won = kind == "won"
    codes = np.flatnonzero(funnel.stages.is_won if is_won else funnel.stages.is_lost)
    shown, rest = _largest(codes, weight, _SEPARATE_CAUSES)
    strengths = (1.0, 0.8, 0.65, 0.5) if is_won else (1.0, 0.72, 0.48, 0.3)
    colour = style.BLUE if is_won else style.ORANGE
    bands = [
        _Band(names[code], style.tint(colour, strengths[i]), np.array([code]), is_won)
        for i, code in enumerate(shown)
    ]
    if len(rest):
        bands.append(_Band(f"{len(rest)} more {kind}", style.tint(colour, 0.2), rest, is_won))
    return bands


def _bands_of_stage(funnel: Funnel, stage: int) -> list[_Band]:
    """Won, later stages from the last to the next, earlier stages, causes of loss: from the bottom up."""
    weight, names = funnel.mean_hazards(stage).sum(axis=0), _place_names(funnel)
    later, rest = _largest(np.arange(stage + 1, funnel.stages.n_open), weight, _SEPARATE_CAUSES)
    forward = (
        [_Band(f"{len(rest)} more later stages", style.tint(style.SKY, 0.25), rest, True)]
        if len(rest)
        else []
    )
    strengths = (0.9, 0.7, 0.5, 0.35)
    forward += [
        _Band(names[code], style.tint(style.SKY, strengths[i]), np.array([code]), True)
        for i, code in reversed(list(enumerate(later)))
    ]
    earlier = np.flatnonzero(weight[:stage] > 0)
    back = [_Band("earlier stages", style.tint(style.PURPLE, 0.75), earlier)] if len(earlier) else []
    won, lost = (_role_bands(funnel, weight, names, kind) for kind in ("won", "lost"))
    bands = [*won, *forward, *back, *lost]
    return bands or [_Band("later stages", style.SKY, np.arange(stage + 1, funnel.stages.n_open), True)]


def _bands_of_all(funnel: Funnel, stages: Ints) -> dict[int, list[_Band]]:
    """Bands by role, alike for every stage, so that one legend serves all panels."""
    weight: Floats = sum(
        (funnel.hazards[s].exits.sum(axis=0) for s in stages), np.zeros(len(funnel.stages.names))
    )
    weight = weight if weight.sum() else weight + 1
    won, lost = (_role_bands(funnel, weight, _place_names(funnel), kind) for kind in ("won", "lost"))
    codes = np.arange(funnel.stages.n_open)
    return {
        int(stage): [
            *won,
            _Band("later stages", style.tint(style.SKY, 0.8), codes[stage + 1 :], True),
            _Band("earlier stages", style.tint(style.PURPLE, 0.75), codes[:stage]),
            *lost,
        ]
        for stage in stages
    }


def _place_names(funnel: Funnel, width: int = 20, n_lines: int = 2) -> list[str]:
    n_open, names = funnel.stages.n_open, funnel.stages.names
    shown = _drawable(names[:n_open], "stage") + _drawable(names[n_open:], "outcome")
    return style.short_names(shown, width, n_lines)


def _draw_stack(sheet: _Sheet, bands: Sequence[_Band], incidence: _Incidence) -> list[tuple[Artist, str]]:
    """The stack, the forward boundary and its interval; gives what a legend needs, from the top down."""
    ax, ages = sheet.ax, np.append(incidence.ages, incidence.ages[-1] + 1)
    tops = np.cumsum(incidence.shares, axis=1)
    floor = np.zeros(len(ages))
    entries: list[tuple[Artist, str]] = [(Patch(color=style.PALE), "still there")]
    for band, share, top in zip(bands, incidence.shares[-1], np.vstack([tops, tops[-1:]]).T, strict=True):
        if share > 0:
            ax.fill_between(
                ages, floor, top, step="post", color=band.colour, edgecolor="white", linewidth=0.4,
                label=_safe(band.label),
            )  # fmt: skip
            entries.insert(1, (Patch(color=band.colour), band.label))
        floor = top
    ax.fill_between(ages, floor, 1, step="post", color=style.PALE, linewidth=0, label="still there")
    low, mean, high = np.hstack([incidence.forward, incidence.forward[:, -1:]])
    ax.plot(ages, mean, color=style.INK, linewidth=1.4, drawstyle="steps-post", label="forward")
    for bound in (low, high):
        ax.plot(ages, bound, color=style.INK, linewidth=0.8, linestyle=(0, (2, 1.5)), drawstyle="steps-post")
    ax.set_xlim(0, min(1.3 * incidence.usual_age, ages[-1]))
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return [*entries, (Line2D([], [], color=style.INK, linewidth=1.4), "forward, 80% interval")]


def _shares_in_words(bands: Sequence[_Band], incidence: _Incidence) -> list[str]:
    """Final shares with 80 % intervals, in the order of the legend."""
    values = np.append(incidence.shares[-1], 1 - incidence.shares[-1].sum())
    names = [*(band.label for band in bands), "still there"]
    words = [
        f"{name} {_share(value, low, high)}"
        for name, value, low, high in zip(names, values, *incidence.final, strict=True)
        if value > 0 or name == "still there"
    ]
    low, mean, high = incidence.forward[:, -1]
    return [*words[::-1], f"forward {_share(mean, low, high)}"]


def _share(value: float, low: float, high: float) -> str:
    return f"{value:.0%}" + (f" ({100 * low:.0f} to {100 * high:.0f})" if low < high else "")


def _draw_stage(
    sheet: _Sheet, funnel: Funnel, stage: int, bands: Sequence[_Band], incidence: _Incidence
) -> Axes:
    entries, words = _draw_stack(sheet, bands, incidence), _shares_in_words(bands, incidence)
    name, step, oldest = _place_names(funnel, 40, 1)[stage], funnel.clock.step, int(incidence.ages[-1])
    sheet.axis_names(f"age in stage ({step}s)", "share of deals that entered")
    sheet.title(f"Where deals in {name} go")
    if sheet.is_small:
        sheet.legend(entries, lines_above=2)
    else:
        note = "as given" if funnel.hazards[stage].is_certain else "80% interval"
        told = [(handle, text) for (handle, _), text in zip(entries, words, strict=True)]
        sheet.legend(told, title=f"by {step} {oldest:,}\n({note})")
    return sheet.finish(_stage_sentence(funnel, stage, words, oldest))


def _stage_sentence(funnel: Funnel, stage: int, words: Sequence[str], oldest: int) -> str:
    listed = "; ".join(word.replace("\n", " ") for word in words[::-1])
    n_exits, step = funnel.hazards[stage].n_exits, funnel.clock.step
    return (
        f"Of deals that enter {style.plain(funnel.stages.names[stage])}, share by {step} {oldest:,} with 80% "
        f"interval, from {n_exits:,.0f} exits: {listed}."
    )


def _draw_panels(funnel: Funnel, n_draws: int, seed: int) -> npt.NDArray[np.object_]:
    exits = np.array([hazards.n_exits for hazards in funnel.hazards])
    stages = np.sort(np.argsort(-exits, kind="stable")[:_MOST_PANELS])
    n_columns = 4 if len(stages) > 9 else 2 if len(stages) == 4 else min(len(stages), 3)
    n_rows = -(-len(stages) // n_columns)
    figure = plt.figure(figsize=(max(2.8 * n_columns, 5.6), 1.3 + 2.3 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    names, all_bands = _place_names(funnel, 34, 1), _bands_of_all(funnel, stages)
    handles: dict[str, Artist] = {}
    for axes, stage in zip(grid, stages.tolist(), strict=False):
        sheet, bands = _Sheet.on(axes), all_bands[stage]
        incidence = _Incidence.of(funnel, stage, bands, n_draws, seed)
        handles |= {label: handle for handle, label in _draw_stack(sheet, bands, incidence)}
        words = _shares_in_words(bands, incidence)
        sheet.axis_names(f"age in stage ({funnel.clock.step}s)", "")
        head = f"{names[stage]}\n{words[-1]}, {exits[stage]:,.0f} exits"
        sheet.ax.set_title(_safe(head), loc="left", fontsize=sheet.size, color=style.INK)
        sheet.finish(_stage_sentence(funnel, stage, words, int(incidence.ages[-1])))
    for spare in grid[len(stages) :]:
        spare.remove()
    some = f" (the {len(stages)} stages with most exits, of {len(exits)})" if len(stages) < len(exits) else ""
    order = [*(band.label for band in all_bands[int(stages[0])]), "still there", "forward, 80% interval"]
    entries = [(handles[label], label) for label in order if label in handles]
    _frame_panels(figure, f"Where deals go, by age in stage{some}", entries)
    return grid[: len(stages)]


def _frame_panels(figure: Figure, title: str, entries: Sequence[tuple[Artist, str]]) -> None:
    size = float(mpl.rcParams["font.size"])
    columns, head = (
        int(figure.get_figwidth() * 72 / (_EM * 1.1 * size)),
        {"fontsize": size, "color": style.INK},
    )
    wrapped = style.wrap(title, int(columns / 1.2), 2)
    figure.suptitle(wrapped, x=0.01, ha="left", fontweight="bold", **head | {"fontsize": 1.1 * size})
    figure.supylabel("share of deals that entered", **head)
    figure.legend(
        [handle for handle, _ in entries],
        [_safe(text) for _, text in entries],
        loc="outside lower left",
        ncols=_legend_columns([text for _, text in entries], columns),
        frameon=False,
        fontsize=0.85 * size,
    )
    _widen_fonts(figure)


# --- 4. levers ----------------------------------------------------------------------------------------------


def plot_levers(comparison: LeverComparison, *, ax: Axes | None = None) -> Axes:
    """What each lever changes in the chance of the target, largest first.

    Parameters
    ----------
    comparison : LeverComparison
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of levers asks for.

    Returns
    -------
    Axes
        Bars in percentage points, with error bars of two standard errors of the paired difference, and the
        numbers beside. Of more than 20 levers, the 20 with the largest changes.
    """
    n_levers = len(comparison.levers)
    effects = [comparison.effect(i) for i in range(n_levers)]
    chosen = sorted(range(n_levers), key=lambda i: -abs(effects[i].value))[:_MOST_LEVERS]
    chosen = sorted(chosen, key=lambda i: -effects[i].value)
    width, height = mpl.rcParams["figure.figsize"]
    sheet = _Sheet.on(ax, (width, height * float(np.clip((len(chosen) + 2) / 8, 0.65, 2.2))))
    names = _drawable([lever.name for lever in comparison.levers], "lever")
    lines_per_row = sheet.height * 72 / (1.2 * 0.9 * sheet.size) / max(len(chosen), 1)
    fitted = style.short_names(names, sheet.columns(0.4, 0.9), 2 if lines_per_row > 3.2 else 1)
    _lever_bars(sheet, [fitted[i] for i in chosen], [effects[i] for i in chosen])
    base = comparison.base
    scale = _scale(base)
    chance = style.chance_words(base.chance(comparison.target), base.n_futures)
    some = f"; {len(chosen)} of {n_levers} levers" if len(chosen) < n_levers else ""
    sheet.axis_names("change in percentage points (± 2 paired standard errors)", "")
    sheet.title(f"Chance of {scale.text(comparison.target)} as it is: {chance}{some}", share=0.75, n_lines=3)
    told = "; ".join(f"{names[i]} {_points(effects[i])}" for i in chosen) or "no lever"
    return sheet.finish(
        f"Chance of the target of {scale.text(comparison.target)} without a lever: {chance}; change by each "
        f"lever in percentage points, with two standard errors: {told}."
    )


def _points(effect: Estimate) -> str:
    if effect.value == 0 and effect.standard_error == 0:
        return "no change"
    return f"{100 * effect.value:+.1f} ± {200 * effect.standard_error:.1f}"


def _lever_bars(sheet: _Sheet, names: Sequence[str], effects: Sequence[Estimate]) -> None:
    ax, rows = sheet.ax, np.arange(len(names))
    points = np.array([100 * effect.value for effect in effects])
    errors = np.array([200 * effect.standard_error for effect in effects])
    colours = [style.BLUE if value >= 0 else style.ORANGE for value in points]
    ax.barh(rows, points, height=0.6, color=colours)
    ax.errorbar(points, rows, xerr=errors, fmt="none", ecolor=style.INK, elinewidth=1.4, capsize=3)
    for row, effect in zip(rows, effects, strict=True):
        sheet.beside(float(row), _points(effect))
    ax.axvline(0, color=style.INK, linewidth=0.8)
    low, high = min(0.0, *(points - errors)) if len(rows) else 0.0, max([0.0, *(points + errors)])
    high = high if high > low else 1.0
    span = high - low
    ax.set_xlim(low - 0.04 * span if low < 0 else 0, high + 0.04 * span)
    ax.set_ylim(max(len(names), 1) - 0.4, -0.6)
    ax.set_yticks(rows, [_safe(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
