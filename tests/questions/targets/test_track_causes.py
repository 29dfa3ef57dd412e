"""What came of each factor, how far it is believed, which one is named; and data that lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.engines.chances import Positions, chances_without_shock
from funnelsim.nouns.open_deals import OpenDeals
from funnelsim.numerics.amounts import Amounts
from funnelsim.questions.targets.cause import named_cause
from funnelsim.questions.targets.luck import held_back, two_sided_luck
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.questions.targets.worth import worth_of_wins
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams

AS_OF = "2026-07-15"


def deals_until_may(**changed: object) -> pd.DataFrame:
    """400 deals made evenly over the year to 15 May 2026; two in five are won, all close in 1 to 90 days."""
    n = np.arange(400)
    made = pd.Timestamp("2025-05-16") + pd.to_timedelta((n * 364) // 399, unit="D")
    closed = made + pd.to_timedelta(1 + (n * 37) % 90, unit="D")
    is_open = closed > pd.Timestamp(AS_OF)
    frame = pd.DataFrame(
        {
            "deal_id": [f"D{i}" for i in n],
            "created_at": made,
            "amount": 800.0 + 100.0 * (n % 5),
            "outcome": np.where(is_open, "open", np.where(n % 5 < 2, "won", "lost")),
            "closed_at": closed.where(~is_open),
        }
    )
    return frame.assign(**changed)


def read(deals: pd.DataFrame, **settings: object) -> fs.DealHistory:
    return fs.read_deals(deals, as_of=AS_OF, tz="UTC", **settings)  # type: ignore[arg-type]


PLAN = {"2026-06": 20_000.0, "2026-07": 20_000.0}


# --- data that lack something


def test_a_plan_is_followed_where_new_deals_stopped() -> None:
    """New deals are recorded until May only: volume is not known, and counts as expected."""
    tracked = fs.track(read(deals_until_may()), PLAN, n_draws=4)
    assert tracked.came.volume == 1.0
    assert tracked.factors().loc["volume", "change"] == 0.0
    assert "recorded only until 2026-05" in tracked.notes[1]
    assert "so far" in tracked.verdict()


def test_new_deals_that_did_not_come_are_volume() -> None:
    """Told that none came: 400 a year are 49 in 45 days; none of E is (0 + 4) / (E + 4), and no luck."""
    tracked = fs.track(read(deals_until_may(), arrivals_until=AS_OF), PLAN, n_draws=20)
    assert tracked.came.volume == pytest.approx(4 / (400 / 365 * 45 + 4), rel=0.15)
    assert tracked.came.luck["volume"] < 1e-3
    assert tracked.factors().loc["volume", "change"] < 0.0


@pytest.mark.parametrize(
    "changed",
    [{"outcome": "lost", "closed_at": pd.Timestamp("2026-05-20")}, {"amount": 0.0}, {"amount": np.nan}],
    ids=["all lost", "amounts of 0", "no amounts"],
)
@pytest.mark.parametrize("until", [None, AS_OF])
def test_money_that_nobody_knows_is_refused_and_wins_are_followed(
    changed: dict[str, object], until: str | None
) -> None:
    known = read(deals_until_may(**changed), arrivals_until=until, window_start="2025-05-16")
    with pytest.raises(TargetError, match=r"2026-05-31.* an amount.*measure='wins'"):
        fs.track(known, PLAN, n_draws=2)
    tracked = fs.track(known, {"2026-06": 10, "2026-07": 10}, measure="wins", n_draws=2)
    assert np.isfinite(tracked.factors().to_numpy()).all()
    assert tracked.verdict()


@pytest.mark.parametrize("until", [None, AS_OF])
def test_a_plan_is_followed_where_no_deal_is_open(until: str | None) -> None:
    closed = deals_until_may().query("closed_at < '2026-05-20'")
    tracked = fs.track(read(closed, arrivals_until=until), PLAN, n_draws=2)
    factors = tracked.factors()
    assert np.isfinite(factors.to_numpy()).all()
    assert factors["level"]["actual"] == 0.0
    assert "chance)" not in tracked.verdict()


def test_no_volume_at_all_leaves_what_came_before_the_cutoff() -> None:
    """Deals that came before the cutoff but are not recorded yet are won all the same: as at volume to 0."""
    known = read(deals_until_may())
    funnel, pipeline, streams = fs.fit(known), known.pipeline(), Streams(0)
    periods = Periods.parse("2M", pipeline.clock, pipeline.cutoff_step)
    assert pipeline.unrecorded_steps > 30

    def new_wins(volume: float) -> float:
        under = funnel.with_changes(replace(funnel.changes, volume=volume))
        positions = Positions.of(under, pipeline)
        return float(chances_without_shock(under, positions, periods, streams, range(4)).new_wins.sum())

    assert new_wins(0.0) == pytest.approx(new_wins(1e-12), rel=1e-9)
    assert 0.0 < new_wins(0.0) < new_wins(1.0)


# --- how far a factor is believed


def test_a_factor_is_held_back_as_the_linear_estimate_holds_it_back() -> None:
    """Counts: (n + 4) / (E + 4). Sums of 25 amounts that vary by c = 1: v = 1/25, weight 25/29."""
    assert held_back(30 / 20, 1 / 20) == pytest.approx((30 + 4) / (20 + 4))
    assert held_back(2.0, 1.0 / 25) == pytest.approx(1 + 25 / 29)
    assert held_back(0.0, 0.0) == 1 / 20
    assert two_sided_luck(1.959964, 1.0) == pytest.approx(0.05, abs=1e-6)
    assert two_sided_luck(0.0, 0.0) == 1.0
    assert two_sided_luck(0.1, 0.0) == 0.0


def test_worth_of_wins_is_that_of_a_hand_computation() -> None:
    """Amounts are 100 or 300, as likely: mean 200, variance 10,000; the list of open deals is the same.

    Ten deals of each kind are won, new ones for twice as much (4,000 of 2,000 expected), open ones as listed
    (2,000). Together 6,000 of 4,000; v = 20 x 10,000 / 4,000^2 = 1/80, the factor 1 + (1/2) / (1 + 4/80) =
    31/21. Each kind leans on it with v = 1/40, so with the weight 10/11. Luck: the mean of the law is
    certain, so both looks have log(1.5) over sqrt(log(1 + 1/80)) standard deviations.
    """
    deals = pd.DataFrame(
        {
            "deal_id": [f"old {i}" for i in range(20)] + [f"new {i}" for i in range(10)],
            "created_at": pd.Timestamp("2026-05-01"),
            "amount": [100.0, 300.0] * 10 + [200.0, 600.0] * 5,
            "outcome": "won",
            "closed_at": pd.Timestamp("2026-06-20"),
        }
    )
    deals.loc[20:, "created_at"] = pd.Timestamp("2026-06-10")
    deals.loc[10:19, ["outcome", "closed_at"]] = ["open", pd.NaT]
    now = fs.read_deals(deals, as_of="2026-06-30", tz="UTC", window_start="2026-05-01")
    then = now.as_of("2026-05-31")
    law = Amounts(np.array([100.0, 300.0]), np.array([1.0, 1.0]), is_certain=True)
    funnel = replace(fs.fit(now), amounts=law, revisions=())
    listed = OpenDeals(
        deal_ids=np.array([f"old {i}" for i in range(20)], dtype=object),
        stage=np.zeros(20, dtype=np.int64),
        stage_names=("open",),
        age_steps=np.zeros(20, dtype=np.int64),
        amount=np.array([100.0, 300.0] * 10),
        is_imputed=np.zeros(20, dtype=bool),
        chance=np.full((20, 1), 0.5),
        chance_sd=np.zeros(20),
    )
    told = worth_of_wins(then, now, funnel, listed)
    pooled = 31 / 21
    assert told.new == pytest.approx(pooled * (1 + (2 / pooled - 1) * 10 / 11))
    assert told.open == pytest.approx(pooled * (1 + (1 / pooled - 1) * 10 / 11))
    by_luck = two_sided_luck(np.log(1.5), np.sqrt(np.log(1 + 1 / 80)))
    assert told.luck == pytest.approx(2 * by_luck)


# --- which factor is named

BY_FACTOR = {"aim": 0.0, "volume": 0.0, "conversion": 0.0, "cycle": 0.0, "yield": 0.0, "chance": 0.0}
NO_LUCK = {"yield": 1e-4, "volume": 0.4}


@pytest.mark.parametrize(
    ("changes", "chance_alone", "told"),
    [
        ({"yield": 70.0, "chance": 30.0}, 0.02, "most of it: yield (70 % of it)"),
        ({"yield": -70.0, "chance": -30.0}, 0.3, "most of it: yield (70 % of it)"),
        ({"yield": 40.0, "volume": 35.0, "chance": 25.0}, 0.02, "the largest part of it: yield (40 % of it)"),
        ({"yield": 30.0, "chance": 70.0}, 0.3, "most of it: no factor, but chance"),
        ({"yield": 30.0, "chance": 70.0}, 0.04, "no single factor; the largest is yield (30 % of it)"),
        ({"volume": 90.0, "chance": 10.0}, 0.3, "most of it: no factor, but chance"),
        ({"volume": 90.0, "chance": 10.0}, 0.01, "no single factor; the largest is volume (90 % of it)"),
        ({"volume": -10.0, "chance": 60.0}, 0.01, "no single factor"),
        (
            {"aim": 90.0, "chance": 10.0},
            0.9,
            "most of it: the plan was not what could be expected (90 % of it)",
        ),
    ],
)
def test_chance_is_named_only_for_what_it_does(
    changes: dict[str, float], chance_alone: float, told: str
) -> None:
    assert named_cause(pd.Series(BY_FACTOR | changes), NO_LUCK, chance_alone) == told


@pytest.mark.parametrize("since", ["2026-04-01", "2026-06-01", "2026-07-01"])
@pytest.mark.thorough
def test_wins_of_twice_the_amount_are_yield(since: str) -> None:
    """All wins since a day bring twice as much, 21 of them or more, while the plan is what was expected."""
    sample = fs.simulate_history(seed=0)
    records = sample.records.deals.copy()
    doubled = sample.deals.query(f"outcome == 'won' and closed_at >= '{since}'")["deal_id"]
    assert len(doubled) >= 21
    records.loc[records["deal_id"].isin(doubled), "amount"] *= 2.0
    known = replace(sample, records=replace(sample.records, deals=records))
    then = known.as_of(str(np.datetime64(since) - np.timedelta64(1, "D")))
    outlook = fs.forecast(
        fs.fit(then), then.pipeline(), periods=[since, "2026-09-01"], engine=fs.Exact(n_draws=20)
    )
    months = pd.period_range(since[:7], "2026-08", freq="M")
    plan = {str(month): outlook.mean().value / len(months) for month in months}
    tracked = fs.track(known, plan, n_draws=20)
    changes = tracked.factors()["change"]
    assert "of it: yield" in tracked.verdict()
    assert changes[["volume", "conversion", "cycle", "yield", "chance"]].idxmax() == "yield"
    assert tracked.came.luck["yield"] < 0.01
