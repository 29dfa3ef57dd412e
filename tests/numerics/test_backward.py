"""The recursion backward in time against plain propagation forward, and against the one that ignores time."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics.backward import values_by_step, won_from_age_by_step
from funnelsim.numerics.recursion import StageRates, won_after_entry, won_from_age

N_STEPS, EDGES = 24, np.array([0, 5, 11, 24])
IS_WON = np.array([False, False, True, False])  # two open stages, won, lost


def random_stages(rng: np.random.Generator, n_draws: int, speed: float) -> tuple[list[StageRates], list]:
    stages, hazards = [], []
    for code in range(2):
        first_age = np.cumsum([0, 1, *rng.choice([1, 2, 4, 9, 30], size=rng.integers(1, 4))])
        split = rng.dirichlet(np.full(4, 0.7), size=(n_draws, len(first_age)))
        split[:, :, code] = 0.0
        chance = split * rng.choice([0.05, 0.2, 0.6], size=len(first_age))[None, :, None]
        hazards.append((first_age, chance))
        stages.append(StageRates.from_hazards(first_age, chance, np.full(4, speed)))
    return stages, hazards


def random_multipliers(rng: np.random.Generator, stages: list[StageRates], n_draws: int) -> list[np.ndarray]:
    return [rng.choice([0.3, 1.0, 2.5], size=(n_draws, len(s.places), N_STEPS + 1)) for s in stages]


def forward(hazards, stages, multipliers, draw: int, stage: int, age: int | None, start: int) -> list[float]:
    """Chance to be won by each edge, deal by deal and step by step: from an age, or entering in `start`."""

    def moves(code: int, at_age: int, step: int) -> np.ndarray:
        first_age, chance = hazards[code]
        row = chance[draw, np.flatnonzero(first_age <= at_age)[-1]]
        factor = np.ones(4)
        factor[stages[code].places] = multipliers[code][draw, :, step]
        rates = np.zeros(4) if row.sum() == 0 else -np.log(1 - row.sum()) * row / row.sum() * factor
        return rates / rates.sum() * (1 - np.exp(-rates.sum())) if rates.sum() > 0 else rates

    won_in = np.zeros(N_STEPS + 1)
    resting: dict[tuple[int, int], float] = {} if age is None else {(stage, age): 1.0}
    arriving = {stage: 1.0} if age is None else {}
    for step in range(start, N_STEPS + 1):
        later: dict[tuple[int, int], float] = {}
        if step > start:
            for (code, old), mass in resting.items():
                go = moves(code, old + 1, step)
                won_in[step] += mass * go[2]
                arriving[1 - code] = arriving.get(1 - code, 0.0) + mass * go[1 - code]
                later[code, old + 1] = later.get((code, old + 1), 0.0) + mass * (1 - go.sum())
            resting = later
        while sum(arriving.values()) > 1e-17:
            hop, arriving = arriving, {}
            for code, mass in hop.items():
                go = moves(code, 0, step)
                won_in[step] += mass * go[2]
                arriving[1 - code] = arriving.get(1 - code, 0.0) + mass * go[1 - code]
                resting[code, 0] = resting.get((code, 0), 0.0) + mass * (1 - go.sum())
        arriving = {}
    return [won_in[: edge + 1].sum() for edge in EDGES]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.thorough
def test_values_equal_plain_propagation_whatever_the_factors(seed: int) -> None:
    """A factor taken one step early or late moves the chances by several hundredths."""
    rng = np.random.default_rng(seed)
    stages, hazards = random_stages(rng, 2, speed=1.0)
    multipliers = random_multipliers(rng, stages, 2)
    values = values_by_step(stages, multipliers, IS_WON, EDGES)
    ages, cutoff = np.array([0, 1, 7, 28, 80]), int(rng.integers(0, 6))
    for draw in range(2):
        for code in range(2):
            for step in (0, 4, 17, N_STEPS):
                expected = forward(hazards, stages, multipliers, draw, code, None, step)
                np.testing.assert_allclose(values.entering[draw, step, code], expected, atol=1e-12)
            found = won_from_age_by_step(stages[code], code, ages, multipliers[code], values, cutoff)
            for i, age in enumerate(ages):
                expected = forward(hazards, stages, multipliers, draw, code, int(age), cutoff)
                np.testing.assert_allclose(found[draw, i], expected, atol=1e-12)
                alone = won_from_age_by_step(
                    stages[code], code, ages[[i]], multipliers[code], values, cutoff
                )  # an old deal alone soon goes by the value of the tail
                np.testing.assert_allclose(alone[draw, 0], expected, atol=1e-12)


@pytest.mark.parametrize("speed", [1.0, 1.3, 0.4])
def test_without_factors_both_recursions_agree(speed: float) -> None:
    rng = np.random.default_rng(5)
    stages, _ = random_stages(rng, 3, speed)
    plain = [np.ones((3, len(s.places), N_STEPS + 1)) for s in stages]
    values = values_by_step(stages, plain, IS_WON, EDGES)
    after_entry = won_after_entry(stages, IS_WON, N_STEPS)
    for i, edge in enumerate(EDGES):
        np.testing.assert_allclose(
            values.entering[:, : edge + 1, :2, i], after_entry[:, edge::-1], atol=1e-11
        )
        assert not values.entering[:, edge + 1 :, :, i].any()
    ages = np.array([0, 2, 5, 30])
    for code, stage in enumerate(stages):
        np.testing.assert_allclose(
            won_from_age_by_step(stage, code, ages, plain[code], values, 0),
            won_from_age(stage, ages, after_entry, IS_WON, EDGES),
            atol=1e-11,
        )


def test_a_stage_that_rests_until_a_day_wins_nothing_before_it() -> None:
    """One stage, chance w a step, factor 0 up to step 10: won by n is 1 - (1 - w)^(n - 10)."""
    stage = StageRates.from_hazards(np.array([0, 1, 3]), np.array([[[0, 0], [0, 0.2], [0, 0.2]]]), np.ones(2))
    multiplier = np.where(np.arange(21) <= 10, 0.0, 1.0)[None, None]
    values = values_by_step([stage], [multiplier], np.array([False, True]), np.array([10, 15, 20]))
    np.testing.assert_allclose(values.entering[0, 0, 0], [0, 1 - 0.8**5, 1 - 0.8**10], atol=1e-13)
