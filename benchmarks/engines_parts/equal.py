"""Monte Carlo and the exact engine at equal accuracy of the chance of a target, the draws the same."""

from __future__ import annotations

import time

import numpy as np
from montecarlo_parts.case import Case, fitted_case

import funnelsim as fs
from funnelsim.vocabulary.randomness import Streams

_N_DRAWS = 100
_ROUNDS = 3
_SIZES = (10_000, 100_000, 1_000_000)


def measure() -> str:
    """What each engine takes to an error of its own of the chance that the target is reached."""
    case, streams = fitted_case(), Streams(0)
    fine = fs.Exact(_N_DRAWS, n_cells=65_536).run(case.funnel, case.pipeline, case.periods, streams)
    target = float(fine.quantile(0.6))
    truth = fine.law().chance_by_draw(target).mean()
    exact_seconds, exact = _timed(fs.Exact(_N_DRAWS), case, streams, target)
    exact_error = abs(exact - truth)
    rows = [
        "chance of a target (about 40 %): 300 open deals, 450 arrivals, four quarters, the same 100 draws",
        f"  exact, 8,192 cells        {exact_seconds:8.2f} s   off by {exact_error:.1e} (to 65,536 cells)",
    ]
    per_future = 0.0
    for n_futures in _SIZES:
        seconds, chance = _timed(fs.MonteCarlo(n_futures, _N_DRAWS), case, streams, target)
        error = float(np.sqrt(_luck(fine, target) / n_futures))
        per_future = seconds / n_futures
        rows.append(
            f"  Monte Carlo, {n_futures:>9,}    {seconds:8.2f} s   off by {abs(chance - truth):.1e}, "
            f"expected {error:.1e}"
        )
    needed = _luck(fine, target) / exact_error**2
    rows.append(
        f"  Monte Carlo as accurate as that grid: {needed:.1e} futures, {needed * per_future:,.0f} s by "
        f"extrapolation: {needed * per_future / exact_seconds:,.0f} times as long as exact"
    )
    return "\n".join(rows)


def _luck(outlook: fs.Forecast, target: float) -> float:
    """Variance of whether one future reaches the target, given its draw."""
    chance = outlook.law().chance_by_draw(target)
    return float((chance * (1.0 - chance)).mean())


def _timed(
    engine: fs.Exact | fs.MonteCarlo, case: Case, streams: Streams, target: float
) -> tuple[float, float]:
    seconds, chance = [], 0.0
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        outlook = engine.run(case.funnel, case.pipeline, case.periods, streams)
        chance = float(outlook.chance(target))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)), chance
