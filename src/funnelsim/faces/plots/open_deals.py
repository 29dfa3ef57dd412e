"""Open deals by chance and age in stage: size is the amount, colour the stage, the largest are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, readable, share_of_width, spoken
from funnelsim.faces.plots.units import during
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import Language, tr
from funnelsim.vocabulary.periods import step_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_Taken = tuple[float, float, float]  # left, right and height of words, as shares of the axes

_MOST_COLOURS = 6
_MOST_NAMED = 5
_MOST_COUNTED = 12
_LEAST_AREA, _MOST_AREA = 10.0, 260.0  # square points
_LONGEST_NAME = 24


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
        five largest amounts are named where there is room, and "×30" counts deals that lie on one point.
    """
    table = forecast.by_deal()
    sheet, scale = Sheet.on(ax), style.Scale.of(_amounts(table), readable(forecast.unit))
    groups = _stage_groups(forecast.deals.stage_names, table)
    entries = _discs(sheet, table, groups)
    _frame(sheet, table)
    largest = table.assign(amount=_amounts(table)).nlargest(_MOST_NAMED, "amount")
    _stacks(sheet, table, _names(sheet, largest))
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
    area = _area(_amounts(table)) * (0.5 if sheet.is_small else 1.0)
    entries: list[Entry] = []
    for words, colour, stages in groups:
        here = table["stage"].isin(stages).to_numpy()
        age, chance, sd = (table.loc[here, c].to_numpy(float) for c in ("age_steps", "chance", "chance_sd"))
        chance, sd = 100 * chance, np.nan_to_num(100 * sd)
        low, high = np.clip([chance - sd, chance + sd], 0, 100)
        sheet.ax.vlines(age, low, high, color=style.GREY, linewidth=0.7, alpha=0.6, zorder=2)
        sheet.ax.scatter(
            age, chance, s=area[here], color=colour, edgecolor=style.INK, linewidth=0.5, alpha=0.85,
            zorder=3, label=words,
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
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3g} %")
    ax.grid(color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _radius(sheet: Sheet, amount: float, largest: float) -> float:
    """Radius of a disc, in letters."""
    area = float(_area(np.array([amount, largest]))[0]) * (0.5 if sheet.is_small else 1.0)
    return float(np.sqrt(area / np.pi)) / sheet.size


def _stacks(sheet: Sheet, table: pd.DataFrame, taken: list[_Taken]) -> None:
    """How many deals lie on one point, beside it, where no name or other count stands."""
    if not len(table):
        return
    spots = table.assign(amount=_amounts(table), percent=(100 * table["chance"]).round(2))
    spots = spots.groupby(["age_steps", "percent"])["amount"].agg(["size", "max"]).reset_index()
    spots = spots[spots["size"] > 1].nlargest(_MOST_COUNTED, "size")
    (left, right), (bottom, top) = sheet.ax.get_xlim(), sheet.ax.get_ylim()
    line = 1.2 * 0.9 * sheet.size / 72 / sheet.height
    largest = float(_amounts(table).max())
    for age, percent, n, amount in spots.itertuples(index=False):
        text, dx = f"×{n:,}", _radius(sheet, amount, largest) + 0.15
        x, y = (age - left) / (right - left), (percent - bottom) / (top - bottom)
        width = share_of_width(sheet, text) + 0.02
        for ha, start, sign in (("right", x - width, -1), ("left", x, 1)):
            end = start + width
            is_free = all(abs(y - b) > line or start >= e or end <= s for s, e, b in taken)
            if is_free and start >= 0 and end <= 1:
                taken.append((start, end, y))
                sheet.write(age, percent, text, color=style.INK, ha=ha, va="center", dx=sign * dx)
                break


def _names(sheet: Sheet, largest: pd.DataFrame) -> list[_Taken]:
    """Names of the largest, to the right of their discs or left at the edge, where no other name stands."""
    (left, right), (bottom, top) = sheet.ax.get_xlim(), sheet.ax.get_ylim()
    line = 1.5 * 0.9 * sheet.size / 72 / sheet.height
    taken: list[_Taken] = []
    most = float(largest["amount"].max()) if len(largest) else 0.0
    shown = style.short_names(drawable([str(name) for name in largest["deal_id"]], "deal"), 18)
    places = zip(shown, largest["age_steps"], 100 * largest["chance"], largest["amount"], strict=True)
    for text, age, chance, amount in places:
        dx = _radius(sheet, amount, most) + 0.3
        x, y = (age - left) / (right - left), (chance - bottom) / (top - bottom)
        width = share_of_width(sheet, text) + 0.03
        start = x if x + width < 1 else x - width
        is_free = all(abs(y - b) > line or start > e or start + width < s for s, e, b in taken)
        if is_free and start >= 0:
            taken.append((start, start + width, y))
            ha = "left" if start == x else "right"
            sheet.write(age, chance, text, color=style.INK, ha=ha, va="center", dx=dx if start == x else -dx)
    return taken


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
