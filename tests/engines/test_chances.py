"""Chances of the recursion against two oracles that share no code with it.

The first follows the probability of every (stage, age) forward, step by step, in plain Python: it is exact.
The second counts what deals of a simulated history really did after a chosen day.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, exp, floor, log

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.chances import Chances, Positions, batch_chances
from funnelsim.nouns.funnel import Changes
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

SEED = 17
CUTOFF_STEP = 20_000
OUTCOMES = (fs.Outcome("won", "won"), fs.Outcome("renewed", "won"), fs.Outcome("lost", "lost"))


# --- the forward oracle -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forward:
    """Probabilities carried forward in time; hazards by stage, bin and place, changes already in them."""

    first_age: list[list[int]]
    hazards: list[np.ndarray]
    speed: np.ndarray
    is_won: list[bool]

    def rate(self, stage: int, place: int, age: int) -> float:
        """Cumulative hazard to one place over the age ]age - 1, age]."""
        row = self.hazards[stage][max(i for i, first in enumerate(self.first_age[stage]) if first <= age)]
        total = float(row.sum())
        return 0.0 if row[place] == 0 else -log(1 - min(total, 1 - 1e-12)) * float(row[place]) / total

    def taken(self, stage: int, place: int, start: float, end: float) -> float:
        """Cumulative hazard between two operational ages, the rate of age k spread over ]k - 1, k]."""
        ages = range(floor(start) + 1, ceil(end) + 1)
        return sum(
            (min(end, age) - max(start, age - 1)) * self.rate(stage, place, max(age, 1)) for age in ages
        )

    def leaving(self, stage: int, age: int, step: int) -> dict[int, float]:
        """Chance to leave to each place in the given step after the cutoff or entry, if still there."""
        speeds = self.speed[stage]
        # A cause passes whole ages within the step: between two such moments all rates are constant.
        passed = [(k - age) / v for v in speeds for k in range(ceil(age + step * v) + 1)]
        moments = [step - 1, *sorted(m for m in passed if step - 1 < m < step), step]
        still, chances = 1.0, dict.fromkeys(range(len(speeds)), 0.0)
        for start, end in pairwise(moments):
            rates = {j: self.taken(stage, j, age + start * v, age + end * v) for j, v in enumerate(speeds)}
            total = sum(rates.values())
            for place, rate in rates.items():
                chances[place] += still * rate / total * (1 - exp(-total)) if rate > 0 else 0.0
            still *= exp(-total)
        return {place: chance for place, chance in chances.items() if chance > 0}

    def won_by_step(self, stage: int, age: int | None, n_steps: int) -> np.ndarray:
        """Chance won within 0, 1, ... steps: of a deal of that age, or of one that just enters (None)."""
        resting: dict[tuple[int, int, int], float] = defaultdict(float)  # stage, age at start, steps since
        if age is None:
            won = [self.enter({stage: 1.0}, resting)]
        else:
            resting[stage, age, 0], won = 1.0, [0.0]
        for _ in range(n_steps):
            arrives: dict[int, float] = defaultdict(float)
            stays: dict[tuple[int, int, int], float] = defaultdict(float)
            gained = 0.0
            for (here, start_age, steps), chance in resting.items():
                moves = self.leaving(here, start_age, steps + 1)
                stays[here, start_age, steps + 1] += chance * (1 - sum(moves.values()))
                for place, share in moves.items():
                    if place < len(self.hazards):
                        arrives[place] += chance * share
                    elif self.is_won[place]:
                        gained += chance * share
            gained += self.enter(arrives, stays)
            resting = stays
            won.append(won[-1] + gained)
        return np.array(won)

    def enter(self, arrives: dict[int, float], resting: dict[tuple[int, int, int], float]) -> float:
        """Let deals enter stages, leave them within the step as the age-0 hazards say; the share won."""
        won, n_open = 0.0, len(self.hazards)
        while sum(arrives.values()) > 1e-14:
            again: dict[int, float] = defaultdict(float)
            for stage, chance in arrives.items():
                row = self.hazards[stage][0]
                resting[stage, 0, 0] += chance * (1 - row.sum())
                for place in np.flatnonzero(row):
                    if place < n_open:
                        again[int(place)] += chance * row[place]
                    elif self.is_won[place]:
                        won += chance * row[place]
            arrives = again
        return won


def random_world(rng: np.random.Generator) -> tuple[fs.Funnel, Forward]:
    """A funnel with skips, backward moves, several wins, causes of unequal speed; and its oracle."""
    n_open = int(rng.integers(1, 4))
    stages = fs.Stages(tuple(fs.Stage(f"s{i}") for i in range(n_open)), OUTCOMES)
    n_places = n_open + len(OUTCOMES)
    log_odds = rng.choice([0.0, 0.4, -1.1], size=n_open)
    speed = rng.choice([1.0, 1.25, 0.6, 2.3], size=(n_open, n_places))
    written, changed = [], []
    for stage in range(n_open):
        first_age = np.cumsum([0, 1, *rng.choice([1, 2, 3, 5, 12, 30], size=rng.integers(0, 4))])
        split = rng.dirichlet(np.full(n_places, 0.6), size=len(first_age)) * (rng.random(n_places) < 0.8)
        split[:, stage] = 0.0
        hazards = split * rng.choice([0.0, 0.03, 0.2, 0.7], size=len(first_age))[:, None]
        written.append(
            StageHazards(first_age, hazards, np.ones(len(first_age)), np.full(n_places, 1 / n_places), True)
        )
        changed.append(np.array([tilted(row, stage, n_open, log_odds[stage]) for row in hazards]))
    arrivals = Arrivals(4, 3.0, np.inf, 0.0, np.eye(n_open)[rng.integers(n_open)])
    funnel = fs.Funnel(
        stages, fs.Clock("day"), tuple(written), arrivals, changes=Changes(1.0, log_odds, speed)
    )
    is_won = [False] * n_open + [outcome.kind == "won" for outcome in OUTCOMES]
    return funnel, Forward([h.first_age.tolist() for h in written], changed, speed, is_won)


def tilted(row: np.ndarray, stage: int, n_open: int, log_odds: float) -> np.ndarray:
    """The split of one age with the odds of going forward multiplied, by hand."""
    ahead = [p for p in range(len(row)) if p != n_open + 2 and p > stage]
    forward, total = float(row[ahead].sum()), float(row.sum())
    if forward in (0.0, total):
        return row
    odds = forward / (total - forward) * exp(log_odds)
    new = row * (total * (1 / (1 + odds)) / (total - forward))
    new[ahead] = row[ahead] * (total * odds / (1 + odds) / forward)
    return new


def deals_at(stage: np.ndarray, age: np.ndarray, unrecorded_steps: int = 0) -> fs.Pipeline:
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=CUTOFF_STEP,
        deal_ids=np.arange(len(stage)).astype(str).astype(object),
        stage=stage,
        age_steps=age,
        amount=np.full(len(stage), np.nan),
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
        unrecorded_steps=unrecorded_steps,
    )


def chances_of(funnel: fs.Funnel, pipeline: fs.Pipeline, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chances by deal and period, expected new wins by block and period."""
    positions = Positions.of(funnel, pipeline)
    periods = fs.Periods(edges, tuple(str(i) for i in range(len(edges) - 1)), pipeline.cutoff_step)
    found: Chances = batch_chances(funnel, positions, periods, Streams(0), range(2))
    np.testing.assert_array_equal(found.open_deals[0], found.open_deals[1])  # certain: all draws are alike
    return found.open_deals[0][positions.of_deal], found.new_wins[0]


