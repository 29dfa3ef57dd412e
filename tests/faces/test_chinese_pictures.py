"""Pictures in Chinese: nothing left in English but names, and English as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import funnelsim as fs
from funnelsim.faces.plots.sheet import alt_text
from funnelsim.questions.solve import LeverGrid
from funnelsim.vocabulary.language import LanguageError, missed_texts

pytestmark = pytest.mark.thorough

STAGES = ("资格确认", "需求开发", "方案匹配", "价值证明", "商务成交")
TARGET = 4_000_000.0
EXACT = fs.Exact(n_draws=3)
Draw = Callable[..., Axes]


@dataclass(frozen=True)
class Named:
    """A lever with a name of somebody's own."""

    name: str
    lever: fs.Lever

    def apply(self, funnel: fs.Funnel) -> fs.Funnel:
        return self.lever.apply(funnel)


def history() -> fs.DealHistory:
    truth = fs.sample_funnel()
    rates = (0.1, 0.2, 0.4, 0.6, 0.8)
    opened = [
        replace(stage, name=name, nominal_win_rate=rate)
        for stage, name, rate in zip(truth.stages.open, STAGES, rates, strict=True)
    ]
    ended = [replace(end, name="签单" if end.kind == "won" else "丢单") for end in truth.stages.outcomes]
    stages = replace(truth.stages, open=tuple(opened), outcomes=tuple(ended))
    named = replace(truth, stages=stages, unit="CNY")
    return fs.simulate_history(seed=3, funnel=named, start="2025-09-01", window_start=None)


def with_people(funnel: fs.Funnel, pipeline: fs.Pipeline) -> fs.Forecast:
    team, work = fs.Team(fs.Rep.several(6)), fs.Work(dict.fromkeys(STAGES, 4.0))
    engine = fs.Events(team, work, n_futures=8, n_draws=4, customer_share=0.5)
    return fs.forecast(funnel, pipeline, periods="2M", engine=engine)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Draw]:
    """Every picture, ready to be drawn with an axes and a language."""
    records = history()
    funnel, pipeline = (
        fs.fit(records, classes="region", calendar=False, level_period=None),
        records.pipeline(),
    )
    levers = [Named("多开拓线索", fs.Volume(1.2)), Named("提升演示质量", fs.Conversion(1.2, STAGES[3]))]
    asked = {"target": TARGET, "periods": "2Q"}
    compared = fs.compare_levers(funnel, pipeline, levers=levers, engine=EXACT, **asked)  # type: ignore[arg-type]
    options = [fs.Option("展会", fs.Volume, 1.3, 5e4), fs.Option("培训", fs.Conversion, 1.2, 8e4)]
    split = fs.split_target(funnel, pipeline, TARGET, by="region", periods="2Q", n_draws=5, n_futures=50)
    terms = fs.Collections.by_hand(terms_days=30, late_mean_days=25, never_paid=0.04)
    paid = fs.MonteCarlo(n_futures=60, n_draws=6)
    test = fs.backtest(records, periods="1Q", origins=4, n_draws=4, n_futures=50)
    window = ["2026-07-01", "2027-01-01"]
    settings = np.linspace(1, 1.5, 5)
    chances = np.add.outer(settings, settings) / 4
    grid = LeverGrid(("线索", "转化"), settings, settings, chances, 0.04 + 0 * chances, 5e6, "CNY")

    def of(plot: str, *args: object, **asked: object) -> Draw:
        return lambda **kept: getattr(fs, plot)(*args, **asked, **kept)

    cash = fs.forecast(funnel.with_collections(terms), pipeline, periods="2Q", measure="cash", engine=paid)
    plan = fs.spend(funnel, pipeline, options, engine=EXACT, **asked)  # type: ignore[arg-type]
    return {
        "plot_fan": of("plot_fan", compared.base),
        "plot_chance": of("plot_chance", compared.base),
        "plot_incidence": of("plot_incidence", funnel, STAGES[2], n_draws=5),
        "plot_levers": of("plot_levers", compared),
        "plot_shares": of("plot_shares", compared),
        "plot_lever_grid": of("plot_lever_grid", grid),
        "plot_frontier": of("plot_frontier", plan, n_budgets=2),
        "plot_amounts": of("plot_amounts", fs.amounts(records, n_draws=50)),
        "plot_drift": of("plot_drift", fs.drift(records)),
        "plot_dwell": of("plot_dwell", fs.dwell(records), STAGES[4]),
        "plot_segments": of("plot_segments", fs.segments(records, by="region")),
        "plot_effects": of("plot_effects", fs.effects(records)),
        "plot_backtest": of("plot_backtest", test),
        "plot_pit": of("plot_pit", test),
        "plot_coverage": of("plot_coverage", test),
        "plot_revision": of("plot_revision", fs.revision(records, "2026-06-30", window=window, n_draws=4)),
        "plot_quotas": of("plot_quotas", split),
        "plot_receivables": of("plot_receivables", cash),
        "plot_funnel": of("plot_funnel", funnel, n_draws=10),
        "plot_open_deals": of("plot_open_deals", compared.base),
        "plot_capacity": of("plot_capacity", with_people(funnel, pipeline)),
    }


