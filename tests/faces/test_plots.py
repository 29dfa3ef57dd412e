import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

import funnelsim as fs
import funnelsim.faces.plots.fonts as fonts
import funnelsim.faces.plots.sheet as sheet_module
from funnelsim.faces.plots import style
from funnelsim.faces.plots.chance import plot_chance
from funnelsim.faces.plots.fan import plot_fan
from funnelsim.faces.plots.incidence import plot_incidence
from funnelsim.faces.plots.levers import plot_levers
from funnelsim.faces.plots.sheet import PlotError, UnreadableWarning, alt_text
from funnelsim.faces.tables import display_width
from funnelsim.nouns.forecast import Forecast
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.incidence import observed_routes
from funnelsim.questions.compare import LeverComparison
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.randomness import Streams

TARGET = 5_500_000.0
ENGINE = fs.MonteCarlo(n_futures=1000, n_draws=50)
HOSTILE = r"Negotiation of <b>terms</b> & $\frac{a}{b$ " * 7  # 300 characters, unclosed formulas and markup


@dataclass(frozen=True)
class Sample:
    funnel: fs.Funnel
    pipeline: fs.Pipeline
    outlook: Forecast
    comparison: LeverComparison


@pytest.fixture(scope="module")
def sample() -> Sample:
    history = fs.simulate_history(seed=1)
    funnel, pipeline = fs.fit(history), history.pipeline()
    comparison = fs.compare_levers(funnel, pipeline, target=TARGET, engine=ENGINE)
    return Sample(funnel, pipeline, comparison.base, comparison)


def funnel_of(
    names: list[str], outcomes: list[str], unit: str = "EUR", n_exits: float = 400, per_week: float = 10
) -> fs.Funnel:
    """A funnel whose stages lead to the next one (0.5), one back (0.05), or to losses."""
    n_open, n_places = len(names), len(names) + len(outcomes)
    hazards = []
    for stage in range(n_open):
        split = np.zeros(n_places)
        split[stage + 1] = 0.5  # after the last stage stands the first outcome: won
        split[max(stage - 1, 0)] += 0.05 * (stage > 0)
        split[n_open + 1 :] = 0.4 * 0.6 ** np.arange(len(outcomes) - 1)
        split /= split.sum()
        ages, by_age = np.array([0, 1, 5, 20, 80]), np.array([0.02, 0.1, 0.5, 0.38, 0.0]) * n_exits
        exits = np.outer(by_age, split)
        at_risk = exits.sum(axis=1) + np.array([0.5, 4, 12, 25, 1]) * n_exits
        hazards.append(StageHazards(ages, exits, at_risk, split))
    stages = fs.Stages(
        tuple(fs.Stage(name) for name in names),
        tuple(fs.Outcome(name, "lost" if i else "won") for i, name in enumerate(outcomes)),
    )
    amounts = Amounts(np.array([1e3, 5e3, 2e4, 1e5]), np.array([10.0, 10, 5, 2]))
    arrivals = Arrivals(7, per_week, 50.0, 0.02, np.eye(n_open)[0])
    return fs.Funnel(stages, fs.Clock("day"), tuple(hazards), arrivals, amounts, unit=unit)


def pipeline_of(funnel: fs.Funnel, n_deals: int, n_won: int = 3) -> fs.Pipeline:
    cutoff = int(funnel.clock.step_of("2026-08-31"))
    return fs.Pipeline(
        funnel.clock,
        cutoff,
        deal_ids=np.array([f"D{i}" for i in range(n_deals)], dtype=object),
        stage=np.arange(n_deals) % funnel.stages.n_open,
        age_steps=np.arange(n_deals) % 30,
        amount=np.full(n_deals, 20_000.0),
        won_step=np.full(n_won, cutoff - 5),
        won_amount=np.full(n_won, 30_000.0),
    )


def draw(ax: Axes) -> None:
    """Draw in full: bad mathtext and missing letters come to light only then, as errors or warnings."""
    ax.figure.canvas.draw()


def words(ax: Axes) -> list[str]:
    return [t.get_text() for t in ax.findobj(Text) if isinstance(t, Text) and t.get_text()]