@pytest.mark.parametrize("world", range(40))
@pytest.mark.thorough
def test_chances_equal_those_of_the_forward_oracle(world: int) -> None:
    rng = np.random.default_rng([SEED, world])
    funnel, oracle = random_world(rng)
    first = CUTOFF_STEP + 1 + rng.integers(-4, 4)  # the first period is running, or begins later
    edges = first + np.cumsum([0, rng.integers(5, 8), *rng.integers(1, 7, size=2)])
    after = np.maximum(edges - 1 - CUTOFF_STEP, 0)
    n_open = len(oracle.hazards)
    stage, age = rng.integers(n_open, size=8), rng.choice([0, 1, 2, 3, 5, 8, 13, 21, 34, 55], size=8)
    open_chances, new_wins = chances_of(funnel, deals_at(stage, age), edges)
    for deal, chance in enumerate(open_chances):
        won = oracle.won_by_step(int(stage[deal]), int(age[deal]), int(after[-1]))
        np.testing.assert_allclose(chance, np.diff(won[after]), rtol=1e-9, atol=1e-11)
    entry = int(np.argmax(funnel.arrivals.entry_counts))
    won = oracle.won_by_step(entry, None, int(after[-1]))
    by_day = [
        [won[end - day] if day <= end else 0.0 for end in after] for day in range(1, int(after[-1]) + 1)
    ]
    by_block = np.add.reduceat(np.diff(by_day, axis=1), np.arange(0, len(by_day), 4), axis=0)
    np.testing.assert_allclose(new_wins, 0.75 * by_block, rtol=1e-9, atol=1e-11)


