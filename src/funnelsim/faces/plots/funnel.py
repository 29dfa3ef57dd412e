"""The funnel: how many of 100 deals reach each stage, conversions between, win rates against nominal ones."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, safe, spoken
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.incidence import observed_routes, win_rates
from funnelsim.vocabulary.language import Language, tr
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MOST_STAGES = 24
_TAILS = (0.1, 0.9)
_NO_WIDTH = 1e-9  # of an interval: what rounding makes of equal draws
_TINY = "<0.1"
_LEAST_PITCH = 27.0  # points from row to row that leave room for a line of words between bars


@dataclass(frozen=True, eq=False)
class _Figures:
    """Shares by row, each as low, mean, high: reach (and last, won), conversion and win rate of each stage.

    Conversion and win rate are those of :meth:`Funnel.table`, from the same draws, so that both say the same.
    `also` says in words which deals bars count that conversions do not; empty where there are none.
    """

    reach: Floats
    conversion: Floats
    win_rate: Floats
    also: tuple[str, ...]

    @classmethod
    def of(cls, funnel: Funnel, rows: Ints, n_draws: int, seed: int) -> _Figures:
        counts = np.asarray(funnel.arrivals.entry_counts, dtype=float)
        entry = counts / counts.sum() if counts.sum() > 0 else np.eye(len(counts))[0]
        n_open, is_won, streams = funnel.stages.n_open, funnel.stages.is_won, Streams(seed)
        first_ages = [hazards.first_age for hazards in funnel.hazards]
        best = np.stack([observed_routes(first_ages[s], funnel.mean_hazards(s)) for s in range(n_open)])
        drawn = [
            observed_routes(first_ages[s], funnel.hazard_draws(s, streams, range(n_draws)))
            for s in range(n_open)
        ]
        forward = np.array([funnel.stages.is_forward(s) for s in range(n_open)])
        found = []
        for routes in (best[None], np.stack(drawn, axis=1)):
            reach = _reach(routes, entry, is_won)[:, [*rows, n_open]]
            conversion = np.where(forward, routes, 0.0).sum(axis=-1)[:, rows]
            found.append((reach, conversion, win_rates(routes, is_won)[:, rows]))
        reach, conversion, wins = (_bounds(b, d) for b, d in zip(*found, strict=True))
        # Bars stand at the mean, so their intervals must hold it; the others are the table's to the digit.
        reach[0], reach[2] = np.minimum(reach[0], reach[1]), np.maximum(reach[2], reach[1])
        return cls(reach, conversion, wins, _also_in_bars(best, entry, is_won))


def _bounds(best: Floats, drawn: Floats) -> Floats:
    low, high = np.quantile(drawn, _TAILS, axis=0)
    return np.stack([low, best[0], high])


def _reach(routes: Floats, entry: Floats, is_won: Flags) -> Floats:
    """Share of new deals that ever stand in each stage or beyond it, and are won; by draw.

    One elimination for all stages: with the stages before one censored, what enters the others is what
    reaches it. Shares are only added up, so that the smallest keep their digits.
    """
    n_draws, n_open = routes.shape[:2]
    moves = np.concatenate([routes[..., :n_open], routes[..., is_won].sum(axis=-1, keepdims=True)], axis=-1)
    moves = np.concatenate([moves, np.broadcast_to([*entry, 0.0], (n_draws, 1, n_open + 1))], axis=1)
    reach = [moves[:, -1].sum(axis=-1)]
    for stage in range(n_open):
        sources = stage + 1 + np.flatnonzero(moves[:, stage + 1 :, stage].any(axis=0))
        targets = stage + 1 + np.flatnonzero(moves[:, stage, stage + 1 :].any(axis=0))
        visits = moves[:, sources, stage] / (1.0 - moves[:, stage, stage])[:, None]
        block = np.ix_(np.arange(n_draws), sources, targets)
        moves[block] += visits[:, :, None] * moves[:, stage, targets][:, None, :]
        reach.append(moves[:, -1, stage + 1 :].sum(axis=-1))
    return np.stack(reach, axis=-1)


def _also_in_bars(routes: Floats, entry: Floats, is_won: Flags) -> tuple[str, ...]:
    """Which deals a bar counts that did not move on from the stage before at the first try."""
    among = routes[:, : len(entry)]
    found = {
        "began in a later stage": entry[1:].any(),
        "skipped the stage": np.triu(among, 2).any() or routes[:-1, is_won].any(),
        "moved back and on again": np.tril(among, -1).any(),
    }
    return tuple(words for words, is_so in found.items() if is_so)


@spoken
def plot_funnel(
    funnel: Funnel,
    *,
    n_draws: int = 200,
    seed: int = 0,
    ax: Axes | None = None,
    lang: Language | None = None,
) -> Axes:
    """How many of 100 deals that enter reach each stage, and how many of those in a stage are won.

    Parameters
    ----------
    funnel : Funnel
    n_draws : int
        Draws of the parameters behind the 80 % intervals.
    seed : int
    ax : Axes, optional
        A new pyplot figure by default, as high as the number of stages asks for.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Bars: of 100 deals that enter, at the mean mix of the stages in which they enter, those that ever
        stand in the stage or beyond it; last, those won. Arrows: of those in the stage, the share that moves
        on to a later stage or a win. Dots: of 100 deals in the stage, those won in the end; the nominal win
        rate as a tick beside. All with 80 % intervals of the parameters, none where rates are given. Of more
        than 24 stages, 24 spread evenly.

    Notes
    -----
    Arrows and dots are ``conversion`` and ``win_rate`` of :meth:`Funnel.table` with the same `n_draws` and
    `seed`. Bars shrink by the conversions only where all deals begin in the first stage and move one stage
    at a time: they also hold deals that began in a later stage, skipped one, or moved on at a second try.
    The legend and the alt text say so where there are such.
    """
    n_open = funnel.stages.n_open
    rows = np.unique(np.linspace(0, n_open - 1, min(n_open, _MOST_STAGES)).round().astype(np.int64))
    figures = _Figures.of(funnel, rows, n_draws, seed)
    width, height = mpl.rcParams["figure.figsize"]
    sheet = Sheet.on(ax, (width, height * float(np.clip((len(rows) + 4) / 9, 0.75, 2.6))))
    own = drawable([funnel.stages.names[row] for row in rows], "stage")
    room = sheet.columns(0.32, 0.9)
    names = style.short_names([*own, tr("won")], room, 2 if _pitch(sheet, len(rows)) > 40 else 1)
    nominal = np.array([np.nan if r is None else 100 * r for r in _nominal(funnel, rows)])
    entries = _bars(sheet, figures.reach) + _win_rates(sheet, figures.win_rate, nominal)
    entries += _steps(sheet, figures)
    _frame(sheet, names)
    n_lines = sheet.axis_names("of 100 deals, with 80 % intervals", "")
    sheet.legend(entries, lines_above=1 + n_lines, most=1 if sheet.is_small else 2)
    some = [tr(f"{len(rows)} of {n_open} stages")] if len(rows) < n_open else []
    won = tr(f"Of 100 deals that enter, {_number(figures.reach[:, -1])} are won")
    sheet.title(style.joined(";", [won, *some]), share=0.8, n_lines=3)
    return sheet.finish(_alt(own, figures, nominal, [won, *some]))


def _in_words(figures: _Figures) -> list[str]:
    """What sets bars apart from conversions, in the language spoken; nothing where they agree."""
    reasons = style.enumerated(tr(words) for words in figures.also)
    return [tr(f"bars also hold deals that {reasons}")] if reasons else []


def _nominal(funnel: Funnel, rows: Ints) -> list[float | None]:
    return [funnel.stages.open[row].nominal_win_rate for row in rows]


def _pitch(sheet: Sheet, n_stages: int) -> float:
    """Points from row to row."""
    return sheet.height * 72 / (n_stages + 1.6)


def _number(bounds: Floats) -> str:
    """A share as deals of 100, with its interval where there is one."""
    low, value, high = (_short(100 * share) for share in bounds)
    if value == high == _TINY:
        return tr("fewer than 0.1")
    is_range = bounds[2] - bounds[0] > _NO_WIDTH
    return value + (style.aside(f"{low} {tr('to')} {high}") if is_range else "")


def _short(number: float) -> str:
    if 0 < number < 0.1:
        return _TINY
    return f"{number:.0f}" if number >= 9.95 or number == 0 else f"{number:.2g}"


def _percent(bounds: Floats) -> str:
    low, value, high = 100 * bounds
    if np.isnan(value):
        return "–"
    is_range = high - low > 100 * _NO_WIDTH
    return f"{value:.0f} %" + (style.aside(f"{low:.0f} {tr('to')} {high:.0f}") if is_range else "")


def _bars(sheet: Sheet, reach: Floats) -> list[Entry]:
    low, value, high = 100 * reach
    rows = np.arange(len(value))
    bars = sheet.ax.barh(rows, value, height=0.56, color=style.tint(style.BLUE, 0.4), label="reach")
    sheet.ax.errorbar(
        value, rows - 0.14, xerr=[value - low, high - value], fmt="none", ecolor=style.BLUE, elinewidth=1.6,
        capsize=2.5,
    )  # fmt: skip
    if _pitch(sheet, len(rows)) > 1.1 * sheet.size:
        for row in rows:
            sheet.beside(float(row), _number(reach[:, row]))
    return [(bars, "of 100 that enter, reach the stage")]


def _win_rates(sheet: Sheet, win_rate: Floats, nominal: Floats) -> list[Entry]:
    low, value, high = 100 * win_rate
    rows = np.arange(len(value)) + 0.14
    sheet.ax.hlines(rows, low, high, color=style.INK, linewidth=1.4, zorder=4)
    (dots,) = sheet.ax.plot(
        value, rows, "o", color=style.INK, markeredgecolor="white", markersize=5.5, zorder=5, clip_on=False,
        label="win rate",
    )  # fmt: skip
    entries: list[Entry] = [(dots, "of 100 in the stage, won in the end")]
    if np.isfinite(nominal).any():
        sheet.ax.vlines(
            nominal,
            rows - 0.42,
            rows + 0.14,
            color=style.VERMILLION,
            linewidth=2.4,
            zorder=3,  # behind the dot, which stands on it where both agree
            label="nominal",
        )
        mark = Line2D(
            [], [], marker="|", markersize=9, markeredgewidth=2.4, color=style.VERMILLION, linestyle=""
        )
        entries.append((mark, "nominal win rate"))
    return entries


def _steps(sheet: Sheet, figures: _Figures) -> list[Entry]:
    """Conversions between the bars, where there is room, and what they are."""
    conversion = figures.conversion
    if _pitch(sheet, conversion.shape[1]) < _LEAST_PITCH:
        return []
    for row in range(conversion.shape[1]):
        words = f"↓ {_percent(conversion[:, row])}"
        sheet.write(0, row + 0.5, words, color=style.INK, ha="left", va="center", dx=0.5)
    arrow = Line2D([], [], marker=r"$\downarrow$", markersize=8, color=style.INK, linestyle="")
    entries: list[Entry] = [(arrow, "of those in the stage, move on")]
    half = max(sheet.columns(0.5, 0.85) - 5, 20)
    also = [style.wrap(text, half, 4) for text in _in_words(figures)]
    return entries + [(Line2D([], [], linestyle=""), text) for text in also]


def _frame(sheet: Sheet, names: list[str]) -> None:
    ax = sheet.ax
    ax.set_xlim(0, 102)
    ax.set_ylim(len(names) - 0.5, -0.6)
    ax.set_yticks(np.arange(len(names)), [safe(name) for name in names])
    fitting = 0.7 * _pitch(sheet, len(names))  # letters of a line, when the legend has taken its room
    ax.tick_params(axis="y", length=0, labelsize=float(np.clip(fitting, 4, 0.9 * sheet.size)))
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _alt(names: list[str], figures: _Figures, nominal: Floats, head: list[str]) -> str:
    told = []
    for row, name in enumerate(names):
        words = [
            f"{name} {_number(figures.reach[:, row])}",
            f"{_percent(figures.conversion[:, row])} {tr('move on')}",
        ]
        words.append(f"{tr('win rate')} {_percent(figures.win_rate[:, row])}")
        if np.isfinite(nominal[row]):
            words.append(tr(f"nominal {nominal[row]:.0f} %"))
        told.append(style.joined(",", words))
    by_stage = style.joined(
        ":", [tr("Deals that reach each stage, with 80 % intervals"), style.joined(";", told)]
    )
    return style.sentence(style.joined(";", [*head, by_stage, *_in_words(figures)]))
