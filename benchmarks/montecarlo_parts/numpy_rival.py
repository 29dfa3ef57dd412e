"""Rival (b): a vectorised semi-Markov loop, all deals of a chunk of futures at once, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from montecarlo_parts.case import Case, ExitTable, Outcome, exit_tables

Ints = npt.NDArray[np.int64]

FUTURES_PER_CHUNK = 200  # the fastest of 20 to 2,000


@dataclass
class Paths:
    """Where the deals still open in a chunk are: one entry per deal and future."""

    future: Ints  # of the chunk
    stage: Ints
    age: Ints  # age in the stage already survived; -1 for a deal that enters now
    step: Ints  # steps after the cutoff
    amount: npt.NDArray[np.float64]  # NaN: drawn when won

    def keep(self, rows: npt.NDArray[np.bool_] | Ints) -> Paths:
        return Paths(*(column[rows] for column in vars(self).values()))


def simulate(case: Case, seed: int, n_futures: int, chunk: int = FUTURES_PER_CHUNK) -> Outcome:
    """Wins and bookings of `n_futures` futures."""
    tables, rng = exit_tables(case), np.random.default_rng(seed)
    parts = [
        _simulate_chunk(case, tables, rng, min(chunk, n_futures - a)) for a in range(0, n_futures, chunk)
    ]
    return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _simulate_chunk(
    case: Case, tables: list[ExitTable], rng: np.random.Generator, n_futures: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    n_open, n_periods = case.funnel.stages.n_open, len(case.periods)
    is_won = case.funnel.stages.is_won
    wins, bookings = np.zeros(n_futures * n_periods), np.zeros(n_futures * n_periods)
    paths = _start(case, rng, n_futures)
    while len(paths.future):
        for stage, table in enumerate(tables):
            _leave(paths, np.flatnonzero(paths.stage == stage), table, rng, case.n_steps)
        paths = paths.keep(paths.step <= case.n_steps)
        won = paths.keep(is_won[paths.stage])
        missing = np.isnan(won.amount)
        won.amount[missing] = _amounts(case, rng, int(missing.sum()))
        period = np.searchsorted(case.periods.steps_ahead, won.step, side="left") - 1
        cell = won.future * n_periods + period
        wins += np.bincount(cell, minlength=len(wins))
        bookings += np.bincount(cell, weights=won.amount, minlength=len(wins))
        paths = paths.keep(paths.stage < n_open)
    return wins.reshape(-1, n_periods), bookings.reshape(-1, n_periods)


def _start(case: Case, rng: np.random.Generator, n_futures: int) -> Paths:
    """Open deals of every future, and the deals that will arrive."""
    pipeline, law = case.pipeline, case.funnel.arrivals
    n_deals, size = pipeline.n_deals, law.block_steps
    n_blocks = -(-case.n_steps // size)
    swings = np.ones((n_futures, n_blocks))
    if law.dispersion > 0:
        swings = rng.standard_gamma(1.0 / law.dispersion, swings.shape) * law.dispersion
    by_day = np.repeat(swings, size, axis=1)[:, : case.n_steps] * law.mean_per_block / size
    arrivals = rng.poisson(by_day)
    future, day = np.divmod(np.repeat(np.arange(arrivals.size), arrivals.reshape(-1)), case.n_steps)
    n_new = len(future)
    entry = np.cumsum(law.entry_counts) / law.entry_counts.sum()
    return Paths(
        future=np.concatenate([np.repeat(np.arange(n_futures), n_deals), future]),
        stage=np.concatenate(
            [np.tile(pipeline.stage, n_futures), np.searchsorted(entry, rng.random(n_new), side="right")]
        ),
        age=np.concatenate([np.tile(pipeline.age_steps, n_futures), np.full(n_new, -1)]),
        step=np.concatenate([np.zeros(n_futures * n_deals, dtype=np.int64), day + 1]),
        amount=np.concatenate([np.tile(pipeline.amount, n_futures), np.full(n_new, np.nan)]),
    )


def _leave(paths: Paths, here: Ints, table: ExitTable, rng: np.random.Generator, n_steps: int) -> None:
    """Move the deals `here` out of their stage; those that leave after the horizon only get its date."""
    age = paths.age[here]
    before = np.where(age >= 0, table.left_by[age], 0.0)
    chance = before + rng.random(len(here)) * (1.0 - before)
    exit_age = np.searchsorted(table.left_by, chance, side="right")
    step = paths.step[here] + exit_age - np.maximum(age, 0)
    paths.step[here], paths.age[here] = step, -1
    leaves = step <= n_steps
    moved, edges = here[leaves], table.edges[exit_age[leaves]]
    paths.stage[moved] = table.places[(rng.random(len(moved))[:, None] >= edges).sum(axis=1)]


def _amounts(case: Case, rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Amounts from the law of won amounts."""
    amounts = case.funnel.amounts
    edges = np.cumsum(amounts.weights) / amounts.weights.sum()
    return amounts.points[np.searchsorted(edges[:-1], rng.random(n), side="right")]
