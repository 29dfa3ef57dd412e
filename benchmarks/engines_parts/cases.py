"""Funnels and pipelines of any size: stages in a row with skips, backward moves and moves within a day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import funnelsim as fs
from funnelsim.nouns.calendar import Calendar
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.calendar import Factors
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import Levels

CUTOFF = "2026-09-30"
_FIRST_AGE = np.array([0, 1, 4, 10, 25, 60, 120])
_PACE = np.array([0.05, 0.04, 0.06, 0.05, 0.03, 0.01, 0.0005])


def row_of_stages(n_stages: int) -> fs.Funnel:
    """Deals move on with 60 %, skip a stage with 5 %, go back with 10 %, are lost otherwise."""
    hazards = tuple(_stage(stage, n_stages) for stage in range(n_stages))
    rng = np.random.default_rng(1)
    amounts = Amounts(np.sort(rng.lognormal(10.0, 1.2, 200)), rng.integers(1, 9, 200).astype(float))
    entry = np.zeros(n_stages)
    entry[:2] = (80.0, 20.0)[: min(n_stages, 2)]
    arrivals = Arrivals(7, 20.0, 40.0, 0.1, entry)
    names = [f"stage {i}" for i in range(n_stages)]
    return fs.Funnel(fs.Stages.named(names), fs.Clock("day"), hazards, arrivals, amounts)


def _stage(stage: int, n_stages: int) -> StageHazards:
    split = np.zeros(n_stages + 2)  # then won, lost
    split[min(stage + 1, n_stages)] += 0.6
    split[min(stage + 2, n_stages)] += 0.05
    if stage:
        split[stage - 1] += 0.1
    split[-1] = 1.0 - split.sum()
    at_risk = np.full(len(_FIRST_AGE), 800.0)
    return StageHazards(_FIRST_AGE, 800.0 * np.outer(_PACE, split), at_risk, split)


def moving(funnel: fs.Funnel) -> fs.Funnel:
    """The same with a level for every move forward, one for arrivals, and a calendar of weekdays."""
    n = funnel.stages.n_open
    levels = Levels(np.full(n, 20.0), np.full(n, 18.0), np.full(n, 0.95), np.full(n, 0.05))
    arrivals = ArrivalPace(np.ones(1), Levels(*np.array([[30.0], [28.0], [0.95], [0.1]])))
    weekday = Factors("weekday", np.array([1.4, 1.1, 1.0, 1.0, 0.9, 0.2, 0.1]), np.zeros(7))
    return replace(
        funnel,
        pace=Pace(28, np.arange(n), np.arange(1, n + 1), levels, arrivals),
        calendar=Calendar({"moves": (weekday,), "won": (weekday,), "arrivals": (weekday,)}),
    )


def open_deals(n_deals: int, n_stages: int) -> fs.Pipeline:
    """Deals spread over stages and ages; amounts in cents, each another."""
    rng, clock = np.random.default_rng(2), fs.Clock("day")
    return fs.Pipeline(
        clock=clock,
        cutoff_step=int(clock.step_of(CUTOFF)),
        deal_ids=np.array([f"D{i}" for i in range(n_deals)], dtype=object),
        stage=rng.integers(0, n_stages, n_deals),
        age_steps=np.minimum(rng.exponential(40.0, n_deals), 400).astype(np.int64),
        amount=np.round(rng.lognormal(10.0, 1.2, n_deals), 2),
        won_step=np.zeros(0, np.int64),
        won_amount=np.zeros(0),
    )


def equal_periods(pipeline: fs.Pipeline, n_periods: int, n_days: int) -> fs.Periods:
    """So many periods of equal length (to a day) within so many days."""
    first = pipeline.cutoff_step + 1
    edges = np.round(np.linspace(first, first + n_days, n_periods + 1)).astype(np.int64)
    return fs.Periods(edges, tuple(f"P{i}" for i in range(n_periods)), pipeline.cutoff_step)
