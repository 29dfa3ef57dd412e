"""Pictures of a backtest: what came stands where the records say, and the words tell the same numbers."""

from __future__ import annotations

from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import PlotError, alt_text


@pytest.fixture(scope="module")
def test() -> fs.Backtest:
    return fs.backtest(fs.simulate_history(seed=2), periods="2Q", origins=6, n_draws=20, n_futures=200)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_dots_are_what_came_and_filled_where_the_range_held(test: fs.Backtest) -> None:
    ax = fs.plot_backtest(test)
    cells = test.cells.query(
        "measure == 'bookings' and part == 'total' and window == 'period' and ahead == 1"
    )
    held = (cells["p10"] <= cells["actual"]) & (cells["actual"] <= cells["p90"])
    inside, outside = (line.get_ydata() for line in ax.get_lines()[:2])
    np.testing.assert_allclose(np.sort(inside), np.sort(cells["actual"][held]))
    np.testing.assert_allclose(np.sort(outside), np.sort(cells["actual"][~held]))
    assert f"held {held.sum()} of 6 times" in ax.get_title(loc="left")
    assert f"held what came {held.sum()} times" in alt_text(ax)
    ax.figure.canvas.draw()


def test_shares_by_tenth_add_up_and_ranges_are_counted(test: fs.Backtest) -> None:
    ax = fs.plot_pit(test)
    assert sum(bar.get_height() for bar in ax.containers[0]) == pytest.approx(100)
    scores = test.scores().query("measure == 'bookings' and part == 'total' and window == 'period'").iloc[0]
    wanted = ", ".join(f"{100 * scores[f'coverage_{share}']:.0f}" for share in (50, 80, 95))
    assert f"held {wanted} % of {scores['n_cells']} cells" in ax.get_title(loc="left").replace("\n", " ")
    ax.figure.canvas.draw()


def test_the_band_holds_eight_in_ten_counts_of_honest_forecasts(test: fs.Backtest) -> None:
    """Bounds by adding up the binomial chances of counts, as in a table of the distribution."""
    ax = fs.plot_pit(test)
    n = len(test.cells.query("measure == 'bookings' and part == 'total' and window == 'period'"))
    upto = np.cumsum([comb(n, k) * 0.1**k * 0.9 ** (n - k) for k in range(n + 1)])
    wanted = [100 * np.argmax(upto >= share) / n for share in (0.1, 0.9)]
    (band,) = [patch for patch in ax.patches if patch.get_label() == "chance"]
    assert [band.get_y(), band.get_y() + band.get_height()] == pytest.approx(wanted)


def test_given_axes_are_used(test: fs.Backtest) -> None:
    axes = Figure(figsize=(9, 4), layout="constrained").subplots(1, 2)
    assert fs.plot_backtest(test, ahead=2, part="open", ax=axes[0]) is axes[0]
    assert fs.plot_pit(test, part="open", ax=axes[1]) is axes[1]
    assert "second period of deals open then" in axes[0].get_title(loc="left").replace("\n", " ")
    assert not plt.get_fignums()


@pytest.mark.parametrize("asked", [{"ahead": 3}, {"part": "new"}, {"method": "ETS"}])
def test_cells_that_are_not_there_are_refused(test: fs.Backtest, asked: dict) -> None:
    with pytest.raises(PlotError, match="methods are funnelsim"):
        fs.plot_backtest(test, **asked)
