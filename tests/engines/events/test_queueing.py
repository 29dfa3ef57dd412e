"""The pool of reps against queueing theory: waits, priorities, patience, networks.

Every arrival is followed to its end. Errors are those of the means of batches of one long run, so that the
dependence between neighbours counts; after a warm-up, 4 standard errors are allowed. Each docstring names
the smallest error `d` that would be seen (about 7 standard errors).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import simpy
from scipy import stats

import funnelsim as fs
from funnelsim.engines.events.hours import WorkClock
from funnelsim.engines.events.pool import Pool, RepAtWork, Task
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

Floats = np.ndarray
SEED, N_BATCHES, WARM_UP = 11, 40, 0.1

sizes = pytest.mark.parametrize(
    "n", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["short", "long"]
)


@pytest.fixture(scope="module")
def expected(request: pytest.FixtureRequest) -> dict[str, list[dict[str, object]]]:
    path = Path(__file__).resolve().parents[4] / "shared" / "reference" / "10_queueing" / "expected.json"
    if not path.exists():
        pytest.skip("needs reference/10_queueing in the shared folder beside the checkout")
    return json.loads(path.read_text(encoding="utf-8"))["expected"]


@dataclass
class Run:
    """Waits of all arrivals in order of arrival, and who gave up."""

    wait: Floats
    has_left: Floats
    worked: float
    until: float


def reps_at(n: int, n_steps: int) -> list[RepAtWork]:
    """Reps who work one hour a step, round the clock."""
    clock = WorkClock(np.ones(n_steps))
    return [RepAtWork(i, clock) for i in range(n)]


def queue(
    at: Floats, hours: Floats, n_reps: int, key: Floats | None = None, patience: Floats | None = None
) -> Run:
    """One queue; every arrival is followed until it is served or has left."""
    env, wait, has_left, worked = simpy.Environment(), np.zeros(len(at)), np.zeros(len(at), bool), [0.0]
    number: dict[int, int] = {}

    def started(task: Task, rep: RepAtWork) -> None:
        wait[number.pop(id(task))] = env.now - task.asked_at
        worked[0] += task.hours

    def gave_up(task: Task) -> None:
        i = number.pop(id(task))
        wait[i], has_left[i] = env.now - task.asked_at, True

    pool = Pool(env, 1, started, lambda task, rep: None, gave_up)
    pool.join(reps_at(n_reps, int(at[-1] + hours.sum() / n_reps + 1000)))
    tasks = [
        Task(h, k, 0, None, p)
        for h, k, p in zip(
            hours.tolist(),
            (np.zeros(len(at)) if key is None else key).tolist(),
            (np.full(len(at), np.inf) if patience is None else patience).tolist(),
            strict=True,
        )
    ]
    gaps = np.diff(at, prepend=0.0).tolist()

    def arrive(event: simpy.Event) -> None:
        i = event.value
        if i + 1 < len(tasks):
            simpy.Timeout(env, gaps[i + 1], i + 1).callbacks.append(arrive)
        number[id(tasks[i])] = i
        pool.ask(tasks[i])

    simpy.Timeout(env, gaps[0], 0).callbacks.append(arrive)
    env.run()
    assert not number, "an arrival was not followed to its end"
    return Run(wait, has_left, worked[0], float(at[-1]))


def batch_means(values: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Mean after the warm-up and its standard error, from batches of neighbours (ratios, if weighted)."""
    start = int(WARM_UP * len(values))
    weight = np.ones(len(values)) if weight is None else weight
    parts = np.array_split(np.stack([values * weight, weight])[:, start:], N_BATCHES, axis=1)
    top, bottom = np.array([part.sum(axis=1) for part in parts]).T
    ratio = top.sum() / bottom.sum()
    error = np.std(top - ratio * bottom, ddof=1) / np.sqrt(N_BATCHES) / bottom.mean()
    return float(ratio), float(error)


def assert_mean(values: Floats, wanted: float, weight: Floats | None = None) -> None:
    """Within 4 standard errors of batch means."""
    mean, error = batch_means(values.astype(float), weight)
    gap = (mean - wanted) / error
    assert abs(gap) < 4, f"{mean:.5g} ± {error:.2g}, expected {wanted:.5g}: {gap:+.1f} standard errors"


def poisson_times(rng: np.random.Generator, rate: float, n: int) -> Floats:
    return np.cumsum(rng.exponential(1 / rate, n))


