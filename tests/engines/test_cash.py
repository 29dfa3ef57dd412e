"""Cash and revenue: closed forms of terms, delays and instalments; what holds in every future.

Tolerances are 4 standard errors from theory.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import ForecastError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.receivables import Receivables

CUTOFF = "2026-09-30"
MONTHLY = np.arange("2026-10-01", "2027-04-01", 30, dtype="datetime64[D]").astype(str).tolist()
WIN, LOSE = 0.012, 0.023
ENGINE = fs.MonteCarlo(n_futures=20_000, n_draws=20)
FEW = fs.MonteCarlo(n_futures=1_000, n_draws=4)  # for what holds in every future


def funnel(rate_per_day: float = 0.0, collections: fs.Collections | None = None) -> fs.Funnel:
    """One stage that deals leave at constant chances, each win worth 1,000 (2,000 for one in four)."""
    row = np.array([0.0, WIN, LOSE])
    chances = np.array([row, row, np.zeros(3)])
    stage = StageHazards(np.array([0, 1, 1_000_000]), chances, np.ones(3), row / row.sum(), is_certain=True)
    arrivals = Arrivals(7, 7 * rate_per_day, np.inf, 0.0, np.ones(1))
    amounts = Amounts(np.array([1000.0, 2000.0]), np.array([3.0, 1.0]), is_certain=True)
    made = fs.Funnel(fs.Stages.named(["open"]), fs.Clock("day"), (stage,), arrivals, amounts)
    return made.with_collections(collections)


def pipeline(
    n_deals: int = 0, amount: float = 1000.0, won: list[tuple[int, float]] | None = None
) -> fs.Pipeline:
    """Open deals of age 5, and wins so many days before the cutoff."""
    cutoff = int(fs.Clock("day").step_of(CUTOFF))
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=cutoff,
        deal_ids=np.array([f"D{i}" for i in range(n_deals)], dtype=object),
        stage=np.zeros(n_deals, np.int64),
        age_steps=np.full(n_deals, 5),
        amount=np.full(n_deals, amount),
        won_step=np.array([cutoff - ago for ago, _ in won or []], dtype=np.int64),
        won_amount=np.array([worth for _, worth in won or []]),
    )


def unpaid(age: list[int], amount: list[float], **other: object) -> Receivables:
    nothing = np.zeros(0)
    known = Receivables(
        age_steps=np.array(age),
        due_step=np.full(len(age), -1),
        amount=np.array(amount, dtype=float),
        credit_class=np.full(len(age), "", object),
        is_disputed=np.zeros(len(age), bool),
        paid_step=nothing.astype(np.int64),
        paid_amount=nothing.copy(),
        invoiced_step=nothing.astype(np.int64),
        invoiced_amount=nothing.copy(),
    )
    return replace(known, **other)  # type: ignore[arg-type]


def cash_of(
    made: fs.Funnel,
    position: fs.Pipeline,
    periods: object = "2Q",
    engine: fs.MonteCarlo = ENGINE,
    **options: object,
) -> fs.Forecast:
    return fs.forecast(made, position, periods=periods, measure="cash", engine=engine, **options)  # type: ignore[arg-type]


def assert_mean(draws: np.ndarray, expected: float) -> None:
    gap = (draws.mean() - expected) / (draws.std(ddof=1) / np.sqrt(len(draws)))
    assert abs(gap) < 4, f"{draws.mean():.6g}, expected {expected:.6g}: {gap:+.1f} standard errors"


# --- terms and instalments


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_fixed_terms_shift_bookings_in_every_future(rate: float) -> None:
    """Periods of 30 days, payment after 30: cash of a period is what was booked in the one before."""
    terms = fs.Collections.by_hand(terms_days=30)
    outlook = cash_of(funnel(rate, terms), pipeline(40), MONTHLY)
    cash, bookings = outlook.draws("cash"), outlook.draws("bookings")
    np.testing.assert_allclose(cash[:, 1:], bookings[:, :-1])
    assert not cash[:, 0].any()


def test_instalments_come_when_they_are_invoiced() -> None:
    terms = fs.Collections.by_hand(terms_days=0, instalments=((0.25, 0), (0.75, 60)))
    outlook = cash_of(funnel(0.2, terms), pipeline(40), MONTHLY)
    cash, bookings = outlook.draws("cash"), outlook.draws("bookings")
    expected = 0.25 * bookings
    expected[:, 2:] += 0.75 * bookings[:, :-2]
    np.testing.assert_allclose(cash, expected)


def test_share_never_paid_is_missing_in_the_end() -> None:
    """Wins on the first days, paid within the horizon or never: d = 2 points of 10 %."""
    terms = fs.Collections.by_hand(terms_days=10, never_paid=0.1, write_off_days=30)
    outlook = cash_of(funnel(collections=terms), pipeline(200), ["2026-10-01", "2026-11-01", "2028-11-01"])
    cash, bookings = outlook.draws("cash").sum(axis=1), outlook.draws("bookings").sum(axis=1)
    still = outlook.outcome.flows.unpaid[:, -1]
    assert_mean(cash + still - 0.9 * bookings - 0.1 * still, 0.0)
    with pytest.raises(AssertionError):
        assert_mean(cash + still - 0.88 * bookings, 0.0)


# --- delays


def test_cash_of_open_deals_is_the_convolution_of_wins_and_delays() -> None:
    """Wins at rate w of deals that leave at rate a; payment exponential after the terms: by integration."""
    late, due, horizon, n_deals = 20.0, 30, 182.0, 300
    terms = fs.Collections.by_hand(terms_days=due, late_mean_days=late)
    cash = cash_of(funnel(collections=terms), pipeline(n_deals), "2Q").window() / 1000
    leaves = -np.log1p(-WIN - LOSE)
    share = WIN / (WIN + LOSE)
    rate = np.log1p(1 / late)  # the geometric law on days, in continuous time

    def paid_by_end(won_at: float) -> float:
        # A win in the course of a day counts for that day, a payment too: half a day each way.
        return max(1 - np.exp(-rate * max(horizon - won_at - due + 0.5, 0.0)), 0.0)

    density = lambda u: share * leaves * np.exp(-leaves * u) * paid_by_end(u)  # noqa: E731
    expected = n_deals * integrate.quad(density, 0, horizon, points=[horizon - due], limit=200)[0]
    by_day = np.arange(1, 183)
    won = WIN * (1 - WIN - LOSE) ** (by_day - 1)
    paid = 1 - (late / (1 + late)) ** np.maximum(182 - by_day - due + 1, 0)
    exact = n_deals * (won * paid).sum()
    assert expected == pytest.approx(exact, rel=2e-3)
    assert_mean(cash, exact)
    with pytest.raises(AssertionError):
        assert_mean(cash, 0.97 * exact)


def test_cash_of_new_deals_is_the_convolution_over_days() -> None:
    late, due, rate = 20.0, 15, 0.5
    terms = fs.Collections.by_hand(terms_days=due, late_mean_days=late)
    cash = cash_of(funnel(rate, terms), pipeline(), "2Q").window() / 1250
    stay = 1 - WIN - LOSE
    expected = 0.0
    for arrives in range(1, 183):
        won_on = np.arange(arrives, 183)
        won = WIN * stay ** (won_on - arrives)
        expected += rate * (won * (1 - (late / (1 + late)) ** np.maximum(182 - won_on - due + 1, 0))).sum()
    assert_mean(cash, expected)
    with pytest.raises(AssertionError):
        assert_mean(cash, 1.04 * expected)


def test_unpaid_invoices_are_paid_by_what_their_age_has_left_open() -> None:
    """Of those long overdue few are payers still: by Bayes."""
    late, due, never, waited, window = 15.0, 30, 0.2, 60, 31
    terms = fs.Collections.by_hand(terms_days=due, late_mean_days=late, never_paid=never)
    position = replace(pipeline(), receivables=unpaid([waited] * 50, [100.0] * 50))
    cash = cash_of(funnel(collections=terms), position, "1M").window() / 100
    slow = late / (1 + late)
    payers = (1 - never) * slow ** (waited - due + 1)
    expected = 50 * payers / (payers + never) * (1 - slow**window)
    assert_mean(cash, expected)
    with pytest.raises(AssertionError):
        assert_mean(cash, 50 * (1 - never) * (1 - slow**window))  # as if they were fresh


def test_overdue_by_more_than_30_days_is_told_to_the_day() -> None:
    """Due after 30 days: at the end of the 31-day month an age of 29 now is 60, overdue by 30; 30 is more."""
    never = fs.Collections.by_hand(terms_days=30, never_paid=1.0)
    position = replace(pipeline(), receivables=unpaid([29, 30, 0], [1.0, 10.0, 100.0]))
    balances = cash_of(funnel(collections=never), position, "2M").receivables()
    assert balances["overdue30"]["p50"].tolist() == [10.0, 111.0]
    assert balances["open"]["p50"].tolist() == [111.0, 111.0]
    assert balances["paid"]["mean"].tolist() == [0.0, 0.0]


def test_disputed_invoices_wait_longer() -> None:
    terms = fs.Collections.by_hand(terms_days=0, share_disputed=0.3, dispute_days=60)
    outlook = cash_of(funnel(collections=terms), pipeline(100), MONTHLY)
    cash, bookings = outlook.draws("cash"), outlook.draws("bookings")
    assert_mean(cash[:, 0] - 0.7 * bookings[:, 0], 0.0)
    assert_mean(cash[:, 2] - 0.7 * bookings[:, 2] - 0.3 * bookings[:, 0], 0.0)


def test_credit_classes_pay_by_their_own_delays() -> None:
    slow, quick = (fs.Collections.by_hand(terms_days=days) for days in (60, 0))
    terms = replace(quick, by_class={"poor": slow.delay}, credit_attribute="rating")
    rating = {"rating": np.array(["poor"] * 20 + ["good"] * 20, dtype=object)}
    position = replace(pipeline(40), attributes=rating, amount=np.repeat([1.0, 1000.0], 20))
    cash = cash_of(funnel(collections=terms), position, MONTHLY).draws()
    bookings = cash_of(funnel(collections=quick), position, MONTHLY).draws("bookings")
    np.testing.assert_allclose(cash[:, 0], bookings[:, 0] // 1000 * 1000)
    np.testing.assert_allclose(cash[:, 2] % 1000, bookings[:, 0] % 1000)


# --- wins before the cutoff


def test_wins_before_the_cutoff_are_paid_from_their_dates_on() -> None:
    terms = fs.Collections.by_hand(terms_days=30)
    position = pipeline(won=[(40, 1.0), (30, 10.0), (29, 100.0), (0, 1000.0)])
    outlook = cash_of(funnel(collections=terms), position, "2M")
    assert outlook.draws().tolist()[0] == [1100.0, 0.0]  # those of 30 and 40 days ago are paid by now
    assert outlook.table().loc["2026-10", "won_before"] == 1100.0
    assert any("no invoices are known" in note for note in outlook.notes)


def test_with_an_invoice_table_only_instalments_to_come_are_added() -> None:
    terms = fs.Collections.by_hand(terms_days=0, instalments=((0.5, 0), (0.5, 20)))
    known = unpaid([3], [7.0], paid_step=np.array([20_000]), paid_amount=np.array([5.0]))
    position = replace(pipeline(won=[(30, 1000.0), (10, 100.0)]), receivables=known)
    outlook = cash_of(funnel(collections=terms), position, "1M")
    assert outlook.draws().tolist()[0] == [57.0]


def test_what_was_paid_in_the_running_period_is_realised() -> None:
    terms, cutoff = fs.Collections.by_hand(), pipeline().cutoff_step
    known = unpaid([], [], paid_step=np.array([cutoff - 200, cutoff - 1]), paid_amount=np.array([5.0, 7.0]))
    periods = ["2026-07-01", "2026-12-31"]
    outlook = cash_of(funnel(collections=terms), replace(pipeline(), receivables=known), periods)
    assert outlook.table()["realised"].tolist() == [7.0, 7.0]
    assert outlook.draws().mean() == 7.0


# --- revenue


def test_straight_line_revenue_is_the_overlap_of_the_term() -> None:
    """A win 10 days ago over 12 months (365 days): its day and 10 more are earned by the cutoff."""
    terms = fs.Collections.by_hand(recognition=fs.Recognition("straight-line", months=12))
    position = pipeline(won=[(10, 365.0)])
    table = cash_of(funnel(collections=terms), position, ["2026-09-01", "2026-11-01", "2027-12-01"]).table(
        "revenue"
    )
    assert table["realised"].tolist() == pytest.approx([11.0, 0.0, 11.0])
    assert table["mean"].tolist() == pytest.approx([11 + 31, 365 - 42, 365])


def test_revenue_with_the_win_is_bookings_and_on_delivery_is_bookings_later() -> None:
    at_once, delivered = (
        fs.Collections.by_hand(recognition=rule)
        for rule in (fs.Recognition(), fs.Recognition("on delivery", days=30))
    )
    outlook = cash_of(funnel(0.2, at_once), pipeline(20), MONTHLY)
    np.testing.assert_allclose(outlook.draws("revenue"), outlook.draws("bookings"))
    outlook = cash_of(funnel(0.2, delivered), pipeline(20), MONTHLY)
    np.testing.assert_allclose(outlook.draws("revenue")[:, 1:], outlook.draws("bookings")[:, :-1])


# --- what holds in every future


@pytest.fixture(scope="module")
def sample() -> tuple[fs.Funnel, fs.Pipeline]:
    history = fs.simulate_history(seed=3)
    terms = fs.Collections.by_hand(
        late_mean_days=15, never_paid=0.03, share_disputed=0.1, instalments=((0.4, 0), (0.6, 45))
    )
    position = replace(history.pipeline(), receivables=unpaid([5, 50, 120], [9000.0, 4000.0, 700.0]))
    return fs.fit(history).with_collections(terms), position


def test_cash_never_exceeds_what_is_booked_and_unpaid(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    made, position = sample
    outlook = cash_of(made, position, "12M", FEW)
    cash = np.cumsum(outlook.draws("cash"), axis=1)
    known = np.nansum(position.won_amount) + made.amounts.mean * np.isnan(position.won_amount).sum() + 13_700
    most = np.cumsum(outlook.draws("bookings"), axis=1) - outlook.realised_bookings + known
    assert (cash <= most + 1e-6).all()
    flows = outlook.outcome.flows
    assert (flows.overdue <= flows.unpaid + 1e-6).all()
    assert (flows.cash.of_open + flows.cash.of_new >= 0).all()
    assert (outlook.draws("revenue") >= 0).all()


def test_bookings_are_the_same_futures_with_and_without_cash(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    made, position = sample
    with_cash = cash_of(made, position, "4Q", FEW).draws("bookings")
    without = fs.forecast(made.with_collections(None), position, engine=FEW).draws("bookings")
    np.testing.assert_array_equal(with_cash, without)


def test_ranges_of_the_total_are_joint(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """Months share luck only in part, so the range of their sum is narrower than the sum of ranges."""
    made, position = sample
    outlook = cash_of(made, position, "12M", FEW)
    table = outlook.table("cash")
    widths = table["p90"] - table["p10"]
    assert widths["total"] < 0.8 * widths.iloc[:-1].sum()
    assert table.loc["total", "p90"] == pytest.approx(np.quantile(outlook.draws().sum(axis=1), 0.9))
    assert table.loc["total", "mean"] == pytest.approx(table["mean"].iloc[:-1].sum())
    assert any("not sums of the ranges" in note for note in outlook.notes)


def test_workers_and_slices_leave_no_mark(
    sample: tuple[fs.Funnel, fs.Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, position = sample
    engine = fs.MonteCarlo(n_futures=100, n_draws=4)
    usual = fs.forecast(made, position, measure="cash", engine=engine).draws()
    monkeypatch.setattr("funnelsim.engines.till._MOST_NUMBERS", 500)
    monkeypatch.setattr("funnelsim.engines.futures._MOST_NUMBERS", 500)
    np.testing.assert_allclose(fs.forecast(made, position, measure="cash", engine=engine).draws(), usual)


def test_chance_and_law_of_cash_agree_with_its_futures(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    outlook = cash_of(*sample, "4Q", FEW, target=3_000_000)
    assert outlook.chance().value == pytest.approx((outlook.draws().sum(axis=1) >= 3_000_000).mean())
    assert outlook.law(measure="cash").sd() == pytest.approx(outlook.draws().sum(axis=1).std(ddof=1))


# --- refusals


def test_engines_that_follow_no_invoice_refuse_and_name_the_one_that_does() -> None:
    made = funnel(collections=fs.Collections.by_hand())
    for engine in ("exact", fs.Exact(), fs.Events(fs.Team([]), fs.Work({}))):
        with pytest.raises(EngineError, match="MonteCarlo"):
            fs.forecast(made, pipeline(3), measure="cash", engine=engine)
    outlook = fs.forecast(made, pipeline(3), measure="cash")
    assert "cash hangs on the step of every win" in outlook.engine


def test_cash_without_collections_or_amounts_is_refused() -> None:
    with pytest.raises(ForecastError, match="with_collections"):
        fs.forecast(funnel(), pipeline(3), measure="cash")
    made = replace(funnel(collections=fs.Collections.by_hand()), amounts=None)
    with pytest.raises(ForecastError, match="no won deal has an amount"):
        fs.forecast(made, pipeline(3), measure="cash")
    exact = fs.forecast(funnel(collections=fs.Collections.by_hand()), pipeline(3), engine="exact")
    with pytest.raises(ForecastError, match="knows no cash"):
        exact.table("cash")
    later, made = ["2026-11-01", "2026-12-01"], funnel(collections=fs.Collections.by_hand())
    with pytest.raises(EngineError, match="begins after the cutoff"):
        cash_of(made, pipeline(3), later)
    assert fs.forecast(made, pipeline(3), periods=later, engine=ENGINE).mean().value > 0  # bookings are known


@pytest.mark.parametrize(("step", "slack"), [("week", 0.05), ("hour", 0.02)])
def test_other_clocks_count_the_same_days(step: str, slack: float) -> None:
    """Cash of two quarters from past wins: by days, weeks or hours, but for what rounds to whole weeks."""
    means = []
    for clock in (fs.Clock("day"), fs.Clock(step)):  # type: ignore[arg-type]
        terms = fs.Collections.by_hand(terms_days=28, late_mean_days=21, never_paid=0.1, clock=clock)
        cutoff = int(clock.step_of("2026-09-27T23:00"))  # a Sunday: weeks end there too
        ago = np.datetime64("2026-09-24T12") - 14 * np.arange(4).astype("timedelta64[D]")
        position = replace(
            pipeline(),
            clock=clock,
            cutoff_step=cutoff,
            won_step=clock.step_of(ago),
            won_amount=np.full(4, 25.0),
        )
        made = replace(funnel(), clock=clock).with_collections(terms)
        outlook = cash_of(made, position, ["2026-09-21", "2026-11-02", "2026-12-21"])
        means.append([outlook.mean(n).value for n in (1, 2)])
    assert means[1] == pytest.approx(means[0], abs=100 * slack)
