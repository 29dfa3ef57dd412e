"""Drift of one transition: observed over expected by period, the level that follows it, and the change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, readable, spoken
from funnelsim.faces.plots.units import date_ticks
from funnelsim.questions.drift import STAYED, Course, Drift
from funnelsim.vocabulary.language import Language, known, tr

Floats = npt.NDArray[np.float64]

_LOW, _HIGH = 0.1, 0.9
_BAND = 0.22
_SPAN = 0.15
_ROOM = 1.12
_MOST = 0.95  # share of the evidence whose dots are drawn where they are


@spoken
def plot_drift(
    drift: Drift, transition: str | None = None, *, ax: Axes | None = None, lang: Language | None = None
) -> Axes:
    """Pace of one transition, or of arrivals, by period: what was seen over what is usual.

    Parameters
    ----------
    drift : Drift
    transition : str, optional
        As in the index of ``drift.table()``; the surest move by default.
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        A dot a period, larger where more is expected (a triangle at the edge where it lies beyond); the
        level that the filter follows over the latest periods with its 80 % band; and, if the verdict is a
        move, the levels before and after with the 80 % interval of its time.
    """
    course = drift.course(transition)
    row = drift.table().loc[course.series.name]
    sheet = Sheet.on(ax)
    has_moved = bool(row["verdict"] != STAYED)
    _level(sheet.ax, course)
    if has_moved:
        _change(sheet.ax, course)
    _dots(sheet.ax, course, has_moved=has_moved)
    sheet.ax.axhline(1.0, color=style.INK, linewidth=0.9, linestyle=":", zorder=1)
    date_ticks(sheet.ax.xaxis, 4 if sheet.is_small else 7)
    what = "arrivals" if course.series.is_arrivals else "exits"
    n_lines = sheet.axis_names(f"end of {drift.period}", f"{what}, as a multiple of usual")
    name = readable(_name(course.series.name))
    said = [known(row["verdict"].removeprefix("moved: "))]
    if has_moved:
        said.append(tr(f"{row['ratio']:.3g} times ({row['ratio_low']:.3g} to {row['ratio_high']:.3g})"))
    sheet.title(style.joined(":", [name, style.joined(",", said)]), share=0.95, n_lines=3)
    _legend(sheet, course, n_lines, has_moved=has_moved)
    return sheet.finish(_alt(drift, course, name, has_moved=has_moved))


def _name(transition: str) -> str:
    """A transition, or arrivals, with its places as they are called in the language spoken."""
    return " > ".join(known(place) for place in style.plain(transition).split(" > "))


def _ratio(course: Course) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Periods in which anything is expected, and observed over expected in them."""
    shown = course.series.expected > 0
    return shown, course.series.observed[shown] / course.series.expected[shown]


def _dots(ax: Axes, course: Course, *, has_moved: bool) -> None:
    shown, ratio = _ratio(course)
    days, expected = course.series.last_day[shown], course.series.expected[shown]
    # A dot far out is luck of few counts: it must not squeeze what can be told from many.
    order = np.argsort(ratio)
    most = ratio[order][np.searchsorted(np.cumsum(expected[order]), _MOST * expected.sum())]
    told = [course.level_quantile(_HIGH).max(), most]
    if has_moved:
        told += [course.change.before.high, course.change.after.high]
    top = _ROOM * max(*told, 1.0)
    size = 6 + 28 * np.sqrt(expected / expected.max())
    inside = ratio <= top
    ax.scatter(
        days[inside], ratio[inside], s=size[inside], color=style.GREY, linewidth=0, alpha=0.75, zorder=3
    )
    edge = np.full((~inside).sum(), top)
    ax.scatter(days[~inside], edge, s=26, marker="^", color=style.GREY, clip_on=False, zorder=3)
    ax.set_ylim(0, top)
    ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _level(ax: Axes, course: Course) -> None:
    days = course.series.last_day[-len(course.level) :]
    low, high = course.level_quantile(_LOW), course.level_quantile(_HIGH)
    ax.fill_between(days, low, high, color=style.BLUE, alpha=_BAND, linewidth=0, zorder=2)
    ax.plot(days, course.level, color=style.BLUE, linewidth=1.8, zorder=4)


def _change(ax: Axes, course: Course) -> None:
    days, change = course.series.last_day, course.change
    at, *ends = course.days_after([change.n_before, change.earliest, change.latest])
    over_all, colour = ax.get_xaxis_transform(), style.VERMILLION
    ax.fill_between(ends, 0, 1, transform=over_all, color=colour, alpha=_SPAN, linewidth=1.5, zorder=1)
    for level, held in ((change.before, (days[0], at)), (change.after, (at, days[-1]))):
        ax.plot(held, [level.value] * 2, color=colour, linewidth=2.0, zorder=5)


def _legend(sheet: Sheet, course: Course, n_lines: int, *, has_moved: bool) -> None:
    dot = Line2D([], [], marker="o", color=style.GREY, linestyle="", markersize=5)
    line = Line2D([], [], color=style.BLUE, linewidth=1.8)
    band = Patch(color=style.BLUE, alpha=_BAND, linewidth=0)
    n, n_all = len(course.level), len(course.series.observed)
    latest = f", latest {n} periods" if n < n_all else ""
    entries: list[Entry] = [(dot, "observed / expected"), ((band, line), f"level, 80 % band{latest}")]
    if has_moved:
        step = Line2D([], [], color=style.VERMILLION, linewidth=2.0)
        span = Patch(color=style.VERMILLION, alpha=_SPAN, linewidth=0)
        entries += [(step, "one change"), (span, "its time, 80 % interval")]
    sheet.legend(entries, lines_above=1 + n_lines, most=2)


def _alt(drift: Drift, course: Course, name: str, *, has_moved: bool) -> str:
    row = drift.table().loc[course.series.name]
    now = f"level now {row['level']:.2f} ({row['level_low']:.2f} to {row['level_high']:.2f}), {row['moves']}"
    said = [tr(f"{name} by {drift.period}, observed over expected: {row['verdict']}; {now}.")]
    if has_moved:
        change = (
            f"One change after {row['changed_after']:%Y-%m-%d} ({row['earliest']:%Y-%m-%d} to "
            f"{row['latest']:%Y-%m-%d}), from {row['before']:.2f} to {row['after']:.2f} times the usual; "
            f"adjusted p-value {row['p_adjusted']:.3f}."
        )
        said.append(tr(change))
    return style.sentences(said)
