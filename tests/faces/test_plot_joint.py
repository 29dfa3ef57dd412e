"""Pictures of several levers: they show what their tables say, also where there is next to nothing."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.questions.solve import LeverGrid

mpl.use("Agg")
ENGINE = fs.Exact(n_draws=3)
TARGET = 2_600_000


@pytest.fixture(scope="module")
def sample() -> tuple[fs.Funnel, fs.Pipeline]:
    history = fs.simulate_history(seed=2)
    return fs.fit(history, calendar=False, level_period=None), history.pipeline()


def axes() -> mpl.axes.Axes:
    return Figure(layout="constrained").add_subplot()


def test_steps_lead_from_the_chance_as_it_is_to_that_of_all(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    levers = [fs.Volume(1.2), fs.Conversion(1.2), fs.Speed(0.8)]
    compared = fs.compare_levers(*sample, target=TARGET, levers=levers, periods="2Q", engine=ENGINE)
    ax = fs.plot_shares(compared, ax=axes())
    first, *steps, last = ax.patches
    shares = compared.shares().sort_values("share", ascending=False)["share"]
    np.testing.assert_allclose([bar.get_width() for bar in steps], 100 * shares)
    assert first.get_width() == pytest.approx(100 * compared.base.chance().value)
    assert last.get_width() == pytest.approx(100 * compared.joint.chance().value)
    assert steps[-1].get_x() + steps[-1].get_width() == pytest.approx(last.get_width())
    errors = [c.lines[2][0].get_segments()[0] for c in ax.containers if hasattr(c, "has_xerr")]
    drawn = [np.ptp(segment[:, 0]) for segment in errors]
    wanted = 200 * compared.shares().sort_values("share", ascending=False)["share_se"]
    wholes = [200 * outlook.chance().standard_error for outlook in (compared.base, compared.joint)]
    np.testing.assert_allclose(drawn, [wholes[0], *wanted[wanted >= 0.1], wholes[1]])
    assert f"{last.get_width():.1f} % with all levers" in alt_text(ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_chances_have_their_errors(sample: tuple[fs.Funnel, fs.Pipeline], page, clashes, lang) -> None:
    """No chance without its standard error, in numbers and as a whisker: first and last row, too."""
    levers = (fs.Volume(1.2), fs.Conversion(1.2, sample[0].stages.names[1]))
    engine = fs.MonteCarlo(n_futures=100, n_draws=8)
    compared = fs.compare_levers(*sample, target=3e6, levers=levers, engine=engine, periods="2Q")
    ax = fs.plot_shares(compared, n_orders=2, ax=page, lang=lang)
    assert not clashes(ax)
    beside = [text.get_text() for text in ax.texts]
    for row, outlook in ((0, compared.base), (-1, compared.joint)):
        chance = outlook.chance()
        assert f"{100 * chance.value:.1f} % ± {100 * chance.standard_error:.1f}" in beside
        y = {0: 0.0, -1: float(len(levers) + 1)}[row]
        ends = [seg[:, 0] for c in ax.collections for seg in c.get_segments() if seg[0, 1] == y]
        low, high = 100 * (chance.value - chance.standard_error), 100 * (chance.value + chance.standard_error)
        assert any(np.allclose(end, [low, high]) for end in ends)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_dozens_of_levers_fit_and_the_rest_is_one_step(
    sample: tuple[fs.Funnel, fs.Pipeline], page, clashes, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 levers of 1.0 to 0.025 points: as many as fit, the others added up, with no error made up."""
    compared = fs.compare_levers(*sample, target=3e6, levers=(fs.Volume(1.2),), engine=ENGINE, periods="1Q")
    share = np.linspace(0.01, 0.00025, 40)
    columns = {"alone": share / 2, "share": share, "share_se": share / 4, "last": share}
    frame = pd.DataFrame(columns, index=[f"lever {k}" for k in range(40)])
    monkeypatch.setattr(fs.LeverComparison, "shares", lambda self, n_orders: frame)
    ax = fs.plot_shares(compared, n_orders=2, ax=page, lang=lang)
    assert not clashes(ax)
    rows = [label.get_text() for label in ax.get_yticklabels()]
    n_kept = len(rows) - 3  # as it is, the others, all together
    assert 1 < n_kept < 16
    assert str(40 - n_kept) in rows[-2]
    beside = [text.get_text() for text in ax.texts]
    assert f"{100 * share[n_kept:].sum():+.1f}" in beside
    assert not [text for text in beside if "nan" in text]


def test_a_grid_is_drawn_also_where_the_chance_hardly_changes() -> None:
    factors = np.linspace(1, 1.5, 4)
    for chance in (np.full((4, 4), 1e-9), np.linspace(0.05, 0.95, 16).reshape(4, 4)):
        names, error = ("volume", "转化率 $" * 30), np.full((4, 4), 0.03)
        grid = LeverGrid(names, factors, factors, chance, error, 5e6, "EUR")
        ax = fs.plot_lever_grid(grid, ax=axes())
        ax.figure.draw_without_rendering()
        (bar,) = [other for other in ax.figure.axes if other is not ax]
        assert [label.get_text() for label in bar.get_yticklabels()][::5] == ["0 %", "100 %"]
        assert f"{100 * chance[-1, -1]:.0f} % with volume +50 %" in alt_text(ax)
        ax.figure.canvas.draw()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_grid_shows_how_sure_its_lines_are(page, clashes, lang: str) -> None:
    """The even chance lies where x + y = 20 %; a standard error of 5 points moves it by 5 % either way."""
    factors = np.linspace(1, 1.4, 5)
    chance = 0.3 + np.add.outer(factors - 1, factors - 1)
    grid = LeverGrid(("volume", "conversion"), factors, factors, chance, 0 * chance + 0.05, 5e6, "EUR")
    ax = fs.plot_lever_grid(grid, ax=page, lang=lang)
    assert not clashes(ax)
    dashed = [drawn for drawn in ax.collections if drawn.get_linestyle()[0][1] is not None]
    sums = [path.vertices.sum(axis=1) for drawn in dashed for path in drawn.get_paths()]
    assert len(sums) == 2
    np.testing.assert_allclose(sorted(line.mean() for line in sums), [15.0, 25.0], atol=1e-6)
    assert all(np.ptp(line) < 1e-6 for line in sums)
    assert "5.0" in alt_text(ax)


@pytest.mark.thorough
def test_the_frontier_shows_its_table(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    options = [fs.Option("fairs", fs.Volume, 1.3, 50_000), fs.Option("training", fs.Conversion, 1.2, 80_000)]
    plan = fs.spend(*sample, options, target=TARGET, periods="2Q", engine=ENGINE)
    ax = fs.plot_frontier(plan, n_budgets=3, ax=axes())
    table = plan.frontier(3)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), table[["cost", "chance"]] * [1, 100])
    assert f"{100 * table['chance'].iloc[-1]:.0f} %" in alt_text(ax)
    ax.figure.canvas.draw()
