"""Open deals as discs: they stand where the table says, and any number of them can be drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.faces.plots.svg import drawn
from funnelsim.vocabulary.periods import step_of

HOSTILE = r"Negotiation of <b>terms</b> & $\frac{a}{b$ " * 7  # 300 characters, unclosed formulas and markup


@pytest.fixture(scope="module")
def outlook() -> fs.Forecast:
    history = fs.simulate_history(seed=2)
    funnel = fs.fit(history, calendar=False, level_period=None)
    return fs.forecast(funnel, history.pipeline(), periods="2Q", engine=fs.Exact(n_draws=5))


def axes(width: float = 6.4, height: float = 4.8) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def discs(ax: Axes) -> np.ndarray:
    """Age, chance and area of every disc."""
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    return np.vstack([np.column_stack([c.get_offsets(), c.get_sizes()]) for c in drawn])


def few(outlook: fs.Forecast, n: int, stages: int, name: str = "D") -> fs.Forecast:
    """A forecast of n open deals, in so many stages."""
    deals = replace(
        outlook.deals,
        deal_ids=np.array([f"{name}{i}" for i in range(n)], dtype=object),
        stage=np.arange(n) % stages,
        stage_names=tuple(f"{name} {i}" for i in range(stages)),
        age_steps=3 * np.arange(n),
        amount=1000.0 * (1 + np.arange(n)),
        is_imputed=np.zeros(n, bool),
        chance=np.full((n, 2), 0.2),
        chance_sd=np.full(n, 0.05),
    )
    return replace(outlook, deals=deals)


def test_discs_stand_at_age_and_chance_with_areas_like_amounts(outlook: fs.Forecast) -> None:
    ax, table = fs.plot_open_deals(outlook, ax=axes()), outlook.by_deal()
    drawn, wanted = discs(ax), table[["age_steps", "chance", "amount"]].to_numpy(float)
    drawn, wanted = drawn[np.lexsort(drawn[:, :2].T)], wanted * [1, 100, 1]
    wanted = wanted[np.lexsort(wanted[:, :2].T)]
    np.testing.assert_allclose(drawn[:, :2], wanted[:, :2])
    large = wanted[:, 2] > 0.1 * wanted[:, 2].max()
    ratio = drawn[large, 2] / wanted[large, 2]
    np.testing.assert_allclose(ratio, ratio[0])
    assert f"{len(table)} open deals, {table['chance'].sum():.1f} wins expected" in alt_text(ax)
    assert ax.get_xlabel() == "age in stage (days)"
    labels = [c.get_label() for c in ax.collections if isinstance(c, PathCollection)]
    assert labels == [name for name in outlook.deals.stage_names if name in set(table["stage"])]


def test_lines_are_one_standard_deviation_of_the_chance(outlook: fs.Forecast) -> None:
    ax = fs.plot_open_deals(few(outlook, 4, 1), ax=axes())
    (lines,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    for segment in lines.get_segments():
        np.testing.assert_allclose(segment[:, 1], [35, 45])


def test_the_five_largest_are_told_and_named_where_there_is_room(outlook: fs.Forecast) -> None:
    ax = fs.plot_open_deals(few(outlook, 12, 3), ax=axes())
    told = alt_text(ax)
    assert [f"D{i}, " in told for i in range(12)] == [False] * 7 + [True] * 5
    named = {text.get_text() for text in ax.texts}
    assert named <= {f"D{i}" for i in range(7, 12)}
    assert "D11" in named


def test_deals_on_one_point_are_counted(outlook: fs.Forecast) -> None:
    """30 equal deals on one point, 2 on another, 1 alone: two counts, and none for the last."""
    deals = few(outlook, 33, 1).deals
    age, amount = np.repeat([5, 40, 80], [30, 2, 1]), np.full(33, 1000.0)
    same = replace(outlook, deals=replace(deals, age_steps=age, amount=amount))
    counts = [text.get_text() for text in fs.plot_open_deals(same, ax=axes()).texts if "×" in text.get_text()]
    assert counts == ["×30", "×2"]


@pytest.mark.parametrize("size", [(6.4, 4.8), (2.6, 1.8)])
@pytest.mark.parametrize(("n", "stages"), [(0, 5), (1, 1), (300, 200)])
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.thorough
def test_no_deal_one_deal_and_200_stages_are_drawn(
    outlook: fs.Forecast, size: tuple[float, float], n: int, stages: int, lang: str
) -> None:
    ax = fs.plot_open_deals(few(outlook, n, stages, HOSTILE), ax=axes(*size), lang=lang)  # type: ignore[arg-type]
    ax.figure.draw_without_rendering()
    if not n:
        assert alt_text(ax) in ("No open deals.", "无在手商机。")
        return
    assert len(discs(ax)) == n
    assert len([c for c in ax.collections if isinstance(c, PathCollection)]) == min(stages, 6)


def test_deals_without_amounts_are_alike(outlook: fs.Forecast, tmp_path) -> None:
    history = fs.simulate_history(seed=2)
    bare = replace(fs.fit(history, calendar=False, level_period=None), amounts=None)
    wins = fs.forecast(bare, history.pipeline(), periods="2Q", measure="wins", engine=fs.Exact(n_draws=2))
    ax = fs.plot_open_deals(wins, ax=axes())
    assert len(set(discs(ax)[:, 2])) == 1
    assert "EUR" not in alt_text(ax)
    for kind in ("png", "svg", "pdf"):
        ax.figure.savefig(tmp_path / f"deals.{kind}")


@pytest.mark.parametrize(("step", "text"), [("hour", "2M"), ("day", "4Q"), ("week", "8W"), ("month", "2Y")])
@pytest.mark.parametrize("fiscal", [1, 10])
def test_the_step_of_periods_is_found(step: str, text: str, fiscal: int) -> None:
    clock = fs.Clock(step)  # type: ignore[arg-type]
    cutoff = int(clock.step_of("2026-09-27T23:00"))
    assert step_of(fs.Periods.parse(text, clock, cutoff, fiscal_start_month=fiscal)) == step


@pytest.mark.parametrize("size", [(6.4, 4.0), (13.3, 7.5), (3.4, 2.6)])
def test_words_hide_no_deal_and_no_other_word(outlook: fs.Forecast, size: tuple[float, float]) -> None:
    """Names of the largest stand on free ground, though most deals are young and lie close together."""
    ax = fs.plot_open_deals(outlook, ax=axes(*size))
    ax.figure.draw_without_rendering()
    inches = ax.figure.dpi / 72
    found = discs(ax)
    centres, radii = ax.transData.transform(found[:, :2]), np.sqrt(found[:, 2] / np.pi) * inches
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    largest = list(outlook.by_deal().nlargest(5, "amount")["deal_id"])
    assert {text.get_text() for text in ax.texts} >= set(largest)
    for i, (text, box) in enumerate(zip(ax.texts, boxes, strict=True)):
        nearest = np.clip(centres, [box.x0, box.y0], [box.x1, box.y1])
        assert (np.hypot(*(centres - nearest).T) > radii - inches).all(), text
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[:i]), text


def test_thousands_of_deals_are_one_image_in_a_page(tmp_path: Path) -> None:
    """Vectors for 2,500 deals would weigh a megabyte; their words and axes stay vectors."""
    shipped = fs.shipped_scenarios()["account_selling"].read_text(encoding="utf-8")
    sizes = {}
    for n in (30, 2_500):
        path = tmp_path / f"{n}.toml"
        path.write_text(shipped.replace("deals = 30\n", f"deals = {n}\n", 1), encoding="utf-8")
        scenario = fs.read_scenario(path)
        outlook = fs.forecast(scenario.funnel, scenario.pipeline, engine=fs.Exact(n_draws=10))
        svg = drawn(fs.plot_open_deals, outlook, "deals", title="open deals")
        sizes[n] = len(svg)
        assert ("<image" in svg) == (n > 30)
    assert sizes[2_500] < 3 * sizes[30]
