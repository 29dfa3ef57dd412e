"""Working hours, ramps, hiring and departures, held against sums done by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.events.hours import WorkClock
from funnelsim.engines.events.staff import Staff, open_hours
from funnelsim.nouns.team import TeamError

DAY = fs.Clock("day")
THURSDAY = int(DAY.step_of("2026-10-01"))


def steps(first: str, n: int, clock: fs.Clock = DAY) -> np.ndarray:
    return int(clock.step_of(first)) + np.arange(n)


def test_hours_of_a_week_with_a_holiday() -> None:
    team = fs.Team(selling_share=0.25, holidays=("2026-10-02",))
    found = open_hours(team, DAY, steps("2026-10-01", 7))  # Thursday to Wednesday
    np.testing.assert_allclose(found, [2, 0, 0, 0, 2, 2, 2])


def test_hours_of_weeks_and_months_add_their_days() -> None:
    team = fs.Team(selling_share=0.5)
    week, month = fs.Clock("week"), fs.Clock("month")
    np.testing.assert_allclose(open_hours(team, week, steps("2026-09-28", 2, week)), [20, 20])
    np.testing.assert_allclose(open_hours(team, month, steps("2026-10-01", 2, month)), [22 * 4, 21 * 4])


def test_hours_of_a_day_on_a_clock_of_hours() -> None:
    """From 9 on for seven and a half hours; none at night, none on Saturday."""
    team, hour = fs.Team(selling_share=1.0, hours_per_day=7.5), fs.Clock("hour")
    found = open_hours(team, hour, steps("2026-10-02T00:00", 48, hour))
    assert found.nonzero()[0].tolist() == list(range(9, 17))
    assert found[9:17].tolist() == [1, 1, 1, 1, 1, 1, 1, 0.5]


def test_the_clock_of_hours_and_its_inverse_agree() -> None:
    clock = WorkClock(np.array([0.0, 8.0, 0.0, 0.0, 4.0]))
    for hours, moment in [(0.0, 0.0), (2.0, 1.25), (8.0, 2.0), (9.0, 4.25), (12.0, 5.0), (12.1, np.inf)]:
        assert clock.when(hours) == moment
        if np.isfinite(moment):
            assert clock.hours_by(moment) == hours
    assert clock.hours_by(3.5) == 8.0
    assert clock.hours_by(99.0) == 12.0


def staff(reps: tuple[fs.Rep, ...], n: int = 100, **settings: object) -> Staff:
    every_day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    team = fs.Team(reps, selling_share=1.0, hours_per_day=10, working_days=every_day, **settings)
    return Staff(team, DAY, THURSDAY, n)


def test_a_hire_ramps_up_evenly_from_the_first_day() -> None:
    found = staff((fs.Rep("new", start="2026-10-11", ramp_days=40, ramp_from=0.2),))
    (stint,) = found.stints(None)
    assert (stint.comes, stint.leaves) == (10.0, np.inf)
    hours = [stint.rep.clock.hours_by(day) for day in (10, 20, 50, 60)]
    np.testing.assert_allclose(hours, [0, 10 * 10 * (0.2 + 0.8 * 5 / 40), 40 * 10 * 0.6, 40 * 10 * 0.6 + 100])


def test_a_ramp_that_began_before_the_cutoff_goes_on() -> None:
    (stint,) = staff((fs.Rep("new", start="2026-09-21", ramp_days=20),)).stints(None)
    assert stint.comes == 0.0
    assert stint.rep.clock.hours_by(10) == pytest.approx(10 * 10 * 0.75)


def test_who_leaves_on_a_day_works_until_it() -> None:
    (stint,) = staff((fs.Rep("old", leave="2026-10-11"),)).stints(np.random.default_rng(0))
    assert stint.leaves == 10.0
    assert stint.rep.clock.total == 100.0
    assert staff((fs.Rep("gone", leave="2026-10-01"),)).stints(None) == []


def test_departures_are_as_many_as_the_attrition_says() -> None:
    """Of 4000 reps a share 1 - exp(-1.5 * 200 / 365.25) leaves within 200 days. d: 5 % of it."""
    n, reps = 4000, staff(fs.Rep.several(4000), n=200, attrition_per_year=1.5)
    left = sum(stint.leaves < 200 for stint in reps.stints(np.random.default_rng(5)))
    chance = 1 - np.exp(-1.5 * 199 / 365.25)  # a departure takes effect at the end of its day
    assert abs(left - n * chance) < 4 * np.sqrt(n * chance * (1 - chance))


def test_replacements_come_after_their_days_and_ramp_up_anew() -> None:
    reps = staff(
        (fs.Rep("a", ramp_days=10),), n=5000, attrition_per_year=3.0, replaced_after_days=30.0
    ).stints(np.random.default_rng(5))
    assert len(reps) > 10
    for gone, new in zip(reps[:-1], reps[1:], strict=True):
        assert new.comes == gone.leaves + 30
        assert new.rep.number == gone.rep.number
        if new.leaves > new.comes + 10:
            assert new.rep.clock.hours_by(new.comes + 10) == pytest.approx(50.0)


def test_the_usual_team_is_who_was_there_without_ramps() -> None:
    reps = (fs.Rep("a"), fs.Rep("b", start="2026-09-15", ramp_days=90), fs.Rep("c", start="2026-11-01"))
    before = staff((*reps, fs.Rep("d", leave="2026-09-20"), fs.Rep("e", leave="2026-11-01"))).before(50)
    assert [rep.name for rep in before.team.reps] == ["a", "b", "e"]
    assert [stint.rep.clock.total for stint in before.stints(None)] == [500.0] * 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fs.Rep("a", start="1.10.2026"), "start '1.10.2026' is no day; write it as 2026-10-01"),
        (lambda: fs.Rep("a", start="2026-10-01", leave="2026-09-01"), "leaves on 2026-09-01, before"),
        (lambda: fs.Rep("a", ramp_from=2), r"ramp_from must be a number between 0 and 1, not 2"),
        (lambda: fs.Rep("a", skills="West"), r"write \('West',\)"),
        (lambda: fs.Team(("a",)), "reps are given as a list of Rep"),
        (lambda: fs.Team(fs.Rep("a")), "reps are given as a list of Rep"),
        (lambda: fs.Work({"s": 1.0}, patience_days={"t": 9.0}), "nobody waits in 't'"),
        (lambda: fs.Team(fs.Rep.several(2) + fs.Rep.several(1)), "two reps are called 'rep 1'"),
        (lambda: fs.Team(selling_share=22), "selling_share must be a number between 0 and 1, not 22"),
        (lambda: fs.Team(selling_share=float("nan")), "selling_share must be"),
        (lambda: fs.Team(working_days=("Monday",)), "working_days are of Mon"),
        (lambda: fs.Team(hours_per_day=16, opens_at=9), "ends too late"),
        (lambda: fs.Team((fs.Rep("a", skills=("West",)),)), "name the attribute"),
        (lambda: fs.Work({"s": -1}), "hours of work in 's' must be a number of 0 or more"),
        (lambda: fs.Work({"s": True}), "hours of work in 's' must be"),
        (lambda: fs.Work({"s": float("inf")}), "hours of work in 's' must be"),
        (lambda: fs.Work([1.0]), "hours are given by stage"),
        (lambda: fs.Work(rule="fifo"), "rule 'fifo' is unknown; use one of first come, oldest"),
        (lambda: fs.Work({"s": 1.0}, patience_days={"s": 0}), "patience_days in 's'"),
        (lambda: fs.Parking(1.5, 10, "s"), "share of parked losses"),
        (lambda: fs.Qualification("s", catches=80), "share of bad leads a check catches"),
        (lambda: fs.LeadsFromWins(-1, 10), "leads per win"),
        (lambda: fs.LeadsFromWins(1, 10, in_arrivals="no"), "in_arrivals must be True or False, not 'no'"),
        (lambda: fs.LeadsFromWins("1", 10), "leads per win must be a number between 0 and 100, not '1'"),
        (lambda: fs.Rep.several(1.5), "n=1.5: the number of reps must be a whole number"),
        (lambda: fs.Rep.several(-1), "n=-1: the number of reps must be a whole number"),
        (lambda: fs.Rep.several(True), "n=True: the number of reps"),
        (lambda: fs.Rep.several("3"), "n='3': the number of reps"),
        (lambda: fs.Rep(5), "name of a rep must be a text, such as 'Ada', not 5"),
        (lambda: fs.Rep("a", skills=5), r"skills are given as a list, such as \['West'\], not 5"),
        (lambda: fs.Rep("a", skills=(5,)), "each of rep 'a': skills must be a text"),
        (lambda: fs.Rep("a", ramp_days="9"), "ramp_days must be a number of 0 or more, not '9'"),
        (lambda: fs.Rep("a", start=20261001), "start 20261001 is no day; write it as 2026-10-01"),
        (lambda: fs.Team(5), "reps are given as a list of Rep, .* not 5"),
        (lambda: fs.Team(keeps_deals="no"), "keeps_deals must be True or False, not 'no'"),
        (lambda: fs.Team(hours_per_day=True), "hours_per_day must be a number between 0 and 24, not True"),
        (lambda: fs.Team(hours_per_day=10**400), "hours_per_day must be a number"),
        (lambda: fs.Team(working_days=5), "working_days are given as a list"),
        (lambda: fs.Team(working_days="Mon"), r"working_days are several: write \('Mon',\)"),
        (lambda: fs.Team(holidays="2026-12-25"), "holidays are given as a list of days"),
        (lambda: fs.Team(holidays=[None]), "holiday None is no day"),
        (lambda: fs.Team(skill_attribute=1), "skill_attribute must be a text"),
        (lambda: fs.Team(skill_shares=[1]), "skill_shares are given by value"),
        (lambda: fs.Team(owner_attribute=None), "owner_attribute must be a text"),
        (lambda: fs.Work(parking=0.1), r"parking is given as a Parking\(...\), or left out, not 0.1"),
        (lambda: fs.Work(qualification="s"), "qualification is given as a Qualification"),
        (lambda: fs.Work(leads_from_wins=2), "leads_from_wins is given as a LeadsFromWins"),
        (lambda: fs.Work(rule=["fifo"]), "rule .* is unknown"),
        (lambda: fs.Work({"s": "4"}), "hours of work in 's' must be a number of 0 or more, not '4'"),
        (lambda: fs.Parking("0.1", 9, "s"), "share of parked losses must be a number"),
        (lambda: fs.Parking(0.1, 9, ["s"]), "stage that parked deals come back to must be a text"),
        (lambda: fs.Qualification(None, 0.5), "stage of a check must be a text"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(make: object, words: str) -> None:
    with pytest.raises(TeamError, match=words):
        make()


def test_a_team_prints_what_it_is() -> None:
    team = fs.Team((fs.Rep("Ada"),), attrition_per_year=0.2)
    assert "Rep(name='Ada'" in repr(team)
    assert "attrition_per_year=0.2" in repr(team)
    assert replace(team, selling_share=0.5).selling_hours_per_week == 20.0


def test_days_may_be_dates() -> None:
    rep = fs.Rep("a", start=date(2026, 10, 1))
    assert rep.start == "2026-10-01"
    assert fs.Team(holidays=[date(2026, 12, 25)]).holidays == ("2026-12-25",)
