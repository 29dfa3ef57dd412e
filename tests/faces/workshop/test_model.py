"""Numbers of the page: by theory, and by another engine."""

from __future__ import annotations

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.faces.workshop.factors import KEYS
from funnelsim.faces.workshop.flow import deals
from funnelsim.faces.workshop.futures import futures, n_reaching
from funnelsim.faces.workshop.model import Room

DAYS_TO_COME = 15 + 31 + 30 + 31 + 31 + 28  # from 16 September 2026 to the end of February


@pytest.fixture(scope="module")
def course() -> Room:
    return Room(fs.read_scenario("activity_funnel", lang="en"))


@pytest.fixture(scope="module")
def cash() -> Room:
    return Room(fs.read_scenario("lead_to_cash", lang="en"))


def test_leads_to_come_are_those_of_the_days_to_come(course: Room) -> None:
    assert course.today.values["leads"].value == pytest.approx(100 / 30 * DAYS_TO_COME)
    more = course.numbers({"leads": 10}).values["leads"]
    assert more.value == pytest.approx(110 / 30 * DAYS_TO_COME)
    assert more.is_certain  # as the scenario says


def test_the_formula_multiplies_by_hand(course: Room) -> None:
    numbers = course.numbers({"win rate": 10, "collection": -10})
    wins = 100 / 30 * DAYS_TO_COME * 0.5 * 0.5 * 0.48 * 0.55
    assert numbers.formula["wins"] == pytest.approx(wins, rel=1e-4)  # rates within the ages seen
    mean = 0.3 * 5_000 + 0.4 * 12_000 + 0.2 * 20_000 + 0.1 * 45_000
    assert numbers.formula["cash"] == pytest.approx(wins * mean * 0.9, rel=1e-4)


def test_of_a_hundred_leads_the_course_wins_six(course: Room) -> None:
    assert course.today.reach == pytest.approx((100, 50, 25, 12, 6), rel=1e-4)


def test_a_slider_raises_its_own_rate_and_no_other(course: Room) -> None:
    steps = [step.value for step in course.numbers({"conversion": 20}).conversions]
    assert steps == pytest.approx([0.6, 0.5, 0.48, 0.5], rel=1e-4)


def test_stays_change_as_their_sliders_say(course: Room) -> None:
    assert course.rates.slowest == "Relationship"
    assert course.today.values["stay"].value == pytest.approx(16, abs=1)  # the median written in the file
    before = course.today.values["stay"].value
    assert course.numbers({"cycle": -10, "stay": 20}).values["stay"].value == pytest.approx(1.08 * before)


def test_collection_moves_the_share_that_is_paid(cash: Room) -> None:
    before = 0.97  # 3 % are never paid, as the file says
    assert cash.today.values["collection"].value == pytest.approx(before, abs=1e-3)
    moved = cash.numbers({"collection": -20})
    assert moved.values["collection"].value == pytest.approx(0.8 * before, abs=1e-3)
    assert moved.change.value < -4 * moved.change.standard_error


def test_cash_is_that_of_simulated_futures_on_the_same_draws(cash: Room) -> None:
    """The page computes the law of cash; four standard errors of 50,000 futures are 0.9 points."""
    scenario, moves = cash.scenario, {"leads": 10, "collection": -10}
    engine = fs.MonteCarlo(n_futures=50_000, n_draws=50)
    drawn = fs.forecast(
        cash.funnel(moves), scenario.pipeline, periods=scenario.periods, measure="cash", engine=engine
    )
    numbers, total = cash.numbers(moves), drawn.window()
    share = float((total >= scenario.target).mean())
    assert abs(numbers.chance.value - share) < 4 * np.sqrt(share * (1 - share) / len(total))
    assert abs(cash.today.chance.value - share) > 0.02  # the check itself can fail
    assert numbers.mean.value == pytest.approx(total.mean(), abs=4 * total.std() / np.sqrt(len(total)))
    assert (numbers.p10, numbers.p90) == pytest.approx(np.quantile(total, [0.1, 0.9]), rel=0.01)


