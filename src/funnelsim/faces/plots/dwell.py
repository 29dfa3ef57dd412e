"""Time in a stage: fitted against observed incidence, with the stays still at risk below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, drawable, spoken
from funnelsim.questions.dwell import Dwell
from funnelsim.questions.stays import BINNED
from funnelsim.vocabulary.language import Language, known, tr

_FIRST_MODEL = 4  # columns before: at risk, observed and its bounds
_BAND = 0.25

Floats = npt.NDArray[np.float64]
Look = tuple[str, float, Literal["-"] | tuple[float, Sequence[float]]]  # colour, width, dashes


@spoken
def plot_dwell(dwell: Dwell, stage: str, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Share of deals that have left a stage by each age: as seen, by age bins, and by the best family.

    Parameters
    ----------
    dwell : Dwell
    stage : str
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        Kaplan-Meier with its pointwise interval as a band, the hazards by age bin, and the family of smallest
        AIC with the verdict of its check; no family where none can be fitted. Ages in steps of the clock go
        to little more than the age by which 95 % of those who leave have left; below them stand the stays
        under observation at that age.
    """
    curves, check = dwell.incidence(stage), dwell.fit_check(stage)
    verdict = check["verdict"]
    models = list(curves.columns[_FIRST_MODEL : _FIRST_MODEL + 2])  # hazards by bin, and the best family
    sheet, ages = Sheet.on(ax), np.append(curves.index, len(curves))
    axes, step = sheet.ax, dwell.clock.step
    held = {name: np.append(column, column.iloc[-1]) for name, column in curves.items()}
    low, high = held["observed_low"], held["observed_high"]
    axes.fill_between(ages, low, high, step="post", color=style.GREY, alpha=_BAND, linewidth=0)
    looks: dict[str, Look] = {
        "observed": (style.INK, 2.8, "-"),  # wider than models drawn over it, so that it is seen below them
        BINNED: (style.ORANGE, 1.4, (0, (4, 1.5))),
    }
    entries: list[Entry] = []
    for name in ("observed", *models):
        colour, width, dashes = looks.get(name, (style.BLUE, 1.2, "-"))
        line = Line2D([], [], color=colour, linewidth=width, linestyle=dashes)
        axes.step(ages, held[name], where="post", label=name, color=colour, linewidth=width, linestyle=dashes)
        words = f"observed, {100 * dwell.interval:.0f} % interval" if name == "observed" else name
        handle = (Patch(color=style.GREY, alpha=_BAND, linewidth=0), line) if name == "observed" else line
        entries.append((handle, words))
    n_lines = _axis(sheet, curves["observed"].to_numpy(), curves["at_risk"].to_numpy(), step)
    shown = drawable([stage], "stage")[0]
    sheet.title(style.joined(":", [tr(f"Time in {shown}"), _headline(models, verdict)]), n_lines=3)
    sheet.legend(entries, lines_above=2 + n_lines, most=2)
    told = style.joined(";", (style.joined(":", [tr(name), tr(verdict[name])]) for name in models))
    n_stays = len(dwell.models(stage).stays.exit_age)
    marks = _marks(curves["observed"].to_numpy(), step)
    said = (
        f"Share of {n_stays:,} stays in {style.plain(stage)} that have left, observed with "
        f"{100 * dwell.interval:.0f} % interval, against models",
        f"Observed: {marks}",
        told,
    )
    return sheet.finish(style.sentences(style.sentence(known(text)) for text in said))


def _headline(models: list[str], verdict: pd.Series[str]) -> str:
    if len(models) < 2:
        return tr("no family can be fitted")
    words = verdict[models[1]].split(":")[0]
    return tr(f"{models[1]}, best of the families, {'fits' if words.startswith('no sign') else words}")


def _marks(observed: Floats, step: str) -> str:
    """Ages by which quarters have left, in words."""
    found = [(share, int(np.argmax(observed >= share))) for share in (0.25, 0.5, 0.75, 0.95)]
    reached = [tr(f"{100 * share:.0f} % by {step} {age:,}") for share, age in found if observed[age] >= share]
    last = tr(f"{100 * observed[-1]:.1f} % by {step} {len(observed) - 1:,}")
    return style.joined(",", [*reached, last])


def _axis(sheet: Sheet, observed: Floats, at_risk: Floats, step: str) -> int:
    """Limits, and ticks of age with the stays at risk below; gives the lines that the name of x takes."""
    late = int(np.argmax(observed >= 0.95 * observed[-1])) + 1
    right = min(max(1.3 * late, 2.0), float(len(observed)))
    ax = sheet.ax
    ax.set_xlim(0, right)
    top = 1.25 * observed.max()
    ax.set_ylim(0, 1.02 if top > 0.6 else max(top, 0.01))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=" %"))
    ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.xaxis.set_major_locator(MaxNLocator(3 if sheet.is_small else 6, integer=True))

    def tick(value: float, _position: float | None = None) -> str:
        n = at_risk[int(value)] if 0 <= value < len(at_risk) else 0
        return f"{value:,.0f}\n{n:,.0f}"

    ax.xaxis.set_major_formatter(tick)
    return sheet.axis_names(f"age in stage ({step}s); below, stays at risk", "share that has left")
