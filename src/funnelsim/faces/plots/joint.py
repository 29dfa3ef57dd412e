"""Several levers in one picture: their shares of a joint effect, two over a grid, a budget's frontier."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Sheet, drawable, safe, spoken
from funnelsim.faces.plots.units import scale_of
from funnelsim.nouns.forecast import Forecast
from funnelsim.questions.compare import LeverComparison
from funnelsim.questions.solve import LeverGrid
from funnelsim.questions.spend import SpendingPlan
from funnelsim.vocabulary.language import Language, tr

_LEVELS = np.arange(0.1, 0.95, 0.1)
_MOST_SHARES = 16
_LEAST_CHANCE = 0.05  # in per cent: less reads as 0.0


@spoken
def plot_shares(
    comparison: LeverComparison, *, n_orders: int = 16, ax: Axes | None = None, lang: Language | None = None
) -> Axes:
    """From the chance as it is to that of all levers together: each lever's Shapley share as a step.

    Parameters
    ----------
    comparison : LeverComparison
    n_orders : int
        As for :meth:`LeverComparison.shares`.
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Both chances, and steps in percentage points, with standard errors, the numbers beside; a dot marks
        what the lever does alone. Of more than 16 levers, or than fit, those with the largest shares, and
        one step for the rest together.
    """
    shares = comparison.shares(n_orders=n_orders).sort_values("share", ascending=False)
    sheet = Sheet.on(ax, (6.4, 1.6 + 0.45 * (min(len(shares), _MOST_SHARES) + 2)))
    shares = _largest_shares(shares, min(_MOST_SHARES, sheet.rows(_MOST_SHARES + 2) - 2))
    base, joint = (100 * outlook.chance().value for outlook in (comparison.base, comparison.joint))
    lines_per_row = sheet.height * 72 / (1.2 * 0.9 * sheet.size) / (len(shares) + 2)
    names = drawable(list(shares.index), "lever")
    names = style.short_names(names, sheet.columns(0.4, 0.9), 2 if lines_per_row > 3.2 else 1)
    last = len(shares) + 1
    level, top, told = base, _whole(sheet, 0, comparison.base), []
    for row, (name, share) in enumerate(zip(names, shares.to_dict("records"), strict=True), start=1):
        step, error = style.in_points(share["share"], share["share_se"])
        sheet.ax.barh(row, step, left=level, height=0.6, color=style.BLUE if step >= 0 else style.ORANGE)
        sheet.ax.plot(  # nothing where there is no such thing
            base + 100 * share["alone"], row, "o", color=style.INK, markersize=5,
            markeredgecolor="white", markeredgewidth=0.8, zorder=5,
        )  # fmt: skip
        level += step
        if error > 0:
            _whisker(sheet, level, row, error)
        top = float(np.nanmax([top, level, level + error, base + 100 * share["alone"]]))
        sheet.ax.plot([level, level], [row - 0.3, row + 1.3], color=style.INK, linewidth=0.6)
        change = style.change_words(step, error)
        told.append(f"{name} {change}".replace("\n", " "))
        sheet.beside(float(row), change)
    top = max(top, _whole(sheet, last, comparison.joint))
    sheet.ax.set_ylim(last + 0.6, -0.6)
    sheet.ax.set_yticks(
        range(last + 1), [safe(name) for name in (tr("as it is"), *names, tr("all together"))]
    )
    sheet.ax.tick_params(axis="y", length=0)
    sheet.ax.set_xlim(0, min(100, max(1.1 * top, 1.0)))
    sheet.axis_names("chance of the target in per cent (± one SE; dot: with this lever alone)", "")
    target = scale_of(comparison.base).text(comparison.target)
    sheet.title(f"Chance of {target}: {base:.0f} % as it is, {joint:.0f} % with all levers", share=0.9)
    return sheet.finish(
        f"Chance of {target} {base:.1f} % as it is, {joint:.1f} % with all levers; shares in points, with "
        f"one standard error: {style.joined(';', told) or 'no lever'}."
    )


def _largest_shares(shares: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """The largest shares in their order; the rest, if any, as one, last: it has no error of its own."""
    if len(shares) <= n_rows:
        return shares
    rank = np.argsort(-shares["share"].abs().to_numpy(), kind="stable")
    kept, rest = np.sort(rank[: n_rows - 1]), rank[n_rows - 1 :]
    together = {"alone": np.nan, "share": float(shares["share"].iloc[rest].sum()), "share_se": np.nan}
    others = pd.DataFrame(together, index=[tr(f"{len(rest)} other levers")])
    return pd.concat([shares.iloc[kept][list(together)], others])


def _whole(sheet: Sheet, row: int, outlook: Forecast) -> float:
    """A chance as a bar from 0 with its standard error; gives how far both reach."""
    chance = outlook.chance()
    value, error = 100 * chance.value, np.nan_to_num(100 * chance.standard_error)
    sheet.ax.barh(row, value, height=0.6, color=style.tint(style.GREY, 0.6))
    if error > 0:
        _whisker(sheet, value, row, error)
    is_bound = outlook.n_futures is None and max(value, error) < _LEAST_CHANCE
    sheet.beside(
        float(row),
        "below 0.05 %" if is_bound else f"{value:.1f} %" + (f" ± {error:.1f}" if error > 0 else ""),
    )
    return float(value + error)


def _whisker(sheet: Sheet, at: float, row: int, error: float) -> None:
    sheet.ax.errorbar(
        at, row, xerr=error, ecolor=style.INK, elinewidth=1.2, capsize=3, capthick=1.2, zorder=4
    )


@spoken
def plot_lever_grid(grid: LeverGrid, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Lines of equal chance over two levers: which pairs of moves reach it.

    Parameters
    ----------
    grid : LeverGrid
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Chances are read at the lines and at the bar of colours; both levers are changes in per cent.
    """
    sheet = Sheet.on(ax)
    x, y = 100 * (grid.first - 1.0), 100 * (grid.second - 1.0)
    shown = sheet.ax.contourf(
        x, y, grid.chance.T, levels=np.linspace(0, 1, 21), cmap="Blues", vmin=0, vmax=1.15
    )
    shown.set_edgecolor("face")  # without thin white lines in PDF
    bar = sheet.ax.figure.colorbar(
        shown, ax=sheet.ax, ticks=np.linspace(0, 1, 6), format=PercentFormatter(1.0, symbol=" %")
    )
    bar.ax.tick_params(labelsize=0.85 * sheet.size)
    bar.outline.set_visible(False)
    within = [level for level in _LEVELS if grid.chance.min() < level < grid.chance.max()]
    if within:
        lines = sheet.ax.contour(x, y, grid.chance.T, levels=within, colors=style.INK, linewidths=0.8)
        bar.add_lines(lines)  # a line too short for its number is read here
        marks = sheet.ax.clabel(lines, fmt=lambda level: f"{100 * level:.0f} %", fontsize=0.85 * sheet.size)
        for mark in marks:
            mark.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
            mark.set_visible(_is_inside(sheet, mark.get_position()))  # else it runs into numbers of an axis
    for axis in (sheet.ax.xaxis, sheet.ax.yaxis):
        axis.set_major_formatter(PercentFormatter(decimals=0, symbol=" %"))
    first, second = drawable(grid.names, "lever")
    n_lines = sheet.axis_names(f"{first}, more by", f"{second}, more by")
    if within:
        _how_sure(sheet, grid, float(min(within, key=lambda level: abs(level - 0.5))), n_lines + 1)
    target = style.Scale.of([grid.target], grid.unit, is_count=grid.unit == "wins").text(grid.target)
    sheet.title(f"Chance of {target} by {first} and {second}")
    low, high = grid.chance[0, 0], grid.chance[-1, -1]
    return sheet.finish(
        f"Chance of {target}: {100 * low:.0f} % as it is, {100 * high:.0f} % with {first} {x[-1]:+.0f} % "
        f"and {second} {y[-1]:+.0f} %; {100 * (grid.chance[-1, 0]):.0f} % with {first} alone, "
        f"{100 * (grid.chance[0, -1]):.0f} % with {second} alone; standard errors up to "
        f"{100 * np.nanmax(grid.chance_se):.1f} points."
    )


