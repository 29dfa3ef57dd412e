"""Tables: DataFrames that stay what they are for programs, and are shown in words, units and few digits."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.table import told
from funnelsim.vocabulary.language import missed_texts

EXACT = fs.Exact(n_draws=4)
TARGET = 4_000_000.0
# What the records say, figures of statistics, and parameters of distributions by their letters.
NAMES = re.compile(
    r"North|East|South|rep \d+|web|outbound|referral|Core|Plus|Pro\b|Qualify|Develop|Solution|Proof|Close"
    r"|funnelsim|D\d{5}|P\d0|AIC|AUC|ECE|PIT|Brier|nCRPS|fair|> (won|lost)|\w+ [\d.-]+ ± [\d.]+"
)


def cells(shown: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<t[dh]>([^<]*)<", shown)]


def given() -> pd.DataFrame:
    columns = {
        "chance": [0.25, 1e-6],
        "chance_se": [0.02, 0.01],
        "amount": [1_234_567.8, 40.0],
        "wait": [12.34, np.inf],
        "n_deals": [3, 4],
    }
    return pd.DataFrame(columns, index=pd.Index(["2026-Q3", "total"], name="period"))


UNITS = {"amount": "CNY", "wait": "days"}


def test_programs_find_what_they_found() -> None:
    table = told(given(), UNITS)
    assert isinstance(table, pd.DataFrame)
    pd.testing.assert_frame_equal(pd.DataFrame(table), given())
    assert table.attrs["units"] == UNITS
    assert table.to_csv() == given().to_csv()


def test_people_find_units_and_few_digits() -> None:
    titles = ["period", "chance", "chance se (points)", "amount (CNY)", "wait (days)", "n deals"]
    rows = ["2026-Q3", "25.0 %", "2.0", "1,234,568", "12.3", "3", "total", "< 0.05 %", "1.0", "40", "∞", "4"]
    assert cells(told(given(), UNITS)._repr_html_()) == titles + rows


def test_large_amounts_are_in_ten_thousands_in_chinese() -> None:
    with fs.use_language("zh"):
        shown = cells(told(given(), UNITS)._repr_html_())
    assert shown[:6] == ["期间", "概率", "概率标准误（百分点）", "金额（万元）", "等待（天）", "商机数"]
    assert shown[9] == "123.5"  # 1,234,567.8 yuan
    assert shown[12] == "合计"
    small = given().assign(amount=[88_000.0, 40.0])
    with fs.use_language("zh"):
        assert "88,000" in cells(told(small, UNITS)._repr_html_())


def test_what_pandas_makes_of_a_table_is_shown_on_request() -> None:
    part = told(given(), UNITS).head(1)
    assert not isinstance(part, fs.Table)
    assert "1,234,568" in cells(fs.show(part)._repr_html_())
    assert "amount (CNY)" in cells(fs.show(part)._repr_html_())
    assert "money (CNY)" in cells(fs.show(part, words={"amount": "money"})._repr_html_())
    assert "amount (EUR)" in cells(fs.show(part, units={"amount": "EUR"})._repr_html_())
    assert cells(fs.show(pd.Series({"a": 1.5}, name="x"))._repr_html_()) == ["", "x", "a", "1.500"]


def test_rows_of_other_kinds_are_told_each_as_it_needs() -> None:
    shown = cells(told(pd.DataFrame({"value": [72_960.0, -0.3828, 34.21, 5.254]}))._repr_html_())
    assert shown == ["value", "72,960", "-0.383", "34.2", "5.25"]


def test_long_tables_keep_their_last_rows() -> None:
    long = pd.DataFrame({"wins": range(60)}, index=pd.Index([*range(59), "total"], name="period"))
    shown = told(long)._repr_html_()
    assert "36 more rows" in shown
    assert cells(shown)[-2:] == ["total", "59"]


def test_columns_of_two_levels_are_told_in_full() -> None:
    frame = pd.DataFrame({("paid", "p10"): [2e6], ("open", "mean"): [1e6]})
    table = told(frame, {"paid: p10": "CNY"}, {"open: mean": "unpaid: mean"})
    assert cells(table._repr_html_())[:2] == ["paid P10 (CNY)", "unpaid mean"]
    with fs.use_language("zh"):
        assert cells(table._repr_html_())[:2] == ["已回款 P10（万元）", "应收 均值"]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Every table that a question or a noun gives, of the sample."""
    history = fs.simulate_history(seed=3)
    funnel = fs.fit(history, classes="region", calendar=False, level_period=None)
    pipeline = history.pipeline()
    asked = {"target": TARGET, "periods": "2Q", "engine": EXACT}
    return of_history(history) | of_forecast(funnel, pipeline, asked) | of_levers(funnel, pipeline, asked)


