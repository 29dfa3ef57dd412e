"""From a target back to leads: slides reproduced by hand, and tables counted from the records."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.questions.targets.course import Course
from funnelsim.questions.targets.quotas import TargetError

SLIDE = [0.5, 0.5, 0.48, 0.5]  # 100 - 50 - 25 - 12 - 6


def funnel_of(forward: list[float], *, back: float = 0.0, yield_: float | None = None) -> fs.Funnel:
    """Deals leave each stage for the next with a chance, for the first with another, else they are lost."""
    n = len(forward)
    stages = []
    for s, share in enumerate(forward):
        row = np.zeros(n + 2)
        row[s + 1] += share
        if s:
            row[0] += back
        row[n + 1] += 1.0 - share - (back if s else 0.0)
        hazards = np.array([np.zeros(n + 2), 0.1 * row, np.zeros(n + 2)])
        stages.append(StageHazards(np.array([0, 1, 2000]), hazards, np.ones(3), row, is_certain=True))
    amounts = None if yield_ is None else Amounts(np.array([yield_]), np.ones(1), is_certain=True)
    names = [f"Stage {s + 1}" for s in range(n)]
    arrivals = Arrivals(7, 7.0, np.inf, 0.0, np.eye(n)[0])
    return fs.Funnel(fs.Stages.named(names), fs.Clock("day"), tuple(stages), arrivals, amounts)


# --- the course formula


def test_the_slide_comes_out_to_the_last_digit() -> None:
    assert fs.course_formula(100, SLIDE[:3], SLIDE[3]).tolist() == [100, 50, 25, 12, 6, 6, 6]
    cash = fs.course_formula(1000, 0.3, 0.25, 8_000, 0.9)
    assert cash.tolist() == [1000, 300, 75, 600_000, 540_000]
    assert cash.index.tolist() == ["leads", "step 1", "wins", "bookings", "cash"]


def test_decimals_are_taken_as_written() -> None:
    """0.1 x 0.2 x 0.3 x 0.7 of 1,000 leads: 4.2 wins by hand; floats give 4.199999..."""
    assert fs.course_formula(1000, [0.1, 0.2, 0.3], 0.7)["wins"] == 4.2
    course = Course.of([0.1, 0.7], 0.3, 99.99)
    assert course.backwards(Fraction(2100)) == [
        Fraction(2100) / Fraction("99.99") / Fraction("0.021"),
        Fraction(2100) / Fraction("99.99") / Fraction("0.21"),
        Fraction(2100) / Fraction("99.99") / Fraction("0.3"),
        Fraction(2100) / Fraction("99.99"),
        Fraction(2100),
        Fraction(2100),
    ]


def test_deviations_of_the_course_add_up_exactly() -> None:
    planned, came = [100, 0.25, 0.24, 8000, 0.9], [90, 0.3, 0.2, 9000, 0.85]
    told = fs.course_deviation(planned, came)
    assert told["total"] == 41_310 - 43_200  # 90 x .3 x .2 x 9,000 x .85, 100 x .25 x .24 x 8,000 x .9
    assert told.iloc[:-1].sum() == pytest.approx(told["total"], abs=1e-9)
    only = fs.course_deviation(planned, [80, *planned[1:]])
    assert only.tolist() == [-8640, 0, 0, 0, 0, -8640]


@pytest.mark.parametrize("wrong", [(100, 1.5, 0.5), (-1, 0.5, 0.5), (100, 0.5, True), (np.inf, 0.5, 0.5)])
def test_numbers_that_make_no_course_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(TargetError):
        fs.course_formula(*wrong)
    with pytest.raises(TargetError, match="no number of leads"):
        Course.of(0.5, 0.0).backwards(Fraction(5))
    with pytest.raises(TargetError, match="five numbers"):
        fs.course_deviation([1, 1], [1, 1])
    for position in (1, 2, 4):
        too_high = [100.0, 0.25, 0.24, 8000, 0.9]
        too_high[position] = 25
        with pytest.raises(TargetError, match=r"within 0\.\.1"):
            fs.course_deviation([100, 0.25, 0.24, 8000, 0.9], too_high)


# --- the activity plan


def test_the_plan_reverses_the_slide() -> None:
    plan = fs.activity_plan(funnel_of(SLIDE), 18, weeks=3, people=2, course=SLIDE, n_draws=4)
    assert plan["course"].tolist() == [300, 300, 150, 75, 36, 18]
    assert plan["needed"].tolist() == pytest.approx([300, 300, 150, 75, 36, 18], rel=1e-9)
    assert plan["per_week"].tolist() == pytest.approx([100, 100, 50, 25, 12, 6], rel=1e-9)
    assert plan["per_week_per_person"].tolist() == pytest.approx([50, 50, 25, 12.5, 6, 3], rel=1e-9)
    assert (plan["high"] - plan["low"]).abs().max() < 1e-6, "nothing is uncertain here"


def test_money_is_turned_into_wins_by_the_mean_amount() -> None:
    plan = fs.activity_plan(funnel_of(SLIDE, yield_=8_000.0), 48_000, weeks=1, course=SLIDE, n_draws=4)
    assert plan["needed"].tolist() == pytest.approx([100, 100, 50, 25, 12, 6, 48_000], rel=1e-9)
    assert plan["course"].tolist() == [100, 100, 50, 25, 12, 6, 48_000]
    more = fs.Yield(2.0).apply(funnel_of(SLIDE, yield_=8_000.0))
    assert fs.activity_plan(more, 48_000, weeks=1, n_draws=4)["needed"]["wins"] == pytest.approx(3)


def test_deals_that_come_back_count_once_at_each_stage() -> None:
    """Half go on from stage 1; from stage 2 a quarter goes back and a half is won.

    Win chance w = (w2) / 2, w2 = 1/2 + w / 4: w = 2/7, w2 = 4/7; half of all new deals ever reach stage 2.
    """
    plan = fs.activity_plan(funnel_of([0.5, 0.5], back=0.25), 2, weeks=1, n_draws=4)
    by_hand = [7.0, 7.0, 7.0 * 0.5, 2.0]
    assert plan["needed"].tolist() == pytest.approx(by_hand, rel=1e-9)


def test_ranges_follow_the_evidence() -> None:
    """Ten times the evidence: ranges a third as wide, and both hold the same middle."""
    funnel = fs.fit(fs.simulate_history(seed=1))
    more = replace(
        funnel,
        hazards=tuple(replace(h, exits=10 * h.exits, at_risk=10 * h.at_risk) for h in funnel.hazards),
    )
    width = []
    for one in (funnel, more):
        plan = fs.activity_plan(one, 100, weeks=1, measure="wins")
        width.append(np.log(plan.loc["new deals", "high"] / plan.loc["new deals", "low"]))
    assert width[0] / width[1] == pytest.approx(np.sqrt(10), rel=0.35)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weeks": 0}, "positive"),
        ({"people": -1}, "positive"),
        ({"course": [0.5]}, "one rate for each of 4"),
        ({"measure": "bookings"}, "no amounts"),
        ({"n_draws": 1}, "n_draws"),
        ({"interval": 80}, "interval"),
    ],
)
def test_plans_that_make_no_sense_are_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        fs.activity_plan(funnel_of(SLIDE), 6, **({"weeks": 1, "n_draws": 4} | changed))  # type: ignore[arg-type]


def test_no_number_of_leads_helps_where_nothing_is_won() -> None:
    with pytest.raises(TargetError, match="ever won"):
        fs.activity_plan(funnel_of([0.5, 0.0]), 6, weeks=1, n_draws=4)


def test_planned_and_done_side_by_side() -> None:
    plan = fs.activity_plan(funnel_of(SLIDE), 6, weeks=1, n_draws=4)
    table = fs.planned_against_done(plan, {"Stage 2": 90, "wins": 24}, weeks=2)
    assert table["planned"].tolist() == pytest.approx([100, 12])
    assert table["deviation"].tolist() == pytest.approx([-0.1, 1.0])
    assert table["asks_for_a_cause"].tolist() == [False, True]
    by_hand = [2 * stats.poisson.cdf(90, 100), 2 * stats.poisson.sf(23, 12)]
    assert table["chance_alone"].tolist() == pytest.approx(by_hand, rel=1e-6)
    with pytest.raises(TargetError, match="not in the plan"):
        fs.planned_against_done(plan, {"calls": 3})


def test_what_was_done_must_be_a_count() -> None:
    funnel = funnel_of(SLIDE, yield_=8_000.0)
    plan = fs.activity_plan(funnel, 48_000, weeks=1, n_draws=4, visits={"Stage 1": 2})
    for wrong in ({"wins": 2.5}, {"visits": 3.5}):
        with pytest.raises(TargetError, match="whole numbers"):
            fs.planned_against_done(plan, wrong)
    for count in (np.nan, np.inf, -1, True, "3"):
        with pytest.raises(TargetError, match="give what was counted"):
            fs.planned_against_done(plan, {"wins": count})  # type: ignore[dict-item]
    for settings in ({"weeks": np.nan}, {"weeks": "1"}, {"tolerance": np.nan}, {"tolerance": -1}):
        with pytest.raises(TargetError):
            fs.planned_against_done(plan, {"wins": 3}, **settings)
    with pytest.raises(TargetError, match="did you mean 'visits'"):
        fs.planned_against_done(plan, {"visit": 3})
    told = fs.planned_against_done(plan, {"visits": 180, "bookings": 40_000.5, "wins": 6})
    assert told["planned"].tolist() == pytest.approx([200, 48_000, 6])
    assert told["deviation"]["visits"] == pytest.approx(-0.1)
    assert told["chance_alone"].isna().tolist() == [True, True, False], "work is decided, money is no count"


# --- visits


def test_visits_follow_the_slide() -> None:
    """100-50-25-12-6 with 2 visits in stage 1 and 3 in stage 4: 2 x 100 + 3 x 12 = 236 a week."""
    calls = {"calls": {"Stage 2": 0.5}}
    plan = fs.activity_plan(
        funnel_of(SLIDE), 18, weeks=3, people=2, course=SLIDE, n_draws=4,
        visits={"Stage 1": 2, "Stage 4": 3}, activities=calls,
    )  # fmt: skip
    stages = ["Stage 1", "Stage 2", "Stage 3", "Stage 4"]
    assert plan.index.tolist() == ["new deals", *stages, "visits", "calls", "wins"]
    assert plan["course"].tolist() == [300, 300, 150, 75, 36, 708, 75, 18]
    assert plan.loc["visits", ["per_week", "per_week_per_person"]].tolist() == pytest.approx([236, 118])
    assert plan["needed"].tolist() == pytest.approx(plan["course"].tolist(), rel=1e-9)
    assert plan.loc["calls", "per_week"] == pytest.approx(25)
    assert plan.index[plan["counts"] == "work"].tolist() == ["visits", "calls"]


def test_deals_that_come_back_are_visited_again() -> None:
    """Of 7 new deals: entries n1 = 7 + n2 / 4, n2 = n1 / 2, so n1 = 8 and n2 = 4: 8 + 10 x 4 visits."""
    visits = {"Stage 1": 1, "Stage 2": 10}
    plan = fs.activity_plan(funnel_of([0.5, 0.5], back=0.25), 2, weeks=1, n_draws=4, visits=visits)
    assert plan["needed"]["visits"] == pytest.approx(48.0, rel=1e-9)


def test_visits_are_as_uncertain_as_the_entries_they_are_made_for() -> None:
    """One visit to each new deal is the number of new deals, draw by draw: so are its ranges."""
    funnel = fs.fit(fs.simulate_history(seed=1))
    first = funnel.stages.open[0].name
    plan = fs.activity_plan(funnel, 100, weeks=1, measure="wins", n_draws=20, visits={first: 3})
    ranges = [c for c in plan.columns if c != "counts"]
    entering = fs.activity_plan(funnel, 100, weeks=1, measure="wins", n_draws=20)
    assert plan.drop(index="visits").equals(entering), "visits change no other row"
    assert (plan.loc["visits", ranges] >= 2.999 * plan.loc[first, ranges].astype(float)).all()
    spread = np.log((plan["high"] / plan["low"]).astype(float))
    assert spread["visits"] == pytest.approx(spread[first], rel=0.25)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"visits": {"Stage1": 2}}, "did you mean 'Stage 1'"),
        ({"visits": {"Stage 1": -2}}, "0 or more"),
        ({"visits": {"Stage 1": np.nan}}, "0 or more"),
        ({"visits": {"Stage 1": True}}, "0 or more"),
        ({"visits": {}}, "names no stage"),
        ({"visits": 3}, "names no stage"),
        ({"activities": {"Stage 2": {"Stage 1": 1}}}, "another name"),
        ({"activities": {"wins": {"Stage 1": 1}}}, "another name"),
        ({"visits": {"Stage 1": 1}, "activities": {"visits": {"Stage 1": 1}}}, "twice"),
    ],
)
def test_visits_that_fit_no_stage_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        fs.activity_plan(funnel_of(SLIDE), 6, weeks=1, n_draws=4, **given)  # type: ignore[arg-type]


# --- the indicator table


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(seed=1)


def test_indicators_are_counted_from_the_records(history: fs.DealHistory) -> None:
    deals = history.deals
    table = fs.indicators(history, every="month", last=None)
    month = deals["created_at"].dt.strftime("%Y-%m")
    won = deals[deals["outcome"] == "won"]
    closed = won["closed_at"].dt.strftime("%Y-%m")
    for label in ("2025-03", "2026-08"):
        row = table.loc[label]
        assert row["new_deals"] == (month == label).sum()
        assert row["closes"] == (closed == label).sum()
        assert row["average_yield"] == pytest.approx(won["amount"][closed == label].mean())
        cohort = deals[month == label]
        assert row["won_of_new"] == pytest.approx((cohort["outcome"] == "won").mean())
        assert row["open_of_new"] == pytest.approx((cohort["outcome"] == "open").mean())
    assert table.index[0] == "2024-07", "the log is complete from then on"
    assert table["is_complete"].all()


def test_intents_count_a_deal_once_when_it_first_comes_so_far(history: fs.DealHistory) -> None:
    table = fs.indicators(history, every="month", intent="Solution", last=None)
    moves = history.records.moves.sort_values("entered_at", kind="stable")
    code = {name: k for k, name in enumerate(history.stages.names)}
    n_open = history.stages.n_open
    far = moves[moves["stage"].between(code["Solution"], n_open - 1) | (moves["stage"] == code["won"])]
    first = far.groupby("deal")["entered_at"].min().dt.strftime("%Y-%m").value_counts()
    for label in ("2025-06", "2026-02", "2026-08"):
        assert table.loc[label, "intents"] == first[label]


def test_weeks_are_those_of_the_calendar_and_the_running_one_is_marked(history: fs.DealHistory) -> None:
    table = fs.indicators(history, last=3)
    assert table.index.tolist() == ["2026-W34", "2026-W35", "2026-W36"]  # the cutoff is Monday, 31 August
    assert table["is_complete"].tolist() == [True, True, False]
    start = pd.Timestamp("2026-08-24")
    created = history.deals["created_at"]
    assert table.loc["2026-W35", "new_deals"] == created.between(start, start + pd.Timedelta("6.9999D")).sum()


def test_unknown_periods_and_stages_are_refused(history: fs.DealHistory) -> None:
    with pytest.raises(TargetError, match="every"):
        fs.indicators(history, every="day")  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="did you mean 'Proof'"):
        fs.indicators(history, intent="Prof")
    with pytest.raises(TargetError, match="last"):
        fs.indicators(history, last=0)