def _is_inside(sheet: Sheet, at: tuple[float, float]) -> bool:
    """Whether a number of a line lies within the axes, whichever way it is turned."""
    half = 1.2 * sheet.size / 72  # inches: of "40 %" in small letters
    sides = zip(at, (sheet.ax.get_xlim(), sheet.ax.get_ylim()), (sheet.width, sheet.height), strict=True)
    return all(
        half < (value - low) / (high - low) * inches < inches - half for value, (low, high), inches in sides
    )


def _how_sure(sheet: Sheet, grid: LeverGrid, level: float, n_lines: int) -> None:
    """Where a line of equal chance would run if chances were one standard error higher, and lower."""
    x, y = 100 * (grid.first - 1.0), 100 * (grid.second - 1.0)
    drawn = False
    for shifted in (grid.chance - grid.chance_se, grid.chance + grid.chance_se):
        if np.nanmin(shifted) < level < np.nanmax(shifted):
            sheet.ax.contour(
                x, y, shifted.T, levels=[level], colors=style.ORANGE, linewidths=1.4, linestyles="dashed"
            )
            drawn = True
    if drawn:
        line = Line2D([], [], color=style.ORANGE, linewidth=1.4, linestyle="dashed")
        sheet.legend(
            [(line, f"{100 * level:.0f} % if chances were one SE higher or lower")], lines_above=n_lines
        )


@spoken
def plot_frontier(
    plan: SpendingPlan, *, n_budgets: int = 8, ax: Axes | None = None, lang: Language | None = None
) -> Axes:
    """The best chance that each budget buys, with its standard error.

    Parameters
    ----------
    plan : SpendingPlan
    n_budgets : int
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        What each budget is spent on is told by ``plan.frontier()``.
    """
    sheet, table = Sheet.on(ax), plan.frontier(n_budgets)
    cost, chance, error = (table[c].to_numpy(float) for c in ("cost", "chance", "chance_se"))
    unit = plan.situation.base.unit
    scale = style.Scale.of(cost, unit)
    low, high = np.clip(chance - error, 0, 1), np.clip(chance + error, 0, 1)
    sheet.ax.fill_between(cost, 100 * low, 100 * high, color=style.tint(style.BLUE, 0.25), linewidth=0)
    sheet.ax.plot(
        cost, 100 * chance, "o-", color=style.BLUE, markersize=4.5, linewidth=1.6,
        clip_on=False, zorder=4,
    )  # fmt: skip
    sheet.ax.set_ylim(0, 100)
    sheet.ax.set_xlim(0, 1.03 * float(cost.max()) or 1.0)
    sheet.ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    sheet.ax.set_axisbelow(True)
    sheet.ax.xaxis.set_major_formatter(scale.tick)
    sheet.ax.yaxis.set_major_formatter(PercentFormatter(decimals=0, symbol=" %"))
    sheet.axis_names(scale.axis("spent on the best mix"), "chance of the target (± one SE)")
    target = scale_of(plan.situation.base).text(plan.situation.target)
    sheet.title(f"What money buys: chance of {target}")
    points = style.joined(
        ";", (f"{scale.text(c)} {100 * p:.0f} %" for c, p in zip(cost, chance, strict=True))
    )
    return sheet.finish(f"Best chance of {target} by money spent: {points}.")