def of_history(history: fs.DealHistory) -> dict[str, pd.DataFrame]:
    dwell, segments = fs.dwell(history, n_draws=5), fs.segments(history, by="region", n_draws=50)
    amounts, effects = fs.amounts(history, n_draws=20), fs.effects(history, n_draws=50)
    test = fs.backtest(history, periods="1Q", origins=4, n_draws=4, n_futures=50)
    tracked = fs.track(history, {"2026-Q3": TARGET / 2}, n_draws=5)
    window = ["2026-07-01", "2027-01-01"]
    return {
        "issues": history.issues,
        "issue_summary": history.issue_summary(),
        "deals": history.deals,
        "indicators": fs.indicators(history, every="month", last=4),
        "dwell": dwell.table(),
        "families": dwell.families("Close"),
        "fit_check": dwell.fit_check("Close"),
        "exits": dwell.exits("Close"),
        "dwell.incidence": dwell.incidence("Close"),
        "overlong": dwell.overlong("Close"),
        "amounts": amounts.table(),
        "tail": amounts.tail(),
        "by_size": amounts.by_size(),
        "segments": segments.table(),
        "transitions": segments.transitions(),
        "differences": segments.differences(),
        "league": segments.league(),
        "effects": effects.table(),
        "multipliers": effects.multipliers(),
        "value": effects.value(n_splits=2),
        "drift": fs.drift(history).table(),
        "revision": fs.revision(history, "2026-06-30", window=window, n_draws=4).table(),
        "scores": test.scores(),
        "accuracy": test.accuracy(),
        "by_method": test.deal_scores_by_method(),
        "deal_scores": fs.show(test.deal_scores()),
        "reliability": test.reliability(5),
        "track": tracked.table(),
        "course": tracked.course(),
        "factors": tracked.factors(),
    }


