"""The picture of drift: what moved is told with its numbers, what did not is not marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.nouns.records import Records
from funnelsim.questions.drift import Drift


@pytest.fixture(scope="module")
def fallen() -> Drift:
    """Of the deals that came after a date, two in three are dropped."""
    history = fs.simulate_history(4, segments=False, season=False)
    moves = history.records.moves
    first = moves.groupby("deal")["entered_at"].min()
    dropped = first.index[(first >= pd.Timestamp("2026-03-01")) & (first.index % 3 > 0)]
    kept = Records(history.records.deals, moves[~moves["deal"].isin(dropped)])
    return fs.drift(replace(history, records=kept), n_simulations=199)


def test_the_surest_move_is_drawn_and_told(fallen):
    ax = fallen.plot()
    row, said = fallen.table().loc["arrivals"], alt_text(ax)
    assert ax.get_title(loc="left").startswith("arrivals: fewer since about 2026-0")
    assert f"{row['changed_after']:%Y-%m-%d}" in said
    assert f"from {row['before']:.2f} to {row['after']:.2f} times the usual" in said
    drawn = [line.get_ydata()[0] for line in ax.get_lines() if len(line.get_ydata()) == 2]
    assert row["before"] in drawn
    assert row["after"] in drawn
    assert len(ax.get_legend().get_texts()) == 4
    ax.figure.canvas.draw()


def test_what_did_not_move_has_no_change_in_its_picture(fallen):
    steady = fallen.table()["p_adjusted"].idxmax()
    ax = Figure(figsize=(3.2, 2.4), layout="constrained").add_subplot()
    assert fs.plot_drift(fallen, steady, ax=ax) is ax
    assert "no sign of a move" in alt_text(ax)
    assert len(ax.get_legend().get_texts()) == 2
    ax.figure.canvas.draw()


def test_every_period_with_an_expectation_has_its_mark(fallen):
    """Dots that lie beyond the axis stand at its edge."""
    course = fallen.course("arrivals")
    ax = fallen.plot("arrivals")
    marks = np.concatenate([c.get_offsets()[:, 1] for c in ax.collections if len(c.get_offsets()) > 1])
    assert len(marks) >= (course.series.expected > 0).sum() - 1
    assert marks.max() <= ax.get_ylim()[1] + 1e-9


def test_names_that_are_formulas_are_drawn_as_they_read(fallen):
    odd = replace(fallen.courses[0], series=replace(fallen.courses[0].series, name=r"$\frac{a$ > 客户"))
    ax = replace(fallen, courses=(odd,)).plot()
    ax.figure.canvas.draw()


def test_two_years_have_more_than_two_dates(fallen, page, clashes):
    """Ticks at the turn of the year alone leave most of the picture without a date."""
    ax = fs.plot_drift(fallen, ax=page)
    assert not clashes(ax)
    low, high = ax.get_xlim()
    dates = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert len(dates) >= (2 if page.figure.get_figwidth() < 4 else 3)
