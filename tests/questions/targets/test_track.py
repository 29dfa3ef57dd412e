"""Plan against actual: parts that add up, a probability that means what it says, and the right cause."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.law import DrawnLaw
from funnelsim.questions.targets.paid import collected
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.questions.targets.shares import fair_shares
from funnelsim.questions.targets.track import two_sided
from funnelsim.vocabulary.randomness import Streams

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


# --- cash


TERMS = fs.Collections.by_hand(terms_days=30)  # all pay 30 days after the invoice, to the day


def invoices_of(history: fs.DealHistory, *, late_from: str | None = None) -> fs.Invoices:
    """One invoice a win, on its day, paid 30 days later; every second one sent after a day is not paid."""
    won = history.deals.query("outcome == 'won'").sort_values("closed_at")
    sent = won["closed_at"].dt.normalize()
    paid = sent + pd.Timedelta("30D")
    paid = paid.where(paid <= pd.Timestamp(history.cutoff))
    if late_from is not None:
        is_late = (sent > pd.Timestamp(late_from)).to_numpy()
        paid = paid.mask(is_late & (np.cumsum(is_late) % 2 == 1))
    amount = won["amount"].astype(float).fillna(10_000.0)
    table = {"invoice_id": won["deal_id"], "invoiced_at": sent, "amount": amount, "paid_at": paid}
    return fs.read_invoices(pd.DataFrame(table), as_of=str(history.cutoff)[:10])


def by_terms(history: fs.DealHistory) -> fs.Funnel:
    return fs.fit(history).with_collections(TERMS)


@pytest.fixture(scope="module")
def on_time(history: fs.DealHistory) -> fs.Track:
    plan = {"2026-07": 300_000, "2026-08": 500_000}
    return fs.track(history, plan, measure="cash", invoices=invoices_of(history), fit=by_terms, n_draws=10)


def test_cash_is_what_was_paid_and_adds_up_to_the_cent(history: fs.DealHistory, on_time: fs.Track) -> None:
    table = invoices_of(history).table
    paid = table.groupby(table["paid_at"].dt.strftime("%Y-%m"))["amount"].sum()
    assert on_time.table()["actual"].tolist()[:2] == pytest.approx([paid["2026-07"], paid["2026-08"]])
    factors = on_time.factors()
    causes = ["aim", "volume", "conversion", "cycle", "yield", "collection", "chance"]
    assert factors.index.tolist() == ["plan", *causes, "actual"]
    cents = (factors * 100).round().astype(np.int64)
    assert np.abs(factors * 100 - cents).to_numpy().max() < 1e-4, "whole cents"
    assert cents["level"].iloc[0] + cents["change"].sum() == cents["level"].iloc[-1]
    assert factors["level"].iloc[-1] == round(on_time.actual.sum(), 2)


def test_invoices_paid_as_agreed_leave_nothing_to_collection(on_time: fs.Track) -> None:
    assert on_time.collected == pytest.approx(1.0, abs=1e-12)
    assert on_time.factors().loc["collection", "change"] == 0.0


def test_the_same_bookings_paid_otherwise_are_collection(history: fs.DealHistory, on_time: fs.Track) -> None:
    """Half of the invoices due from August on are not paid: collection is that ratio, by hand, of all else.

    The position at the plan date is the same, so what the other factors make together is as before, and the
    level after collection is that times the ratio.
    """
    kept = invoices_of(history, late_from="2026-06-30")
    plan = {"2026-07": 300_000, "2026-08": 500_000}
    late = fs.track(history, plan, measure="cash", invoices=kept, fit=by_terms, n_draws=10)
    table = invoices_of(history).table
    known = table["invoiced_at"] + pd.Timedelta("30D") > pd.Timestamp("2026-06-30")  # unpaid then, or later
    due = known & table["paid_at"].notna()
    paid = kept.table.set_index("invoice_id").loc[table["invoice_id"], "paid_at"].notna().to_numpy() & due
    expected, came = table["amount"][due].sum(), table["amount"][paid].sum()
    held_back = 4 * expected / known.sum()
    assert late.collected == pytest.approx((came + held_back) / (expected + held_back), rel=1e-9)
    assert late.collected < 0.85
    after = late.factors()["level"]["collection"]
    assert after == pytest.approx(late.collected * on_time.factors()["level"]["collection"], abs=0.02)
    assert late.factors().loc["collection", "change"] < -50_000


@pytest.mark.parametrize(
    ("ago", "disputed", "paid", "by_hand"),
    [
        (45, False, False, 100 / 150),  # sent since: half of all are disputed, so 50 was expected
        (45, False, True, 200 / 150),
        (20, False, False, 200 / 300),  # unpaid at an age of 20 days and undisputed: due 10 days later
        (20, False, True, 300 / 300),
        (20, True, False, 1.0),  # disputed: due after 60 days, so nothing was expected
    ],
)
def test_disputes_to_come_are_expected_and_those_known_are_known(
    ago: int, disputed: bool, paid: bool, by_hand: float
) -> None:
    """Two invoices of 50, sent 40 days ago: four invoices' worth held back is twice what was expected."""
    clock, now = fs.Clock("day"), int(fs.Clock("day").step_of("2026-08-31"))
    sent = pd.Timestamp("2026-08-31") - pd.Timedelta("40D")
    frame = pd.DataFrame({"invoice_id": ["A", "B"], "invoiced_at": sent, "amount": 50.0})
    frame["paid_at"] = sent + pd.Timedelta("30D") if paid else pd.NaT
    frame["disputed"] = "yes" if disputed else "no"
    invoices = fs.read_invoices(frame, as_of="2026-08-31")
    terms = fs.Collections.by_hand(terms_days=30, share_disputed=0.5, dispute_days=30)
    told, _ = collected(invoices, terms, clock, now - ago, now, Streams(0), 2)
    assert told == pytest.approx(by_hand)