def line(ax: Axes, label: str) -> np.ndarray:
    """Points of the line whose label begins so, shape (n_points, 2)."""
    (found,) = [line for line in ax.lines if str(line.get_label()).startswith(label)]
    return np.column_stack([found.get_xdata(), found.get_ydata()])


def top_of(ax: Axes, label: str) -> np.ndarray:
    """Upper edge of the filled band with this label, at its right end, and the lower one."""
    (band,) = [c for c in ax.collections if isinstance(c, PolyCollection) and c.get_label() == label]
    corners = band.get_paths()[0].vertices
    at_end = corners[corners[:, 0] == corners[:, 0].max()]
    return np.array([at_end[:, 1].min(), at_end[:, 1].max()])


# --- the fan


def test_fan_median_and_bands_are_quantiles_of_cumulative_joint_draws(sample: Sample) -> None:
    outlook, ax = sample.outlook, plot_fan(sample.outlook)
    cumulative = np.cumsum(outlook.draws(), axis=1)
    drawn = line(ax, "median")
    np.testing.assert_allclose(drawn[1:, 1], np.median(cumulative, axis=0))
    np.testing.assert_array_equal(drawn[1:, 0], outlook.periods.edges[1:])
    assert tuple(drawn[0]) == (outlook.periods.cutoff_step + 1, outlook.realised_bookings)
    bands = [c.get_paths()[0].vertices for c in ax.collections if isinstance(c, PolyCollection)]
    for share, corners in zip((0.95, 0.8, 0.5), bands[:3], strict=True):
        at_end = corners[corners[:, 0] == outlook.periods.edges[-1], 1]
        ends = np.quantile(cumulative[:, -1], [(1 - share) / 2, (1 + share) / 2])
        np.testing.assert_allclose([at_end.min(), at_end.max()], ends)


def test_fan_of_cash_begins_at_what_is_paid_not_at_what_is_won(sample: Sample) -> None:
    """Without invoices nothing is known to be paid by the cutoff, however much is won."""
    funnel = sample.funnel.with_collections(fs.Collections.by_hand(terms_days=30))
    engine = fs.MonteCarlo(n_futures=200, n_draws=2)
    outlook = fs.forecast(funnel, sample.pipeline, periods="2Q", measure="cash", engine=engine)
    (begin,) = (line for line in fs.plot_fan(outlook).lines if line.get_marker() == "s")
    assert outlook.realised_bookings > 0
    assert begin.get_ydata() == [0.0]


def test_fan_ranges_are_not_sums_of_period_ranges(sample: Sample) -> None:
    """Negative control of the test above: adding up the periods' quantiles must give another number."""
    added = np.quantile(sample.outlook.draws(), 0.9, axis=0).sum()
    drawn = np.quantile(np.cumsum(sample.outlook.draws(), axis=1)[:, -1], 0.9)
    assert added > 1.05 * drawn


def test_fan_tells_the_chance_of_the_target_with_its_error(sample: Sample) -> None:
    outlook, ax = sample.outlook, plot_fan(sample.outlook)
    hit = (outlook.draws().sum(axis=1) >= TARGET).reshape(50, -1).mean(axis=1)
    groups = hit.reshape(5, 10).mean(axis=1)  # draws come in independent groups of ten
    told = f"{100 * hit.mean():.1f} % ± {100 * groups.std(ddof=1) / np.sqrt(5):.1f} points (SE)"
    assert any("target 5.50 M EUR" in text and told in text for text in words(ax))
    assert set(line(ax, "target")[:, 1]) == {TARGET}
    assert told in alt_text(ax)


