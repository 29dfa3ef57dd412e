"""Who works on what next: skills, owners, rules, hand-over; and what deals do besides waiting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import simpy
from scipy import stats

import funnelsim as fs
from funnelsim.engines.events.asks import queue_key
from funnelsim.engines.events.hours import WorkClock
from funnelsim.engines.events.pool import Pool, RepAtWork, Task, later
from funnelsim.engines.protocol import EngineError
from funnelsim.numerics.amounts import Amounts

EVERY_DAY = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ROUND_THE_CLOCK = {"selling_share": 1.0, "hours_per_day": 24.0, "opens_at": 0, "working_days": EVERY_DAY}


class Bench:
    """A pool with one hour a step per rep, and a diary of who began what, when."""

    def __init__(self, *skills: tuple[int, ...], n_skills: int = 1) -> None:
        self.env, self.diary, self.given_up = simpy.Environment(), [], []
        self.pool = Pool(self.env, n_skills, self._began, lambda task, rep: None, self.given_up.append)
        self.reps = [RepAtWork(i, WorkClock(np.ones(1000)), skill) for i, skill in enumerate(skills)]
        self.names: dict[Task, str] = {}

    def _began(self, task: Task, rep: RepAtWork) -> None:
        self.diary.append((self.names[task], rep.number, self.env.now))

    def ask(self, at: float, name: str, task: Task) -> None:
        self.names[task] = name
        later(self.env, at, lambda _: self.pool.ask(task))


def test_reps_take_only_deals_they_have_the_skill_for() -> None:
    bench = Bench((0,), (1,), (), n_skills=2)
    bench.pool.join(bench.reps)
    for i in range(4):
        bench.ask(0.0, f"one {i}", Task(hours=1.0, skill=1))
    bench.ask(0.5, "zero", Task(hours=1.0, skill=0))
    bench.env.run()
    assert bench.diary == [
        ("one 0", 1, 0),
        ("one 1", 2, 0),
        ("zero", 0, 0.5),
        ("one 2", 1, 1),
        ("one 3", 2, 1),
    ]


def test_a_deal_waits_for_its_own_rep_while_others_are_idle() -> None:
    bench = Bench((), ())
    bench.pool.join(bench.reps)
    busy = Task(hours=5.0, owner=bench.reps[0])
    bench.ask(0.0, "busy", busy)
    bench.ask(1.0, "its own", Task(hours=1.0, owner=bench.reps[0]))
    bench.ask(1.0, "anyone's", Task(hours=1.0))
    bench.env.run()
    assert bench.diary == [("busy", 0, 0), ("anyone's", 1, 1), ("its own", 0, 5)]


def test_who_has_been_idle_longest_goes_first_and_keys_order_the_queue() -> None:
    bench = Bench((), ())
    bench.pool.join(bench.reps)
    for i, (at, key) in enumerate([(0.0, 5.0), (0.5, 5.0), (0.6, 3.0), (0.7, 1.0), (0.8, 3.0)]):
        bench.ask(at, str(i), Task(hours=1.0, key=key))
    bench.env.run()
    assert [name for name, _, _ in bench.diary] == ["0", "1", "3", "2", "4"]


def test_a_leaver_hands_over_what_is_left_and_what_waited() -> None:
    bench = Bench((), ())
    bench.pool.join(bench.reps[:1])
    first, second = bench.reps
    bench.ask(0.0, "in hand", Task(hours=4.0, owner=first))
    bench.ask(0.5, "waits", Task(hours=1.0, owner=first))

    def leave(_: simpy.Event) -> None:
        left_over = bench.pool.leave(first)
        assert [(bench.names[task], task.hours) for task in left_over] == [("in hand", 1.0), ("waits", 1.0)]
        bench.pool.join([second])
        for task in left_over:
            bench.pool.ask(task)

    later(bench.env, 3.0, leave)
    bench.env.run()
    assert bench.diary == [("in hand", 0, 0), ("in hand", 1, 3.0), ("waits", 1, 4.0)]


def test_patience_runs_out_only_for_those_who_still_wait() -> None:
    bench = Bench(())
    bench.pool.join(bench.reps)
    bench.ask(0.0, "served", Task(hours=3.0, patience=0.1))
    bench.ask(1.0, "leaves", Task(hours=1.0, patience=1.5))
    bench.ask(1.0, "stays", Task(hours=1.0, patience=2.5))
    bench.env.run()
    assert [name for name, _, _ in bench.diary] == ["served", "stays"]
    assert [bench.names[task] for task in bench.given_up] == ["leaves"]


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("first come", "b"),
        ("oldest", "a"),
        ("strongest intent", "c"),
        ("largest value", "d"),
        ("value per hour", "e"),
    ],
)
def test_each_rule_puts_another_deal_first(rule: str, first: str) -> None:
    #        asked began intent amount hours
    deals = {
        "a": (5.0, 0.0, 0.3, 50.0, 10.0),
        "b": (1.0, 1.0, 0.3, 50.0, 10.0),
        "c": (5.0, 4.0, 0.9, 20.0, 10.0),
        "d": (5.0, 4.0, 0.2, 99.0, 10.0),
        "e": (5.0, 4.0, 0.4, 60.0, 5.0),
    }
    assert min(deals, key=lambda name: queue_key(rule, *deals[name])) == first


# --- in the engine


@pytest.mark.thorough
def test_territories_wait_longer_than_a_common_pool(one_stage) -> None:
    """Two territories of load 0.8 are two queues for one rep each; together they are one queue for two.

    Theory (Erlang C): 4 days of wait against 1.78. d: 40 % of either.
    """
    funnel, n = one_stage.funnel, 250
    pipeline = one_stage.pipeline(attributes={"region": np.empty(0, object)})
    apart = fs.Team(
        (fs.Rep("e", skills=("East",)), fs.Rep("w", skills=("West",))),
        skill_attribute="region",
        skill_shares={"East": 0.5, "West": 0.5},
        keeps_deals=False,
        **ROUND_THE_CLOCK,
    )
    together = replace(apart, reps=fs.Rep.several(2))
    funnel = replace(funnel, arrivals=replace(funnel.arrivals, mean_per_block=1.6))
    periods = ["2026-10-01", "2027-01-01", "2029-09-01"]  # the first is a warm-up
    for team, days in ((apart, 4.0), (together, 0.8**2 / (1 - 0.8**2))):
        engine = fs.Events(team, fs.Work({"s": 24.0}), customer_share=1.0, n_futures=n // 10, n_draws=n // 10)
        _, capacity = one_stage.run(engine, pipeline, periods, funnel=funnel)
        wait = capacity.wait("s", capacity.labels[1])
        assert abs(wait.value - days) < 4 * wait.standard_error, (wait, days)
        assert 7 * wait.standard_error < 0.4 * days


SHORT = fs.Team(fs.Rep.several(7), selling_share=0.25, keeps_deals=False)


def test_with_hours_short_the_rule_decides_what_is_booked(one_stage) -> None:
    """Largest value first books more than first come, with as many wins: 2.5 of 6 deals a day are worked on.

    All deals of 37 (one in four, 1.5 a day) are worked on then, and 1 a day of the others: 14 times what
    0.4 of the deals at the mean amount of 10 bring.
    """
    law = Amounts(np.array([1.0, 37.0]), np.array([0.75, 0.25]), is_certain=True)
    funnel = replace(
        one_stage.funnel, amounts=law, arrivals=replace(one_stage.funnel.arrivals, mean_per_block=6.0)
    )
    periods, found = ["2026-10-01", "2026-11-19", "2027-01-07"], {}
    for rule in ("first come", "largest value"):
        work = fs.Work({"s": 4.0}, rule=rule)
        engine = fs.Events(SHORT, work, customer_share=1.0, n_futures=60, n_draws=30)
        outlook, _ = one_stage.run(engine, periods=periods, funnel=funnel)
        found[rule] = outlook.law("2026-11-19 to 2027-01-07", "bookings").mean_by_draw(), outlook
    expected = {"first come": 0.4 * 49 * 2.5 * 10.0, "largest value": 0.4 * 49 * (1.5 * 37 + 1.0)}
    for rule, (bookings, outlook) in found.items():
        error = bookings.std(ddof=1) / np.sqrt(len(bookings))
        assert abs(bookings.mean() - expected[rule]) < 4 * error + 0.02 * expected[rule], rule
        wins = one_stage.wins(outlook, "2026-11-19 to 2027-01-07")
        assert abs(wins.value - 0.4 * 49 * 2.5) < 4 * wins.standard_error


def test_a_check_spares_the_hours_of_bad_leads_and_costs_no_win(one_stage) -> None:
    """All 6 in 10 that will be lost are dropped at the door: wins stay, deal by deal, hours are 0.4 of it."""
    engine = fs.Events(SHORT, fs.Work({"s": 4.0}, spread=0.0), n_futures=20, n_draws=10)
    check = fs.Qualification("s", catches=1.0, mistakes=0.0)
    checked = replace(engine, work=replace(engine.work, qualification=check))
    plain, used = one_stage.run(replace(engine, customer_share=1.0))
    lean, spared = one_stage.run(replace(checked, customer_share=1.0))
    assert lean.mean(None, "wins").value >= plain.mean(None, "wins").value
    ratio = spared.use().value / used.use().value
    assert ratio == pytest.approx(0.4, abs=0.03)
    assert spared.disqualified.sum() == pytest.approx(1.5 * spared.asked.sum(), rel=0.08)
    free = replace(engine, work=fs.Work())
    np.testing.assert_array_equal(  # with nothing to wait for, the check changes nothing at all
        one_stage.run(free)[0].outcome.new_wins,
        one_stage.run(replace(free, work=fs.Work(qualification=check)))[0].outcome.new_wins,
    )


def test_a_check_with_hours_and_mistakes_costs_both(one_stage) -> None:
    check = fs.Qualification("s", catches=0.0, mistakes=0.5, hours=1.0)
    engine = fs.Events(SHORT, fs.Work(qualification=check), n_futures=60, n_draws=30)
    outlook, capacity = one_stage.run(engine)
    plain, _ = one_stage.run(replace(engine, work=fs.Work()))
    ratio = outlook.mean(None, "wins").value / plain.mean(None, "wins").value
    assert ratio == pytest.approx(0.5, abs=0.05)
    assert capacity.worked.sum() / capacity.asked.sum() == pytest.approx(1.0, abs=0.05)


def test_parked_losses_come_back_when_the_timer_rings(case_of) -> None:
    """Half are won the day after they enter; the others wake 10 days later: 1/2, 3/4, 7/8 by and by."""
    case = case_of({"s": [0.0, 0.5, 0.5]}, 0.0)
    engine = fs.Events(
        work=fs.Work(parking=fs.Parking(share=1.0, wake_up_days=10.0, stage="s")), n_futures=40, n_draws=20
    )
    outlook, _ = case.run(
        engine, case.pipeline([0] * 100), ["2026-10-01", "2026-10-08", "2026-10-19", "2026-10-30"]
    )
    by_period = outlook.outcome.open_wins.mean(axis=0) / 100
    n = 40 * 100
    for found, chance in zip(by_period, (0.5, 0.25, 0.125), strict=True):
        assert abs(found - chance) < 4 * np.sqrt(chance * (1 - chance) / n)


def test_wins_bring_leads_which_are_won_in_turn(case_of) -> None:
    """Every deal is won the day after it enters; each win brings half a lead after 5 days: a geometric sum.

    100 deals bring 50, these 25, and so on: 200 wins in the end.
    """
    case = case_of({"s": [0.0, 1.0, 0.0]}, 0.0)
    engine = fs.Events(
        work=fs.Work(leads_from_wins=fs.LeadsFromWins(0.5, lag_days=5.0, in_arrivals=False)),
        n_futures=60,
        n_draws=30,
    )
    outlook, _ = case.run(engine, case.pipeline([0] * 100), "12M")
    wins = case.wins(outlook)
    assert abs(wins.value - 200.0) < 4 * wins.standard_error
    assert wins.standard_error < 4


@pytest.mark.slow
def test_leads_that_wins_always_brought_are_not_counted_twice(one_stage) -> None:
    """As before: 2 deals a day, 0.8 wins a day, of which 0.4 leads each. With more conversion: more leads.

    d: 3 % of the wins. Odds of 9/4 bring 0.6 of deals to a win: fresh leads 1.68 a day, and 0.4 * wins.
    """
    cutoff = int(one_stage.funnel.clock.step_of("2026-09-30"))
    day = np.repeat(np.arange(cutoff - 365, cutoff + 1), 4)
    pipeline = one_stage.pipeline([0] * 20, list(range(20)), won_step=day[::5], won_amount=day[::5])
    bring = fs.LeadsFromWins(0.4, lag_days=20.0)
    plain = fs.Events(n_futures=240, n_draws=60)
    with_leads = replace(plain, work=fs.Work(leads_from_wins=bring))
    periods = ["2026-10-01", "2027-03-01", "2027-07-01"]
    one, other = (one_stage.run(engine, pipeline, periods)[0] for engine in (with_leads, plain))
    gap = one.law(None, "wins").mean_by_draw() - other.law(None, "wins").mean_by_draw()
    assert abs(gap.mean()) < 4 * gap.std(ddof=1) / np.sqrt(len(gap))
    better = fs.Conversion(2.25).apply(one_stage.funnel)
    more = one_stage.wins(
        one_stage.run(with_leads, pipeline, periods, funnel=better)[0], "2027-03-01 to 2027-07-01"
    )
    expected = 122 * 0.6 * 1.68 / (1 - 0.4 * 0.6)
    assert abs(more.value - expected) < 4 * more.standard_error


def test_wins_cannot_have_brought_more_than_all_that_arrived(one_stage) -> None:
    engine = fs.Events(work=fs.Work(leads_from_wins=fs.LeadsFromWins(3.0, 20.0)))
    with pytest.raises(EngineError, match="3 leads per win are more than all arrivals"):
        one_stage.run(engine)


# --- departures


def departing(lost: float, **settings: object) -> fs.Events:
    reps = (fs.Rep("stays"), fs.Rep("leaves", leave="2026-10-11"))
    team = fs.Team(reps, lost_with_leaver=lost, **ROUND_THE_CLOCK, **settings)
    return fs.Events(team, fs.Work({"s": 0.1}), customer_share=1.0, n_futures=40, n_draws=20)


def test_deals_of_a_leaver_are_lost_or_handed_over(one_stage) -> None:
    """100 deals of the leaver, 10 days at a rate of 0.1 a day, 0.35 of them still open then: lost, or not."""
    owner = np.array(["leaves"] * 100 + ["stays"] * 100, dtype=object)
    pipeline = one_stage.pipeline([0] * 200, [5] * 200, attributes={"owner": owner})
    funnel = replace(one_stage.funnel, arrivals=replace(one_stage.funnel.arrivals, mean_per_block=0.0))
    found = {}
    for lost in (0.0, 1.0):
        outlook, capacity = one_stage.run(departing(lost), pipeline, "4M", funnel=funnel)
        found[lost] = outlook.deals.chance.sum(axis=1), capacity.left_with_rep.sum(axis=1)
    still_open = 0.9**10
    assert found[0.0][1].max() == 0
    n = 40 * 100
    for chance, expected in (
        (found[1.0][0][:100].mean(), 0.4 * (1 - still_open)),
        (found[1.0][0][100:].mean(), 0.4),
        (found[0.0][0].mean(), 0.4),
    ):
        assert abs(chance - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    assert abs(found[1.0][1].mean() - 100 * still_open) < 4 * np.sqrt(100 * 0.35 * 0.65 / 40)
    assert stats.binom(100, still_open).ppf(1e-6) < found[1.0][1].min()
