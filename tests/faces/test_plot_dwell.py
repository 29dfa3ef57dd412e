"""The picture of a dwell: what was seen, what models say, and how many were still there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.questions.dwell import Dwell


@pytest.fixture(scope="module")
def found() -> Dwell:
    return fs.dwell(fs.simulate_history(3), n_draws=50)


@pytest.mark.thorough
def test_curves_are_those_of_the_incidence(found):
    stage = found.stages.names[1]
    ax, curves = found.plot(stage), found.incidence(stage)
    best = curves.columns[4:6].tolist()
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert set(drawn) == {"observed", *best}
    for name, line in drawn.items():
        np.testing.assert_allclose(line.get_ydata()[:-1], curves[name])
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["observed, 80 % interval", *best]
    assert "age in stage (days)" in ax.get_xlabel()
    ax.figure.canvas.draw()
    for tick in ax.get_xticklabels():  # age above, stays at risk below
        age, at_risk = (int(line.replace(",", "")) for line in tick.get_text().split("\n"))
        assert at_risk == (curves["at_risk"].get(age, 0))


def test_legend_covers_no_curve(found):
    ax = found.plot(found.stages.names[1])
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().y1 < ax.get_window_extent().y0


def test_numbers_are_told_in_words(found):
    stage = found.stages.names[1]
    said, check = alt_text(found.plot(stage)), found.fit_check(stage)
    assert f"{len(found.stays[1].exit_age):,} stays in {stage}" in said
    for name in check.index[:2]:
        assert f"{name}: {check['verdict'][name]}" in said


def test_axes_of_ones_own_are_used(found):
    ax = Figure(figsize=(3, 2.2), layout="constrained").add_subplot()
    assert fs.plot_dwell(found, found.stages.names[1], ax=ax) is ax
    ax.figure.canvas.draw()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_words_stand_apart(found, page, clashes, lang):
    assert not clashes(fs.plot_dwell(found, found.stages.names[1], ax=page, lang=lang))


def test_what_was_seen_is_seen_below_the_models(found):
    """Models that fit lie upon it: its line is the widest."""
    widths = [line.get_linewidth() for line in found.plot(found.stages.names[1]).get_lines()]
    assert widths[0] > 1.5 * max(widths[1:])
