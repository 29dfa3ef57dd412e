"""The picture of effects: every effect told, clear ones by marker, names that break nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.nouns.records import Records


def test_every_effect_is_shown_with_its_verdict(history):
    found = fs.effects(history)
    ax = found.plot()
    table = found.table()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == len(table)
    assert labels[0].startswith("owner: rep")
    assert labels[1].startswith("rep")  # the attribute is named once
    said = alt_text(ax)
    for line in table.itertuples():
        assert f"{line.attribute}: {line.level} {line.win_change:+.1f}" in said
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"wins more often", "wins less often", "no clear effect on winning"} == set(legend)
    markers = {len(path.vertices) for c in ax.collections for path in c.get_paths() if len(c.get_offsets())}
    assert len(markers) >= 2  # clear effects differ by shape, not by colour
    ax.figure.canvas.draw()


def test_axes_of_ones_own_are_used(history):
    ax = Figure(figsize=(4, 3), layout="constrained").add_subplot()
    assert fs.plot_effects(fs.effects(history, "region", n_draws=50), ax=ax) is ax
    ax.figure.canvas.draw()


def test_many_effects_with_hostile_names(history):
    """Of more than 40, those furthest from none; no name is drawn as a formula."""
    n = len(history.records.deals)
    names = np.array([rf"$\frac{{a}}{{{i} <b>团队</b> of a long name" for i in range(48)], dtype=object)
    drawn = names[np.random.default_rng(0).integers(48, size=n)]
    deals = history.records.deals.assign(**{r"$\team_团队": drawn})
    found = fs.effects(replace(history, records=Records(deals, history.records.moves)), n_draws=50)
    ax = found.plot()
    assert len(ax.get_yticklabels()) == 40
    assert "40 of" in alt_text(ax)
    ax.figure.canvas.draw()


def test_as_many_effects_as_fit_are_shown(history, page, clashes):
    """On axes of any size names stand apart, and the sample's sixteen effects are all there."""
    assert not clashes(fs.plot_effects(fs.effects(history), ax=page))
    assert len(page.get_yticklabels()) == 16


def test_what_is_counted_as_clear_is_drawn_as_clear(history):
    """A level that only moves at another pace has no clear effect on winning, which the picture is about."""
    found = fs.effects(history)
    drawn = fs.plot_effects(found)
    marks = [len(c.get_offsets()) for c in drawn.collections if isinstance(c, PathCollection)]
    table = found.table()
    n_clear = int(table["verdict"].str.contains("wins").sum())
    assert sum(marks) == len(table)
    assert f"{n_clear} of {len(table)} are clear" in drawn.get_title(loc="left").replace("\n", " ")
