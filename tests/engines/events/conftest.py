"""Small funnels whose answers under a shortage of hours can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.capacity import CapacityUse
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.randomness import Streams

CUTOFF = "2026-09-30"


@dataclass(frozen=True)
class Case:
    """A funnel of stages that deals leave at constant rates, and how to run it."""

    funnel: fs.Funnel

    def pipeline(self, stage: list[int] = [], age: list[int] | None = None, **columns: object) -> fs.Pipeline:  # noqa: B006
        n = len(stage)
        return fs.Pipeline(
            clock=self.funnel.clock,
            cutoff_step=int(self.funnel.clock.step_of(CUTOFF)),
            deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
            stage=np.array(stage, np.int64),
            age_steps=np.array(age or [0] * n, np.int64),
            amount=np.asarray(columns.pop("amount", np.full(n, 10.0)), dtype=float),
            won_step=np.asarray(columns.pop("won_step", []), dtype=np.int64),
            won_amount=np.full(len(columns.pop("won_amount", [])), 10.0),
            **columns,
        )

    @staticmethod
    def wins(outlook: fs.Forecast, window: object = None) -> Estimate:
        """Mean wins, with the error of independent futures: these funnels have nothing uncertain."""
        wins = outlook.window(window, "wins")
        return Estimate(float(wins.mean()), float(wins.std(ddof=1) / np.sqrt(len(wins))))

    def run(
        self,
        engine: fs.Events,
        pipeline: fs.Pipeline | None = None,
        periods: object = "3M",
        seed: int = 1,
        funnel: fs.Funnel | None = None,
    ) -> tuple[fs.Forecast, CapacityUse]:
        pipeline = pipeline or self.pipeline()
        parsed = fs.Periods.parse(periods, pipeline.clock, pipeline.cutoff_step)
        outlook = engine.run(funnel or self.funnel, pipeline, parsed, Streams(seed))
        assert outlook.capacity is not None
        return outlook, outlook.capacity


def certain_case(
    hazards: dict[str, list[float]], per_day: float, step: str = "day", amounts: list[float] | None = None
) -> Case:
    """Chances per step to leave each stage, from age 1 on: to every stage, then won, lost."""
    rows = [np.array([np.zeros(len(row)), row, row]) for row in hazards.values()]
    ages = np.array([0, 1, 400])  # the last bin counts as older than any exit
    stages = tuple(
        StageHazards(ages, h, np.ones(3), np.full(h.shape[1], 1.0 / h.shape[1]), is_certain=True)
        for h in rows
    )
    arrivals = Arrivals(1, per_day, np.inf, 0.0, np.eye(len(hazards))[0])
    law = Amounts(np.array(amounts or [10.0]), np.ones(len(amounts or [10.0])), is_certain=True)
    return Case(fs.Funnel(fs.Stages.named(list(hazards)), fs.Clock(step), stages, arrivals, law))


@pytest.fixture
def one_stage() -> Case:
    """Four in ten of 2 deals a day are won, after 10 days in the mean."""
    return certain_case({"s": [0.0, 0.04, 0.06]}, 2.0)


@pytest.fixture(scope="module")
def one_stage_of_module() -> Case:
    """The same, for what is run once in a module."""
    return certain_case({"s": [0.0, 0.04, 0.06]}, 2.0)


@pytest.fixture
def case_of() -> Callable[..., Case]:
    """Maker of cases."""
    return certain_case
