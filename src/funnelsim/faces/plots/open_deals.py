"""Open deals by chance and age in stage: size is the amount, colour the stage, the largest are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, readable, safe, share_of_width, spoken
from funnelsim.faces.plots.units import during
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import Language, tr
from funnelsim.vocabulary.periods import step_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_COLOURS = 6
_MOST_NAMED = 5
_MOST_COUNTED = 12
_LEAST_AREA, _MOST_AREA = 10.0, 260.0  # square points
_LONGEST_NAME = 24
_MOST_OUTLINES = (
    2_000  # deals in a page of vectors: beyond them they are one image, or it would weigh megabytes
)


@spoken
def plot_open_deals(forecast: Forecast, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Open deals by age in their stage and chance to be won by the end of the periods.

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
        A disc a deal: its area is the amount (all alike where there are no amounts), its colour the stage,
        from light (early) to dark (late); of more than six stages with deals, neighbours share a colour. The
        line through it is the chance plus or minus one standard deviation over draws of the parameters. The
        five largest amounts are named, and "×30" counts deals that lie on one point, where there is room.
    """
    table = forecast.by_deal()
    sheet, scale = Sheet.on(ax), style.Scale.of(_amounts(table), readable(forecast.unit))
    groups = _stage_groups(forecast.deals.stage_names, table)
    entries = _discs(sheet, table, groups)
    _frame(sheet, table)
    largest = table.assign(amount=_amounts(table)).nlargest(_MOST_NAMED, "amount")
    if len(table):
        ground = _Ground.under(sheet, table)
        _stacks(ground, table)
        _names(ground, largest)
    step = step_of(forecast.periods)
    n_lines = sheet.axis_names(f"age in stage ({step}s)", "chance of winning (± one SD)")
    if "amount" in table and len(table):
        entries.append(_size_entry(scale, _amounts(table)))
    if entries:
        sheet.legend(entries, lines_above=n_lines + 1, most=4)
    expected = float(table["chance"].sum())
    head = f"{len(table):,} open deals, {expected:.1f} wins expected"
    if len(table) == 1:
        head = f"1 open deal, {expected:.1f} wins expected"
    sheet.title(during(head, forecast) if len(table) else tr("No open deals"))
    return sheet.finish(_alt(forecast, table, largest, scale, step))


def _amounts(table: pd.DataFrame) -> Floats:
    return table["amount"].to_numpy(float) if "amount" in table else np.zeros(len(table))


def _stage_groups(stages: Sequence[str], table: pd.DataFrame) -> list[tuple[str, str, set[str]]]:
    """Words, colour and stages of each disc's group, in the order of the funnel."""
    present = [name for name in stages if name in set(table["stage"])]
    shown = style.short_names(drawable(present, "stage"), _LONGEST_NAME)
    parts = [part for part in np.array_split(np.arange(len(present)), _MOST_COLOURS) if len(part)]
    shades = mpl.colormaps["cividis_r"](np.linspace(0.12, 1.0, max(len(parts), 2)))
    return [
        (
            shown[part[0]] if len(part) == 1 else f"{shown[part[0]]} – {shown[part[-1]]}",
            to_hex(shade),
            {present[i] for i in part},
        )
        for part, shade in zip(parts, shades, strict=False)
    ]


def _area(amount: Floats) -> Floats:
    largest = float(np.max(amount, initial=0.0))
    if largest <= 0:
        return np.full(len(amount), 30.0)
    return np.maximum(_MOST_AREA * np.maximum(amount, 0.0) / largest, _LEAST_AREA)


