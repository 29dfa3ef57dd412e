"""The waterfall of a revision: bars begin where the last one ended, and the words tell the same numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text


@pytest.fixture(scope="module")
def revised() -> fs.Revision:
    history = fs.simulate_history(seed=1)
    return fs.revision(history, "2026-06-30", window=["2026-07-01", "2027-01-01"], n_draws=20)


def test_bars_lead_from_one_forecast_to_the_other(revised: fs.Revision) -> None:
    ax = fs.plot_revision(revised)
    table = revised.table()
    bars = sorted((bar for bar in ax.patches if bar.get_height() > 0), key=lambda bar: bar.get_y())
    ends = [bar.get_x() + bar.get_width() for bar in bars]
    np.testing.assert_allclose(ends, table["level"].iloc[1:-1], rtol=1e-9)
    starts = [bar.get_x() for bar in bars]
    np.testing.assert_allclose(starts, table["level"].iloc[:-2], rtol=1e-9)
    dots = [(line.get_ydata()[0], line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"]
    last = len(table) - 1
    np.testing.assert_allclose(sorted(dots), [(0, table["level"].iloc[0]), (last, table["level"].iloc[-1])])
    assert "lost −" in alt_text(ax)
    start = revised.before.mean().value / 1e6
    assert alt_text(ax).startswith(f"Expected bookings: {start:.2f} M EUR on 2026-06-30")
    ax.figure.canvas.draw()
    plt.close("all")


def test_given_axes_are_used(revised: fs.Revision) -> None:
    ax = Figure(figsize=(3.2, 2.4), layout="constrained").add_subplot()
    assert fs.plot_revision(revised, ax=ax) is ax
    assert not plt.get_fignums()
    ax.figure.canvas.draw()


def test_an_axis_that_does_not_begin_at_zero_says_so(revised: fs.Revision) -> None:
    """Bars are changes, so they may; a reader who takes the way from 0 for an amount must be told."""
    ax = fs.plot_revision(revised, ax=Figure(figsize=(6.4, 4), layout="constrained").add_subplot())
    left, right = ax.get_xlim()
    ranges = [outlook.quantile([0.1, 0.9]) for outlook in (revised.before, revised.after)]
    assert left < np.min(ranges)
    assert right > np.max(ranges)
    assert ("does not begin at 0" in ax.get_xlabel().replace("\n", " ")) == (left > 0)


def drawn(revised: fs.Revision, width: float, height: float) -> plt.Axes:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    ax = fs.plot_revision(revised, ax=figure.add_subplot())
    figure.canvas.draw()
    return ax


@pytest.mark.parametrize("size", [(6.4, 4), (13.3, 7.5), (3.4, 2.6)])
def test_the_legend_stands_right_below_the_name_of_the_axis(
    revised: fs.Revision, size: tuple[float, float]
) -> None:
    """Below, not over it, and at most a line and a half of letters lower."""
    ax = drawn(revised, *size)
    above = ax.xaxis.label.get_window_extent().y0
    top = ax.get_legend().get_window_extent().y1
    assert above > top
    assert above - top < 1.5 * ax.xaxis.label.get_fontsize() * ax.figure.dpi / 72


@pytest.mark.parametrize("size", [(6.4, 4), (13.3, 7.5), (3.4, 2.6)])
def test_numbers_beside_can_be_added_up_by_the_reader(
    revised: fs.Revision, size: tuple[float, float]
) -> None:
    """All with as many decimals; rounded, so off by half a unit of the last for each of them at most."""
    ax = drawn(revised, *size)
    numbers = {text.xy[1]: text.get_text().split("  ")[0].replace("−", "-") for text in ax.texts}
    first, *changes, last = (float(numbers[row]) for row in sorted(numbers))
    decimals = {len(number.split(".")[1]) for number in numbers.values() if number != "0"}
    assert len(decimals) == 1
    slack = 0.5 * 10.0 ** -decimals.pop() * len(numbers)
    assert first + sum(changes) == pytest.approx(last, abs=slack)


def test_nothing_expected_is_a_plain_zero() -> None:
    """One deal, first seen at its win before both dates: no new deal is on record, and nothing changed."""
    log = {"deal_id": ["x"], "stage": ["won"], "entered_at": ["2026-03-01"]}
    deals = pd.DataFrame({"deal_id": ["x"], "amount": [1000.0]})
    history = fs.read_deals(deals, pd.DataFrame(log), stages=fs.Stages.named(["a"]), as_of="2026-06-30")
    revised = fs.revision(history, "2026-03-31", window=["2026-04-01", "2027-01-01"], n_draws=4)
    beside = [text.get_text() for text in drawn(revised, 6.4, 4.0).texts]
    assert beside == ["0"] * 10


def test_titles_are_whole_in_a_narrow_column(revised: fs.Revision) -> None:
    title = drawn(revised, 3.4, 2.6).get_title(loc="left")
    assert "…" not in title
    assert title.replace("\n", " ").endswith("since 2026-06-30")
