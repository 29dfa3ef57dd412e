"""Rival (a): one SimPy process per deal, as a competent user would write it.

Each process samples its age at exit and its destination from tables made once, and waits. Two ways to draw
one number at a time: the standard library (the fastest there is), and NumPy's generator with searchsorted
(what many write, because the tables are arrays). An exit beyond the horizon is not waited for.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
import simpy

from montecarlo_parts.case import Case, Outcome, exit_tables


class StandardLibrary:
    """Draws by ``random`` and ``bisect``, from lists."""

    def __init__(self, seed: int) -> None:
        self.uniform = random.Random(seed).random
        self.find = bisect_right

    @staticmethod
    def table(array: np.ndarray) -> list:
        return array.tolist()


class NumpyOneByOne:
    """Draws by a NumPy generator and ``searchsorted``, from arrays, one number at a time."""

    def __init__(self, seed: int) -> None:
        self.uniform = np.random.default_rng(seed).random

    @staticmethod
    def find(table: np.ndarray, chance: float) -> int:
        return table.searchsorted(chance, side="right")

    @staticmethod
    def table(array: np.ndarray) -> np.ndarray:
        return array


class FutureSimulator:
    """Simulates whole futures, one SimPy environment each."""

    def __init__(self, case: Case, draws: StandardLibrary | NumpyOneByOne, seed: int) -> None:
        funnel, pipeline, tables = case.funnel, case.pipeline, exit_tables(case)
        self.uniform, self.find = draws.uniform, draws.find
        self.left_by = [draws.table(table.left_by) for table in tables]
        self.edges = [draws.table(table.edges) for table in tables]
        self.places = [table.places.tolist() for table in tables]
        self.n_open, self.is_won = funnel.stages.n_open, funnel.stages.is_won.tolist()
        self.horizon, self.period_ends = case.n_steps, case.periods.steps_ahead[1:].tolist()
        self.stage, self.age = pipeline.stage.tolist(), pipeline.age_steps.tolist()
        self.amount = [None if np.isnan(a) else a for a in pipeline.amount.tolist()]
        weights, entries = funnel.amounts.weights, funnel.arrivals.entry_counts
        self.amount_points = funnel.amounts.points.tolist()
        self.amount_edges = draws.table(np.cumsum(weights / weights.sum())[:-1])
        self.entry_edges = draws.table(np.cumsum(entries / entries.sum())[:-1])
        self.arrivals, self.numpy_rng = funnel.arrivals, np.random.default_rng(seed)

    def run(self, n_futures: int) -> Outcome:
        """Wins and bookings of `n_futures` futures."""
        futures = [self.future() for _ in range(n_futures)]
        return Outcome(*(np.array(column, dtype=float) for column in zip(*futures, strict=True)))

    def future(self) -> tuple[list[int], list[float]]:
        """One future: wins and bookings by period."""
        self.wins, self.bookings = [0] * len(self.period_ends), [0.0] * len(self.period_ends)
        self.env = simpy.Environment()
        for stage, age, amount in zip(self.stage, self.age, self.amount, strict=True):
            self.env.process(self.deal(stage, age, amount))
        self.env.process(self.arrive())
        self.env.run(until=self.horizon + 1)
        return self.wins, self.bookings

    def deal(self, stage: int, age: int, amount: float | None) -> Iterator[simpy.Event]:
        """One deal from its present stage and age (-1: it enters now) to its end or the horizon."""
        env, uniform, find = self.env, self.uniform, self.find
        while stage < self.n_open:
            left_by = self.left_by[stage]
            before = left_by[age] if age >= 0 else 0.0
            exit_age = find(left_by, before + uniform() * (1.0 - before))
            wait = exit_age - max(age, 0)
            if env.now + wait > self.horizon:
                return
            yield env.timeout(wait)
            stage, age = self.places[stage][find(self.edges[stage][exit_age], uniform())], -1
        if self.is_won[stage]:
            period = bisect_right(self.period_ends, env.now - 1)
            self.wins[period] += 1
            self.bookings[period] += self.any_amount() if amount is None else amount

    def arrive(self) -> Iterator[simpy.Event]:
        """New deals day by day: Poisson, with a gamma swing common to the days of a block."""
        law, size = self.arrivals, self.arrivals.block_steps
        n_blocks = -(-self.horizon // size)
        swings = np.ones(n_blocks)
        if law.dispersion > 0:
            swings = self.numpy_rng.standard_gamma(1.0 / law.dispersion, n_blocks) * law.dispersion
        by_day = np.repeat(swings, size)[: self.horizon] * law.mean_per_block / size
        for n_new in self.numpy_rng.poisson(by_day).tolist():
            yield self.env.timeout(1)
            for _ in range(n_new):
                self.env.process(self.deal(self.find(self.entry_edges, self.uniform()), -1, None))

    def any_amount(self) -> float:
        """An amount from the law of won amounts."""
        return self.amount_points[self.find(self.amount_edges, self.uniform())]