def test_fan_shows_the_weighted_pipeline_with_its_coin_flip_range(sample: Sample) -> None:
    pipeline, ax = sample.pipeline, plot_fan(sample.outlook)
    assert sample.funnel.closed is not None
    rate, amount = sample.funnel.closed.rates[pipeline.stage], np.nan_to_num(pipeline.amount)
    figure = sample.outlook.realised_bookings + (amount * rate).sum()
    half = 1.2816 * np.sqrt((amount**2 * rate * (1 - rate)).sum())
    bar = next(c for c in ax.containers if c.get_label() == "weighted pipeline")
    point, _, (stem,) = bar.lines
    assert point.get_ydata()[0] == pytest.approx(figure)
    assert stem.get_segments()[0][:, 1] == pytest.approx([figure - half, figure + half])
    assert point.get_xdata()[0] > sample.outlook.periods.edges[-1]
    assert f"{figure / 1e6:.2f}" in alt_text(ax)


def test_fan_starts_at_zero_unless_it_would_be_a_thread(sample: Sample) -> None:
    assert plot_fan(sample.outlook).get_ylim()[0] == 0
    late = replace(sample.outlook, realised_bookings=1e9, classical=(), target=None)
    bottom, top = plot_fan(late).get_ylim()
    assert 0 < bottom < 1e9 < top
    assert top - bottom < 2e7


# --- the chance of an amount


def test_chance_curve_is_the_share_of_futures_that_reach_the_amount(sample: Sample) -> None:
    total, ax = sample.outlook.window(), plot_chance(sample.outlook)
    drawn = line(ax, "chance")[1:-1]
    expected = np.array([(total >= amount).mean() for amount in drawn[:, 0]])
    np.testing.assert_allclose(drawn[:, 1], expected)
    assert drawn[0, 1] == 1
    for share in (0.9, 0.8, 0.5):
        amount = np.quantile(total, 1 - share)
        assert tuple(line(ax, f"{100 * share:.0f} %")[0]) == pytest.approx((amount, share))
        assert any(text.startswith(f"{100 * share:.0f} %: {amount / 1e6:.2f} M EUR (") for text in words(ax))


