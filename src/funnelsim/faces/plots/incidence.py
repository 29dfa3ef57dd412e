"""Where deals of a stage go, by age: stacked incidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import (
    EM,
    PlotError,
    Sheet,
    drawable,
    legend_columns,
    safe,
    spoken,
    widen_fonts,
)
from funnelsim.nouns.funnel import Funnel
from funnelsim.numerics.incidence import dwell_quantile, incidence_by_age
from funnelsim.vocabulary.language import Language, known, tr
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MOST_PANELS = 12
_SEPARATE_CAUSES = 3  # further causes of loss, or later stages, share one band


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
    funnel: Funnel,
    stage: str,
    *,
    ax: Axes | None = None,
    n_draws: int = 200,
    seed: int = 0,
    lang: Language | None = None,
) -> Axes: ...


@overload
def plot_incidence(
    funnel: Funnel,
    stage: None = None,
    *,
    ax: None = None,
    n_draws: int = 200,
    seed: int = 0,
    lang: Language | None = None,
) -> npt.NDArray[np.object_]: ...


@spoken
def plot_incidence(
    funnel: Funnel,
    stage: str | None = None,
    *,
    ax: Axes | None = None,
    n_draws: int = 200,
    seed: int = 0,
    lang: Language | None = None,
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
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes, or ndarray of Axes when `stage` is None
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
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
        sheet = Sheet.on(ax)
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
        words = f"{len(rest)} more won" if is_won else f"{len(rest)} more lost"
        bands.append(_Band(words, style.tint(colour, 0.2), rest, is_won))
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
    shown = drawable(names[:n_open], "stage") + drawable(names[n_open:], "outcome")
    return style.short_names(shown, width, n_lines)


def _draw_stack(sheet: Sheet, bands: Sequence[_Band], incidence: _Incidence) -> list[tuple[Artist, str]]:
    """The stack, the forward boundary and its interval; gives what a legend needs, from the top down."""
    ax, ages = sheet.ax, np.append(incidence.ages, incidence.ages[-1] + 1)
    tops = np.cumsum(incidence.shares, axis=1)
    floor = np.zeros(len(ages))
    entries: list[tuple[Artist, str]] = [(Patch(color=style.PALE), "still there")]
    for band, share, top in zip(bands, incidence.shares[-1], np.vstack([tops, tops[-1:]]).T, strict=True):
        if share > 0:
            ax.fill_between(
                ages, floor, top, step="post", color=band.colour, edgecolor="white", linewidth=0.4,
                label=safe(band.label),
            )  # fmt: skip
            entries.insert(1, (Patch(color=band.colour), band.label))
        floor = top
    ax.fill_between(ages, floor, 1, step="post", color=style.PALE, linewidth=0, label="still there")
    low, mean, high = np.hstack([incidence.forward, incidence.forward[:, -1:]])
    ax.plot(ages, mean, color=style.INK, linewidth=1.4, drawstyle="steps-post", label="forward")
    for bound in (low, high):
        ax.plot(ages, bound, color=style.INK, linewidth=0.8, linestyle=(0, (2, 1.5)), drawstyle="steps-post")
    ax.set_xlim(0, min(1.3 * incidence.usual_age, ages[-1]))
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    return [*entries, (Line2D([], [], color=style.INK, linewidth=1.4), "forward, 80 % interval")]


def _shares_in_words(bands: Sequence[_Band], incidence: _Incidence) -> list[str]:
    """Final shares with 80 % intervals, in the order of the legend."""
    values = np.append(incidence.shares[-1], 1 - incidence.shares[-1].sum())
    names = [*(band.label for band in bands), "still there"]
    words = [
        f"{known(name)} {_share(value, low, high)}"
        for name, value, low, high in zip(names, values, *incidence.final, strict=True)
        if value > 0 or name == "still there"
    ]
    low, mean, high = incidence.forward[:, -1]
    return [*words[::-1], f"{tr('forward')} {_share(mean, low, high)}"]


def _share(value: float, low: float, high: float) -> str:
    bounds = style.aside(f"{100 * low:.0f} {tr('to')} {100 * high:.0f}") if low < high else ""
    return f"{100 * value:.0f} %{bounds}"


def _draw_stage(
    sheet: Sheet, funnel: Funnel, stage: int, bands: Sequence[_Band], incidence: _Incidence
) -> Axes:
    entries, words = _draw_stack(sheet, bands, incidence), _shares_in_words(bands, incidence)
    name, step, oldest = _place_names(funnel, 40, 1)[stage], funnel.clock.step, int(incidence.ages[-1])
    sheet.axis_names(f"age in stage ({step}s)", "share of deals that entered")
    sheet.title(f"Where deals in {name} go")
    if sheet.is_small:
        sheet.legend(entries, lines_above=2)
    else:
        note = "as given" if funnel.hazards[stage].is_certain else "80 % interval"
        told = [(handle, text) for (handle, _), text in zip(entries, words, strict=True)]
        sheet.legend(told, title=tr(f"by {step} {oldest:,}") + f"\n{style.aside(tr(note)).strip()}")
    return sheet.finish(_stage_sentence(funnel, stage, words, oldest))


def _stage_sentence(funnel: Funnel, stage: int, words: Sequence[str], oldest: int) -> str:
    listed = style.joined(";", (word.replace("\n", " ") for word in words[::-1]))
    n_exits, step = funnel.hazards[stage].n_exits, funnel.clock.step
    head = tr(
        f"Of deals that enter {style.plain(funnel.stages.names[stage])}, share by {step} {oldest:,} with "
        f"80 % interval, from {n_exits:,.0f} exits"
    )
    return style.sentence(style.joined(":", [head, listed]))


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
        sheet, bands = Sheet.on(axes), all_bands[stage]
        incidence = _Incidence.of(funnel, stage, bands, n_draws, seed)
        handles |= {label: handle for handle, label in _draw_stack(sheet, bands, incidence)}
        words = _shares_in_words(bands, incidence)
        sheet.axis_names(f"age in stage ({funnel.clock.step}s)", "")
        head = f"{names[stage]}\n" + style.joined(",", [words[-1], f"{exits[stage]:,.0f} {tr('exits')}"])
        sheet.ax.set_title(safe(head), loc="left", fontsize=sheet.size, color=style.INK)
        sheet.finish(_stage_sentence(funnel, stage, words, int(incidence.ages[-1])))
    for spare in grid[len(stages) :]:
        spare.remove()
    title = tr("Where deals go, by age in stage")
    if len(stages) < len(exits):
        title += style.aside(tr(f"the {len(stages)} stages with most exits, of {len(exits)}"))
    order = [*(band.label for band in all_bands[int(stages[0])]), "still there", "forward, 80 % interval"]
    entries = [(handles[label], known(label)) for label in order if label in handles]
    _frame_panels(figure, title, entries)
    return grid[: len(stages)]


def _frame_panels(figure: Figure, title: str, entries: Sequence[tuple[Artist, str]]) -> None:
    size = float(mpl.rcParams["font.size"])
    columns, head = (
        int(figure.get_figwidth() * 72 / (EM * 1.1 * size)),
        {"fontsize": size, "color": style.INK},
    )
    wrapped = style.wrap(title, int(columns / 1.2), 2)
    figure.suptitle(safe(wrapped), x=0.01, ha="left", fontweight="bold", **head | {"fontsize": 1.1 * size})
    figure.supylabel(safe(tr("share of deals that entered")), **head)
    figure.legend(
        [handle for handle, _ in entries],
        [safe(text) for _, text in entries],
        loc="outside lower left",
        ncols=legend_columns([text for _, text in entries], columns),
        frameon=False,
        fontsize=0.85 * size,
    )
    widen_fonts(figure)
