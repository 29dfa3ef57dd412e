"""Rank histograms of all quantities and stages, with a band of what chance alone allows."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from funnelsim.faces.plots.style import BLUE, GREY, INK, PALE, VERMILLION
from intervals_parts.report import N_BINS, counts_of
from intervals_parts.truth import QUANTITIES

_COLOURS = (BLUE, VERMILLION)
_BAND = 0.98  # so that about one bin in fifty leaves it by chance


def draw_histograms(rows: pd.DataFrame, path: Path) -> None:
    """A panel for each quantity and stage, a line for each case; written as a PNG.

    Refits in each bin are shown against those expected of uniform ranks. A heap in the middle tells of
    intervals too wide, one at both ends of intervals too narrow, a slope of a bias.
    """
    stages, cases = list(dict.fromkeys(rows["stage"])), list(dict.fromkeys(rows["case"]))
    figure, panels = plt.subplots(
        len(QUANTITIES), len(stages), figsize=(11, 10.5), sharex=True, sharey=True, layout="constrained"
    )
    n = min(rows[rows["case"] == case]["seed"].nunique() for case in cases)
    for row, quantity in zip(panels, QUANTITIES, strict=True):
        for panel, stage in zip(row, stages, strict=True):
            some = rows[(rows["quantity"] == quantity) & (rows["stage"] == stage)]
            _panel(panel, {case: some[some["case"] == case]["rank"] for case in cases}, n)
        row[0].set_ylabel(quantity, color=INK)
    panels[0, 0].set_ylim(0, None)  # of all panels, when the highest of their bins is known
    for panel, stage in zip(panels[0], stages, strict=True):
        panel.set_title(stage, fontsize=10, color=INK)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(
        f"Where the truth lies among the draws: refits in each twentieth over those expected, {n:,} refits",
        fontsize=11,
        color=INK,
    )
    figure.savefig(path, dpi=75)
    plt.close(figure)


def _panel(panel: Axes, ranks: dict[str, pd.Series], n_refits: int) -> None:
    expected = n_refits / N_BINS
    tails = [(1 - _BAND) / 2, (1 + _BAND) / 2]
    low, high = stats.binom.ppf(tails, n_refits, 1 / N_BINS) / expected
    panel.axhspan(low, high, color=PALE, label=f"chance alone: {_BAND:.0%} of the bins")
    panel.axhline(1.0, color=GREY, linewidth=0.8)
    edges = np.linspace(0, 1, N_BINS + 1)
    for colour, (case, some) in zip(_COLOURS, ranks.items(), strict=True):
        panel.stairs(counts_of(some) / (len(some) / N_BINS), edges, color=colour, linewidth=1.2, label=case)
    panel.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    panel.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
