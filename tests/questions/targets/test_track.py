"""Plan against actual: parts that add up, a probability that means what it says, and the right cause."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.law import DrawnLaw
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.questions.targets.shares import fair_shares
from funnelsim.questions.targets.track import two_sided

PLAN = {"2026-07": 400_000, "2026-08": 900_000, "2026-09": 450_000, "2026-10": 450_000}


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(seed=1)


@pytest.fixture(scope="module")
def tracked(history: fs.DealHistory) -> fs.Track:
    return fs.track(history, PLAN, n_draws=20)


# --- shares of a change


@given(some.lists(some.tuples(some.fractions(0, 9), some.fractions(0, 9)), min_size=1, max_size=4))
def test_fair_shares_add_up_exactly(pairs: list[tuple[Fraction, Fraction]]) -> None:
    names = [f"factor {i}" for i in range(len(pairs))]

    def product(some: frozenset[str]) -> Fraction:
        total = Fraction(1)
        for name, (planned, came) in zip(names, pairs, strict=True):
            total *= came if name in some else planned
        return total

    shares = fair_shares(names, product)
    assert sum(shares.values()) == product(frozenset(names)) - product(frozenset())


def test_fair_shares_of_a_product_of_two_are_those_of_the_textbook() -> None:
    """a b to A B: the share of a is (A - a)(b + B) / 2."""
    shares = fair_shares(["a", "b"], lambda x: (7 if "a" in x else 3) * (11 if "b" in x else 5))
    assert shares == {"a": Fraction((7 - 3) * (5 + 11), 2), "b": Fraction((11 - 5) * (3 + 7), 2)}


# --- the table


def test_actuals_and_deviations_are_those_of_the_records(history: fs.DealHistory, tracked: fs.Track) -> None:
    deals = history.deals
    won = deals[(deals["outcome"] == "won") & (deals["closed_at"] >= "2026-07-01")]
    by_month = won.groupby(won["closed_at"].dt.strftime("%Y-%m"))["amount"].sum()
    assert won["amount"].notna().all()
    table = tracked.table()
    assert table["actual"].iloc[:2].tolist() == by_month.tolist()
    assert table.loc["2026-08", "deviation"] == pytest.approx(by_month["2026-08"] / 900_000 - 1)
    assert table["asks_for_a_cause"].tolist() == [abs(d) > 0.15 for d in table["deviation"]]
    assert table.loc["so far", "plan"] == 1_300_000
    assert tracked.deviation == pytest.approx(by_month.sum() / 1_300_000 - 1)


def test_a_running_month_counts_by_its_days(history: fs.DealHistory) -> None:
    mid = fs.track(history.as_of("2026-08-15"), {"2026-07": 310_000, "2026-08": 620_000}, n_draws=10)
    assert mid.table()["plan"].tolist() == pytest.approx([310_000, 300_000, 610_000])
    assert list(mid.course().index) == ["2026-08", "plan"]


def test_the_forecast_at_the_plan_date_knows_nothing_later(
    history: fs.DealHistory, tracked: fs.Track
) -> None:
    then = history.as_of("2026-06-30")
    edges = ["2026-07-01", "2026-08-01", "2026-09-01"]
    alone = fs.forecast(fs.fit(then), then.pipeline(), periods=edges, engine=fs.Exact(n_draws=20))
    assert tracked.table()["expected"].iloc[-1] == pytest.approx(alone.mean().value)


def test_the_course_is_what_came_and_the_forecast_of_the_rest(
    history: fs.DealHistory, tracked: fs.Track
) -> None:
    edges = ["2026-09-01", "2026-10-01", "2026-11-01"]
    rest = fs.forecast(fs.fit(history), history.pipeline(), periods=edges, engine=fs.Exact(n_draws=20))
    course, so_far = tracked.course(), tracked.actual.sum()
    assert course.index.tolist() == ["2026-09", "2026-10", "plan"]
    assert course.loc["plan", "expected"] == pytest.approx(so_far + rest.mean().value)
    assert course.loc["plan", "chance"] == pytest.approx(rest.chance(sum(PLAN.values()) - so_far).value)
    ended = fs.track(history, {"2026-06": 1.0, "2026-07": 1e9}, n_draws=10).course()
    assert ended.index.tolist() == ["plan"]
    assert ended["chance"].item() == 0.0


# --- causes


@pytest.mark.parametrize("measure", ["bookings", "wins"])
@pytest.mark.parametrize("seed", [1, 2])
def test_causes_add_up_to_the_cent(measure: str, seed: int) -> None:
    plan = {"2026-Q2": 1_100_000.01, "2026-Q3": 1_300_000.0}
    if measure == "wins":
        plan = {"2026-Q2": 30, "2026-Q3": 31}
    tracked = fs.track(fs.simulate_history(seed=seed), plan, measure=measure, n_draws=10)  # type: ignore[arg-type]
    factors = tracked.factors()
    cents = (factors * 100).round().astype(np.int64)
    assert np.abs(factors * 100 - cents).to_numpy().max() < 1e-4, "whole cents"
    assert cents["level"].iloc[0] + cents["change"].sum() == cents["level"].iloc[-1]
    assert factors["level"].iloc[0] == round(tracked.plan_so_far.sum(), 2)
    assert factors["level"].iloc[-1] == round(tracked.actual.sum(), 2)
    assert ("yield" in factors.index) == (measure == "bookings")


@pytest.mark.parametrize(
    ("cause", "lever"),
    [
        ("volume", fs.Volume(1 / 1.6)),
        ("conversion", fs.Conversion(1 / 1.8)),
        ("cycle", fs.Speed(1 / 1.5)),
        ("yield", fs.Yield(1 / 1.5)),
    ],
)
def test_a_plan_that_was_wrong_in_one_factor_is_told_so(cause: str, lever: fs.Lever) -> None:
    """The planner believed in a funnel that is the truth but for one factor, over six months of 60 wins."""
    truth = fs.sample_funnel()
    believed = lever.apply(truth)
    told, right = [], []
    for seed in range(6):
        some = fs.simulate_history(seed=seed, segments=False, season=False)
        plan = {"2026-Q1": 1e6, "2026-Q2": 1e6}
        wrong = fs.track(some.as_of("2026-06-30"), plan, fit=lambda _: believed, n_draws=4)
        known = fs.track(some.as_of("2026-06-30"), plan, fit=lambda _: truth, n_draws=4)
        told.append(wrong.factors()["change"])
        right.append(known.factors()["change"])
    # Luck is the same under both beliefs: what differs is what was believed.
    difference = (pd.concat(told, axis=1) - pd.concat(right, axis=1)).mean(axis=1)
    explained = difference.drop(["plan", "aim", "actual"])
    assert explained.idxmax() == cause
    assert explained[cause] == pytest.approx(-difference["aim"], rel=0.25)


def test_chance_alone_is_uniform_where_the_funnel_is_known() -> None:
    """d = 0.2: over 100 histories of a known funnel shares below .1 and .5 pass an exact binomial test.

    Negative control: a belief in odds of moving forward that are too small by 1.6 does not pass, in 40.
    """
    truth = fs.sample_funnel()
    wrong = fs.Conversion(1 / 1.6).apply(truth)
    right, mistaken = [], []
    for seed in range(100):
        some = fs.simulate_history(
            seed=1000 + seed, segments=False, season=False, start="2025-07-01", as_of="2026-06-30",
            window_start=None, missing_amounts=0.0,
        )  # fmt: skip
        plan = {"2026-04": 1, "2026-05": 1, "2026-06": 1}
        right.append(fs.track(some, plan, fit=lambda _: truth, n_draws=2).chance_alone)
        if seed < 40:
            mistaken.append(fs.track(some, plan, fit=lambda _: wrong, n_draws=2).chance_alone)
    for level in (0.1, 0.5):
        n = int((np.array(right) < level).sum())
        assert stats.binomtest(n, len(right), level).pvalue > 1e-4, f"{n} of 100 below {level}"
    assert stats.binomtest(int((np.array(mistaken) < 0.1).sum()), len(mistaken), 0.1).pvalue < 1e-4


def test_both_tails_count_and_ties_count_on_both_sides() -> None:
    law = DrawnLaw(np.array([[0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 3.0, 4.0]]))
    assert two_sided(law, 4.0) == pytest.approx(2 / 8)
    assert two_sided(law, 0.0) == pytest.approx(2 * 2 / 8)
    assert two_sided(law, 1.0) == 1.0
    assert two_sided(law, 5.0) == 0.0


def test_the_verdict_names_the_rule(history: fs.DealHistory, tracked: fs.Track) -> None:
    assert "beyond 15%" in repr(tracked)
    close = fs.track(history, {"2026-07": 341_280 * 1.1}, n_draws=10)
    assert close.verdict().endswith("within 15%")


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({}, "no amounts"),
        ({"soon": 1.0}, "no month, quarter or year"),
        ({"2026-07-01": 1.0}, "no month, quarter or year"),
        ({"2026-06": 1.0, "2026-08": 1.0}, "does not follow"),
        ({"2026-Q2": 1.0, "2026-06": 1.0}, "does not follow"),
        ({"2027-06": 1.0}, "nothing has come"),
    ],
)
def test_plans_that_are_none_are_refused(history: fs.DealHistory, plan: dict[str, float], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        fs.track(history, plan)
    with pytest.raises(TargetError, match="tolerance"):
        fs.track(history, PLAN, tolerance=-0.1)
