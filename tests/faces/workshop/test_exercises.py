"""Answers to the exercises: by hand, by theory; and what their words claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from funnelsim.faces.workshop import exercises
from funnelsim.faces.workshop.answers import LEVERS
from funnelsim.faces.workshop.lessons import LESSONS, Lesson

pytestmark = pytest.mark.thorough


def test_the_formula_by_hand() -> None:
    found = exercises.by_hand()
    assert (found.wins, found.bookings, found.cash) == (6, 48_000, 43_200)
    assert found.gains == pytest.approx([0.1] * 5)


def test_backwards_by_hand() -> None:
    found = exercises.backwards()
    assert found.needed == pytest.approx(30 / 0.06, rel=1e-3)
    assert found.each.value == pytest.approx(500 / 26 / 5, rel=1e-3)
    assert found.each.is_certain


def test_closed_deals_alone_are_too_low_for_months() -> None:
    found = exercises.closed_only()
    assert found.truth == pytest.approx(0.06, rel=1e-3)
    assert max(one.value for one in found.closed) < 0.06
    assert found.closed[0].value < 0.04
    assert all(one.high < 0.06 for one in found.closed[:3])  # "for months its own range leaves it out"
    assert all(one.low < one.value < one.high for one in found.closed)
    held = [one.low <= 0.06 <= one.high for one in found.all_deals]
    assert all(held)
    widths = [one.high - one.low for one in found.all_deals]
    assert widths[0] > widths[-1]


def test_waits_are_those_of_the_steps() -> None:
    """Mean days of a customer: the median of an exponential stay is its mean times log 2; four stays."""
    found = exercises.waits()
    mean = sum((7, 10, 16, 10)) / np.log(2)
    assert 0.6 * mean < found.half.value < 1.1 * mean  # right-skewed: half need less than the mean
    assert found.half.low < found.half.value < found.half.high < found.nine.low
    shares = [one.value for one in found.closed]
    assert shares == sorted(shares)
    assert shares[0] < 0.3


def test_coins_hold_too_seldom_and_miss_deals_yet_to_come() -> None:
    found = exercises.coins()
    assert found.n_quarters == 14  # as the question says
    assert round(0.8 * found.n_quarters) == 11
    assert found.coins.high < 0.8 <= found.forecast.high
    assert 0 < found.missed.low < found.missed.value < found.missed.high < 1


def test_the_best_month_is_what_luck_makes_of_the_best() -> None:
    found = exercises.fast_month()
    assert len(found.closes) == 43  # as the question says
    assert 6 <= found.mean.value <= 7
    # Counts of an unchanging business are Poisson; a standard deviation from 43 is known to a ninth.
    assert found.mean.standard_error == pytest.approx(np.sqrt(found.mean.value / 43), rel=4 / np.sqrt(2 * 42))
    by_chance = stats.poisson(found.mean.value).cdf(np.arange(40)) ** 43
    low, high = (int(np.argmax(by_chance >= share)) for share in (0.1, 0.9))
    assert (found.luck.low, found.luck.high) == (low, high)
    assert low <= found.best <= high
    assert found.after < found.best


def test_the_last_step_comes_first_within_six_months() -> None:
    found = exercises.first_lever()
    steps = [name for name in found.names if name.startswith("conversion")]
    assert steps == [LEVERS[3], LEVERS[2], LEVERS[1]]
    assert found.names[0] == LEVERS[3]
    assert set(found.names) == set(LEVERS)


def test_more_leads_for_a_full_team_are_few_more_orders() -> None:
    found = exercises.saturation()
    assert found.growth.value + 4 * found.growth.standard_error < 0.3  # 60 % more numbers to call
    alone = [one.standard_error / one.value for one in found.orders]
    assert 0 < found.growth.standard_error < np.hypot(alone[0], alone[1])  # the same luck on both sides
    assert found.used[0].value < found.used[1].value < 1
    assert found.wait[1].value > 2 * found.wait[0].value


def test_a_share_that_was_counted_holds_what_it_should() -> None:
    """Counted again and again, the truth is within 80 % of the ranges."""
    found = exercises.share_of(6, 100)
    assert found.value == 0.06
    held = [
        k for k in range(101) if exercises.share_of(k, 100).low <= 0.06 <= exercises.share_of(k, 100).high
    ]
    assert stats.binom(100, 0.06).pmf(held).sum() == pytest.approx(0.8, abs=0.06)  # counts are whole


def test_what_was_missed_has_the_error_of_a_ratio() -> None:
    """Quarters of ten, of which eight were seen give or take one: the delta method."""
    rng = np.random.default_rng(4)
    came = rng.poisson(10, size=400).astype(float)
    seen = 0.8 * came + rng.normal(0, 1, size=400)
    found = exercises.missed_share(came, seen)
    assert found.value == pytest.approx(0.2, abs=4 / np.sqrt(400) / 10)
    assert (found.high - found.low) / 2 == pytest.approx(1.2816 / np.sqrt(400) / 10, rel=0.15)


def test_growth_forgets_the_luck_that_both_share() -> None:
    before = np.array([10.0, 20.0, 30.0, 12.0])
    assert exercises.growth_of(before, 1.5 * before) == pytest.approx((0.5, 0.0))
    # By hand: ratio 1, what is left is (1, -1, 1, -1): sd 2/sqrt(3), over sqrt(4), over the mean 18.
    found = exercises.growth_of(before, before + np.array([1.0, -1.0, 1.0, -1.0]))
    assert found == pytest.approx((0.0, 2 / np.sqrt(3) / 2 / 18))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_every_answer_says_how_sure_it_is(lesson: Lesson) -> None:
    answer = lesson.answer()
    assert any(word in answer.sure for word in ("range", "±", "exact")), answer.sure
    assert "± 0 " not in f"{answer.said} {answer.sure} {' '.join(answer.why)} "


def test_an_answer_lies_within_what_is_a_sensible_guess() -> None:
    for lesson in LESSONS:
        if not lesson.choices:
            least, most = lesson.sensible
            assert least < lesson.answer().value < most