def test_chance_band_is_one_standard_error(sample: Sample) -> None:
    ax = plot_chance(sample.outlook)
    (band,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
    corners = band.get_paths()[0].vertices
    amount = float(np.median(line(ax, "chance")[:, 0]))
    amount = float(corners[np.argmin(abs(corners[:, 0] - amount)), 0])
    hit = (sample.outlook.window() >= amount).reshape(50, -1).mean(axis=1)
    expected = hit.mean() + np.array([-1, 1]) * hit.std(ddof=1) / np.sqrt(50)
    at = corners[corners[:, 0] == amount, 1]
    assert abs(at[:, None] - expected).min(axis=0) == pytest.approx([0, 0], abs=1e-12)


def test_chance_of_a_count_of_wins_is_a_staircase(sample: Sample) -> None:
    no_money = {"open_bookings": np.empty((0, 4)), "new_bookings": np.empty((0, 4))}
    outlook = replace(sample.outlook, outcome=replace(sample.outlook.outcome, **no_money), target=120.0)
    ax = plot_chance(outlook)
    drawn = line(ax, "chance")
    assert (drawn[:, 0] == np.round(drawn[:, 0])).all()
    assert ax.lines[0].get_drawstyle() == "steps-pre"
    assert "wins" in ax.get_xlabel()
    assert "EUR" not in alt_text(ax)


def test_ages_of_a_short_stage_are_whole_days() -> None:
    ids = [f"D{k}" for k in range(30)]
    entered = [f"2026-01-{1 + k % 20:02d}" for k in range(30)]
    left = [f"2026-01-{2 + k % 20 + k % 2:02d}" for k in range(30)]  # after one day, or two
    moves = {"deal_id": 2 * ids, "stage": 30 * ["offer"] + 30 * ["won"], "entered_at": entered + left}
    deals, stages = pd.DataFrame({"deal_id": ids}), fs.Stages.named(["offer"])
    history = fs.read_deals(deals, pd.DataFrame(moves), stages=stages, as_of="2026-03-31")
    ax = plot_incidence(fs.fit(history), "offer", n_draws=5, ax=Figure().add_subplot())
    assert all(float(age).is_integer() for age in ax.get_xticks())


@pytest.mark.parametrize("size", [(6.4, 4.0), (3.4, 2.6)])
def test_words_of_the_target_do_not_stand_on_the_curve(sample: Sample, size: tuple[float, float]) -> None:
    ax = plot_chance(sample.outlook, ax=Figure(figsize=size, layout="constrained").add_subplot())
    ax.figure.draw_without_rendering()
    (told,) = [text for text in ax.texts if "target" in text.get_text()]
    box = Text.get_window_extent(told)
    x, y = ax.transData.transform(line(ax, "chance")).T
    within = (box.x0 < x) & (x < box.x1)
    assert within.any()
    assert (y[within] < box.y0 + 0.25 * told.get_fontsize() * ax.figure.dpi / 72).all()  # below the letters


@pytest.mark.parametrize("size", [(6.4, 4.0), (3.4, 2.6)])
def test_no_line_of_the_fans_legend_is_empty(sample: Sample, size: tuple[float, float]) -> None:
    for target in (1e6, 3e6, TARGET, 6e6):
        ax = Figure(figsize=size, layout="constrained").add_subplot()
        legend = plot_fan(replace(sample.outlook, target=target), ax=ax, lang="zh").get_legend()
        assert legend is not None
        assert not any("\n\n" in text.get_text() for text in legend.get_texts())


# --- incidence


def test_incidence_ends_at_the_observed_routes(sample: Sample) -> None:
    funnel, ax = sample.funnel, plot_incidence(sample.funnel, "Close")
    hazards = funnel.hazards[4]
    routes = observed_routes(hazards.first_age, funnel.mean_hazards(4))
    names = funnel.stages.names
    np.testing.assert_allclose(top_of(ax, "won"), [0, routes[names.index("won")]])
    np.testing.assert_allclose(np.diff(top_of(ax, "lost")), routes[names.index("lost")])
    np.testing.assert_allclose(top_of(ax, "still there"), [routes.sum(), 1])
    assert line(ax, "forward")[-1, 1] == pytest.approx(routes[names.index("won")])


def test_incidence_interval_holds_eight_in_ten_parameter_draws(sample: Sample) -> None:
    funnel, ax = sample.funnel, plot_incidence(sample.funnel, "Solution", seed=7, n_draws=100)
    draws = funnel.hazard_draws(2, Streams(7), range(100))
    forward = funnel.stages.is_forward(2)
    ends = np.array([observed_routes(funnel.hazards[2].first_age, h)[forward].sum() for h in draws])
    low, mean, high = sorted(float(drawn.get_ydata()[-1]) for drawn in ax.lines)
    assert (low, high) == pytest.approx(tuple(np.quantile(ends, [0.1, 0.9])))
    assert low < mean < high


def test_incidence_agrees_with_the_funnel_at_every_age_shown(sample: Sample) -> None:
    frame = sample.funnel.incidence("Qualify")
    drawn = line(plot_incidence(sample.funnel, "Qualify"), "forward")[:-1]
    forward = frame[["Develop", "Solution"]].sum(axis=1)
    np.testing.assert_allclose(drawn[:, 1], forward.loc[drawn[:, 0].astype(int)])
    assert (np.diff(drawn[:, 1]) >= 0).all()


def test_panels_of_many_stages_show_the_twelve_with_most_exits_and_say_so() -> None:
    funnel = funnel_of([f"S{i}" for i in range(200)], ["won", "lost"], n_exits=60)
    busy = tuple(
        replace(h, exits=h.exits * 2, at_risk=h.at_risk * 2) if 50 <= i < 62 else h
        for i, h in enumerate(funnel.hazards)
    )
    panels = plot_incidence(replace(funnel, hazards=busy), n_draws=20)
    assert [ax.get_title(loc="left").split("\n")[0] for ax in panels] == [f"S{i}" for i in range(50, 62)]
    assert "12 stages with most exits, of 200" in panels[0].figure.get_suptitle()
    assert all(alt_text(ax).startswith(f"Of deals that enter S{i + 50}, ") for i, ax in enumerate(panels))
    draw(panels[0])


def test_certain_rates_claim_no_interval() -> None:
    ax = plot_incidence(fs.sample_funnel(), "Close")
    assert "to 7" not in alt_text(ax)
    assert any("as given" in text for text in words(ax))


def test_incidence_of_a_stage_nobody_left_is_drawn() -> None:
    panels = plot_incidence(funnel_of(["new"], ["won", "lost"], n_exits=0))
    assert "0 exits" in panels[0].get_title(loc="left")
    draw(panels[0])


@pytest.mark.parametrize(
    ("stage", "message"), [("won", "'won' is no open stage"), ("nowhere", "open stages are Qualify, Develop")]
)
def test_incidence_of_what_is_no_open_stage_is_refused(sample: Sample, stage: str, message: str) -> None:
    with pytest.raises(PlotError, match=message):
        plot_incidence(sample.funnel, stage)


def test_one_axes_cannot_show_every_stage(sample: Sample) -> None:
    ax = Figure().add_subplot()
    with pytest.raises(PlotError, match="one axes shows one stage"):
        plot_incidence(sample.funnel, ax=ax)  # type: ignore[call-overload]


# --- levers


def test_lever_bars_and_whiskers_are_those_of_the_table(sample: Sample) -> None:
    ax, table = plot_levers(sample.comparison), sample.comparison.table().iloc[1:-1]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], 100 * table["change_of_chance"])
    whiskers = next(c for c in ax.containers if hasattr(c, "has_xerr")).lines[2][0].get_segments()
    np.testing.assert_allclose([np.ptp(w[:, 0]) for w in whiskers], 200 * table["change_se"])
    tops = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert tops == list(table.index)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # largest first, from the top
    for change, error in zip(table["change_of_chance"], table["change_se"], strict=True):
        assert f"{100 * change:+.1f} ± {100 * error:.1f}" in words(ax)
    assert f"{100 * sample.outlook.chance(TARGET).value:.1f} % ± " in ax.get_title(loc="left").replace(
        "\u00a0", " "
    )