def of_forecast(
    funnel: fs.Funnel, pipeline: fs.Pipeline, asked: dict[str, object]
) -> dict[str, pd.DataFrame]:
    look = fs.forecast(funnel, pipeline, **asked)  # type: ignore[arg-type]
    terms = fs.Collections.by_hand(terms_days=30, late_mean_days=25, never_paid=0.04)
    till = fs.MonteCarlo(n_futures=40, n_draws=4)
    cash = fs.forecast(funnel.with_collections(terms), pipeline, periods="2Q", measure="cash", engine=till)
    work = fs.Work(dict.fromkeys([stage.name for stage in funnel.stages.open], 4.0))
    people = fs.Events(fs.Team(fs.Rep.several(6)), work, n_futures=4, n_draws=2, customer_share=0.5)
    use = fs.forecast(funnel, pipeline, periods="2M", engine=people).capacity
    split = fs.split_target(funnel, pipeline, TARGET, by="region", periods="2Q", n_draws=5, n_futures=50)
    plan = fs.activity_plan(funnel, TARGET, weeks=26, people=5, visits={"Qualify": 2}, course=[0.5] * 5)
    assert use is not None
    return {
        "funnel": funnel.table(n_draws=20),
        "funnel.incidence": funnel.incidence("Close"),
        "forecast": look.table(),
        "forecast of wins": look.table("wins"),
        "forecast of cash": cash.table(),
        "receivables": cash.receivables(),
        "by_deal": look.by_deal(),
        "by_stage": look.by_stage(),
        "capacity": use.table(),
        "capacity by stage": use.by_stage(),
        "capacity by rep": use.by_rep(),
        "attainable": fs.attainable(look),
        "commission": fs.commission(look, [(0, 0.02), (TARGET, 0.05)]),
        "split": split.table(),
        "over_assign": split.over_assign(),
        "activity_plan": plan,
        "planned_against_done": fs.planned_against_done(plan, {"new deals": 30, "visits": 20}, weeks=4),
        "width_split": fs.width_split(funnel, pipeline, periods="2Q", n_draws=5),
        "coverage": fs.coverage(funnel, pipeline, target=TARGET, periods="2Q", engine=EXACT),
        "deal_outlook": fs.deal_outlook(funnel, pipeline, periods="2Q", target=TARGET).table(),
        "future_paths": fs.future_paths(funnel, pipeline, periods="1Q", engine=till).table(),
        "course_formula": fs.show(fs.course_formula(100, [0.5, 0.5], 0.5, 8000, 0.9)),
    }


def of_levers(funnel: fs.Funnel, pipeline: fs.Pipeline, asked: dict[str, object]) -> dict[str, pd.DataFrame]:
    levers = [fs.Volume(1.2), fs.Conversion(1.2)]
    compared = fs.compare_levers(funnel, pipeline, levers=levers, **asked)  # type: ignore[arg-type]
    offers = [fs.Option("fair", fs.Volume, 1.3, 5e4), fs.Option("fairs", fs.Conversion, 1.2, 8e4)]
    plan = fs.spend(funnel, pipeline, offers, **asked)  # type: ignore[arg-type]
    grid = fs.lever_grid(funnel, pipeline, n_settings=2, **asked)  # type: ignore[arg-type]
    return {
        "levers": compared.table(),
        "shares": compared.shares(n_orders=4),
        "interactions": compared.interactions(),
        "solve_for": fs.solve_for(funnel, pipeline, chance=0.3, **asked),  # type: ignore[arg-type]
        "elasticities": fs.elasticities(funnel, pipeline, **asked),  # type: ignore[arg-type]
        "grid": grid.table(),
        "best_for": plan.best_for(60_000),
        "cheapest_for": plan.cheapest_for(0.9),
        "frontier": plan.frontier(2),
    }


@pytest.mark.thorough
def test_every_table_shows_itself_in_chinese(tables: dict[str, pd.DataFrame]) -> None:
    """No English but names, and no number with all the digits of a float."""
    plain = [name for name, table in tables.items() if not isinstance(table, fs.Table)]
    assert not plain
    with fs.use_language("zh"), missed_texts() as missed:
        texts = {(name, text) for name, table in tables.items() for text in cells(table._repr_html_())}
    assert not missed
    assert not {(n, t) for n, t in texts if re.search("[A-Za-z]{2,}", NAMES.sub("", t))}
    assert not {(n, t) for n, t in texts if re.fullmatch(r"[-\d,]+\.\d{4,}( %)?", t)}


@pytest.mark.parametrize(("given", "kind"), [([1, 2], "list"), ("deals.csv", "str"), (None, "NoneType")])
def test_only_tables_are_shown(given: object, kind: str) -> None:
    with pytest.raises(fs.FunnelsimError, match=f"DataFrame or a Series of pandas, not {kind}; all else"):
        fs.show(given)  # type: ignore[arg-type]
    with (
        pytest.raises(TypeError, match=f"应为 pandas 的 DataFrame 或 Series，而不是 {kind}"),
        fs.use_language("zh"),
    ):
        fs.show(given)  # type: ignore[arg-type]
