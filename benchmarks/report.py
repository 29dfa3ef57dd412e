"""How long a whole report takes with ten thousand open deals: fit, levers, backtest, page and PDF.

Run: python benchmarks/report.py [scale], where scale 1 is the sample (267 open deals); 38 by default.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

import funnelsim as fs


def main(scale: float) -> None:
    sample = fs.fit(fs.simulate_history(seed=0))
    large = dataclasses.replace(sample, arrivals=sample.arrivals.scaled(scale), pace=None, calendar=None)
    history = fs.simulate_history(seed=1, funnel=large)
    print(history)
    begun = time.perf_counter(), time.process_time()

    def tell(what: str) -> None:
        wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
        print(f"{what:<10} after {wall:5.1f} s ({cpu:5.1f} s of one core)", flush=True)

    funnel = fs.fit(history)
    target = float(fs.forecast(funnel, history.pipeline()).quantile(0.6))
    tell("fit")
    comparison = fs.compare_levers(funnel, history.pipeline(), target=target)
    comparison.table()
    tell("levers")
    test = fs.backtest(history, periods="1Q", origins=8, n_draws=50)
    tell("backtest")
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("html", "pdf"):
            fs.write_report(
                Path(folder) / f"report.{ending}", comparison.base, funnel,
                history=history, comparison=comparison, test=test,
            )  # fmt: skip
            tell(ending)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 38.0)
