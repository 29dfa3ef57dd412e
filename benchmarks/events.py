"""Discrete events a second: the pool of reps against plain SimPy and ciw, on one and the same M/M/c queue.

Run ``python benchmarks/events.py``; see ``benchmarks/README.md`` for what is measured. Exits with an error if
a mean wait is not that of Erlang C: the speed of a wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import ciw
import numpy as np
import simpy
from threadpoolctl import threadpool_limits

import funnelsim as fs
from funnelsim.engines.events.hours import WorkClock
from funnelsim.engines.events.pool import Pool, RepAtWork, Task, later
from funnelsim.vocabulary.randomness import Streams

REPS, LOAD = 5, 0.8  # arrivals a step over what the reps can serve; a service takes one step in the mean
N_BATCHES, WARM_UP, MOST_GAP = 40, 0.05, 4.0
EVENTS_PER_CUSTOMER = 2  # an arrival and the end of a service, whatever a method makes of them


def main() -> int:
    options = _options()
    methods: dict[str, tuple[Callable[[int, int], np.ndarray], int]] = {
        "funnelsim: pool of reps": (by_pool, options.customers),
        "SimPy: a process each": (by_simpy, options.customers),
        "ciw: as it comes": (by_ciw, options.customers // 10),
    }
    speeds: dict[str, list[float]] = {name: [] for name in methods}
    waits: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    engine_speeds = []
    with threadpool_limits(1):
        for i in range(options.rounds):
            for name, (method, n) in methods.items():
                begin = time.process_time()
                waits[name].append(method(n, i))
                speeds[name].append(EVENTS_PER_CUSTOMER * n / (time.process_time() - begin))
            engine_speeds.append(whole_engine(i))
            print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
    report(speeds, engine_speeds)
    return check(waits)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--customers", type=int, default=200_000, help="arrivals (default 200000; ciw a tenth)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of every method (default 5)")
    return parser.parse_args()


def by_pool(n: int, seed: int) -> np.ndarray:
    """The pool that the engine uses; random numbers drawn in arrays, arrivals one event each."""
    rng, env, wait = np.random.default_rng(seed), simpy.Environment(), []
    gaps, hours = rng.exponential(1 / (REPS * LOAD), n), rng.standard_exponential(n).tolist()

    def begun(task: Task, _: RepAtWork) -> None:
        wait.append(env.now - task.asked_at)

    def arrive(_: simpy.Event) -> None:
        gap = next(coming, None)
        if gap is not None:
            later(env, gap, arrive)
        pool.ask(Task(next(service)))

    pool = Pool(env, 1, begun, lambda task, rep: None, lambda task: None)
    clock = WorkClock(np.ones(int(gaps.sum()) + 1_000))
    pool.join(RepAtWork(i, clock) for i in range(REPS))
    coming, service = iter(gaps.tolist()), iter(hours)
    later(env, next(coming), arrive)
    env.run()
    return np.array(wait)


def by_simpy(n: int, seed: int) -> np.ndarray:
    """As SimPy's own examples do it: a process a customer, a Resource, numbers of the standard library."""
    rng, env, wait = random.Random(seed), simpy.Environment(), []
    reps = simpy.Resource(env, REPS)

    def customer() -> Iterator[simpy.Event]:
        arrived = env.now
        with reps.request() as request:
            yield request
            wait.append(env.now - arrived)
            yield env.timeout(rng.expovariate(1.0))

    def source() -> Iterator[simpy.Event]:
        for _ in range(n):
            yield env.timeout(rng.expovariate(REPS * LOAD))
            env.process(customer())

    env.process(source())
    env.run()
    return np.array(wait)


def by_ciw(n: int, seed: int) -> np.ndarray:
    """The same queue as a network of one node, until so many customers have been served."""
    ciw.seed(seed)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=REPS * LOAD)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[REPS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(n, method="Finish")
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    return np.array([record.waiting_time for record in records])


def whole_engine(seed: int) -> float:
    """Events a CPU second of the engine: deals walked through five stages, with waits, tallies and all."""
    funnel = fs.sample_funnel()
    pipeline = fs.simulate_history(1, funnel=funnel, segments=False).pipeline()
    periods = fs.Periods.parse("4Q", pipeline.clock, pipeline.cutoff_step)
    work = fs.Work({"Qualify": 1.0, "Develop": 1.5, "Solution": 3.0, "Proof": 4.0, "Close": 2.0})
    engine = fs.Events(fs.Team(fs.Rep.several(10)), work, n_futures=60, n_draws=6)
    counted = Counted()
    with counted:
        begin = time.process_time()
        engine.run(funnel, pipeline, periods, Streams(seed))
        seconds = time.process_time() - begin
    return counted.n_events / seconds


class Counted:
    """Counts the events of all environments while it is open, at the little cost of one addition each."""

    def __enter__(self) -> Counted:
        self.n_events, self._schedule = 0, simpy.Environment.schedule
        schedule = self._schedule

        def counting(env: simpy.Environment, *args: object, **named: object) -> None:
            self.n_events += 1
            schedule(env, *args, **named)

        simpy.Environment.schedule = counting
        return self

    def __exit__(self, *_: object) -> None:
        simpy.Environment.schedule = self._schedule


def erlang_c_wait() -> float:
    """Mean wait of M/M/c, service rate 1."""
    load = REPS * LOAD
    below = sum(load**k / math.factorial(k) for k in range(REPS))
    full = load**REPS / math.factorial(REPS) / (1 - LOAD)
    return full / (below + full) / (REPS - load)


def report(speeds: dict[str, list[float]], engine_speeds: list[float]) -> None:
    print(f"M/M/{REPS}, load {LOAD}: an arrival and an end of service are two events a customer")
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "simpy", "ciw"))
    print(f"Python {sys.version.split()[0]}, {versions}, funnelsim {fs.__version__}\n")
    base = np.array(next(iter(speeds.values())))
    print(f"{'method':28}{'events / CPU s':>16}{'range':>24}{'the pool is faster':>28}")
    for name, found in speeds.items():
        ratio = base / np.array(found)
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        times = f"{np.median(ratio):.1f} ({ratio.min():.1f} to {ratio.max():.1f})"
        print(f"{name:28}{np.median(found):>16,.0f}{spread:>24}{times:>28}")
    spread = f"{min(engine_speeds):,.0f} to {max(engine_speeds):,.0f}"
    print(f"{'funnelsim: Events, all of it':28}{np.median(engine_speeds):>16,.0f}{spread:>24}")
    print("(median of the rounds, lowest and highest)\n")


def check(waits: dict[str, list[np.ndarray]]) -> int:
    """Every mean wait against theory, by batches of neighbours after a warm-up."""
    expected, is_wrong = erlang_c_wait(), False
    print(f"mean wait by Erlang C: {expected:.4f}")
    for name, rounds in waits.items():
        batches = np.concatenate(
            [[part.mean() for part in np.array_split(w[int(WARM_UP * len(w)) :], N_BATCHES)] for w in rounds]
        )
        error = batches.std(ddof=1) / np.sqrt(len(batches))
        gap = (batches.mean() - expected) / error
        is_wrong |= abs(gap) > MOST_GAP
        print(f"  {name:28}{batches.mean():.4f} ± {error:.4f}  ({gap:+.1f} standard errors)")
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
