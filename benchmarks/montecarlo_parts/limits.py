"""How fast could it be: NumPy's generator, memory and matrix products, on the numbers of the same case."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from montecarlo_parts.case import EXPECTED_ARRIVALS, Case, certain_case, fitted_case

_REPEATS = 15
_LARGE = 32_000_000  # float64 numbers, 256 MB: beyond any cache
_MATRIX = 1024


def limits(n_futures: int, n_draws: int) -> dict[str, float]:
    """Rates of one thread, and the seconds the engine's numbers alone would take at these rates."""
    case, rng = certain_case(), np.random.default_rng(0)
    n_fates, n_wins = n_futures * case.pipeline.n_deals, n_futures * len(case.periods)
    n_swings = n_futures * -(-case.n_steps // case.funnel.arrivals.block_steps)
    dispersion = case.funnel.arrivals.dispersion
    fates = _median_seconds(lambda: rng.random(n_fates, dtype=np.float32))
    swings = _median_seconds(lambda: rng.standard_gamma(1.0 / dispersion, n_swings))
    wins = _median_seconds(lambda: rng.poisson(7.0, n_wins))
    amounts = _median_seconds(lambda: rng.random(n_futures * _expected_new_wins()))
    volume, large = np.ones(n_fates, dtype=np.float32), np.ones(_LARGE)
    same_volume, beyond_cache = np.empty_like(volume), np.empty_like(large)
    copy = _median_seconds(lambda: np.copyto(same_volume, volume))
    copy_large = _median_seconds(lambda: np.copyto(beyond_cache, large))
    matrix = rng.random((_MATRIX, _MATRIX))
    product = _median_seconds(lambda: matrix @ matrix)
    flops = 2.0 * _MATRIX**3 / product
    recursion = 2.0 * multiply_adds(fitted_case(), n_draws) / flops
    return {
        "float32_per_second": n_fates / fates,
        "copy_gb_per_second": 2 * volume.nbytes / copy / 1e9,
        "copy_large_gb_per_second": 2 * large.nbytes / copy_large / 1e9,
        "matmul_gflops": flops / 1e9,
        "n_fates": float(n_fates),
        "seconds_fates": fates,
        "seconds_copy_of_fates": copy,
        "seconds_swings": swings,
        "seconds_new_wins": wins,
        "seconds_new_amounts": amounts,
        "seconds_all_numbers": fates + swings + wins + amounts,
        "recursion_multiply_adds": float(multiply_adds(fitted_case(), n_draws)),
        "seconds_recursion_at_matmul_rate": recursion,
    }


def _expected_new_wins() -> int:
    """New deals won in a future of the case, roughly: enough to size a draw."""
    return EXPECTED_ARRIVALS // 8


def multiply_adds(case: Case, n_draws: int) -> int:
    """Multiply-adds of the recursion written as plain convolutions over steps."""
    n_open, n_steps, funnel, pipeline = case.funnel.stages.n_open, case.n_steps, case.funnel, case.pipeline
    entry = n_open**2 * n_steps * (n_steps + 1) // 2
    helps = funnel.stages.is_won | (np.arange(len(funnel.stages.names)) < n_open)
    oldest = np.array([hazards.first_age[-1] - 1 for hazards in funnel.hazards])[pipeline.stage]
    positions = set(zip(pipeline.stage, np.minimum(pipeline.age_steps, oldest), strict=True))
    ages = 0
    for stage, _ in positions:
        n_exits = int(((funnel.mean_hazards(stage) > 0).any(axis=0) & helps).sum())
        ages += n_exits * n_steps * len(case.periods)
    return n_draws * (entry + ages)


def _median_seconds(action: Callable[[], object]) -> float:
    action()
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return statistics.median(times)
