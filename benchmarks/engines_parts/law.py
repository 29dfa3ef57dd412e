"""The exact law, the chances given: 10,000 open deals, 12 periods, 100 draws; against a plain product."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from montecarlo_parts.memory import peak_mb

from engines_parts.cases import open_deals
from funnelsim.engines.chances import Chances, Positions
from funnelsim.engines.exact import ExactOutcome, Money
from funnelsim.numerics.portfolio import Lumps, Prizes

Floats = npt.NDArray[np.float64]
N_DEALS, N_PERIODS, N_DRAWS = 10_000, 12, 100
_QUANTILES = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
_ROUNDS = 5
_RIVAL_DRAWS = 2


def outcome(n_cells: int = 8192) -> ExactOutcome:
    """Chances from 0 to 0.9 (mean 0.17, a sixth above a third), uncertain amounts of new deals."""
    rng = np.random.default_rng(0)
    won = rng.beta(0.6, 3.0, N_DEALS) * 0.9
    by_period = won[:, None] * rng.dirichlet(np.full(N_PERIODS, 0.5), N_DEALS)
    chance = by_period * np.exp(rng.normal(0.0, 0.15, (N_DRAWS, N_DEALS, 1)))
    chance /= np.maximum(1.0, chance.sum(axis=2, keepdims=True) * 1.02)
    new_wins = rng.gamma(20.0, 0.5, (N_DRAWS, 13, N_PERIODS))
    prizes = Prizes(np.sort(rng.lognormal(10.0, 1.2, 200)), rng.dirichlet(np.full(200, 5.0), N_DRAWS))
    each = np.arange(N_DEALS)
    positions = Positions(np.zeros_like(each), np.zeros_like(each), each, each, 0)
    money = Money(open_deals(N_DEALS, 5).amount, prizes, ())
    return ExactOutcome(Chances(chance, new_wins, np.full(N_DRAWS, 0.1)), positions, money, n_cells)


def measure() -> str:
    """Seconds, memory and error of the twelve laws; how many times longer a plain product takes."""
    made, before = outcome(), peak_mb()
    windows = [[period] for period in range(N_PERIODS)]
    seconds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        laws = [made.law(window, "bookings", 0.0) for window in windows]
        for law in laws:
            law.quantile(_QUANTILES)  # a law is computed when it is first asked
        seconds.append(time.perf_counter() - start)
    memory = peak_mb() - before
    start = time.perf_counter()
    made.law(range(N_PERIODS), "bookings", 0.0).quantile(_QUANTILES)
    total = time.perf_counter() - start
    fine = outcome(65_536)
    error = max(
        float(
            np.abs(
                law.quantile(_QUANTILES) / fine.law(window, "bookings", 0.0).quantile(_QUANTILES) - 1
            ).max()
        )
        for law, window in zip(laws, windows, strict=True)
    )
    plain, gap = _plain(made)
    middle = float(np.median(seconds))
    return "\n".join(
        [
            f"the law of {N_DEALS:,} open deals, {N_PERIODS} periods, {N_DRAWS} draws, the chances given",
            f"  all periods              {middle:7.2f} s ({min(seconds):.2f} to {max(seconds):.2f})",
            f"  and of their total       {total:7.2f} s",
            f"  memory beyond the chances {memory:6.0f} MB",
            f"  largest error of 7 quantiles, against 65,536 cells   {error:.1e}",
            f"  deal by deal in NumPy    {plain:7.1f} s, scaled from one period and {_RIVAL_DRAWS} draws: "
            f"{plain / middle:.0f} times as long",
            f"  largest difference of the characteristic functions   {gap:.1e}",
        ]
    )


def _plain(made: ExactOutcome) -> tuple[float, float]:
    """Seconds of a product over deals one by one at every frequency, scaled; and what it differs by."""
    from funnelsim.numerics import compound

    portfolio = made.portfolio([0], "bookings")
    law = compound.sum_law(portfolio, n_cells=8192)
    few = Lumps(portfolio.lumps.chance[:_RIVAL_DRAWS], portfolio.lumps.amount, portfolio.lumps.count)
    every = np.arange(law.grid.n_cells // 2 + 1)
    start = time.perf_counter()
    product = compound._product(few, law.grid, every)
    seconds = (time.perf_counter() - start) * N_DRAWS / _RIVAL_DRAWS * N_PERIODS
    slow = few.chance.max(axis=0) > compound._MOST_IN_SERIES
    series = np.exp(compound._log_of_series(few.keep(~slow), law.grid))
    series *= compound._product(few.keep(slow), law.grid, every)
    return seconds, float(np.abs(series - product).max())
