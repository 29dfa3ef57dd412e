"""Open deals one by one: against laws without the deal, closed forms of one stage, and total probability."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.exact import ExactLaw, ExactOutcome
from funnelsim.nouns.forecast import ForecastError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.compound import sum_law
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.leave_one_out import LeaveOneOut
from funnelsim.numerics.portfolio import Arriving, Lumps, Portfolio, Prizes, Unsure

DAY = fs.Clock("day")
CUTOFF = "2026-09-30"
WIN, LOSE = 0.02, 0.03


def certain(last_age: int = 400) -> fs.Funnel:
    """One stage left at the same pace up to an age, and hardly ever after."""
    chances = np.array([[0, WIN, LOSE], [0, WIN, LOSE], [0, 0, 0]], dtype=float)
    hazards = StageHazards(
        np.array([0, 1, last_age]), chances, np.ones(3), np.array([0, 0.4, 0.6]), is_certain=True
    )
    return fs.Funnel(
        fs.Stages.named(["s"]), DAY, (hazards,), Arrivals(7, 0.0, np.inf, 0.0, np.ones(1)),
        Amounts(np.array([10.0]), np.ones(1), is_certain=True), unit="EUR",
    )  # fmt: skip


def position(amount: list[float], age: list[int]) -> fs.Pipeline:
    n = len(amount)
    return fs.Pipeline(
        clock=DAY,
        cutoff_step=int(DAY.step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, np.int64),
        age_steps=np.array(age, np.int64),
        amount=np.array(amount, dtype=float),
        won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0),
    )


# --- what hangs on a deal -----------------------------------------------------------------------------------


def portfolio(n_deals: int) -> Portfolio:
    """Deals of listed amounts and, every tenth, of drawn ones; two of them giants."""
    rng = np.random.default_rng(8)
    base = rng.beta(0.7, 2, n_deals)
    base[:4] = [0.5, 0.49, 0.52, 0.97]  # the circle changes at one half
    chance = np.clip(base * rng.lognormal(0, 0.1, (3, n_deals)), 0, 0.999)
    amount = rng.lognormal(9, 1.3, n_deals)
    amount[:2] = [3e5, 1e4]
    prizes = Prizes(np.sort(rng.lognormal(9, 1.3, 50)), rng.dirichlet(np.ones(50), 3))
    arriving = Arriving(rng.gamma(5, 2, (3, 13)), rng.uniform(0, 0.2, 3), prizes)
    drawn = np.arange(n_deals) % 10 == 9
    n_drawn = int(drawn.sum())
    unsure = Unsure(chance[:, drawn], np.linspace(0.5, 3, n_drawn), np.ones(n_drawn, np.int64), prizes)
    lumps = Lumps(chance[:, ~drawn], amount[~drawn], np.ones(n_deals - n_drawn, np.int64))
    return Portfolio(lumps, (unsure,), arriving)


def without_lump(whole: Portfolio, deal: int) -> Portfolio:
    return replace(whole, lumps=whole.lumps.keep(np.arange(len(whole.lumps.amount)) != deal))


def without_drawn(whole: Portfolio, deal: int) -> Portfolio:
    some = whole.unsure[0]
    keep = np.arange(len(some.factor)) != deal
    return replace(
        whole, unsure=(Unsure(some.chance[:, keep], some.factor[keep], some.count[keep], some.prizes),)
    )


@pytest.mark.thorough
def test_a_deal_is_taken_out_as_if_it_had_never_been() -> None:
    """Against the law computed anew without the deal. d: 1e-4 of a chance, where effects reach .1."""
    whole = portfolio(120)
    law = sum_law(whole, n_cells=65_536)
    targets = law.quantile(np.array([0.2, 0.6, 0.95])).tolist()
    lumps, some = whole.lumps, whole.unsure[0]
    one = np.ones((3, 1))
    cases = [
        (lumps.chance[:, i], Prizes(lumps.amount[[i]], one), without_lump(whole, i))
        for i in [0, 1, 2, 3, *np.argsort(-lumps.amount)[:10].tolist(), 50, 60]
    ]
    cases += [
        (
            some.chance[:, i],
            Prizes(some.factor[i] * some.prizes.points, some.prizes.shares),
            without_drawn(whole, i),
        )
        for i in (0, 5, 11)
    ]
    all_asked = [LeaveOneOut(law, target) for target in targets]
    for chance, prizes, others in cases:
        anew = sum_law(others, n_cells=65_536)  # what costs most here, so all targets share it
        for target, asked in zip(targets, all_asked, strict=True):
            lost, won = asked.if_lost_and_won(chance, prizes)
            left = np.stack([anew.chance_by_draw(x) for x in (target - prizes.points).tolist()], axis=1)
            np.testing.assert_allclose(lost, anew.chance_by_draw(target), atol=1e-4)
            np.testing.assert_allclose(won, (left * prizes.shares).sum(axis=1), atol=1e-4)
            reached = law.chance_by_draw(target)
            np.testing.assert_allclose(chance * won + (1 - chance) * lost, reached, atol=1e-6)


def test_a_coin_is_taken_out_though_its_factor_vanishes() -> None:
    """Twelve deals of 1 or 2, each won by the toss of a coin: the others by counting. Exact to rounding."""
    amount = np.repeat([1.0, 2.0], 6)
    coins = Lumps(np.full((1, 12), 0.5), amount, np.ones(12, np.int64))
    nothing = Arriving(np.zeros((1, 1)), np.zeros(1), Prizes(np.ones(1), np.ones((1, 1))))
    law = sum_law(Portfolio(coins, (), nothing))
    asked = LeaveOneOut(law, 10.0)
    for worth in (1, 2):
        others = np.delete(amount, worth * 6 - 1)
        sums = np.array([bits @ others for bits in np.array(list(product([0, 1], repeat=11)))])
        lost, won = asked.if_lost_and_won(np.array([0.5]), Prizes(np.array([float(worth)]), np.ones((1, 1))))
        assert lost[0] == pytest.approx((sums >= 10).mean(), abs=1e-9)
        assert won[0] == pytest.approx((sums >= 10 - worth).mean(), abs=1e-9)


def test_effects_of_two_deals_by_hand() -> None:
    """Targets that need both, the larger one, or either."""
    pipeline, funnel = position([10.0, 30.0], [3, 3]), certain()
    p = WIN / (WIN + LOSE) * (1 - (1 - WIN - LOSE) ** 92)
    for target, small, large in ((40.0, p * p, p * p), (25.0, 0.0, p), (5.0, p * (1 - p), p * (1 - p))):
        asked = fs.deal_outlook(funnel, pipeline, periods=["2026-10-01", "2027-01-01"], target=target)
        table = asked.table().set_index("deal_id")
        np.testing.assert_allclose(table["costs_if_lost"][["D0", "D1"]], [small, large], atol=1e-9)
        assert asked.outlook.chance().value == pytest.approx(
            {40.0: p * p, 25.0: p, 5.0: 1 - (1 - p) ** 2}[target], abs=1e-9
        )
    assert table["gains_if_won"]["D0"] == pytest.approx(1 - (1 - (1 - p) ** 2), abs=1e-9)


def test_total_probability_holds_for_every_deal_of_the_sample() -> None:
    history = fs.simulate_history(seed=4)
    asked = fs.deal_outlook(fs.fit(history), history.pipeline(), target=5_000_000)
    outcome, law = asked.outlook.outcome, asked.outlook.law()
    assert isinstance(outcome, ExactOutcome)
    assert isinstance(law, ExactLaw)
    table = asked.table()
    assert (table["costs_if_lost"] >= -1e-6).all()
    assert (table["chance_if_lost"] <= table["chance_if_won"] + 1e-6).all()
    assert not table.drop(columns=["won_p10", "won_p50", "won_p90"]).isna().any().any()
    assert set(table["deal_id"]) == set(history.pipeline().deal_ids)
    reached = table["chance"] * table["chance_if_won"] + (1 - table["chance"]) * table["chance_if_lost"]
    assert table["amount_is_imputed"].any()
    # Means over draws of products are not products of means, but by less than a point here.
    np.testing.assert_allclose(reached, asked.outlook.chance().value, atol=0.01)


# --- when ---------------------------------------------------------------------------------------------------


def test_dates_of_winning_are_those_of_a_geometric_law() -> None:
    """Given a win, its day is geometric with the hazard of leaving; edges lie 13 % apart, so d is 7 %."""
    asked = fs.deal_outlook(certain(2000), position([10.0], [5]))
    days = (asked.won_by[0] - np.datetime64(CUTOFF)) / np.timedelta64(1, "D")
    np.testing.assert_allclose(days, stats.geom(WIN + LOSE).ppf([0.1, 0.5, 0.9]), rtol=0.07, atol=1)
    assert asked.ever_won[0] == pytest.approx(WIN / (WIN + LOSE), rel=1e-6)


def test_stuck_is_the_chance_to_outlast_every_exit_seen() -> None:
    """From age a a deal has 399 - a more chances to leave; from the last age on none is known."""
    asked = fs.deal_outlook(certain(400), position([1.0, 1.0, 1.0, 1.0], [0, 350, 399, 900]))
    stays = 1 - WIN - LOSE
    np.testing.assert_allclose(asked.stuck, [stays**399, stays**49, 1.0, 1.0], rtol=1e-12)
    assert np.isnat(asked.won_by[2]).all()
    assert "2 more likely than not never move again" in repr(asked)


def test_wins_are_asked_of_like_bookings() -> None:
    funnel = replace(certain(), amounts=None)
    table = fs.deal_outlook(funnel, position([np.nan] * 3, [3, 3, 3]), target=1, measure="wins").table()
    assert table["costs_if_lost"].to_numpy() == pytest.approx(np.repeat(table["costs_if_lost"][0], 3))
    assert "amount" not in table


def test_without_an_open_deal_there_is_nothing_to_ask() -> None:
    with pytest.raises(ForecastError, match="no open deal"):
        fs.deal_outlook(certain(), position([], []))
