"""Groups by win rate, raw beside shrunk: a caterpillar with what luck leaves of it."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, safe, spoken
from funnelsim.questions.segments import IF_KNOWN, VERDICTS, Segments
from funnelsim.vocabulary.language import Language, language, tr

_MOST_GROUPS = 40
_ABOVE, _BELOW, _LUCK = VERDICTS[1], VERDICTS[-1], VERDICTS[0]
_MARKERS = {_ABOVE: "^", _BELOW: "v", _LUCK: "o"}
_WORDS = {_ABOVE: "above the overall rate", _BELOW: "below the overall rate", _LUCK: "not more than luck"}
_OFFSET = 0.17


@spoken
def plot_segments(segments: Segments, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Win rate of each group at the common pace: on its own (hollow) and pulled to the average (filled).

    Parameters
    ----------
    segments : Segments
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of groups asks for.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Highest first, estimates with their intervals and the overall rate as a line; a triangle marks a group
        whose win rate differs by more than luck. Groups whose deals leave their stages sooner or later than
        all deals, by more than luck, are called faster or slower beside their number of deals: that is no
        part of the win rate. Of more than 40 groups, or than fit on the axes given, the highest and the
        lowest, as many of each.
    """
    league = segments.league().join(segments.table().filter(like="raw_win_rate"))
    league = league.replace(IF_KNOWN, "", regex=True)  # said once, in the title
    width, height = mpl.rcParams["figure.figsize"]
    n_wanted = min(len(league), _MOST_GROUPS)
    sheet = Sheet.on(ax, (width, height * float(np.clip((n_wanted + 5) / 13, 0.75, 2.6))))
    chosen = _ends(league, sheet.rows(_MOST_GROUPS))
    names = drawable([str(name) for name in chosen.index], "group")
    _rows(sheet, style.short_names(names, sheet.columns(0.3, 0.9)), chosen)
    sheet.ax.axvline(segments.overall_win_rate, color=style.INK, linewidth=1.0, linestyle="--", zorder=1)
    n_lines = sheet.axis_names(
        f"win rate at the common pace, with {100 * segments.interval:.0f} % intervals", ""
    )
    sheet.ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=" %"))
    some = [f"{len(chosen)} {tr('of')} {len(league)}"] if len(chosen) < len(league) else []
    by = (" and " if language() == "en" else "、").join(drawable(segments.by, "attribute"))
    n_real = int((league["verdict"] != _LUCK).sum())
    doubt = [tr(IF_KNOWN.removeprefix(", "))] if segments.doubts else []
    differ = style.joined(",", [tr(f"{n_real} of {len(league)} differ by more than luck"), *doubt])
    head = style.joined(",", [tr(f"Win rate by {by}"), *some])
    sheet.title(style.joined(":", [head, differ]), share=0.85, n_lines=3)
    _legend(sheet, segments, set(chosen["verdict"]), n_lines)
    head = style.joined(",", [tr(f"Win rate at the common pace by {by}"), *some])
    overall = tr(f"overall {100 * segments.overall_win_rate:.1f} %")
    shrunk = tr(f"Pulled towards the average, with {100 * segments.interval:.0f} % intervals")
    told = style.joined(";", (_told(name, row) for name, row in zip(names, chosen.itertuples(), strict=True)))
    said = style.joined(";", [head, overall, differ]), style.joined(":", [shrunk, told])
    return sheet.finish(style.sentences(map(style.sentence, said)))


def _told(name: str, row: Any) -> str:
    """One group's win rate with its interval and verdicts."""
    bounds = style.aside(f"{100 * row.win_rate_low:.1f} % {tr('to')} {100 * row.win_rate_high:.1f} %")
    pace = [tr(row.pace_verdict)] if row.pace_verdict != _LUCK else []
    return style.joined(",", [f"{name} {100 * row.win_rate:.1f} %{bounds}", tr(row.verdict), *pace])


def _ends(league: pd.DataFrame, n: int) -> pd.DataFrame:
    """The highest and the lowest groups, `n` at most."""
    return league if len(league) <= n else pd.concat([league.head(n // 2), league.tail(n // 2)])


def _rows(sheet: Sheet, names: list[str], league: pd.DataFrame) -> None:
    ax, rows = sheet.ax, np.arange(len(league))
    thin = float(np.clip(sheet.height * 72 / max(len(league), 1) / 18, 0.35, 1.0))
    for place, low, high, colour, width in (
        (rows + _OFFSET, "raw_win_rate_low", "raw_win_rate_high", style.GREY, 1.0),
        (rows - _OFFSET, "win_rate_low", "win_rate_high", style.BLUE, 2.4),
    ):
        ax.hlines(place, league[low], league[high], color=colour, linewidth=width * thin, zorder=2)
    ax.scatter(
        league["raw_win_rate"], rows + _OFFSET, s=30 * thin, linewidth=1.4, facecolor="white",
        edgecolor=style.GREY, zorder=3,
    )  # fmt: skip
    for verdict, marker in _MARKERS.items():
        chosen = (league["verdict"] == verdict).to_numpy()
        size = (30 if verdict == _LUCK else 58) * thin
        ax.scatter(
            league["win_rate"][chosen],
            rows[chosen] - _OFFSET,
            s=size,
            marker=marker,
            color=style.BLUE,
            zorder=4,
        )
    for row, n_deals, pace in zip(rows, league["n_deals"], league["pace_verdict"], strict=True):
        words = f"{n_deals:,}"
        if row == 0:
            words = f"{words} deal{'s' * (n_deals != 1)}" if language() == "en" else f"{tr('deals')} {words}"
        sheet.beside(float(row), words if pace == _LUCK else style.joined(",", [words, tr(pace)]))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(rows, [safe(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlim(left=0, right=min(1.0, 1.05 * _widest(league)) if _widest(league) < 1 else 1.0)
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _widest(league: pd.DataFrame) -> float:
    """Right end of the axis: all shrunk intervals and raw estimates, of the raw intervals what is usual."""
    shrunk = max(float(league["win_rate_high"].max()), float(league["raw_win_rate"].max()))
    return max(shrunk, float(league["raw_win_rate_high"].quantile(0.9)), 1e-6)


def _legend(sheet: Sheet, segments: Segments, verdicts: set[str], n_lines: int) -> None:
    def handle(marker: str, colour: str, fill: str, line: Literal["-", "--"] = "-") -> Line2D:
        return Line2D([], [], marker=marker, color=colour, markerfacecolor=fill, linestyle=line)

    entries: list[Entry] = [
        (handle(_MARKERS[verdict], style.BLUE, style.BLUE), f"pulled to the average: {words}")
        for verdict, words in _WORDS.items()
        if verdict in verdicts
    ]
    entries.append((handle("o", style.GREY, "white"), "the group on its own"))
    overall = f"overall {100 * segments.overall_win_rate:.1f} %"
    entries.append((handle("", style.INK, style.INK, "--"), overall))
    sheet.legend(entries, lines_above=1 + n_lines, most=2)
