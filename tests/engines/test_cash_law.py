"""The law of cash: closed forms, and simulated futures that know nothing of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.cash_law import Cash, cash_law
from funnelsim.engines.protocol import EngineError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.receivables import Receivables

CLOCK = fs.Clock("day")
CUTOFF = int(CLOCK.step_of("2026-09-30"))
WIN, LOSE = 0.012, 0.023
MONTHS = np.arange("2026-10-01", "2027-04-01", 30, dtype="datetime64[D]").astype(str).tolist()
N_DAYS = 180  # six months of thirty days: cells of three
N_FUTURES, N_DRAWS = 60_000, 20


def funnel(
    rate_per_day: float, terms: fs.Collections, *, exits: float = np.inf, swing: float = 0.0
) -> fs.Funnel:
    """One stage left at constant chances, each win worth 1,000 (2,000 for one in four)."""
    row = np.array([0.0, WIN, LOSE])
    is_certain = bool(np.isinf(exits))
    exposure = 1.0 if is_certain else exits / (WIN + LOSE)
    chances = np.array([row, row, np.zeros(3)]) * exposure
    stage = StageHazards(
        np.array([0, 1, 1_000_000]), chances, np.full(3, exposure), row / row.sum(), is_certain=is_certain
    )
    arrivals = Arrivals(7, 7 * rate_per_day, np.inf, swing, np.ones(1))
    amounts = Amounts(np.array([1000.0, 2000.0]), np.array([3.0, 1.0]), is_certain=True)
    made = fs.Funnel(fs.Stages.named(["open"]), CLOCK, (stage,), arrivals, amounts)
    return made.with_collections(terms)


def pipeline(amount: list[float], won: list[tuple[int, float]] | None = None, **other: object) -> fs.Pipeline:
    n = len(amount)
    found = fs.Pipeline(
        clock=CLOCK,
        cutoff_step=CUTOFF,
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, np.int64),
        age_steps=np.full(n, 5),
        amount=np.array(amount),
        won_step=np.array([CUTOFF - ago for ago, _ in won or []], dtype=np.int64),
        won_amount=np.array([worth for _, worth in won or []]),
    )
    return replace(found, **other)  # type: ignore[arg-type]


def law_of(made: fs.Funnel, position: fs.Pipeline, *, n_draws: int = 2) -> Cash:
    periods = Periods.parse(MONTHS, CLOCK, CUTOFF)
    return cash_law(made, position, periods, Streams(0), n_draws)


def won_within(days: int) -> float:
    return WIN / (WIN + LOSE) * (1.0 - (1.0 - WIN - LOSE) ** days)


def test_a_deal_pays_if_it_is_won_a_term_before_the_end() -> None:
    cash = law_of(funnel(0.0, fs.Collections.by_hand(terms_days=30, never_paid=0.1)), pipeline([800.0]))
    chance = 0.9 * won_within(N_DAYS - 30)
    assert cash.law.chance_by_draw(800.0) == pytest.approx([chance] * 2)
    assert cash.parts == pytest.approx((0.0, 800 * chance, 0.0))


def test_two_instalments_are_paid_one_after_the_other() -> None:
    """All that was won 60 days before the end has paid both, what came later the first alone."""
    terms = fs.Collections.by_hand(terms_days=0, instalments=((0.25, 0), (0.75, 60)))
    cash = law_of(funnel(0.0, terms), pipeline([1000.0]))
    both, first = won_within(N_DAYS - 60), won_within(N_DAYS)
    assert cash.law.chance_by_draw(1000.0) == pytest.approx([both] * 2)
    assert cash.law.chance_by_draw(250.0) == pytest.approx([first] * 2)
    assert cash.law.mean_by_draw() == pytest.approx([250 * first + 750 * both] * 2)


def test_new_deals_pay_as_a_compound_poisson_law() -> None:
    """Deals that come on day s are won within the 150 - s days that leave time to pay."""
    rate = 0.4
    terms = fs.Collections.by_hand(terms_days=30)
    cash = law_of(funnel(rate, terms), pipeline([]))
    expected = rate * sum(won_within(N_DAYS - 30 - day) for day in range(1, N_DAYS - 30 + 1))
    # A deal may be won on its day of arrival too: the chance of a step.
    at_once = rate * WIN * (N_DAYS - 30)
    paying = cash.parts[2] / 1250
    assert expected < paying < expected + at_once
    none = 1.0 - cash.law.chance_by_draw(1.0)[0]
    assert none == pytest.approx(np.exp(-paying))
    assert cash.law.sd() ** 2 == pytest.approx(paying * (0.75 * 1e6 + 0.25 * 4e6))


def test_what_is_won_already_pays_what_it_still_owes() -> None:
    terms = fs.Collections.by_hand(terms_days=30, instalments=((0.4, 0), (0.6, 100)))
    cash = law_of(funnel(0.0, terms), pipeline([], [(10, 1000.0), (40, 500.0)]))
    # Of the second the first instalment was paid ten days before the cutoff; all else falls due in time.
    assert cash.parts == pytest.approx((400 + 600 + 300, 0.0, 0.0))
    assert cash.law.chance_by_draw(1300.0) == pytest.approx([1.0, 1.0])
    assert cash.law.chance_by_draw(1301.0) == pytest.approx([0.0, 0.0])


def busy() -> tuple[fs.Funnel, fs.Pipeline]:
    """Disputes, a credit class, amounts missing, unpaid invoices, other terms, a shock, swings."""
    slow = fs.Collections.by_hand(terms_days=80, late_mean_days=20)
    terms = fs.Collections.by_hand(
        terms_days=20,
        late_mean_days=9,
        never_paid=0.05,
        share_disputed=0.2,
        dispute_days=25,
        instalments=((0.2, 0), (0.3, 30), (0.5, 45)),
    )
    terms = replace(terms, by_class={"slow": slow.delay}).with_changes(terms_days=35, never_paid_odds=1.5)
    labels = np.array(["slow", "", "slow", "", "", "slow"] * 4, dtype=object)
    amount = [1500.0, np.nan, np.nan, 900.0, 400.0, 400.0] * 4
    no = np.zeros(0)
    unpaid = Receivables(
        age_steps=np.array([0, 12, 40, 90]),
        due_step=np.full(4, -1),
        amount=np.array([700.0, 300.0, 1100.0, 600.0]),
        credit_class=np.array(["", "slow", "", ""], dtype=object),
        is_disputed=np.array([False, False, True, False]),
        paid_step=np.array([CUTOFF]),
        paid_amount=np.array([250.0]),
        invoiced_step=no.astype(np.int64),
        invoiced_amount=no,
    )
    position = pipeline(
        amount,
        [(3, 1200.0), (30, 800.0)],
        attributes={"credit_class": labels},
        won_attributes={"credit_class": np.array(["", "slow"], dtype=object)},
        receivables=unpaid,
    )
    made = funnel(0.25, terms, exits=40.0, swing=0.3)
    return replace(made, shock=fs.Shock()), position


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["busy", "lead_to_cash", "opportunity_management"])
def test_simulated_futures_agree_draw_by_draw(which: str) -> None:
    """Pooled over draws: four standard errors of 60,000 futures are 0.8 points at most."""
    if which == "busy":
        made, position = busy()
        asked: object = MONTHS
    else:
        scenario = fs.read_scenario(which, lang="en")
        lever = fs.Together([fs.Volume(1.2), fs.Speed(1.15), fs.Yield(0.9)])
        made, position, asked = lever.apply(scenario.funnel), scenario.pipeline, scenario.periods
    engine = fs.MonteCarlo(n_futures=N_FUTURES, n_draws=N_DRAWS)
    drawn = fs.forecast(made, position, periods=asked, measure="cash", engine=engine)  # type: ignore[arg-type]
    cash = cash_law(made, position, drawn.periods, Streams(0), N_DRAWS)
    totals = drawn.law().totals  # type: ignore[attr-defined]
    for target in np.quantile(totals, [0.1, 0.5, 0.7, 0.95]).tolist():
        found, share = cash.law.chance_by_draw(target), (totals >= target).mean(axis=1)
        error = np.sqrt(found * (1 - found) / totals.shape[1])
        assert abs(found.mean() - share.mean()) < 4 * np.sqrt((error**2).sum()) / N_DRAWS, target
        assert (np.abs(found - share) < 5 * error + 1e-3).all()
    error = totals.std(axis=1) / np.sqrt(totals.shape[1])
    assert (np.abs(cash.law.mean_by_draw() - totals.mean(axis=1)) < 5 * error).all()
    of_open, of_new = drawn.outcome.expected(range(len(drawn.periods)), "cash")
    assert cash.parts[1:] == pytest.approx((of_open, of_new), rel=0.02)
    assert sum(cash.parts) == pytest.approx(cash.law.mean_by_draw().mean())


@pytest.mark.parametrize("what", ["shock", "swings"])
def test_a_shock_and_swings_of_arrivals_scatter_cash_further(what: str) -> None:
    calm, position = funnel(0.4, fs.Collections.by_hand(terms_days=30)), pipeline([1000.0] * 20)
    moved = replace(calm, shock=fs.Shock(variances=(0.5,)))
    if what == "swings":
        moved = replace(calm, arrivals=replace(calm.arrivals, dispersion=5.0))
    before, after = (law_of(one, position, n_draws=40).law.sd() for one in (calm, moved))
    assert after > 1.2 * before


def test_what_has_no_such_law_is_refused_with_a_way_out() -> None:
    parts = (0.01, 0.02, 0.04, 0.08, 0.16, 0.31, 0.38)
    terms = fs.Collections.by_hand(instalments=[(share, 10.0 * k) for k, share in enumerate(parts)])
    with pytest.raises(
        EngineError, match=r"7 instalments make \d+ shares of an amount; use engine=MonteCarlo"
    ):
        law_of(funnel(0.1, terms), pipeline([1000.0]))
    made = funnel(0.1, fs.Collections.by_hand())
    with pytest.raises(EngineError, match="knows no payments; give it collections"):
        law_of(made.with_collections(None), pipeline([1000.0]))
    later = Periods.parse(MONTHS[1:], CLOCK, CUTOFF)
    with pytest.raises(EngineError, match="begins after the cutoff"):
        cash_law(made, pipeline([1000.0]), later, Streams(0), 2)