def test_collections_are_learnt_from_the_invoices_known_then(history: fs.DealHistory) -> None:
    tracked = fs.track(history, {"2026-Q3": 1e6}, measure="cash", invoices=invoices_of(history), n_draws=4)
    terms = tracked.funnel.collections
    assert terms is not None
    before = invoices_of(history).as_of("2026-06-30").table
    assert f"{len(before):,} invoices" in terms.origin
    course = tracked.course()
    assert course.loc["plan", "actual"] == pytest.approx(tracked.actual.sum())
    assert course["p10"].le(course["p90"]).all()


def test_bookings_say_that_collection_is_no_factor(history: fs.DealHistory, tracked: fs.Track) -> None:
    assert "collection" not in tracked.factors().index
    assert "collection is no factor" in tracked.notes[0]


def test_a_plan_of_cash_needs_payments(history: fs.DealHistory) -> None:
    invoices = invoices_of(history)
    with pytest.raises(TargetError, match="knows no payments"):
        fs.track(history, PLAN, measure="cash")
    with pytest.raises(TargetError, match="measure='cash'"):
        fs.track(history, PLAN, invoices=invoices)
    with pytest.raises(TargetError, match="bookings, wins or cash"):
        fs.track(history, PLAN, measure="revenue")
    with pytest.raises(TargetError, match="day before it begins"):
        fs.track(history, PLAN, measure="cash", invoices=invoices, planned_on="2026-06-01")
    with pytest.raises(TargetError, match="the deals are in EUR, the invoices in USD"):
        fs.track(history, PLAN, measure="cash", invoices=replace(invoices, unit="USD"))
    with pytest.raises(TargetError, match="tolerance"):
        fs.track(history, PLAN, tolerance=np.nan)


# --- causes


@pytest.mark.parametrize("measure", ["bookings", "wins"])
@pytest.mark.parametrize("seed", [1, 2])
def test_causes_add_up_to_the_cent(measure: str, seed: int) -> None:
    plan = {"2026-Q2": 1_100_000.01, "2026-Q3": 1_300_000.0}
    if measure == "wins":
        plan = {"2026-Q2": 30, "2026-Q3": 31}
    tracked = fs.track(fs.simulate_history(seed=seed), plan, measure=measure, n_draws=2)  # type: ignore[arg-type]
    factors = tracked.factors()
    cents = (factors * 100).round().astype(np.int64)
    assert np.abs(factors * 100 - cents).to_numpy().max() < 1e-4, "whole cents"
    assert cents["level"].iloc[0] + cents["change"].sum() == cents["level"].iloc[-1]
    assert factors["level"].iloc[0] == round(tracked.plan_so_far.sum(), 2)
    assert factors["level"].iloc[-1] == round(tracked.actual.sum(), 2)
    assert ("yield" in factors.index) == (measure == "bookings")


HALF_YEAR = {"2026-Q1": 1e6, "2026-Q2": 1e6}


@pytest.fixture(scope="module")
def halves() -> list[fs.DealHistory]:
    """Six histories of the sample's truth, known up to the middle of the year."""
    each = (fs.simulate_history(seed=seed, segments=False, season=False) for seed in range(6))
    return [some.as_of("2026-06-30") for some in each]


def changes_believed(funnel: fs.Funnel, halves: list[fs.DealHistory]) -> pd.DataFrame:
    """What each cause is told to have changed, by history; the funnel is certain, so draws are all alike."""
    tracks = (fs.track(some, HALF_YEAR, fit=lambda _: funnel, n_draws=2) for some in halves)
    return pd.concat([one.factors()["change"] for one in tracks], axis=1)


@pytest.fixture(scope="module")
def changes_known(halves: list[fs.DealHistory]) -> pd.DataFrame:
    return changes_believed(fs.sample_funnel(), halves)


@pytest.mark.parametrize(
    ("cause", "lever"),
    [
        ("volume", fs.Volume(1 / 1.6)),
        ("conversion", fs.Conversion(1 / 1.8)),
        ("cycle", fs.Speed(1 / 1.5)),
        ("yield", fs.Yield(1 / 1.5)),
    ],
)
@pytest.mark.thorough
def test_a_plan_that_was_wrong_in_one_factor_is_told_so(
    cause: str, lever: fs.Lever, halves: list[fs.DealHistory], changes_known: pd.DataFrame
) -> None:
    """The planner believed in a funnel that is the truth but for one factor, over six months of 60 wins."""
    told = changes_believed(lever.apply(fs.sample_funnel()), halves)
    # Luck is the same under both beliefs: what differs is what was believed.
    difference = (told - changes_known).mean(axis=1)
    explained = difference.drop(["plan", "aim", "actual"])
    assert explained.idxmax() == cause
    assert explained[cause] == pytest.approx(-difference["aim"], rel=0.25)


@pytest.mark.thorough
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
    assert "beyond 15 %" in repr(tracked)
    close = fs.track(history, {"2026-07": 341_280 * 1.1}, n_draws=10)
    assert close.verdict().endswith("within 15 %")


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