def test_the_forward_oracle_agrees_with_a_chain_solved_by_hand() -> None:
    """Two steps of a two-stage chain, every path written out: the oracle itself can be wrong."""
    # a: age 0 leaves to b with 1/2; later to b 1/4. b: age 0 is won with 1/3; later won 1/5, back to a 1/10.
    a, b = np.array([[0, 0.5, 0, 0], [0, 0.25, 0, 0]]), np.array([[0, 0, 1 / 3, 0], [0.1, 0, 0.2, 0]])
    oracle = Forward([[0, 1], [0, 1]], [a, b], np.ones((2, 4)), [False, False, True, False])
    at_entry = 1 / 2 * 1 / 3
    resting_a, resting_b = 1 / 2, 1 / 2 * 2 / 3
    first = resting_b / 5 + resting_a / 4 / 3 + resting_b / 10 / 2 / 3
    next_a = resting_a * 3 / 4 + resting_b / 10 / 2
    next_b = resting_b * 7 / 10 + resting_a / 4 * 2 / 3 + resting_b / 10 / 2 * 2 / 3
    second = next_b / 5 + next_a / 4 / 3 + next_b / 10 / 2 / 3
    expected = np.cumsum([at_entry, first, second])
    np.testing.assert_allclose(oracle.won_by_step(0, None, 2), expected, rtol=1e-12)


# --- what deals of a simulated history did ------------------------------------------------------------------

#           a      b      c      won    lost          ages 0, 1-4, 5-14, 15 and more
LOOPS = (
    ([0.20, 0.05, 0.12, 0.02], [0.00, 0.55, 0.10, 0.05, 0.30]),
    ([0.05, 0.10, 0.04, 0.01], [0.20, 0.00, 0.50, 0.10, 0.20]),
    ([0.15, 0.02, 0.20, 0.03], [0.00, 0.15, 0.00, 0.60, 0.25]),
)
ORIGIN, AS_OF = "2026-03-31", "2026-06-30"
EDGES = ("2026-04-01", "2026-04-15", "2026-07-01")


@pytest.fixture(scope="module")
def looping_funnel() -> fs.Funnel:
    first_age = np.array([0, 1, 5, 15])
    hazards = tuple(
        StageHazards(first_age, np.outer(pace, split), np.ones(4), np.array(split), is_certain=True)
        for pace, split in LOOPS
    )
    arrivals = Arrivals(7, 7 * 600.0, np.inf, 0.0, np.array([1.0, 0.0, 0.0]))
    return fs.Funnel(fs.Stages.named(["a", "b", "c"]), fs.Clock("day"), hazards, arrivals)


@dataclass(frozen=True)
class Origin:
    """Where deals of a history stood on a day, and the step at which they were won (huge when never)."""

    stage: np.ndarray
    age: np.ndarray
    won_step: np.ndarray
    won_step_of_later: np.ndarray


