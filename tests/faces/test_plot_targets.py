"""Pictures of targets and receivables: they show what their tables say, also of next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.nouns.forecast import ForecastError

mpl.use("Agg")
HOSTILE = r"Negotiation of <b>terms</b> & $\frac{a}{b$ " * 7  # 300 characters, unclosed formulas and markup


@pytest.fixture(scope="module")
def funnel() -> fs.Funnel:
    return fs.fit(fs.simulate_history(seed=1), classes="region", calendar=False, level_period=None)


@pytest.fixture(scope="module")
def split(funnel: fs.Funnel) -> fs.TargetSplit:
    """Three regions: a quota far beyond the range, one above the median, and one below."""
    kept = {"by": "region", "n_draws": 10, "n_futures": 200}
    even = fs.split_target(funnel, fs.simulate_history(seed=1).pipeline(), 4_500_000, **kept)  # type: ignore[arg-type]
    middle = even.table()["p50"].iloc[:-1]
    factors = zip(middle.index, (3.0, 1.05, 0.8), strict=True)
    quotas = {name: round(factor * middle[name], 2) for name, factor in factors}
    return fs.split_target(funnel, fs.simulate_history(seed=1).pipeline(), quotas=quotas, **kept)  # type: ignore[arg-type]


def axes(width: float = 6.4, height: float = 4.8) -> mpl.axes.Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def parts_of(split: fs.TargetSplit, which: list[int], names: list[str]) -> fs.TargetSplit:
    """A split of some of its parts, some of them several times."""
    parts = replace(
        split.parts,
        labels=tuple(names),
        laws=tuple(split.parts.laws[k] for k in which),
        futures=split.parts.futures[:, :, which],
    )
    return replace(split, parts=parts, units=tuple(split.units[k] for k in which))


def words_beside(ax: mpl.axes.Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_bars_ticks_and_marks_are_those_of_the_table(split: fs.TargetSplit) -> None:
    ax, table = fs.plot_quotas(split, ax=axes()), split.table().iloc[:-1]
    assert table["verdict"].tolist() == ["infeasible", "a stretch", "attainable"]
    np.testing.assert_allclose([bar.get_x() for bar in ax.patches], table["p10"])
    np.testing.assert_allclose([bar.get_x() + bar.get_width() for bar in ax.patches], table["p90"])
    (ticks,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    np.testing.assert_allclose([segment[0, 0] for segment in ticks.get_segments()], table["p50"])
    marks = {float(y): (float(x), line.get_marker()) for line in ax.lines for x, y in line.get_xydata()}
    assert [marks[row][0] for row in (0.0, 1.0, 2.0)] == pytest.approx(table["quota"].tolist())
    assert len({marker for _, marker in marks.values()}) == 3, "verdicts differ by shape, not by colour alone"
    assert f"{100 * table['chance'].iloc[1]:.0f} %" in words_beside(ax)[1]
    assert ax.get_xlim()[1] > table["quota"].max()
    for name in split.parts.labels:
        assert name in alt_text(ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("n", "name"), [(0, "part"), (1, HOSTILE), (3, HOSTILE), (40, "Rep"), (44, "\u534e\u4e1c" * 60)]
)
@pytest.mark.parametrize("size", [(6.4, 4.8), (2.6, 1.8), (6.4, 12.0)])
def test_any_number_of_parts_and_any_name_can_be_drawn(
    split: fs.TargetSplit, n: int, name: str, size: tuple[float, float]
) -> None:
    many = parts_of(split, [k % 3 for k in range(n)], [f"{name}{k}" for k in range(n)])
    if n == 44:  # the last four have the smallest quotas, so they are left out
        many = replace(many, units=(*many.units[:40], 0, 0, 0, 0))
    ax = fs.plot_quotas(many, ax=axes(*size))
    ax.figure.canvas.draw()
    shown = len(ax.patches)
    assert min(n, 4) <= shown <= min(n, 40)
    assert shown == min(n, 40) or size[1] < 12
    assert len(words_beside(ax)) == shown
    assert len({label.get_text() for label in ax.get_yticklabels()}) == shown, "told apart"
    assert (f"the largest {shown} of {n}" in alt_text(ax)) == (shown < n)
    if not n:
        assert "no part" in alt_text(ax)


@pytest.mark.parametrize("n", [1, 3, 40])
def test_no_part_is_written_over_another(
    split: fs.TargetSplit, n: int, page: mpl.axes.Axes, clashes: Callable[[mpl.axes.Axes], list[str]]
) -> None:
    many = parts_of(split, [k % 3 for k in range(n)], [f"representative {k}" for k in range(n)])
    assert not clashes(fs.plot_quotas(many, ax=page))
    said = words_beside(page)
    assert said[0].startswith("chance ") or page.figure.get_figwidth() < 4, (
        "what the numbers are is said once"
    )


def test_wins_are_drawn_as_wins_and_targets_of_nothing_too(funnel: fs.Funnel) -> None:
    pipeline = fs.simulate_history(seed=1).pipeline()
    for target in (0, 60):
        kept = {"by": "month", "measure": "wins", "periods": "2Q", "n_draws": 10, "n_futures": 100}
        made = fs.split_target(funnel, pipeline, target, **kept)  # type: ignore[arg-type]
        ax = fs.plot_quotas(made)
        ax.figure.canvas.draw()
        assert f"{target} wins" in ax.get_title(loc="left").replace("\n", " ")


# --- receivables


def outlook(funnel: fs.Funnel, periods: str, *, idle: bool = False) -> fs.Forecast:
    terms = fs.Collections.by_hand(terms_days=30, late_mean_days=25, never_paid=0.04)
    position, made = fs.simulate_history(seed=1).pipeline(), funnel.with_collections(terms)
    if idle:
        none = position.won_step[:0], position.won_amount[:0]
        position = replace(position, won_step=none[0], won_amount=none[1], won_attributes={})
        position, made = position.of_deals(np.zeros(0, np.int64)), fs.Volume(0.001).apply(made)
    engine = fs.MonteCarlo(n_futures=100, n_draws=10)
    return fs.forecast(made, position, periods=periods, measure="cash", engine=engine)


def test_columns_stack_to_what_is_unpaid_with_their_ranges(funnel: fs.Funnel) -> None:
    made = outlook(funnel, "4Q")
    ax, table = fs.plot_receivables(made, ax=axes()), made.receivables()
    overdue, rest = ax.patches[:4], ax.patches[4:]
    np.testing.assert_allclose([bar.get_height() for bar in overdue], table["overdue30", "mean"])
    tops = [bar.get_y() + bar.get_height() for bar in rest]
    np.testing.assert_allclose(tops, table["open", "mean"])
    ranges = [c.get_segments() for c in ax.collections if isinstance(c, LineCollection)]
    for segments, name in zip(ranges, ("overdue30", "open"), strict=True):
        np.testing.assert_allclose([s[0, 1] for s in segments], table[name, "p10"])
        np.testing.assert_allclose([s[1, 1] for s in segments], table[name, "p90"])
    assert ax.get_ylim()[1] > table["open", "p90"].max()
    for label in made.periods.labels:
        assert label in alt_text(ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(("periods", "idle"), [("1M", False), ("40W", False), ("2M", True)])
@pytest.mark.parametrize("size", [(6.4, 4.8), (2.6, 1.8)])
def test_one_period_forty_and_nothing_unpaid_can_be_drawn(
    funnel: fs.Funnel, periods: str, idle: bool, size: tuple[float, float]
) -> None:
    made = outlook(funnel, periods, idle=idle)
    ax = fs.plot_receivables(replace(made, unit="A$ " + HOSTILE), ax=axes(*size))
    ax.figure.canvas.draw()
    assert len(ax.patches) == 2 * len(made.periods)


def test_a_forecast_without_invoices_has_no_receivables(funnel: fs.Funnel) -> None:
    plain = fs.forecast(
        funnel, fs.simulate_history(seed=1).pipeline(), periods="1Q", engine=fs.Exact(n_draws=4)
    )
    with pytest.raises(ForecastError, match="cash"):
        fs.plot_receivables(plain)
