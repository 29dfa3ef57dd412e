"""The funnel as bars: what reaches each stage, worked out by hand, and drawn whatever the funnel."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards

HOSTILE = r"Negotiation of <b>terms</b> & $\frac{a}{b$ " * 7  # 300 characters, unclosed formulas and markup


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def funnel_of(
    routes: np.ndarray, entry: list[float], names: list[str] | None = None, n_deals: float | None = None
) -> fs.Funnel:
    """Deals leave each stage after one step, for (stages, won, lost) with these chances."""
    n_open = len(routes)
    names = names or [f"S{i}" for i in range(n_open)]
    hazards = []
    for row in routes:
        if n_deals is None:
            certain = np.array([np.zeros(n_open + 2), row, row])
            split = np.full(n_open + 2, 1 / (n_open + 2))
            hazards.append(StageHazards(np.array([0, 1, 2]), certain, np.ones(3), split, is_certain=True))
        else:
            exits = np.array([np.zeros(n_open + 2), n_deals * row, np.zeros(n_open + 2)])
            at_risk = np.array([n_deals, n_deals, 0.5])
            hazards.append(StageHazards(np.array([0, 1, 2]), exits, at_risk, row))
    stages = fs.Stages(
        tuple(fs.Stage(name, nominal_win_rate=(i + 1) / 200) for i, name in enumerate(names)),
        (fs.Outcome("won", "won"), fs.Outcome("lost", "lost")),
    )
    arrivals = Arrivals(7, 10.0, np.inf, 0.0, np.asarray(entry, dtype=float))
    return fs.Funnel(stages, fs.Clock("day"), tuple(hazards), arrivals)


def chain() -> np.ndarray:
    """Two stages: half move on, a fifth of the second go back, three in ten of it win; the rest is lost."""
    return np.array([[0.0, 0.5, 0.0, 0.5], [0.2, 0.0, 0.3, 0.5]])


def axes(width: float = 6.4, height: float = 4.8) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def widths(ax: Axes) -> list[float]:
    return [bar.get_width() for bar in ax.patches]


def test_bars_and_dots_are_those_worked_out_by_hand() -> None:
    """Won from the second stage: w2 = 0.3 + 0.2 w1, and w1 = 0.5 w2, so w2 = 1/3 and w1 = 1/6."""
    ax = fs.plot_funnel(funnel_of(chain(), [1.0, 0.0]), n_draws=5, ax=axes())
    assert widths(ax) == pytest.approx([100, 50, 100 / 6])
    (dots,) = [line for line in ax.lines if line.get_label() == "win rate"]
    assert dots.get_xdata() == pytest.approx([100 / 6, 100 / 3])
    (ticks,) = [c for c in ax.collections if c.get_label() == "nominal"]
    assert [segment[0, 0] for segment in ticks.get_segments()] == pytest.approx([0.5, 1.0])
    assert any(text.get_text() == "↓ 50 %" for text in ax.texts)
    assert "Of 100 deals that enter, 17 are won" in alt_text(ax)


def test_deals_that_enter_further_on_have_come_that_far() -> None:
    """A quarter enters the second stage: 3/4 x 1/2 + 1/4 reach it, and 3/4 x 1/6 + 1/4 x 1/3 are won."""
    ax = fs.plot_funnel(funnel_of(chain(), [3.0, 1.0]), n_draws=5, ax=axes())
    assert widths(ax) == pytest.approx([100, 62.5, 100 * (0.125 + 1 / 12)])


def test_steps_are_the_conversions_of_the_table_where_nothing_goes_back() -> None:
    routes = np.array([[0, 0.6, 0, 0, 0.4], [0, 0, 0.5, 0, 0.5], [0, 0, 0, 0.25, 0.75]])
    funnel = funnel_of(routes, [1.0, 0.0, 0.0], n_deals=400)
    ax, table = fs.plot_funnel(funnel, n_draws=100, seed=3, ax=axes()), funnel.table(n_draws=100, seed=3)
    bars = np.array(widths(ax))
    np.testing.assert_allclose(bars[1:] / bars[:-1], table["conversion"], rtol=1e-9)
    for row in table.itertuples():
        low, share, high = (100 * x for x in (row.conversion_low, row.conversion, row.conversion_high))
        told = f"↓ {share:.0f} % ({low:.0f} to {high:.0f})"
        assert told in [text.get_text() for text in ax.texts]
    (dots,) = [line for line in ax.lines if line.get_label() == "win rate"]
    np.testing.assert_allclose(dots.get_xdata(), 100 * table["win_rate"], rtol=1e-9)


def test_arrows_and_table_tell_one_conversion_where_deals_skip_go_back_and_begin_beyond() -> None:
    """How many reach the next bar is another share: 58 of 100 against 54 on the sample."""
    funnel = fs.fit(fs.simulate_history())
    ax = fs.plot_funnel(funnel, ax=axes())
    arrows = [text.get_text() for text in ax.texts if text.get_text().startswith("↓")]
    told = 100 * funnel.table()[["conversion", "conversion_low", "conversion_high"]]
    assert arrows == [f"↓ {mean:.0f} % ({low:.0f} to {high:.0f})" for mean, low, high in told.to_numpy()]
    for reason in ("began in a later stage", "skipped the stage", "moved back and on again"):
        assert reason in alt_text(ax)


def test_where_each_deal_moves_one_stage_at_a_time_bars_need_no_word() -> None:
    ax = fs.plot_funnel(funnel_of(np.array([[0.0, 0.5, 0.0, 0.5], [0.0, 0.0, 0.3, 0.7]]), [1, 0]), ax=axes())
    assert "bars also hold" not in alt_text(ax)


def test_rates_that_are_given_claim_no_interval() -> None:
    assert " to " not in alt_text(fs.plot_funnel(funnel_of(chain(), [1.0, 0.0]), n_draws=5, ax=axes()))


@pytest.mark.parametrize("size", [(6.4, 4.8), (2.6, 1.8), (6.4, 12.0)])
@pytest.mark.parametrize("n", [1, 2, 200])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_any_number_of_stages_and_any_name_can_be_drawn(size: tuple[float, float], n: int, lang: str) -> None:
    routes = np.zeros((n, n + 2))
    routes[np.arange(n), np.arange(1, n + 1)] = 0.95
    routes[:, -1] = 0.05
    names = [HOSTILE + str(i) for i in range(n)]
    ax = fs.plot_funnel(
        funnel_of(routes, [1.0] + [0.0] * (n - 1), names), n_draws=3, ax=axes(*size), lang=lang
    )  # type: ignore[arg-type]
    ax.figure.draw_without_rendering()
    assert len(ax.patches) == min(n, 24) + 1
    assert widths(ax)[-1] == pytest.approx(100 * 0.95**n)
    assert (("24 of 200 stages" in alt_text(ax)) or ("200 个阶段中的 24 个" in alt_text(ax))) == (n == 200)
    assert len({label.get_text() for label in ax.get_yticklabels()}) == min(n, 24) + 1, "told apart"


def test_shares_too_small_to_read_are_bounded_not_spelled_in_powers_of_ten() -> None:
    """Of 200 stages with 0.9 each, 100 x 0.9^200 = 7e-08 deals are won."""
    routes = np.zeros((200, 202))
    routes[np.arange(200), np.arange(1, 201)] = 0.9
    routes[:, -1] = 0.1
    ax = fs.plot_funnel(funnel_of(routes, [1.0] + [0.0] * 199, n_deals=400), n_draws=5, ax=axes())
    shown = " ".join([ax.get_title(loc="left"), alt_text(ax), *(text.get_text() for text in ax.texts)])
    assert "e-" not in shown
    assert "fewer than 0.1 are won" in alt_text(ax)
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in zip(boxes, boxes[1:], strict=False))


def test_a_stage_nobody_left_and_no_entry_are_drawn(tmp_path) -> None:
    funnel = funnel_of(np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), [0.0, 0.0])
    bare = replace(
        funnel, stages=replace(funnel.stages, open=tuple(fs.Stage(s.name) for s in funnel.stages.open))
    )
    ax = fs.plot_funnel(bare, n_draws=3, ax=axes())
    assert widths(ax) == pytest.approx([100, 100, 0])
    assert "nominal" not in alt_text(ax)
    for kind in ("png", "svg", "pdf"):
        ax.figure.savefig(tmp_path / f"funnel.{kind}")


def test_a_nominal_rate_never_hides_the_win_rate_it_agrees_with() -> None:
    ax = fs.plot_funnel(fs.read_scenario("telesales").funnel, n_draws=5)
    (dots,) = [line for line in ax.lines if line.get_label() == "win rate"]
    (nominal,) = [lines for lines in ax.collections if lines.get_label() == "nominal"]
    assert dots.get_zorder() > nominal.get_zorder()
