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

_MOST_STAGES = 24
_TINY = "<0.1"
_LEAST_PITCH = 27.0  # points from row to row that leave room for a line of words between bars


@dataclass(frozen=True, eq=False)
class _Figures:
    """Shares by row, each as low, mean, high: reach (and last, won), step from row to row, win rate."""

    reach: Floats
    step: Floats
    win_rate: Floats

    @classmethod
    def of(cls, funnel: Funnel, rows: Ints, n_draws: int, seed: int) -> _Figures:
        counts = np.asarray(funnel.arrivals.entry_counts, dtype=float)
        entry = counts / counts.sum() if counts.sum() > 0 else np.eye(len(counts))[0]
        n_open, is_won, streams = funnel.stages.n_open, funnel.stages.is_won, Streams(seed)
        first_ages = [hazards.first_age for hazards in funnel.hazards]
        best = [observed_routes(first_ages[s], funnel.mean_hazards(s)) for s in range(n_open)]
        drawn = [
            observed_routes(first_ages[s], funnel.hazard_draws(s, streams, range(n_draws)))
            for s in range(n_open)
        ]
        found = []
        for routes in (np.stack(best)[None], np.stack(drawn, axis=1)):
            wins = win_rates(routes, is_won)
            reach = np.column_stack([_reach(routes, entry, is_won, rows), wins @ entry])
            step = reach[:, 1:] / np.where(reach[:, :-1] > 0, reach[:, :-1], np.nan)
            found.append((reach, step, wins[:, rows]))
        (reach, step, wins), draws = found
        return cls(*(_bounds(b, d) for b, d in zip((reach, step, wins), draws, strict=True)))


def _bounds(best: Floats, drawn: Floats) -> Floats:
    low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
    return np.stack([np.minimum(low, best[0]), best[0], np.maximum(high, best[0])])


def _reach(routes: Floats, entry: Floats, is_won: npt.NDArray[np.bool_], rows: Ints) -> Floats:
    """Share of new deals that ever stand in a stage or beyond it, by draw and row: absorbing chains."""
    shares = []
    for row in rows.tolist():
        on = routes[:, :row, row : len(entry)].sum(axis=-1) + routes[:, :row][..., is_won].sum(axis=-1)
        chance = np.linalg.solve(np.eye(row) - routes[:, :row, :row], on[..., None])[..., 0]
        shares.append(entry[row:].sum() + chance @ entry[:row])
    return np.stack(shares, axis=-1)


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
        stand in the stage or beyond it; last, those won. Between bars, the share that goes on. Dots: of 100
        deals in the stage, those won in the end; the nominal win rate as a tick beside. All with 80 %
        intervals of the parameters, none where rates are given. Of more than 24 stages, 24 spread evenly.

    Notes
    -----
    Shares are those within the ages at which deals were seen to leave, as in :meth:`Funnel.table`. Where
    deals move back, or enter later stages, a share that goes on is more than that table's conversion: it
    counts those who go on at a second try, or began beyond.
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
    _steps(sheet, figures.step)
    _frame(sheet, names)
    n_lines = sheet.axis_names("of 100 deals, with 80 % intervals", "")
    sheet.legend(entries, lines_above=1 + n_lines, most=1 if sheet.is_small else 2)
    some = [tr(f"{len(rows)} of {n_open} stages")] if len(rows) < n_open else []
    won = tr(f"Of 100 deals that enter, {_number(figures.reach[:, -1])} are won")
    sheet.title(style.joined(";", [won, *some]), share=0.8, n_lines=3)
    return sheet.finish(_alt(own, figures, nominal, [won, *some]))


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
    return value + (style.aside(f"{low} {tr('to')} {high}") if bounds[0] < bounds[2] else "")


def _short(number: float) -> str:
    if 0 < number < 0.1:
        return _TINY
    return f"{number:.0f}" if number >= 9.95 or number == 0 else f"{number:.2g}"


def _percent(bounds: Floats) -> str:
    low, value, high = 100 * bounds
    if np.isnan(value):
        return "–"
    return f"{value:.0f} %" + (style.aside(f"{low:.0f} {tr('to')} {high:.0f}") if low < high else "")


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


def _steps(sheet: Sheet, step: Floats) -> None:
    """Conversions between the bars, where there is room."""
    if _pitch(sheet, step.shape[1]) < _LEAST_PITCH:
        return
    for row in range(step.shape[1]):
        sheet.write(
            0, row + 0.5, f"↓ {_percent(step[:, row])}", color=style.INK, ha="left", va="center", dx=0.5
        )


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
            f"{_percent(figures.step[:, row])} {tr('go on')}",
        ]
        words.append(f"{tr('win rate')} {_percent(figures.win_rate[:, row])}")
        if np.isfinite(nominal[row]):
            words.append(tr(f"nominal {nominal[row]:.0f} %"))
        told.append(style.joined(",", words))
    by_stage = style.joined(
        ":", [tr("Deals that reach each stage, with 80 % intervals"), style.joined(";", told)]
    )
    return style.sentence(style.joined(";", [*head, by_stage]))