def test_many_levers_are_cut_to_the_twenty_that_matter_most(sample: Sample) -> None:
    base, outlooks = sample.comparison.base, []
    for i in range(30):  # lever i lifts, or for odd i lowers, every future by i steps
        shift = 20_000.0 * i * (-1) ** i
        futures = replace(base.outcome, open_bookings=base.outcome.open_bookings + shift)
        outlooks.append(replace(base, outcome=futures))
    many = replace(
        sample.comparison, levers=tuple(fs.Volume(1 + i / 100) for i in range(30)), outlooks=tuple(outlooks)
    )
    ax = plot_levers(many)
    assert len(ax.patches) == 20
    assert "20 of 30 levers" in ax.get_title(loc="left").replace("\n", " ")
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == sorted(widths, reverse=True)
    smallest = min(abs(width) for width in widths)
    effects = sorted(abs(100 * many.effect(i).value) for i in range(30))
    assert smallest == pytest.approx(effects[10])
    draw(ax)


@pytest.mark.parametrize("size", [(6.4, 4.0), (3.4, 2.6)])
def test_only_as_many_levers_as_fit_are_drawn(sample: Sample, size: tuple[float, float]) -> None:
    """Twenty rows of a printed column ran into one another."""
    many = tuple(NamedLever(f"lever {i}", 1 + i / 100) for i in range(40))
    outlooks = (sample.comparison.base,) * 40
    ax = Figure(figsize=size, layout="constrained").add_subplot()
    plot_levers(replace(sample.comparison, levers=many, outlooks=outlooks), ax=ax)
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert not any(one.overlaps(other) for one, other in zip(boxes, boxes[1:], strict=False))
    assert f"{len(boxes)} of 40 levers" in ax.get_title(loc="left").replace("\n", " ")


def test_no_lever_at_all_is_drawn(sample: Sample) -> None:
    ax = plot_levers(replace(sample.comparison, levers=(), outlooks=()))
    assert alt_text(ax).endswith("no lever.")
    draw(ax)


def test_a_lever_without_effect_reads_no_change(sample: Sample) -> None:
    same = replace(sample.comparison, levers=(fs.Volume(1.0),), outlooks=(sample.comparison.base,))
    assert "no change" in words(plot_levers(same))


