"""What notebooks show: escaped, with separators, in the language that is spoken; every noun has a display."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.vocabulary.display import Shown


class Noun(Shown):
    """A table of numbers of all sizes, and of text that somebody hostile wrote."""

    notes = ("<b>bold</b> & true",)

    def __init__(self, n_rows: int = 2) -> None:
        self.n_rows = n_rows

    def __repr__(self) -> str:
        return "Noun(<script>alert(1)</script>)"

    def table(self) -> pd.DataFrame:
        rows = {
            "open_deals": [1_234_567.8, float("nan")],
            "chance": [0.25, 1 / 3],
            "<td>": ["<img src=x>", None],
            "n": [3, 12],
        }
        return pd.concat([pd.DataFrame(rows, index=["total", "<i>"])] * (self.n_rows // 2))


def test_markup_of_users_is_text() -> None:
    shown = Noun()._repr_html_()
    for hostile in ("<script", "<img", "<b>bold", "<i>"):
        assert hostile not in shown
    assert "&lt;script&gt;" in shown
    assert "&lt;img src=x&gt;" in shown


def test_numbers_are_written_for_people() -> None:
    shown = Noun()._repr_html_()
    for text in ("1,234,568", "25.0 %", "33.3 %", "–", ">12<", "open deals"):
        assert text in shown
    assert "1234567" not in shown


def test_long_tables_are_cut_and_say_so() -> None:
    shown = Noun(60)._repr_html_()
    assert shown.count("<tr") == 1 + 20 + 1 + 4  # titles, the first, what is left out, the last
    assert shown.count("<table") == 1
    assert shown.index(">…<") < shown.index("36 more rows: see table()")


def test_it_speaks_the_language() -> None:
    with fs.use_language("zh"):
        assert "合计" in Noun()._repr_html_()


@pytest.mark.parametrize(
    "noun",
    [
        fs.DealHistory, fs.Funnel, fs.Forecast, fs.Scenario, fs.LeverComparison, fs.TargetSplit,
        fs.Track, fs.SpendingPlan, fs.LeverGrid, fs.Backtest, fs.Segments, fs.Dwell, fs.Drift, fs.Effects,
        fs.Team, fs.Work, fs.Stages, fs.Option, fs.Volume, fs.Hire, fs.Together, fs.Pipeline, fs.FuturePaths,
        fs.Revision, fs.Invoices, fs.Collections, fs.CapacityUse, fs.Referrals, fs.DealOutlook,
    ],
)  # fmt: skip
def test_every_noun_shows_itself(noun: type) -> None:
    assert issubclass(noun, Shown)
    assert noun.__repr__ is not object.__repr__


def test_a_forecast_shows_its_table_and_notes() -> None:
    scenario = fs.read_scenario("account_selling")
    outlook = fs.forecast(
        scenario.funnel, scenario.pipeline, target=scenario.target, engine=fs.Exact(n_draws=5)
    )
    shown = outlook._repr_html_()
    assert f"{outlook.quantile(0.5)[()]:,.0f}" in shown
    assert shown.count("<li>") == len(outlook.notes)


def test_an_empty_table_shows_its_titles() -> None:
    class Clean(Noun):
        def table(self) -> pd.DataFrame:
            return super().table().iloc[:0]

    assert "open deals" in Clean()._repr_html_()


def test_a_count_of_wins_has_no_currency() -> None:
    scenario = fs.read_scenario("activity_funnel")
    assert "target 38 wins" in repr(scenario)
    outlook = fs.forecast(scenario.funnel, scenario.pipeline, measure="wins", engine=fs.Exact(n_draws=5))
    assert " ," not in repr(outlook)


def by_owner(history: fs.DealHistory) -> Shown:
    return fs.segments(history, "owner")


@pytest.mark.parametrize("question", [fs.dwell, fs.effects, fs.drift, fs.amounts, by_owner])
@pytest.mark.thorough
def test_reports_on_history_are_shown_in_chinese(question: Callable[[fs.DealHistory], Shown]) -> None:
    history = fs.simulate_history()
    with fs.use_language("zh"):
        shown = question(history)._repr_html_()
    texts = [text.replace("EUR", "") for text in re.findall(r">([^<>]+)<", shown)]
    of_records = re.compile(r"rep \d|\w+ &gt; \w+")
    english = [text for text in texts if re.search(r"[a-z]{2,}[ _][a-z]{2,}", text)]
    assert not [text for text in english if not of_records.fullmatch(text)]


def test_level_is_told_as_what_it_is() -> None:
    """Level of the pace, or value of an attribute; a grade in the table of issues only."""
    history = fs.simulate_history()
    assert "<th>value</th>" in fs.effects(history)._repr_html_()
    with fs.use_language("zh"):
        assert "<th>近期水平</th>" in fs.drift(history)._repr_html_()
        assert "<th>取值</th>" in fs.effects(history)._repr_html_()


def test_terms_of_payment_are_shown_in_chinese() -> None:
    with fs.use_language("zh"):
        shown = fs.Collections.by_hand(terms_days=30)._repr_html_()
    assert "回款方式（0 天后开票 100 %；账期 30 天；坏账 0.0 %；手工设定）" in shown


def stated() -> fs.Stages:
    """Two stages, one of them without anything set."""
    gate = "budget & date known"
    first = fs.Stage("Lead", nominal_win_rate=0.125, necessary_days=3, usual_days=10, gate=gate)
    return fs.Stages((first, fs.Stage("Offer")), skipped="reject")


def row(*cells: str) -> str:
    return "".join(f"<{'td' if i else 'th'}>{cell}</{'td' if i else 'th'}>" for i, cell in enumerate(cells))


def test_stages_show_what_is_set_for_them() -> None:
    shown = stated()._repr_html_()
    assert row("Lead", "12.5 %", "3", "10", "budget &amp; date known") in shown
    assert row("Offer", "–", "–", "–", "–") in shown
    assert "skipped = reject" in shown
    bare = fs.Stages.named(["a", "b"])._repr_html_()
    assert "<th>stage</th></tr>" in bare  # nothing is set, so no other column


def test_a_team_shows_its_hours_and_what_sets_reps_apart() -> None:
    team = fs.Team((fs.Rep("Ada"), fs.Rep("Bo", start="2026-10-01", ramp_days=90)), hours_per_day=8)
    shown = team._repr_html_()
    # Two reps, five days of eight hours, 22 % of them.
    assert "Team(2 reps, 17.6 selling hours a week)" in shown
    assert row("Bo", "2026-10-01", "90") in shown
    assert "skills" not in shown
    assert "22 % of 8 hours a day" in shown


def test_work_shows_hours_patience_and_what_becomes_of_leads() -> None:
    work = fs.Work(
        {"Lead": 2.0, "Offer": 12.5},
        patience_days={"Offer": 20},
        parking=fs.Parking(0.3, 90, "Lead"),
        qualification=fs.Qualification("Lead", 0.4, 0.05),
        leads_from_wins=fs.LeadsFromWins(0.3, 60),
    )
    shown = work._repr_html_()
    assert row("Lead", "2.0", "–") in shown
    assert row("Offer", "12.5", "20") in shown
    for words in ("30 % of lost deals come back to Lead after 90 days", "40 % of the bad", "0.3 leads"):
        assert words in shown


def test_levers_are_shown_by_what_they_do() -> None:
    both = fs.Together((fs.Volume(1.1), fs.Speed(0.9)))
    assert str(both) == "new deals +10 %; speed at every step -10 %"
    assert str(both) in both._repr_html_()
    with fs.use_language("zh"):
        assert str(fs.Volume(1.1)) == "新增商机 +10 %"
        assert "新增商机 +10 %" in both._repr_html_()
    assert repr(fs.Volume(1.1)) == "Volume(factor=1.1)"  # a program reads it back


def test_an_option_shows_what_each_part_of_the_way_costs() -> None:
    """Growth 2: half of the way costs a quarter, three quarters 9/16."""
    shown = fs.Option("fairs", fs.Volume, most=1.4, cost=80_000, growth=2.0)._repr_html_()
    for factor, cost in (("+10 %", "5,000"), ("+20 %", "20,000"), ("+30 %", "45,000"), ("+40 %", "80,000")):
        assert f"<td>{factor}</td><td>{cost}</td>" in shown


def test_an_estimate_says_what_follows_the_sign() -> None:
    estimate = fs.forecast(*position(), target=1_900_000, engine=fs.Exact(n_draws=5)).chance()
    assert f"{estimate.value:.4g} ± {estimate.standard_error:.2g}" in estimate._repr_html_()
    assert "one standard error" in estimate._repr_html_()
    with fs.use_language("zh"):
        assert "标准误" in estimate._repr_html_()


def position() -> tuple[fs.Funnel, fs.Pipeline]:
    scenario = fs.read_scenario("account_selling")
    return scenario.funnel, scenario.pipeline


def test_columns_name_their_units() -> None:
    funnel, pipeline = position()
    engine = fs.Exact(n_draws=5)
    shown = {
        "funnel": funnel._repr_html_(),
        "forecast": fs.forecast(funnel, pipeline, engine=engine)._repr_html_(),
        "wins": fs.forecast(funnel, pipeline, measure="wins", engine=engine)._repr_html_(),
        "levers": fs.compare_levers(funnel, pipeline, target=1e6, engine=engine)._repr_html_(),
    }
    assert "<th>median dwell (days)</th>" in shown["funnel"]
    assert "<th>P50 (EUR)</th>" in shown["forecast"]
    assert "<th>P50 (wins)</th>" in shown["wins"]
    assert "<th>change of chance (points)</th>" in shown["levers"]
    first = funnel.table()["conversion"].iloc[0]
    assert f"<td>{100 * first:.1f} %</td>" in shown["funnel"]


def test_invoices_show_what_is_paid_due_and_overdue() -> None:
    table = pd.DataFrame({
        "invoice_id": ["a", "b", "c", "d"],
        "invoiced_at": ["2026-01-01", "2026-05-01", "2026-08-15", "2026-01-05"],
        "due_at": ["2026-01-31", "2026-05-31", "2026-09-14", "2026-02-04"],
        "paid_at": ["2026-02-03", "", "", "2026-02-04"],
        "amount": [1000.0, 2000.0, 3000.0, 500.0],
    })  # fmt: skip
    invoices = fs.read_invoices(table, as_of="2026-08-31", unit="EUR")
    shown = invoices._repr_html_()
    assert row("paid", "2", "1,500") in shown
    assert row("unpaid, not due yet", "1", "3,000") in shown
    assert row("unpaid, overdue", "1", "2,000") in shown
    assert "<th>amount (EUR)</th>" in shown
    with fs.use_language("zh"):
        assert "发票（截至 2026-08-31 共 4 张，未付 2 张，金额 5,000 欧元）" in invoices._repr_html_()


def test_a_scenario_shows_its_stages_with_gates_and_its_levers() -> None:
    scenario = fs.read_scenario("account_selling")
    shown = scenario._repr_html_()
    for stage in scenario.funnel.stages.open:
        assert f"<th>{stage.name}</th>" in shown
        assert escape(stage.gate) in shown
    assert shown.count("<li>lever: ") == len(scenario.levers)
    assert escape(scenario.title()) in shown


def test_days_and_answers_are_words() -> None:
    class Answers(Noun):
        notes = ()

        def table(self) -> pd.DataFrame:
            return pd.DataFrame({"day": pd.to_datetime(["2026-10-01", None]), "sure": [True, False]})

    shown = Answers()._repr_html_()
    assert "<tr><td>2026-10-01</td><td>yes</td></tr>" in shown
    assert "<tr><td>–</td><td>no</td></tr>" in shown


def shown_in_chinese(noun: Shown) -> list[str]:
    """Pieces of a display that are still English: of two words at least, names of stages apart."""
    with fs.use_language("zh"):
        texts = [unescape(text) for text in re.findall(r">([^<>]+)<", noun._repr_html_())]
    return [text for text in texts if re.search(r"[a-z]{2,}[ _,;:(]+[a-z]{2,}", text)]


def test_other_nouns_are_shown_in_chinese() -> None:
    funnel, pipeline = position()
    history = fs.simulate_history(seed=2)
    scenario = fs.read_scenario("telesales")
    nouns = [
        stated(), fs.Team(fs.Rep.several(2), attrition_per_year=0.3), fs.Work({"A": 1.0}),
        fs.Option("f", fs.Volume, most=1.4, cost=8.0),
        fs.deal_outlook(funnel, pipeline, n_draws=5), fs.referrals(history, "owner", n_draws=20),
        fs.future_paths(funnel, pipeline, periods="1Q", engine=fs.MonteCarlo(n_futures=100, n_draws=5)),
        fs.lever_grid(funnel, pipeline, target=1e6, n_settings=2, engine=fs.Exact(n_draws=5)),
        fs.forecast(
            scenario.funnel, scenario.pipeline, periods=scenario.periods,
            engine=fs.Events(scenario.team, scenario.work, n_futures=10, n_draws=5),
        ).capacity,
    ]  # fmt: skip
    gate = "budget & date known"
    for noun in nouns:
        assert [text for text in shown_in_chinese(noun) if text not in (gate, "Solution fit")] == [], noun


def test_stages_outcomes_and_reps_are_told_in_chinese() -> None:
    hired = fs.Rep("Ada", skills=("West",), start="2026-01-01", ramp_days=90)
    stage = fs.Stage("需求开发", nominal_win_rate=0.25, usual_days=21)
    assert str(hired) == "Rep(Ada; takes West; at work from 2026-01-01; ramp of 90 days)"
    assert repr(hired).startswith("Rep(name='Ada'")
    with fs.use_language("zh"):
        assert str(hired) == "销售人员（Ada；负责：West；2026-01-01 起在职；上手期 90 天）"
        assert str(fs.Rep("Bo")) == "销售人员（Bo；负责：全部商机；一直在职；上手期 0 天）"
        told = "阶段（需求开发；名义赢率：25 %；必要停留：未填；一般停留：21 天；升迁标准：未填）"
        assert str(stage) == told
        assert told in stage._repr_html_()
        assert str(fs.Outcome("签单", "won")) == "结局（签单；计为赢单）"
        assert "异常变动规则：回退（backward） = 允许（allow）" in stated()._repr_html_()
