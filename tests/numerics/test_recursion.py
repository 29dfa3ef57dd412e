"""The renewal recursion against closed forms and a plain forward propagation over (stage, age)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from funnelsim.numerics.recursion import StageRates, won_after_entry, won_from_age

# --- the plain propagation: chances and cumulative hazards one deal at a time, one step at a time


@dataclass(frozen=True, eq=False)
class Plain:
    """One draw of a funnel as plain lists: by stage, then bin or place."""

    first_age: list[list[int]]
    hazards: list[list[list[float]]]
    speed: list[list[float]]
    won: list[bool]
    known: dict[tuple[int, int, int], list[float]] = field(default_factory=dict)  # only to save time

    @property
    def n_open(self) -> int:
        return len(self.hazards)

    def row(self, stage: int, age: int) -> list[float]:
        """Chances to leave at a whole age."""
        bins = [i for i, first in enumerate(self.first_age[stage]) if first <= age]
        return self.hazards[stage][bins[-1]]

    def cumulative(self, stage: int, place: int, age: float) -> float:
        """Cumulative hazard to one place between ages 0 and `age`; age k spends its rate over (k-1, k]."""
        total = 0.0
        k = 1
        while k - 1 < age:
            row = self.row(stage, k)
            if row[place] > 0:
                total += -np.log1p(-sum(row)) * row[place] / sum(row) * (min(age, k) - (k - 1))
            k += 1
        return total

    def leaves(self, stage: int, age: int, step: int) -> list[float]:
        """Chances to leave in the given step after the cutoff (or after entry, with age 0)."""
        speed = self.speed[stage]
        if set(speed) == {1.0}:
            return self.row(stage, age + step)  # the definition itself: no logarithm is needed
        if (stage, age, step) in self.known:
            return self.known[stage, age, step]
        # A cause passes whole ages within the step: between two such moments all rates are constant.
        passed = [(k - age) / v for v in speed for k in range(int(age + step * v) + 1)]
        moments = [step - 1, *sorted(m for m in passed if step - 1 < m < step), step]
        still, chances = 1.0, [0.0] * len(speed)
        for start, end in pairwise(moments):
            rates = [
                self.cumulative(stage, j, age + end * v) - self.cumulative(stage, j, age + start * v)
                for j, v in enumerate(speed)
            ]
            total = sum(rates)
            if total > 0:
                chances = [
                    c - still * r / total * np.expm1(-total) for c, r in zip(chances, rates, strict=True)
                ]
            still *= np.exp(-total)
        return self.known.setdefault((stage, age, step), chances)

    def won_by_step(self, stage: int, age: int | None, n_steps: int) -> list[float]:
        """Chance to be won by each step 0..n_steps, from an age at the cutoff, or on entry (age None)."""
        waiting: dict[tuple[int, int, int], float] = {}  # (stage, age at its step 0, steps since) -> chance
        won, by_step = 0.0, []
        entering = [float(s == stage and age is None) for s in range(self.n_open)]
        if age is not None:
            waiting[stage, age, 0] = 1.0
        for step in range(n_steps + 1):
            later: dict[tuple[int, int, int], float] = {}
            if step > 0:
                for (s, a, since), mass in waiting.items():
                    chances = self.leaves(s, a, since + 1)
                    won += self._spread(mass, chances, entering)
                    later[s, a, since + 1] = mass * (1 - sum(chances))
                waiting = later
            for _ in range(400):  # moves within one step, hop by hop, loops included
                if sum(entering) < 1e-18:
                    break
                hop, entering = entering, [0.0] * self.n_open
                for s, mass in enumerate(hop):
                    chances = self.row(s, 0)
                    won += self._spread(mass, chances, entering)
                    key = (s, 0, 0)
                    waiting[key] = waiting.get(key, 0.0) + mass * (1 - sum(chances))
            by_step.append(won)
        return by_step

    def _spread(self, mass: float, chances: list[float], entering: list[float]) -> float:
        for s in range(self.n_open):
            entering[s] += mass * chances[s]
        return mass * sum(c for c, is_won in zip(chances, self.won, strict=True) if is_won)


@dataclass(frozen=True)
class RandomFunnel:
    """The same random funnel as arrays for the code under test, and as plain lists."""

    stages: list[StageRates]
    is_won: np.ndarray
    plain: list[Plain]


def random_funnel(seed: int, n_open: int, n_draws: int, speeds: tuple[float, ...] = (1.0,)) -> RandomFunnel:
    """Loops, backward moves, moves within a step, several outcomes; places that are never reached."""
    rng = np.random.default_rng(seed)
    n_places = n_open + 3
    is_won = np.array([False] * n_open + [True, False, True])
    first_age, hazards, speed = [], [], []
    for s in range(n_open):
        n_bins = int(rng.integers(2, 6))
        first_age.append(np.append([0, 1], 1 + np.cumsum(rng.integers(1, 4, n_bins - 2))).astype(np.int64))
        weights = np.full(n_places + 1, 0.5)
        weights[-1] = 4.0  # mostly stays
        chances = rng.dirichlet(weights, (n_draws, n_bins))[..., :-1]
        chances[..., s] = 0.0  # a stage does not lead to itself
        chances[..., rng.random(n_places) < 0.2] = 0.0
        chances[:, rng.random(n_bins) < 0.1] = 0.0
        hazards.append(chances)
        speed.append(rng.choice(speeds, n_places))
    stages = [StageRates.from_hazards(a, h, v) for a, h, v in zip(first_age, hazards, speed, strict=True)]
    plain = [
        Plain(
            [a.tolist() for a in first_age],
            [h[draw].tolist() for h in hazards],
            [v.tolist() for v in speed],
            is_won.tolist(),
        )
        for draw in range(n_draws)
    ]
    return RandomFunnel(stages, is_won, plain)


SPEEDS = {"as it was": (1.0,), "faster": (1.25,), "slower": (0.6,), "some causes": (1.0, 1.7, 0.45)}


@pytest.mark.parametrize("speeds", SPEEDS.values(), ids=SPEEDS.keys())
@pytest.mark.parametrize(("seed", "n_open"), [(1, 1), (2, 2), (3, 3), (5, 4)])
def test_recursion_agrees_with_plain_propagation(seed: int, n_open: int, speeds: tuple[float, ...]) -> None:
    n_steps, n_draws = 9, 2
    funnel = random_funnel(seed, n_open, n_draws, speeds)
    after_entry = won_after_entry(funnel.stages, funnel.is_won, n_steps)
    assert after_entry.shape == (n_draws, n_steps + 1, n_open)
    horizons = np.array([0, 1, 4, n_steps])
    for s, stage in enumerate(funnel.stages):
        tail = int(stage.first_age[-1])
        ages = np.array(sorted({0, 1, 2, tail - 1, tail, tail + 7}))
        from_age = won_from_age(stage, ages, after_entry, funnel.is_won, horizons)
        assert from_age.shape == (n_draws, len(ages), len(horizons))
        for draw, plain in enumerate(funnel.plain):
            entry = plain.won_by_step(s, None, n_steps)
            np.testing.assert_allclose(after_entry[draw, :, s], entry, rtol=0, atol=1e-12)
            for i, age in enumerate(ages):
                expected = np.array(plain.won_by_step(s, int(age), n_steps))[horizons]
                np.testing.assert_allclose(from_age[draw, i], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("speeds", SPEEDS.values(), ids=SPEEDS.keys())
def test_leaving_agrees_with_plain_chances(speeds: tuple[float, ...]) -> None:
    funnel = random_funnel(6, 3, 2, speeds)
    for s, stage in enumerate(funnel.stages):
        ages = np.array([0, 1, 3, int(stage.first_age[-1]) + 2])
        leaving = stage.leaving(ages, 8)
        assert leaving.shape == (2, len(stage.places), len(ages), 8)
        for draw, plain in enumerate(funnel.plain):
            for i, age in enumerate(ages):
                still = 1.0
                for step in range(8):
                    chances = plain.leaves(s, int(age), step + 1)
                    expected = [still * chances[place] for place in stage.places]
                    np.testing.assert_allclose(leaving[draw, :, i, step], expected, rtol=0, atol=1e-13)
                    still *= 1 - sum(chances)


def test_by_age_follows_a_deal_that_stayed_at_age_zero() -> None:
    """By hand: hazards .2 at ages 1 and 2, then .5; age 0 is over."""
    stage = rates([0, 1, 3], [[0, 0.3, 0.3], [0, 0.1, 0.1], [0, 0.2, 0.3]])
    survival, leaves = stage.by_age(5)
    still = [1, 0.8, 0.64, 0.32, 0.16]
    np.testing.assert_allclose(survival[0], still, rtol=1e-13)
    np.testing.assert_allclose(leaves[0, 0], [0, 0.1, 0.08, 0.128, 0.064], rtol=1e-13)
    np.testing.assert_allclose(leaves[0, 1], [0, 0.1, 0.08, 0.192, 0.096], rtol=1e-13)
    np.testing.assert_allclose(stage.same_step[0], [0.3, 0.3], rtol=1e-13)


# --- closed forms


def rates(first_age: list[int], hazards: list[list[float]], speed: float | list[float] = 1.0) -> StageRates:
    table = np.array([hazards], dtype=float)
    return StageRates.from_hazards(
        np.array(first_age), table, np.broadcast_to(np.asarray(speed, dtype=float), table.shape[2:])
    )


ONE = np.array([False, True, False])  # one stage, won, lost
TWO = np.array([False, False, True, False])  # two stages, won, lost


def test_one_geometric_stage() -> None:
    """Won by step n: w0 + (1 - w0 - l0) w / (w + l) (1 - (1 - w - l)^n)."""
    w0, l0, w, lost = 0.03, 0.05, 0.02, 0.07
    stage = rates([0, 1, 9], [[0, w0, l0], [0, w, lost], [0, w, lost]])
    n = np.arange(51)
    by_step = w / (w + lost) * (1 - (1 - w - lost) ** n)
    after_entry = won_after_entry([stage], ONE, 50)
    np.testing.assert_allclose(after_entry[0, :, 0], w0 + (1 - w0 - l0) * by_step, atol=1e-13)
    from_age = won_from_age(stage, np.array([0, 5, 8, 100]), after_entry, ONE, n)
    np.testing.assert_allclose(from_age[0], np.tile(by_step, (4, 1)), atol=1e-13)  # no memory


def test_chain_of_two_geometric_stages_with_moves_within_a_step() -> None:
    """Two waits, each geometric from 0: won by step n is P(at least 2 successes in n + 2 trials)."""
    p = 0.15
    first = rates([0, 1, 4], [[0, p, 0, 0]] * 3)
    second = rates([0, 1, 2], [[0, 0, p, 0]] * 3)
    n = np.arange(31)
    after_entry = won_after_entry([first, second], TWO, 30)
    np.testing.assert_allclose(after_entry[0, :, 0], stats.binom.sf(1, n + 2, p), atol=1e-13)
    np.testing.assert_allclose(after_entry[0, :, 1], 1 - (1 - p) ** (n + 1), atol=1e-13)
    from_age = won_from_age(first, np.array([0, 7]), after_entry, TWO, n)
    # at the cutoff a trial without an exit has just been made: one trial fewer
    np.testing.assert_allclose(from_age[0], np.tile(stats.binom.sf(1, n + 1, p), (2, 1)), atol=1e-13)


def test_loop_within_one_step_is_resolved_by_the_geometric_series() -> None:
    """a -> b .5 and b -> a .4, b -> won .3, all in the step of entry: .5 x .3 / (1 - .5 x .4)."""
    a, b = rates([0, 1], [[0, 0.5, 0, 0.1], [0] * 4]), rates([0, 1], [[0.4, 0, 0.3, 0.1], [0] * 4])
    after_entry = won_after_entry([a, b], TWO, 3)
    np.testing.assert_allclose(after_entry[0], np.tile([0.15 / 0.8, 0.3 / 0.8], (4, 1)), rtol=1e-13)


@pytest.mark.parametrize("speed", [0.3, 1.0, 1.25, 4.0])
def test_speed_of_a_geometric_stage_scales_its_clock(speed: float) -> None:
    """Won by step n is w / (w + l) (1 - (1 - w - l)^(v n)); the chance at age 0 stays."""
    w0, w, lost = 0.04, 0.02, 0.07
    stage = rates([0, 1, 6], [[0, w0, 0], [0, w, lost], [0, w, lost]], speed)
    n = np.arange(41)
    by_step = w / (w + lost) * (1 - (1 - w - lost) ** (speed * n))
    after_entry = won_after_entry([stage], ONE, 40)
    np.testing.assert_allclose(after_entry[0, :, 0], w0 + (1 - w0) * by_step, atol=1e-13)
    from_age = won_from_age(stage, np.array([0, 3, 50]), after_entry, ONE, n)
    np.testing.assert_allclose(from_age[0], np.tile(by_step, (3, 1)), atol=1e-13)


def test_speed_of_one_cause_changes_the_split_as_competing_clocks_do() -> None:
    """Wins at v times their rate a, losses at their own b: v a / (v a + b) (1 - exp(-(v a + b) n))."""
    won, lost, v = 0.03, 0.08, 1.6
    stage = rates([0, 1, 6], [[0, 0, 0], [0, won, lost], [0, won, lost]], [1.0, v, 1.0])
    cumulative = -np.log(1 - won - lost)
    a, b = cumulative * won / (won + lost), cumulative * lost / (won + lost)
    n = np.arange(61)
    expected = v * a / (v * a + b) * -np.expm1(-(v * a + b) * n)
    after_entry = won_after_entry([stage], ONE, 60)
    np.testing.assert_allclose(after_entry[0, :, 0], expected, atol=1e-13)
    assert expected[-1] > won / (won + lost)  # the conversion changes, as documented


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 1.3])
def test_speed_leaves_the_eventual_conversion_of_a_constant_split(speed: float) -> None:
    """Any hazards by age, split alike at every age: where deals end does not depend on the pace."""
    pace = [0.1, 0.02, 0.3, 0.05, 0.2]
    split = np.array([[0, 0.55, 0.15, 0.3], [0.1, 0.0, 0.6, 0.3]])
    usual, changed = (
        [rates([0, 1, 3, 7, 20], np.outer(pace, row).tolist(), v) for row in split] for v in (1.0, speed)
    )
    expected, found = (won_after_entry(stages, TWO, 900)[0, -1] for stages in (usual, changed))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    by_hand = np.array([0.15 + 0.55 * 0.6, 0.6 + 0.1 * 0.15]) / (1 - 0.55 * 0.1)
    np.testing.assert_allclose(expected, by_hand, atol=1e-10)


@pytest.mark.parametrize("speed", [0.25, 0.7, 1.1, 2.0, 3.3])
def test_speed_leaves_any_eventual_conversion(speed: float) -> None:
    """A step that takes in several ages splits each by its own shares; blending them moved this by 0.2."""
    table = [[0, 0.1, 0.0], [0, 0.5, 0.0], [0, 0.0, 0.9], [0, 0.2, 0.2]]
    expected = won_after_entry([rates([0, 1, 2, 3], table)], ONE, 200)[0, -1, 0]
    found = won_after_entry([rates([0, 1, 2, 3], table, speed)], ONE, 800)[0, -1, 0]
    assert found == pytest.approx(expected, abs=1e-12)


def test_speed_keeps_the_conversion_of_an_old_deal_beside_an_expiry() -> None:
    """A deal one day before an expiry that takes nearly all: half a day sooner, not half as likely."""
    table = [[0, 0, 0], [0, 0.02, 0.01], [0, 0.01, 0.9], [0, 0.02, 0.01]]
    usual, faster = (rates([0, 1, 31, 32], table, v) for v in (1.0, 1.1))
    expected, found = (
        won_from_age(s, np.array([30]), won_after_entry([s], ONE, 900), ONE, np.array([900]))[0, 0, 0]
        for s in (usual, faster)
    )
    assert expected == pytest.approx(0.01 + 0.09 * 2 / 3, abs=1e-9)
    assert found == pytest.approx(expected, abs=1e-9)


# --- extremes


def test_stage_that_is_never_left_wins_nothing() -> None:
    stage = rates([0, 1, 5], [[0, 0, 0]] * 3)
    assert not len(stage.places)
    after_entry = won_after_entry([stage], ONE, 4)
    assert after_entry.tolist() == [[[0.0]] * 5]
    assert won_from_age(stage, np.array([0, 9]), after_entry, ONE, np.array([0, 4])).tolist() == [
        [[0, 0]] * 2
    ]


def test_hazard_of_one_ends_everything_at_once() -> None:
    stage = rates([0, 1, 2], [[0, 0, 0], [0, 0.25, 0.75], [0, 1.0, 0]])
    after_entry = won_after_entry([stage], ONE, 3)
    np.testing.assert_allclose(after_entry[0, :, 0], [0, 0.25, 0.25, 0.25], atol=1e-11)
    from_age = won_from_age(stage, np.array([0, 1, 2]), after_entry, ONE, np.array([1, 3]))
    np.testing.assert_allclose(from_age[0], [[0.25, 0.25], [1, 1], [1, 1]], atol=1e-11)


def test_age_that_hardly_any_deal_reaches_keeps_its_digits() -> None:
    """After 200 steps at a hazard of .99 the survival is 1e-400: the chance given that age is still plain."""
    stage = rates([0, 1, 200, 203], [[0, 0, 0], [0, 0.5, 0.49], [0, 0.2, 0.1], [0, 0.0, 0.1]])
    after_entry = won_after_entry([stage], ONE, 4)
    from_age = won_from_age(stage, np.array([3, 150, 198, 200, 500]), after_entry, ONE, np.array([1, 2, 4]))
    usual = [0.5, 0.5 * 1.01, 0.5 * (1 - 0.01**4) / 0.99]
    assert from_age[0, 1].tolist() == pytest.approx(usual, abs=1e-12)
    assert from_age[0, 0].tolist() == pytest.approx(usual, abs=1e-12)
    assert from_age[0, 2].tolist() == pytest.approx([0.5, 0.502, 0.502 + 0.002 * 0.7 * 1.7], abs=1e-12)
    assert from_age[0, 3].tolist() == pytest.approx([0.2, 0.34, 0.34], abs=1e-12)
    assert from_age[0, 4].tolist() == [0, 0, 0]


def test_two_bins_are_enough() -> None:
    """Age 0 and a tail that begins at age 1: nobody was ever seen to leave later than at once."""
    stage = rates([0, 1], [[0, 0.2, 0.3], [0, 0.1, 0.0]])
    after_entry = won_after_entry([stage], ONE, 2)
    np.testing.assert_allclose(after_entry[0, :, 0], [0.2, 0.25, 0.295], atol=1e-14)
    from_age = won_from_age(stage, np.array([0, 1, 77]), after_entry, ONE, np.array([2]))
    np.testing.assert_allclose(from_age[0], [[0.19]] * 3, atol=1e-14)


def test_horizon_of_zero_wins_nothing_more() -> None:
    stage = rates([0, 1], [[0, 0.2, 0.3], [0, 0.1, 0.0]])
    after_entry = won_after_entry([stage], ONE, 0)
    np.testing.assert_allclose(after_entry, [[[0.2]]], atol=1e-15)
    assert won_from_age(stage, np.array([0, 3]), after_entry, ONE, np.array([0])).tolist() == [[[0.0]] * 2]


def test_no_ages_give_no_rows() -> None:
    stage = rates([0, 1], [[0, 0.2, 0.3], [0, 0.1, 0.0]])
    after_entry = won_after_entry([stage], ONE, 3)
    none = won_from_age(stage, np.zeros(0, dtype=np.int64), after_entry, ONE, np.array([1, 3]))
    assert none.shape == (1, 0, 2)


@pytest.mark.parametrize("seed", range(4))
def test_chances_grow_with_the_horizon_and_stay_within_bounds(seed: int) -> None:
    funnel = random_funnel(100 + seed, 3, 4, (1.0, 1.3))
    after_entry = won_after_entry(funnel.stages, funnel.is_won, 60)
    assert (np.diff(after_entry, axis=1) >= -1e-14).all()
    assert (after_entry >= 0).all()
    assert (after_entry <= 1 + 1e-12).all()
    lost = ~funnel.is_won
    lost[:3] = False
    assert (
        after_entry + won_after_entry(funnel.stages, lost, 60) <= 1 + 1e-12
    ).all()  # won or lost, not both


def test_draws_do_not_mix() -> None:
    funnel = random_funnel(9, 3, 3)
    alone = [StageRates(s.first_age, s.places, s.rates[1:2], s.speed) for s in funnel.stages]
    together = won_after_entry(funnel.stages, funnel.is_won, 20)
    np.testing.assert_allclose(won_after_entry(alone, funnel.is_won, 20)[0], together[1], atol=1e-14)
    assert (np.abs(together[0] - together[1]) > 1e-3).any()