PICTURES = sorted(name for name in fs.__all__ if name.startswith("plot_"))
# Values of the attributes of the records, as a customer's system spells them.
NAMES = re.compile(r"North|East|South|West|rep \d+|web|outbound|referral|event|partner|Core|Plus|Pro")
OWN = re.compile("|".join([*STAGES, "多开拓线索|提升演示质量|线索|转化|展会|培训|签单|丢单"]))
WORDS, CHINESE = re.compile("[A-Za-z]{2,}"), re.compile("[\u4e00-\u9fff]")


def axes(width: float = 6.4, height: float = 4.8) -> Axes:
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def said(ax: Axes, *, ticks: bool = True) -> list[str]:
    """All that can be read in a picture, and its alternative text."""
    if ticks:  # they have their words only then
        ax.figure.draw_without_rendering()
    shown = [text.get_text() for text in ax.figure.findobj(Text) if isinstance(text, Text)]
    return [*(text for text in shown if text), alt_text(ax)]


def test_every_picture_is_among_them(drawn: dict[str, Draw]) -> None:
    assert sorted(drawn) == PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_left_in_english(drawn: dict[str, Draw], name: str) -> None:
    with missed_texts() as missed:
        texts = said(drawn[name](ax=axes(), lang="zh"))
    assert not [text for text in [*missed, *texts] if WORDS.search(NAMES.sub("", text))]
    assert CHINESE.search(texts[-1])
    assert texts[-1].endswith("。")


@pytest.mark.parametrize("name", PICTURES)
def test_english_is_english_whatever_is_spoken(drawn: dict[str, Draw], name: str) -> None:
    with fs.use_language("zh"):
        texts = said(drawn[name](ax=axes(), lang="en"), ticks=False)
    assert not CHINESE.search(OWN.sub("", "".join(texts)))


@pytest.mark.parametrize("name", ["plot_fan", "plot_quotas", "plot_funnel", "plot_capacity"])
def test_the_default_is_what_is_spoken(drawn: dict[str, Draw], name: str) -> None:
    draw = drawn[name]
    english, chinese = said(draw(ax=axes(3.2, 2.4))), said(draw(ax=axes(3.2, 2.4), lang="zh"))
    assert english == said(draw(ax=axes(3.2, 2.4), lang="en"))
    with fs.use_language("zh"):
        assert said(draw(ax=axes(3.2, 2.4))) == chinese
    assert english[-1] != chinese[-1]


@pytest.mark.parametrize("name", PICTURES)
def test_another_language_is_refused(name: str) -> None:
    with pytest.raises(LanguageError, match="'fr' is not spoken"):
        getattr(fs, name)(None, lang="fr")


def test_panels_of_all_stages_speak_too() -> None:
    panels = fs.plot_incidence(fs.sample_funnel(), n_draws=5, lang="zh")
    figure = panels[0].figure
    assert figure.get_suptitle() == "各阶段的商机去向（按停留时间）"
    assert figure.get_supylabel() == "占进入该阶段商机的比例"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-2:] == ["仍在本阶段", "向前推进，80 % 区间"]
    plt.close("all")