@pytest.fixture(scope="module")
def at_origin(looping_funnel: fs.Funnel) -> Origin:
    history = fs.simulate_history(
        SEED,
        funnel=looping_funnel,
        start="2026-01-01",
        as_of=AS_OF,
        window_start=None,
        segments=False,
        season=False,
    )
    spells, day = history.spells, int(history.clock.step_of(ORIGIN))
    won_step = np.full(len(history.records.deals), np.iinfo(np.int64).max)
    paths = history.paths
    is_win = history.stages.is_won[paths.place]
    won_step[paths.deal[is_win]] = history.clock.step_of(paths.entered_at[is_win])
    here = (spells.entry_step <= day) & ((spells.exit_step > day) | (spells.destination < 0))
    first = paths.keep(paths.is_first)
    later = first.deal[history.clock.step_of(first.entered_at) > day]
    return Origin(
        spells.stage[here], day - spells.entry_step[here], won_step[spells.deal[here]], won_step[later]
    )


def score(won: np.ndarray, chance: np.ndarray) -> float:
    return float((won - chance).sum() / np.sqrt((chance * (1 - chance)).sum()))


def predicted(funnel: fs.Funnel, origin: Origin) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances by deal and period, expected new wins by period, and the edges in steps."""
    clock = fs.Clock("day")
    edges = np.array([int(clock.step_of(edge)) for edge in EDGES])
    pipeline = fs.Pipeline(
        clock,
        edges[0] - 1,
        np.arange(len(origin.stage)).astype(str).astype(object),
        origin.stage,
        origin.age,
        np.full(len(origin.stage), np.nan),
        np.empty(0, np.int64),
        np.empty(0),
    )
    chance, new_wins = chances_of(funnel, pipeline, edges)
    return chance, new_wins.sum(axis=0), edges


def test_open_deals_of_a_simulated_history_are_won_as_often_as_predicted(
    looping_funnel: fs.Funnel, at_origin: Origin
) -> None:
    """By stage, age and period. d: 1 to 10 points of the chance in most groups, one point over all deals."""
    chance, _, edges = predicted(looping_funnel, at_origin)
    assert len(chance) > 15_000
    band = np.digitize(at_origin.age, [1, 5, 15])
    scores = []
    for period in range(2):
        won = (at_origin.won_step >= edges[period]) & (at_origin.won_step < edges[period + 1])
        for stage in range(3):
            for ages in range(4):
                group = (at_origin.stage == stage) & (band == ages)
                if chance[group, period].sum() > 5:
                    scores.append(score(won[group], chance[group, period]))
        fresh = chances_of(
            looping_funnel, deals_at(at_origin.stage, at_origin.age * 0), edges - edges[0] + CUTOFF_STEP + 1
        )[0][:, period]
        if period == 0:  # negative control: old deals taken for fresh ones
            assert abs(score(won, fresh)) > 4
        assert abs(score(won, chance[:, period])) < 4
    assert len(scores) >= 16
    assert np.abs(scores).max() < stats.norm.isf(3e-5 / len(scores)), np.round(scores, 1)


def test_deals_that_arrive_later_are_won_as_often_as_predicted(
    looping_funnel: fs.Funnel, at_origin: Origin
) -> None:
    """d: 4 % of the 11,000 wins of the second period, 18 % of the 490 of the first."""
    _, expected, edges = predicted(looping_funnel, at_origin)
    won, _ = np.histogram(at_origin.won_step_of_later, bins=edges)
    assert expected[0] > 400
    assert expected[1] > 10_000
    assert (np.abs(won - expected) < 4 * np.sqrt(expected)).all(), (won, expected)


def test_new_deals_not_recorded_yet_may_be_won_after_the_cutoff_only(looping_funnel: fs.Funnel) -> None:
    """Arrivals of the last 9 days are unrecorded: their wins count from the cutoff on, none before it."""
    hazards = [np.outer(pace, split) for pace, split in LOOPS]
    oracle = Forward([[0, 1, 5, 15]] * 3, hazards, np.ones((3, 5)), [False, False, False, True, False])
    none = np.empty(0, np.int64)
    _, new_wins = chances_of(looping_funnel, deals_at(none, none, 9), CUTOFF_STEP + np.array([-5, 6, 13]))
    won = oracle.won_by_step(0, None, 25)
    expected = np.zeros(2)
    for day in range(-8, 13):
        by_edge = [won[end - day] if day <= end else 0.0 for end in (0, 5, 12)]
        expected += 600.0 * np.diff(by_edge)
    np.testing.assert_allclose(new_wins.sum(axis=0), expected, rtol=1e-9)
