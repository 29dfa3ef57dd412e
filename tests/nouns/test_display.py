"""What notebooks show: escaped, with separators, in the language that is spoken; every noun has a display."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.display import Shown


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
    for text in ("1,234,568", "0.250", "0.333", "–", ">12<", "open deals"):
        assert text in shown
    assert "1234567" not in shown


def test_long_tables_are_cut_and_say_so() -> None:
    shown = Noun(60)._repr_html_()
    assert shown.count("<tr") == 24 + 1
    assert "36 more rows: see table()" in shown


def test_it_speaks_the_language() -> None:
    with fs.use_language("zh"):
        assert "合计" in Noun()._repr_html_()


@pytest.mark.parametrize(
    "noun",
    [
        fs.DealHistory, fs.Funnel, fs.Forecast, fs.Scenario, fs.LeverComparison, fs.TargetSplit,
        fs.Track, fs.SpendingPlan, fs.LeverGrid, fs.Backtest, fs.Segments, fs.Dwell, fs.Drift, fs.Effects,
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
