"""The methods compared: each takes a seed and a number of futures and gives wins and bookings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import funnelsim as fs
from funnelsim.vocabulary.randomness import Streams
from montecarlo_parts import numpy_rival
from montecarlo_parts.case import Case, Outcome, certain_case, fitted_case
from montecarlo_parts.simpy_rival import FutureSimulator, NumpyOneByOne, StandardLibrary

Simulate = Callable[[Case, int, int], Outcome]


def funnelsim_engine(n_draws: int = 100, workers: int = 1) -> Simulate:
    """The engine as users run it: parameter draws, recursion, futures."""

    def simulate(case: Case, seed: int, n_futures: int) -> Outcome:
        engine = fs.MonteCarlo(n_futures=n_futures, n_draws=n_draws, workers=workers)
        outlook = engine.run(case.funnel, case.pipeline, case.periods, Streams(seed))
        return Outcome(outlook.draws("wins"), outlook.draws("bookings"))

    return simulate


def simpy_processes(draws: type[StandardLibrary] | type[NumpyOneByOne]) -> Simulate:
    """One SimPy process per deal."""

    def simulate(case: Case, seed: int, n_futures: int) -> Outcome:
        return FutureSimulator(case, draws(seed), seed).run(n_futures)

    return simulate


@dataclass(frozen=True)
class Method:
    """One line of the table.

    Parameters
    ----------
    label : str
    make_case : callable
    simulate : callable
    is_slow : bool
        Run on as many futures as fit the seconds allowed, and scaled.
    n_workers : int
        Processes; the CPU time of a method is only known with one.
    """

    label: str
    make_case: Callable[[], Case]
    simulate: Simulate
    is_slow: bool = False
    n_workers: int = 1


METHODS = {
    "engine": Method("funnelsim, 100 draws", certain_case, funnelsim_engine()),
    "engine_2": Method("funnelsim, 2 draws", certain_case, funnelsim_engine(n_draws=2)),
    "numpy": Method("NumPy, stage by stage", certain_case, numpy_rival.simulate),
    "simpy": Method("SimPy, random and bisect", certain_case, simpy_processes(StandardLibrary), is_slow=True),
    "simpy_np": Method("SimPy, NumPy one by one", certain_case, simpy_processes(NumpyOneByOne), is_slow=True),
    "fitted": Method("funnelsim, 100 draws, fitted", fitted_case, funnelsim_engine()),
    "workers": Method("funnelsim, fitted, workers=2", fitted_case, funnelsim_engine(workers=2), n_workers=2),
}