def test_the_chance_agrees_with_simulated_futures(course: Room) -> None:
    moves = {"win rate": 10, "cycle": -10}
    funnel = fs.Together(
        [fs.Conversion.to(0.55, course.scenario.funnel, "Purchase intent"), fs.Speed(1 / 0.9)]
    )
    drawn = fs.forecast(
        funnel.apply(course.scenario.funnel),
        course.scenario.pipeline,
        periods="6M",
        measure="wins",
        target=38,
        engine=fs.MonteCarlo(n_futures=20_000, n_draws=20),
    ).draws()
    reached = float((drawn.sum(axis=1) >= 38).mean())
    error = np.sqrt(reached * (1 - reached) / len(drawn))
    assert abs(course.numbers(moves).chance.value - reached) < 4 * error + 1e-3
    assert abs(course.today.chance.value - reached) > 20 * error  # the check itself can fail


def test_at_rest_nothing_has_changed(course: Room) -> None:
    assert course.numbers(dict.fromkeys(KEYS, 0)) is course.today
    assert course.today.change == (0.0, 0.0)


def test_the_mean_is_made_of_its_parts(course: Room, cash: Room) -> None:
    for room in (course, cash):
        numbers = room.numbers({"leads": 10})
        assert sum(numbers.parts) == pytest.approx(numbers.mean.value)
        assert min(numbers.parts) > 0
    assert course.today.parts[0] == pytest.approx(3.0)  # won before the cutoff, as the file says


def test_more_leads_add_to_new_deals_only(course: Room) -> None:
    done, of_open, of_new = course.numbers({"leads": 20}).parts
    assert (done, of_open) == pytest.approx(course.today.parts[:2])
    assert of_new == pytest.approx(1.2 * course.today.parts[2])


def test_a_hundred_futures_show_the_chance(course: Room) -> None:
    numbers = course.numbers({"leads": 15})
    assert n_reaching(course, numbers) == pytest.approx(100 * numbers.chance.value, abs=1)
    assert list(numbers.futures) == sorted(numbers.futures)
    picture = futures(course, numbers)
    assert picture.count('class="hit"') == n_reaching(course, numbers)
    assert picture.count('class="hit"') + picture.count('class="miss"') == 100


@pytest.mark.thorough
def test_no_slider_brings_a_share_beyond_1() -> None:
    for name in fs.shipped_scenarios():
        room = Room(fs.read_scenario(name, lang="en"))
        most = {factor.key: factor.most for factor in room.factors}
        numbers = room.numbers(most)
        assert all(step.value < 1 for step in numbers.conversions)
        assert numbers.values["collection"].value <= 1
        assert all(one.low <= one.value <= one.high for one in numbers.values.values())


def test_only_the_last_positions_are_kept(course: Room) -> None:
    for percent in range(-50, 55, 5):
        for cycle in (-5, 0, 5, 10):
            course._known[percent, cycle, 0, 0, 0, 0, 0] = course.today
    course.numbers({"leads": 1})
    assert len(course._known) == 64


def test_deals_are_won_as_often_as_the_funnel_says(course: Room) -> None:
    """300 deals and a win rate of 6 %: four standard errors are 5.5 points; of 24 % they are as many."""
    many = [deal.is_won for deal in deals(course, course.scenario.funnel, 300)]
    assert abs(np.mean(many) - 0.06) < 4 * np.sqrt(0.06 * 0.94 / 300)
    funnel = course.funnel({"conversion": 50, "win rate": 50})
    better = [deal.is_won for deal in deals(course, funnel, 300)]
    assert abs(np.mean(better) - 0.06 * 2.25) < 4 * np.sqrt(0.135 * 0.865 / 300)
    assert all(now or not before for before, now in zip(many, better, strict=True))  # each keeps its luck


def test_a_shorter_cycle_is_a_faster_picture(course: Room) -> None:
    def seconds(funnel: fs.Funnel) -> float:
        return float(np.median([deal.borders[-1][0] for deal in deals(course, funnel, 300)]))

    assert seconds(course.funnel({"cycle": -50})) < 0.7 * seconds(course.scenario.funnel)
