"""A process that runs one method on request: reads a line with a seed, writes a line with a timing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from montecarlo_parts.case import Case, Outcome
from montecarlo_parts.memory import peak_mb
from montecarlo_parts.methods import METHODS, Method

_TRIAL_FUTURES = 100


def serve(name: str, n_futures: int, seconds: float, folder: Path) -> None:
    """Warm up, then one timed run per line of standard input; outcomes are left in `folder`."""
    method = METHODS[name]
    case = method.make_case()
    before = peak_mb()
    first, n_futures = _warm_up(method, case, n_futures, seconds)
    _say(
        label=method.label,
        n_workers=method.n_workers,
        n_futures=n_futures,
        first_seconds=first,
        mb_before=before,
    )
    outcomes = []
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = method.simulate(case, int(line), n_futures)
        _say(seconds=time.perf_counter() - wall, cpu_seconds=time.process_time() - cpu, peak_mb=peak_mb())
        outcomes.append(outcome)
    _save(folder / f"{name}.npz", outcomes)


def _warm_up(method: Method, case: Case, n_futures: int, seconds: float) -> tuple[float, int]:
    """Seconds of a first run, and the futures to run from then on: as many as fit so many CPU seconds."""
    n_first = _TRIAL_FUTURES if method.is_slow else n_futures
    wall, cpu = time.perf_counter(), time.process_time()
    method.simulate(case, 10**6, n_first)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, min(n_futures, max(int(n_first * seconds / cpu), 1)) if method.is_slow else n_futures


def _save(path: Path, outcomes: list[Outcome]) -> None:
    wins, bookings = (
        np.concatenate([getattr(outcome, name) for outcome in outcomes]) for name in ("wins", "bookings")
    )
    np.savez(path, wins=wins, bookings=bookings)


def _say(**figures: object) -> None:
    print(json.dumps(figures), flush=True)
