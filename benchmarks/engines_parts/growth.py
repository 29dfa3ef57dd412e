"""How time and memory grow with deals, periods, draws, stages and futures: slopes on logarithmic scales."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable

import numpy as np
from montecarlo_parts.memory import peak_mb

import funnelsim as fs
from engines_parts.cases import equal_periods, open_deals, row_of_stages
from funnelsim.vocabulary.randomness import Streams

_USUAL = {"deals": 1_000, "periods": 8, "draws": 50, "stages": 5, "futures": 20_000}
_SIZES = {
    "deals": (1_000, 3_000, 9_000),
    "periods": (4, 12, 36),
    "draws": (50, 100, 200),
    "stages": (3, 6, 12),
    "futures": (20_000, 60_000, 180_000),
}
_N_DAYS = 360
_ENGINES: dict[str, Callable[[dict[str, int]], fs.Exact | fs.MonteCarlo]] = {
    "exact": lambda size: fs.Exact(n_draws=size["draws"]),
    "Monte Carlo": lambda size: fs.MonteCarlo(n_futures=size["futures"], n_draws=size["draws"]),
}


def measure() -> str:
    """Each point in a process of its own; one size at a time is changed, the others stay as usual."""
    usual = ", ".join(f"{n:,} {name}" for name, n in _USUAL.items())
    rows = [
        f"growth; usual: {usual}; {_N_DAYS} days; run and the laws of all periods and their total",
        f"  {'engine':12} {'size':8} {'slope of s':>10} {'of MB':>6}   seconds and MB beyond the start",
    ]
    for engine in _ENGINES:
        for name, sizes in _SIZES.items():
            if engine == "exact" and name == "futures":
                continue
            points = [_apart(engine, _USUAL | {name: size}) for size in sizes]
            seconds, memory = np.array(points).T
            slopes = [np.polyfit(np.log(sizes), np.log(np.maximum(v, 0.1)), 1)[0] for v in (seconds, memory)]
            shown = "  ".join(
                f"{size:,}: {s:.2f} s {mb:.0f} MB" for size, s, mb in zip(sizes, seconds, memory, strict=True)
            )
            rows.append(f"  {engine:12} {name:8} {slopes[0]:10.2f} {slopes[1]:6.2f}   {shown}")
    return "\n".join(rows)


def _apart(engine: str, size: dict[str, int]) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_point, args=(engine, size, sender))
    process.start()
    point = receiver.recv()
    process.join()
    return point


def _point(engine: str, size: dict[str, int], sender: object) -> None:
    funnel, pipeline = row_of_stages(size["stages"]), open_deals(size["deals"], size["stages"])
    periods = equal_periods(pipeline, size["periods"], _N_DAYS)
    small = _ENGINES[engine](_USUAL | {"draws": 2, "futures": 2})
    small.run(row_of_stages(2), open_deals(2, 2), periods, Streams(0)).table()  # loads what is loaded once
    before, start = peak_mb(), time.process_time()
    _ENGINES[engine](size).run(funnel, pipeline, periods, Streams(0)).table()
    sender.send((time.process_time() - start, peak_mb() - before))  # type: ignore[attr-defined]
