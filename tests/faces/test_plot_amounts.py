"""The picture of amounts: data, tail and band on log scales, in words too; few wins show data only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import PlotError, alt_text
from funnelsim.nouns.records import Records


def with_amounts(history: fs.DealHistory, amount: np.ndarray) -> fs.DealHistory:
    deals = history.records.deals.assign(amount=amount)
    return replace(history, records=Records(deals, history.records.moves))


def test_data_tail_and_rival_are_shown(history):
    report = fs.amounts(history)
    ax = report.plot()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    points = ax.collections[0].get_offsets()
    assert len(points) == len(report.won_amounts)
    assert (np.diff(points[:, 1]) < 0).all()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(legend) == 4
    assert "its 80 % band" in legend
    said = alt_text(ax)
    assert f"{len(report.won_amounts):,} won deals" in said
    assert "shape" in said
    ax.figure.canvas.draw()


def test_few_wins_show_data_only(history):
    amount = np.where(np.arange(len(history.records.deals)) % 20 == 0, 1000.0, np.nan)
    ax = fs.plot_amounts(fs.amounts(with_amounts(history, amount)))
    assert "cannot tell" in alt_text(ax)
    assert len(ax.get_legend().get_texts()) == 1
    ax.figure.canvas.draw()


def test_axes_of_ones_own_are_used(history):
    ax = Figure(figsize=(3, 2.2), layout="constrained").add_subplot()
    assert fs.plot_amounts(fs.amounts(history), ax=ax) is ax
    ax.figure.canvas.draw()


def test_amounts_of_nothing_cannot_be_drawn(history):
    with pytest.raises(PlotError, match="above 0"):
        fs.plot_amounts(fs.amounts(with_amounts(history, np.zeros(len(history.records.deals)))))
