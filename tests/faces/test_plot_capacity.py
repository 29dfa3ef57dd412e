"""Capacity by period: bars are hours worked over hours there were, with waits below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import PlotError, alt_text
from funnelsim.nouns.capacity import CapacityUse

DRAWS = np.array([0.7, 0.8, 0.9, 1.0])


@pytest.fixture(scope="module")
def plain() -> fs.Forecast:
    history = fs.simulate_history(seed=2)
    funnel = fs.fit(history, calendar=False, level_period=None)
    return fs.forecast(funnel, history.pipeline(), periods="1Q", engine=fs.Exact(n_draws=2))


def capacity_of(n_periods: int, n_draws: int = 4, *, hours: float = 10.0, asked: float = 5.0) -> CapacityUse:
    """One rep of 10 hours a period who works 7, 8, 9 and 10 in four futures; 5 requests wait 15 days."""
    shape = (n_draws, 1, n_periods)
    by_period = np.zeros((n_draws, n_periods))
    worked = np.broadcast_to(hours * DRAWS[:n_draws, None, None], shape)
    return CapacityUse(
        labels=tuple(f"2026-{i + 1:02d}" for i in range(n_periods)),
        stage_names=("S",),
        rep_names=("R",),
        steps=np.full(n_periods, 30.0),
        step="day",
        n_draws=n_draws,
        available=np.full(shape, hours),
        worked=worked.copy(),
        waited=np.full(shape, 3 * asked),
        asked=np.full(shape, asked),
        neglected=np.zeros(shape),
        waiting_deals=by_period,
        waiting_hours=by_period,
        disqualified=by_period,
        left_with_rep=by_period,
        usual_waits=pd.DataFrame(),
    )


def axes(width: float = 6.4, height: float = 4.8) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def test_bars_errors_and_waits_are_those_worked_out_by_hand(plain: fs.Forecast) -> None:
    """Mean use 85 %, standard error of four draws sqrt(1/60) / 2 = 6.45 points; 3 days a request."""
    ax = fs.plot_capacity(replace(plain, capacity=capacity_of(3)), ax=axes())
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([85, 85, 85])
    (whiskers,) = [c for c in ax.containers if hasattr(c, "has_yerr")]
    spans = [np.ptp(segment[:, 1]) for segment in whiskers.lines[2][0].get_segments()]
    assert spans == pytest.approx([200 * np.sqrt(1 / 60) / 2] * 3)
    assert ax.get_xticklabels()[0].get_text() == "2026-01\n3.0 ± 0.0"
    assert "Hours used: 85 % ± 6.5, a request for work waits 3.0 ± 0.0 days" in alt_text(ax)
    (line,) = [line for line in ax.lines if line.get_label() == "all"]
    assert set(line.get_ydata()) == {100}


def test_an_engine_without_people_says_so(plain: fs.Forecast) -> None:
    with pytest.raises(PlotError, match=r"exact engine knows no people.*engine=Events\(team, work\)"):
        fs.plot_capacity(plain)


@pytest.mark.parametrize("size", [(6.4, 4.8), (2.6, 1.8)])
@pytest.mark.parametrize("n", [1, 60])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_one_period_and_many_can_be_drawn(
    plain: fs.Forecast, size: tuple[float, float], n: int, lang: str, tmp_path
) -> None:
    ax = fs.plot_capacity(replace(plain, capacity=capacity_of(n)), ax=axes(*size), lang=lang)  # type: ignore[arg-type]
    for kind in ("png", "svg", "pdf") if n == 1 else ("svg",):
        ax.figure.savefig(tmp_path / f"capacity.{kind}")
    assert len(ax.patches) == n


@pytest.mark.parametrize("asked", [{"hours": 0.0}, {"asked": 0.0}])
def test_no_hours_and_no_requests_are_told_without_nan(plain: fs.Forecast, asked: dict) -> None:
    ax = fs.plot_capacity(replace(plain, capacity=capacity_of(2, **asked)), ax=axes())
    ax.figure.draw_without_rendering()
    assert "nan" not in alt_text(ax)
    assert ("no hours at all" in alt_text(ax)) == ("hours" in asked)


@pytest.mark.parametrize(("n", "is_told"), [(2, True), (12, False)])
def test_waits_keep_their_error_in_print_where_there_is_room(
    plain: fs.Forecast, n: int, is_told: bool
) -> None:
    ax = fs.plot_capacity(replace(plain, capacity=capacity_of(n)), ax=axes(3.4, 2.6))
    assert ("±" in ax.get_xticklabels()[0].get_text()) == is_told
