"""Input at the edge of what is possible: a right answer or a refusal with the way out; one answer a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.capacity import CapacityError
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.team import TeamError

TEAM = fs.Team(fs.Rep.several(7), selling_share=0.25)
WORK = fs.Work({"s": 4.0})
FEW = {"n_futures": 6, "n_draws": 3}
WITH_WORK, FREE = fs.Events(TEAM, WORK, **FEW), fs.Events(**FEW)
both = pytest.mark.parametrize("engine", [WITH_WORK, FREE], ids=["with work", "free"])


def without_arrivals(funnel: fs.Funnel) -> fs.Funnel:
    return replace(funnel, arrivals=replace(funnel.arrivals, mean_per_block=0.0, entry_counts=np.zeros(1)))


@both
def test_no_open_deals_and_no_arrivals_bring_nothing(one_stage, engine) -> None:
    outlook, capacity = one_stage.run(engine, funnel=without_arrivals(one_stage.funnel))
    assert outlook.draws("bookings").sum() == 0
    assert outlook.by_deal().empty
    assert capacity.asked.sum() == capacity.worked.sum() == 0
    assert capacity.table().loc["total", "backlog_deals"] == 0
    assert np.isnan(capacity.wait("s").value)


@both
def test_no_arrivals_leave_the_open_deals(one_stage, engine) -> None:
    outlook, _ = one_stage.run(
        engine, one_stage.pipeline([0] * 50), "24M", funnel=without_arrivals(one_stage.funnel)
    )
    assert outlook.outcome.new_wins.sum() == 0
    wins = outlook.outcome.open_wins.sum(axis=1)
    assert abs(wins.mean() - 20) < 4 * np.sqrt(50 * 0.4 * 0.6 / 6)


@both
def test_one_deal_worth_more_than_all_others_and_amounts_of_zero(one_stage, engine) -> None:
    amount = np.array([1e9, 0.0, 0.0, np.nan, 3.0])
    outlook, _ = one_stage.run(engine, one_stage.pipeline([0] * 5, amount=amount), "12M")
    bookings, wins = outlook.outcome.open_bookings.sum(axis=1), outlook.outcome.open_wins.sum(axis=1)
    assert set(np.unique(bookings // 1e9)) <= {0.0, 1.0}
    assert ((bookings % 1e9) <= 13.0).all()
    assert wins.max() <= 5


@both
def test_one_period_of_one_day(one_stage, engine) -> None:
    outlook, capacity = one_stage.run(engine, one_stage.pipeline([0] * 40), ["2026-10-01", "2026-10-02"])
    assert outlook.draws("wins").shape == (6, 1)
    assert 0 <= outlook.mean(None, "wins").value <= 10
    assert (capacity.worked <= capacity.available + 1e-9).all()


@pytest.mark.parametrize(
    ("day", "holidays"), [("2026-10-01", ("2026-10-01",)), ("2026-10-03", ())], ids=["holiday", "Saturday"]
)
def test_on_a_day_off_deals_wait(one_stage, day, holidays) -> None:
    """Nothing is worked on; only deals whose work was done by then can still be won."""
    next_day = str(np.datetime64(day) + 1)
    engine = replace(WITH_WORK, team=replace(TEAM, holidays=holidays))
    outlook, capacity = one_stage.run(engine, one_stage.pipeline([0] * 40), [day, next_day])
    assert capacity.worked[..., -1].sum() == 0
    assert np.isnan(capacity.use().value)
    assert capacity.waiting_deals[:, -1].min() > 0
    assert outlook.outcome.new_wins[:, -1].sum() == 0


def test_a_rep_who_is_not_there_yet_works_no_hour(one_stage) -> None:
    team = replace(TEAM, reps=(*TEAM.reps, fs.Rep("late", start="2031-01-01")))
    with_late, capacity = one_stage.run(replace(WITH_WORK, team=team), one_stage.pipeline([0] * 20))
    without, _ = one_stage.run(WITH_WORK, one_stage.pipeline([0] * 20))
    np.testing.assert_array_equal(with_late.draws("wins"), without.draws("wins"))
    assert capacity.by_rep().loc["late", ["available", "worked"]].sum() == 0


@pytest.mark.parametrize(("step", "per_step"), [("hour", 0.05), ("month", 20.0)])
def test_clocks_of_hours_and_of_months(case_of, step, per_step) -> None:
    case = case_of({"s": [0.0, 0.04, 0.06]}, per_step, step=step)
    outlook, capacity = case.run(WITH_WORK, case.pipeline([0] * 5))
    assert (capacity.worked <= capacity.available + 1e-9).all()
    assert 0 < outlook.mean(None, "wins").value < 60
    assert capacity.asked.sum() > 0


def test_when_all_reps_leave_what_is_not_worked_on_waits(one_stage) -> None:
    reps = tuple(fs.Rep(f"r{i}", leave="2026-10-10") for i in range(7))
    outlook, capacity = one_stage.run(replace(WITH_WORK, team=replace(TEAM, reps=reps)))
    assert capacity.worked[..., 1:].sum() == 0
    assert (np.diff(capacity.waiting_deals, axis=1) > 0).all()
    assert outlook.outcome.new_wins[:, 2].mean() < 3


@both
def test_ten_years_by_month(one_stage, engine) -> None:
    outlook, capacity = one_stage.run(replace(engine, n_futures=2, n_draws=2), periods="120M")
    assert outlook.draws("wins").shape == (2, 120)
    wins = outlook.mean(None, "wins")
    assert abs(wins.value - 0.8 * 3652) < 5 * np.sqrt(0.8 * 3652 / 2)
    assert len(capacity.table()) == 121


@both
def test_a_stage_nobody_leaves(case_of, engine) -> None:
    case = case_of({"s": [0.0, 0.1, 0.2, 0.1], "dead": [0.0, 0.0, 0.0, 0.0]}, 1.0)
    outlook, _ = case.run(engine, case.pipeline([1] * 30), "12M")
    assert outlook.outcome.open_wins.sum() == 0
    assert outlook.outcome.new_wins.sum() > 0
    every = replace(engine, team=TEAM, work=fs.Work({"s": 1.0, "dead": 2.0}))
    stuck, capacity = case.run(every, case.pipeline([1] * 30), "12M")
    assert stuck.outcome.open_wins.sum() == 0
    assert capacity.by_stage().loc["dead", "requests"] > 0


@pytest.mark.parametrize(
    "team",
    [
        fs.Team(),
        replace(TEAM, selling_share=0.0),
        replace(TEAM, hours_per_day=0.0),
        replace(TEAM, working_days=()),
        fs.Team(fs.Rep.several(3, start="2030-01-01")),
    ],
    ids=["nobody", "no selling", "no hours", "no days", "later"],
)
def test_work_without_an_hour_for_it_is_refused(one_stage, team) -> None:
    with pytest.raises(EngineError, match="there is work to do and nobody has an hour for it"):
        one_stage.run(fs.Events(team, WORK, **FEW))
    one_stage.run(fs.Events(team, fs.Work({"s": 0.0}), **FEW))  # without work nobody is needed


def test_what_cannot_be_honoured_is_refused_with_the_way_out(one_stage) -> None:
    refused = {
        "'t' is no open stage": (TeamError, fs.Events(TEAM, fs.Work({"t": 1.0}))),
        "'won' is no open stage": (TeamError, fs.Events(work=fs.Work(parking=fs.Parking(0.1, 9, "won")))),
        "customer_share: 't' is no open stage of this funnel; open stages are s": (
            EngineError,
            fs.Events(TEAM, WORK, customer_share={"s": 0.5, "t": 0.5}),
        ),
        r"customer_share: 'S.' is no open stage .* did you mean 's'": (
            EngineError,
            fs.Events(customer_share={"S ": 0.5}),
        ),
        "customer_share has no 's', which needs 4 hours": (
            EngineError,
            fs.Events(TEAM, WORK, customer_share={}),
        ),
    }
    for words, (error, engine) in refused.items():
        with pytest.raises(error, match=words):
            one_stage.run(engine)
    impatient = fs.Events(replace(TEAM, reps=TEAM.reps[:2]), fs.Work({"s": 4.0}, patience_days={"s": 1.0}))
    with pytest.raises(EngineError, match="would have been lost by neglect, but the history lost 60 %"):
        one_stage.run(impatient)
    crowd = replace(one_stage.funnel, arrivals=replace(one_stage.funnel.arrivals, mean_per_block=50.0))
    with pytest.raises(EngineError, match="use MonteCarlo"):
        one_stage.run(FREE, funnel=fs.Volume(1000.0).apply(crowd))
    no_money = replace(one_stage.funnel, amounts=None)
    with pytest.raises(EngineError, match="needs amounts and no won deal has one"):
        one_stage.run(fs.Events(TEAM, replace(WORK, rule="largest value")), funnel=no_money)
    for settings in ({"workers": 0}, {"n_draws": 1}, {"n_futures": 2, "n_draws": 3}):
        with pytest.raises(EngineError):
            fs.Events(**settings)


def test_skills_by_the_attribute_of_the_classes_are_refused(one_stage) -> None:
    """Class and skill of a new deal would be drawn apart, and a deal of the east need a rep for the west."""
    one, base = np.ones((1, 1, 3)), (np.ones((3, 3)),)
    classes = Classes(("region",), ("East",), one, 1e6 * one, base, np.ones((1, 1)))
    by_class = replace(one_stage.funnel, classes=classes)
    with pytest.raises(EngineError, match="rates of their 'region', and skills speak of it, too"):
        one_stage.run(fs.Events(replace(TEAM, skill_attribute="region"), WORK, **FEW), funnel=by_class)
    one_stage.run(WITH_WORK, funnel=by_class)


def test_skills_that_nobody_has_or_that_are_not_recorded_are_refused(one_stage) -> None:
    team = fs.Team((fs.Rep("e", skills=("East",)),), skill_attribute="region", selling_share=1.0)
    engine = fs.Events(team, fs.Work({"s": 0.5}), customer_share=1.0, **FEW)
    with pytest.raises(EngineError, match="open deals have no attribute 'region'; their attributes are none"):
        one_stage.run(engine, one_stage.pipeline([0]))
    west = one_stage.pipeline([0, 0], attributes={"region": np.array(["East", "West"], dtype=object)})
    with pytest.raises(EngineError, match="nobody takes deals with region 'West'"):
        one_stage.run(engine, west)
    with pytest.raises(EngineError, match=r"give skill_shares"):
        one_stage.run(engine)
    missing = one_stage.pipeline([0, 0], attributes={"region": np.array(["East", None], dtype=object)})
    one_stage.run(engine, missing)


def full_engine(**settings: object) -> fs.Events:
    """Everything at once."""
    team = replace(
        TEAM,
        attrition_per_year=2.0,
        replaced_after_days=10.0,
        lost_with_leaver=0.3,
        reps=(*TEAM.reps, *fs.Rep.several(2, name="new", start="2026-11-01", ramp_days=30)),
    )
    work = fs.Work(
        {"s": 4.0},
        rule="value per hour",
        patience_days={"s": 20.0},
        parking=fs.Parking(0.2, 20.0, "s"),
        qualification=fs.Qualification("s", 0.3, 0.05, 0.5),
        leads_from_wins=fs.LeadsFromWins(0.2, 30.0),
    )
    return fs.Events(team, work, **settings)


@pytest.fixture
def busy(one_stage):
    arrivals = replace(one_stage.funnel.arrivals, dispersion=0.2, worth_blocks=50.0)
    cutoff = int(one_stage.funnel.clock.step_of("2026-09-30"))
    won = cutoff - np.arange(0, 360, 5)
    pipeline = one_stage.pipeline([0] * 30, list(range(30)), won_step=won, won_amount=won, unrecorded_steps=4)
    return replace(one_stage.funnel, arrivals=arrivals), pipeline


@pytest.mark.usefixtures("all_threads")
@pytest.mark.thorough
def test_one_seed_one_answer_for_any_number_of_workers(one_stage, busy) -> None:
    funnel, pipeline = busy
    runs = [
        one_stage.run(full_engine(n_futures=12, n_draws=4, workers=workers), pipeline, "3M", seed, funnel)
        for workers, seed in ((1, 5), (2, 5), (1, 6))
    ]
    for name in ("open_wins", "new_wins", "open_bookings", "new_bookings"):
        one, other, third = (getattr(outlook.outcome, name) for outlook, _ in runs)
        np.testing.assert_array_equal(one, other)
        assert name.startswith("open") or not np.array_equal(one, third)
    for name in ("worked", "waited", "neglected", "left_with_rep", "disqualified", "waiting_hours"):
        np.testing.assert_array_equal(getattr(runs[0][1], name), getattr(runs[1][1], name))
        assert getattr(runs[0][1], name).sum() > 0, name


def test_hours_worked_never_exceed_those_there_are(one_stage, busy) -> None:
    funnel, pipeline = busy
    _, capacity = one_stage.run(full_engine(n_futures=20, n_draws=10), pipeline, "3M", 5, funnel)
    assert (capacity.worked <= capacity.available + 1e-6).all()
    assert capacity.use().value < 1
    table = capacity.table()
    assert table.filter(like="_se").notna().all(axis=None)
    assert capacity.by_rep()["worked"].sum() == pytest.approx(capacity.worked.sum() / 20)
    with pytest.raises(CapacityError, match="no rep is called 'x'; they are rep 1, rep 2"):
        capacity.use("x")
    assert capacity.by_stage()["neglected"].sum() == pytest.approx(table.loc["total", "neglected"])


def test_the_engine_answers_through_the_front_door(one_stage) -> None:
    outlook = fs.forecast(
        one_stage.funnel, one_stage.pipeline([0] * 5), periods="2M", target=100.0, engine=WITH_WORK
    )
    assert outlook.engine == "discrete events"
    assert 0 <= outlook.chance().value <= 1
    assert outlook.by_deal()["chance"].between(0, 1).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"team": "x"}, r"team must be a Team, such as team=Team\(Rep.several\(5\)\), not 'x'"),
        ({"team": fs.Rep.several(2)}, "team must be a Team"),
        ({"work": {}}, r"work must be a Work, such as .* not \{\}"),
        ({"work": None}, "work must be a Work"),
        ({"usual_team": 3}, "usual_team must be a Team"),
        ({"n_futures": 1.5}, "n_futures=1.5 must be a whole number"),
        ({"n_draws": "9"}, "n_draws='9' must be a whole number"),
        ({"workers": True}, "workers=True must be a whole number"),
        (
            {"customer_share": 1.2},
            "customer_share must be a number between 0 and 1, .* not 1.2; leave it out",
        ),
        ({"customer_share": "0.5"}, "customer_share must be a number"),
        ({"customer_share": True}, "customer_share must be a number"),
        ({"customer_share": float("nan")}, "customer_share must be a number"),
        ({"customer_share": {"s": -0.1}}, "customer_share of 's' must be a number .* not -0.1"),
        ({"customer_share": [0.5]}, "customer_share must be a number"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused_at_once(settings: dict[str, object], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        fs.Events(**settings)


def test_leads_that_would_feed_themselves_are_refused_before_the_run(one_stage) -> None:
    """Four in ten leads are won: from 2.5 leads per win on, each win brings another, without end."""

    def run(per_win: float, **work: object) -> None:
        brought = fs.LeadsFromWins(per_win, 5.0, in_arrivals=False)
        one_stage.run(fs.Events(work=fs.Work(leads_from_wins=brought, **work), **FEW), periods="1M")

    with pytest.raises(
        EngineError, match=r"10 leads per win, of which 40\.0 % are won: each win brings 4 fur"
    ):
        run(10.0)
    with pytest.raises(EngineError, match=r"give fewer than 2\.5 leads per win"):
        run(2.51)
    run(2.4)
    run(2.51, qualification=fs.Qualification("s", 0.0, mistakes=0.1))
    # Half of the lost come back: 0.4 / (1 - 0.6 * 0.5) = 57 % are won in the end.
    with pytest.raises(EngineError, match=r"2 leads per win, of which 57\.1 % are won"):
        run(2.0, parking=fs.Parking(0.5, 10.0, "s"))
    better = fs.Conversion(3.0).apply(one_stage.funnel)
    with pytest.raises(EngineError, match=r"2 leads per win, of which 66\.7 % are won"):
        one_stage.run(
            fs.Events(work=fs.Work(leads_from_wins=fs.LeadsFromWins(2.0, 5.0, False)), **FEW), funnel=better
        )
