"""Levers of every kind: what they must do by their definition, on the exact engine; and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.levers.classes import expected_wins
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.numerics.incidence import observed_routes, win_rates
from funnelsim.questions.situation import Situation

# What is compared holds draw by draw, to rounding: a few draws of the parameters tell as much as many.
ENGINE = fs.Exact(n_draws=4)


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(seed=3)


@pytest.fixture(scope="module")
def funnel(history: fs.DealHistory) -> fs.Funnel:
    return fs.fit(history, classes="owner", calendar=False, level_period=None).with_shock(None)


def means(funnel: fs.Funnel, history: fs.DealHistory) -> np.ndarray:
    """Expected bookings: realised, of open deals, of new ones."""
    outlook = fs.forecast(funnel, history.pipeline(), periods="2Q", engine=ENGINE)
    row = outlook.table().loc["total"]
    return row[["realised", "open_deals", "new_deals"]].to_numpy(float)


def owners(funnel: fs.Funnel) -> tuple[str, ...]:
    assert funnel.classes is not None
    return funnel.classes.labels


def test_yield_multiplies_what_is_still_to_be_won(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    before = means(funnel, history)
    np.testing.assert_allclose(means(fs.Yield(1.3).apply(funnel), history), before * [1, 1.3, 1.3])
    np.testing.assert_allclose(means(fs.Yield(1.3, of="new").apply(funnel), history), before * [1, 1, 1.3])


@pytest.mark.parametrize("engine", [ENGINE, fs.MonteCarlo(n_futures=400, n_draws=4)], ids=["exact", "drawn"])
def test_yield_multiplies_every_quantile_beyond_what_is_realised(
    engine: fs.Exact | fs.MonteCarlo, funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    asked = [0.1, 0.5, 0.9]
    plain, lifted = (
        fs.forecast(f, history.pipeline(), periods="2Q", engine=engine).quantile(asked)
        for f in (funnel, fs.Yield(2.0).apply(funnel))
    )
    realised = means(funnel, history)[0]
    np.testing.assert_allclose(lifted - realised, 2.0 * (plain - realised), rtol=2e-4)


@pytest.mark.thorough
def test_volume_of_a_subset_adds_what_that_subset_brings(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    before, some = means(funnel, history), owners(funnel)[:2]
    added = [
        means(fs.Subset(fs.Volume(factor), "owner", some).apply(funnel), history) - before
        for factor in (2, 3)
    ]
    assert added[0][1] == pytest.approx(0.0, abs=1e-6)  # open deals are as they were
    np.testing.assert_allclose(added[1], 2 * added[0], atol=1e-4)
    each = [fs.Subset(fs.Volume(2), "owner", (one,)).apply(funnel) for one in owners(funnel)]
    all_added = sum(means(one, history)[2] - before[2] for one in each)
    assert all_added == pytest.approx(before[2], rel=1e-9)  # all subsets doubled are everything doubled


@pytest.mark.parametrize("lever", [fs.Conversion(1.4), fs.Speed(1.5), fs.Conversion(1.3, "Proof")])
def test_a_lever_on_every_class_is_the_lever_on_all_deals(
    lever: fs.Lever, funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    on_all = means(lever.apply(funnel), history)
    by_class = means(fs.Subset(lever, "owner", owners(funnel)).apply(funnel), history)
    np.testing.assert_allclose(by_class, on_all, rtol=1e-10)
    assert abs(on_all - means(funnel, history)).max() > 1_000.0  # else nothing was tested


def test_a_win_rate_is_brought_to_what_is_wanted(funnel: fs.Funnel) -> None:
    changed = fs.WinRate.to(0.5, funnel, "Proof").apply(funnel)

    def rates(some: fs.Funnel) -> np.ndarray:
        routes = [observed_routes(h.first_age, some.mean_hazards(s)) for s, h in enumerate(some.hazards)]
        return win_rates(np.stack(routes), some.stages.is_won)

    proof = funnel.stages.codes["Proof"]
    assert rates(changed)[proof] == pytest.approx(0.5, abs=1e-9)
    for stage in range(proof):  # the steps before keep their conversion
        np.testing.assert_array_equal(changed.mean_hazards(stage), funnel.mean_hazards(stage))
    with pytest.raises(LeverError, match=r"win rate of 'Proof' cannot be 99.9"):
        fs.WinRate.to(0.999, funnel, "Proof")


def test_standardising_wholly_makes_all_classes_alike(funnel: fs.Funnel) -> None:
    assert funnel.classes is not None
    rng = np.random.default_rng(1)
    alike = funnel.classes.draw(rng, 1.0)
    assert np.ptp(alike, axis=0).max() < 1e-12
    half = fs.Standardise(0.5).apply(fs.Standardise(0.5).apply(funnel))
    assert half.changes.narrowing == pytest.approx(0.75)
    spread = [np.log(funnel.classes.draw(np.random.default_rng(2), n)).std(axis=0).sum() for n in (0.0, 0.75)]
    assert spread[1] == pytest.approx(0.25 * spread[0])


def test_outside_the_top_means_those_with_fewer_expected_wins(funnel: fs.Funnel) -> None:
    lever = fs.OutsideTop(fs.Conversion(1.3), 0.3)
    others, wins = lever.others(funnel), expected_wins(funnel, "owner")[0]
    best = [label for label in owners(funnel) if label not in others]
    assert len(best) == int(np.ceil(0.3 * len(owners(funnel))))
    of = dict(zip(owners(funnel), wins, strict=True))
    assert min(of[label] for label in best) >= max(of[label] for label in others)
    assert set(lever.apply(funnel).changes.classes) == {owners(funnel).index(label) for label in others}


def test_changes_survive_the_file_of_a_funnel(
    funnel: fs.Funnel, tmp_path: Path, history: fs.DealHistory
) -> None:
    some = owners(funnel)[0]
    some_more = fs.Together((fs.Volume(1.5), fs.Speed(1.2), fs.Conversion(1.1)))
    of_all = (fs.Yield(1.2), fs.Yield(1.1, of="new"), fs.Standardise(0.3), fs.Volume(1.2))
    every = fs.Together((*of_all, fs.Subset(some_more, "owner", (some,))))
    changed = every.apply(funnel)
    changed.save(tmp_path / "funnel.json")
    again = fs.Funnel.load(tmp_path / "funnel.json")
    np.testing.assert_allclose(means(again, history), means(changed, history), rtol=1e-9)


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        (fs.Subset(fs.Volume(1.2), "region", ("East",)), "by 'owner', not by 'region'"),
        (fs.Subset(fs.Volume(1.2), "owner", ("nobody",)), "no owner is called 'nobody'"),
        (
            fs.Subset(fs.Yield(1.2), "owner", ("%first",)),
            "one law for all .* fit a funnel to the deals of this",
        ),
        (fs.Subset(fs.Yield(1.2, of="new"), "owner", ("%first",)), "one law for all"),
        (fs.Subset(fs.Standardise(0.5), "owner", ("%first",)), "only volume, conversion and speed"),
        (fs.Hire(2), "only the discrete-event engine knows people"),
        (fs.SellingTime(0.3), "only the discrete-event engine knows people"),
        (fs.Together((fs.Volume(1.1), fs.Hire(1))), "only the discrete-event engine knows people"),
        (fs.WinRate(1.2, "Prof"), "did you mean"),
        (fs.OutsideTop(fs.Volume(1.1), 1.0), "leave nobody"),
        (fs.Custom("nothing", lambda funnel: None), "must return a Funnel"),
    ],
    ids=lambda value: value.name if isinstance(value, fs.Lever) else "",
)
def test_a_refused_lever_says_why(
    lever: fs.Lever, said: str, funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    if isinstance(lever, fs.Subset) and lever.values == ("%first",):
        lever = fs.Subset(lever.lever, "owner", owners(funnel)[:1])
    with pytest.raises(LeverError, match=said):
        fs.compare_levers(funnel, history.pipeline(), target=1e6, levers=[lever], engine=ENGINE)


def test_settings_out_of_range_are_refused() -> None:
    for make in (
        lambda: fs.Yield(0.0),
        lambda: fs.Yield(1.1, of="old"),  # type: ignore[arg-type]
        lambda: fs.Standardise(1.5),
        lambda: fs.OutsideTop(fs.Volume(1.1), -0.1),
        lambda: fs.Subset(fs.Volume(1.1), "owner", "Ada"),  # type: ignore[arg-type]
        lambda: fs.Subset(fs.Hire(1), "owner", ("Ada",)),
        lambda: fs.SellingTime(1.2),
        lambda: fs.Qualify("Qualify", catches=1.2),
        lambda: fs.Hire(-1),
        lambda: fs.Hire(2, ramp_days=90),
        lambda: fs.Subset(fs.Volume(1.1), "owner", ()),
        lambda: fs.MoreReferrals(-0.1, 30),
        lambda: fs.Ramp(0.0),
        lambda: fs.OutsideTop(fs.Volume(1.1), 0),
        lambda: fs.OutsideTop(fs.Volume(1.1), True),
        lambda: fs.OutsideTop(fs.Volume(1.1), np.nan),
        lambda: fs.OutsideTop(True),  # type: ignore[arg-type]
        lambda: fs.Subset(True, "owner", ("Ada",)),  # type: ignore[arg-type]
        lambda: fs.Subset(fs.Volume(1.1), "owner", (1,)),  # type: ignore[arg-type]
        lambda: fs.Together(()),
        lambda: fs.Collection(terms_days="14"),  # type: ignore[arg-type]
        lambda: fs.Collection(terms_days=-1),
        lambda: fs.Collection(terms_days=np.nan),
        lambda: fs.Collection(terms_days=True),
        lambda: fs.Speed(1.1, except_to="won"),  # type: ignore[arg-type]
        lambda: fs.Conversion.to("45 %", fs.sample_funnel(), "Proof"),  # type: ignore[arg-type]
        lambda: fs.Conversion.to(45, fs.sample_funnel(), "Proof"),
        lambda: fs.WinRate.to(np.nan, fs.sample_funnel(), "Proof"),
        lambda: fs.Custom("", lambda funnel: funnel),
        lambda: fs.Custom("mine", 3),  # type: ignore[arg-type]
    ):
        with pytest.raises(fs.FunnelsimError):
            make()


def test_no_lever_at_all_is_refused(funnel: fs.Funnel, history: fs.DealHistory) -> None:
    with pytest.raises(LeverError, match="no lever to compare"):
        fs.compare_levers(funnel, history.pipeline(), target=1e6, levers=[], engine=ENGINE)


def test_a_lever_of_ones_own_that_fails_is_named_and_keeps_the_cause(funnel: fs.Funnel) -> None:
    def broken(funnel: fs.Funnel) -> fs.Funnel:
        raise KeyError("spring")

    with pytest.raises(LeverError, match=r"'a fair in spring' failed: KeyError: 'spring'") as caught:
        fs.Custom("a fair in spring", broken).apply(funnel)
    assert isinstance(caught.value.__cause__, KeyError)


def test_shares_add_up_to_the_joint_effect_and_equal_levers_share_equally(
    funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    plain = fs.fit(history, calendar=False, level_period=None)
    twice = [fs.Volume(1.1), fs.Volume(1.1), fs.Speed(1.2)]
    compared = fs.compare_levers(
        plain, history.pipeline(), target=2_500_000, levers=twice, periods="2Q", engine=ENGINE
    )
    shares = compared.shares()
    joint = compared.situation.change_of_chance(compared.joint).value
    assert shares["share"].sum() == pytest.approx(joint, abs=1e-12)
    assert shares["share"].iloc[0] == pytest.approx(shares["share"].iloc[1], abs=1e-9)
    assert shares["alone"].iloc[2] == pytest.approx(compared.effect(2).value, abs=1e-12)


def test_shares_of_many_levers_come_from_orders_and_still_add_up(
    history: fs.DealHistory,
) -> None:
    plain = fs.fit(history, calendar=False, level_period=None)
    levers = [fs.Volume(1 + 0.02 * i) for i in range(1, 7)]
    compared = fs.compare_levers(
        plain, history.pipeline(), target=2_500_000, levers=levers, periods="2Q", engine=ENGINE
    )
    shares = compared.shares(n_orders=4)
    joint = compared.situation.change_of_chance(compared.joint).value
    assert shares["share"].sum() == pytest.approx(joint, abs=1e-12)
    assert shares["share"].is_monotonic_increasing
    with pytest.raises(LeverError, match="even number"):
        compared.shares(n_orders=3)


def test_an_interaction_is_what_a_pair_does_beyond_the_sum(history: fs.DealHistory) -> None:
    plain = fs.fit(history, calendar=False, level_period=None)
    levers = [fs.Volume(1.2), fs.Conversion(1.2)]
    compared = fs.compare_levers(
        plain, history.pipeline(), target=2_500_000, levers=levers, periods="2Q", engine=ENGINE
    )
    (row,) = compared.interactions().to_dict("records")
    both = fs.forecast(
        fs.Together(tuple(levers)).apply(plain),
        history.pipeline(),
        periods="2Q",
        target=2_500_000,
        engine=ENGINE,
    )
    change = both.chance().value - compared.base.chance().value
    assert row["together"] == pytest.approx(change, abs=1e-12)
    alone = compared.effect(0).value + compared.effect(1).value
    assert row["beyond_sum"] == pytest.approx(change - alone, abs=1e-12)


@pytest.mark.thorough
def test_people_levers_change_the_engine_and_keep_the_usual_team() -> None:
    history, work = fs.simulate_history(seed=1), fs.Work({"Qualify": 6.0, "Proof": 12.0})
    engine = fs.Events(fs.Team(fs.Rep.several(20)), work, n_futures=4, n_draws=2)
    situation = Situation(fs.sample_funnel(), history.pipeline(), 1e6, periods="1Q", engine=engine)
    changed = situation._with_people(fs.Together((fs.Hire(2), fs.SellingTime(0.4))))
    assert isinstance(changed, fs.Events)
    assert len(changed.team.reps) == 22
    assert changed.team.selling_share == 0.4
    assert changed.usual_team == engine.team
    assert situation.under(fs.Hire(2)).capacity is not None
    with pytest.raises(EngineError):
        fs.Exact(n_draws=1)


def test_the_engine_that_walks_deals_refuses_the_volume_of_some_classes(
    funnel: fs.Funnel, history: fs.DealHistory
) -> None:
    """It draws new deals of all classes from one flow, and would leave the lever without effect."""
    engine = fs.Events(n_futures=10, n_draws=10)
    lever = fs.Subset(fs.Volume(2.0), "owner", owners(funnel)[:1])
    with pytest.raises(EngineError, match="use Exact"):
        fs.forecast(lever.apply(funnel), history.pipeline(), periods="1Q", engine=engine)


@pytest.mark.thorough
def test_under_capacity_levers_commute_but_do_not_add_up() -> None:
    """More leads bring more once there are hands for them: 3.4 wins, 13 standard errors, in 60 futures.

    Where nobody runs out of hours the order of levers and the company of another on hours change nothing.
    """
    scenario = fs.read_scenario("telesales")
    assert scenario.team is not None
    assert scenario.work is not None
    more, hands = fs.Volume(2.5), fs.Hire(6)

    def wins(*levers: fs.Lever) -> np.ndarray:
        funnel, team, work = scenario.funnel, scenario.team, scenario.work
        for lever in levers:
            funnel = lever.apply(funnel)
            if isinstance(lever, fs.Hire):
                team, work = lever.apply_to_people(team, work)
        engine = fs.Events(team, work, usual_team=scenario.team, n_futures=60, n_draws=60)
        outlook = fs.forecast(funnel, scenario.pipeline, periods="4W", measure="wins", engine=engine)
        return outlook.draws("wins").sum(axis=1)

    together = wins(more, hands)
    np.testing.assert_array_equal(together, wins(hands, more))  # they are put on in any order
    beyond = (together - wins(hands)) - (wins(more) - wins())
    assert beyond.mean() > 4 * beyond.std(ddof=1) / np.sqrt(len(beyond))
