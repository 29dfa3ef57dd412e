"""The picture of groups: every group told, verdicts by marker, names that break nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.nouns.records import Records


def test_every_group_is_shown_with_its_verdict(history):
    found = fs.segments(history, "owner", n_draws=200)
    ax = found.plot()
    league = found.league()
    assert [label.get_text() for label in ax.get_yticklabels()] == list(league.index)
    said = alt_text(ax)
    for name, row in league.iterrows():
        assert f"{name} {100 * row['win_rate']:.1f} %" in said
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("above" in text for text in legend)
    assert f"overall {100 * found.overall_win_rate:.1f} %" in legend
    markers = {len(path.vertices) for c in ax.collections for path in c.get_paths() if len(c.get_offsets())}
    assert len(markers) >= 2  # verdicts differ by shape, not by colour
    ax.figure.canvas.draw()


def test_the_pace_is_told_beside_the_win_rate_and_not_in_it(history):
    """Groups that are slower by more than luck are called so, and the axis says which win rate it shows."""
    first = history.paths.deal[history.paths.is_first]
    closed = history.deals["closed_at"].fillna(pd.Timestamp("2100-01-01")) - history.deals["created_at"]
    deals = history.records.deals.copy()
    deals.loc[first, "team"] = np.where(closed > closed.median(), "patient", "quick")
    found = fs.segments(replace(history, records=Records(deals, history.records.moves)), "team", n_draws=50)
    ax = found.plot()
    assert "at the common pace" in ax.get_xlabel().replace("\n", " ")
    beside = [text.get_text() for text in ax.texts]
    assert any(text.endswith(", slower") for text in beside)
    assert any(text.endswith(", faster") for text in beside)
    assert "quick" in alt_text(ax)
    assert ", faster" in alt_text(ax)


def test_axes_of_ones_own_are_used(history):
    ax = Figure(figsize=(4, 3), layout="constrained").add_subplot()
    assert fs.segments(history, "region", n_draws=50).plot(ax=ax) is ax
    ax.figure.canvas.draw()


def test_many_groups_with_hostile_names(history):
    """Of more than 40, the 20 highest and lowest; no name is drawn as a formula."""
    n = len(history.records.deals)
    names = np.array([rf"$\frac{{a}}{{{i} <b>团队</b> of a long name" for i in range(60)], dtype=object)
    deals = history.records.deals.assign(team=names[np.random.default_rng(0).integers(60, size=n)])
    found = fs.segments(replace(history, records=Records(deals, history.records.moves)), "team", n_draws=50)
    ax = fs.plot_segments(found)
    assert len(ax.get_yticks()) == 40
    assert "40 of 60" in alt_text(ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_as_many_groups_as_fit_are_shown(history, page, clashes, lang):
    """On axes of any size names stand apart, and the title says how many of all are shown."""
    names = np.array([f"region number {i:03d}" for i in range(60)], dtype=object)
    deals = history.records.deals.assign(
        team=names[np.random.default_rng(0).integers(60, size=len(history.records.deals))]
    )
    found = fs.segments(replace(history, records=Records(deals, history.records.moves)), "team", n_draws=50)
    ax = fs.plot_segments(found, ax=page, lang=lang)
    assert not clashes(ax)
    n = len(ax.get_yticks())
    assert 10 <= n <= 40
    assert (f"{n} of 60" if lang == "en" else f"{n} / 60") in alt_text(ax).replace("（", "")
