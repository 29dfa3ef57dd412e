"""Targets shared out: to the cent, with chances that hold for parts together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.classes import OTHERS
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.questions.targets.fairest import equal_chances
from funnelsim.questions.targets.quotas import TargetError, share_out

CUTOFF, DAYS = "2026-09-30", 92  # the quarter that follows begins on the next day
WON, LEFT = 0.01, 0.03  # chances per day to be won, and to leave at all


def certain_funnel(*, rate_per_day: float = 0.0, dispersion: float = 0.0) -> fs.Funnel:
    """One stage that deals leave at a constant rate; nothing is uncertain but chance."""
    hazards = np.array([[0.0, WON, LEFT - WON], [0.0, WON, LEFT - WON], [0.0, 0.0, 0.0]])
    stage = StageHazards(np.array([0, 1, 1_000_000]), hazards, np.ones(3), hazards[0] / LEFT, is_certain=True)
    arrivals = Arrivals(7, 7 * rate_per_day, np.inf, dispersion, np.ones(1))
    return fs.Funnel(fs.Stages.named(["Open"]), fs.Clock("day"), (stage,), arrivals)


def deals_of(open_regions: list[str], won_regions: list[str], won_days_ago: int = 60) -> fs.Pipeline:
    clock, n = fs.Clock("day"), len(open_regions)
    cutoff = int(clock.step_of(CUTOFF))
    return fs.Pipeline(
        clock=clock,
        cutoff_step=cutoff,
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.zeros(n, dtype=np.int64),
        age_steps=np.full(n, 5),
        amount=np.full(n, np.nan),
        won_step=np.full(len(won_regions), cutoff - won_days_ago),
        won_amount=np.full(len(won_regions), np.nan),
        attributes={"region": np.array(open_regions, dtype=object)},
        won_attributes={"region": np.array(won_regions, dtype=object)},
    )


def won_within(days: int) -> float:
    """Chance of an open deal to be won within some days: a geometric race."""
    return WON / LEFT * (1.0 - (1.0 - LEFT) ** days)


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(seed=1)


# --- parts add up


@given(
    total=some.integers(0, 10**12),
    weights=some.lists(some.floats(0, 1e9), min_size=1, max_size=40),
)
def test_shares_are_whole_and_add_up_whatever_the_weights(total: int, weights: list[float]) -> None:
    parts = share_out(total, weights)
    assert sum(parts) == total
    if sum(weights) > 0:
        ideal = total * np.array(weights) / sum(weights)
        assert (np.abs(np.array(parts) - ideal) < 1.0 + 1e-9 * total).all()


@pytest.mark.parametrize("weights", [[], [1.0, -1.0], [np.nan], [np.inf]])
def test_weights_that_share_nothing_out_are_refused(weights: list[float]) -> None:
    with pytest.raises(TargetError):
        share_out(100, weights)


@settings(deadline=None, max_examples=50)
@given(total=some.integers(0, 2_000_00), seed=some.integers(0, 10**6))
def test_the_fairest_quotas_add_up_whatever_the_laws(total: int, seed: int) -> None:
    from funnelsim.nouns.law import DrawnLaw

    rng = np.random.default_rng(seed)
    laws = [DrawnLaw(rng.choice([0.0, 100.0, 250.5, 999.99], (4, 10))) for _ in range(3)]
    for measure in ("bookings", "wins"):
        assert sum(equal_chances(laws, total, measure)) == total


@pytest.mark.parametrize(
    ("by", "target"),
    [
        ("week", 1_234_567.89),
        ("month", 5_500_000),
        ("quarter", 1_234_567.89),
        ("region", 5_500_000),
        ("region", 1_234_567.89),
    ],
)
@pytest.mark.thorough
def test_quotas_reconcile_to_the_cent(history: fs.DealHistory, by: str, target: float) -> None:
    kept = {"by": by, "periods": "1Q" if by == "week" else "4Q", "n_draws": 2, "n_futures": 20}
    split = fs.split_target(fs.fit(history), history.pipeline(), target, **kept)  # type: ignore[arg-type]
    for one in (split, split.fairest()):
        assert sum(one.units) == round(target * 100)
        assert one.table()["share"].iloc[:-1].sum() == pytest.approx(1.0)
        assert one.over_assign(1.1).loc["all parts", "assigned"] == pytest.approx(1.1 * target, abs=0.006)


@pytest.mark.parametrize("classes", ["region", None])
@pytest.mark.parametrize("measure", ["bookings", "wins"])
def test_expected_parts_add_up_to_the_forecast(
    history: fs.DealHistory, classes: str | None, measure: str
) -> None:
    funnel, pipeline = fs.fit(history, classes=classes), history.pipeline()
    kept = {"measure": measure, "seed": 3}
    split = fs.split_target(funnel, pipeline, 100, by="region", n_draws=4, n_futures=8, **kept)  # type: ignore[arg-type]
    whole = fs.forecast(funnel, pipeline, engine=fs.Exact(n_draws=4), **kept)  # type: ignore[arg-type]
    assert split.parts.expected.sum() == pytest.approx(whole.mean().value, rel=1e-9)
    by_draw = sum(law.mean_by_draw() for law in split.parts.laws)
    assert by_draw == pytest.approx(whole.law().mean_by_draw(), rel=1e-9)
    assert bool(split.notes) == (classes is None)
    assert split.table().loc["total", "expected"] == pytest.approx(whole.mean().value, rel=1e-9)


def test_realised_wins_belong_to_their_part(history: fs.DealHistory) -> None:
    """What each region has won since the running quarter began is counted from the records."""
    deals = history.deals
    won = deals[(deals["outcome"] == "won") & (deals["closed_at"] >= "2026-07-01")]
    split = fs.split_target(
        fs.fit(history), history.pipeline(), 100, by="region", measure="wins", n_draws=10, n_futures=100
    )
    counted = won.groupby("region").size()
    for k, label in enumerate(split.parts.labels):
        assert split.parts.laws[k].quantile(np.array(0.0)) == counted[label]
        assert split.parts.futures[:, :, k].min() >= counted[label]


def test_months_take_what_has_ended_before_and_end_with_the_window(history: fs.DealHistory) -> None:
    split = fs.split_target(fs.fit(history), history.pipeline(), 5e6, by="month", n_draws=2, n_futures=10)
    assert split.parts.labels[0] == "until 2026-09"
    assert split.parts.labels[-1] == "2027-06"
    assert len(split.parts.labels) == 10


# --- chances of parts


def test_chances_are_those_of_binomials_where_all_is_known() -> None:
    pipeline = deals_of(["A"] * 6 + ["B"] * 10, ["A", "B"])
    split = fs.split_target(
        certain_funnel(), pipeline, quotas={"A": 2, "B": 3}, by="region", periods="1Q", measure="wins"
    )
    chance = won_within(DAYS)
    by_hand = [stats.binom.sf(1, 6, chance), stats.binom.sf(2, 10, chance)]
    table = split.table()
    assert table["chance"].iloc[:2].tolist() == pytest.approx(by_hand, abs=1e-9)
    assert table.loc["total", "quota"] == 5
    assert table.loc["total", "chance"] == pytest.approx(stats.binom.sf(4, 16, chance), abs=1e-9)
    both = split.chance_of_all()
    assert abs(both.value - by_hand[0] * by_hand[1]) < 4 * both.standard_error
    either = split.chance_of_any()
    assert abs(either.value - (1 - np.prod(1 - np.array(by_hand)))) < 4 * either.standard_error


def test_a_shared_shock_makes_parts_rise_and_fall_together() -> None:
    """Brute force: a Gamma factor for all, then binomials; a product of marginals is far off."""
    variance, n, quotas = 0.3, 40, {"A": 12, "B": 12}
    funnel = certain_funnel().with_shock(fs.Shock((variance,), 1.0))
    pipeline = deals_of(["A"] * n + ["B"] * n, ["A", "B"])
    split = fs.split_target(
        funnel,
        pipeline,
        quotas=quotas,
        by="region",
        periods="1Q",
        measure="wins",
        n_draws=400,
        n_futures=40_000,
    )
    rng = np.random.default_rng(5)
    factor = rng.gamma(1 / variance, variance, 400_000)
    wins = rng.binomial(n, np.minimum(won_within(DAYS) * factor, 1.0)[:, None], (len(factor), 2))
    reached = (wins >= 12).all(axis=1)
    both = split.chance_of_all()
    error = np.hypot(both.standard_error, reached.std() / np.sqrt(len(reached)))
    assert abs(both.value - reached.mean()) < 4 * error
    product = split.table()["chance"].iloc[:2].prod()
    assert both.value - product > 10 * error, "the product of marginals should be far off here"


def test_arrivals_that_swing_together_tie_parts_within_a_draw() -> None:
    """Blocks of arrivals swing as a whole; half of the new deals belong to each region."""
    rate, dispersion = 1.5, 2.0
    funnel = certain_funnel(rate_per_day=rate, dispersion=dispersion)
    pipeline = deals_of(["A", "B"], ["A"] * 20_000 + ["B"] * 20_000)
    split = fs.split_target(
        funnel,
        pipeline,
        quotas={"A": 12, "B": 12},
        by="region",
        periods="1Q",
        measure="wins",
        n_futures=40_000,
    )
    rng = np.random.default_rng(6)
    # A deal that arrives on day d of the quarter has the days until its end, its own included.
    by_day = rate * np.array([won_within(DAYS - day) for day in range(DAYS)])
    blocks = np.add.reduceat(by_day, np.arange(0, DAYS, 7)) / 2
    swings = rng.gamma(1 / dispersion, dispersion, (200_000, len(blocks)))
    wins = rng.poisson((swings @ blocks)[:, None], (len(swings), 2))
    wins += rng.binomial(1, won_within(DAYS), wins.shape)
    reached = (wins >= 12).all(axis=1)
    both = split.chance_of_all()
    error = np.hypot(both.standard_error, reached.std() / np.sqrt(len(reached)))
    assert abs(both.value - reached.mean()) < 4 * error
    marginal = (wins >= 12).mean(axis=0)
    assert split.table()["chance"].iloc[:2].tolist() == pytest.approx(marginal, abs=0.01)
    assert both.value - marginal.prod() > 8 * error, "multiplying within a draw would be far off here"


def test_a_deal_won_in_one_month_is_not_won_in_another() -> None:
    """One open deal, two months: both cannot have a win; the product of marginals is not nothing."""
    pipeline = deals_of(["A"], ["A"])
    split = fs.split_target(
        certain_funnel(),
        pipeline,
        quotas={"2026-10": 1, "2026-11": 1},
        by="month",
        periods="2M",
        measure="wins",
        n_futures=2_000,
    )
    assert split.chance_of_all().value == 0.0
    chances = split.table()["chance"].iloc[:2]
    by_hand = [won_within(31), won_within(61) - won_within(31)]
    assert chances.tolist() == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.thorough
def test_the_fairest_split_has_equal_chances(history: fs.DealHistory) -> None:
    split = fs.split_target(
        fs.fit(history, classes="region"), history.pipeline(), 5.5e6, by="region", n_draws=40, n_futures=4000
    )
    fair = split.fairest().table()["chance"].iloc[:-1]
    assert fair.max() - fair.min() < 5e-4
    uneven = fs.split_target(
        fs.fit(history), history.pipeline(), by="region", n_draws=10, n_futures=100,
        quotas={"East": 4e6, "North": 1e6, "South": 5e5},
    )  # fmt: skip
    assert uneven.infeasible() == ("East",)
    assert uneven.target == 5.5e6
    chances = uneven.fairest().table()["chance"].iloc[:-1]
    assert chances.max() - chances.min() < 5e-4
    assert uneven.fairest().infeasible() == ()


def test_handing_out_more_lowers_every_chance_and_not_the_target(history: fs.DealHistory) -> None:
    split = fs.split_target(fs.fit(history), history.pipeline(), 5e6, by="region", n_draws=10, n_futures=2000)
    over = split.over_assign(1.2)
    parts = list(split.parts.labels)
    assert (over.loc[parts, "chance_assigned"] < over.loc[parts, "chance"]).all()
    assert over.loc["target", "chance_assigned"] == over.loc["target", "chance"]
    met = over.loc["all parts", "chance_of_target_if_met"]
    assert np.isnan(met) or met == 1.0, "who reaches all of more than the target reaches the target"
    for wrong in (0.0, -1.0, np.nan, True, "1.1"):
        with pytest.raises(TargetError, match="factor"):
            split.over_assign(wrong)  # type: ignore[arg-type]


def test_what_no_future_meets_has_no_answer_and_says_so(history: fs.DealHistory) -> None:
    split = fs.split_target(fs.fit(history), history.pipeline(), 5e6, by="region", n_draws=10, n_futures=200)
    over = split.over_assign(50.0)
    beyond = over.index != "target"
    assert over.loc[beyond, "chance_of_target_if_met"].isna().all()
    assert (
        over.loc[beyond, "note"]
        .eq("met in none of 200 futures: they cannot say what the target does then")
        .all()
    )
    little = split.over_assign(0.01)
    assert little["note"].eq("").all()
    assert little["chance_of_target_if_met"].notna().all()


# --- classes, unknown values, what is refused


def test_values_never_seen_are_a_part_of_their_own(history: fs.DealHistory) -> None:
    funnel, pipeline = fs.fit(history, classes="region"), history.pipeline()
    region = pipeline.attributes["region"].copy()
    region[:3] = "Atlantis"
    changed = replace(pipeline, attributes={**pipeline.attributes, "region": region})
    split = fs.split_target(funnel, changed, 5e6, by="region", n_draws=10, n_futures=100)
    assert split.parts.labels[-1] == OTHERS
    whole = fs.forecast(funnel, changed, engine=fs.Exact(n_draws=10)).mean().value
    assert split.parts.expected.sum() == pytest.approx(whole, rel=1e-9)


def test_what_cannot_be_split_is_refused_in_words(history: fs.DealHistory) -> None:
    funnel, pipeline = fs.fit(history), history.pipeline()
    with pytest.raises(TargetError, match="did you mean 'region'"):
        fs.split_target(funnel, pipeline, 5e6, by="regoin", n_draws=10)
    with pytest.raises(TargetError, match="wins of the pipeline have no such attribute"):
        fs.split_target(funnel, replace(pipeline, won_attributes={}), 5e6, by="region", n_draws=10)
    with pytest.raises(TargetError, match="nothing to share out"):
        fs.split_target(funnel, pipeline, by="region")
    with pytest.raises(TargetError, match="'East' has no quota"):
        fs.split_target(funnel, pipeline, by="region", quotas={"North": 1.0, "South": 1.0}, n_draws=10)
    with pytest.raises(TargetError, match="no part is called 'Est'"):
        fs.split_target(
            funnel, pipeline, by="region", quotas={"Est": 1.0, "North": 1.0, "South": 1.0}, n_draws=10
        )
    with pytest.raises(TargetError, match="feasible"):
        fs.split_target(funnel, pipeline, 5e6, feasible=20)


# --- attainable targets


def test_attainable_targets_are_reached_with_their_chance(history: fs.DealHistory) -> None:
    outlook = fs.forecast(fs.fit(history), history.pipeline(), engine=fs.Exact(n_draws=40))
    table = fs.attainable(outlook, (0.5, 0.8, 0.9))
    for chance, target in table["target"].items():
        assert outlook.chance(target).value == pytest.approx(chance, abs=1e-4)
    assert table["target"].is_monotonic_decreasing
    with pytest.raises(TargetError, match="between 0 and 1"):
        fs.attainable(outlook, (80,))


@pytest.mark.thorough
def test_the_error_of_an_attainable_target_is_its_spread_over_seeds() -> None:
    """Standard errors over 24 seeds: their root mean square within a factor of 2 of the spread."""
    history = fs.simulate_history(seed=2)
    funnel, pipeline = fs.fit(history), history.pipeline()
    tables = [
        fs.attainable(fs.forecast(funnel, pipeline, engine=fs.Exact(n_draws=40), seed=seed, periods="1Q"))
        for seed in range(24)
    ]
    target = np.array([table["target"].to_numpy() for table in tables])
    told = np.sqrt(np.mean([table["target_se"].to_numpy() ** 2 for table in tables], axis=0))
    ratio = told / target.std(axis=0, ddof=1)
    # Of 4 groups of draws an error is known to 40 %, of 24 errors to 8 %; the spread of 24 to 15 %. So the
    # ratio is known to 17 %, and a factor of 2 is 4 such errors away.
    assert (ratio > 0.5).all()
    assert (ratio < 2.0).all()


def test_cash_is_split_by_month_and_not_by_region(history: fs.DealHistory) -> None:
    funnel = fs.fit(history).with_collections(fs.Collections.by_hand(terms_days=30))
    kept = {"measure": "cash", "n_draws": 10, "n_futures": 500}
    split = fs.split_target(funnel, history.pipeline(), 4e6, **kept)  # type: ignore[arg-type]
    engine = fs.MonteCarlo(n_draws=10, n_futures=500)
    whole = fs.forecast(funnel, history.pipeline(), measure="cash", engine=engine, periods="4Q")
    assert sum(split.units) == 4_000_000_00
    # Futures of months are others than those of quarters: 500 of each, within 4 standard errors.
    error = np.hypot(split.parts.whole.sd(), whole.sd()) / np.sqrt(500)
    assert abs(split.parts.expected.sum() - whole.mean().value) < 4 * error
    with pytest.raises(TargetError, match="not known by region"):
        fs.split_target(funnel, history.pipeline(), 4e6, by="region", **kept)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="knows no payments"):
        fs.track(history, {"2026-07": 1.0}, measure="cash")


def test_a_rep_who_ramps_up_or_leaves_has_fewer_new_deals(history: fs.DealHistory) -> None:
    funnel, pipeline = fs.fit(history, classes="region"), history.pipeline()
    kept = {"by": "region", "measure": "wins", "n_draws": 10, "n_futures": 4000}
    usual = fs.split_target(funnel, pipeline, 100, **kept)  # type: ignore[arg-type]
    changed = fs.split_target(funnel, pipeline, 100, new_deals={"East": 0.0, "North": 0.5}, **kept)  # type: ignore[arg-type]
    before, after = (dict(zip(s.parts.labels, s.parts.expected, strict=True)) for s in (usual, changed))
    engine = fs.Exact(n_draws=10)
    nothing_new = fs.forecast(fs.Volume(1e-3).apply(funnel), pipeline, measure="wins", engine=engine)
    in_hand = nothing_new.deals.by_deal(("2026-Q3", "2026-Q4", "2027-Q1", "2027-Q2"), has_amounts=False)
    region = dict(zip(pipeline.deal_ids, pipeline.attributes["region"], strict=True))
    of_east = in_hand[in_hand["deal_id"].map(region) == "East"]["chance"].sum()
    won = history.deals.query("outcome == 'won' and closed_at >= '2026-07-01' and region == 'East'")
    assert after["East"] == pytest.approx(of_east + len(won), rel=1e-6)
    assert after["South"] == before["South"]
    assert before["East"] > after["East"]
    company = changed.parts.whole.mean_by_draw().mean()
    assert company == pytest.approx(sum(after.values()), abs=4 * changed.parts.whole.sd() / np.sqrt(4000))
    with pytest.raises(TargetError, match="did you mean 'East'"):
        fs.split_target(funnel, pipeline, 100, new_deals={"Est": 0.5}, **kept)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="is time"):
        fs.split_target(funnel, pipeline, 100, new_deals={"East": 0.5})


def test_quotas_may_add_up_to_more_than_the_target_and_a_target_alone_may_not_be_finer_than_a_win(
    history: fs.DealHistory,
) -> None:
    funnel, pipeline = fs.fit(history, classes="region"), history.pipeline()
    kept = {"by": "region", "measure": "wins", "n_draws": 10, "n_futures": 100}
    quotas = {"East": 60, "North": 40, "South": 20}
    split = fs.split_target(funnel, pipeline, 100, quotas=quotas, **kept)  # type: ignore[arg-type]
    assert sum(split.units) == 120
    assert split.target == 100.0
    with pytest.raises(TargetError, match="a whole number of wins"):
        fs.split_target(funnel, pipeline, 100.5, **kept)  # type: ignore[arg-type]
