"""How far levers must move, what coverage is needed, where money goes: against theory, or forecasts apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.forecast import ForecastError
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.questions.coverage import repeated
from funnelsim.questions.situation import Situation
from funnelsim.questions.solve import _of_people, _small_moves, beside
from funnelsim.questions.surface import Surface

ENGINE = fs.Exact(n_draws=2)
DAYS = ["2026-10-01", "2026-11-01"]
WIN = 0.02  # a day


def lone_stage(per_day: float) -> fs.Funnel:
    """One stage, certain: a deal is won with the same chance every day and never lost."""
    stages = fs.Stages((fs.Stage("open"),), (fs.Outcome("won", "won"), fs.Outcome("lost", "lost")))
    exits = np.array([[0.0, WIN, 0.0]] * 2)
    hazards = StageHazards(np.array([0, 1]), exits, np.ones(2), np.full(3, 1 / 3), is_certain=True)
    arrivals = Arrivals(1, per_day, np.inf, 0.0, np.array([1.0]))
    return fs.Funnel(stages, fs.Clock("day"), (hazards,), arrivals)


def position(n_deals: int) -> fs.Pipeline:
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=int(fs.Clock("day").step_of("2026-09-30")),
        deal_ids=np.array([f"d{i}" for i in range(n_deals)], dtype=object),
        stage=np.zeros(n_deals, dtype=np.int64),
        age_steps=np.arange(n_deals) % 7,
        amount=np.full(n_deals, np.nan),
        won_step=np.zeros(0, dtype=np.int64),
        won_amount=np.zeros(0),
    )


def expected_new_wins(per_day: float) -> float:
    """Of deals that arrive on day u of 31 and may be won on that day and every one after it."""
    return per_day * float(sum(1 - (1 - WIN) ** (31 - u) for u in range(31)))


def test_the_volume_needed_is_that_of_the_poisson_law() -> None:
    """Wins of new deals are Poisson: the rate that gives 12 wins a chance of 80 % is known."""
    wanted = stats.gamma(12).ppf(0.8)  # P(Poisson(m) >= 12) = P(Gamma(12) <= m)
    found = fs.solve_for(
        lone_stage(1.0), position(0), target=12, chance=0.8, measure="wins", periods=DAYS, engine=ENGINE
    )
    factor = wanted / expected_new_wins(1.0)
    assert found.loc["volume", "factor"] == pytest.approx(factor, rel=2e-3)
    assert found.loc["volume", "chance"] == pytest.approx(0.8, abs=2e-3)
    assert f"{100 * (factor - 1):+.2g}"[:3] in found.loc["volume", "verdict"]


def test_what_cannot_be_reached_alone_says_how_far_it_gets() -> None:
    """Nothing is ever lost, so conversion has nothing to win: the chance stays where it is."""
    found = fs.solve_for(lone_stage(1.0), position(0), target=12, measure="wins", periods=DAYS, engine=ENGINE)
    base = stats.poisson(expected_new_wins(1.0)).sf(11)
    row = found.loc["conversion"]
    assert np.isnan(row["factor"])
    assert row["most_chance"] == pytest.approx(base, abs=1e-6)
    assert row["verdict"] == f"cannot alone, reaches at most {100 * base:.1f} %"


@pytest.mark.parametrize(
    ("wanted", "chance", "told"),
    [(0.8, 0.5188, "51.9"), (0.8, 0.79996, "79.996"), (0.8, 0.80004, "80.0"), (0.526899, 0.52691, "52.7")],
)
def test_a_chance_is_told_on_its_own_side_of_the_wanted_one(wanted: float, chance: float, told: str) -> None:
    """79.996 % falls short of 80 %, and must not look as if it did not."""
    assert beside(wanted, chance) == told


def test_a_chance_that_is_there_already_needs_no_lever() -> None:
    found = fs.solve_for(lone_stage(1.0), position(0), target=1, measure="wins", periods=DAYS, engine=ENGINE)
    assert (found["factor"] == 1.0).all()
    with pytest.raises(LeverError, match=r"write 80 % as 0.8"):
        fs.solve_for(lone_stage(1.0), position(0), target=1, chance=80, measure="wins", engine=ENGINE)


def test_one_per_cent_more_volume_is_one_per_cent_more_wins_of_new_deals() -> None:
    table = fs.elasticities(
        lone_stage(1.0), position(0), target=10, measure="wins", periods=DAYS, engine=ENGINE
    )
    assert table.loc["new deals +1 %", "mean_percent"] == pytest.approx(1.0, abs=1e-9)
    mean = expected_new_wins(1.0)
    change = stats.poisson(1.01 * mean).sf(9) - stats.poisson(mean).sf(9)
    assert table.loc["new deals +1 %", "chance_points"] == pytest.approx(100 * change, abs=1e-5)


@pytest.mark.thorough
def test_one_per_cent_of_collection_is_there_for_cash(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """A tenth is never paid: 1 % less of that is a thousandth more of what will be paid, by .901 / .9.

    Terms of 0 and payment on the day: nobody pays faster, and cash is what is won, less a tenth. Periods are
    short, so that invoices sent before count little; they change alike.
    """
    funnel, pipeline = sample
    terms = fs.Collections.by_hand(terms_days=0, never_paid=0.1)
    engine = fs.MonteCarlo(n_futures=20_000, n_draws=20)
    asked = {"target": 1e6, "periods": "1Q", "engine": engine}
    table = fs.elasticities(funnel.with_collections(terms), pipeline, measure="cash", **asked)  # type: ignore[arg-type]
    fewer = table.loc["share never paid -1 %"]
    by_hand = 100 * (0.901 / 0.9 - 1)
    assert abs(fewer["mean_percent"] - by_hand) < 4 * fewer["mean_percent_se"]
    assert fewer["mean_percent_se"] < 0.05
    assert table.loc["pace of payments +1 %", "mean_percent"] == pytest.approx(0.0, abs=0.01)
    always = funnel.with_collections(fs.Collections.by_hand(terms_days=0))
    assert "share never paid -1 %" not in _small_moves(Situation(always, pipeline, measure="cash", **asked))  # type: ignore[arg-type]
    names = list(_small_moves(Situation(funnel.with_collections(terms), pipeline, **asked)))  # type: ignore[arg-type]
    assert not any("paid" in name or "payments" in name for name in names), "bookings know no payments"


def test_one_per_cent_of_people_is_there_where_people_are(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = sample
    engine = fs.Events(fs.Team(fs.Rep.several(40)), fs.Work({"Qualify": 2.0}), n_futures=10, n_draws=2)
    asked = {"target": 1e6, "periods": "1Q", "engine": engine}
    moves = _small_moves(Situation(funnel, pipeline, **asked))  # type: ignore[arg-type]
    lever, scale = moves["team +1 % (by 1 more for 40)"]
    assert (lever, scale) == (fs.Hire(1), 0.4), "one of 40 is 2.5 %"
    assert moves["time spent selling +1 %"] == (fs.SellingTime(0.2222), 1.0)
    busy = replace(engine, team=fs.Team(fs.Rep.several(40), selling_share=1.0))
    assert "time spent selling +1 %" not in _of_people(busy)
    assert _of_people(replace(engine, team=fs.Team())).keys() <= {"time spent selling +1 %"}
    assert not _of_people(fs.Exact(n_draws=2))
    assert not _of_people("auto")


def test_a_grid_holds_the_forecast_of_every_pair() -> None:
    grid = fs.lever_grid(
        lone_stage(1.0), position(3), target=12, n_settings=3, measure="wins", periods=DAYS, engine=ENGINE
    )
    assert grid.table().shape == (3, 3)
    both = fs.Together((fs.Volume(1.25), fs.Conversion(1.5)))
    alone = fs.forecast(
        both.apply(lone_stage(1.0)), position(3), periods=DAYS, measure="wins", target=12, engine=ENGINE
    )
    assert grid.chance[1, 2] == pytest.approx(alone.chance().value, abs=1e-12)
    assert grid.chance_se[1, 2] == pytest.approx(alone.chance().standard_error, abs=1e-12)
    assert (grid.chance_se > 0).all()
    with pytest.raises(LeverError, match="two levers"):
        fs.lever_grid(lone_stage(1.0), position(3), target=1, levers={"volume": fs.Volume})


@pytest.mark.parametrize("multiple", [0.0, 0.3, 1.0, 2.5, 7.0])
def test_a_repeated_pipeline_keeps_its_mix(multiple: float) -> None:
    before, after = position(700), repeated(position(700), multiple)
    assert after.n_deals == pytest.approx(multiple * 700, abs=1)
    for age in range(7):
        assert (after.age_steps == age).sum() == pytest.approx(
            multiple * (before.age_steps == age).sum(), abs=1
        )
    assert len(set(after.deal_ids)) == after.n_deals


@pytest.fixture(scope="module")
def sample() -> tuple[fs.Funnel, fs.Pipeline]:
    history = fs.simulate_history(seed=2)
    return fs.fit(history, calendar=False, level_period=None), history.pipeline()


def test_coverage_needed_has_the_wanted_chance(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = sample
    table = fs.coverage(funnel, pipeline, target=2_600_000, periods="2Q", engine=fs.Exact(n_draws=10))
    row = table.iloc[-1]
    assert row["remaining"] < row["target"]
    assert row["coverage"] == pytest.approx(row["open_amount"] / row["remaining"])
    for pipes, leads in (
        (row["pipeline_needed"] / row["open_amount"], 1.0),
        (1.0, row["leads_needed"] / row["leads_expected"]),
    ):
        outlook = fs.forecast(
            fs.Volume(leads).apply(funnel),
            repeated(pipeline, pipes),
            periods="2Q",
            engine=fs.Exact(n_draws=10),
        )
        assert outlook.chance(2_600_000).value == pytest.approx(0.8, abs=0.02)
    missing = int(np.isnan(pipeline.amount).sum())
    assert missing > 0
    assert row["note"] == (
        f"deals without an amount ({missing} of {pipeline.n_deals} open ones) count with the mean of won "
        f"deals, {funnel.amounts.mean:,.0f} {funnel.unit}".rstrip()  # type: ignore[union-attr]
    )
    listed = np.nansum(pipeline.amount)
    assert row["open_amount"] == pytest.approx(listed + missing * funnel.amounts.mean)  # type: ignore[union-attr]
    three = repeated(pipeline, 3 * row["remaining"] / row["open_amount"])
    outlook = fs.forecast(funnel, three, periods="2Q", engine=fs.Exact(n_draws=10))
    assert row["chance_at_rule"] == pytest.approx(outlook.chance(2_600_000).value, abs=1e-9)


def test_coverage_refuses_what_it_cannot_count(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    with pytest.raises(ForecastError, match="no won deal has an amount"):
        fs.coverage(lone_stage(1.0), position(3), target=5)
    for_nothing = Amounts(np.zeros(1), np.ones(1), is_certain=True)
    gifts = replace(position(3), amount=np.zeros(3))
    with pytest.raises(ForecastError, match="all have one of 0"):
        fs.coverage(replace(lone_stage(1.0), amounts=for_nothing), gifts, target=5)
    with pytest.raises(ForecastError, match="2 periods need as many targets"):
        fs.coverage(*sample, target=[1e6], periods="2Q", engine=fs.Exact(n_draws=2))


def test_a_surface_of_a_quadratic_probit_is_exact() -> None:
    def chance(x: np.ndarray) -> float:
        return float(stats.norm.cdf(-1 + x[0] + 0.5 * x[1] - 0.3 * x[0] ** 2 + 0.4 * x[0] * x[1]))

    surface = Surface.fitted(2, chance)
    assert surface.error < 1e-9
    at = np.array([0.3, 0.7])
    assert surface.probit(at) == pytest.approx(stats.norm.ppf(chance(at)), abs=1e-9)


@pytest.mark.thorough
def test_money_goes_where_it_does_most(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """Two ways to the same lever, one at half the price: all money goes there, and nothing is overspent."""
    options = [fs.Option("dear", fs.Volume, 1.6, 200_000), fs.Option("cheap", fs.Volume, 1.6, 100_000)]
    plan = fs.spend(*sample, options, target=2_900_000, periods="2Q", engine=fs.Exact(n_draws=4))
    assert plan.surface.error < 0.02
    table = plan.best_for(80_000)
    best = table.iloc[0]
    assert best["cheap"] == pytest.approx(1.48, abs=0.03)
    assert best["dear"] < 1.03
    assert (table["cost"] <= 80_000 * (1 + 1e-6)).all()
    assert table.loc["cheap and nothing else", "verdict"] == "as good within the noise, and simpler"
    assert table.loc["dear and nothing else", "verdict"] == "clearly behind"
    wanted = plan.forecast(np.array([0.0, 0.5])).chance().value
    cheapest = plan.cheapest_for(wanted)
    assert cheapest["cost"].iloc[0] == pytest.approx(50_000, rel=0.05)
    assert cheapest["chance"].iloc[0] == pytest.approx(wanted, abs=2e-3)
    assert "not to be had" in plan.cheapest_for(0.99999)["verdict"].iloc[0]
    assert plan.frontier(3)["chance"].is_monotonic_increasing


def poisson_plan(*options: fs.Option, target: float = 12) -> fs.SpendingPlan:
    """Wins of new deals are Poisson, so the chance of every mix of volumes is known."""
    return fs.spend(
        lone_stage(1.0), position(0), options, target=target, measure="wins", periods=DAYS, engine=ENGINE
    )


def test_what_is_free_is_taken_in_full_and_money_goes_to_the_rest() -> None:
    """A fifth more deals for nothing, and 25 % of 50 % more for half of 100: 1.2 x 1.25 times the deals."""
    plan = poisson_plan(fs.Option("gift", fs.Volume, 1.2, 0.0), fs.Option("fairs", fs.Volume, 1.5, 100.0))
    table, mean = plan.best_for(50.0), expected_new_wins(1.0)
    rows = ["best mix", "nothing", "only what is free", "fairs and what is free"]
    assert table.index.tolist() == rows
    chances = [stats.poisson(factor * mean).sf(11) for factor in (1.5, 1.0, 1.2, 1.5)]
    assert table["chance"].tolist() == pytest.approx(chances, abs=1e-4)
    assert table["gift"].tolist() == pytest.approx([1.2, 1.0, 1.2, 1.2])
    assert table["cost"].tolist() == pytest.approx([50.0, 0.0, 0.0, 50.0], abs=1e-4)
    assert plan.frontier(2)["gift"].tolist() == [1.2, 1.2, 1.2]
    assert plan.frontier(2).index.tolist() == ["0.000000", "50.000000", "100.000000"]
    given = plan.cheapest_for(chances[2] - 1e-6)
    assert (given["cost"].item(), given["verdict"].item()) == (0.0, "reached for nothing")
    dearer = plan.cheapest_for(chances[0])
    assert dearer["cost"].item() == pytest.approx(50.0, abs=1.0)


def fewer(x: float) -> fs.Lever:
    """A lever that harms: fewer new deals the further it is moved."""
    return fs.Volume(1.0 / x)


@pytest.mark.parametrize("budget", [3.0, 10.0, 1000.0])
def test_money_that_harms_is_kept(budget: float) -> None:
    """Less volume lowers the chance, so the best mix of it alone is nothing, at the chance there is."""
    plan, base = poisson_plan(fs.Option("harm", fewer, 2.0, 10.0)), stats.poisson(expected_new_wins(1.0))
    table = plan.best_for(budget)
    assert table.loc["best mix", ["harm", "cost"]].tolist() == [1.0, 0.0]
    assert table.loc["best mix", "chance"] == pytest.approx(base.sf(11), abs=1e-6)
    assert table.loc["best mix", "verdict"] == "no better than nothing within the noise: keep the money"
    assert plan.frontier(2)["harm"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("cost_of_harm", [0.0, 10.0])
def test_what_helps_is_bought_without_what_harms(cost_of_harm: float) -> None:
    """Half as many deals beside 1.5 times as many: only the second is taken, also where all can be paid."""
    helps, harms = fs.Option("fairs", fs.Volume, 1.5, 100.0), fs.Option("harm", fewer, 2.0, cost_of_harm)
    plan, most = poisson_plan(helps, harms), stats.poisson(1.5 * expected_new_wins(1.0)).sf(11)
    best = plan.best_for(1000.0).iloc[0]
    assert best["chance"] == pytest.approx(most, abs=1e-6)
    assert (best["fairs"], best["harm"]) == (1.5, 1.0)
    told = plan.cheapest_for(most - 0.01)
    assert told["chance"].item() >= most - 0.01
    assert told["harm"].item() == 1.0
    assert "not to be had" in plan.cheapest_for(most + 0.001)["verdict"].item()


@pytest.mark.parametrize("wanted", [0.3, 0.333, 0.4, 0.51, 0.6])
@pytest.mark.thorough
def test_a_wanted_chance_is_truly_reached_and_not_much_more(wanted: float) -> None:
    """The rate that P(Poisson(m) >= 12) needs is known; what is told lies on its upper side, by 0.2 %."""
    mean, needed = expected_new_wins(1.0), stats.gamma(12).ppf(wanted)
    found = fs.solve_for(
        lone_stage(1.0), position(0), target=12, chance=wanted, measure="wins", periods=DAYS, engine=ENGINE
    ).loc["volume"]
    assert found["chance"] >= wanted
    assert needed / mean - 1e-6 <= found["factor"] <= 1.002 * needed / mean
    two = fs.Option("fairs", fs.Volume, 2.0, 100.0), fs.Option("mails", fs.Volume, 1.2, 1000.0)
    cheapest = poisson_plan(*two).cheapest_for(wanted)
    assert cheapest["chance"].item() >= wanted
    assert cheapest["cost"].item() == pytest.approx(100.0 * (needed / mean - 1.0), rel=0.01)


def test_options_that_are_all_free_need_no_search() -> None:
    plan = poisson_plan(fs.Option("gift", fs.Volume, 1.2, 0.0), fs.Option("luck", fs.Speed, 1.1, 0.0))
    assert plan.best_for(10.0).loc["best mix", ["gift", "luck", "cost"]].tolist() == [1.2, 1.1, 0.0]
    assert len(plan.frontier(4)) == 1
    assert "not to be had" in plan.cheapest_for(0.9999)["verdict"].item()


@pytest.mark.parametrize(("target", "most"), [(1, 1.5), (12, 1.0001)])
def test_no_mix_is_called_the_best_where_all_are_as_good(target: int, most: float) -> None:
    """One win of 9 expected is nearly certain, and a tenth of a thousandth more deals is next to nothing."""
    pair = (fs.Option("fairs", fs.Volume, most, 100.0), fs.Option("mails", fs.Volume, most, 50.0))
    table = poisson_plan(*pair, target=target).best_for(60.0)
    assert table.loc["best mix", "verdict"] == "no better than nothing within the noise: keep the money"
    assert table.loc["nothing", "verdict"] == "as good within the noise, and costs nothing"
    assert table["verdict"].iloc[2:].eq("as good within the noise, and simpler").all()


def test_a_useful_mix_is_ahead_of_doing_nothing() -> None:
    table = poisson_plan(fs.Option("fairs", fs.Volume, 1.5, 100.0)).best_for(60.0)
    assert table.loc["nothing", "verdict"] == "clearly behind"
    assert table.loc["best mix", "verdict"] == "the best found"


@pytest.mark.parametrize("factor", [0.9, 1.41, 2.0, True, np.nan, "1.2"])
def test_what_is_not_to_be_had_has_no_cost(factor: object) -> None:
    option = fs.Option("fairs", fs.Volume, 1.4, 80_000, growth=2.0)
    with pytest.raises(LeverError, match="not to be had"):
        option.cost_of(factor)  # type: ignore[arg-type]
    assert [option.cost_of(f) for f in (1.0, 1.1, 1.4)] == pytest.approx([0.0, 5_000.0, 80_000.0])


def test_options_out_of_range_are_refused(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    for wrong in (
        {"most": 1.0},
        {"most": 10**400},
        {"cost": 10**5000},
        {"cost": -1.0},
        {"growth": 0.5},
        {"cost": float("nan")},
    ):
        with pytest.raises(LeverError, match="must be between"):
            fs.Option("fairs", fs.Volume, **({"most": 1.2, "cost": 10.0} | wrong))
    with pytest.raises(LeverError, match="each of a name of its own"):
        fs.spend(*sample, [], target=1e6)
    with pytest.raises(LeverError, match="none of cost"):
        fs.spend(*sample, [fs.Option("cost", fs.Volume, 1.2, 10.0)], target=1e6)
    with pytest.raises(LeverError, match="is no option"):
        fs.spend(*sample, [fs.Volume(1.1)], target=1e6)  # type: ignore[list-item]
    with pytest.raises(LeverError, match="n_budgets"):
        poisson_plan(fs.Option("gift", fs.Volume, 1.2, 0.0)).frontier(0)


def test_what_needs_nothing_buys_nothing(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    options = [fs.Option("fairs", fs.Volume, 1.2, 10_000)]
    plan = fs.spend(*sample, options, target=1_000_000, periods="2Q", engine=fs.Exact(n_draws=2))
    (row,) = plan.cheapest_for(0.5).to_dict("records")
    assert row["cost"] == 0.0
    assert row["verdict"] == "is there already"


def test_a_target_that_is_reached_needs_no_pipeline(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = sample
    table = fs.coverage(funnel, pipeline, target=1.0, periods="2Q", engine=fs.Exact(n_draws=2))
    assert (table["remaining"] <= 0).all()
    assert (
        table[["coverage_needed", "pipeline_needed", "leads_needed", "chance_at_rule"]].isna().all(axis=None)
    )
    assert table["note"].str.startswith("nothing remains to be won").all()


def test_what_no_multiple_reaches_is_said(sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = sample
    asked = {"target": 1e9, "periods": "1Q", "engine": fs.Exact(n_draws=2)}
    (row,) = fs.coverage(funnel, pipeline, **asked).to_dict("records")  # type: ignore[arg-type]
    assert np.isnan(row["pipeline_needed"])
    assert row["note"].startswith("8 times the pipeline do not do; 8 times the leads do not do")
    nobody = pipeline.of_deals(np.zeros(0, dtype=np.int64))
    (row,) = fs.coverage(funnel, nobody, **asked).to_dict("records")  # type: ignore[arg-type]
    assert row["note"] == "no open pipeline to be multiplied; 8 times the leads do not do"


@pytest.mark.parametrize("levers", [[fs.Volume], {"a": lambda v: v}, {"a": fs.Volume(1.1)}])
def test_ways_to_make_a_lever_are_checked(levers: object, sample: tuple[fs.Funnel, fs.Pipeline]) -> None:
    with pytest.raises(LeverError, match="function from a factor to a lever"):
        fs.solve_for(*sample, target=1e6, levers=levers, periods="1Q", engine=fs.Exact(n_draws=2))  # type: ignore[arg-type]
    with pytest.raises(LeverError, match="make a lever of a factor"):
        fs.Option("fairs", fs.Volume(1.1), 1.2, 10.0)  # type: ignore[arg-type]


def test_several_levers_may_move_as_one() -> None:
    both = {"both": lambda x: fs.Together((fs.Volume(x), fs.Conversion(x)))}
    asked = {"target": 12, "measure": "wins", "periods": DAYS, "engine": ENGINE}
    found = fs.solve_for(lone_stage(1.0), position(0), levers=both, **asked)  # type: ignore[arg-type]
    alone = fs.solve_for(lone_stage(1.0), position(0), **asked)  # type: ignore[arg-type]
    # Nothing is ever lost, so conversion has nothing to win: both need what volume needs.
    assert found.loc["both", "factor"] == pytest.approx(alone.loc["volume", "factor"])
