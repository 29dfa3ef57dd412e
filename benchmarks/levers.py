"""Eight levers and their 28 pairs on 10,000 open deals: exact engine against paired Monte Carlo.

Run ``python benchmarks/levers.py``. Both take the same draws of the parameters, so both share the error that
these leave in a change of the chance. Monte Carlo adds its own; it is given as many futures as bring the
standard error of a change, both parts together, to within a twentieth of the exact engine's. The number
comes from a pilot run, and its time for all 37 forecasts is scaled from the base and two levers.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy

import funnelsim as fs
from funnelsim.questions.coverage import repeated
from funnelsim.questions.situation import Situation

N_DEALS = 10_000
PILOT = 5_000
_MORE = 1.05  # standard error of Monte Carlo over that of the exact engine


def case() -> tuple[fs.Funnel, fs.Pipeline]:
    """The fitted sample, its pipeline repeated to 10,000 deals with amounts of their own, in cents."""
    history = fs.simulate_history()
    pipeline, funnel = history.pipeline(), fs.fit(history)
    more = N_DEALS / pipeline.n_deals
    many = repeated(pipeline, more)
    swing = np.exp(0.3 * np.random.default_rng(0).standard_normal(many.n_deals))
    return fs.Volume(more).apply(funnel), replace(many, amount=np.round(many.amount * swing, 2))


def eight_levers() -> list[fs.Lever]:
    return [
        fs.Volume(1.05),
        fs.Conversion(1.05),
        fs.Speed(1.05),
        fs.Yield(1.02),
        fs.Conversion(1.1, "Qualify"),
        fs.Conversion(1.1, "Proof"),
        fs.Speed(1.2, "Solution"),
        fs.WinRate(1.05, "Solution"),
    ]


def timed(what: Callable[[], object]) -> tuple[object, float, float]:
    start, cpu = time.perf_counter(), time.process_time()
    found = what()
    return found, time.perf_counter() - start, time.process_time() - cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    workers = parser.parse_args().workers
    funnel, pipeline = case()
    exact, levers = fs.Exact(workers=workers), eight_levers()
    middle = float(fs.forecast(funnel, pipeline, periods="4Q", engine=exact).quantile(0.6))
    situation = Situation(funnel, pipeline, middle, periods="4Q", engine=exact)

    def whole() -> fs.LeverComparison:
        comparison = fs.compare_levers(
            funnel, pipeline, target=middle, levers=levers, periods="4Q", engine=exact
        )
        comparison.interactions()
        return comparison

    comparison, seconds, cpu = timed(whole)
    assert isinstance(comparison, fs.LeverComparison)
    errors = [comparison.effect(i).standard_error for i in range(len(levers))]

    pilot = replace(situation, engine=fs.MonteCarlo(n_futures=PILOT, workers=workers))
    own = [of_simulation(pilot, lever, error) for lever, error in zip(levers[:2], errors, strict=False)]
    n_futures = int(max(own))
    drawn = replace(situation, engine=fs.MonteCarlo(n_futures=n_futures, workers=workers))

    def three() -> list[fs.Forecast]:
        return [drawn.base, *(drawn.under(lever) for lever in levers[:2])]

    _, of_three, cpu_of_three = timed(lambda: [o.chance() for o in three()])
    gaps = [
        (drawn.change_of_chance(drawn.under(lever)).value - comparison.effect(i).value)
        / np.hypot(drawn.change_of_chance(drawn.under(lever)).standard_error, 1e-12)
        for i, lever in enumerate(levers[:2])
    ]
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, ", end="")
    print(f"scipy {scipy.__version__}, {workers} process(es)")
    print(f"{pipeline.n_deals:,} open deals, four quarters, 100 draws; 8 levers and 28 pairs: 37 forecasts")
    spread = f"error of a change {min(errors):.4f} to {max(errors):.4f}"
    print(f"exact         {seconds:6.1f} s, {cpu:6.1f} CPU s; {spread}")
    scaled = 37 / 3
    print(
        f"Monte Carlo   {of_three * scaled:6.1f} s, {cpu_of_three * scaled:6.1f} CPU s, scaled from 3 "
        f"forecasts of {n_futures:,} futures: {cpu_of_three * scaled / cpu:.1f} times as long"
    )
    print(f"difference of the changes in standard errors: {gaps[0]:+.2f}, {gaps[1]:+.2f} (4 is too much)")
    return 0


def of_simulation(pilot: Situation, lever: fs.Lever, exact_error: float) -> float:
    """Futures that bring the error of a paired change to 1.05 times that of the exact engine."""
    change = pilot.change_of_chance(pilot.under(lever))
    more = max(change.standard_error**2 - exact_error**2, 1e-12)
    return PILOT * more / ((_MORE**2 - 1.0) * exact_error**2)


if __name__ == "__main__":
    raise SystemExit(main())