@sizes
@pytest.mark.parametrize("case", range(5))
def test_waits_of_alike_reps_are_those_of_erlang_c(expected: dict, case: int, n: int) -> None:
    """d: 4 to 20 % of the mean wait, 1 to 6 % of the chance to wait; the 90 % quantile as a chance."""
    law = expected["mmc"][case]
    rng = np.random.default_rng([SEED, case])
    rate = law["arrival_rate"]
    run = queue(poisson_times(rng, rate, n), rng.exponential(1 / law["service_rate"], n), law["servers"])
    assert_mean(run.wait, law["Wq"])
    assert_mean(run.wait > 1e-12, law["prob_wait"])
    assert_mean(run.wait > law["wait_quantiles"]["0.9"], 0.1)


def test_one_rep_more_would_be_seen(expected: dict) -> None:
    law = expected["mmc"][1]
    rng = np.random.default_rng(SEED)
    run = queue(poisson_times(rng, law["arrival_rate"], 40_000), rng.exponential(1.0, 40_000), 2)
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(run.wait, law["Wq"])


SERVICES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "deterministic 1": lambda rng, n: np.ones(n),
    "exponential mean 1": lambda rng, n: rng.exponential(1.0, n),
    "gamma shape 0.5 mean 1": lambda rng, n: rng.gamma(0.5, 2.0, n),
    "lognormal mean 1 sd 1.5": lambda rng, n: np.exp(rng.normal(-np.log(3.25) / 2, np.sqrt(np.log(3.25)), n)),
}


@sizes
@pytest.mark.parametrize("case", range(4))
def test_waits_for_one_rep_follow_pollaczek_and_khinchine(expected: dict, case: int, n: int) -> None:
    """d: 5 to 20 % of the mean wait."""
    law = expected["mg1"][case]
    rng = np.random.default_rng([SEED, 100 + case])
    run = queue(poisson_times(rng, law["arrival_rate"], n), SERVICES[law["service"]](rng, n), 1)
    assert_mean(run.wait, law["Wq"])
    assert_mean(run.wait > 1e-12, law["prob_wait"])


@sizes
@pytest.mark.parametrize("case", range(4))
def test_impatient_deals_leave_as_often_as_erlang_a_says(expected: dict, case: int, n: int) -> None:
    """d: 3 to 15 % of the share that leaves, and of the waits of those served and of those who leave."""
    law = expected["mmc_plus_m"][case]
    rng = np.random.default_rng([SEED, 200 + case])
    run = queue(
        poisson_times(rng, law["arrival_rate"], n),
        rng.exponential(1 / law["service_rate"], n),
        law["servers"],
        patience=rng.exponential(1 / law["abandon_rate"], n),
    )
    assert_mean(run.has_left, law["prob_abandon"])
    assert_mean(run.wait, law["mean_wait_all"])
    assert_mean(run.wait, law["mean_wait_of_served"], weight=(~run.has_left).astype(float))
    assert_mean(run.wait, law["mean_wait_of_abandoned"], weight=run.has_left.astype(float))
    busy = run.worked / run.until / law["servers"]
    assert busy == pytest.approx(law["utilisation"], rel=0.02)


@sizes
@pytest.mark.parametrize("case", range(2))
def test_the_first_class_goes_first_as_cobham_says(expected: dict, case: int, n: int) -> None:
    """d: 5 to 25 % of the mean wait of each class."""
    law = expected["priority_m1_nonpreemptive"][case]
    rng = np.random.default_rng([SEED, 300 + case])
    rates, paces = np.array(law["arrival_rates"]), np.array(law["service_rates"])
    kind = rng.choice(len(rates), n, p=rates / rates.sum())
    at = poisson_times(rng, rates.sum(), n)
    run = queue(at, rng.exponential(1 / paces[kind]), 1, key=kind.astype(float))
    for i, wanted in enumerate(law["Wq"]):
        assert_mean(run.wait, wanted, weight=(kind == i).astype(float))


@sizes
def test_priorities_among_several_reps(expected: dict, n: int) -> None:
    """d: 2 % of the mean wait of the first class, 8 % of the second."""
    (law,) = expected["priority_mmc_nonpreemptive"]
    rng = np.random.default_rng([SEED, 400])
    rates = np.array(law["arrival_rates"])
    kind = rng.choice(2, n, p=rates / rates.sum())
    at = poisson_times(rng, rates.sum(), n)
    run = queue(at, rng.exponential(1 / law["service_rate"], n), law["servers"], key=kind.astype(float))
    for i, wanted in enumerate(law["Wq"]):
        assert_mean(run.wait, wanted, weight=(kind == i).astype(float))