def test_levers_that_do_less_than_is_written_read_no_change(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding of 1e-12 of a chance: no bar, no whisker, an axis of one point, no "-0.0"."""
    tiny = [Estimate(value, error) for value, error in ((-1e-12, 1e-13), (3e-4, 4e-4), (-4e-4, 3e-3))]

    monkeypatch.setattr(LeverComparison, "effect", lambda _, lever: tiny[lever])
    levers = tuple(fs.Volume(1 + i / 10) for i in range(3))
    same = replace(sample.comparison, levers=levers, outlooks=(sample.outlook,) * 3)
    ax = plot_levers(same)
    assert [text.get_text() for text in ax.texts].count("no change") == 2
    assert "0.0 ± 0.3" in words(ax)
    assert "-0.0" not in " ".join(words(ax)) + alt_text(ax)
    assert np.ptp(ax.get_xlim()) >= 1.0
    np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], 0.0)


# --- what all pictures share


def all_plots(sample: Sample) -> list[Axes]:
    return [
        plot_fan(sample.outlook),
        plot_chance(sample.outlook),
        plot_incidence(sample.funnel, "Solution", n_draws=20),
        plot_levers(sample.comparison),
    ]


def test_given_axes_are_used_and_no_pyplot_figure_is_made(sample: Sample) -> None:
    axes = Figure(figsize=(12, 9), layout="constrained").subplots(2, 2).ravel()
    FigureCanvasAgg(axes[0].figure)
    assert plot_fan(sample.outlook, ax=axes[0]) is axes[0]
    assert plot_chance(sample.outlook, ax=axes[1]) is axes[1]
    assert plot_incidence(sample.funnel, "Solution", ax=axes[2], n_draws=20) is axes[2]
    assert plot_levers(sample.comparison, ax=axes[3]) is axes[3]
    assert not plt.get_fignums()
    draw(axes[0])


PLAIN = [  # figures as people make them, and whether their layout is theirs
    (lambda: plt.subplots()[1], False),
    (lambda: plt.figure().add_subplot(), False),
    (lambda: plt.subplots(2, 2, figsize=(13, 10))[1][0, 0], False),
    (lambda: plt.subplots(gridspec_kw={"left": 0.3})[1], True),
    (lambda: plt.figure().add_axes((0.3, 0.3, 0.4, 0.5)), True),
]


@pytest.mark.parametrize(("made", "is_theirs"), PLAIN)
def test_a_plain_figure_gets_room_for_all_words(sample: Sample, made: Callable, is_theirs: bool) -> None:
    ax = plot_levers(sample.comparison, ax=made())
    assert (ax.figure.get_layout_engine() is None) == is_theirs
    draw(ax)
    if not is_theirs:
        box, page = ax.figure.get_tightbbox().padded(-0.02), ax.figure.bbox_inches
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1


def test_margins_set_by_hand_stay(sample: Sample) -> None:
    figure, ax = plt.subplots()
    figure.subplots_adjust(left=0.4)
    plot_fan(sample.outlook, ax=ax)
    draw(ax)
    assert ax.get_position().x0 == pytest.approx(0.4)


def test_alternative_texts_are_one_sentence_with_numbers(sample: Sample) -> None:
    for ax in all_plots(sample):
        text = alt_text(ax)
        assert text.endswith(".")
        assert "\n" not in text
        assert len(re.findall(r"\d", text)) > 8
        assert ". " not in text


def labels_beyond_the_limits(ax: Axes) -> set[object]:
    """Labels of ticks that lie outside the axes and are not drawn."""
    labels: set[object] = set()
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        for tick in axis.get_major_ticks():
            if not low - slack <= tick.get_loc() <= high + slack:
                labels |= {tick.label1, tick.label2}
    return labels


@pytest.mark.parametrize("size", [(6.4, 4.8), (13, 7), (3.2, 2.4)])
def test_every_word_lies_within_the_picture_and_over_no_other(
    sample: Sample, size: tuple[float, float]
) -> None:
    with plt.rc_context({"figure.figsize": size}):
        for ax in all_plots(sample):
            draw(ax)
            page = ax.figure.bbox.padded(1)
            shown = [t for t in ax.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text()]
            beyond = labels_beyond_the_limits(ax)
            boxes = [(t.get_text(), t.get_window_extent()) for t in shown if t not in beyond]
            for i, (text, box) in enumerate(boxes):
                assert page.x0 <= box.x0, text
                assert box.x1 <= page.x1, text
                assert page.y0 <= box.y0, text
                assert box.y1 <= page.y1, text
                for other, other_box in boxes[:i]:
                    inner = other_box.padded(-1)
                    assert not inner.overlaps(box.padded(-1)), f"{text!r} over {other!r}"


def test_hostile_names_stay_legible_and_never_crash() -> None:
    names = [HOSTILE, "_hidden", "Phase\n3\t(a_b^c)", "$x$ and $"]
    funnel = funnel_of(names, ["won $$$", "lost " + HOSTILE, "expired"], unit="US$ " + HOSTILE)
    levers = (NamedLever(HOSTILE + "10 %", 1.1), NamedLever(HOSTILE + "20 %", 1.2), NamedLever("", 1.0))
    comparison = fs.compare_levers(
        funnel, pipeline_of(funnel, 40), target=6e5, levers=levers, engine=ENGINE, periods="2Q"
    )
    levers_ax, stage_ax = plot_levers(comparison), plot_incidence(funnel, HOSTILE, n_draws=20)
    panels = plot_incidence(funnel, n_draws=20)
    for ax in (plot_fan(comparison.base), plot_chance(comparison.base), levers_ax, stage_ax, panels[0]):
        draw(ax)
        assert all(len(text) < 150 for text in words(ax))
        assert all(text.count("$") == text.count(r"\$") for text in words(ax))
        legend = ax.get_legend()
        if legend is not None:
            assert all(text.get_text() for text in legend.get_texts())
    shown = [label.get_text() for label in levers_ax.get_yticklabels()]
    assert len(set(shown)) == 3  # cut names are still told apart
    assert {text[-4:] for text in shown} >= {"10 %", "20 %"}  # and keep their ends


@dataclass(frozen=True)
class NamedLever:
    name: str
    factor: float

    def apply(self, funnel: fs.Funnel) -> fs.Funnel:
        return fs.Volume(self.factor).apply(funnel)


def without_wide_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Chinese fonts, and a package whose own one was left out."""
    monkeypatch.setattr(fonts, "SHIPPED", "no such font")
    monkeypatch.setattr(fonts, "_FOLDER", Path("no such folder"))
    monkeypatch.setattr(fonts, "_INSTALLED", ())


def test_names_that_no_font_can_draw_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    without_wide_fonts(monkeypatch)
    with pytest.warns(UnreadableWarning, match="install one that does"):
        ax = plot_incidence(funnel_of(["商机", "方案 B 🎉"], ["赢单", "lost"], unit="元"), "商机", n_draws=20)
    draw(ax)  # matplotlib would warn of each missing letter
    assert ax.get_title(loc="left") == "Where deals in stage 1 go"
    assert "Of deals that enter 商机, " in alt_text(ax)
    outlook = edge_case("target reached")
    periods = replace(outlook.periods, labels=("第一季", "第二季 Q2"))
    for plot, shown in (
        (plot_fan, replace(outlook, periods=periods, unit="元")),
        (plot_chance, replace(outlook, unit="元")),
    ):
        with pytest.warns(UnreadableWarning, match="元"):
            ax = plot(shown)
        draw(ax)
        assert not any("元" in text for text in words(ax))


def edge_case(name: str) -> Forecast:
    funnel = funnel_of(["Qualify", "Offer"], ["won", "lost"])
    still = funnel_of(["Qualify", "Offer"], ["won", "lost"], per_week=0.0)
    some = pipeline_of(funnel, 10)
    cases: dict[str, tuple[fs.Funnel, fs.Pipeline, object, float | None]] = {
        "empty pipeline": (funnel, pipeline_of(funnel, 0, n_won=0), "4Q", 3e5),
        "nothing will ever come": (still, pipeline_of(funnel, 0, n_won=0), "1Q", 1e5),
        "one deal": (still, pipeline_of(funnel, 1, n_won=0), "1Q", 2e4),
        "one period, no target": (funnel, some, "1M", None),
        "many periods": (funnel, some, "160W", 1e6),
        "dates ahead of the cutoff": (funnel, some, ["2026-11-01", "2027-01-01"], 1e4),
        "no amounts": (replace(funnel, amounts=None), some, "4Q", 60.0),
        "target reached": (funnel, pipeline_of(funnel, 10, n_won=200), "2Q", 6e6),
        "target far away": (funnel, some, "2Q", 1e15),
        "target of nothing": (funnel, some, "2Q", 0.0),
    }
    chosen, pipeline, periods, target = cases[name]
    engine = fs.MonteCarlo(n_futures=200, n_draws=20)
    measure = None if chosen.amounts else "wins"
    return fs.forecast(chosen, pipeline, periods=periods, target=target, measure=measure, engine=engine)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "empty pipeline",
        "nothing will ever come",
        "one deal",
        "one period, no target",
        "many periods",
        "dates ahead of the cutoff",
        "no amounts",
        "target reached",
        "target far away",
        "target of nothing",
    ],
)
@pytest.mark.thorough
def test_edge_cases_are_drawn(name: str) -> None:
    outlook = edge_case(name)
    for ax in (plot_fan(outlook), plot_chance(outlook)):
        draw(ax)
        assert "nan" not in " ".join([*words(ax), alt_text(ax)]).replace("finance", "")
        chance_is_told = any("futures" in text or "(SE)" in text for text in words(ax) if "target" in text)
        assert chance_is_told == (outlook.target is not None)


