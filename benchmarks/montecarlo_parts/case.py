"""The one case that every method simulates: 300 open deals and 450 expected arrivals over four quarters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import funnelsim as fs
from funnelsim.numerics.incidence import incidence_by_age
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline

Floats = npt.NDArray[np.float64]

N_OPEN_DEALS = 300
EXPECTED_ARRIVALS = 450
AS_OF = "2026-06-30"  # the end of a quarter: four whole quarters lie ahead, 365 steps
_CERTAIN = 1e12  # entry counts so large that their draw is their share


@dataclass(frozen=True, eq=False)
class Case:
    """A funnel, the deals open at the cutoff, and the periods to forecast."""

    funnel: fs.Funnel
    pipeline: Pipeline
    periods: Periods

    @property
    def n_steps(self) -> int:
        return int(self.periods.steps_ahead[-1])


def certain_case() -> Case:
    """The sample's true funnel, every parameter certain."""
    truth = fs.sample_funnel()
    arrivals = replace(truth.arrivals, entry_counts=truth.arrivals.entry_counts * _CERTAIN)
    return _case(replace(truth, arrivals=arrivals))


def fitted_case() -> Case:
    """A funnel fitted on a simulated history: what users run."""
    return _case(fs.fit(fs.simulate_history(seed=1, as_of=AS_OF)))


def _case(funnel: fs.Funnel) -> Case:
    pipeline = _pipeline()
    periods = Periods.parse("4Q", pipeline.clock, pipeline.cutoff_step)
    expected = funnel.arrivals.mean_per_block / funnel.arrivals.block_steps * periods.steps_ahead[-1]
    arrivals = funnel.arrivals.scaled(EXPECTED_ARRIVALS / float(expected))
    return Case(replace(funnel, arrivals=arrivals), pipeline, periods)


def _pipeline() -> Pipeline:
    """300 of the deals a busier world has open: its own mix of stages, ages and missing amounts."""
    truth = fs.sample_funnel()
    busier = replace(truth, arrivals=truth.arrivals.scaled(2.0))
    full = fs.simulate_history(seed=2, funnel=busier, as_of=AS_OF).pipeline()
    kept = np.sort(np.random.default_rng(3).choice(full.n_deals, N_OPEN_DEALS, replace=False))
    per_deal = {name: getattr(full, name)[kept] for name in ("deal_ids", "stage", "age_steps", "amount")}
    return replace(full, **per_deal, attributes={})


@dataclass(frozen=True, eq=False)
class ExitTable:
    """What the rivals sample one open stage from: the age at exit, and the destination given that age.

    Parameters
    ----------
    left_by : ndarray of shape (n_ages,)
        Chance to have left by each age, for a deal that enters the stage.
    places : ndarray of int, shape (n_exits,)
        Codes of the destinations.
    edges : ndarray of shape (n_ages, n_exits - 1)
        Cumulative shares of the destinations at each age, without the last (always 1).
    """

    left_by: Floats
    places: npt.NDArray[np.int64]
    edges: Floats


def exit_tables(case: Case) -> list[ExitTable]:
    """One table per open stage, long enough for the oldest deal to reach the horizon."""
    n_ages = int(case.pipeline.age_steps.max()) + case.n_steps + 1
    tables = []
    for stage, hazards in enumerate(case.funnel.hazards):
        chances = case.funnel.mean_hazards(stage)
        places = np.flatnonzero(chances.sum(axis=0))
        incidence = incidence_by_age(hazards.first_age, chances[:, places], n_ages)
        at_age = incidence.sum(axis=1)
        shares = incidence / np.where(at_age > 0, at_age, 1.0)[:, None]
        tables.append(ExitTable(np.cumsum(at_age), places, np.cumsum(shares, axis=1)[:, :-1]))
    return tables


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method says of every future: wins and bookings by period, shape (n_futures, n_periods)."""

    wins: Floats
    bookings: Floats
