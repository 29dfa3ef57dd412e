"""Laws of single deals against products written out step by step: exact, so the smallest slip is seen."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from funnelsim.engines.events.routes import NEVER, Routes
from funnelsim.numerics.recursion import StageRates

FIRST_AGE = np.array([0, 1, 3, 6])
HAZARDS = np.array([[0.2, 0.1, 0.0], [0.05, 0.0, 0.1], [0.3, 0.2, 0.1], [0.0, 0.02, 0.01]])
N, START = 12, 4


def rate(age: int, place: int) -> float:
    """Cumulative hazard of one age to one place."""
    row = HAZARDS[np.searchsorted(FIRST_AGE, age, side="right") - 1]
    return -log(1 - row.sum()) * row[place] / row.sum()


def by_hand(ages: list[list[int]], factors: np.ndarray, steps: list[int]) -> np.ndarray:
    """Chance to leave to each place in each step, whose ages are passed at the factors of that step."""
    still, chances = 1.0, []
    for passed, step in zip(ages, steps, strict=True):
        rates = [sum(rate(age, place) for age in passed) * factors[place, step] for place in range(3)]
        gone = 1 - exp(-sum(rates))
        chances.append([still * gone * r / sum(rates) if r else 0.0 for r in rates])
        still *= 1 - gone
    return np.array(chances)


def chances_of(law: object) -> np.ndarray:
    return np.diff(law._edges, prepend=0.0).reshape(-1, 3)


def routes(factors: np.ndarray | None, speed: float = 1.0) -> Routes:
    stage = StageRates.from_hazards(FIRST_AGE, HAZARDS[None], np.full(3, speed))
    return Routes([stage], None if factors is None else [factors], N, START)


@pytest.fixture
def factors() -> np.ndarray:
    return np.random.default_rng(2).uniform(0.2, 3.0, (3, START + N + 5))


def test_a_deal_that_enters_takes_the_rates_of_its_ages_and_the_factors_of_the_steps(factors) -> None:
    for step in (0, 3, START, 7):
        law = routes(factors).on_entry(0, step)
        expected = by_hand([[age] for age in range(N + 1)], factors, list(range(step, step + N + 1)))
        np.testing.assert_allclose(chances_of(law), expected, rtol=1e-10, atol=1e-14)


def test_an_open_deal_goes_on_from_its_age_in_the_step_after_the_cutoff(factors) -> None:
    for age in (0, 2, 5):
        law = routes(factors).at_age(0, age)
        ages = [[age + k] for k in range(1, N + 1)]
        expected = by_hand(ages, factors, list(range(START + 1, START + N + 1)))
        np.testing.assert_allclose(chances_of(law), expected, rtol=1e-10, atol=1e-14)
        assert law.draw(0.0)[0] == 1


def test_at_twice_the_speed_two_ages_pass_in_a_step() -> None:
    law, still = routes(None, speed=2.0).on_entry(0, 0), 1.0
    found = chances_of(law).sum(axis=1)
    for step, gone in enumerate(found):
        ages = [0] if step == 0 else [2 * step - 1, 2 * step]
        total = sum(rate(age, place) for age in ages for place in range(3))
        assert gone == pytest.approx(still * (1 - exp(-total)), rel=1e-9)
        still *= exp(-total)


def test_after_the_last_known_step_factors_stay_as_they_are(factors) -> None:
    short = factors[:, : START + 2]
    law = routes(short).at_age(0, 1)
    steps = np.minimum(np.arange(START + 1, START + N + 1), START + 1)
    expected = by_hand([[1 + k] for k in range(1, N + 1)], short, steps.tolist())
    np.testing.assert_allclose(chances_of(law), expected, rtol=1e-10, atol=1e-14)


def test_numbers_fall_on_steps_and_places_in_order() -> None:
    law = routes(None).on_entry(0, 0)
    edges = np.cumsum(chances_of(law).ravel())
    assert law.draw(0.0) == (0, 0)
    assert law.draw(float(edges[0]) + 1e-9) == (0, 1)
    assert law.draw(float(edges[2]) + 1e-9) == (1, 0)
    assert law.draw(0.999999) == (0, NEVER)