def test_no_future_reaching_the_target_is_told_as_a_count_not_as_certainty() -> None:
    ax = plot_chance(edge_case("target far away"))
    assert any("none of 200 futures" in text for text in words(ax))
    assert not any("0.0 %" in text for text in words(ax))


def test_a_single_parameter_draw_claims_no_standard_error(sample: Sample) -> None:
    single = replace(sample.outlook, outcome=replace(sample.outlook.outcome, n_draws=1))
    for ax in (plot_fan(single), plot_chance(single)):
        assert "±" not in alt_text(ax)
        assert "nan" not in alt_text(ax)


# --- words


@settings(deadline=None)
@given(st.text(max_size=400), st.integers(4, 60), st.integers(1, 3))
def test_wrapped_texts_keep_to_their_box(text: str, width: int, n_lines: int) -> None:
    lines = style.wrap(style.plain(text), width, n_lines).split("\n")
    assert len(lines) <= n_lines
    assert all(display_width(each) <= width for each in lines)


@settings(deadline=None)
@given(st.lists(st.text(max_size=80), max_size=8))
def test_shortened_names_are_told_apart(names: list[str]) -> None:
    assert len(set(style.short_names(names, 14, 2))) == len(names)


@pytest.mark.parametrize(
    ("amount", "unit", "told"),
    [
        (0, "EUR", "0 EUR"),
        (950, "EUR", "950 EUR"),
        (9_500, "", "9,500"),
        (88_000, "EUR", "88.0 k EUR"),
        (5_194_575, "EUR", "5.19 M EUR"),
        (123_456_789, "JPY", "123 M JPY"),
        (2.5e9, "", "2.50 bn"),
        (1e300, "", "1e+291 bn"),
    ],
)
def test_amounts_read_in_units_of_their_size(amount: float, unit: str, told: str) -> None:
    assert style.Scale.of(amount, unit).text(amount) == told


def test_what_no_font_holds_leaves_a_mark(monkeypatch):
    """A name that vanished would read "conversion of , odds": nobody could tell that one is missing."""
    without_wide_fonts(monkeypatch)
    assert sheet_module.readable("conversion of 方案报价, odds") == "conversion of ?, odds"
    assert sheet_module.drawable(["方案报价", "offer"], "stage") == ["stage 1", "offer"]
    assert sheet_module.readable("Ménage") == "Ménage"