@sizes
def test_a_network_of_pools_with_a_step_back_is_that_of_jackson(expected: dict, n: int) -> None:
    """d: 3 to 20 % of the mean wait at each station, 3 % of the time in the system."""
    law = expected["jackson_funnel"]
    rng = np.random.default_rng([SEED, 500])
    env = simpy.Environment()
    at = poisson_times(rng, law["external_arrival_rate"], n)
    waits: list[list[float]] = [[], [], []]
    total, u, e = np.zeros(n), iter(rng.random(8 * n).tolist()), iter(rng.exponential(1.0, 8 * n).tolist())
    number: dict[int, int] = {}

    def route(station: int, task: Task) -> None:
        chance = next(u)
        onward = {0: (0.5, 1), 1: (0.6, 2), 2: (0.1, 1)}[station]
        if chance < onward[0]:
            task.hours = next(e) / law["service_rates"][onward[1]]
            pools[onward[1]].ask(task)
        else:
            i = number[id(task)]
            total[i] = env.now - at[i]

    def pool_at(station: int) -> Pool:
        pool = Pool(
            env,
            1,
            lambda task, rep: waits[station].append(env.now - task.asked_at),
            lambda task, rep: route(station, task),
            lambda task: None,
        )
        pool.join(reps_at(law["servers"][station], int(at[-1]) + 5000))
        return pool

    pools = [pool_at(station) for station in range(3)]
    tasks = [Task(next(e) / law["service_rates"][0]) for _ in range(n)]
    number |= {id(task): i for i, task in enumerate(tasks)}
    for task, moment in zip(tasks, at.tolist(), strict=True):
        simpy.Timeout(env, moment, task).callbacks.append(lambda event: pools[0].ask(event.value))
    env.run()
    assert (total > 0).all()
    for station, wanted in enumerate(law["Wq"]):
        assert_mean(np.array(waits[station]), wanted)
    assert_mean(total, law["mean_total_time_in_system"])


LAWS = {
    "exponential mean 20": stats.expon(scale=20),
    "lognormal meanlog 3 sdlog 0.8": stats.lognorm(0.8, scale=np.exp(3)),
}


@pytest.mark.parametrize("case", range(2))
def test_without_work_the_engine_is_a_queue_with_infinitely_many_servers(expected: dict, case: int) -> None:
    """Departures from empty stages, by the engine itself: Poisson counts. d: 3 to 8 % of a period's.

    A deal comes at any moment of its step; so it leaves within k steps of it with the mean of the
    distribution function over ages k to k + 1, and counts by whole steps are those of continuous time.
    """
    law, n_futures = expected["mginf_transient"][case], 200
    stay, n = LAWS[law["sojourn"]], 181
    ages = np.linspace(0, n, n * 200 + 1)
    so_far = np.concatenate([[0.0], np.cumsum((stay.cdf(ages)[1:] + stay.cdf(ages)[:-1]) / 400)])
    left_by = np.diff(so_far[::200])
    hazard = np.diff(left_by, prepend=0.0) / (1 - np.concatenate([[0.0], left_by[:-1]]))
    exits = np.stack([np.zeros(n), hazard, np.zeros(n)], axis=1)
    stage = StageHazards(np.arange(n), exits, np.ones(n), np.array([0.0, 1.0, 0.0]), is_certain=True)
    arrivals = Arrivals(1, law["arrival_rate"], np.inf, 0.0, np.ones(1))
    funnel = fs.Funnel(fs.Stages.named(["s"]), fs.Clock("day"), (stage,), arrivals)
    none = np.empty(0, np.int64)
    pipeline = fs.Pipeline(
        funnel.clock, 19_999, np.empty(0, object), none, none, np.empty(0), none, np.empty(0)
    )
    edges = [0, *map(int, law["cumulative_departures"])]
    periods = fs.Periods(np.array(edges) + 20_000, tuple(map(str, edges[1:])), 19_999)
    outlook = fs.Events(n_futures=n_futures, n_draws=2).run(funnel, pipeline, periods, Streams(SEED))
    departures = outlook.draws("wins")
    mean = np.diff([0.0, *law["cumulative_departures"].values()])
    gap = (departures.mean(axis=0) - mean) / np.sqrt(mean / n_futures)
    assert np.abs(gap).max() < 4, gap
    ratio = departures.var(axis=0, ddof=1) / mean  # 1 for Poisson counts, and a little more where few
    assert np.abs(ratio - 1).max() < 4 * np.sqrt((2 + 1 / mean.min()) / n_futures)
