"""Coverage: dots are the shares of the scores, on the diagonal where ranges are honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import PlotError, alt_text

QUANTILES = {"p2_5": 0.025, "p10": 0.1, "p25": 0.25, "p75": 0.75, "p90": 0.9, "p97_5": 0.975}


def backtest_of(came: list[float], n_periods: int = 1) -> fs.Backtest:
    """Forecasts that say evenly between 0 and 1, at monthly origins, and what came."""
    origins = np.datetime64("2024-01-31") + 30 * np.arange(len(came) // n_periods)
    cells = pd.DataFrame(
        {
            "method": "funnelsim",
            "origin": np.repeat(origins, n_periods),
            "measure": "bookings",
            "part": "total",
            "window": "period",
            "ahead": np.tile(np.arange(1, n_periods + 1), len(origins)),
            "actual": came,
            "mean": 0.5,
            **QUANTILES,
        }
    )
    empty = pd.DataFrame(columns=["method", "origin", "deal_id", "chance", "won"])
    return fs.Backtest(cells, empty, pd.DataFrame(), "bookings", n_periods, n_periods, 0, "EUR")


def axes(width: float = 5.4, height: float = 5.0) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def points(ax: Axes) -> np.ndarray:
    (container,) = [c for c in ax.containers if c.get_label() == "held"]
    return np.asarray(container.lines[0].get_xydata())


def test_dots_are_shares_counted_by_hand() -> None:
    """Of ten outcomes 4 lie within the half, 7 within the 80 %, 9 within the 95 % range."""
    came = [0.3, 0.4, 0.5, 0.6, 0.15, 0.2, 0.85, 0.05, 0.96, 0.999]
    ax = fs.plot_coverage(backtest_of(came), ax=axes())
    np.testing.assert_allclose(points(ax), [[50, 40], [80, 70], [95, 90]])
    assert "the 80 % range held 70 % (" in alt_text(ax)
    assert "in 10 cells from 10 origins" in alt_text(ax)
    (line,) = [line for line in ax.lines if line.get_label() == "honest"]
    np.testing.assert_allclose(line.get_xdata(), line.get_ydata())


def test_words_are_not_struck_through_by_the_diagonal() -> None:
    """40 of 50, 70 of 80, 90 of 95 % lie below the diagonal: their words stand to the right."""
    low = [0.3, 0.4, 0.5, 0.6, 0.15, 0.2, 0.85, 0.05, 0.96, 0.999]
    for came in (low, [0.5] * 10, (np.arange(400) + 0.5) / 400):
        ax = fs.plot_coverage(backtest_of(list(came)), ax=axes())
        ax.figure.canvas.draw()
        ends = ax.transData.transform([[0, 0], [100, 100]])
        for text in ax.texts:
            box = text.get_window_extent()
            heights = np.interp([box.x0, box.x1], ends[:, 0], ends[:, 1])
            assert heights.max() < box.y0 or heights.min() > box.y1, text.get_text()


def test_honest_ranges_lie_on_the_diagonal_within_their_intervals() -> None:
    """400 outcomes spread evenly, in an order of chance: each range holds its share, give or take 4 SE."""
    came = np.random.default_rng(5).permutation((np.arange(400) + 0.5) / 400)
    ax = fs.plot_coverage(backtest_of(came.tolist()), ax=axes())
    np.testing.assert_allclose(points(ax)[:, 1], [50, 80, 95], atol=0.3)
    (container,) = [c for c in ax.containers if c.get_label() == "held"]
    for segment, share in zip(container.lines[2][0].get_segments(), (0.5, 0.8, 0.95), strict=True):
        half = 100 * 1.645 * np.sqrt(share * (1 - share) / 400)
        assert np.ptp(segment[:, 1]) / 2 == pytest.approx(half, rel=0.35)


def test_bounds_are_those_of_the_backtest_itself() -> None:
    rng = np.random.default_rng(1)
    test = backtest_of(rng.uniform(size=60).tolist(), n_periods=2)
    ax, known = fs.plot_coverage(test, ax=axes()), test.coverage()
    (container,) = [c for c in ax.containers if c.get_label() == "held"]
    drawn = container.lines[2][0].get_segments()[1][:, 1]
    np.testing.assert_allclose(drawn, [100 * known.low, 100 * known.high])


@pytest.mark.parametrize("size", [(5.4, 5.0), (2.4, 2.0)])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_few_origins_claim_no_interval(size: tuple[float, float], n: int) -> None:
    ax = fs.plot_coverage(backtest_of([0.5] * n), ax=axes(*size))
    ax.figure.draw_without_rendering()
    assert ("too few origins for an interval" in alt_text(ax)) == (n < 4)
    assert "nan" not in alt_text(ax)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("size", [(6.4, 4.0), (13.3, 7.5), (3.4, 2.6)])
def test_too_few_origins_are_told_once_and_over_nothing(size: tuple[float, float], lang: str) -> None:
    """Said beside each of three dots, the words ran over one another and over the axis."""
    ax = fs.plot_coverage(backtest_of([0.5, 0.5]), ax=axes(*size), lang=lang)  # type: ignore[arg-type]
    ax.figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    few = {"en": "too few origins", "zh": "预测时点太少"}[lang]
    assert [few in text.get_text() for text in (*legend.get_texts(), *ax.texts)].count(True) == 1
    boxes = [text.get_window_extent() for text in (*ax.texts, *ax.get_yticklabels()[:-1])]
    for i, box in enumerate(boxes):
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[:i])


def test_cells_that_are_not_there_are_refused() -> None:
    with pytest.raises(PlotError, match="methods are funnelsim"):
        fs.plot_coverage(backtest_of([0.5] * 5), method="ETS")
