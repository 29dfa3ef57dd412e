"""Effects of attributes on the chance of winning: a forest of estimates with their intervals."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, safe, spoken
from funnelsim.questions.effects import Effects
from funnelsim.vocabulary.language import Language, tr

_MOST_ROWS = 40
_UP, _DOWN, _NONE = "wins more often", "wins less often", "no clear effect on winning"
_MARKERS = {_UP: "^", _DOWN: "v", _NONE: "o"}


@spoken
def plot_effects(effects: Effects, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Change of the chance of winning by attribute, in points, with intervals; those together that belong so.

    Parameters
    ----------
    effects : Effects
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of effects asks for.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        A filled triangle marks an effect that is clear, a hollow circle one that is not; the odds ratio of
        moving forward stands beside. Of more than 40 effects, or than fit on the axes given, those furthest
        from none by their interval.
    """
    table = effects.table()
    width, height = mpl.rcParams["figure.figsize"]
    n_wanted = min(len(table), _MOST_ROWS)
    sheet = Sheet.on(ax, (width, height * float(np.clip((n_wanted + 5) / 13, 0.75, 2.6))))
    chosen = _furthest(table, sheet.rows(_MOST_ROWS))
    own = list(dict.fromkeys(chosen["attribute"]))
    attributes = dict(zip(own, drawable(own, "attribute"), strict=True))
    levels = drawable(list(chosen["level"]), "level")
    names = [
        style.joined(":", [attributes[name], level])
        for name, level in zip(chosen["attribute"], levels, strict=True)
    ]
    kinds = [_kind(verdict) for verdict in chosen["verdict"]]
    _rows(sheet, _labels(sheet, chosen, names, levels), chosen, kinds)
    label = (
        f"change of a new deal's chance of winning, in points, with {100 * effects.interval:.0f} % intervals"
    )
    n_lines = sheet.axis_names(label, "")
    some = [f"{len(chosen)} {tr('of')} {len(table)}"] if len(chosen) < len(table) else []
    n_clear = sum(_kind(verdict) != _NONE for verdict in table["verdict"])
    told_clear = tr(f"{n_clear} of {len(table)} are clear")
    head = style.joined(",", [tr("Effects of attributes"), *some])
    sheet.title(style.joined(":", [head, told_clear]), share=0.85, n_lines=2)
    _legend(sheet, set(kinds), n_lines)
    head = style.joined(",", [tr("Change of the chance of winning in points"), *some])
    base = tr(f"of {100 * effects.win_rate:.1f} % for a deal of average attributes")
    said = style.sentence(style.joined(";", [style.joined(",", [head, base]), told_clear]))
    with_bounds = tr(f"With {100 * effects.interval:.0f} % intervals")
    told = style.joined(";", (_told(name, row) for name, row in zip(names, chosen.itertuples(), strict=True)))
    rest = style.sentence(style.joined(":", [with_bounds, told]))
    return sheet.finish(style.sentences([said, rest]))


def _told(name: str, row: Any) -> str:
    """One effect with its interval and verdict."""
    change = f"{row.win_change:+.1f}"
    bounds = style.aside(f"{row.win_change_low:+.1f} {tr('to')} {row.win_change_high:+.1f}")
    verdict = style.joined(",", (tr(word) for word in row.verdict.split(", ")))
    return style.joined(",", [f"{name} {change}{bounds}", verdict])


def _furthest(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """The effects shown, in their order."""
    nearest = np.maximum(table["win_change_low"].to_numpy(), -table["win_change_high"].to_numpy())
    return table.iloc[np.sort(np.argsort(-nearest, kind="stable")[:n])]


def _labels(sheet: Sheet, table: pd.DataFrame, names: list[str], levels: list[str]) -> list[str]:
    """Attribute and level in the first row of an attribute, only the level in those after it."""
    attribute, room = table["attribute"].to_numpy(object), sheet.columns(0.36, 0.9)
    labels: list[str] = []
    for one in dict.fromkeys(attribute):
        first, *others = np.flatnonzero(attribute == one)
        labels += style.short_names([names[first], *(levels[i] for i in others)], room)
    return labels


def _kind(verdict: str) -> str:
    return next((kind for kind in (_UP, _DOWN) if kind in verdict), _NONE)


def _rows(sheet: Sheet, names: list[str], table: pd.DataFrame, kinds: list[str]) -> None:
    ax, rows, kind = sheet.ax, np.arange(len(table)), np.array(kinds)
    thin = float(np.clip(sheet.height * 72 / max(len(table), 1) / 18, 0.35, 1.0))
    ax.axvline(0.0, color=style.INK, linewidth=1.0, linestyle="--", zorder=1)
    colours = np.where(kind == _NONE, style.GREY, style.BLUE)
    ax.hlines(
        rows,
        table["win_change_low"],
        table["win_change_high"],
        color=colours,
        linewidth=2.2 * thin,
        zorder=2,
    )
    for word, marker in _MARKERS.items():
        here = kind == word
        is_clear = word != _NONE
        ax.scatter(
            table["win_change"][here],
            rows[here],
            s=(58 if is_clear else 34) * thin,
            linewidth=1.4,
            marker=marker,
            facecolor=style.BLUE if is_clear else "white",
            edgecolor=style.BLUE if is_clear else style.GREY,
            zorder=3,
        )
    for row, odds in zip(rows, table["odds_ratio"], strict=True):
        sheet.beside(float(row), (tr("odds") + " " if row == 0 else "") + f"×{odds:.2f}")
    for row in np.flatnonzero(table["attribute"].to_numpy()[1:] != table["attribute"].to_numpy()[:-1]):
        ax.axhline(row + 0.5, color=style.PALE, linewidth=0.8, zorder=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(rows, [safe(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _legend(sheet: Sheet, kinds: set[str], n_lines: int) -> None:
    def handle(word: str) -> Line2D:
        colour = style.GREY if word == _NONE else style.BLUE
        fill = "white" if word == _NONE else colour
        return Line2D([], [], marker=_MARKERS[word], color=colour, markerfacecolor=fill)

    entries: list[Entry] = [(handle(word), word) for word in _MARKERS if word in kinds]
    sheet.legend(entries, lines_above=1 + n_lines, most=3)