def _discs(sheet: Sheet, table: pd.DataFrame, groups: list[tuple[str, str, set[str]]]) -> list[Entry]:
    area, as_image = _area(_amounts(table)), len(table) > _MOST_OUTLINES
    entries: list[Entry] = []
    for words, colour, stages in groups:
        here = table["stage"].isin(stages).to_numpy()
        age, chance, sd = (table.loc[here, c].to_numpy(float) for c in ("age_steps", "chance", "chance_sd"))
        chance, sd = 100 * chance, np.nan_to_num(100 * sd)
        low, high = np.clip([chance - sd, chance + sd], 0, 100)
        sheet.ax.vlines(
            age, low, high, color=style.GREY, linewidth=0.7, alpha=0.6, zorder=2, rasterized=as_image
        )
        sheet.ax.scatter(
            age, chance, s=area[here], color=colour, edgecolor=style.INK, linewidth=0.5, alpha=0.85,
            zorder=3, label=words, rasterized=as_image,
        )  # fmt: skip
        entries.append(
            (Line2D([], [], marker="o", linestyle="", color=colour, mec=style.INK, mew=0.5), words)
        )
    return entries


def _size_entry(scale: style.Scale, amount: Floats) -> Entry:
    mark = Line2D(
        [], [], marker="o", linestyle="", color="white", mec=style.INK, mew=0.8, ms=_MOST_AREA**0.5 * 0.6
    )
    return mark, f"area: amount, largest {scale.text(float(amount.max()))}"


