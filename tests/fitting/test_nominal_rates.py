"""Nominal win rates: shown beside the actual ones, and as a prior of a stated weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.funnel import FunnelError
from funnelsim.numerics.hazards import StageHazards, with_prior_split
from funnelsim.numerics.incidence import incidence_by_age

FORWARD = np.array([False, True, True, False])
IF_UNSEEN = np.array([0.0, 0.5, 0.0, 0.5])


def hazards() -> StageHazards:
    exits = np.array([[0, 4, 0, 2], [0, 10, 6, 14], [0, 0, 0, 0]], dtype=float)
    shares = exits.sum(axis=0) / exits.sum()
    return StageHazards(np.array([0, 1, 20]), exits, np.array([40.0, 400.0, 60.0]), shares)


def test_the_split_is_the_mean_of_a_beta_prior_and_the_pace_stays() -> None:
    """36 exits, 20 of them forward; a prior of .9 worth 36 deals: (20 + .9 * 36) / 72. d: rounding only."""
    before, after = hazards(), with_prior_split(hazards(), FORWARD, 0.9, 36.0, IF_UNSEEN)
    forward = after.exits[:, FORWARD].sum() / after.exits.sum()
    assert forward == pytest.approx((20 + 0.9 * 36) / 72)
    np.testing.assert_allclose(
        after.exits.sum(axis=1) / after.at_risk, before.exits.sum(axis=1) / before.at_risk
    )
    # among those that go forward the old proportions hold: 14 to 6
    assert after.exits[:, 1].sum() / after.exits[:, 2].sum() == pytest.approx(14 / 6)


def test_no_weight_changes_nothing() -> None:
    after = with_prior_split(hazards(), FORWARD, 0.9, 0.0, IF_UNSEEN)
    np.testing.assert_array_equal(after.exits, hazards().exits)
    np.testing.assert_array_equal(after.at_risk, hazards().at_risk)


def test_a_stage_nobody_has_left_takes_the_stated_split() -> None:
    unseen = StageHazards(
        np.array([0, 1]), np.zeros((2, 4)), np.array([9.0, 30.0]), np.array([0, 0.5, 0.0, 0.5])
    )
    after = with_prior_split(unseen, FORWARD, 0.8, 20.0, IF_UNSEEN)
    np.testing.assert_allclose(after.prior_shares, [0, 0.8, 0, 0.2])
    assert not after.exits.any()


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(seed=4)


def test_nominal_conversions_are_ratios_of_rates(history: fs.DealHistory) -> None:
    rates = [stage.nominal_win_rate for stage in history.stages.open]
    found = history.stages.nominal_conversions
    expected = [a / b if a else None for a, b in zip(rates, [*rates[1:], 1.0], strict=True)]
    assert found == pytest.approx(expected)
    table = fs.fit(history).table(n_draws=20)
    for shown, share in zip(table["nominal_conversion"], found, strict=True):
        assert shown == pytest.approx(share) if share else np.isnan(shown)


def test_a_rate_that_does_not_rise_implies_nothing() -> None:
    stages = fs.Stages(
        tuple(fs.Stage(n, nominal_win_rate=r) for n, r in zip("abcd", [0.0, 0.4, 0.2, 0.8], strict=True))
    )
    assert stages.nominal_conversions == pytest.approx([None, None, 0.25, 0.8])


def test_conversions_move_towards_the_nominal_ones_by_the_weight(history: fs.DealHistory) -> None:
    """A million deals of prior leave nothing of 2,000; ten leave nearly everything."""
    plain, nominal = fs.fit(history), history.stages.nominal_conversions
    for weight, near in ((10.0, 0.03), (1e6, None)):
        funnel = fs.fit(history, nominal_weight=weight)
        assert any(f"worth {weight:g} deals" in note for note in funnel.notes)
        for stage, share in enumerate(nominal):
            if share is None:
                continue
            forward = funnel.stages.is_forward(stage)
            ages = int(funnel.hazards[stage].first_age[-1])
            routes, before = (
                incidence_by_age(f.hazards[stage].first_age, f.mean_hazards(stage), ages).sum(axis=0)
                for f in (funnel, plain)
            )
            decided = routes[forward].sum() / routes.sum()
            if near is None:
                assert decided == pytest.approx(share, abs=0.01)
            else:
                assert decided == pytest.approx(before[forward].sum() / before.sum(), abs=near)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_no_number_of_deals_is_refused(history: fs.DealHistory, weight: float) -> None:
    with pytest.raises(FunnelError, match="nominal_weight"):
        fs.fit(history, nominal_weight=weight)


def test_a_stage_without_nominal_rate_is_told(history: fs.DealHistory) -> None:
    first, *others = history.stages.open
    stages = replace(history.stages, open=(replace(first, nominal_win_rate=None), *others))
    funnel = fs.fit(replace(history, stages=stages), nominal_weight=50)
    assert any(f"move on from {first.name!r}" in note for note in funnel.notes)


def history_without_a_win() -> fs.DealHistory:
    """40 deals went on from a lead and 40 were lost; of the 40 offers 30 were lost and 10 are open."""
    stages = fs.Stages((fs.Stage("lead", nominal_win_rate=0.4), fs.Stage("offer", nominal_win_rate=0.8)))
    day = pd.Timestamp("2025-06-02")
    moves, outcome = [], []
    for i in range(80):
        moves.append((f"D{i}", "lead", day + pd.Timedelta(days=i)))
        if i % 2:
            moves.append((f"D{i}", "offer", day + pd.Timedelta(days=i + 5)))
        outcome.append("lost" if not i % 2 or i < 60 else "open")
        if outcome[-1] == "lost":
            moves.append((f"D{i}", "lost", day + pd.Timedelta(days=i + 15)))
    deals = pd.DataFrame({"deal_id": [f"D{i}" for i in range(80)], "outcome": outcome})
    log = pd.DataFrame(moves, columns=["deal_id", "stage", "entered_at"])
    return fs.read_deals(deals, log, stages=stages, as_of="2025-12-31", window_start="2025-06-01")


def test_without_any_win_the_nominal_rates_still_say_how_often_deals_are_won() -> None:
    """270 deals of a nominal .8 on top of 30 lost ones: .8 * 270 / 300 = .72 of those who leave win."""
    funnel = fs.fit(history_without_a_win(), nominal_weight=270, calendar=False, level_period=None)
    offer = funnel.hazards[1]
    assert offer.exits[:, funnel.stages.is_won].sum() / offer.exits.sum() == pytest.approx(0.72, abs=1e-9)


def test_without_any_win_half_a_deal_speaks_for_them_and_the_chance_is_not_certain() -> None:
    """Half a deal goes forward by assumption, beside 30 that were lost: above 0, below 1 in 30, a range."""
    funnel = fs.fit(history_without_a_win(), calendar=False, level_period=None)
    offer, won = funnel.hazards[1], funnel.stages.is_won
    expected = offer.posterior()[:, :-1].sum(axis=0) - offer.exits.sum(axis=0)
    assert expected[won].sum() == pytest.approx(0.5)
    row = funnel.table(n_draws=200).loc["offer"]
    assert 0 < row["win_rate_low"] < row["win_rate"] < row["win_rate_high"] < 1 / 30