def _frame(sheet: Sheet, table: pd.DataFrame) -> None:
    ax = sheet.ax
    oldest = float(table["age_steps"].max()) if len(table) else 1.0
    top = 100 * float((table["chance"] + table["chance_sd"].fillna(0)).max()) if len(table) else 100.0
    ax.set_xlim(-0.03 * max(oldest, 1.0), 1.08 * max(oldest, 1.0))
    ax.set_ylim(0, min(max(1.12 * top, 1.0), 104.0))
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 5, 10], integer=True))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3g} %")
    ax.grid(color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


@dataclass
class _Ground:
    """Where words would cover something: boxes as shares of the axes (left, right, bottom, top)."""

    sheet: Sheet
    boxes: Floats
    largest: float

    @classmethod
    def under(cls, sheet: Sheet, table: pd.DataFrame) -> _Ground:
        """With every disc, and the line through it."""
        ground = cls(sheet, np.empty((0, 4)), float(np.max(_amounts(table), initial=0.0)))
        percent, sd = (100 * np.nan_to_num(table[name].to_numpy(float)) for name in ("chance", "chance_sd"))
        x, y = ground.at(table["age_steps"].to_numpy(float), percent)
        across, up = ground.reach(_amounts(table))
        low, high = (ground.at(x, np.clip(end, 0, 100))[1] for end in (percent - sd, percent + sd))
        discs = np.column_stack([x - across, x + across, y - up, y + up])
        ground.boxes = np.vstack([discs, np.column_stack([x, x, low, high])])
        return ground

    def at(self, age: Any, percent: Any) -> tuple[Any, Any]:
        """A point of the data as shares of the axes."""
        (left, right), (bottom, top) = self.sheet.ax.get_xlim(), self.sheet.ax.get_ylim()
        return (age - left) / (right - left), (percent - bottom) / (top - bottom)

    def reach(self, amount: Floats) -> tuple[Floats, Floats]:
        """Half the width and half the height of discs."""
        area = _area(np.append(amount, self.largest))[:-1]
        inches = np.sqrt(area / np.pi) * self.sheet.weight / 72
        return inches / self.sheet.width, inches / self.sheet.height

    def take(self, text: str, x: float, y: float, ha: str) -> bool:
        """Take the place of words that begin (or end) at a point, if nothing is there."""
        width = share_of_width(self.sheet, text)
        left = x if ha == "left" else x - width
        half = 0.6 * 0.9 * self.sheet.size / 72 / self.sheet.height
        box = np.array([left, left + width, y - half, y + half])
        lefts, rights, bottoms, tops = self.boxes.T
        is_met = (lefts < box[1]) & (rights > box[0]) & (bottoms < box[3]) & (tops > box[2])
        if is_met.any() or box.min() < 0 or box.max() > 1:
            return False
        self.boxes = np.vstack([self.boxes, box])
        return True

    def write_beside(self, text: str, age: float, percent: float, amount: float) -> bool:
        """Words right or left of a disc, where nothing else is; whether there was room."""
        (x, y), gap = self.at(age, percent), 0.3 * self.sheet.size / 72 / self.sheet.width
        beside = float(self.reach(np.array([amount]))[0][0]) + gap
        for sign, ha in ((1, "left"), (-1, "right")):
            if self.take(text, x + sign * beside, y, ha):
                letters = beside * self.sheet.width * 72 / self.sheet.size
                self.sheet.write(age, percent, text, color=style.INK, ha=ha, va="center", dx=sign * letters)
                return True
        return False

    def write_apart(self, text: str, age: float, percent: float) -> None:
        """Words on the nearest free ground, with a line to the disc; nothing where all is taken."""
        x, y = self.at(age, percent)
        for far in np.arange(0.06, 0.5, 0.04):
            for turn in np.pi * np.array([0.25, 0.5, 0.125, 0.75, 0.375, 0.625, 0.0, 1.0, -0.25]):
                to = x + far * np.cos(turn), y + far * np.sin(turn)
                ha = "left" if np.cos(turn) > -0.01 else "right"
                if self.take(text, *to, ha):
                    self.sheet.ax.annotate(
                        safe(text), (age, percent), to, textcoords="axes fraction", ha=ha, va="center",
                        fontsize=0.9 * self.sheet.size, color=style.INK, zorder=10,
                        arrowprops={"arrowstyle": "-", "color": style.INK, "linewidth": 0.6, "shrinkB": 0},
                    )  # fmt: skip
                    return


def _stacks(ground: _Ground, table: pd.DataFrame) -> None:
    """How many deals lie on one point, beside it, where nothing else stands."""
    spots = table.assign(amount=_amounts(table), percent=(100 * table["chance"]).round(2))
    spots = spots.groupby(["age_steps", "percent"])["amount"].agg(["size", "max"]).reset_index()
    spots = spots[spots["size"] > 1].nlargest(_MOST_COUNTED, "size")
    for age, percent, n, amount in spots.itertuples(index=False):
        ground.write_beside(f"×{n:,}", age, percent, amount)


def _names(ground: _Ground, largest: pd.DataFrame) -> None:
    """Names of the largest, beside their discs or, where these lie close, on free ground near them."""
    shown = style.short_names(drawable([str(name) for name in largest["deal_id"]], "deal"), 18)
    places = zip(shown, largest["age_steps"], 100 * largest["chance"], largest["amount"], strict=True)
    for text, age, chance, amount in places:
        if not ground.write_beside(text, age, chance, amount):
            ground.write_apart(text, age, chance)


def _alt(
    forecast: Forecast, table: pd.DataFrame, largest: pd.DataFrame, scale: style.Scale, step: str
) -> str:
    if not len(table):
        return style.sentence(tr("No open deals"))
    named = style.joined(";", (_told(row, scale, step) for row in largest.to_dict("records")))
    what = during(tr("chance of winning"), forecast)
    head = tr(
        f"{len(table):,} open deals, {float(table['chance'].sum()):.1f} wins expected; {what} and age in "
        "stage of the largest"
    )
    return style.sentence(style.joined(":", [head, named]))


def _told(row: dict[Any, Any], scale: style.Scale, step: str) -> str:
    """One deal in words."""
    amount = [scale.text(row["amount"])] if row["amount"] else []
    chance, sd = 100 * row["chance"], 100 * row["chance_sd"]
    chance_words = f"{chance:.0f} %" + ("" if np.isnan(sd) else f" ± {sd:.0f}")
    age = tr(f"{row['age_steps']:,} {step}s in {style.plain(row['stage'])}")
    return style.joined(",", [style.plain(row["deal_id"]), *amount, chance_words, age])
